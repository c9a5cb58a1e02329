"""States of FTS jobs and files, and what they are together (data service specification, F.2)."""

from __future__ import annotations

from collections.abc import Iterable

UNDER_WAY = ("STAGING", "SUBMITTED", "READY", "ACTIVE", "ARCHIVING")
"""States of jobs that are not their last ones, the earliest first."""
FINISHED, DIRTY, FAILED, CANCELED = "FINISHED", "FINISHEDDIRTY", "FAILED", "CANCELED"
LAST = frozenset({FINISHED, DIRTY, FAILED, CANCELED})
UNKNOWN = "UNKNOWN"


def roll_up(states: Iterable[str]) -> str:
    """The state of several jobs together: the earliest that is under way, what all are, or that some files failed."""
    found = set(states)
    if not found <= {*UNDER_WAY, *LAST}:
        return UNKNOWN
    for state in UNDER_WAY:
        if state in found:
            return state
    if not found:
        return FINISHED
    return found.pop() if len(found) == 1 else DIRTY
