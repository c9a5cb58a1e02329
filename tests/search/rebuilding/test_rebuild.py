"""A rebuild makes what the database says, goes on where it was interrupted, and misses nothing that changes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.database.schema import initialise
from beamcat.errors import BadParameter, InternalError, ValidationFailed
from beamcat.events.sequencing import sequence_all
from beamcat.search.documents import DOCUMENTS
from beamcat.search.engine import Engine
from beamcat.search.rebuilding import Manner, Progress, estimating, first_index, plan, rebuild, record, working
from beamcat.search.rebuilding.plan import Piece, Range, newest_position, portions
from beamcat.search.sharding import in_shard, shard_of
from tests.catalogue.site import Site
from tests.conftest import TestServer
from tests.search.feeding.changes import Facility
from tests.search.rebuilding.facility import (
    FEW,
    differences,
    fill,
    findings,
    followed,
    opened,
    quick_settings,
)


class Stopped(Exception):
    """Somebody ends it."""


@pytest.mark.parametrize("processes", [0, 2])
async def test_the_new_index_is_what_the_database_says(
    filled: Database, settings: Settings, engine: Engine, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beamcat.search.rebuilding.building.FEW", 0)
    told: list[Progress] = []
    done = await rebuild(settings, filled, engine, Manner(processes=processes), told.append)
    assert await differences(filled, engine) == []
    assert await engine.position() == done.position == 0
    assert done.documents == 600 + 2 * 250
    assert told[-1] == Progress(done.documents, done.documents, told[-1].rate, 0)
    assert await record.under_way(filled) is None
    held = {each.entity: each.documents for each in await engine.holdings()}
    assert held == {**dict.fromkeys(DOCUMENTS, 0), "Investigation": 250, "Dataset": 250, "Datafile": 600}


async def test_partitions_are_read_one_by_one(
    server: TestServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = server.create()
    partitioned = server.settings.model_copy(update={"datafile_partition_rows": 250})
    initialise(server.url(name), partitioned)
    settings = quick_settings(server.url(name), tmp_path)
    made: list[Piece] = []
    _watch(monkeypatch, made)
    async with Database(server.url(name), partitioned) as database, opened(settings) as engine:
        await fill(database, 600)
        await rebuild(settings, database, engine)
        assert await differences(database, engine, FEW) == []
    files = [piece for piece in made if piece.entity == "Datafile"]
    assert {(piece.first, piece.stop) for piece in files} == {(1, 250), (250, 500), (500, 601)}
    server.drop(name)


async def test_what_changes_meanwhile_is_there_afterwards(filled: Database, settings: Settings, engine: Engine) -> None:
    facility = Facility(Site(filled), 3)
    await facility.found()
    making = asyncio.create_task(rebuild(settings, filled, engine))
    while not making.done():
        await facility.change()
    assert sum(facility.done.values()) > 10
    await making
    async with followed(filled, settings, engine):
        assert await findings(filled, settings, engine) == []
    assert await differences(filled, engine) == []


async def test_an_index_that_is_followed_is_replaced_and_followed_on(
    filled: Database, settings: Settings, engine: Engine
) -> None:
    facility = Facility(Site(filled), 4)
    await rebuild(settings, filled, engine)
    async with followed(filled, settings, engine):
        await facility.found()
        making = asyncio.create_task(rebuild(settings, filled, engine, Manner(("Datafile", "Dataset"))))
        while not making.done():
            await facility.change()
        await making
        assert await findings(filled, settings, engine) == []
    assert await differences(filled, engine) == []
    assert len({each.generation for each in await engine.holdings()}) == 2


async def test_what_was_interrupted_goes_on_from_its_first_position(
    filled: Database, settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await _interrupted(filled, settings, engine, monkeypatch, after=3)
    known = await record.under_way(filled)
    assert known is not None
    assert not known.is_running
    site = Site(filled)
    await site.change("Datafile", 1, name="renamed.nxs")
    await site.delete(("Datafile", 2))
    await sequence_all(filled)
    assert await newest_position(filled) > known.position

    made: list[Piece] = []
    _watch(monkeypatch, made)
    await rebuild(settings, filled, engine)
    assert made
    assert not {piece.name for piece in made} & {piece.name for piece in before}
    assert await engine.position() == known.position
    async with followed(filled, settings, engine):
        assert await findings(filled, settings, engine) == []
    assert await differences(filled, engine) == []


async def test_a_process_that_starts_again_makes_nothing_twice(
    filled: Database, settings: Settings, engine: Engine
) -> None:
    ground = plan.Ground(filled, engine, DOCUMENTS, tuple(DOCUMENTS))
    index = await engine.rebuild(ground.entities)
    order = await plan.planned(ground, index, 200, None)
    told: list[int] = []
    await working.make(ground, order.pieces, told.append)
    await working.make(ground, order.pieces, told.append)
    assert sum(told) == 600 + 2 * 250
    await index.switch(order.position)
    assert await differences(filled, engine) == []


async def test_what_others_interrupted_is_not_lost_unless_that_is_wanted(
    filled: Database, settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rebuild(settings, filled, engine)
    await _interrupted(filled, settings, engine, monkeypatch, after=2, entities=("Datafile",))
    with pytest.raises(ValidationFailed, match="a rebuild of Datafile was interrupted"):
        await rebuild(settings, filled, engine, Manner(("Dataset",)))
    await rebuild(settings, filled, engine, Manner(("Dataset",), anew=True))
    assert await record.under_way(filled) is None
    assert await differences(filled, engine) == []


async def test_only_one_rebuilds_at_a_time(filled: Database, settings: Settings, engine: Engine) -> None:
    async with record.alone(filled):
        with pytest.raises(record.AlreadyRebuilding, match="being rebuilt already"):
            await rebuild(settings, filled, engine)
    await rebuild(settings, filled, engine)


async def test_a_rebuild_says_that_it_runs(filled: Database, settings: Settings, engine: Engine) -> None:
    async with record.alone(filled):
        await record.begin(filled, ["Datafile"], 0, anew=False)
        known = await record.under_way(filled)
        assert known is not None
        assert known.is_running
    afterwards = await record.under_way(filled)
    assert afterwards is not None
    assert not afterwards.is_running


async def test_events_that_are_to_be_followed_are_kept(
    filled: Database, settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers = "SELECT count(*) FROM event_reader WHERE name = 'search rebuild'"
    await _interrupted(filled, settings, engine, monkeypatch, after=1)
    site = Site(filled)
    assert await site.value(readers) == 1
    await rebuild(settings, filled, engine)
    assert await site.value(readers) == 0


async def test_no_room_is_told_before_anything_is_made(
    filled: Database, settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimating, "BYTES", {"Datafile": 10**15})
    with pytest.raises(ValidationFailed, match=r"will need about .* GB, and .* are free"):
        await rebuild(settings, filled, engine)
    assert await engine.position() is None
    assert await record.under_way(filled) is None
    await rebuild(settings, filled, engine, Manner(ignore_space=True))


async def test_documents_that_are_refused_are_left_out() -> None:
    class Picky:
        is_shared = True
        taken: list[bytes] = []  # noqa: RUF012

        async def put(self, _entity: str, _shard: int, documents: Sequence[bytes]) -> None:
            if b"3" in documents or b"8" in documents:
                raise InternalError("refused")
            self.taken += documents

    index, every = Picky(), [b"%d" % number for number in range(10)]
    piece = Piece("Dataset", 0, 1, 0, 10)
    async with working._Putting(index, piece) as putting:  # type: ignore[arg-type]
        await putting.put(every)
        assert await putting.end() == 8
    assert sorted(index.taken) == [each for each in every if each not in (b"3", b"8")]
    index.is_shared = False
    async with working._Putting(index, piece) as putting:  # type: ignore[arg-type]
        await putting.put(every)
        with pytest.raises(InternalError):
            await putting.end()


async def test_some_entities_alone_make_no_first_index(filled: Database, settings: Settings, engine: Engine) -> None:
    with pytest.raises(BadParameter, match="all entities have to be rebuilt"):
        await rebuild(settings, filled, engine, Manner(("Dataset",)))
    with pytest.raises(BadParameter, match="Facility is not indexed; there are Investigation"):
        await rebuild(settings, filled, engine, Manner(("Facility",)))


async def test_a_server_without_an_index_makes_one_by_itself(
    filled: Database, settings: Settings, engine: Engine
) -> None:
    assert await engine.position() is None
    await first_index(settings, filled, engine, DOCUMENTS)
    assert await differences(filled, engine) == []


async def test_an_index_of_a_later_state_of_the_catalogue_is_made_anew(
    filled: Database, settings: Settings, engine: Engine
) -> None:
    """And so is one that was begun in that state: nothing of it is gone on with."""
    await first_index(settings, filled, engine, DOCUMENTS)
    writing = await engine.writing()
    await writing.put("Dataset", [b'{"id":9000,"digest":1,"investigation":1}'])
    await writing.commit(500)
    await writing.close()
    begun = await engine.rebuild(list(DOCUMENTS))
    await begun.put("Dataset", 0, [b'{"id":9001,"digest":1,"investigation":1}'])
    await begun.commit("position 400")
    await begun.close()
    assert await engine.is_building()
    await first_index(settings, filled, engine, DOCUMENTS)
    assert await engine.position() == 0
    assert not await engine.is_building()
    assert await differences(filled, engine) == []


async def test_a_server_waits_for_whoever_makes_the_first_index(
    filled: Database, settings: Settings, engine: Engine
) -> None:
    async with record.alone(filled):
        waiting = asyncio.create_task(first_index(settings, filled, engine, DOCUMENTS))
        done, _ = await asyncio.wait([waiting], timeout=0.5)
        assert not done
    await waiting
    assert await engine.position() is not None


def test_pieces_end_where_partitions_do() -> None:
    pieces = list(Range("Datafile", 5, 36, 10, 25).pieces(2))
    assert [(piece.first, piece.stop) for piece in pieces[::2]] == [(5, 10), (10, 20), (20, 25), (25, 30), (30, 36)]
    assert [piece.shard for piece in pieces] == [0, 1] * 5
    assert Range.of(Range("Datafile", 5, 36, 10, 25).name) == Range("Datafile", 5, 36, 10, 25)
    assert list(Range("Dataset", 1, 1, 10, 0).pieces(1)) == []


def test_each_shard_is_written_by_one_process_unless_it_may_be_shared() -> None:
    pieces = [*Range("Datafile", 1, 100, 10, 0).pieces(3), *Range("Dataset", 1, 100, 10, 0).pieces(1)]
    divided = portions(pieces, {pieces[0].name}, 3, shared=False)
    assert sorted(piece.name for some in divided for piece in some) == sorted(piece.name for piece in pieces[1:])
    shards = [{(piece.entity, piece.shard) for piece in some} for some in divided]
    assert sum(map(len, shards)) == 4
    assert len(portions(pieces, (), 16, shared=False)) == 4
    assert len(portions(pieces, (), 16, shared=True)) == 16


async def test_the_database_divides_into_shards_as_python_does(database: Database) -> None:
    async with database.connection() as conn:
        for shards in (1, 2, 7):
            conditions = ", ".join(in_shard("i", shard, shards) for shard in range(shards))
            cursor = await conn.execute(f"SELECT i, ARRAY[{conditions}] FROM generate_series(0, 2000) i".encode())
            for investigation, told in await cursor.fetchall():
                assert told.index(True) == shard_of(investigation, shards)
                assert sum(told) == 1


async def _interrupted(
    database: Database,
    settings: Settings,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    *,
    after: int,
    entities: Sequence[str] = (),
) -> list[Piece]:
    """A rebuild that is ended when it has made so many pieces: these."""
    made: list[Piece] = []
    with monkeypatch.context() as patch:
        _watch(patch, made, after)
        with pytest.raises(Stopped):
            await rebuild(settings, database, engine, Manner(tuple(entities)))
    return made


def _watch(patch: pytest.MonkeyPatch, made: list[Piece], stop_after: int | None = None) -> None:
    make = working._make

    async def watched(ground: plan.Ground, index: object, piece: Piece, told: working.Made) -> None:
        if len(made) == stop_after:
            raise Stopped
        made.append(piece)
        await make(ground, index, piece, told)  # type: ignore[arg-type]

    patch.setattr(working, "_make", watched)
