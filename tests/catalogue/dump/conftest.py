"""Dumps of small catalogues, as bytes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest

from beamcat.access.caller import Caller
from beamcat.access.rulebooks import Rulebooks
from beamcat.catalogue.catalogue import Catalogue
from beamcat.catalogue.dump.dumps import Dumps
from beamcat.catalogue.dump.importing import Duplicate, Imported
from beamcat.catalogue.dump.layout import Attributes
from beamcat.catalogue.search import Searches
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.observability.slow_queries import Watch
from tests.catalogue.site import ROOT, Site


class DumpSite(Site):
    """A site whose catalogue can be written and read as a dump."""

    def __init__(self, database: Database, **settings: Any) -> None:
        super().__init__(database)
        whole = Settings(catalogue={"root_user_names": ("simple/root",), **settings})
        self.rulebooks = Rulebooks(database, whole.catalogue)
        self.catalogue = Catalogue(database, self.rulebooks, whole)
        searches = Searches(database, self.rulebooks, whole.catalogue, Watch(float("inf")))
        self.dumps = Dumps(database, self.rulebooks, searches, self.catalogue, whole)

    async def load(
        self,
        text: str | bytes,
        duplicate: Duplicate = Duplicate.THROW,
        attributes: Attributes = Attributes.USER,
        caller: Caller = ROOT,
    ) -> Imported:
        """Import a dump, which arrives in pieces of 1000 bytes."""
        return await self.dumps.load(caller, pieces_of(text), duplicate, attributes)

    async def dump(self, attributes: Attributes = Attributes.ALL, caller: Caller = ROOT) -> str:
        """All of the catalogue."""
        return await gathered(self.dumps.dump(caller, attributes))

    async def dump_answer(
        self, query: str, attributes: Attributes = Attributes.USER, caller: Caller = ROOT
    ) -> str | None:
        """What a query finds."""
        pieces = await self.dumps.dump_answer(caller, query, attributes)
        return None if pieces is None else await gathered(pieces)


async def pieces_of(text: str | bytes) -> AsyncIterator[bytes]:
    """The text in pieces that respect nothing."""
    content = text.encode() if isinstance(text, str) else text
    for start in range(0, len(content), 1000):
        yield content[start : start + 1000]


async def gathered(pieces: AsyncGenerator[bytes, None]) -> str:
    """The pieces as one text."""
    return b"".join([piece async for piece in pieces]).decode()


def table(dump: str, entity: str) -> list[str]:
    """The rows of one table."""
    lines = dump.split("\n")
    first = next(place for place, line in enumerate(lines) if line.startswith(f"{entity}("))
    return lines[first + 1 : lines.index("", first)]


@pytest.fixture
async def site(database: Database) -> DumpSite:
    return DumpSite(database)
