"""A facility whose visits are searched, with a real index, and a real mail server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from beamcat.access import rulebooks
from beamcat.access.caller import Caller
from beamcat.config import SearchSettings, Settings
from beamcat.database.pool import Database
from beamcat.events.sequencing import sequence_all
from beamcat.search import tables
from beamcat.search.documents.making import made
from beamcat.search.engine import Engine
from beamcat.search.opening import indexed_documents, open_engine, open_search
from beamcat.search.parts import LanguageOnce
from beamcat.search.rights import changes
from beamcat.search.saved.due import Tell
from beamcat.search.saved.opening import Saved, open_saved
from beamcat.search.saved.searches import SavedSearch, Wish
from beamcat.search.wanted import Wanted
from tests.catalogue.site import Site
from tests.store.requests.mail_server import MailServer

RUST = Wanted(text="rust", entities=("Investigation",))


@dataclass
class Facility:
    """What a test works with. Visits are seen by their users alone, but for those of the group `staff`, who see all."""

    site: Site
    settings: Settings
    engine: Engine
    saved: Saved
    here: int
    kind: int
    users: dict[str, int] = field(default_factory=dict)

    async def user(self, name: str, *groups: str, email: str | None = None) -> Caller:
        """A user with an address."""
        caller = await self.site.user(name, *groups)
        assert caller.user_id is not None
        self.users[name] = caller.user_id
        address = email or f"{name.rpartition('/')[2]}@example.org"
        await self.site.change("User", caller.user_id, email=address, fullName=name.rpartition("/")[2].title())
        return caller

    async def visit(self, name: str, *users: str, title: str = "Rust on a Ford", indexed: bool = True) -> int:
        """A visit with its users; it can be found when this returns."""
        identifier = await self.site.make(
            "Investigation", name=name, visitId="1", title=title, facility=self.here, type=self.kind
        )
        for user in users:
            await self.join(identifier, user)
        if indexed:
            await self.index()
        return identifier

    async def join(self, visit: int, user: str) -> None:
        await self.site.make("InvestigationUser", investigation=visit, user=self.users[user], role="user")
        self.site.rulebooks.expire()

    async def leave(self, visit: int, user: str) -> None:
        ((identifier,),) = await self.site.rows(
            "SELECT id FROM investigation_user WHERE investigation_id = %s AND user_id = %s", visit, self.users[user]
        )
        await self.site.delete(("InvestigationUser", identifier))

    async def index(self) -> None:
        """Bring the index up to date with everything that has happened."""
        await sequence_all(self.site.database)
        position = await self.site.value("SELECT coalesce(max(position), 0) FROM event")
        writing = await self.engine.writing()
        for entity, documents in indexed_documents(self.settings).items():
            async with self.site.database.connection() as connection:
                async for some in made(connection, documents.of_range(0, 100_000)):
                    await writing.put(entity, some)
        await writing.commit(position)
        await writing.close()

    async def save(self, caller: Caller, wanted: Wanted = RUST, **more: Any) -> SavedSearch:
        """A search whose owner is told at once."""
        wish = Wish(**{"name": "rust", "wanted": wanted, "tell": Tell.AT_ONCE, **more})
        return await self.saved.create(caller, wish)

    async def turn(self) -> None:
        """The turns of all searches come: what is new is found."""
        await self.site.value("WITH due AS (UPDATE saved_search SET next_look = now()) SELECT 1")
        await self.saved.rounds.take()

    async def post(self) -> None:
        """All mails that wait are sent."""
        assert self.saved.posting is not None
        await self.site.value("WITH due AS (UPDATE saved_search_mail SET due = now()) SELECT 1")
        await self.saved.posting.send()

    async def news(self, search: SavedSearch) -> list[tuple[str, int]]:
        """What a feed of the search shows."""
        found = await self.saved.matches.latest(search)
        return [(match.shown.entity, match.shown.id) for match in found]


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    started = MailServer()
    yield started
    started.stop()


@pytest.fixture
def chosen() -> dict[str, Any]:
    """Settings of the section `search.saved`."""
    return {}


@pytest.fixture
def settings(mail_server: MailServer, chosen: dict[str, Any], tmp_path: Path) -> Settings:
    mail = {
        "enabled": True,
        "host": "127.0.0.1",
        "port": mail_server.start(),
        "sender": "Data <data@example.org>",
        "timeout_s": 5,
    }
    search = {"saved": chosen, "entities": ("Investigation", "Sample", "Instrument")}
    return Settings(home=tmp_path, downloads={"mail": mail}, search=search)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def language() -> LanguageOnce:
    """Read once: it takes a second."""
    return LanguageOnce(SearchSettings())


@pytest.fixture
async def facility(
    database: Database, settings: Settings, language: LanguageOnce, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Facility]:
    for module, name in ((rulebooks, "CHECKED_EVERY_S"), (changes, "LOOKED_EVERY_S"), (tables, "CHECKED_EVERY_S")):
        monkeypatch.setattr(module, name, 0.0)  # what a worker remembers for a second is not remembered here
    site = Site(database)
    await site.rules(("R", "Facility"), ("R", "InvestigationType"))
    await site.rules(
        ("R", "SELECT i FROM Investigation i JOIN i.investigationUsers u JOIN u.user p WHERE p.name = :user")
    )
    await site.make("Grouping", name="staff")
    await site.rules(("R", "Investigation"), group="staff")
    here = await site.make("Facility", name="LILS")
    kind = await site.make("InvestigationType", name="experiment", facility=here)
    engine = open_engine(settings)
    rebuild = await engine.rebuild(list(indexed_documents(settings)))
    await rebuild.switch(0)
    search = open_search(settings, database, site.rulebooks, engine)
    search.parts = replace(search.parts, language=language)
    saved = open_saved(settings, database, site.rulebooks, search, settled_s=0.0)
    yield Facility(site, settings, engine, saved, here, kind)
    await engine.close()
