"""The engine that is part of Beamcat: tantivy, in a folder of the home."""

from __future__ import annotations

from beamcat.search.embedded.engine import EmbeddedSearch

__all__ = ["EmbeddedSearch"]
