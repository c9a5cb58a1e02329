"""What search by meaning costs.

python -m tests.search.meanings.measure --investigations 200000 --folder /tmp/measure
python -m tests.search.meanings.measure --investigations 10000 --folder /tmp/measure --model sentences
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import time
from pathlib import Path

from beamcat.access.caller import Caller
from beamcat.config import DatabaseSettings, SearchMeaningSettings
from beamcat.database.embedded import EmbeddedPostgres
from beamcat.database.pool import Database
from beamcat.database.schema import initialise
from beamcat.search.meanings.asking import Meanings
from beamcat.search.meanings.keeping import Keeper
from beamcat.search.meanings.model import LEARNED, plugin_model
from beamcat.search.meanings.models import Models
from tests.catalogue.site import ROOT, Site
from tests.search.meanings.conftest import PUBLIC
from tests.search.meanings.science import TEXTS

QUESTIONS = ("photovoltaic devices", "energy storage", "palaeontology of birds", "chemical reaction on noble metal")
MANY = """
INSERT INTO investigation (facility_id, type_id, name, visit_id, title, summary, release_date,
                           file_count, file_size, create_id, create_time, mod_id, mod_time)
SELECT %(facility)s, %(type)s, 'HC', number, a.title || ' ' || b.title,
       concat_ws(' ', a.summary, b.summary, c.summary, 'word' || number %% 20000),
       CASE WHEN number %% 2 = 0 THEN '2020-01-01'::timestamptz ELSE '2199-01-01' END, 0, 0, 'x', now(), 'x', now()
  FROM generate_series(1, %(number)s) number
  JOIN known a ON a.id = number %% 48
  JOIN known b ON b.id = a.id - a.id %% 8 + number / 48 %% 8
  JOIN known c ON c.id = a.id - a.id %% 8 + number / 384 %% 8
"""
KEYWORDS = """
INSERT INTO keyword (investigation_id, name, create_id, create_time, mod_id, mod_time)
SELECT i.id, word, 'x', now(), 'x', now()
  FROM investigation i JOIN known ON known.id = i.id % 48
 CROSS JOIN LATERAL (SELECT DISTINCT unnest((string_to_array(known.title, ' '))[1:3])) words (word)
"""


async def filled(site: Site, number: int) -> None:
    """A catalogue of so many investigations; half of them are open."""
    facility = await site.make("Facility", name="LILS")
    kind = await site.make("InvestigationType", name="experiment", facility=facility)
    await site.rules(*PUBLIC)
    parts = [text.partition(". ") for text in TEXTS]
    async with site.database.own_connection() as connection:
        await connection.execute("SET statement_timeout = 0")
        await connection.execute("CREATE TEMP TABLE known (id int, title text, summary text)")
        async with connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO known VALUES (%s, %s, %s)",
                [(place, title, summary) for place, (title, _, summary) in enumerate(parts)],
            )
        await connection.execute(MANY, {"facility": facility, "type": kind, "number": number})
        await connection.execute(KEYWORDS)
        await connection.execute("ANALYZE")


async def main(number: int, folder: Path, model: str) -> None:
    """Fill, learn, read, ask."""
    brought = None if model == LEARNED else plugin_model(model, {})
    settings = DatabaseSettings()
    with EmbeddedPostgres(folder / "home", settings) as server:
        initialise(server.url, settings)
        async with Database(server.url, settings) as database:
            site = Site(database)
            if not await site.value("SELECT count(*) FROM investigation"):
                await filled(site, number)
            await site.rulebooks.current()
            meaning = SearchMeaningSettings(enabled=True, share=1.0, timeout_s=120)
            models = Models(database, brought)
            keeper = Keeper(database, site.rulebooks, meaning, models)
            for what in ("learning and reading", "comparing again"):
                begun, used = time.perf_counter(), time.process_time()
                await keeper.look()
                took, used = time.perf_counter() - begun, time.process_time() - used
                print(f"{what}: {took:.1f} s, of which {used:.1f} s of this process's processors")
            print("texts:", await site.value("SELECT count(*) FROM meaning"))
            print("size:", await site.value("SELECT pg_size_pretty(pg_total_relation_size('meaning'))"))
            meanings = Meanings(database, site.rulebooks, meaning, models, folder / "meaning")
            ann = await site.user(f"db/ann-{time.time()}")
            last = await site.value("SELECT max(id) FROM investigation WHERE release_date > now()")
            await site.make("InvestigationUser", investigation=last, user=ann.user_id, role="PI")
            few = Caller("db/few", groups=frozenset({-1}))
            for name, caller in (("root", ROOT), ("nobody", Caller("anon/anon")), ("team", ann), ("unknown", few)):
                times, used = [], time.process_time()
                for question in QUESTIONS * 3:
                    begun = time.perf_counter()
                    nearest = await meanings.by_meaning(caller, "Investigation", question, 10)
                    times.append(1000 * (time.perf_counter() - begun))
                used = 1000 * (time.process_time() - used) / len(times)
                print(
                    f"{name}: first {times[0]:.0f} ms, then {sorted(times[1:])[5]:.0f} ms, {used:.0f} ms of processors;"
                    f" {len(nearest.found)} found"
                )
            # nothing is open any longer: all that is close is asked for, and none of it may be read
            await site.rows(
                "UPDATE investigation SET release_date = '2199-01-01' WHERE release_date < now() RETURNING 1"
            )
            begun = time.perf_counter()
            nearest = await meanings.by_meaning(ann, "Investigation", QUESTIONS[0], 10)
            took = 1000 * (time.perf_counter() - begun)
            print(f"nothing may be read: {took:.0f} ms, {len(nearest.found)} found, complete: {nearest.complete}")
            print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
            await meanings.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--investigations", type=int, default=200_000)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--model", default=LEARNED)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.investigations, arguments.folder, arguments.model))
