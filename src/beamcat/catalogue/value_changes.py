"""Values that people change by hand: which of them they may change, and what each was before.

Who changes a value from a page sees an older one for as long as they type. So they say what they saw, and are told when
somebody else was faster. What was before is kept, so that everybody who reads the object can see it, and it can be
taken back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from beamcat.access.rules import Operation
from beamcat.catalogue.drafts import Draft, Value
from beamcat.catalogue.lookups import column
from beamcat.catalogue.permission import denied, denied_member
from beamcat.catalogue.updating import Update, update
from beamcat.catalogue.writing import Writing
from beamcat.database.naming import quoted, table_name
from beamcat.database.pool import Database
from beamcat.errors import NoSuchObject, ValidationFailed
from beamcat.model import Entity, Kind
from beamcat.observability.requests import current_id

_KEEP = """
INSERT INTO value_change (entity, object_id, member, before, after, at, user_name, request_id)
SELECT %s, %s, c.member, c.before, c.after, %s, %s, %s
  FROM unnest(%s::text[], %s::text[], %s::text[]) AS c (member, before, after)
"""
_OF_OBJECT = """
SELECT id, member, before, after, at, user_name, request_id FROM value_change
 WHERE entity = %s AND object_id = %s ORDER BY id DESC LIMIT %s
"""
_PRUNE = "DELETE FROM value_change WHERE id IN (SELECT id FROM value_change WHERE at < %s ORDER BY at LIMIT %s)"
ROWS_AT_ONCE = 10_000


class ChangedMeanwhile(ValidationFailed):
    """Somebody else has changed the value since it was shown."""

    def __init__(self, member: str) -> None:
        super().__init__(
            f"somebody else has changed {member} in the meantime; look at it as it is now, and change that"
        )
        self.member = member


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A text that somebody changed by hand. None: there was none."""

    id: int
    member: str
    before: str | None
    after: str | None
    at: datetime
    user: str
    request_id: str


async def updatable(writing: Writing, entity: Entity, identifier: int, members: Collection[str]) -> frozenset[str]:
    """Those of the members that the caller may change."""
    if not await denied(writing, Operation.UPDATE, entity, [identifier]):
        return frozenset(members)
    return frozenset([name for name in members if not await denied_member(writing, entity, name, [identifier])])


async def change(
    writing: Writing, entity: Entity, identifier: int, values: Mapping[str, str | None], seen: Mapping[str, str | None]
) -> None:
    """Change texts of an object, and keep what they were.

    `seen` is what the caller believes them to be. Raises `ChangedMeanwhile` where that is wrong, `NoSuchObject`,
    `Forbidden` and `ValidationFailed`. A text that is what it was is left alone.
    """
    _require_texts(entity, values)
    names = sorted(values)
    columns = ", ".join(column(entity, name) for name in names)
    cursor = await writing.connection.execute(
        f"SELECT {columns} FROM {quoted(table_name(entity))} WHERE id = %s FOR NO KEY UPDATE",
        [identifier],
    )
    row = await cursor.fetchone()
    if row is None:
        raise NoSuchObject(f"{entity.name}[id:{identifier}] not found.")
    before: dict[str, str | None] = dict(zip(names, row, strict=True))
    changed: dict[str, Value] = {name: values[name] for name in names if values[name] != before[name]}
    if not changed:
        return
    await update(writing, entity, [Update(0, identifier, Draft(entity, changed))])
    for name in changed:  # after the rights: a value is not told to whoever may not change it
        if seen.get(name, before[name]) != before[name]:
            raise ChangedMeanwhile(name)
    await writing.connection.execute(
        _KEEP,
        [
            entity.name,
            identifier,
            writing.now,
            writing.caller.name,
            current_id(),
            list(changed),
            [before[name] for name in changed],
            [values[name] for name in changed],
        ],
    )


async def value_changes(database: Database, entity: str, identifier: int, most: int) -> list[ValueChange]:
    """What was changed by hand of an object, the last first. Whether the caller may read it is not looked at."""
    async with database.connection() as connection:
        cursor = await connection.execute(_OF_OBJECT, [entity, identifier, most])
        return [ValueChange(*row) for row in await cursor.fetchall()]


async def prune_value_changes(database: Database, older_than: datetime) -> int:
    """Forget what was changed before a moment, in batches; how many."""
    removed = 0
    while True:
        async with database.connection() as connection:
            number = (await connection.execute(_PRUNE, [older_than, ROWS_AT_ONCE])).rowcount
        removed += number
        if number < ROWS_AT_ONCE:
            return removed


def _require_texts(entity: Entity, names: Sequence[str] | Mapping[str, object]) -> None:
    texts = {attribute.name for attribute in entity.attributes if attribute.kind is Kind.STRING}
    for name in names:
        if name not in texts:
            raise ValidationFailed(f"{entity.name} has no text {name} that could be changed here")
