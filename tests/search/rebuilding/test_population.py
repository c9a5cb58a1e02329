"""ICAT's population: documents of a range of ids written again, by whoever follows, through every crash."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.errors import AlreadyExists, BadParameter, InternalError
from beamcat.search.engine import Engine, Writing
from beamcat.search.rebuilding import Population, first_index, population
from beamcat.search.rebuilding.following import populate_all
from beamcat.search.rebuilding.population import populate
from tests.catalogue.site import Site
from tests.search.rebuilding.facility import FEW, differences, findings, followed, quick_settings

HALF = 300


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return quick_settings(database_url, tmp_path)


@pytest.fixture
async def spoilt(filled: Database, settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Database:
    """An index of which all datafiles are wrong: half of them are gone from the database, the others renamed."""
    monkeypatch.setattr(population, "AT_ONCE", 70)
    await first_index(settings, filled, engine, FEW)
    async with filled.connection() as conn:
        await conn.execute("ALTER TABLE datafile DISABLE TRIGGER USER")  # which count files
        await conn.execute("DELETE FROM datafile WHERE id % 2 = 0")
        await conn.execute("ALTER TABLE datafile ENABLE TRIGGER USER")
        await conn.execute("UPDATE datafile SET name = 'x' || id")
    return filled


async def wrong(database: Database, settings: Settings, engine: Engine) -> list[int]:
    return [finding.id for finding in await findings(database, settings, engine) if finding.entity == "Datafile"]


async def test_documents_of_a_range_of_ids_are_made_again(spoilt: Database, settings: Settings, engine: Engine) -> None:
    await Population(spoilt, engine).request("Datafile", HALF, 500)
    await populate_all(spoilt, engine, FEW)
    left = {*range(1, HALF + 1), *range(501, 601), *range(2, 601, 2)}
    assert await wrong(spoilt, settings, engine) == sorted(left)


async def test_old_documents_go_first_if_that_is_wanted(spoilt: Database, settings: Settings, engine: Engine) -> None:
    await Population(spoilt, engine).request("Datafile", HALF, delete=True)
    await populate_all(spoilt, engine, FEW)
    assert await wrong(spoilt, settings, engine) == list(range(1, HALF + 1))


async def test_it_goes_on_where_it_was_when_its_worker_dies(
    spoilt: Database, settings: Settings, engine: Engine
) -> None:
    asked = Population(spoilt, engine)
    await asked.request("Datafile", delete=True)
    writing = await engine.writing()
    assert await populate(spoilt, engine, FEW, writing, 0)
    assert await asked.under_way() == ["Datafile >139"]
    with pytest.raises(asyncio.CancelledError):
        await populate(spoilt, engine, FEW, _Dying(writing), 0)
    await writing.close()
    assert await asked.under_way() == ["Datafile >139"]
    await populate_all(spoilt, engine, FEW)
    assert await asked.under_way() == []
    assert await differences(spoilt, engine, FEW) == []


async def test_it_is_done_by_the_server_and_found_after_a_commit(
    spoilt: Database, settings: Settings, engine: Engine
) -> None:
    asked = Population(spoilt, engine)
    async with followed(spoilt, settings, engine):
        await asked.request("Datafile", delete=True)
        async with asyncio.timeout(60):
            while await asked.under_way():
                await asyncio.sleep(0.02)
        await Site(spoilt).change("Datafile", 1, name="changed")
        await asked.commit()
        assert await differences(spoilt, engine, FEW) == []


async def test_it_is_asked_for_once_told_and_stopped(database: Database) -> None:
    asked = Population(database)
    await asked.request("Dataset", 10, 20)
    await asked.request("User")
    with pytest.raises(AlreadyExists, match="population of Dataset already requested"):
        await asked.request("Dataset")
    with pytest.raises(BadParameter, match="Mouse is not an entity"):
        await asked.request("Mouse")
    assert await asked.under_way() == ["Dataset >10 <=20", "User >0"]
    await asked.stop()
    assert await asked.under_way() == []
    await asked.commit()


async def test_entities_without_documents_of_their_own_are_done_at_once(
    filled: Database, settings: Settings, engine: Engine
) -> None:
    await first_index(settings, filled, engine, FEW)
    asked = Population(filled, engine)
    await asked.request("DatasetParameter")
    await populate_all(filled, engine, FEW)
    assert await asked.under_way() == []


async def test_what_can_never_be_written_does_not_stay_for_ever(
    filled: Database, settings: Settings, engine: Engine
) -> None:
    await first_index(settings, filled, engine, FEW)
    asked = Population(filled, engine)
    await asked.request("Dataset")
    writing = await engine.writing()
    assert await populate(filled, engine, FEW, _Refusing(writing), 0)
    assert await asked.under_way() == []
    await writing.close()


class _Beside:
    """The writer, but for what is done otherwise."""

    def __init__(self, writing: Writing) -> None:
        self.put, self.remove, self.commit, self.close = writing.put, writing.remove, writing.commit, writing.close


class _Dying(_Beside):
    def __init__(self, writing: Writing) -> None:
        super().__init__(writing)
        self.commit = self._commit

    async def _commit(self, _position: int) -> None:
        raise asyncio.CancelledError


class _Refusing(_Beside):
    def __init__(self, writing: Writing) -> None:
        super().__init__(writing)
        self.put = self._put

    async def _put(self, _entity: str, _documents: object) -> None:
        raise InternalError("this cannot be written")
