"""The data service: what there is of a selection, and the bytes of it (data service specification, A.6).

It stands between the doors and everything that holds bytes. Single-level storage: everything is online.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from beamcat.access.caller import Caller
from beamcat.errors import BeamcatError, ErrorKind, ValidationFailed
from beamcat.store.archives.entries import Integers, integers
from beamcat.store.downloads import ArchiveDownload, Download, file_of, moment
from beamcat.store.freezing import Freezing
from beamcat.store.measuring import InMemory, KnownCrcs, Looking, layout_for
from beamcat.store.prepared import Order, Prepared, PreparedDownloads
from beamcat.store.selection import Selected, Selections, Total, Wanted
from beamcat.store.sending import Sender
from beamcat.store.storage.contract import MainStorage

FILES_IN_MEMORY = 65_536
"""Files of a download that a worker keeps in memory; larger ones are written down first."""


class NotThere(BeamcatError):
    """The storage holds nothing where the catalogue says that there are data."""

    kind = ErrorKind.NOT_FOUND

    def __init__(self, count: int, first: str) -> None:
        others = f" and {count - 1} others" if count > 1 else ""
        super().__init__(f"there are no data at {first}{others}, where the catalogue says that they are")


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
    """How much one selection may be; None: as much as anybody likes."""

    files: int
    size: int | None = None
    backslash_separates: bool = False


class DataService:
    """Answers for the bytes of the catalogue's datafiles."""

    def __init__(
        self,
        selections: Selections,
        prepared: PreparedDownloads,
        storage: MainStorage,
        known_crcs: KnownCrcs,
        limits: Limits,
    ) -> None:
        self.sender = Sender(storage)
        self._selections = selections
        self._prepared = prepared
        self._storage = storage
        self._known_crcs = known_crcs
        self._limits = limits

    def close(self) -> None:
        """Let the threads go."""
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
        return identifier

    async def prepared_size(self, identifier: UUID) -> int:
        """How many bytes the files of a prepared download have now, by the catalogue."""
        return await self._prepared.catalogued_size(await self._prepared.find(identifier))

    async def prepared(self, identifier: UUID) -> Prepared:
        """What is known of a prepared download; `NotPrepared` when there is none."""
        return await self._prepared.find(identifier)

    def prepared_ids(self, prepared: Prepared) -> AsyncIterator[list[int]]:
        """The datafiles of a prepared download."""
        return self._prepared.ids(prepared)

    async def download(self, caller: Caller, wanted: Wanted, form: Form) -> Download:
        """The bytes of a selection. Raises `NotThere` when the storage has not got some of them."""
        freezing = self._freezing()
        looking = Looking(self._storage, self._known_crcs)
        async with self._selections.select(caller, wanted) as selected:
            if (await selected.total()).files > FILES_IN_MEMORY:
                identifier = await self._freeze(caller, selected, wanted, form)
                return await self.prepared_download(identifier)
            frozen = [run async for run in freezing.runs(selected)]
        runs = [await looking.look(run) for run in frozen]
        findings = looking.findings
        if findings.absent_count:
            raise NotThere(findings.absent_count, findings.absent[0])
        if form.of(wanted) == "file":
            return file_of(runs[0], 0)
        kept = InMemory(runs)
        archive = kept.measured(layout_for(form.of(wanted), findings))
        return ArchiveDownload(archive, kept.load, moment(findings.newest), lambda *_learned: None)

    async def prepared_download(self, identifier: UUID) -> Download:
        """The bytes of a prepared download."""
        prepared = await self._prepared.find(identifier)
        if prepared.archive is None:
            looking = Looking(self._storage, self._known_crcs)
            findings = await self._prepared.measure(prepared, looking)
            if findings.absent_count:
                raise NotThere(findings.absent_count, findings.absent[0])
            prepared = await self._prepared.find(identifier)
        assert prepared.archive is not None
        if prepared.form == "file":
            return file_of(await self._prepared.run(prepared.id, 0), 0)

        load = partial(self._prepared.run, prepared.id)
        return ArchiveDownload(prepared.archive, load, moment(prepared.newest), lambda *_learned: None)

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
