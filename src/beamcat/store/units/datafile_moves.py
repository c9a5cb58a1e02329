"""Datafiles as units: the archive holds each under its location. They are moved many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from beamcat.store.frozen import Run
from beamcat.store.selection import Wanted
from beamcat.store.targets.recalling import datafiles_from_replicas
from beamcat.store.units.fingerprints import file_fingerprint, packed_versions
from beamcat.store.units.locks import Locks
from beamcat.store.units.operations import CannotMove, Places, all_of, free_of_locks, kept, note_failure, recall
from beamcat.store.units.queue import Queue
from beamcat.store.units.values import Outcome, Taken

AT_ONCE = 4
"""Files that are copied at a time."""

_THERE = "SELECT id FROM datafile WHERE id = ANY(%s::bigint[]) AND location IS NOT NULL"


@dataclass(frozen=True, slots=True)
class _File:
    """A file as it is in the main storage."""

    run: Run
    place: int

    @property
    def location(self) -> str:
        return self.run.locations[self.place]

    @property
    def size(self) -> int:
        return int(self.run.entries.sizes[self.place])

    @property
    def etag(self) -> str:
        return self.run.entries.etags[self.place].decode()

    @property
    def is_there(self) -> bool:
        return bool(self.etag)

    @property
    def fingerprint(self) -> bytes:
        return file_fingerprint(self.run, self.place)


class DatafileMoves:
    """The operations on datafiles."""

    def __init__(self, places: Places, queue: Queue, locks: Locks) -> None:
        self._places = places
        self._queue = queue
        self._locks = locks
        self._database = queue.database

    async def write(self, units: Sequence[Taken]) -> None:
        """Copy datafiles to the archive."""
        free = await free_of_locks(self._queue, self._locks, units, shared_too=False)
        files = await self._files(free)

        async def copy(unit: Taken) -> Outcome:
            file = files[unit.id]
            if not file.is_there:
                raise CannotMove(f"datafile {unit.id} is not in the main storage")
            pieces = self._places.main.read(file.location, 0, file.size)
            await self._places.archive.put(file.location, all_of(pieces, file.size, file.location), file.size)
            return Outcome(unit, True, file.location, file.fingerprint, size=file.size)

        await self._each([unit for unit in free if unit.id in files], copy)

    async def archive(self, units: Sequence[Taken]) -> None:
        """Remove datafiles from the main storage."""
        again = [unit for unit in units if unit.leaving is not None]
        for unit in again:
            await self._places.remove(unit.leaving or b"", "datafile", [each.id for each in again])
        await self._queue.done([kept(unit, online=False) for unit in again])
        rest = [unit for unit in units if unit.leaving is None]
        free = await free_of_locks(self._queue, self._locks, rest, shared_too=True)
        files = await self._files(free)
        units = [unit for unit in free if unit.id in files]
        await self._queue.done([kept(unit, online=False) for unit in units if not files[unit.id].is_there])
        there = [unit for unit in units if files[unit.id].is_there]
        copied = [unit for unit in there if not unit.marked and unit.copied == files[unit.id].fingerprint]
        names = [unit.copy for unit in copied if unit.copy is not None]
        lost = (await self._places.archive.ready(names)).lost if names else {}
        safe = [unit for unit in copied if unit.copy is not None and unit.copy not in lost]
        safe_ids = {unit.id for unit in safe}
        await self._queue.write_first([unit for unit in there if unit.id not in safe_ids])
        leaving = {unit.id: packed_versions([(files[unit.id].location, files[unit.id].etag)]) for unit in safe}
        ours = await self._queue.leave(safe, list(leaving.values()))
        going = [unit for unit in safe if unit.id in ours]
        versions = [(files[unit.id].location, files[unit.id].etag) for unit in going]
        if versions:
            await self._places.remove(packed_versions(versions), "datafile", [unit.id for unit in going])
        await self._queue.done([kept(unit, online=False) for unit in going])

    async def restore(self, units: Sequence[Taken]) -> None:
        """Bring datafiles back."""
        free = await free_of_locks(self._queue, self._locks, units, shared_too=False)
        files = await self._files(free)
        units = [unit for unit in free if unit.id in files]
        await self._queue.done([kept(unit, online=True) for unit in units if files[unit.id].is_there])
        absent = [unit for unit in units if not files[unit.id].is_there]
        brought = await datafiles_from_replicas(self._places, absent, files)
        await self._queue.done(await self._seen_again([kept(unit, online=True) for unit in brought]))
        units = [unit for unit in absent if unit not in brought]
        copies = {unit.copy or files[unit.id].location: unit for unit in units if not files[unit.id].is_there}
        twice = [unit for unit in units if not files[unit.id].is_there and unit not in copies.values()]
        await self._queue.give_back(twice)  # of another datafile with the same bytes, which will then be there

        async def fetch(unit: Taken) -> Outcome:
            name, location = unit.copy or files[unit.id].location, files[unit.id].location
            await self._places.main.put_at(location, self._places.archive.read(name))
            return kept(unit, online=True)

        async def bring(ready: Sequence[Taken]) -> None:
            await self._each(ready, fetch, look_again=True)

        if copies:
            await recall(self._places, self._queue, copies, bring)

    async def delete(self, units: Sequence[Taken]) -> None:
        """Remove datafiles from the archive that are gone from the catalogue."""
        there = await self._there(units)
        await self._queue.done([kept(unit, online=unit.online) for unit in units if unit.id in there])
        gone = [unit for unit in units if unit.id not in there]
        names = [unit.copy for unit in gone if unit.copy is not None]
        if names:
            await self._places.archive.delete(names)
        await self._queue.remove(gone)

    async def _each(
        self, units: Sequence[Taken], work: Callable[[Taken], Awaitable[Outcome]], *, look_again: bool = False
    ) -> None:
        """Do it to some units at a time, and write down how each of them has ended."""
        for first in range(0, len(units), AT_ONCE):
            some = units[first : first + AT_ONCE]
            results = await asyncio.gather(*map(work, some), return_exceptions=True)
            done = [result for result in results if isinstance(result, Outcome)]
            ours = await self._queue.done(await self._seen_again(done) if look_again else done)
            for outcome in done if look_again else ():
                if outcome.unit.id not in ours:
                    await self._queue.unsure(outcome.unit)
            for unit, result in zip(some, results, strict=True):
                if isinstance(result, Exception):
                    await note_failure(self._queue, unit, result)
                elif isinstance(result, BaseException):
                    raise result

    async def _seen_again(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The outcomes with what is now in the main storage, which is what the archive has."""
        files = await self._files([outcome.unit for outcome in outcomes])
        return [
            Outcome(outcome.unit, True, outcome.copy or file.location, file.fingerprint, size=file.size)
            for outcome in outcomes
            if (file := files.get(outcome.unit.id)) is not None
        ]

    async def _files(self, units: Sequence[Taken]) -> dict[int, _File]:
        """The files of units, by id; units that are gone from the catalogue are forgotten."""
        there = sorted(await self._there(units))
        await self._queue.remove([unit for unit in units if unit.id not in there])
        if not there:
            return {}
        runs, _ = await self._places.look(Wanted(datafiles=tuple(there)))
        return {int(run.ids[place]): _File(run, place) for run in runs for place in range(len(run))}

    async def _there(self, units: Sequence[Taken]) -> set[int]:
        async with self._database.connection() as connection:
            rows = await connection.execute(_THERE, ([unit.id for unit in units],))
            return {identifier for (identifier,) in await rows.fetchall()}
