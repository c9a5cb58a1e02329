"""Objects taken out of the catalogue, with everything below them (ICAT specification F.6).

The database cascades. Who is not root needs the right for every object that goes, so these are enumerated first, with
one query per entity reached, and checked with one more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from beamcat.access.rules import Operation
from beamcat.catalogue.cascade import below, relations_within
from beamcat.catalogue.drafts import Reference
from beamcat.catalogue.faults import nothing_there
from beamcat.catalogue.permission import denied, refusal
from beamcat.catalogue.writing import Writing
from beamcat.database.naming import column_name, quoted, table_name
from beamcat.database.pool import Connection
from beamcat.errors import BeamcatError, Forbidden
from beamcat.model import Entity, icat_entity


async def delete(writing: Writing, objects: Sequence[Reference]) -> None:
    """Delete the objects, in order. Errors carry the index of the first object that is not there or may not go."""
    for entity, run in groupby(enumerate(objects), key=lambda numbered: numbered[1].entity):
        await _delete_run(writing, entity, [(offset, reference.id) for offset, reference in run])


async def _delete_run(writing: Writing, entity: Entity, numbered: Sequence[tuple[int, int]]) -> None:
    """Delete objects of one entity: none of them goes with another."""
    icat_entity(entity.name)
    ids = [identifier for _, identifier in numbered]
    present = await _lock(writing.connection, entity, ids)
    gone: BeamcatError | None = None
    wanted: list[tuple[int, int]] = []
    for offset, identifier in numbered:
        if identifier not in present:
            gone = nothing_there(entity, identifier)
            gone.offset = offset
            break
        present.discard(identifier)  # a second time it is gone
        wanted.append((offset, identifier))
    await _check_rights(writing, entity, wanted)
    if gone is not None:
        raise gone
    await writing.connection.execute(
        f"DELETE FROM {quoted(table_name(entity))} WHERE id = ANY(%s::bigint[])",
        [ids],
    )
    writing.changes.deleted.append((entity, ids))


async def _lock(connection: Connection, entity: Entity, ids: Sequence[int]) -> set[int]:
    cursor = await connection.execute(
        f"SELECT id FROM {quoted(table_name(entity))} WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE",
        [list(ids)],
    )
    return {row[0] for row in await cursor.fetchall()}


async def _check_rights(writing: Writing, entity: Entity, wanted: Sequence[tuple[int, int]]) -> None:
    """DELETE on all that would go. The offset is that of the first object that takes along what must stay."""
    if writing.caller.root or await _refused(writing, entity, [identifier for _, identifier in wanted]) is None:
        return
    # Whether one of the first n is refused only ever turns from no to yes as n grows.
    fine, refused = 0, len(wanted)
    while refused - fine > 1:
        middle = (fine + refused) // 2
        if await _refused(writing, entity, [identifier for _, identifier in wanted[:middle]]) is None:
            fine = middle
        else:
            refused = middle
    offset, identifier = wanted[fine]
    error = await _refused(writing, entity, [identifier]) or refusal(Operation.DELETE, entity, None)
    error.offset = offset
    raise error


async def _refused(writing: Writing, entity: Entity, ids: Sequence[int]) -> Forbidden | None:
    """The error for the first entity of which something would go that must stay."""
    reached: dict[str, list[int]] = {entity.name: list(ids)}
    for each in below(entity):
        if each is not entity:
            reached[each.name] = await ids_below(writing.connection, each, reached, locked=True)
        if each.icat and await denied(writing, Operation.DELETE, each, reached[each.name]):
            return refusal(Operation.DELETE, each, None)
    return None


async def ids_below(
    connection: Connection, entity: Entity, reached: Mapping[str, Sequence[int]], *, locked: bool = False
) -> list[int]:
    """The ids of the objects of `entity` that hang on one of those `reached` so far, in order.

    With `locked`, nothing can be put below them any more until the transaction ends.
    """
    relations = [r for r in relations_within(entity, reached) if reached[r.target]]
    if not relations:
        return []
    condition = " OR ".join(f"{quoted(column_name(relation))} = ANY(%s::bigint[])" for relation in relations)
    cursor = await connection.execute(
        f"SELECT id FROM {quoted(table_name(entity))} WHERE {condition} ORDER BY id"
        + (" FOR UPDATE" if locked else ""),
        [list(reached[relation.target]) for relation in relations],
    )
    return [row[0] for row in await cursor.fetchall()]
