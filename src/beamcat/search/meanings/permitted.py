"""Which texts a caller may be told of: those all of whose sources the caller may read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from beamcat.access.caller import Caller
from beamcat.access.rulebooks import Rulebooks
from beamcat.database.pool import Connection
from beamcat.model import icat_entity
from beamcat.query.compile import compile_allowed
from beamcat.query.rights import Extent, Rights
from beamcat.query.run import run_statement
from beamcat.search.meanings.texts import Key


class Permitted:
    """Asks the database with the caller's rules in the statements."""

    def __init__(self, connection: Connection, caller: Caller, rights: Rights) -> None:
        self._connection, self._caller, self._rights = connection, caller, rights

    @classmethod
    async def of(cls, connection: Connection, caller: Caller, rulebooks: Rulebooks) -> Permitted:
        """The permissions of a caller as of at most a second ago."""
        return cls(connection, caller, (await rulebooks.current()).rights(caller))

    def everything(self, entity: str) -> bool:
        """Whether the caller may read all objects of an entity."""
        return self._rights.readable(icat_entity(entity)) is Extent.EVERYTHING

    def nothing(self, entity: str) -> bool:
        """Whether the caller may read none."""
        return self._rights.readable(icat_entity(entity)) is Extent.NOTHING

    async def objects(self, entity: str, ids: Collection[int]) -> set[int]:
        """Those of the objects that are there and that the caller may read."""
        if not ids or self.nothing(entity):
            return set()
        kind = icat_entity(entity)
        statement = compile_allowed(kind, self._rights.readable(kind))
        return {row[0] for row in await run_statement(self._connection, statement, self._caller, sorted(set(ids)))}

    async def texts(self, entity: str, sources: Mapping[Key, Sequence[int]]) -> set[Key]:
        """Those of the texts of objects of an entity that the caller may be told of."""
        seen = await self.objects(entity, {key.id for key in sources})
        keys = [key for key in sources if key.id in seen]
        found = {key for key in keys if key.part == entity}
        for part in {key.part for key in keys} - {entity}:
            of_part = [key for key in keys if key.part == part]
            read = await self.objects(part, _all(sources[key] for key in of_part))
            found.update(key for key in of_part if read.issuperset(sources[key]))
        return found


def _all(some: Iterable[Iterable[int]]) -> set[int]:
    return {each for ids in some for each in ids}
