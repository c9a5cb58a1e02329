"""Objects taken out of the catalogue, with everything below them (ICAT specification F.6).

All that goes is known, because each of these objects gets an event, and because who is not root needs the right for all
of them: they are enumerated first, parents before children, with one query per entity reached, and locked, so that
nothing comes to be below them any more. Then they are deleted, children before parents, with one statement per entity.
The database would cascade by itself, but row by row and without telling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from psycopg import AsyncCursor

from beamcat.access.rules import Operation
from beamcat.catalogue.cascade import below, relations_within
from beamcat.catalogue.drafts import Reference
from beamcat.catalogue.faults import nothing_there
from beamcat.catalogue.former import gathered, to_owners
from beamcat.catalogue.permission import denied, refusal
from beamcat.catalogue.writing import Writing
from beamcat.database.naming import column_name, quoted, table_name
from beamcat.database.outbox import ChangeKind
from beamcat.database.pool import Connection
from beamcat.errors import BeamcatError, Forbidden
from beamcat.model import Entity, icat_entity

Cursor = AsyncCursor[tuple[Any, ...]]
Reached = dict[str, list[int]]
"""The ids of what goes, by the name of the entity."""


async def delete(writing: Writing, objects: Sequence[Reference]) -> None:
    """Delete the objects, in order. Errors carry the index of the first object that is not there or may not go."""
    for entity, run in groupby(enumerate(objects), key=lambda numbered: numbered[1].entity):
        await _delete_run(writing, entity, [(offset, reference.id) for offset, reference in run])


async def _delete_run(writing: Writing, entity: Entity, numbered: Sequence[tuple[int, int]]) -> None:
    """Delete objects of one entity: none of them goes with another."""
    icat_entity(entity.name)
    present = await _lock(writing.connection, entity, [identifier for _, identifier in numbered])
    gone: BeamcatError | None = None
    wanted: list[tuple[int, int]] = []
    for offset, identifier in numbered:
        if identifier not in present:
            gone = nothing_there(entity, identifier)
            gone.offset = offset
            break
        present.discard(identifier)  # a second time it is gone
        wanted.append((offset, identifier))
    reached = await _reach_all(writing, entity, wanted)
    if gone is not None:
        raise gone
    going = [each for each in reversed(below(entity)) if each is entity or _leads_to(each, reached)]
    async with writing.connection.pipeline():  # one round trip for all
        cursors = [await _remove(writing.connection, each, entity, reached) for each in going]
    gone_too = {name: set(ids) for name, ids in reached.items()}
    for each, cursor in zip(going, cursors, strict=True):
        ids, former = gathered(each, await cursor.fetchall(), gone_too)
        writing.note(ChangeKind.DELETED, each, ids, former, below=each is not entity)


async def _lock(connection: Connection, entity: Entity, ids: Sequence[int]) -> set[int]:
    cursor = await connection.execute(
        f"SELECT id FROM {quoted(table_name(entity))} WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE",
        [list(ids)],
    )
    return {row[0] for row in await cursor.fetchall()}


async def _reach_all(writing: Writing, entity: Entity, wanted: Sequence[tuple[int, int]]) -> Reached:
    """What goes with these objects. The offset of `Forbidden` is that of the first that takes along what must stay."""
    try:
        return await _reach(writing, entity, [identifier for _, identifier in wanted])
    except Forbidden as error:
        first = error
    # Whether one of the first n is refused only ever turns from no to yes as n grows.
    fine, refused = 0, len(wanted)
    while refused - fine > 1:
        middle = (fine + refused) // 2
        try:
            await _reach(writing, entity, [identifier for _, identifier in wanted[:middle]])
        except Forbidden:
            refused = middle
        else:
            fine = middle
    offset, identifier = wanted[fine]
    try:
        await _reach(writing, entity, [identifier])
    except Forbidden as error:
        first = error
    first.offset = offset
    raise first


async def _reach(writing: Writing, entity: Entity, ids: Sequence[int]) -> Reached:
    """What goes with these objects, locked. `Forbidden` for the first entity of which something must stay.

    What nothing can be below is found when it is deleted, unless rights are to be looked at.
    """
    reached: Reached = {entity.name: list(ids)}
    for each in below(entity):
        if each is not entity:
            if writing.caller.root and len(below(each)) == 1:
                continue
            reached[each.name] = await ids_below(writing.connection, each, reached, locked=True)
        if each.icat and not writing.caller.root and await denied(writing, Operation.DELETE, each, reached[each.name]):
            raise refusal(Operation.DELETE, each, None)
    return reached


def _leads_to(entity: Entity, reached: Mapping[str, Sequence[int]]) -> bool:
    return any(reached[relation.target] for relation in relations_within(entity, reached))


async def _remove(connection: Connection, entity: Entity, top: Entity, reached: Reached) -> Cursor:
    """Delete the objects of one entity that go; a cursor for their ids and owners. What is below has gone already."""
    if entity is top:
        condition, params = "id = ANY(%s::bigint[])", [reached[entity.name]]
    else:
        # by what they are below, as they were found: the keys of partitioned tables are among these columns
        condition, params = _below_any(entity, reached)
    told = ", ".join(["id", *(quoted(column_name(relation)) for relation in to_owners(entity))])
    table = quoted(table_name(entity))
    return await connection.execute(f"DELETE FROM {table} WHERE {condition} RETURNING {told}", params)


def _below_any(entity: Entity, reached: Mapping[str, Sequence[int]]) -> tuple[str, list[Any]]:
    """The condition that an object of `entity` hangs on one of those reached."""
    relations = [r for r in relations_within(entity, reached) if reached[r.target]]
    condition = " OR ".join(f"{quoted(column_name(relation))} = ANY(%s::bigint[])" for relation in relations)
    return condition, [list(reached[relation.target]) for relation in relations]


async def ids_below(
    connection: Connection, entity: Entity, reached: Mapping[str, Sequence[int]], *, locked: bool = False
) -> list[int]:
    """The ids of the objects of `entity` that hang on one of those `reached` so far, in order.

    With `locked`, nothing can be put below them any more until the transaction ends.
    """
    condition, params = _below_any(entity, reached)
    if not condition:
        return []
    cursor = await connection.execute(
        f"SELECT id FROM {quoted(table_name(entity))} WHERE {condition} ORDER BY id"
        + (" FOR UPDATE" if locked else ""),
        params,
    )
    return [row[0] for row in await cursor.fetchall()]
