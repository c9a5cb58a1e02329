"""Tables beside the model, as statements in the order in which they can be run: one module per subject."""

from __future__ import annotations

from beamcat.database.beside import (
    access,
    data,
    downloads,
    events,
    meaning,
    portal,
    protection,
    saved_searches,
    search,
    targets,
    uploads,
    value_changes,
)

INFRASTRUCTURE = (
    *access.STATEMENTS,
    *events.STATEMENTS,
    *data.STATEMENTS,
    *downloads.STATEMENTS,
    *protection.STATEMENTS,
    *targets.STATEMENTS,
    *uploads.STATEMENTS,
    *search.STATEMENTS,
    *saved_searches.STATEMENTS,
    *meaning.STATEMENTS,
    *portal.STATEMENTS,
    *value_changes.STATEMENTS,
)
