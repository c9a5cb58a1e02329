"""The files of a request: cut into batches, and what there is to say of each of them when its turn has come."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from beamcat.errors import NoSuchObject
from beamcat.store.archives.entries import UNKNOWN_CRC, Entries
from beamcat.store.digests.table import DigestTable
from beamcat.store.digests.values import Digests, FileVersion
from beamcat.store.frozen import Run
from beamcat.store.measuring import KnownCrcs, Looking
from beamcat.store.permalinks import file_names
from beamcat.store.prepared import Prepared, PreparedDownloads
from beamcat.store.selection import Selections, Wanted
from beamcat.store.storage.contract import MainStorage
from beamcat.store.targets.contract import SourceFile
from beamcat.store.targets.values import Part
from beamcat.store.units.locks import Reading

if TYPE_CHECKING:
    from beamcat.store.units.levels import TwoLevels
    from beamcat.store.units.locks import Locks

ARCHIVE_FOLDER = "ids/"
"""What the names of all entries of archives begin with."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A download, cut into batches: how many files and bytes it has, as far as the catalogue says."""

    files: int
    size: int
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class Found:
    """The files of a batch that can be read, and for the others their name and why they cannot."""

    files: Sequence[SourceFile]
    absent: Sequence[tuple[int, str, str]]


class Sources:
    """Knows the files. `public_url` is that of this server."""

    def __init__(
        self,
        selections: Selections,
        prepared: PreparedDownloads,
        storage: MainStorage,
        known_crcs: KnownCrcs,
        digests: DigestTable,
        *,
        public_url: str,
        locks: Locks | None = None,
        levels: TwoLevels | None = None,
    ) -> None:
        self.storage = storage
        self._selections = selections
        self._prepared = prepared
        self._known_crcs = known_crcs
        self._digests = digests
        self._data_url = f"{public_url.rstrip('/')}/data"
        self._locks = locks
        self._levels = levels

    async def prepared(self, identifier: UUID) -> Prepared:
        """The prepared download. Raises `NotPrepared` when it is forgotten."""
        return await self._prepared.find(identifier)

    async def cut(self, prepared: Prepared, batch_files: int) -> Cut:
        """The download in batches of so many files. They go on over the ends of runs."""
        parts: list[Part] = []
        files = size = 0
        begin, held = (0, 0), 0
        for number in range(prepared.runs):
            run = await self._prepared.run(prepared.id, number)
            files += len(run)
            size += int(run.entries.sizes[run.entries.sizes > 0].sum())
            place = 0
            while place < len(run):
                if not held:
                    begin = (number, place)
                took = min(batch_files - held, len(run) - place)
                held, place = held + took, place + took
                if held == batch_files:
                    parts.append(Part(len(parts), 0, *begin, held, None, None))
                    held = 0
        if held:
            parts.append(Part(len(parts), 0, *begin, held, None, None))
        return Cut(files, size, parts)

    def reading(self) -> Reading:
        """For one batch: its datasets are locked for it. To be ended."""
        return Reading(self._locks)

    async def lock(self, prepared: Prepared, part: Part, reading: Reading) -> None:
        """Keep the files of a batch where they are. Raises `NotOnline` for what has been archived, and `Busy`."""
        for run in await self._runs(prepared, part):
            if self._levels is not None:
                await self._levels.require_online(self._levels.units_of_run(run), reading, prepared.user_name)
            await reading.lock(sorted(set(run.datasets.tolist())))

    async def find(self, prepared: Prepared, part: Part, reading: Reading | None = None) -> Found:
        """What there is to say of the files of a batch now. Raises `NotOnline` for what may come back."""
        files: list[SourceFile] = []
        absent: list[tuple[int, str, str]] = []
        for run in await self._runs(prepared, part):
            looking = Looking(self.storage, self._known_crcs)
            looked = await looking.look(run)
            if looking.findings.absent_count and self._levels is not None and reading is not None:
                gone = part_of(looked, [place for place, etag in enumerate(looked.entries.etags) if not etag])
                await self._levels.missing(self._levels.units_of_run(gone), reading, prepared.user_name)
            found = await self._files(looked)
            files += found.files
            absent += found.absent
        return Found(files, absent)

    async def _files(self, run: Run) -> Found:
        urls = await self._urls(run)
        known = await self._known(run)
        files, absent = [], []
        for place, identifier in enumerate(run.ids.tolist()):
            name = run.entries.names[place].decode().removeprefix(ARCHIVE_FOLDER)
            if not run.entries.etags[place]:
                absent.append((identifier, name, f"there are no data at {run.locations[place]}"))
                continue
            if identifier not in urls:
                absent.append((identifier, name, "it is not in the catalogue any more"))
                continue
            digests = known[place]
            crc = int(run.entries.crcs[place])
            files.append(
                SourceFile(
                    id=identifier,
                    name=name,
                    location=run.locations[place],
                    size=int(run.entries.sizes[place]),
                    version=run.entries.etags[place].decode(),
                    path=self.storage.local_path(run.locations[place]),
                    url=urls[identifier],
                    crc32=None if crc == UNKNOWN_CRC else crc,
                    adler32=digests.adler32 if digests else None,
                    sha256=digests.sha256 if digests else None,
                )
            )
        return Found(files, absent)

    async def _urls(self, run: Run) -> dict[int, str]:
        """The permanent URLs of datafiles by their ids; those that were deleted since have none."""
        urls: dict[int, str] = {}
        with suppress(NoSuchObject):
            async with self._selections.select(None, Wanted(datafiles=tuple(run.ids.tolist()))) as selected:
                async for some in selected.files():
                    for file in some:
                        names = file_names(selected.datasets[file.dataset_id], file.name)
                        urls[file.id] = self._data_url + names.path
        return urls

    async def _known(self, run: Run) -> list[Digests | None]:
        places = [place for place, etag in enumerate(run.entries.etags) if etag]
        versions = [
            FileVersion(run.locations[place], int(run.entries.sizes[place]), run.entries.etags[place].decode())
            for place in places
        ]
        known: list[Digests | None] = [None] * len(run)
        for place, digests in zip(places, await self._digests.digests(versions), strict=True):
            known[place] = digests
        return known

    async def _runs(self, prepared: Prepared, part: Part) -> list[Run]:
        """The files of a batch: parts of runs."""
        chosen = None if part.chosen is None else set(part.chosen)
        number, place, left = part.run, part.place, part.span
        runs = []
        while left:
            run = await self._prepared.run(prepared.id, number)
            places = list(range(place, min(len(run), place + left)))
            left -= len(places)
            if chosen is not None:
                places = [each for each in places if int(run.ids[each]) in chosen]
            if places:
                runs.append(part_of(run, places))
            number, place = number + 1, 0
        return runs


def part_of(run: Run, places: Sequence[int]) -> Run:
    """Some files of a run."""
    entries = run.entries
    return replace(
        run,
        entries=Entries(
            [entries.names[place] for place in places],
            entries.sizes[list(places)],
            entries.crcs[list(places)],
            entries.times[list(places)],
            [entries.etags[place] for place in places],
        ),
        ids=run.ids[list(places)],
        datasets=run.datasets[list(places)],
        locations=[run.locations[place] for place in places],
        checksums=[run.checksums[place] for place in places],
    )
