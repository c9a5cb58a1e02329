"""The data service: what there is of a selection, and the bytes of it (data service specification, A.6).

It stands between the doors and everything that holds bytes. With one level of storage everything is online; with two,
`units` knows what is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from beamcat.access.caller import Caller
from beamcat.errors import BeamcatError, ErrorKind, ValidationFailed
from beamcat.store.archives.entries import Entries, Integers, integers
from beamcat.store.downloads import ArchiveDownload, Download, file_of, moment
from beamcat.store.freezing import Freezing
from beamcat.store.frozen import Run
from beamcat.store.measuring import InMemory, Looking, layout_for
from beamcat.store.prepared import Order, Prepared, PreparedDownloads
from beamcat.store.readying import Readying
from beamcat.store.selection import Selected, Selections, Total, Wanted
from beamcat.store.sending import Sender
from beamcat.store.storage.contract import MainStorage
from beamcat.store.units.levels import TwoLevels
from beamcat.store.units.locks import Locks, Reading
from beamcat.store.units.progress import Progress
from beamcat.store.units.status import ONLINE, restore_queue, service_status
from beamcat.store.units.transitions import Operation
from beamcat.store.units.values import Units

FILES_IN_MEMORY = 65_536
"""Files of a download that a worker keeps in memory; larger ones are written down first."""


class NotThere(BeamcatError):
    """The storage holds nothing where the catalogue says that there are data."""

    kind = ErrorKind.NOT_FOUND

    def __init__(self, count: int, first: str) -> None:
        others = f" and {count - 1} others" if count > 1 else ""
        super().__init__(f"there are no data at {first}{others}, where the catalogue says that they are")


class Deleted(BeamcatError):
    """What was prepared is no longer in the catalogue as a whole."""

    kind = ErrorKind.NOT_FOUND

    def __init__(self) -> None:
        super().__init__("a datafile of this download has been deleted from the catalogue since; request it anew")


@dataclass(frozen=True, slots=True)
class Form:
    """How data are wanted: `tar`, or as a ZIP file where `zip` says so or more than one file is asked for."""

    zip: bool = False
    compress: bool = False
    tar: bool = False

    def of(self, wanted: Wanted) -> str:
        """`file`, `zip` or `tar`."""
        if self.tar:
            return "tar"
        return "zip" if self.zip or not wanted.is_one_file else "file"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one selection may be; None: as much as anybody likes.

    Before a ZIP file is sent, files of up to `hashed_at_once` bytes are read for the checksums it needs.
    """

    files: int
    size: int | None = None
    backslash_separates: bool = False
    hashed_at_once: int = 0


class OneLevel(BeamcatError):
    """Nothing can be moved: there is no archive storage."""

    kind = ErrorKind.NOT_IMPLEMENTED

    def __init__(self) -> None:
        super().__init__("This data service has no archive storage")


class DataService:
    """Answers for the bytes of the catalogue's datafiles. `levels` is None with one level of storage.

    Whoever reads bytes holds one of the `locks`, for as long as the answer takes.
    """

    def __init__(
        self,
        selections: Selections,
        prepared: PreparedDownloads,
        storage: MainStorage,
        looking: Callable[[], Looking],
        limits: Limits,
        *,
        readying: Readying,
        locks: Locks,
        levels: TwoLevels | None = None,
    ) -> None:
        self.main = storage
        self.sender = Sender(storage)
        self.locks = locks
        self.levels = levels
        self._selections = selections
        self._prepared = prepared
        self._looking = looking
        self._readying = readying
        self._limits = limits

    async def close(self) -> None:
        """Let go of what goes on, and of the threads."""
        await self._readying.close()
        self.sender.close()

    async def total(self, caller: Caller | None, wanted: Wanted) -> Total:
        """How much a selection is, by the catalogue."""
        async with self._selections.select(caller, wanted) as selected:
            return await selected.total()

    async def ids(self, caller: Caller, wanted: Wanted) -> list[Integers]:
        """The datafiles of a selection, some thousand in a row."""
        async with self._selections.select(caller, wanted) as selected:
            return [integers([file.id for file in files]) async for files in selected.files()]

    async def prepare(self, caller: Caller, wanted: Wanted, form: Form) -> UUID:
        """Write a selection down for later; the id by which it can be fetched, by whoever has that."""
        async with self._selections.select(caller, wanted) as selected:
            identifier = await self._freeze(caller, selected, wanted, form)
        await self._prepared.forget_old()
        prepared = await self._prepared.find(identifier)
        if self.levels is not None:
            await self.levels.prepare(prepared)
        else:
            self._readying.begin(prepared)
        return identifier

    async def prepared_size(self, identifier: UUID) -> int:
        """How many bytes the files of a prepared download have now, by the catalogue."""
        return await self._prepared.catalogued_size(await self._prepared.find(identifier))

    async def prepared(self, identifier: UUID) -> Prepared:
        """What is known of a prepared download; `NotPrepared` when there is none."""
        return await self._prepared.find(identifier)

    async def entries(self, prepared: Prepared, run: int) -> Entries:
        """A run of the files of a prepared download, as entries of its archive."""
        return (await self._prepared.run(prepared.id, run)).entries

    def reading(self, *, holds: bool = True, restores: bool = True) -> Reading:
        """For one answer with bytes, to be ended: it `holds` what it needs, and `restores` what is not there."""
        return Reading(self.locks if holds else None, restores=restores)

    async def status(self, caller: Caller | None, wanted: Wanted) -> str:
        """`ONLINE`, `RESTORING` or `ARCHIVED`. Raises `RestoreFailed`. Nothing is restored for it."""
        units = await self._units(caller, wanted)
        return ONLINE if self.levels is None else await self.levels.status(_each(units))

    async def prepared_status(self, identifier: UUID) -> str:
        """The same, of a prepared download."""
        prepared = await self._prepared.find(identifier)
        if self.levels is None:
            return ONLINE
        return await self.levels.status(self.levels.units_of_prepared(prepared))

    async def is_prepared(self, identifier: UUID) -> bool:
        """Whether all of a prepared download can be fetched now; what is missing is restored, without a wait.

        That includes the checksums that a ZIP file needs. Raises `NotPrepared` when there is none, and `RestoreFailed`.
        """
        prepared = await self._prepared.find(identifier)
        again = False
        if self.levels is not None:
            if not await self.levels.is_prepared(prepared):
                return False
            again = await self.levels.restored_since_measured(prepared)
        return await self._readying.is_ready(prepared, again=again)

    async def percentage(self, identifier: UUID) -> str | None:
        """How much of a prepared download is online, of a hundred; None with one level of storage."""
        prepared = await self._prepared.find(identifier)
        return None if self.levels is None else await self.levels.percentage(prepared)

    async def progress(self, caller: Caller, wanted: Wanted) -> Progress:
        """How far a selection is on its way back, where it stands in the queue, and how long that may take."""
        units = await self._units(caller, wanted)
        return Progress() if self.levels is None else await self.levels.progress(_each(units))

    async def prepared_progress(self, identifier: UUID) -> Progress:
        """The same, of a prepared download."""
        prepared = await self._prepared.find(identifier)
        if self.levels is None:
            return Progress()
        return await self.levels.progress(self.levels.units_of_prepared(prepared))

    async def move(self, operation: Operation, caller: Caller, wanted: Wanted) -> None:
        """Have a selection written to the archive, archived or restored. Raises `OneLevel` where that cannot be."""
        units = await self._units(caller, wanted)
        if self.levels is None:
            raise OneLevel
        await self.levels.request(operation, _each(units), caller)

    async def service_status(self) -> dict[str, Any]:
        """What is queued, locked and has failed."""
        kind = "dataset" if self.levels is None else self.levels.kind
        return await service_status(self.locks.database, kind)

    async def queue(self) -> list[dict[str, Any]]:
        """What is queued and under way, for whom, and what was wrong with it."""
        return [] if self.levels is None else await restore_queue(self.levels.queue.database, self.levels.kind)

    async def reset(self, caller: Caller, wanted: Wanted) -> None:
        """Forget that restores of a selection have failed."""
        units = await self._units(caller, wanted)
        if self.levels is not None:
            await self.levels.reset(_each(units))

    async def reset_prepared(self, identifier: UUID) -> None:
        """The same, of a prepared download."""
        prepared = await self._prepared.find(identifier)
        if self.levels is not None:
            await self.levels.reset(self.levels.units_of_prepared(prepared))

    def prepared_ids(self, prepared: Prepared) -> AsyncIterator[list[int]]:
        """The datafiles of a prepared download."""
        return self._prepared.ids(prepared)

    async def download(self, caller: Caller, wanted: Wanted, form: Form, reading: Reading | None = None) -> Download:
        """The bytes of a selection. Raises `NotThere` when the storage has not got some of them, and `Busy`.

        With two levels of storage it raises `NotOnline` and has them restored, or `RestoreFailed`.
        """
        reading = reading or Reading(None)
        freezing = self._freezing()
        looking = self._looking()
        async with self._selections.select(caller, wanted) as selected:
            if (await selected.total()).files > FILES_IN_MEMORY:
                identifier = await self._freeze(caller, selected, wanted, form)
                return await self.prepared_download(identifier, reading)
            frozen = [run async for run in freezing.runs(selected)]
        if self.levels is None:
            await reading.lock(sorted(selected.datasets))
        else:
            units = _each([self.levels.units_of_run(run) for run in frozen])
            await self._open(self.levels, units, sorted(selected.datasets), reading, caller.name)
        runs = [await looking.look(run) for run in frozen]
        findings = looking.findings
        if form.of(wanted) == "zip" and findings.unknown and findings.unknown_size <= self._limits.hashed_at_once:
            await self._readying.learn(runs)
            looking = self._looking()
            runs, findings = [await looking.look(run) for run in frozen], looking.findings
        if findings.absent_count:
            for run in runs:
                await self._missing(run, reading, caller.name)
            raise NotThere(findings.absent_count, findings.absent[0])
        if form.of(wanted) == "file":
            return file_of(runs[0], 0)
        kept = InMemory(runs)
        archive = kept.measured(layout_for(form.of(wanted), findings))
        return ArchiveDownload(archive, kept.load, moment(findings.newest), lambda *_learned: None)

    async def prepared_download(self, identifier: UUID, reading: Reading | None = None) -> Download:
        """The bytes of a prepared download. Raises what `download` does, and `Deleted`."""
        prepared = await self._prepared.find(identifier)
        if await self._prepared.has_shrunk(prepared):
            raise Deleted
        reading = reading or Reading(None)
        changed = False
        if self.levels is None:
            await reading.lock(prepared.datasets)
        else:
            units = self.levels.units_of_prepared(prepared)
            await self._open(self.levels, units, prepared.datasets, reading, prepared.user_name)
            changed = await self.levels.restored_since_measured(prepared)
        if prepared.archive is None or changed:
            findings = await self._readying.measure(prepared, again=changed)
            if findings.absent_count:
                for number in range(prepared.runs):
                    run = await self._prepared.run(prepared.id, number)
                    await self._missing(run, reading, prepared.user_name)
                raise NotThere(findings.absent_count, findings.absent[0])
            prepared = await self._prepared.find(identifier)
        assert prepared.archive is not None
        if prepared.form == "file":
            return file_of(await self._prepared.run(prepared.id, 0), 0)

        load = partial(self._prepared.run, prepared.id)
        return ArchiveDownload(prepared.archive, load, moment(prepared.newest), lambda *_learned: None)

    async def _units(self, caller: Caller | None, wanted: Wanted) -> list[Units]:
        """The units of a selection, none with one level of storage; raises what is wrong with the selection."""
        async with self._selections.select(caller, wanted) as selected:
            await selected.total()
            return [] if self.levels is None else [units async for units in self.levels.units(selected)]

    async def _open(
        self,
        levels: TwoLevels,
        units: AsyncIterator[Units],
        datasets: Sequence[int],
        reading: Reading,
        user_name: str,
    ) -> None:
        """Have units that can be read now, and stay where they are until the answer is given."""
        if levels.kind == "datafile":
            await reading.lock(datasets)
        async for some in units:
            await levels.require_online(some, reading, user_name)
            if reading.restores:
                await levels.note_access(some)
        if levels.kind == "dataset":  # the lock looks whether one of them has begun to move since
            await reading.lock(datasets)

    async def _missing(self, run: Run, reading: Reading, user_name: str) -> None:
        """Files are absent although they were thought to be online: with two levels of storage they may come back."""
        if self.levels is not None:
            await self.levels.missing(self.levels.units_of_run(_absent(run)), reading, user_name)

    async def _freeze(self, caller: Caller, selected: Selected, wanted: Wanted, form: Form) -> UUID:
        total = await selected.total()
        self._check(total)
        kind = form.of(wanted)
        order = Order(caller.name, kind, kind == "zip", form.compress)
        return await self._prepared.freeze(order, selected, self._freezing())

    def _freezing(self) -> Freezing:
        return Freezing(backslash_separates=self._limits.backslash_separates)

    def _check(self, total: Total) -> None:
        if total.files > self._limits.files:
            raise ValidationFailed(f"a selection may have {self._limits.files} files, and this one has {total.files}")
        if self._limits.size is not None and total.size > self._limits.size:
            raise ValidationFailed(f"a selection may have {self._limits.size} bytes, and this one has {total.size}")


async def _each(units: Sequence[Units]) -> AsyncIterator[Units]:
    for some in units:
        yield some


def _absent(run: Run) -> Run:
    """The files of a run that the storage has not got: they have no etag."""
    places = [place for place, etag in enumerate(run.entries.etags) if not etag]
    entries = run.entries
    chosen = Entries(
        [entries.names[place] for place in places],
        entries.sizes[places],
        entries.crcs[places],
        entries.times[places],
        [b""] * len(places),
    )
    locations = [run.locations[place] for place in places]
    return Run(chosen, run.ids[places], run.datasets[places], locations, [run.checksums[place] for place in places])
