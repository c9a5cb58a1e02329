"""The labels that rows of a dump give to objects without a unique key, for as long as an import runs."""

from __future__ import annotations

from array import array
from bisect import bisect_left

from beamcat.model import Entity

_LARGEST = 2**63 - 1


class Labels:
    """Labels of each entity and the ids they stand for. The last row with a label counts.

    Labels that Beamcat and icat.server write are ascending numbers: those take 16 bytes each.
    """

    def __init__(self) -> None:
        self._numbered: dict[str, tuple[array[int], array[int]]] = {}
        self._named: dict[tuple[str, str], int] = {}

    def define(self, entity: Entity, label: str, identifier: int) -> None:
        """Let `label` stand for an object. Labels of entities that nothing refers to are not kept."""
        if not entity.to_many:
            return
        number = _number(label)
        if number is not None:
            numbers, ids = self._numbered.setdefault(entity.name, (array("q"), array("q")))
            if not numbers or number > numbers[-1]:
                numbers.append(number)
                ids.append(identifier)
                return
        self._named[entity.name, label] = identifier

    def find(self, entity: Entity, label: str) -> int | None:
        """The id of the object that has this label, or None."""
        known = self._named.get((entity.name, label))
        number = _number(label)
        if known is not None or number is None or entity.name not in self._numbered:
            return known
        numbers, ids = self._numbered[entity.name]
        place = bisect_left(numbers, number)
        return ids[place] if place < len(numbers) and numbers[place] == number else None


def _number(label: str) -> int | None:
    """The number that a label is, if it is written the usual way."""
    if not label.isdecimal() or not label.isascii() or len(label) > 19:
        return None
    number = int(label)
    return number if number <= _LARGEST and str(number) == label else None
