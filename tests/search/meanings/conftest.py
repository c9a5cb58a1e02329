"""A facility whose investigations are about six fields of science, all of it read for its meaning."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from beamcat.access.caller import Caller
from beamcat.config import DatabaseSettings, SearchMeaningSettings
from beamcat.database.pool import Database
from beamcat.search.meanings.asking import Meanings
from beamcat.search.meanings.keeping import Keeper
from beamcat.search.meanings.models import Models
from tests.catalogue.site import ROOT, Site
from tests.conftest import TestServer
from tests.search.meanings.science import FIELDS

QUICK = SearchMeaningSettings(enabled=True, share=1.0, timeout_s=30)
OPEN = " WHERE i.releaseDate < CURRENT_TIMESTAMP"
PUBLIC = (
    ("R", "SELECT i FROM Investigation i" + OPEN),
    ("R", "SELECT k FROM Keyword k JOIN k.investigation i" + OPEN),
    ("R", "SELECT d FROM Dataset d JOIN d.investigation i" + OPEN),
    ("R", "SELECT i FROM Investigation i JOIN i.investigationUsers iu JOIN iu.user u WHERE u.name = :user"),
    ("R", "SELECT s FROM Sample s JOIN s.investigation i JOIN i.investigationUsers iu JOIN iu.user u"
          " WHERE u.name = :user"),
)  # fmt: skip
"""What is open to all; samples are for those who took part alone."""


class Facility:
    """Investigations by field, in the order of their texts."""

    def __init__(self, site: Site, home: Path) -> None:
        self.site, self.home = site, home
        self.models = Models(site.database, None)
        self.keeper = Keeper(site.database, site.rulebooks, QUICK, self.models)
        self.meanings = Meanings(site.database, site.rulebooks, QUICK, self.models, home)
        self.ids: dict[str, list[int]] = {}
        self.facility = self.kind = 0

    async def fill(self) -> None:
        self.facility = await self.site.make("Facility", name="LILS")
        self.kind = await self.site.make("InvestigationType", name="experiment", facility=self.facility)
        await self.site.rules(*PUBLIC)
        for field, texts in FIELDS.items():
            self.ids[field] = await self.site.write([{"Investigation": self.investigation(text)} for text in texts])

    def investigation(self, text: str, released: str = "2020-01-01T00:00:00Z", name: str = "HC") -> dict[str, object]:
        title, _, summary = text.partition(". ")
        of = {"facility": {"id": self.facility}, "type": {"id": self.kind}}
        visit = f"{name}-{abs(hash(text))}"
        return {"name": name, "visitId": visit, "title": title, "summary": summary, "releaseDate": released, **of}

    async def add(self, text: str, released: str = "2020-01-01T00:00:00Z") -> int:
        """One more investigation, open to all, or not yet."""
        return (await self.site.write([{"Investigation": self.investigation(text, released)}]))[0]

    def field(self, id_: int) -> str:
        return next(field for field, ids in self.ids.items() if id_ in ids)

    async def fields(self, text: str, most: int = 5, caller: Caller = ROOT) -> list[str]:
        """The fields of science of what is close to a text."""
        nearest = await self.meanings.by_meaning(caller, "Investigation", text, most)
        return [self.field(near.id) for near in nearest.found]

    async def near(self, text: str, caller: Caller = ROOT, most: int = 60) -> list[int]:
        """The investigations that are close to a text."""
        return [near.id for near in (await self.meanings.by_meaning(caller, "Investigation", text, most)).found]

    async def as_another_worker_near(self, text: str) -> list[int]:
        """The same, asked of a worker that has nothing open yet."""
        return [near.id for near in (await self.as_another_worker().by_meaning(ROOT, "Investigation", text, 60)).found]

    def as_another_worker(self) -> Meanings:
        """What another process would have open."""
        return Meanings(self.site.database, self.site.rulebooks, QUICK, Models(self.site.database, None), self.home)


@pytest.fixture
async def facility(database: Database, tmp_path: Path) -> AsyncIterator[Facility]:
    """All texts are in the catalogue; nothing has been read yet."""
    made = Facility(Site(database), tmp_path / "meaning")
    await made.fill()
    yield made
    await made.meanings.close()


@dataclass(frozen=True)
class Template:
    """A database in which all texts have been read, to be copied."""

    name: str
    ids: dict[str, list[int]]
    facility: int
    kind: int


@pytest.fixture(scope="session")
async def all_read(
    server: TestServer, template: str, database_settings: DatabaseSettings, tmp_path_factory: pytest.TempPathFactory
) -> Template:
    name = server.create(template)
    async with Database(server.url(name), database_settings) as database:
        made = Facility(Site(database), tmp_path_factory.mktemp("meaning"))
        await made.fill()
        assert await made.keeper.look() is not None
        await made.meanings.close()
    return Template(name, made.ids, made.facility, made.kind)


@pytest.fixture
async def read_url(server: TestServer, all_read: Template) -> AsyncIterator[str]:
    name = server.create(all_read.name)
    yield server.url(name)
    server.drop(name)


@pytest.fixture
async def read(
    read_url: str, all_read: Template, database_settings: DatabaseSettings, tmp_path: Path
) -> AsyncIterator[Facility]:
    """All texts have been read."""
    async with Database(read_url, database_settings) as database:
        made = Facility(Site(database), tmp_path / "meaning")
        made.ids = {field: list(ids) for field, ids in all_read.ids.items()}
        made.facility, made.kind = all_read.facility, all_read.kind
        yield made
        await made.meanings.close()


@pytest.fixture
def nobody() -> Caller:
    """Somebody without an account."""
    return Caller("anon/anon")
