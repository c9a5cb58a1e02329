"""Makes the small pictures of datasets: one worker of all does, a few files at a time, in viewing processes.

What is to be made is in the table, so nothing is lost with a process. A try is noted before it begins: a file that
takes the whole process with it is not tried for ever.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from beamcat.config import ViewingSettings
from beamcat.database.pool import Connection, Database
from beamcat.errors import BeamcatError, ErrorKind
from beamcat.events.leading import FOLLOW_S, leadership
from beamcat.observability.logs import logger
from beamcat.store.selection import SERVICE
from beamcat.store.units.status import NotOnline, RestoreFailed
from beamcat.store.viewing.viewer import FileOf, Viewer

LOOK_EVERY_S = 2.0
PAUSE_S = 10.0
"""Pause after the database was away."""
FILES_TRIED = 3
"""Files of a dataset that are tried for a picture."""
FILES_LOOKED_AT = 5000
"""Files of a dataset among which one is looked for."""
LONGEST_PROBLEM = 300
HDF5 = ("nxs", "h5", "hdf5", "nx5", "nx", "cxi", "hdf", "nexus", "nxspe")
PICTURES = ("png", "jpg", "jpeg", "webp", "gif", "tif", "tiff")

_TAKE = """
UPDATE thumbnail t SET tries = t.tries + 1, made = now() + interval '5 minutes' * 4 ^ t.tries
  FROM (SELECT dataset_id FROM thumbnail WHERE content IS NULL AND made <= now() ORDER BY made LIMIT %s
           FOR UPDATE SKIP LOCKED) due
 WHERE t.dataset_id = due.dataset_id
RETURNING t.dataset_id, t.tries
"""
_CANDIDATES = """
SELECT id, name, ending
  FROM (SELECT id, name, lower(substring(name FROM '[.]([^./]+)$')) AS ending FROM datafile
         WHERE dataset_id = %(dataset)s AND location IS NOT NULL ORDER BY id LIMIT %(most)s) file
 WHERE ending = ANY(%(endings)s)
 ORDER BY ending = ANY(%(pictures)s), id LIMIT %(tried)s
"""
_DONE = """
UPDATE thumbnail SET content = %(content)s, media_type = %(media_type)s, datafile_id = %(datafile)s, made = now(),
       problem = NULL
 WHERE dataset_id = %(dataset)s
"""
_FAILED = """
UPDATE thumbnail SET problem = %(problem)s, made = CASE WHEN %(final)s THEN 'infinity' ELSE made END
 WHERE dataset_id = %(dataset)s
"""


@dataclass(frozen=True, slots=True)
class Made:
    """A picture, and of which file it is; or why there is none, and whether that is for good."""

    content: bytes = b""
    media_type: str = ""
    datafile: int | None = None
    problem: str = ""
    final: bool = False


async def keep_making(
    database: Database, viewer: Viewer, settings: ViewingSettings, *, follow_s: float = FOLLOW_S
) -> None:
    """Make pictures until cancelled, while nobody else does."""
    while True:
        try:
            async with leadership(database, "thumbnails", follow_s=follow_s) as lead:
                while True:
                    await lead.execute("SELECT")  # fails when the lead is lost
                    if not await make_some(database, viewer, settings):
                        await asyncio.sleep(LOOK_EVERY_S)
        except BeamcatError as error:
            logger().warning("thumbnails have to wait", error=error.message)
        except Exception:
            logger().exception("thumbnails have to wait")
        await asyncio.sleep(PAUSE_S)


async def make_some(database: Database, viewer: Viewer, settings: ViewingSettings) -> int:
    """Make the pictures that are due, as many as are made at the same time; how many were due."""
    async with database.connection() as connection:
        due = await (await connection.execute(_TAKE, [settings.thumbnails_at_once])).fetchall()
    most = settings.thumbnail_tries
    await asyncio.gather(*(_make(database, viewer, dataset, last_try=tries >= most) for dataset, tries in due))
    return len(due)


async def _make(database: Database, viewer: Viewer, dataset: int, *, last_try: bool) -> None:
    async with database.connection() as connection:
        candidates = await _candidates(connection, dataset)
    made = await _made(viewer, dataset, candidates)
    values: dict[str, Any] = {"dataset": dataset}
    async with database.connection() as connection:
        if made.content:
            shown = {"content": made.content, "media_type": made.media_type, "datafile": made.datafile}
            await connection.execute(_DONE, {**values, **shown})
            return
        told = made.problem.replace("\0", "")[:LONGEST_PROBLEM]
        await connection.execute(_FAILED, {**values, "problem": told, "final": made.final or last_try})
    logger().debug("no thumbnail", dataset=dataset, problem=made.problem, final=made.final or last_try)


async def _candidates(connection: Connection, dataset: int) -> list[tuple[int, str, str]]:
    asked = {
        "dataset": dataset,
        "most": FILES_LOOKED_AT,
        "endings": [*HDF5, *PICTURES],
        "pictures": list(PICTURES),
        "tried": FILES_TRIED,
    }
    return [(row[0], row[1], row[2]) for row in await (await connection.execute(_CANDIDATES, asked)).fetchall()]


async def _made(viewer: Viewer, dataset: int, candidates: list[tuple[int, str, str]]) -> Made:
    """The picture of the first file that gives one."""
    problem = Made(problem="no file of it can be shown", final=True)
    for identifier, name, ending in candidates:
        file = FileOf(identifier, name, dataset)
        try:
            shown = await viewer.thumbnail(SERVICE, file, hdf5=ending in HDF5)
        except (NotOnline, RestoreFailed):
            return Made(problem="it is on tape")
        except BeamcatError as error:
            lasting = error.kind in {ErrorKind.VALIDATION, ErrorKind.TOO_LARGE, ErrorKind.FORBIDDEN}
            problem = Made(problem=error.message, final=lasting)
        else:
            return Made(shown.content, shown.media_type, identifier)
    return problem
