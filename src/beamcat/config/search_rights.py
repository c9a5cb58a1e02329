"""How far rules are turned into filters of a search."""

from __future__ import annotations

from pydantic import Field

from beamcat.config.section import Section


class SearchRightsSettings(Section):
    """How far rules are turned into filters of a search.

    Where they cannot be, hits are checked one page at a time, and how many there are is an estimate.
    """

    ids: int = Field(100_000, ge=1, le=1_000_000)
    """Most investigations, datasets, ... that one part of a filter names: those that may be seen, or those that may
    not where these are fewer."""
    statement_s: float = Field(2.0, gt=0)
    """Longest time to find them."""
