"""What the clients have asked for and what they were told: all that a crash must not change.

A call is noted before it is sent, with the state of everything it touches as it will be afterwards. Its answer settles
it. A call without an answer stays open: afterwards all of it may be there or nothing, and until that is found out
nobody touches what it touched.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Parameters = frozenset[tuple[str, float | str]]
"""Values of an object by the name of their type."""


@dataclass(frozen=True, slots=True)
class File:
    """A datafile."""

    size: int
    description: str | None = None
    parameters: Parameters = frozenset()


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset with all that is below it."""

    investigation: str
    description: str
    parameters: Parameters
    files: Mapping[str, File]

    def objects(self) -> int:
        """How many objects it is in the catalogue."""
        return 1 + len(self.parameters) + sum(1 + len(file.parameters) for file in self.files.values())


@dataclass(frozen=True, slots=True)
class Link:
    """A row that joins two objects: there is nothing to know of it but that it is there."""


Thing = Dataset | Link
Things = Mapping[str, Thing]
"""Datasets by their names, links by `Entity left right`."""
Change = tuple[Thing | None, Thing | None]
"""Before and after; None is absence."""


@dataclass(frozen=True)
class Call:
    """One call, and what it changes."""

    kind: str
    changes: Mapping[str, Change]
    objects: int = 0
    """How many objects it creates."""


@dataclass
class Ledger:
    """The calls of all clients. Thread-safe."""

    known: dict[str, Thing] = field(default_factory=dict)
    """What is there for certain; things of open calls as they were before."""
    ids: dict[str, int] = field(default_factory=dict)
    """The ids the server has told for datasets."""
    acknowledged: int = 0
    """Calls that were answered with success."""
    refused: int = 0
    """Calls that were answered with 503, which promises that nothing was changed."""
    unanswered: int = 0
    """Calls of which it was not known whether they took place."""
    happened: int = 0
    """Of those, the ones that were found to have taken place."""
    objects: int = 0
    """Objects created by acknowledged calls."""
    violations: list[str] = field(default_factory=list)
    """What must not be."""
    _changed: set[str] = field(default_factory=set)
    _open: dict[int, Call] = field(default_factory=dict)
    _touched: set[str] = field(default_factory=set)
    _numbers: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, kind: str, after: Mapping[str, Thing | None], objects: int = 0) -> int:
        """Note a call that is about to be sent; its number. What an open call touches must not be touched again."""
        with self._lock:
            assert not self._touched & after.keys()
            self._numbers += 1
            changes = {key: (self.known.get(key), thing) for key, thing in after.items()}
            self._open[self._numbers] = Call(kind, changes, objects)
            self._touched |= changes.keys()
            self._changed |= changes.keys()
            return self._numbers

    def acknowledge(self, number: int, ids: Mapping[str, int]) -> None:
        """The call was answered with success. `ids` are those it told, by the names of the datasets."""
        with self._lock:
            call = self._close(number, happened=True)
            self.acknowledged += 1
            self.objects += call.objects
            self.ids.update(ids)

    def refuse(self, number: int) -> None:
        """The call was answered with an error that says that nothing was changed."""
        with self._lock:
            self._close(number, happened=False)
            self.refused += 1

    def leave_open(self, number: int) -> None:
        """There was no answer, or one that does not say whether the call took place."""
        with self._lock:
            assert number in self._open
            self.unanswered += 1

    def settle(self, number: int, *, happened: bool) -> None:
        """It was found out, for good, whether the call took place."""
        with self._lock:
            self._close(number, happened=happened)
            self.happened += happened

    def report(self, violation: str) -> None:
        """Note what must not be."""
        with self._lock:
            self.violations.append(violation)

    def open_calls(self) -> dict[int, Call]:
        """The calls of which it is not known whether they took place."""
        with self._lock:
            return dict(self._open)

    def take_changed(self) -> set[str]:
        """What calls were to change since this was asked last."""
        with self._lock:
            changed, self._changed = self._changed, set()
            return changed

    def free(self, keys: Iterable[str]) -> list[str]:
        """Those of the keys that are there for certain, and that no open call touches."""
        with self._lock:
            return [key for key in keys if key in self.known and key not in self._touched]

    def is_touched(self, key: str) -> bool:
        """Whether an open call touches it."""
        with self._lock:
            return key in self._touched

    def _close(self, number: int, *, happened: bool) -> Call:
        call = self._open.pop(number)
        self._touched -= call.changes.keys()
        if happened:
            for key, (_, after) in call.changes.items():
                if after is None:
                    self.known.pop(key, None)
                    self.ids.pop(key, None)
                else:
                    self.known[key] = after
        return call
