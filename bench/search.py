"""The embedded search engine: how fast documents of datafiles go into it, what they weigh, and what questions cost.

Peers are PostgreSQL with the same rows in one table (trigrams of names by pg_trgm, words of paths by tsvector, and the
columns that are filtered and sorted by), and Lucene with the same fields where Java and Maven are here. Every question
is asked with changing words. `BENCH_SEARCH_DOCUMENTS` says how many rows there are; five million if it is not set.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import psycopg

from beamcat.config import DatabaseSettings, EmbeddedSearchSettings
from beamcat.database.embedded import EmbeddedPostgres
from beamcat.search.documents import DOCUMENTS
from beamcat.search.documents.making import made
from beamcat.search.embedded import EmbeddedSearch
from beamcat.search.question import Answer, OneOf, Predicate
from bench import lucene, search_rows
from bench.report import percentile
from bench.search_questions import ANYTHING, ENTITY, Asked, Measured, questions
from bench.search_rows import INVESTIGATIONS, ROWS

TOGETHER = 100_000
"""Documents that are made by one statement for each shard."""
ROUNDS, WARM_UP = 100, 5
PEER_S = 2.0
"""A peer is asked the same questions for so long."""
FACILITY_DOCUMENTS, FACILITY_CORES = 5_000_000_000, 16
SETTINGS = EmbeddedSearchSettings()


def search() -> None:
    """Documents per second, bytes per document, and the latencies of questions."""
    with TemporaryDirectory(dir=os.environ.get("BENCH_SCRATCH")) as name:
        folder = Path(name)
        with (
            EmbeddedPostgres(folder / "home", DatabaseSettings()) as server,
            psycopg.connect(server.url, autocommit=True) as connection,
        ):
            search_rows.make(connection)
            asyncio.run(_measure(server.url, connection, folder))


async def _measure(url: str, connection: psycopg.Connection, folder: Path) -> None:
    engine = EmbeddedSearch({ENTITY: DOCUMENTS[ENTITY].type}, folder / "search", SETTINGS, 600)
    await _build(url, engine, folder / "search")
    started = perf_counter()
    search_rows.index(connection)
    row = connection.execute("SELECT pg_indexes_size('file')").fetchone()
    assert row
    _rate("search: indices of PostgreSQL for the same", perf_counter() - started, row[0])
    names = [name for (name,) in connection.execute("SELECT name FROM file TABLESAMPLE SYSTEM (0.1) LIMIT 2000")]
    with _lucene(folder / "lucene", connection) as peer:
        for measured in questions(names or ["none"]):
            await _compare(measured, engine, connection, peer)
    await _suggestions(engine)
    await engine.close()


async def _build(url: str, engine: EmbeddedSearch, folder: Path) -> None:
    rebuild = await engine.rebuild([ENTITY])
    started, cpu = perf_counter(), process_time()
    async with await psycopg.AsyncConnection.connect(url) as connection:
        theirs = _cpu_of(connection.info.backend_pid)
        for first, shard in product(range(0, ROWS + 1, TOGETHER), range(shards := rebuild.shards(ENTITY))):
            statement = search_rows.AS_DOCUMENTS.of_range(first, first + TOGETHER, (shard, shards))
            async for piece in made(connection, statement):
                await rebuild.put(ENTITY, shard, piece)
        theirs = _cpu_of(connection.info.backend_pid) - theirs
    await rebuild.commit("all")
    await rebuild.switch(1)
    wall, cpu = perf_counter() - started, process_time() - cpu
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    _rate("search: datafiles indexed by one process", wall, size)
    print(
        f"search: of one core: {ROWS / cpu:,.0f} documents/s, {ROWS / (cpu + theirs):,.0f} with what PostgreSQL does to"
        " make the documents (aim: 25,000)"
    )
    hours = FACILITY_DOCUMENTS * (cpu + theirs) / ROWS / FACILITY_CORES / 3600
    gigabytes = FACILITY_DOCUMENTS * size / ROWS / 1e9
    print(
        f"search: EXTRAPOLATED from this, not measured: {FACILITY_DOCUMENTS:,} documents on {FACILITY_CORES} cores, one"
        f" process each: {hours:.1f} h, {gigabytes:,.0f} GB",
        flush=True,
    )


def _rate(name: str, seconds: float, size: int) -> None:
    print(f"{name}: {ROWS / seconds:,.0f} rows/s, {size / ROWS:.0f} B/row", flush=True)


def _cpu_of(process: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _lucene(folder: Path, connection: psycopg.Connection) -> Iterator[lucene.Lucene | None]:
    if missing := lucene.missing():
        print(f"search: Lucene is not compared: there is no {' and no '.join(missing)} here", flush=True)
        yield None
        return
    with lucene.running(folder, search_rows.lines(connection)) as peer:
        _rate("search: Lucene with the same rows", peer.seconds, peer.bytes)
        print(f"search: Lucene, of one core: {ROWS / peer.cpu_seconds:,.0f} documents/s", flush=True)
        yield peer


async def _compare(
    measured: Measured, engine: EmbeddedSearch, connection: psycopg.Connection, peer: lucene.Lucene | None
) -> None:
    chance = random.Random(measured.name)
    asked = [measured.made(chance) for _ in range(ROUNDS)]
    first = await _check(measured.name, asked[0], engine, connection, peer)
    for each in asked[:WARM_UP]:
        await engine.ask(each.ours())
    ours, cpu = [], process_time()
    for each in asked:
        started = perf_counter()
        await engine.ask(each.ours())
        ours.append((perf_counter() - started) * 1000)
    cpu = (process_time() - cpu) * 1000 / ROUNDS
    of_sql = [first] if first > PEER_S * 1000 else _timed(asked, lambda each: _sql(connection, each)[0])
    theirs = {"PostgreSQL": of_sql}
    if peer is not None:
        for each in asked:
            peer.ask(each.lucene())
        theirs["Lucene"] = _timed(asked, lambda each: peer.ask(each.lucene())[0])
    for percent in (50, 99):
        value = percentile(sorted(ours), percent)
        peers = "; ".join(
            f"{percentile(times, percent):.3g} ms {name}, ratio: {value / percentile(times, percent):.2f}"
            for name, times in theirs.items()
        )
        used = f", CPU of one: {cpu:.3g} ms" if percent == 50 else ""
        print(f"search: {measured.name} p{percent}: {value:.3g} ms (peers: {peers}){used}", flush=True)


def _timed(asked: Sequence[Asked], one: Callable[[Asked], float]) -> list[float]:
    until = perf_counter() + PEER_S
    times: list[float] = []
    for each in asked:
        times.append(one(each))
        if perf_counter() > until:
            break
    return sorted(times)


def _sql(connection: psycopg.Connection, asked: Asked) -> tuple[float, list[tuple[Any, ...]]]:
    """Milliseconds it took, and the rows."""
    started = perf_counter()
    rows = connection.execute(asked.sql().encode()).fetchall()
    return (perf_counter() - started) * 1000, rows


async def _check(
    name: str, asked: Asked, engine: EmbeddedSearch, connection: psycopg.Connection, peer: lucene.Lucene | None
) -> float:
    """Milliseconds of SQL. All three find the same; relevance is not the same, nor are pages of candidates."""
    answer = await engine.ask(asked.ours())
    taken, rows = _sql(connection, asked)
    if asked.ranked:
        return taken
    found = peer.ask(asked.lucene())[1] if peer is not None else None
    if asked.facets:
        formats, years = _facets(answer)
        assert formats == {row[0]: row[2] for row in rows if row[0] is not None}, name
        assert years == [row[2] for row in sorted(rows, key=lambda row: row[1] or 0) if row[1] is not None], name
        assert found is None or found.split(" ")[0] == ",".join(f"{of}={formats[of]}" for of in sorted(formats)), name
        return taken
    ids = [id_ for (id_,) in rows]
    told = [hit.id for hit in answer.hits]
    assert told == ids if not answer.candidates else set(told) >= set(ids) or len(told) == len(ids), name
    if found is not None and answer.candidates == asked.has_candidates:
        assert found == ",".join(map(str, told)), name
    return taken


def _facets(answer: Answer) -> tuple[dict[int, int], list[int]]:
    formats = {int(bucket.value): bucket.count for bucket in answer.facets["format"]}
    return formats, [bucket.count for bucket in answer.facets["year"]]


async def _suggestions(engine: EmbeddedSearch) -> None:
    """Words that begin so, as they are asked for at each key."""
    users: dict[str, Predicate] = {"administrator": ANYTHING.ours}
    for number in (3, 2_000):
        ids = sorted(random.Random(number).sample(range(INVESTIGATIONS), min(number, INVESTIGATIONS)))
        users[f"user of {number}"] = OneOf("investigation", ids)
    for who, allowed in users.items():
        for prefix in ("i", "ins", "000", "insulin"):
            times, cpu = [], process_time()
            for _ in range(20):
                started = perf_counter()
                await engine.suggest(ENTITY, ["name"], prefix, allowed, 10)
                times.append((perf_counter() - started) * 1000)
            cpu = (process_time() - cpu) * 1000 / 20
            worst = percentile(sorted(times), 99)
            print(f"search: suggestions for {prefix}, {who} p99: {worst:.3g} ms (aim: 50 ms), CPU of one: {cpu:.3g} ms")
