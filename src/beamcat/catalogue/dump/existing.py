"""Objects that are there already under the key of a row, and whether they are what the row says (G.4, CHECK)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from beamcat.catalogue.drafts import Draft
from beamcat.catalogue.dump.layout import STAMPS
from beamcat.catalogue.lookups import Key, array_type, column
from beamcat.catalogue.rows import MAINTAINED, Row, shape_of
from beamcat.database.naming import quoted, table_name
from beamcat.database.pool import Connection
from beamcat.errors import ValidationFailed
from beamcat.model import Entity, ToMany

TOLERANCE = timedelta(milliseconds=1000)
"""How far two moments may be apart and still count as equal."""


def key_of(draft: Draft) -> Key:
    """The values of the unique members, in their order; ids for relations."""
    key: list[Any] = []
    for name in draft.entity.unique:
        target = draft.to_one.get(name)
        key.append(draft.values.get(name) if target is None else target.id)
    return tuple(key)


async def find_existing(connection: Connection, entity: Entity, keys: Sequence[Key]) -> dict[Key, Row]:
    """The rows of the objects that have one of these keys, in the columns of the entity's shape."""
    complete = [key for key in keys if None not in key]
    if not complete:
        return {}
    shape = shape_of(entity)
    names = [f"k{place}" for place in range(len(entity.unique))]
    arrays = ", ".join(f"%s::{array_type(entity, name)}" for name in entity.unique)
    matches = " AND ".join(
        f"t.{column(entity, name)} = k.{key}" for key, name in zip(names, entity.unique, strict=True)
    )
    columns = ", ".join(f"t.{quoted(name)}" for name in shape.columns)
    cursor = await connection.execute(
        f"SELECT k.place, {columns} FROM unnest({arrays}) WITH ORDINALITY AS k({', '.join(names)}, place)"
        f" JOIN {quoted(table_name(entity))} t ON {matches}",
        [list(values) for values in zip(*complete, strict=True)],
    )
    return {complete[row[0] - 1]: list(row[1:]) for row in await cursor.fetchall()}


def difference(draft: Draft, stored: Row, *, counts_maintained: bool) -> ValidationFailed | None:
    """What tells an object from the row that would have made it; None when nothing does."""
    entity = draft.entity
    shape = shape_of(entity)
    wanted = shape.row(0, "", stored[2], draft, counts_maintained=False)
    unseen = MAINTAINED.get(entity.name, ()) if counts_maintained else ()
    for name, member in entity.members.items():
        if isinstance(member, ToMany) or name in unseen:
            continue
        place = shape.position[name]
        if not _equal(wanted[place], stored[place]):
            return ValidationFailed(f"Duplicate check fails for field {name} of {entity.name}")
    if draft.stamp is not None:
        said = draft.stamp.over(stored[1:5])
        for attribute in STAMPS:
            place = shape.position[attribute.name]
            if not _equal(said[place - 1], stored[place]):
                return ValidationFailed(f"Duplicate check fails for field '{attribute.name}' of {entity.name}")
    return None


def _equal(one: object, other: object) -> bool:
    if isinstance(one, datetime) and isinstance(other, datetime):
        return abs(one - other) <= TOLERANCE
    return one == other
