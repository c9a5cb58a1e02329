"""The embedded engine: what every engine promises, and what becomes of its files."""

from __future__ import annotations

import dataclasses
import gc
import itertools
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from beamcat.config import EmbeddedSearchSettings
from beamcat.errors import TimedOut, Unavailable
from beamcat.search.embedded import EmbeddedSearch
from beamcat.search.fields import Field, Kind
from beamcat.search.question import (
    Anchor,
    Contains,
    Everything,
    Has,
    Not,
    Predicate,
    Question,
    Sort,
    Word,
)
from beamcat.search.question import (
    Path as Components,
)
from tests.search.engine_contract import STUDIES, EngineContract, encoded, every_page, filled, found
from tests.search.generated import STUDY, TYPES

ROOT = Path(__file__).parent.parent.parent
SMALL = EmbeddedSearchSettings(shards=3, heap_mebibytes=16, build_heap_mebibytes=16)


def opened(folder: Path, settings: EmbeddedSearchSettings = SMALL, timeout_s: float = 60) -> EmbeddedSearch:
    return EmbeddedSearch(TYPES, folder, settings, timeout_s)


@pytest.fixture(scope="module")
async def filled_engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedSearch]:
    """Shared by tests that write everything anew."""
    engine = opened(tmp_path_factory.mktemp("search"))
    await filled(engine, {})
    yield engine
    await engine.close()


@pytest.fixture(scope="module")
async def studies_once(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedSearch]:
    """Shared by tests that write nothing."""
    engine = opened(tmp_path_factory.mktemp("search"))
    await filled(engine, {"Study": STUDIES, "File": STUDIES})
    yield engine
    await engine.close()


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[EmbeddedSearch]:
    engine = opened(tmp_path)
    yield engine
    await engine.close()


@pytest.fixture
async def empty_engine(engine: EmbeddedSearch) -> EmbeddedSearch:
    return engine


class TestEmbedded(EngineContract):
    """The contract."""


async def put(engine: EmbeddedSearch, position: int, ids: range) -> None:
    writing = await engine.writing()
    for entity in TYPES:
        await writing.put(entity, encoded([{"id": id_, "investigation": id_ * 60, "title": "kept"} for id_ in ids]))
    await writing.commit(position)
    await writing.close()


async def test_one_process_writes_at_a_time(engine: EmbeddedSearch) -> None:
    await filled(engine, {})
    writing = await engine.writing()
    with pytest.raises(Unavailable, match="another process writes"):
        await engine.writing()
    await writing.close()
    await (await engine.writing()).close()


async def test_another_process_finds_what_was_committed(engine: EmbeddedSearch, tmp_path: Path) -> None:
    await filled(engine, {"Study": STUDIES})
    reader = opened(tmp_path)
    assert await found(reader, Everything()) == [1, 2, 3, 4]
    await put(engine, 2, range(10, 12))
    assert await found(reader, Everything()) == [1, 2, 3, 4, 10, 11]
    await filled(engine, {"Study": [{"id": 5, "investigation": 1}]})
    assert await found(reader, Everything()) == [5]
    await reader.close()


async def test_an_old_index_goes_when_nobody_reads_it_any_longer(engine: EmbeddedSearch, tmp_path: Path) -> None:
    await filled(engine, {"Study": STUDIES})
    reader = opened(tmp_path)
    assert await found(reader, Everything()) == [1, 2, 3, 4]
    await filled(engine, {"Study": STUDIES})
    generations = sorted(path.name for path in tmp_path.iterdir() if path.is_dir())
    assert generations == ["000001", "000002"]
    await reader.close()
    gc.collect()
    await (await engine.writing()).close()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["000002"]


async def test_an_index_of_another_form_has_to_be_made_anew(engine: EmbeddedSearch, tmp_path: Path) -> None:
    await filled(engine, {"Study": STUDIES})
    fields = {**STUDY.fields, "colour": Field("colour", Kind.CODE)}
    other = EmbeddedSearch({**TYPES, "Study": dataclasses.replace(STUDY, fields=fields)}, tmp_path, SMALL, 60)
    assert await other.position() is None
    with pytest.raises(Unavailable, match="made anew"):
        await other.ask(Question("Study"))
    with pytest.raises(Unavailable, match="built anew"):
        await other.writing()
    await other.close()


async def test_contents_of_large_indices_are_candidates_which_hold_all_that_is_wanted(tmp_path: Path) -> None:
    rough = opened(tmp_path, SMALL.model_copy(update={"exact_contents_documents": 0}))
    await filled(rough, {"Study": STUDIES})
    answer = await rough.ask(Question("Study", Contains("name", "2017 (r")))
    assert answer.candidates
    assert [hit.id for hit in answer.hits] == [2]
    short = await rough.ask(Question("Study", Contains("name", "x-")))
    assert not short.candidates
    assert {hit.id for hit in short.hits} == {1, 2}
    none = await rough.ask(Question("Study", Not(Contains("name", "2017"))))
    assert not none.candidates
    assert {hit.id for hit in none.hits} == {1, 3, 4}
    await rough.close()


@pytest.mark.parametrize("exact_up_to", [0, 20_000])
async def test_a_path_that_ends_in_the_name_is_found_by_its_end(tmp_path: Path, exact_up_to: int) -> None:
    """The name is not kept a second time, as the last component."""
    engine = opened(tmp_path, SMALL.model_copy(update={"exact_contents_documents": exact_up_to}))
    name = "Scan [1]_0001.nxs"
    every = [
        {"id": 1, "investigation": 1, "name": name, "path": [f"/data/raw/{name}"]},
        {"id": 2, "investigation": 1, "name": name, "path": ["/data/raw/other.nxs"]},
        {"id": 3, "investigation": 1, "name": "other", "path": [f"/data/{name}/raw", "other"]},
    ]
    await filled(engine, {"File": every})
    asked: dict[Predicate, list[int]] = {
        Components("path", ("raw", "scan*"), Anchor.END): [1],
        Components("path", ("raw", "scan [1]_0001.nxs")): [1],
        Components("path", ("scan [1]_0001.nxs",), Anchor.END): [1],
        Components("path", ("*.nxs",)): [1, 2, 3],
        Components("path", ("raw", "*")): [1, 2],
        Components("path", ("raw", "?")): [],
        Components("path", ("other",), Anchor.WHOLE): [3],
        Components("path", ("data", "*", "scan*"), Anchor.WHOLE): [1],
        Contains("path", "[1]_0"): [1, 3],
        Contains("path", "ata"): [1, 2, 3],
        Contains("path", "w/sc"): [],
        Not(Contains("path", "[1]_0")): [2],
        Has("path"): [1, 2, 3],
    }
    for predicate, expected in asked.items():
        assert await found(engine, predicate, "File") == expected, predicate
    await engine.close()


async def test_a_question_that_takes_too_long_is_given_up(engine: EmbeddedSearch, tmp_path: Path) -> None:
    await filled(engine, {"Study": STUDIES})
    hasty = opened(tmp_path, timeout_s=1e-6)
    with pytest.raises(TimedOut):
        await hasty.ask(Question("Study"))
    await hasty.close()


async def test_a_tie_that_is_longer_than_a_page_is_read_by_ids(engine: EmbeddedSearch) -> None:
    every = [{"id": id_, "investigation": id_ * 60, "title": "same", "size": id_ % 2} for id_ in range(1, 60)]
    await filled(engine, {"Study": every, "File": every})
    for sort in (Sort(), Sort("size"), Sort("size", descending=True), Sort("name")):
        # relevance is told apart by what else is in the shard
        entity = "Study" if sort.field is None else "File"
        question = Question(entity, Word("title", "same"), sort=sort, limit=7)
        ids = [hit.id for hit in await every_page(engine, question)]
        keys = {Sort("size"): lambda id_: (id_ % 2, id_), Sort("size", True): lambda id_: (-(id_ % 2), id_)}
        assert ids == sorted(range(1, 60), key=keys.get(sort, lambda id_: (0, id_)))


WRITER = """
import asyncio, itertools, sys
from pathlib import Path
from tests.search.test_embedded import encoded, opened

async def write():
    engine = opened(Path(sys.argv[1]))
    writing = await engine.writing()
    for position in itertools.count((await engine.position()) + 1):
        for entity in ("Study", "File"):
            await writing.put(entity, encoded([{"id": position, "investigation": position * 60, "size": position}]))
            await writing.remove(entity, [position - 20])
        await writing.commit(position)
        print(position, flush=True)

asyncio.run(write())
"""
BUILDER = """
import asyncio, sys
from pathlib import Path
from tests.search.test_embedded import encoded, opened

async def build():
    rebuild = await opened(Path(sys.argv[1])).rebuild(["Study", "File"])
    done = await rebuild.done()
    for part in range(16):
        if f"part/{part}" not in done:
            for id_ in range(part * 5, part * 5 + 5):
                for entity in ("Study", "File"):
                    document = {"id": id_, "investigation": id_ * 60}
                    await rebuild.put(entity, rebuild.shard_of(entity, id_ * 60), encoded([document]))
            await rebuild.commit(f"part/{part}")
            print(part, flush=True)
    await rebuild.switch(7)
    print("done", flush=True)

asyncio.run(build())
"""


def killed(script: str, folder: Path, after: int) -> str:
    """Run a script until it has told so many lines, and kill it; its last line."""
    command = [sys.executable, "-c", script, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        told = list(itertools.islice(process.stdout, after))
        process.kill()
        told += list(process.stdout)
    return told[-1].strip() if told else ""


async def test_a_writer_that_is_killed_loses_nothing_that_it_committed(engine: EmbeddedSearch, tmp_path: Path) -> None:
    await filled(engine, {}, position=0)
    for number in (1, 6):
        acknowledged = int(killed(WRITER, tmp_path, number))
        position = await engine.position()
        assert position in {acknowledged, acknowledged + 1}
        for entity in TYPES:
            ids = await found(engine, Everything(), entity)
            assert set(range(max(1, position - 19), position + 1)) <= set(ids) | {position - 19}
            assert max(ids) in {position, position + 1}
            assert len(ids) == len(set(ids))


async def test_a_rebuild_that_is_killed_is_gone_on_with_and_holds_everything_once(
    engine: EmbeddedSearch, tmp_path: Path
) -> None:
    await filled(engine, {"Study": STUDIES})
    for number in (1, 5):
        assert killed(BUILDER, tmp_path, number) != "done"
        assert await found(engine, Everything()) == [1, 2, 3, 4]
    while killed(BUILDER, tmp_path, 1_000) != "done":
        pass
    for entity in TYPES:
        answer = await engine.ask(Question(entity, sort=Sort("id"), limit=1_000))
        assert [hit.id for hit in answer.hits] == list(range(80))
    assert await engine.position() == 7


async def test_a_part_that_was_committed_in_one_index_and_not_in_the_next_is_there_once(tmp_path: Path) -> None:
    """What `kill -9` leaves between the commits of two indices."""
    engine = opened(tmp_path)
    rebuild = await engine.rebuild(list(TYPES))
    document = encoded([{"id": 1, "investigation": 1}])
    for entity in TYPES:
        await rebuild.put(entity, 0, document)
    await rebuild.commit("one")
    await rebuild.close()
    done = tmp_path / "000001/done/one."
    done.rename(tmp_path / "000001/committing/one.")
    again = await engine.rebuild(list(TYPES))
    assert await again.done() == []
    for entity in TYPES:
        await again.put(entity, 0, document)
    await again.commit("one")
    await again.switch(1)
    for entity in TYPES:
        assert await found(engine, Everything(), entity) == [1]
    await engine.close()
