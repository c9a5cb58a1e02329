"""Running the facility: what administrators see and do."""

from __future__ import annotations

from beamcat.portal.administration import announcing, moving, overview, people, records, rights, statistics
from beamcat.portal.page import Page

PAGES: tuple[Page, ...] = (
    *overview.PAGES,
    *announcing.PAGES,
    *moving.PAGES,
    *people.PAGES,
    *rights.PAGES,
    *records.PAGES,
    *statistics.PAGES,
)
