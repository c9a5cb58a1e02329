"""Changes of existing objects (ICAT specification E.7, E.8, F.4, F.5).

Updates that name the same members of the same entity go together: they are locked, checked and written in a few
statements, and the error is the one that updating one after the other would have met first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from psycopg import errors

from beamcat.access.rules import Operation
from beamcat.catalogue.batches import Parent
from beamcat.catalogue.creation import create
from beamcat.catalogue.drafts import Draft, Reference, children, references
from beamcat.catalogue.faults import Fault, Rank, first_of, nothing_there
from beamcat.catalogue.former import left
from beamcat.catalogue.lookups import clash
from beamcat.catalogue.permission import denied, denied_member, refusal, sees_any_for_member, sees_any_of
from beamcat.catalogue.stored import Stored, lock, overwrite
from beamcat.catalogue.update_faults import value_faults
from beamcat.catalogue.writing import Manner, Writing
from beamcat.database.outbox import ChangeKind
from beamcat.errors import AlreadyExists, Forbidden
from beamcat.model import Entity, icat_entity


class Update(NamedTuple):
    """An existing object, the members it is to have, and the index of the client's element."""

    offset: int
    id: int
    draft: Draft


def whole(entity: Entity, draft: Draft) -> Draft:
    """The draft with every attribute and to-one relation named: what was absent is its default or null (F.4)."""
    values = {a.name: draft.values.get(a.name, a.default) for a in entity.attributes}
    to_one = {r.name: draft.to_one.get(r.name) for r in entity.to_one}
    bare = {name: None if target is None else Reference(target.entity, target.id) for name, target in to_one.items()}
    return Draft(entity, values, bare, stamp=draft.stamp)


def named_members(draft: Draft) -> frozenset[str]:
    """The members a draft names. Updates are written together when these are equal."""
    return frozenset((*draft.values, *draft.to_one, *draft.to_many))


def goes_alone(draft: Draft) -> bool:
    """Whether an update changes more than its own object: what it refers to, or what is below it."""
    return bool(draft.to_many) or any(reference.changes is not None for _, reference in references(draft))


async def update(writing: Writing, entity: Entity, updates: Sequence[Update]) -> None:
    """Update objects of one entity.

    All updates name the same members, no object is updated twice, and one that `goes_alone` is the only one. Errors
    carry the index of the first element at fault.
    """
    if not updates:
        return
    if len(updates) > 1 and _in_turn(writing, entity, named_members(updates[0].draft)):
        for each in updates:
            await update(writing, entity, [each])
        return
    icat_entity(entity.name)
    stored = await lock(writing, entity, [each.id for each in updates], named_members(updates[0].draft))
    moved = [each for each in updates if _moves(entity, each, stored)]
    fault = first_of(await _rights_faults(writing, entity, updates, moved, stored), writing.manner)
    if fault is None:
        for each in updates:
            await update_referenced(writing, each.offset, each.draft)
        faults = await value_faults(writing.connection, entity, [(u.offset, u.id, u.draft) for u in updates], stored)
        fault = first_of(faults, writing.manner)
    if fault is not None:
        await update(writing, entity, [each for each in updates if each.offset < fault.offset])
        fault.error.offset = fault.offset
        raise fault.error
    try:
        await _overwrite_all(writing, entity, updates, stored)
    except AlreadyExists as error:
        await _check_moved(writing, entity, [each for each in moved if each.offset < (error.offset or 0)])
        raise
    await _create_below(writing, updates)
    await _check_moved(writing, entity, moved)


def _in_turn(writing: Writing, entity: Entity, names: Collection[str]) -> bool:
    """Whether an update could be allowed, or not, because of another one of the list."""
    if writing.caller.root:
        return False
    operations = (Operation.UPDATE, Operation.DELETE, Operation.CREATE)
    return any(sees_any_of(writing, operation, entity, {entity.name}) for operation in operations) or any(
        sees_any_for_member(writing, entity, name, {entity.name}) for name in names
    )


def _moves(entity: Entity, update: Update, stored: dict[int, Stored]) -> bool:
    """Whether the update changes a relation that says where the object belongs (section E.8)."""
    before = stored.get(update.id)
    if before is None:
        return False
    for relation in entity.key_relations:
        after = update.draft.to_one.get(relation.name)
        if after is not None and after.id != before[relation.name]:
            return True
    return False


async def _rights_faults(
    writing: Writing, entity: Entity, updates: Sequence[Update], moved: Sequence[Update], stored: dict[int, Stored]
) -> list[Fault]:
    """What is not there, what the caller may not update, and what may not be moved away, as things are before."""
    faults = [
        Fault(each.offset, Rank.PRESENCE, nothing_there(entity, each.id)) for each in updates if each.id not in stored
    ]
    if writing.caller.root:
        return faults
    refused = await _not_updatable(writing, entity, updates, stored.keys())
    faults += [
        Fault(each.offset, Rank.RIGHT, refusal(Operation.UPDATE, entity, None))
        for each in updates
        if each.id in refused
    ]
    fixed = await denied(writing, Operation.DELETE, entity, [each.id for each in moved])
    faults += [Fault(each.offset, Rank.MOVE, _may_not_move(writing, entity)) for each in moved if each.id in fixed]
    return faults


async def _not_updatable(
    writing: Writing, entity: Entity, updates: Sequence[Update], present: Collection[int]
) -> set[int]:
    draft = updates[0].draft
    names = named_members(draft)
    by_member = writing.manner is Manner.MEMBERS
    if by_member and not names:
        return set()
    refused = await denied(writing, Operation.UPDATE, entity, present)
    if not refused or not by_member or draft.to_many:
        return refused
    still_refused: set[int] = set()
    for name in sorted(names):
        still_refused |= await denied_member(writing, entity, name, refused - still_refused)
    return still_refused


def _may_not_move(writing: Writing, entity: Entity) -> Forbidden:
    if writing.manner is Manner.WHOLE:
        return refusal(Operation.DELETE, entity, None)
    return Forbidden(f"DELETE access implied by UPDATE to this {entity.name} is not allowed.")


async def update_referenced(writing: Writing, offset: int, draft: Draft) -> None:
    """A to-one relation with further members updates the object it leads to, with that object's own checks.

    The relations of what is created below count too.
    """
    for _, reference in references(draft):
        if reference.changes is not None:
            await update(writing, reference.entity, [Update(offset, reference.id, reference.changes)])
    for child in children(draft):
        await update_referenced(writing, offset, child)


async def _overwrite_all(
    writing: Writing, entity: Entity, updates: Sequence[Update], stored: dict[int, Stored]
) -> None:
    """Write the updates; when keys clash, halve the list until the first clash is found."""
    names = named_members(updates[0].draft)
    if not names:
        return
    rows = [(each.id, each.draft) for each in updates]
    if names.isdisjoint(entity.unique):
        await overwrite(writing, entity, rows, stored)
    else:
        try:
            async with writing.connection.transaction():
                await overwrite(writing, entity, rows, stored)
        except errors.UniqueViolation:
            if len(updates) == 1:
                raise clash(entity, _new_key(entity, updates[0], stored), updates[0].offset) from None
            middle = len(updates) // 2
            await _overwrite_all(writing, entity, updates[:middle], stored)
            await _overwrite_all(writing, entity, updates[middle:], stored)
            return
    wanted = [{name: None if to is None else to.id for name, to in each.draft.to_one.items()} for each in updates]
    former = left(entity, zip((stored[each.id] for each in updates), wanted, strict=True))
    writing.note(ChangeKind.UPDATED, entity, [each.id for each in updates], former)


def _new_key(entity: Entity, update: Update, stored: dict[int, Stored]) -> tuple[object, ...]:
    after: dict[str, object] = {**stored[update.id], **update.draft.values}
    after.update((name, reference.id) for name, reference in references(update.draft))
    return tuple(after[name] for name in entity.unique)


async def _create_below(writing: Writing, updates: Sequence[Update]) -> None:
    for each in updates:
        for below in each.draft.entity.to_many:
            children = [(each.offset, child) for child in each.draft.to_many.get(below.name, ())]
            await create(writing, children, Parent(below.by, each.id))


async def _check_moved(writing: Writing, entity: Entity, moved: Sequence[Update]) -> None:
    """CREATE on what now belongs elsewhere (section E.8)."""
    refused = await denied(writing, Operation.CREATE, entity, [each.id for each in moved])
    for each in moved:
        if each.id in refused:
            raise refusal(Operation.CREATE, entity, each.offset)
