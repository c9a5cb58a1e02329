"""The embedded search engine: how fast documents of datafiles go into it, what they weigh, and what questions cost.

The peer is PostgreSQL with the same rows in one table: trigrams (pg_trgm) and words (tsvector) indexed, and the columns
that are filtered and sorted by. `BENCH_SEARCH_DOCUMENTS` says how many there are.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import psycopg

from beamcat.config import DatabaseSettings, EmbeddedSearchSettings
from beamcat.database.embedded import EmbeddedPostgres
from beamcat.search.documents import DOCUMENTS
from beamcat.search.embedded import EmbeddedSearch
from beamcat.search.question import (
    AllOf,
    Begins,
    Between,
    Contains,
    Everything,
    Facet,
    OneOf,
    Phrase,
    Predicate,
    Question,
    Same,
    Sort,
    Terms,
    Word,
)
from beamcat.search.question import (
    Path as Components,
)
from bench.report import compare, line, timings

DOCUMENTS_MADE = int(os.environ.get("BENCH_SEARCH_DOCUMENTS", "1000000"))
INVESTIGATIONS = 50_000
AT_ONCE = 2_000
ROUNDS, SLOW_ROUNDS = 100, 10
PAGE = 100
YEAR_MS = 365 * 86_400_000
ENTITY = "Datafile"

TABLE = """
CREATE EXTENSION pg_trgm;
CREATE TABLE file AS
SELECT k AS id, name, '/dls/i' || lpad((k % 33)::text, 2, '0') || '/data/' || 2010 + k % 14 || '/cm'
       || k * {investigations} / {documents} || '-' || k % 5 || '/'
       || (ARRAY['raw', 'processed', 'processing', 'tmp'])[1 + (k % 4)::int] || '/' || name AS path,
       (hashint8(k) & 268435455)::bigint AS size,
       1262304000000 + (hashint8(k + 7)::bigint & 2147483647) * 200 AS date,
       k / 40 AS dataset, k % 7 AS format, k * {investigations} / {documents} AS investigation
  FROM (SELECT k, (ARRAY['scan', 'edf', 'tomo', 'dark', 'flat', 'sum'])[1 + (k % 6)::int] || '_'
               || lpad((k % 977)::text, 5, '0') || '_' || to_hex(hashint8(k)::bit(32)::bigint)
               || (ARRAY['.nxs', '.h5', '.tif', '.cbf'])[1 + (k % 4)::int] AS name
          FROM generate_series(1::bigint, {documents}) k) named;
VACUUM ANALYZE file
"""
INDICES = (
    "CREATE INDEX file_id ON file (id)",
    "CREATE INDEX file_name ON file (name text_pattern_ops)",
    "CREATE INDEX file_investigation ON file (investigation)",
    "CREATE INDEX file_date ON file (date, id)",
    "CREATE INDEX file_trigrams ON file USING gin (path gin_trgm_ops)",
    "CREATE INDEX file_words ON file USING gin (to_tsvector('simple', translate(path, '/._', '   ')))",
)
WORDS = "to_tsvector('simple', translate(path, '/._', '   '))"


def search() -> None:
    """Documents per second, bytes per document, and the latencies of questions."""
    with (
        TemporaryDirectory() as folder,
        EmbeddedPostgres(Path(folder) / "home", DatabaseSettings()) as server,
        psycopg.connect(server.url, autocommit=True) as connection,
    ):
        for statement in TABLE.format(documents=DOCUMENTS_MADE, investigations=INVESTIGATIONS).split(";\n"):
            connection.execute(statement.encode())
        asyncio.run(_measure(connection, Path(folder) / "search"))


async def _measure(connection: psycopg.Connection, folder: Path) -> None:
    engine = EmbeddedSearch({ENTITY: DOCUMENTS[ENTITY].type}, folder, EmbeddedSearchSettings(shards=1), 600)
    documents = list(_documents(connection))
    started = perf_counter()
    rebuild = await engine.rebuild([ENTITY])
    for piece in documents:
        await rebuild.put(ENTITY, 0, piece)
    await rebuild.commit("all")
    await rebuild.switch(1)
    taken = perf_counter() - started
    del documents
    started = perf_counter()
    for statement in INDICES:
        connection.execute(statement.encode())
    theirs = perf_counter() - started
    peer = "indices of PostgreSQL"
    line(
        "search: datafiles indexed by one process", DOCUMENTS_MADE / taken, "documents/s", peer, DOCUMENTS_MADE / theirs
    )
    row = connection.execute("SELECT pg_indexes_size('file')").fetchone()
    assert row
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(
        f"search: size of the index: {size / DOCUMENTS_MADE:.0f} B/document (peer: {row[0] / DOCUMENTS_MADE:.0f} B/row"
        f" {peer}, ratio: {size / row[0]:.2f})",
        flush=True,
    )
    for name, question, statement in _questions(connection):
        await _compare(connection, engine, name, question, statement)
    await engine.close()


def _documents(connection: psycopg.Connection) -> Iterator[list[bytes]]:
    """Ready JSON, as the catalogue makes it."""
    gathered: list[bytes] = []
    statement = (
        "COPY (SELECT row_to_json(d) FROM (SELECT id, name, ARRAY[path] AS path, size, date, dataset,"
        " investigation, format FROM file) d) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')"
    )
    with connection.cursor() as cursor, cursor.copy(statement) as rows:
        for row in rows:
            gathered.append(bytes(row))
            if len(gathered) == AT_ONCE:
                yield gathered
                gathered = []
    yield gathered


def _questions(connection: psycopg.Connection) -> Iterator[tuple[str, Question, str]]:
    row = connection.execute("SELECT name FROM file WHERE id = %s", [DOCUMENTS_MADE // 2]).fetchone()
    assert row
    name = row[0]
    year = Between("date", 1262304000000 + YEAR_MS, 1262304000000 + 2 * YEAR_MS, includes_high=False)
    in_year = f"date >= {1262304000000 + YEAR_MS} AND date < {1262304000000 + 2 * YEAR_MS}"
    word, has_word = Word("path", "processed"), f"{WORDS} @@ 'processed'::tsquery"
    newest, by_date = Sort("date", descending=True), "ORDER BY date DESC, id LIMIT 100"

    def asked(predicate: Predicate, sort: Sort = newest, allowed: Predicate | None = None) -> Question:
        return Question(ENTITY, predicate, allowed or Everything(), sort=sort, limit=PAGE)

    yield "all of a name", asked(Same("name", name)), f"WHERE lower(name) = '{name}' AND name = '{name}' {by_date}"
    yield "beginning of a name", asked(Begins("name", "scan_00012")), f"WHERE name LIKE 'scan\\_00012%' {by_date}"
    contained = "00123_f"
    yield "part of a name", asked(Contains("name", contained)), f"WHERE path LIKE '%{contained}%' {by_date}"
    yield "a word, newest first", asked(word), f"WHERE {has_word} {by_date}"
    yield (
        "two words, newest first",
        asked(AllOf((word, Word("path", "tomo")))),
        f"WHERE {WORDS} @@ 'processed & tomo'::tsquery {by_date}",
    )
    yield (
        "words one after the other",
        asked(Phrase("path", ("data", "2013"))),
        f"WHERE {WORDS} @@ 'data <-> 2013'::tsquery {by_date}",
    )
    yield (
        "components of a path",
        asked(Components("path", ("i07", "data"))),
        f"WHERE path LIKE '%/i07/data/%' {by_date}",
    )
    yield "one year, newest first", asked(year), f"WHERE {in_year} {by_date}"
    yield "a word in one year", asked(AllOf((word, year))), f"WHERE {has_word} AND {in_year} {by_date}"
    chance = random.Random(5)
    for number in (30, 3_000, 20_000):
        ids = sorted(chance.sample(range(INVESTIGATIONS), number))
        among = f"investigation = ANY('{{{','.join(map(str, ids))}}}')"
        told = f"a word in {number} investigations, newest first"
        yield told, asked(word, allowed=OneOf("investigation", ids)), f"WHERE {has_word} AND {among} {by_date}"
    facet = Question(ENTITY, word, sort=newest, limit=1, facets=(Facet("of", Terms("format")),))
    yield (
        "formats of a word, counted",
        facet,
        (f"WHERE {has_word} GROUP BY format ORDER BY count(*) DESC, format LIMIT 10"),
    )


async def _compare(
    connection: psycopg.Connection, engine: EmbeddedSearch, name: str, question: Question, condition: str
) -> None:
    columns = "format, count(*)" if "GROUP BY" in condition else "id"
    statement = f"SELECT {columns} FROM file {condition}".encode()
    rows = connection.execute(statement).fetchall()
    if "GROUP BY" in condition:
        same = rows == [(bucket.value, bucket.count) for bucket in (await engine.ask(question)).facets["of"]]
    else:
        same = [id_ for (id_,) in rows] == [hit.id for hit in (await engine.ask(question)).hits]
    if not same:
        raise RuntimeError(f"{name}: not what PostgreSQL finds")
    ours = []
    for _ in range(ROUNDS + 5):
        started = perf_counter()
        await engine.ask(question)
        ours.append((perf_counter() - started) * 1000)
    theirs = timings(lambda: connection.execute(statement).fetchall(), rounds=SLOW_ROUNDS, warm_up=1)
    compare(f"search: {name}", sorted(ours[5:]), "SQL", theirs)
