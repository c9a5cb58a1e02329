"""A list of objects to create and changes to make, in any mixture, done in order (ICAT specification F.5).

Neighbours of the same sort are done together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from beamcat.catalogue.creation import create
from beamcat.catalogue.drafts import Change, Draft, Element, children
from beamcat.catalogue.updating import Update, goes_alone, named_members, update, update_referenced
from beamcat.catalogue.writing import Writing
from beamcat.errors import NoSuchObject

Numbered = tuple[int, Element]


async def write(writing: Writing, elements: Sequence[Element]) -> list[int]:
    """Do what the elements say; the ids of the objects created for them, in order.

    Errors carry the index of the first element at fault.
    """
    created: list[int] = []
    for _, alike in groupby(enumerate(elements), key=_likeness):
        run = list(alike)
        drafts = [(offset, element) for offset, element in run if isinstance(element, Draft)]
        changes = [(offset, element) for offset, element in run if isinstance(element, Change)]
        if len(drafts) == 1:  # one that refers to others with changes is always alone
            await update_referenced(writing, *drafts[0])
        created += await create(writing, drafts)
        for updates in _without_repetition(changes):
            await update(writing, updates[0].draft.entity, updates)
    return created


def _likeness(numbered: Numbered) -> object:
    """Equal for neighbours that can be done together."""
    offset, element = numbered
    if isinstance(element, Draft):
        return offset if _refers_with_changes(element) else "creation"
    return offset if goes_alone(element.draft) else (element.entity.name, named_members(element.draft))


def _refers_with_changes(draft: Draft) -> bool:
    """Whether the draft, or one below it, refers to an object that is to be updated."""
    if any(reference is not None and reference.changes is not None for reference in draft.to_one.values()):
        return True
    return bool(draft.to_many) and any(map(_refers_with_changes, children(draft)))


def _without_repetition(changes: Iterable[tuple[int, Change]]) -> Iterator[list[Update]]:
    """The changes as updates, cut before an object that comes a second time."""
    updates: list[Update] = []
    seen: set[int] = set()
    for offset, change in changes:
        if change.id is None:
            raise NoSuchObject(f"{change.entity.name} has null primary key.", offset)
        if change.id in seen:
            yield updates
            updates, seen = [], set()
        updates.append(Update(offset, change.id, change.draft))
        seen.add(change.id)
    if updates:
        yield updates
