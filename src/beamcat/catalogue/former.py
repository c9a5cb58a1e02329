"""What objects belonged to before they were deleted or moved: nothing else tells that once it has happened.

Whoever keeps something about an investigation, a dataset and so on, has to hear of it (the documents of search).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from beamcat.model import Entity, ToOne

OWNERS = frozenset({"Investigation", "Dataset", "Datafile", "Sample", "DataPublication"})
"""The entities of which events tell that they were left."""

Former = Mapping[str, set[int]]


@cache
def to_owners(entity: Entity) -> tuple[ToOne, ...]:
    """The relations by which an object belongs to owners."""
    return tuple(relation for relation in entity.to_one if relation.target in OWNERS)


def gathered(
    entity: Entity, rows: Iterable[Sequence[Any]], going: Mapping[str, Container[int]]
) -> tuple[list[int], Former]:
    """The ids of deleted objects, and their owners but those that are `going` too.

    Each row is the id of an object and those of its owners, in the order of `to_owners`.
    """
    ids: list[int] = []
    owners: list[set[int]] = [set() for _ in to_owners(entity)]
    if not owners:
        return [row[0] for row in rows], {}
    for row in rows:
        ids.append(row[0])
        for found, owner in zip(owners, row[1:], strict=True):
            found.add(owner)
    former: dict[str, set[int]] = {}
    for relation, found in zip(to_owners(entity), owners, strict=True):
        gone = going.get(relation.target, ())
        former.setdefault(relation.target, set()).update(o for o in found if o is not None and o not in gone)
    return ids, {name: found for name, found in former.items() if found}


def left(entity: Entity, before: Iterable[tuple[Mapping[str, Any], Mapping[str, int | None]]]) -> Former:
    """The owners that objects are moved away from: members as they are and relations as they shall be, of each.

    An entity without ids says that objects had none of it and have one now.
    """
    former: dict[str, set[int]] = {}
    for stored, wanted in before:
        for relation in to_owners(entity):
            if relation.name in wanted and wanted[relation.name] != (owner := stored[relation.name]):
                former.setdefault(relation.target, set()).update(() if owner is None else (owner,))
    return former
