"""What a caller may see, as a predicate that every question to an engine carries."""

from beamcat.search.rights.allowed import Allowed, SearchRights

__all__ = ["Allowed", "SearchRights"]
