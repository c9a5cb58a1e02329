"""Where all texts of an entity are, ready to be compared with a place: a file that all workers of a machine share.

The file is made from the database when it is first needed. What was read since is kept beside it in memory, and when
that has become much, a new file takes its place. Files of a former state are removed; who has one open keeps it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncServerCursor

from beamcat.database.pool import Connection, Database
from beamcat.search.meanings.model import Vectors
from beamcat.search.meanings.shelf import unpacked
from beamcat.search.meanings.texts import PARTS, Key

CHECKED_EVERY_S = 1.0
LOOK_S = 0.1
"""How often it is looked whether another process has made the file."""
BESIDE = 5_000
"""Texts beside the file, above which a new one is made."""
ROWS_AT_ONCE = 5_000
FIRST_BLOCK = 100
BLOCKS_GROW = 8
LARGEST_BLOCK = 5_000

_VECTORS, _IDS, _PARTS = "vectors.npy", "ids.npy", "parts.npy"


@dataclass(frozen=True)
class _Rows:
    """Texts in any order: `parts` are numbers of the parts of the entity, `stands` is false for what has changed."""

    ids: NDArray[np.int64]
    parts: NDArray[np.int8]
    vectors: Vectors
    stands: NDArray[np.bool_]


class Matrix:
    """The texts of one entity, as one model has read them."""

    def __init__(self, database: Database, folder: Path, model: str, entity: str, size: int) -> None:
        self._database, self._model, self._entity, self._size = database, model, entity, size
        self._folder = folder
        self._names = tuple(PARTS[entity])
        self._base: _Rows | None = None
        self._base_at = self._at = -1
        self._beside: dict[Key, Vectors | None] = {}
        self._rows: tuple[_Rows, ...] = ()
        self._checked = float("-inf")
        self._refreshing: asyncio.Task[None] | None = None

    async def refresh(self) -> None:
        """Take in what was read by about a second ago.

        It goes on when who waits for it has no more time, so that a file that takes long to make is made in the end.
        """
        if self._refreshing is None or self._refreshing.done():
            if self._base is not None and time.monotonic() - self._checked < CHECKED_EVERY_S:
                return
            self._refreshing = asyncio.create_task(self._refresh())
            self._refreshing.add_done_callback(_look_at_its_error)
        await asyncio.shield(self._refreshing)

    async def close(self) -> None:
        """Leave what is being made."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)

    async def _refresh(self) -> None:
        async with self._database.snapshot() as connection:
            if self._base is None:
                await self._open(connection)
            if not await self._add(connection):
                await self._make(connection)
        self._checked = time.monotonic()

    def closest(self, place: Vectors) -> Iterator[list[tuple[Key, float]]]:
        """Texts and how close they are to a place, the closest first, in blocks that grow. Takes a processor."""
        parts = self._rows
        close = np.concatenate([np.where(rows.stands, rows.vectors @ place, -1) for rows in parts])
        ids = np.concatenate([rows.ids for rows in parts])
        kinds = np.concatenate([rows.parts for rows in parts])
        told, block = 0, FIRST_BLOCK
        while told < len(close):
            upto = min(len(close), told + block)
            best = np.argpartition(-close, upto - 1)[:upto] if upto < len(close) else np.arange(len(close))
            best = best[np.lexsort((best, -close[best]))][told:]
            yield [(Key(int(ids[row]), self._names[kinds[row]]), float(close[row])) for row in best]
            told, block = upto, min(LARGEST_BLOCK, block * BLOCKS_GROW)

    async def _add(self, connection: Connection) -> bool:
        """Take in what is newer. False if that is so much that a file is better."""
        cursor = await connection.execute(
            "SELECT entity_id, part, vector, stamp FROM meaning WHERE model = %s AND entity = %s AND stamp > %s"
            " ORDER BY stamp LIMIT %s",
            [self._model, self._entity, self._at, BESIDE + 1],
        )
        rows = await cursor.fetchall()
        if len(self._beside) + len(rows) > BESIDE:
            return False
        if rows:
            self._beside.update({Key(id_, part): vector and unpacked(vector) for id_, part, vector, _ in rows})
            self._at = rows[-1][3]
            await asyncio.to_thread(self._arrange)
        return True

    def _arrange(self) -> None:
        there = [(key, vector) for key, vector in self._beside.items() if vector is not None]
        beside = _Rows(
            np.array([key.id for key, _ in there], dtype=np.int64),
            np.array([self._names.index(key.part) for key, _ in there], dtype=np.int8),
            np.array([vector for _, vector in there], dtype=np.float32).reshape(-1, self._size),
            np.ones(len(there), dtype=np.bool_),
        )
        base = self._base
        assert base is not None
        several = len(self._names)
        changed = np.array([key.id * several + self._names.index(key.part) for key in self._beside], dtype=np.int64)
        stands = np.isin(base.ids * several + base.parts, changed, invert=True)
        self._rows = (_Rows(base.ids, base.parts, base.vectors, stands), beside)

    async def _open(self, connection: Connection) -> None:
        """Open the newest file, or make one."""
        found = max(self._files(), default=None)
        if found is None:
            await self._make(connection)
        else:
            self._use(found)

    async def _make(self, connection: Connection) -> None:
        """Make a file of all there is; while another process makes one, wait and take that."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as lock:
            await _locked(lock)
            newest = max(self._files(), default=-1)
            if newest > self._base_at:
                self._use(newest)
                return
            cursor = await connection.execute(
                "SELECT coalesce(max(stamp), 0), count(vector) FROM meaning WHERE model = %s AND entity = %s",
                [self._model, self._entity],
            )
            row = await cursor.fetchone()
            assert row is not None
            stamp, count = row
            making = self._folder / "making"
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            await self._write(connection, making, count)
            await asyncio.to_thread(making.rename, self._folder / str(stamp))
            for older in self._files():
                if older < stamp:
                    await asyncio.to_thread(shutil.rmtree, self._folder / str(older), ignore_errors=True)
            self._use(stamp)

    async def _write(self, connection: Connection, folder: Path, count: int) -> None:
        ids, parts = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int8)
        # a file of no rows cannot be mapped
        vectors = np.lib.format.open_memmap(
            folder / _VECTORS, mode="w+", dtype=np.float32, shape=(max(1, count), self._size)
        )
        done = 0
        async with AsyncServerCursor(connection, "meanings") as cursor:
            await cursor.execute(
                "SELECT entity_id, part, vector FROM meaning"
                " WHERE model = %s AND entity = %s AND vector IS NOT NULL ORDER BY entity_id, part",
                [self._model, self._entity],
                binary=True,
            )
            while rows := await cursor.fetchmany(ROWS_AT_ONCE):
                upto = done + len(rows)
                ids[done:upto] = [row[0] for row in rows]
                parts[done:upto] = [self._names.index(row[1]) for row in rows]
                joined = b"".join(row[2] for row in rows)
                vectors[done:upto] = np.frombuffer(joined, dtype="<f2").reshape(len(rows), self._size)
                done = upto
        await asyncio.to_thread(_keep, folder, ids, parts, vectors)

    def _files(self) -> list[int]:
        """The files there are, by the stamps up to which they hold everything."""
        if not self._folder.is_dir():
            return []
        return [int(each.name) for each in self._folder.iterdir() if each.name.isdigit()]

    def _use(self, stamp: int) -> None:
        folder = self._folder / str(stamp)
        ids = np.load(folder / _IDS)
        vectors = np.load(folder / _VECTORS, mmap_mode="r")[: len(ids)]
        self._base = _Rows(ids, np.load(folder / _PARTS), vectors, np.ones(len(ids), dtype=np.bool_))
        self._base_at = self._at = stamp
        self._beside, self._rows = {}, (self._base,)


def _look_at_its_error(task: asyncio.Task[None]) -> None:
    """Who waited may have gone; the next one is told of an error that lasts."""
    if not task.cancelled():
        task.exception()


async def _locked(file: IO[str]) -> None:
    """Wait until no other process holds the file, then hold it until it is closed."""
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(LOOK_S)
        else:
            return


def _keep(folder: Path, ids: NDArray[np.int64], parts: NDArray[np.int8], vectors: np.memmap) -> None:
    """Bring all to the disk, so that the name the folder gets stands for what is in it."""
    vectors.flush()
    for name, values in ((_IDS, ids), (_PARTS, parts)):
        with (folder / name).open("wb") as file:
            np.save(file, values)
            file.flush()
            os.fsync(file.fileno())
