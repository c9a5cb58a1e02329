"""New objects with everything below them, written in bulk (ICAT specification F.1 to F.3, F.5).

All objects of a call become rows first, grouped by entity, with ids taken in one statement per entity; the rows are
then copied in, parents first. When something is wrong, the error is the one that creating the elements one after the
other would have met first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from beamcat.access.rules import Operation
from beamcat.catalogue.batches import Batches, Numbered, Parent, batches_of, count_by_entity
from beamcat.catalogue.drafts import Draft
from beamcat.catalogue.faults import Fault, evident_faults, first_of, hidden_faults
from beamcat.catalogue.permission import denied, refusal, sees_any_of
from beamcat.catalogue.writing import Writing
from beamcat.database.bulk import copy_rows
from beamcat.database.outbox import ChangeKind
from beamcat.model import ENTITIES


async def create(writing: Writing, drafts: Sequence[Numbered], parent: Parent | None = None) -> list[int]:
    """Create the objects and all below them; the ids of the drafts themselves, in their order.

    With `parent`, all of them are made below that existing object. Errors carry the index of the first element at
    fault. `psycopg.IntegrityError` is left to the caller: it calls for another attempt with `writing.careful`.
    """
    if not drafts:
        return []
    if len(drafts) > 1 and _in_turn(writing, [draft for _, draft in drafts]):
        return [identifier for numbered in drafts for identifier in await create(writing, [numbered], parent)]
    batches = await batches_of(writing, drafts, parent)
    fault = await _first_fault(writing, batches)
    if fault is not None:
        # an element before it may be refused for want of rights, which only its creation tells
        before = [numbered for numbered in drafts if numbered[0] < fault.offset]
        await create(replace(writing, careful=True), before, parent)
        fault.error.offset = fault.offset
        raise fault.error
    for batch in batches:
        await copy_rows(writing.connection, batch.entity, batch.shape.columns, batch.in_key_order())
        writing.note(ChangeKind.CREATED, batch.entity, batch.named_ids())
        writing.note(ChangeKind.CREATED, batch.entity, batch.ids_below(), below=True)
    await _check_rights(writing, batches)
    return batches.top_ids


def _in_turn(writing: Writing, drafts: Sequence[Draft]) -> bool:
    """Whether an object could be allowed because of another that the call creates after it."""
    if writing.caller.root:
        return False
    created = {entity.name for entity in count_by_entity(drafts)}
    return any(sees_any_of(writing, Operation.CREATE, ENTITIES[name], created) for name in created)


async def _first_fault(writing: Writing, batches: Batches) -> Fault | None:
    faults = await evident_faults(writing.connection, batches)
    if faults or writing.careful:
        faults += await hidden_faults(writing.connection, batches)
    return first_of(faults, writing.manner)


async def _check_rights(writing: Writing, batches: Batches) -> None:
    """CREATE on the new objects as they are now: where they belong decides (section E.4)."""
    if writing.caller.root:
        return
    refused = []
    for batch in batches:
        ids = [batch.ids[place] for place in batch.checked]
        without = await denied(writing, Operation.CREATE, batch.entity, ids)
        if without:
            offset = min(batch.offsets[place] for place in batch.checked if batch.ids[place] in without)
            refused.append(refusal(Operation.CREATE, batch.entity, offset))
    if refused:
        raise min(refused, key=lambda error: error.offset or 0)
