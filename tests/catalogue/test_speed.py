"""What bulk creation costs beside a raw COPY of the same rows. `pytest -s` prints it; only sanity is asserted."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable

import pytest

from beamcat.doors.icat_rest.decode import decode_write
from tests.catalogue.conftest import World
from tests.catalogue.site import LIMITS, ROOT, Site

ROUNDS = 10


def datafiles(dataset: int, file_format: int, first: int, count: int) -> str:
    """A write of that many datafiles, as a client sends it."""
    return json.dumps(
        [
            {
                "Datafile": {
                    "name": f"scan_{n:08d}.nxs",
                    "location": f"2026/beamline/visit/raw/dataset/scan_{n:08d}.nxs",
                    "fileSize": 123_456_789 + n,
                    "checksum": f"{n:08x}",
                    "datafileModTime": "2026-03-02T09:00:00.000Z",
                    "dataset": {"id": dataset},
                    "datafileFormat": {"id": file_format},
                }
            }
            for n in range(first, first + count)
        ]
    )


async def best(work: Callable[[int], Awaitable[object]]) -> float:
    """The shortest time of some rounds, in seconds."""
    times = []
    for number in range(ROUNDS):
        started = time.perf_counter()
        await work(number)
        times.append(time.perf_counter() - started)
    return min(times)


@pytest.mark.parametrize("count", [1, 100, 1000])
async def test_creation_beside_copy(site: Site, world: World, count: int) -> None:
    file_format = await site.make("DatafileFormat", name="nx", version="1", facility=world.facility)
    texts = [datafiles(world.dataset, file_format, n * count, count) for n in range(ROUNDS)]
    decoding = await best(lambda n: _decode(texts[n]))
    creation = await best(lambda n: site.catalogue.write(ROOT, decode_write(texts[n], LIMITS)))
    async with site.database.connection() as conn:
        cursor = await conn.execute("SELECT * FROM datafile WHERE name LIKE 'scan%%' LIMIT %s", [count])
        rows = await cursor.fetchall()
        columns = [column.name for column in cursor.description or ()]
        other = await site.make("Dataset", name="copied", investigation=world.a, type=world.dataset_type)

        async def copy(number: int) -> None:
            async with (
                conn.cursor() as cursor,
                cursor.copy(f"COPY datafile ({', '.join(columns)}) FROM STDIN") as copied,
            ):
                for place, row in enumerate(rows):
                    named = dict(zip(columns, row, strict=True))
                    named["id"] = 10_000_000 + number * count + place
                    named["name"] = f"{number} {named['name']}"
                    named["dataset_id"] = other
                    await copied.write_row(list(named.values()))

        copying = await best(copy)
    print(
        f"\n{count} datafiles: {creation * 1e6 / count:.1f} us each, of which decoding {decoding * 1e6 / count:.1f}; "
        f"COPY {copying * 1e6 / count:.1f}, ratio {creation / copying:.2f}"
    )
    assert await site.value("SELECT count(*) FROM datafile WHERE dataset_id = %s", world.dataset) == ROUNDS * count + 2


async def _decode(text: str) -> None:
    decode_write(text, LIMITS)


async def test_creation_by_somebody_with_rules(site: Site, world: World) -> None:
    ann = await site.user("db/ann")
    await site.write(
        {"InvestigationUser": {"user": {"id": ann.user_id}, "investigation": {"id": world.a}, "role": "x"}}
    )
    await site.rules(("C", "Datafile <-> Dataset <-> Investigation <-> InvestigationUser <-> User [name = :user]"))
    file_format = await site.make("DatafileFormat", name="nx", version="1", facility=world.facility)
    texts = [datafiles(world.dataset, file_format, n * 1000, 1000) for n in range(ROUNDS)]
    creation = await best(lambda n: site.catalogue.write(ann, decode_write(texts[n], LIMITS)))
    print(f"\n1000 datafiles by a member of the investigation: {creation * 1e3:.1f} us each")
