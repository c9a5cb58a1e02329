"""A check tells what the index holds otherwise than the database says, and nothing else; that can be mended."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.errors import Unavailable
from beamcat.events.leading import lock_key
from beamcat.search.engine import Engine
from beamcat.search.rebuilding import checking, first_index
from beamcat.search.rebuilding.checking import Behind, Checker, Finding, Wrong
from beamcat.search.rebuilding.following import FOLLOWER, populate_all
from beamcat.search.rebuilding.population import mend
from tests.catalogue.site import Site
from tests.search.rebuilding.facility import FEW, differences, findings, followed, quick_settings


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return quick_settings(database_url, tmp_path)


@pytest.fixture
async def indexed(filled: Database, settings: Settings, engine: Engine) -> Database:
    await first_index(settings, filled, engine, FEW)
    return filled


async def behind_its_back(database: Database) -> set[Finding]:
    """Changes of which nobody is told; what a check has to find."""
    async with database.connection() as conn:
        await conn.execute("UPDATE datafile SET name = 'other.nxs' WHERE id = 7")
        await conn.execute("UPDATE investigation SET title = 'Other' WHERE id = 20")  # and its dataset says so, too
        await conn.execute("ALTER TABLE datafile DISABLE TRIGGER USER")  # which count files
        await conn.execute("UPDATE datafile SET id = 700 WHERE id = 9")
        await conn.execute("DELETE FROM datafile WHERE id = 600")
        await conn.execute("ALTER TABLE datafile ENABLE TRIGGER USER")
    return {
        Finding("Datafile", 7, Wrong.DIFFERENT),
        Finding("Investigation", 20, Wrong.DIFFERENT),
        Finding("Dataset", 20, Wrong.DIFFERENT),
        Finding("Datafile", 9, Wrong.SUPERFLUOUS),
        Finding("Datafile", 700, Wrong.MISSING),
        Finding("Datafile", 600, Wrong.SUPERFLUOUS),
    }


async def test_what_was_changed_behind_its_back_is_found_and_mended(
    indexed: Database, settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "IDS_AT_ONCE", 50)
    assert await findings(indexed, settings, engine) == []
    wrong = await behind_its_back(indexed)
    found = await findings(indexed, settings, engine)
    assert set(found) == wrong
    assert len(found) == len(wrong)

    position = await engine.position()
    for finding in found:
        await mend(indexed, finding.entity, [finding.id])
    await populate_all(indexed, engine, FEW)
    assert await findings(indexed, settings, engine) == []
    assert await differences(indexed, engine, FEW) == []
    assert await engine.position() == position


async def test_what_is_found_is_mended_by_the_server_that_runs(
    indexed: Database, settings: Settings, engine: Engine
) -> None:
    wrong = await behind_its_back(indexed)
    async with followed(indexed, settings, engine):
        assert set(await findings(indexed, settings, engine)) == wrong
        for finding in wrong:
            await mend(indexed, finding.entity, [finding.id])
        async with asyncio.timeout(60):
            await populate_all(indexed, engine, FEW)
        assert await findings(indexed, settings, engine) == []


async def test_documents_beyond_all_ids_and_double_ones_are_found(
    indexed: Database, settings: Settings, engine: Engine
) -> None:
    writing = await engine.writing()
    await writing.put("Datafile", [b'{"id":900,"digest":1,"investigation":1}', b'{"id":601,"investigation":1}'])
    await writing.commit(0)
    await writing.close()
    assert await findings(indexed, settings, engine) == [
        Finding("Datafile", 601, Wrong.SUPERFLUOUS),
        Finding("Datafile", 900, Wrong.SUPERFLUOUS),
    ]


async def test_what_is_just_on_its_way_is_no_finding(indexed: Database, settings: Settings, engine: Engine) -> None:
    site = Site(indexed)
    async with followed(indexed, settings, engine):

        async def change() -> None:
            for number in range(60):
                await site.change("Investigation", number % 5 + 1, title=f"Title {number}")
                await site.delete(("Datafile", number + 1))

        changing = asyncio.create_task(change())
        checked = 0
        while not changing.done():
            assert await findings(indexed, settings, engine) == []
            checked += 1
        await changing
        assert checked


async def test_an_index_that_nobody_keeps_up_is_said_to_be_behind(
    indexed: Database, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "NOBODY_FOLLOWS_AFTER_S", 0.2)
    await Site(indexed).change("Dataset", 3, name="changed")
    checker = Checker(indexed, engine, FEW)
    found = [finding async for some in checker.check("Dataset") for finding in some]
    assert found == [Finding("Dataset", 3, Wrong.DIFFERENT)]
    assert checker.behind is Behind.FOLLOWED_BY_NOBODY


async def test_an_index_that_is_followed_slowly_is_waited_for_if_that_is_wished(
    indexed: Database, settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "CATCHES_UP_WITHIN_S", 0.3)
    await Site(indexed).change("Dataset", 3, name="changed")

    async def check(*, patient: bool) -> tuple[list[Finding], Behind | None]:
        checker = Checker(indexed, engine, FEW, patient=patient)
        return [each async for some in checker.check("Dataset") for each in some], checker.behind

    async with indexed.own_connection() as conn:  # as a server that does not get on with it
        await conn.execute("SELECT pg_advisory_lock(%s, %s)", lock_key(FOLLOWER))
        assert await check(patient=False) == ([Finding("Dataset", 3, Wrong.DIFFERENT)], Behind.SLOWLY_FOLLOWED)
        waiting = asyncio.create_task(check(patient=True))
        await asyncio.sleep(0.6)
        assert not waiting.done()
    async with followed(indexed, settings, engine):
        assert await waiting == ([], None)


async def test_without_an_index_there_is_nothing_to_compare(
    filled: Database, settings: Settings, engine: Engine
) -> None:
    with pytest.raises(Unavailable, match="there is no index"):
        await findings(filled, settings, engine)


def test_the_follower_is_the_reader_that_feeds_the_index() -> None:
    from beamcat.search.feeding.feeder import NAME

    assert f"reader {NAME}" == FOLLOWER
