"""Objects that are there already: locked for a change, and overwritten."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from beamcat.catalogue.drafts import Draft
from beamcat.catalogue.former import to_owners
from beamcat.catalogue.lookups import array_type, column
from beamcat.catalogue.lookups import stored as stored_member
from beamcat.catalogue.rights_rows import derived_rule_values
from beamcat.catalogue.rows import MAINTAINED, normalised
from beamcat.catalogue.writing import Writing
from beamcat.database.naming import quoted, table_name
from beamcat.model import Attribute, Entity

Stored = dict[str, Any]
"""Members of one object by name: those of its unique key, those that checks need, owners. Ids for relations."""

CHECKED_WHOLE = {"Rule": ("crudFlags", "what"), "PublicStep": ("origin", "field")}
"""Members that are checked together, whichever of them an update names."""
CHECKED_WITH_TYPE = ("type", "numericValue", "stringValue")
"""The same for parameters."""


def checked_together(entity: Entity) -> tuple[str, ...]:
    """The members whose values must fit each other."""
    return CHECKED_WITH_TYPE if entity.parameter_of is not None else CHECKED_WHOLE.get(entity.name, ())


async def lock(writing: Writing, entity: Entity, ids: Sequence[int], named: Collection[str]) -> dict[int, Stored]:
    """Those of the objects that exist, by id, kept from being changed by others until the transaction ends."""
    owners = (relation.name for relation in to_owners(entity) if relation.name in named)
    names = list(dict.fromkeys((*entity.unique, *checked_together(entity), *owners)))
    columns = ", ".join(("id", *(column(entity, name) for name in names)))
    strength = "NO KEY UPDATE" if set(named).isdisjoint(entity.unique) else "UPDATE"
    cursor = await writing.connection.execute(
        f"SELECT {columns} FROM {quoted(table_name(entity))} WHERE id = ANY(%s::bigint[]) ORDER BY id FOR {strength}",
        [list(ids)],
    )
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in await cursor.fetchall()}


async def overwrite(
    writing: Writing, entity: Entity, rows: Sequence[tuple[int, Draft]], stored: dict[int, Stored]
) -> None:
    """Set the attributes and to-one relations the drafts name (all the same ones), and who changed them when.

    The counters that the database keeps are left to it.
    """
    columns = dict(_columns(writing, entity, rows, stored))
    assignments = [f"{column(entity, name)} = n.c{place}" for place, name in enumerate(columns)]
    arrays = ["%s::bigint[]", *(f"%s::{array_type(entity, name)}" for name in columns)]
    names = ["id", *(f"c{place}" for place in range(len(columns)))]
    await writing.connection.execute(
        f"UPDATE {quoted(table_name(entity))} t "
        f"SET {', '.join([*assignments, 'mod_id = %s', 'mod_time = %s'])} "
        f"FROM unnest({', '.join(arrays)}) AS n({', '.join(names)}) WHERE t.id = n.id",
        [writing.caller.name, writing.now, [identifier for identifier, _ in rows], *columns.values()],
    )


async def stamp(writing: Writing, entity: Entity, rows: Sequence[tuple[int, Draft]]) -> None:
    """Have who made and changed objects, and when, as the stamps of their drafts say; the others stay as they are."""
    stamped = [(identifier, draft.stamp) for identifier, draft in rows if draft.stamp is not None]
    if not stamped:
        return
    await writing.connection.execute(
        f"UPDATE {quoted(table_name(entity))} t SET create_id = coalesce(n.create_id, t.create_id),"
        " create_time = coalesce(n.create_time, t.create_time), mod_id = coalesce(n.mod_id, t.mod_id),"
        " mod_time = coalesce(n.mod_time, t.mod_time)"
        " FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::text[], %s::timestamptz[])"
        " AS n(id, create_id, create_time, mod_id, mod_time) WHERE t.id = n.id",
        [
            [identifier for identifier, _ in stamped],
            [said.create_id for _, said in stamped],
            [said.create_time for _, said in stamped],
            [said.mod_id for _, said in stamped],
            [said.mod_time for _, said in stamped],
        ],
    )


def _columns(
    writing: Writing, entity: Entity, rows: Sequence[tuple[int, Draft]], stored: dict[int, Stored]
) -> Iterator[tuple[str, list[Any]]]:
    """The members to set, with the new values of all rows."""
    drafts = [draft for _, draft in rows]
    kept_by_database = MAINTAINED.get(entity.name, ()) if writing.counts_maintained else ()
    for name in drafts[0].values:
        attribute = stored_member(entity, name)
        assert isinstance(attribute, Attribute)
        if name not in kept_by_database:
            yield name, [normalised(attribute, draft.values[name]) for draft in drafts]
    for name in drafts[0].to_one:
        targets = [draft.to_one[name] for draft in drafts]
        yield name, [None if target is None else target.id for target in targets]
    if entity.name == "Rule":
        after = [{**stored[key], **draft.values} for key, draft in rows]
        derived = [derived_rule_values(values["crudFlags"], values["what"]) for values in after]
        for name in derived[0]:
            yield name, [values[name] for values in derived]
