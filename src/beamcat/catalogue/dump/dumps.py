"""Import and export as the doors see them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing

from beamcat.access.caller import Caller, Scope
from beamcat.access.rulebooks import Rulebooks
from beamcat.catalogue.catalogue import Catalogue
from beamcat.catalogue.dump import exporting
from beamcat.catalogue.dump.importing import Duplicate, Import, Imported, Order
from beamcat.catalogue.dump.importing import Told as ImportTold
from beamcat.catalogue.dump.layout import Attributes
from beamcat.catalogue.search import Searches
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.observability.requests import about

MOST_EXPORTS = 2
"""Exports a worker sends at a time; each holds a connection for as long as the client takes. Others wait."""


class Dumps:
    """Reads dumps into the catalogue and writes them."""

    def __init__(
        self,
        database: Database,
        rulebooks: Rulebooks,
        searches: Searches,
        catalogue: Catalogue,
        settings: Settings,
    ) -> None:
        self._database = database
        self._rulebooks = rulebooks
        self._searches = searches
        self._catalogue = catalogue
        self._settings = settings
        self._exports = asyncio.Semaphore(MOST_EXPORTS)

    async def load(
        self,
        caller: Caller,
        pieces: AsyncIterable[bytes],
        duplicate: Duplicate = Duplicate.THROW,
        attributes: Attributes = Attributes.USER,
        told: ImportTold | None = None,
    ) -> Imported:
        """Import a dump; what it did. Rows before one that is refused stay (ICAT specification G.4).

        Errors carry the number of the line in `offset` and at the end of their message. Comparing with what is there
        (`Duplicate.CHECK`) is reading, too.
        """
        about("import")
        caller.require(Scope.WRITE)
        if duplicate is Duplicate.CHECK:
            caller.require(Scope.READ)
        reading = Import(self._database, self._catalogue, self._settings, Order(caller, duplicate, attributes, told))
        return await reading.run(pieces)

    async def dump(
        self, caller: Caller, attributes: Attributes = Attributes.USER, told: exporting.Told | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Export everything the caller may read, in pieces (G.6). Close the iterator when you stop early."""
        about("export")
        caller.require(Scope.READ)
        rights = (await self._rulebooks.current()).rights(caller)
        async with (
            self._exports,
            aclosing(exporting.export(self._database, caller, rights, attributes, told)) as pieces,
        ):
            async for piece in pieces:
                yield piece

    async def dump_answer(
        self, caller: Caller, query: str, attributes: Attributes = Attributes.USER
    ) -> AsyncGenerator[bytes, None] | None:
        """Export the objects that a query finds, and those it includes; None when it finds no objects."""
        about("export", query=query)
        ids = exporting.objects_in(await self._searches.search(caller, query))
        return self._dump_objects(caller, ids, attributes) if ids else None

    async def _dump_objects(
        self, caller: Caller, ids: exporting.Ids, attributes: Attributes
    ) -> AsyncGenerator[bytes, None]:
        pieces = exporting.export_objects(self._database, caller, ids, attributes)
        async with self._exports, aclosing(pieces):
            async for piece in pieces:
                yield piece
