"""What is new to a search: what it finds now, and has not found before.

Of the objects that a search has found the newest ones, by id, are remembered: as many as the settings say. Ids up to
a `floor` are below all that is remembered. They are not told, as nobody knows whether they were told before: so
nothing is told twice, however little is remembered. Above the floor nothing is missed, however old an object is that
comes to match, or comes to be seen, later on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """The newest objects that a search finds now, by descending id. `complete`: there are no others."""

    ids: Sequence[int]
    complete: bool


@dataclass(frozen=True, slots=True)
class Memory:
    """The objects that a search has found, by descending id, and the id up to which none are told."""

    seen: tuple[int, ...] = ()
    floor: int = 0


@dataclass(frozen=True, slots=True)
class News:
    """What is new, by descending id, and the memory after it."""

    ids: tuple[int, ...]
    memory: Memory


def begin(window: Window, remembered: int, newest_id: int) -> Memory:
    """The memory of a search that has just been saved: what it finds by then is not new.

    When it is not known what there is besides a few, everything up to `newest_id` counts as found.
    """
    if window.complete:
        return _bounded(window.ids, 0, remembered)
    if len(window.ids) < remembered:
        return Memory((), newest_id)
    return _bounded(window.ids, window.ids[-1] - 1, remembered)


def compare(memory: Memory, window: Window, remembered: int) -> News:
    """What is new in the window."""
    known = frozenset(memory.seen)
    new = tuple(each for each in window.ids if each > memory.floor and each not in known)
    seen = sorted(known.union(new), reverse=True)
    return News(new, _bounded(seen, memory.floor, remembered))


def _bounded(seen: Sequence[int], floor: int, remembered: int) -> Memory:
    if len(seen) > remembered:
        floor = max(floor, seen[remembered])
    return Memory(tuple(each for each in seen[:remembered] if each > floor), floor)
