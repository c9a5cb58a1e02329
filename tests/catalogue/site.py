"""A small site to write to: a catalogue on a real database, and short ways to ask it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import SecretStr

from beamcat.access.caller import Caller
from beamcat.access.rulebooks import Rulebooks
from beamcat.catalogue.catalogue import Catalogue
from beamcat.config import CatalogueSettings, Settings, StoreSettings
from beamcat.database.pool import Database
from beamcat.doors.icat_rest.decode import Limits, decode_delete, decode_write

LIMITS = Limits(nesting=32, objects=100_000)
ROOT = Caller("simple/root", root=True)


class Site:
    """The catalogue and its database; `root` may do everything."""

    def __init__(self, database: Database, *, key: str | None = None, **settings: Any) -> None:
        self.database = database
        store = StoreSettings(key=None if key is None else SecretStr(key))
        catalogue_settings = CatalogueSettings(root_user_names=("simple/root",), **settings)
        self.rulebooks = Rulebooks(database, catalogue_settings)
        self.catalogue = Catalogue(database, self.rulebooks, Settings(catalogue=catalogue_settings, store=store))

    async def write(self, elements: object, caller: Caller = ROOT) -> list[int]:
        """The ids that writing these elements, as REST clients send them, gives."""
        text = elements if isinstance(elements, str) else json.dumps(elements)
        return await self.catalogue.write(caller, decode_write(text, LIMITS))

    async def make(self, entity: str, caller: Caller = ROOT, **members: Any) -> int:
        """Create one object over REST; ints stand for references."""
        body = {name: {"id": v} if _is_reference(name, v) else v for name, v in members.items()}
        return (await self.write({entity: body}, caller))[0]

    async def change(self, entity: str, identifier: int, caller: Caller = ROOT, **members: Any) -> None:
        """Update one object over REST."""
        body = {name: {"id": v} if _is_reference(name, v) else v for name, v in members.items()}
        await self.write({entity: {"id": identifier, **body}}, caller)

    async def delete(self, *objects: tuple[str, int], caller: Caller = ROOT) -> None:
        """Delete objects over REST."""
        text = json.dumps([{entity: {"id": identifier}} for entity, identifier in objects])
        await self.catalogue.delete(caller, decode_delete(text, LIMITS))

    async def rows(self, sql: str, *params: object) -> list[tuple[Any, ...]]:
        """What the database holds."""
        async with self.database.connection() as conn:
            return await (await conn.execute(sql, params)).fetchall()

    async def value(self, sql: str, *params: object) -> Any:
        """The only value of the only row."""
        ((value,),) = await self.rows(sql, *params)
        return value

    async def user(self, name: str, *groups: str) -> Caller:
        """A user who exists, in these groups (made where they are missing)."""
        user = await self.make("User", name=name)
        for group in groups:
            found = await self.rows('SELECT id FROM "grouping" WHERE name = %s', group)
            identifier = found[0][0] if found else await self.make("Grouping", name=group)
            await self.make("UserGroup", user=user, grouping=identifier)
        return await self.rulebooks.caller(name)

    async def rules(self, *rules: tuple[str, str], group: str | None = None) -> None:
        """Rules as (flags, what) for everybody, or for a group."""
        grouping = {}
        if group is not None:
            grouping = {"grouping": await self.value('SELECT id FROM "grouping" WHERE name = %s', group)}
        for flags, what in rules:
            await self.make("Rule", crudFlags=flags, what=what, **grouping)


RELATIONS = frozenset(
    {"facility", "investigation", "dataset", "datafile", "user", "grouping", "sample", "datafileFormat", "instrument"}
    | {"sourceDatafile", "destDatafile", "dataCollection", "content", "application", "study"}
)


def _is_reference(name: str, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and (name in RELATIONS or name == "type")


def names(rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    """The first column."""
    return [row[0] for row in rows]
