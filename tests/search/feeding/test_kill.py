"""Whoever follows is killed, again and again: the index ends up as the database is, with nothing lost or doubled."""

from __future__ import annotations

from pathlib import Path

from beamcat.database.pool import Database
from beamcat.search.question import Between, Question
from tests.search.engine_contract import encoded, filled
from tests.search.feeding.killing import Killings
from tests.search.test_embedded import opened

KILLS = 12
LONGEST_S = 0.2


async def test_an_index_whose_feeder_is_killed_a_dozen_times_is_as_the_database(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    killings = Killings(database, database_url, tmp_path, seed=7)
    await killings.run(KILLS, LONGEST_S)
    assert await killings.differences() == []
    assert killings.changes > KILLS
    assert len(killings.positions) > KILLS / 2, "they have got on between"


async def test_files_that_a_killed_writer_has_left_are_not_in_the_way_of_the_next(tmp_path: Path) -> None:
    """The file of what is deleted from a segment is named by the number of the change, which is the same once more."""
    engine = opened(tmp_path)
    await filled(engine, {"Study": [{"id": id_, "investigation": 1, "size": 1} for id_ in range(1, 9)]})
    (index,) = tmp_path.glob("*/Study/0")
    before = {file.name: file.read_bytes() for file in index.iterdir()}

    async def change() -> None:
        writing = await engine.writing()
        await writing.put("Study", encoded([{"id": 3, "investigation": 1, "size": 2}]))
        await writing.commit(5)
        await writing.close()

    await change()
    assert [file for file in index.iterdir() if file.suffix == ".del"]
    for name, content in before.items():
        if name != ".managed.json":
            (index / name).write_bytes(content)  # as if it had been killed before it told what it has done
    await change()
    answer = await engine.ask(Question("Study", Between("size", 2, 2), limit=10))
    assert [hit.id for hit in answer.hits] == [3]
    await engine.close()
