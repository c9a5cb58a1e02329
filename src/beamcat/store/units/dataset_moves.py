"""Datasets as units: the archive holds each as one ZIP file, with the names that downloads have (A.7)."""

from __future__ import annotations

import asyncio
import tempfile
import zipfile
from collections import Counter
from collections.abc import AsyncIterator, Container, Sequence
from typing import IO

from beamcat.errors import NoSuchObject
from beamcat.observability.logs import logger
from beamcat.store.frozen import Run
from beamcat.store.measuring import InMemory, layout_for
from beamcat.store.selection import Wanted
from beamcat.store.targets.recalling import dataset_from_replicas
from beamcat.store.units.fingerprints import fingerprint, packed_versions
from beamcat.store.units.locks import Locks
from beamcat.store.units.operations import (
    BadCopy,
    CannotMove,
    Places,
    free_of_locks,
    kept,
    note_failure,
    recall,
)
from beamcat.store.units.queue import Queue
from beamcat.store.units.values import Outcome, Taken

PIECE = 1 << 20
"""Bytes that are unpacked at a time."""
MOST_NAMED = 5
"""Entries that a failure names."""
FOLDERS = 5
"""Of the name of an entry; what follows is the name of the datafile."""


class DatasetMoves:
    """The operations on datasets."""

    def __init__(self, places: Places, queue: Queue, locks: Locks) -> None:
        self._places = places
        self._queue = queue
        self._locks = locks

    async def write(self, units: Sequence[Taken]) -> None:
        """Copy datasets to the archive, each to a new name; then remove what was there."""
        for unit in await free_of_locks(self._queue, self._locks, units, shared_too=False):
            try:
                await self._write(unit)
            except NoSuchObject:
                await self._queue.remove([unit])
            except Exception as error:  # of one unit, and written down as its problem
                await note_failure(self._queue, unit, error)

    async def archive(self, units: Sequence[Taken]) -> None:
        """Remove datasets from the main storage."""
        for unit in await free_of_locks(self._queue, self._locks, units, shared_too=True):
            try:
                await self._archive(unit)
            except NoSuchObject:
                await self._queue.remove([unit])
            except Exception as error:  # of one unit, and written down as its problem
                await note_failure(self._queue, unit, error)

    async def restore(self, units: Sequence[Taken]) -> None:
        """Bring datasets back."""
        copies, runs = {}, {}
        for unit in await free_of_locks(self._queue, self._locks, units, shared_too=True):
            try:
                found, findings = await self._places.look(Wanted(datasets=(unit.id,)))
                if findings.absent_count == 0:
                    await self._queue.done([kept(unit, online=True if findings.files else None)])
                    continue
                if outcome := await dataset_from_replicas(self._places, unit, found):
                    await self._queue.done([outcome])
                    continue
                copies[unit.copy or await self._usual_name(unit)] = unit
                runs[unit.id] = found
            except NoSuchObject:
                await self._queue.remove([unit])

        async def bring(ready: Sequence[Taken]) -> None:
            for unit in ready:
                try:
                    await self._unpack(unit, unit.copy or await self._usual_name(unit), runs[unit.id])
                except asyncio.CancelledError:
                    raise
                except Exception as error:  # of one unit, and written down as its problem
                    await note_failure(self._queue, unit, error)

        if copies:
            await recall(self._places, self._queue, copies, bring)

    async def delete(self, units: Sequence[Taken]) -> None:
        """Nobody asks for it: a dataset without files is removed by a WRITE."""
        await self._queue.done([kept(unit, online=unit.online) for unit in units])

    async def _usual_name(self, unit: Taken) -> str:
        """Where other data services put datasets."""
        async with self._places.selections.select(None, Wanted(datasets=(unit.id,))) as selected:
            return f"{selected.datasets[unit.id].investigation_id}/{unit.id}"

    async def _write(self, unit: Taken) -> None:
        archive = self._places.archive
        if unit.attempt is not None and unit.attempt != unit.copy:
            await archive.delete([unit.attempt])
        runs, findings = await self._places.look(Wanted(datasets=(unit.id,)))
        if findings.absent_count:
            raise CannotMove(f"{findings.absent_count} files of dataset {unit.id} are not in the main storage")
        if findings.files == 0:
            ours = await self._queue.done([Outcome(unit, None, attempt=unit.copy)])
        else:
            kept_runs = InMemory(runs)
            measured = kept_runs.measured(layout_for("zip", findings))
            name = f"{await self._usual_name(unit)}-{unit.ticket.hex[:8]}.zip"
            if not await self._queue.attempt(unit, name):
                return
            pieces = self._places.sender.archive(measured, kept_runs.load, 0, measured.size, lambda *_learned: None)
            await archive.put(name, pieces, measured.size)
            copied = fingerprint(runs)
            outcome = Outcome(unit, True, name, copied, attempt=unit.copy, size=findings.size)
            ours = await self._queue.done([outcome])
            if not ours:  # another worker has taken it over, and does not know of this copy
                await archive.delete([name])
        if ours and unit.copy is not None:
            await archive.delete([unit.copy])
            await self._queue.attempt_is_gone(unit, unit.copy)

    async def _archive(self, unit: Taken) -> None:
        if unit.leaving is not None:
            await self._places.remove(unit.leaving, "dataset", [unit.id])
            await self._queue.done([kept(unit, online=False)])
            return
        runs, findings = await self._places.look(Wanted(datasets=(unit.id,)))
        if findings.files == 0:
            await self._queue.done([kept(unit, online=None)])
        elif findings.absent_count == findings.files:
            await self._queue.done([kept(unit, online=False)])
        elif findings.absent_count:
            problem = f"{findings.absent_count} files are not in the main storage, the others stay there"
            logger().warning("a dataset is not archived", dataset=unit.id, problem=problem)
            await self._queue.done([kept(unit, online=False, problem=problem)])
        elif not await self._is_copied(unit, runs):
            await self._queue.write_first([unit])
        else:
            versions = [
                (location, etag.decode())
                for run in runs
                for location, etag in zip(run.locations, run.entries.etags, strict=True)
            ]
            leaving = packed_versions(versions)
            if await self._queue.leave([unit], [leaving]):
                await self._places.remove(leaving, "dataset", [unit.id])
                await self._queue.done([kept(unit, online=False)])

    async def _is_copied(self, unit: Taken, runs: Sequence[Run]) -> bool:
        if unit.marked or unit.copy is None or unit.copied != fingerprint(runs):
            return False
        return not (await self._places.archive.ready([unit.copy])).lost

    async def _unpack(self, unit: Taken, name: str, runs: Sequence[Run]) -> None:
        """Put the files that are absent where the catalogue says; all of them, or none."""
        with tempfile.TemporaryFile(dir=self._places.scratch) as spooled:
            async for piece in self._places.archive.read(name):
                await asyncio.to_thread(spooled.write, piece)
            copy = await asyncio.to_thread(zipfile.ZipFile, spooled)
            expected = {
                _short(entry.decode()): (run, place) for run in runs for place, entry in enumerate(run.entries.names)
            }
            entries = {_short(info.filename): info for info in copy.infolist() if not info.is_dir()}
            absent = {short for short, (run, place) in expected.items() if not run.entries.etags[place]}
            problem = _problem(copy, expected.keys(), absent - entries.keys())
            if problem and self._places.strict:
                raise BadCopy(problem)
            put: list[str] = []
            try:
                for short in sorted(absent & entries.keys()):
                    run, place = expected[short]
                    put.append(run.locations[place])
                    info = entries[short]
                    await self._places.main.put_at(run.locations[place], _entry(copy, info), info.file_size)
            except Exception:
                await self._places.main.delete(put)
                raise
        if problem:
            logger().warning("a dataset was restored in part", dataset=unit.id, problem=problem)
        now, findings = await self._places.look(Wanted(datasets=(unit.id,)))
        whole = not problem and len(absent) == len(expected) == findings.files
        copied = fingerprint(now) if whole else None
        outcome = Outcome(
            unit, True, unit.copy or name, copied, unit.attempt, findings.size, None, problem, findings.absent_count
        )
        if not await self._queue.done([outcome]):
            await self._queue.unsure(unit)


def _short(name: str) -> str:
    """The name of a datafile from that of its entry."""
    return name.split("/", FOLDERS)[-1]


def _problem(copy: zipfile.ZipFile, expected: Container[str], missing: set[str]) -> str | None:
    counts = Counter(_short(info.filename) for info in copy.infolist() if not info.is_dir())
    found = {
        "there twice": sorted(name for name, count in counts.items() if count > 1),
        "unknown": sorted(name for name in counts if name not in expected),
        "missing": sorted(missing),
    }
    said = [f"{', '.join(names[:MOST_NAMED])} ({len(names)}) {what}" for what, names in found.items() if names]
    return f"the copy in the archive is not that of the dataset: {'; '.join(said)}" if said else None


async def _entry(copy: zipfile.ZipFile, info: zipfile.ZipInfo) -> AsyncIterator[bytes]:
    """The bytes of an entry; raises `BadZipFile` at the end when they are not the right ones."""
    source: IO[bytes] = await asyncio.to_thread(copy.open, info)
    try:
        while piece := await asyncio.to_thread(source.read, PIECE):
            yield piece
    finally:
        source.close()
