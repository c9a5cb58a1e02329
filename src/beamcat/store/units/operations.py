"""What is done to the bytes of units, and what both sorts of units have in common. All of it may be done twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from zipfile import BadZipFile

from beamcat.database.pool import Database
from beamcat.errors import BeamcatError, ErrorKind
from beamcat.observability.logs import logger
from beamcat.store.archives.entries import UNKNOWN_CRC, Integers, integers
from beamcat.store.digests.values import FileVersion
from beamcat.store.freezing import Freezing
from beamcat.store.frozen import Run
from beamcat.store.measuring import Findings, Looking
from beamcat.store.selection import Selections, Wanted
from beamcat.store.sending import Sender
from beamcat.store.storage.contract import ArchiveStorage, HasVolumes, MainStorage, NoSuchData, StorageFull
from beamcat.store.units.fingerprints import unpacked_versions
from beamcat.store.units.locks import Locks
from beamcat.store.units.queue import Queue
from beamcat.store.units.transitions import Kind, Operation
from beamcat.store.units.values import Outcome, Taken

if TYPE_CHECKING:
    from beamcat.store.targets.replicas import Replicas

RESTORE_TRIES = 3
"""Times that a restore is tried before its unit is flagged."""
BUSY_PAUSE = timedelta(seconds=1)
"""When an operation is tried again that a lock has held off."""


# A location is followed by a blank and its digest where locations are signed.
_SHARED = {
    kind: f"""
SELECT w.location FROM unnest(%(locations)s::text[]) AS w (location)
 WHERE EXISTS (SELECT FROM datafile f LEFT JOIN unit u ON u.kind = '{kind}' AND u.id = {unit}
                WHERE f.location = w.location AND NOT {unit} = ANY(%(units)s) AND u.online IS NOT FALSE)
    OR EXISTS (SELECT FROM datafile f LEFT JOIN unit u ON u.kind = '{kind}' AND u.id = {unit}
                WHERE f.location > w.location || ' ' AND f.location < w.location || '!'
                  AND length(f.location) = length(w.location) + 65
                  AND NOT {unit} = ANY(%(units)s) AND u.online IS NOT FALSE)
"""  # noqa: S608
    for kind, unit in (("dataset", "f.dataset_id"), ("datafile", "f.id"))
}


class CannotMove(BeamcatError):
    """A unit is not in a state to be moved; it is tried again."""

    kind = ErrorKind.INTERNAL


class BadCopy(BeamcatError):
    """The copy in the archive is not that of the unit; it is no use to try again."""

    kind = ErrorKind.INTERNAL


@dataclass(frozen=True, slots=True)
class Places:
    """Between what bytes are moved, and what is needed for that. `scratch` has room for the largest unit."""

    database: Database
    main: MainStorage
    archive: ArchiveStorage
    selections: Selections
    sender: Sender
    scratch: Path
    strict: bool = True
    backslash_separates: bool = False
    poll_s: float = 2.0
    replicas: Replicas | None = None

    async def look(self, wanted: Wanted) -> tuple[list[Run], Findings]:
        """The files of the catalogue, as they are in the main storage; absent ones have no etag."""
        looking = Looking(self.main, _no_crcs)
        freezing = Freezing(backslash_separates=self.backslash_separates)
        async with self.selections.select(None, wanted) as selected:
            frozen = [run async for run in freezing.runs(selected)]
        return [await looking.look(run) for run in frozen], looking.findings

    async def remove(self, leaving: bytes, kind: Kind, units: Sequence[int]) -> None:
        """Remove the files of units from the main storage, those that are still of the version that is to be removed.

        Bytes stay that other datafiles have, too, unless those are of units that are in the archive only.
        """
        versions = unpacked_versions(leaving)
        locations = [location for location, _ in versions]
        params = {"locations": locations, "units": list(units)}
        async with self.database.connection() as connection:
            cursor = await connection.execute(_SHARED[kind], params)
            shared = {location for (location,) in await cursor.fetchall()}
        stats = await self.main.stat(locations)
        found = zip(versions, stats, strict=True)
        same = [location for (location, etag), stat in found if stat is not None and stat.etag == etag]
        await self.main.delete([location for location in same if location not in shared])


async def _no_crcs(files: Sequence[FileVersion], _checksums: Sequence[str]) -> Integers:
    """A copy tells the CRC-32s of the bytes that went into it, and not what anybody says of them."""
    return integers([UNKNOWN_CRC] * len(files))


class Moves(Protocol):
    """The operations on one sort of units. Each ends every unit it is given, or raises for all of them."""

    async def write(self, units: Sequence[Taken]) -> None:
        """Copy them to the archive."""
        ...

    async def archive(self, units: Sequence[Taken]) -> None:
        """Remove them from the main storage, if the archive has the very bytes."""
        ...

    async def restore(self, units: Sequence[Taken]) -> None:
        """Bring them back to the main storage."""
        ...

    async def delete(self, units: Sequence[Taken]) -> None:
        """Remove them from the archive."""
        ...


async def perform(moves: Moves, queue: Queue, units: Sequence[Taken]) -> None:
    """Do what is to be done to units that were taken together; whatever goes wrong is written down."""
    work = {
        Operation.WRITE: moves.write,
        Operation.ARCHIVE: moves.archive,
        Operation.RESTORE: moves.restore,
        Operation.DELETE: moves.delete,
    }[units[0].operation]
    try:
        await work(units)
    except asyncio.CancelledError:
        raise
    except Exception as error:
        for unit in units:
            await note_failure(queue, unit, error)


async def note_failure(queue: Queue, unit: Taken, error: Exception) -> None:
    """Write down that an operation failed: to be tried again, or, for a restore that is hopeless, as its failure."""
    reason = error.message if isinstance(error, BeamcatError) else f"{type(error).__name__}: {error}"
    known = isinstance(error, (BeamcatError, OSError, BadZipFile))
    say = logger().warning if known else logger().exception
    say("an operation on a unit failed", operation=unit.operation, unit=unit.id, error=reason, tries=unit.attempts + 1)
    hopeless = isinstance(error, (BadCopy, BadZipFile, NoSuchData))
    given_up = unit.attempts + 1 >= RESTORE_TRIES and not isinstance(error, StorageFull)  # there may be room later
    if unit.operation is Operation.RESTORE and (hopeless or given_up):
        await queue.done([kept(unit, online=False, failure=reason, problem=reason)])
    else:
        await queue.failed(unit, reason)


def kept(unit: Taken, *, online: bool | None, failure: str | None = None, problem: str | None = None) -> Outcome:
    """The outcome of an operation that has not changed the copy in the archive."""
    return Outcome(unit, online, unit.copy, unit.copied, unit.attempt, failure=failure, problem=problem)


async def free_of_locks(queue: Queue, locks: Locks, units: Sequence[Taken], *, shared_too: bool) -> list[Taken]:
    """Those units whose datasets nobody has locked since they were taken; the others are put back."""
    locked = await locks.locked([unit.dataset_id for unit in units], shared_too=shared_too)
    await queue.give_back([unit for unit in units if unit.dataset_id in locked], BUSY_PAUSE)
    return [unit for unit in units if unit.dataset_id not in locked]


Bring = Callable[[Sequence[Taken]], Awaitable[None]]
"""Brings back units that can be read from the archive."""


async def recall(places: Places, queue: Queue, copies: dict[str, Taken], bring: Bring) -> None:
    """Ask the archive for copies, by name, and bring each unit back when it can be read. Failures are written down.

    Those that are cancelled meanwhile are let go.
    """
    waiting = dict(copies)
    try:
        await places.archive.request(await _by_volume(places.archive, list(waiting)))
        while waiting:
            ours = await queue.ours(list(waiting.values()))
            cancelled = [name for name, unit in waiting.items() if unit.id not in ours]
            if cancelled:
                await places.archive.release(cancelled)
                waiting = {name: unit for name, unit in waiting.items() if unit.id in ours}
                continue
            known = await places.archive.ready(list(waiting))
            for name, reason in known.lost.items():
                await note_failure(queue, waiting.pop(name), BadCopy(f"the archive cannot give {name}: {reason}"))
            ready = [name for name in waiting if name not in known.waiting]
            if ready:
                units = [waiting.pop(name) for name in ready]
                await bring(units)
                await places.archive.release(ready)
            elif waiting:
                told = {name: seconds for name, seconds in known.waiting.items() if seconds is not None}
                await queue.expect([waiting[name] for name in told], list(told.values()))
                await asyncio.sleep(places.poll_s)
    except asyncio.CancelledError:
        raise
    except Exception as error:
        for unit in waiting.values():
            await note_failure(queue, unit, error)


async def _by_volume(archive: ArchiveStorage, names: list[str]) -> list[str]:
    """The names in the order of the tapes they are on, where the archive knows that."""
    if not isinstance(archive, HasVolumes):
        return names
    volumes = await archive.volumes(names)
    return [name for _, name in sorted(zip([volume or "" for volume in volumes], names, strict=True))]


async def all_of(pieces: AsyncIterator[bytes], size: int, what: str) -> AsyncIterator[bytes]:
    """The pieces; raises `CannotMove` at the end when they are not so many bytes."""
    passed = 0
    async for piece in pieces:
        passed += len(piece)
        yield piece
    if passed != size:
        raise CannotMove(f"{what} has {passed} bytes, and not {size}")
