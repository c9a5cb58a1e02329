"""What the data service asks of two-level storage: how data stand, and that they come and go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from contextlib import aclosing
from typing import Any
from uuid import UUID

import numpy as np

from beamcat.access.caller import Caller
from beamcat.database.pool import Connection
from beamcat.errors import BeamcatError
from beamcat.observability.logs import logger
from beamcat.protection.refusals import OverRestoreBudget
from beamcat.store.frozen import Run
from beamcat.store.prepared import Prepared, PreparedDownloads
from beamcat.store.selection import Selected, Selections, Wanted
from beamcat.store.storage.contract import MainStorage
from beamcat.store.units.locks import Locks, Reading
from beamcat.store.units.progress import Progress, progress, waiting_s
from beamcat.store.units.queue import Queue
from beamcat.store.units.status import (
    ARCHIVED,
    LONGEST_RETRY_S,
    ONLINE,
    RESTORING,
    NotOnline,
    RestoreFailed,
    Standing,
    standing,
)
from beamcat.store.units.transitions import DELETE, RESTORE, WRITE, Kind, Operation
from beamcat.store.units.values import Gone, Units
from beamcat.store.units.whereabouts import Whereabouts, whereabouts

UNITS_AT_ONCE = 10_000
"""Units of one question."""
EXAMINED_AT_ONCE = 100
"""Datasets that are looked at together."""
PREPARED_BUDGET_S = 0.5
"""How long `is_prepared` looks before it says no for the time being."""
NOTED_FOR_S = 3600.0
"""How often it is written down that a unit is read."""

_RESTORED = """
SELECT EXISTS (SELECT FROM prepared p JOIN unit u ON u.dataset_id = ANY(p.datasets)
                WHERE p.id = %s AND u.restored >= p.measured)
"""


class TwoLevels:
    """Main storage and archive."""

    def __init__(
        self,
        queue: Queue,
        locks: Locks,
        selections: Selections,
        prepared: PreparedDownloads,
        main: MainStorage,
    ) -> None:
        self.queue = queue
        self.locks = locks
        self._database = queue.database
        self._selections = selections
        self._prepared = prepared
        self._main = main
        self._tasks: set[asyncio.Task[None]] = set()
        self._scanned: dict[UUID, int] = {}
        self._noted: dict[int, float] = {}

    @property
    def kind(self) -> Kind:
        """What the units are."""
        return self.queue.kind

    async def units(self, selected: Selected) -> AsyncGenerator[Units, None]:
        """The units of a selection, some thousand at a time."""
        if self.kind == "dataset":
            async for units in self._datasets(sorted(selected.datasets)):
                yield units
        else:
            async for files in selected.files():
                yield Units([file.id for file in files], [file.dataset_id for file in files])

    async def units_of_prepared(self, prepared: Prepared) -> AsyncGenerator[Units, None]:
        """The units of a prepared download, some thousand at a time."""
        if self.kind == "dataset":
            async for units in self._datasets(prepared.datasets):
                yield units
        else:
            for number in range(prepared.runs):
                yield self.units_of_run(await self._prepared.run(prepared.id, number))

    def units_of_run(self, run: Run) -> Units:
        """The units that the files of a run are, or lie in."""
        if self.kind == "datafile":
            return Units(run.ids.tolist(), run.datasets.tolist())
        datasets = np.unique(run.datasets).tolist()
        return Units(datasets, datasets)

    async def status(self, units: AsyncIterator[Units]) -> str:
        """`ONLINE`, `RESTORING` or `ARCHIVED`. Raises `RestoreFailed`. Restores nothing."""
        words = set()
        async for some in units:
            known = await self._known(some)
            if known.failed:
                raise RestoreFailed
            words.add(known.word)
        return next((word for word in (ARCHIVED, RESTORING) if word in words), ONLINE)

    async def whereabouts(self, things: Sequence[tuple[str, int]]) -> list[Whereabouts]:
        """Where the data of investigations, datasets and datafiles are, each by its kind and id, in their order."""
        return await whereabouts(self.queue.database, self.kind, things)

    async def require_online(self, units: Units, reading: Reading, user_name: str) -> None:
        """Raise `NotOnline` unless all can be read now, and have what is missing restored; or `RestoreFailed`."""
        known = await self._known(units)
        if known.failed:
            raise RestoreFailed
        if known.offline:
            wanted = [*known.absent, *(known.going if reading.keeps else ())]
            if reading.restores and wanted:
                await self.queue.request(RESTORE, units.of(wanted), user_name)
                known = await standing(self._database, self.kind, units.ids)
            raise NotOnline(known.offline, await self._retry_after_s(known, units))

    async def missing(self, units: Units, reading: Reading, user_name: str) -> bool:
        """Files of these units turned out to be absent although they were thought to be there; whether they may come.

        Then `NotOnline` is raised. Nothing can be done about units that were restored in part.
        """
        gone = await self.queue.gone(units.ids)
        if gone:
            await self.require_online(units, reading, user_name)
        return bool(gone)

    async def note_access(self, units: Units) -> None:
        """Write down that units are read now."""
        now = time.monotonic()
        new = [each for each in units.ids if now - self._noted.get(each, -NOTED_FOR_S) >= NOTED_FOR_S]
        if not new:
            return
        if len(self._noted) > UNITS_AT_ONCE * 10:
            self._noted.clear()
        self._noted.update(dict.fromkeys(new, now))
        await self.queue.accessed(units.of(new))

    async def request(self, operation: Operation, units: AsyncIterator[Units], caller: Caller) -> None:
        """Ask for something to be done to units. A WRITE needs all of them online, and restores none of them."""
        asked = [some async for some in units]
        if operation is WRITE:
            for some in asked:
                await self.require_online(some, Reading(None, restores=False), caller.name)
        for some in asked:
            await self.queue.request(operation, some, caller.name)

    async def changing(self, datasets: Sequence[int], user_name: str, *, exclusive: bool = False) -> UUID:
        """Lock datasets to which files are added, or from which they go if it is `exclusive`; for `locks.release`.

        Raises `Busy`. With datasets as units, one that is not online is restored, and `NotOnline` raised.
        """
        if self.kind == "dataset":
            async for units in self._datasets(datasets):
                await self.require_online(units, Reading(None, keeps=False), user_name)
        return await self.locks.acquire(datasets, exclusive=exclusive)

    async def announce(self, datasets: Sequence[int], user_name: str) -> None:
        """Files of datasets are about to come or go: a dataset that is a unit is marked before that happens."""
        if self.kind == "dataset":
            await self.queue.request(WRITE, Units(datasets, datasets), user_name)

    async def created(self, connection: Connection, datafile: int, dataset: int, user_name: str) -> None:
        """A datafile is made in this transaction that the archive does not have: as a unit, it is to be written."""
        if self.kind == "datafile":
            await self.queue.request_write(connection, Units([datafile], [dataset]), user_name)

    async def deleted(self, files: Sequence[Gone], user_name: str) -> None:
        """Files are gone from catalogue and main storage, and nobody else has their bytes: the archive follows."""
        if not files:
            return
        if self.kind == "dataset":
            await self.announce(sorted({file.dataset_id for file in files}), user_name)
        else:
            files = sorted(files, key=lambda file: file.id)
            copies = [file.location for file in files]
            units = Units([file.id for file in files], [file.dataset_id for file in files], copies)
            await self.queue.request(DELETE, units, user_name)

    async def reset(self, units: AsyncIterator[Units]) -> None:
        """Forget failed restores."""
        async for some in units:
            await self.queue.clear_failures(some)

    async def prepare(self, prepared: Prepared) -> None:
        """Forget failed restores of a new download, and have what is missing restored, without waiting for it.

        That it is asked for is waited for, unless that takes long: then the next question for it goes on.
        """
        await self.reset(self.units_of_prepared(prepared))
        asking = self._in_background(self._restore_missing(prepared, 0))
        await asyncio.wait([asking], timeout=PREPARED_BUDGET_S)

    async def is_prepared(self, prepared: Prepared) -> bool:
        """Whether all of a download is online; what is missing is restored. Raises `RestoreFailed`. It never waits.

        A scan that takes too long goes on, at the next call, where it stopped.
        """
        deadline = time.monotonic() + PREPARED_BUDGET_S
        begun = self._scanned.pop(prepared.id, 0)
        for start, stop in ((begun, None), (0, begun)):
            number = -1
            async with aclosing(self._units_from(prepared, start)) as chunks:
                async for number, units in chunks:
                    if stop is not None and number >= stop:
                        break
                    known = await standing(self._database, self.kind, units.ids)
                    if known.failed:
                        raise RestoreFailed
                    if known.offline or time.monotonic() > deadline:
                        self._remember(prepared.id, number)
                        if known.offline:
                            self._in_background(self._restore_missing(prepared, number))
                        return False
        return True

    async def percentage(self, prepared: Prepared) -> str:
        """How many of the units of a download are online, of a hundred, with one decimal at most."""
        units = online = 0
        async for some in self.units_of_prepared(prepared):
            known = await self._known(some)
            units += known.units
            online += known.units - known.offline
        tenths = 1000 if units == 0 else 1000 * online // units
        return str(tenths // 10) if tenths % 10 == 0 else f"{tenths / 10:.1f}"

    async def progress(self, units: AsyncIterator[Units]) -> Progress:
        """How far units are on their way back."""

        async def chunks() -> AsyncIterator[tuple[Sequence[int], Standing]]:
            async for some in units:
                yield some.ids, await self._known(some)

        return await progress(self._database, self.kind, chunks())

    async def examine(self, units: Units) -> None:
        """Look at units that nobody has looked at, and write down whether they are in the main storage."""
        size = EXAMINED_AT_ONCE if self.kind == "dataset" else UNITS_AT_ONCE
        for first in range(0, len(units), size):
            await self._examine(Units(units.ids[first : first + size], units.datasets[first : first + size]))

    async def restored_since_measured(self, prepared: Prepared) -> bool:
        """Whether files of a download are of another version than when it was looked at: they have come back since."""
        async with self._database.connection() as connection:
            row = await (await connection.execute(_RESTORED, (prepared.id,))).fetchone()
        return row == (True,)

    async def close(self) -> None:
        """Let go of what goes on in the background."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _retry_after_s(self, known: Standing, units: Units) -> int:
        """When it is worth to come back for units of which some are not online."""
        if not known.coming:
            return known.retry_after_s
        queued = await waiting_s(self._database, self.kind, units.ids)
        return known.retry_after_s if queued is None else max(known.retry_after_s, min(round(queued), LONGEST_RETRY_S))

    async def _known(self, units: Units) -> Standing:
        """How units stand, after a look at those that nobody had looked at."""
        known = await standing(self._database, self.kind, units.ids)
        if known.unknown:
            await self.examine(units.of(known.unknown))
            known = await standing(self._database, self.kind, units.ids)
        return known

    async def _examine(self, units: Units) -> None:
        ids = tuple(units.ids)
        wanted = Wanted(datasets=ids) if self.kind == "dataset" else Wanted(datafiles=ids)
        present: dict[int, bool] = {}
        sizes: dict[int, int] = {}
        async with self._selections.select(None, wanted) as selected:
            async for files in selected.files():
                stats = await self._main.stat([file.location for file in files])
                for file, stat in zip(files, stats, strict=True):
                    unit = file.dataset_id if self.kind == "dataset" else file.id
                    present[unit] = present.get(unit, True) and stat is not None
                    size = file.catalogued_size or 0 if stat is None else stat.size
                    sizes[unit] = sizes.get(unit, 0) + size
        found = sorted(present)
        await self.queue.seen(units.of(found), [present[each] for each in found], [sizes[each] for each in found])

    async def _restore_missing(self, prepared: Prepared, first: int) -> None:
        async with aclosing(self._units_from(prepared, first)) as chunks:
            async for _, units in chunks:
                known = await self._known(units)
                wanted = [*known.absent, *known.going]  # what is leaving has to come back, or may stay
                if wanted and not known.failed:
                    await self.queue.request(RESTORE, units.of(wanted), prepared.user_name)

    async def _units_from(self, prepared: Prepared, first: int) -> AsyncGenerator[tuple[int, Units], None]:
        number = 0
        async with aclosing(self.units_of_prepared(prepared)) as chunks:
            async for units in chunks:
                if number >= first:
                    yield number, units
                number += 1

    async def _datasets(self, ids: Sequence[int]) -> AsyncGenerator[Units, None]:
        for first in range(0, len(ids), UNITS_AT_ONCE):
            some = ids[first : first + UNITS_AT_ONCE]
            yield Units(some, some)

    def _remember(self, prepared: UUID, number: int) -> None:
        if len(self._scanned) > UNITS_AT_ONCE:
            self._scanned.clear()
        self._scanned[prepared] = number

    def _in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(_logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except OverRestoreBudget as error:
        logger().debug("data stay in the archive", error=error.message)  # who is refused is in the log already
    except BeamcatError as error:
        logger().warning("data are not restored yet; the next question for them tries again", error=error.message)
    except Exception:
        logger().exception("data are not restored yet; the next question for them tries again")
