"""What is in a file of data, for whoever may read it: asked of the viewing processes.

The bytes come as those of downloads do, so rights, storages, locks and two levels of storage hold here too. Files that
others lead to are looked for in the same dataset, by name, and with the rights of whoever asks.
"""

from __future__ import annotations

import asyncio
import os
import posixpath
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from beamcat.access.caller import Caller
from beamcat.catalogue.folders import Folders
from beamcat.config import ViewingSettings
from beamcat.errors import BeamcatError, Unavailable
from beamcat.store.downloads import FileDownload
from beamcat.store.selection import Wanted
from beamcat.store.sending import DataChanged, OpensFiles
from beamcat.store.service import DataService, Form
from beamcat.store.storage.contract import MainStorage, Stat
from beamcat.store.units.locks import Reading
from beamcat.store.viewing.processes import Brought, CannotBeShown, Processes
from beamcat.store.viewing.wire import Message, close


@dataclass(frozen=True, slots=True)
class FileOf:
    """A datafile that is looked into: its id, its name, and the dataset it lies in."""

    id: int
    name: str
    dataset: int


@dataclass(frozen=True, slots=True)
class Shown:
    """Bytes of an answer, and what they are."""

    content: bytes
    media_type: str
    disposition: str | None = None


class Viewer:
    """Looks into files. One per worker."""

    def __init__(
        self,
        settings: ViewingSettings,
        storage: MainStorage,
        data: DataService,
        folders: Folders,
        *,
        processes: int = 0,
    ) -> None:
        self._settings = settings
        self._storage = storage
        self._data = data
        self._folders = folders
        count = processes or settings.processes
        self._processes = Processes(count, settings.timeout_s, settings.memory_bytes)

    async def close(self) -> None:
        """End the processes."""
        await self._processes.close()

    async def hdf5(self, caller: Caller, file: FileOf, ask: str, path: str, **more: object) -> Shown:
        """What h5web asks: `meta`, `attr`, `data`, `stats` or `paths`."""
        answer = await self._ask(caller, file, {"ask": ask, "path": path, **more})
        return Shown(answer.body, answer.head["type"], answer.head.get("disposition"))

    async def outline(self, caller: Caller, file: FileOf, path: str | None, frame: int) -> dict[str, Any]:
        """What a page shows of an HDF5 file: its tree, the object at the path, and its plot."""
        answer = await self._ask(caller, file, {"ask": "outline", "path": path, "frame": frame})
        outline: dict[str, Any] = answer.head["outline"]
        return outline

    async def picture(self, caller: Caller, file: FileOf, side: int) -> Shown:
        """A picture of whatever form as PNG."""
        answer = await self._ask(caller, file, {"ask": "picture", "side": side})
        return Shown(answer.body, answer.head["type"])

    async def thumbnail(self, caller: Caller, file: FileOf, *, hdf5: bool) -> Shown:
        """A small picture of what the file says is to be plotted, or of the picture it is."""
        answer = await self._ask(caller, file, {"ask": "thumbnail" if hdf5 else "small picture"}, holds=False)
        return Shown(answer.body, answer.head["type"])

    async def members(self, caller: Caller, file: FileOf) -> list[dict[str, Any]]:
        """What is in an archive: names, sizes and times, as many as can be told."""
        answer = await self._ask(caller, file, {"ask": "members"})
        members: list[dict[str, Any]] = answer.head["members"]
        return members

    async def version(self, caller: Caller, identifier: int) -> tuple[str, Stat] | None:
        """Where the bytes of a file are, and what is known of them; None when they are not there now."""
        reading = self._data.reading(holds=False, restores=False)
        try:
            found = await self._file(caller, identifier, reading)
        except BeamcatError:
            return None
        finally:
            await reading.end()
        return found.location, found.stat

    @asynccontextmanager
    async def download(self, caller: Caller, file: FileOf) -> AsyncIterator[FileDownload]:
        """The file, held while it is read. Raises `NotOnline` and restores nothing."""
        reading = self._data.reading(restores=False)
        try:
            yield await self._file(caller, file.id, reading)
        finally:
            await reading.end()

    async def bytes_of(self, download: FileDownload, first: int, stop: int) -> bytes:
        """Some bytes of a file."""
        pieces = download.pieces(self._data.sender, first, min(stop, download.size))
        return b"".join([piece async for piece in pieces])

    async def _ask(self, caller: Caller, file: FileOf, question: dict[str, Any], *, holds: bool = True) -> Message:
        """The answer to a question. Unless it `holds` the data, whoever moves or deletes them need not wait for it."""
        names = [file.name]
        async with AsyncExitStack() as held:
            reading = self._data.reading(holds=holds, restores=False)
            held.push_async_callback(reading.end)

            async def brought(identifier: int, name: str) -> Brought:
                found = await self._brought(await self._file(caller, identifier, reading), name)
                held.callback(close, found.descriptor)
                return found

            async def need(origin: int, told: str) -> Brought | str:
                other = await self._folders.by_name(caller, file.dataset, _places(names[origin], told))
                if other is None:
                    return "it is not in this dataset, or not open to you"
                names.append(told)
                try:
                    return await brought(other, told)
                except BeamcatError as error:
                    return error.message

            main = await brought(file.id, file.name)
            return await self._processes.ask({**question, "most": self._settings.answer_bytes}, main, need)

    async def _file(self, caller: Caller, identifier: int, reading: Reading) -> FileDownload:
        found = await self._data.download(caller, Wanted(datafiles=(identifier,)), Form(), reading)
        if not isinstance(found, FileDownload):
            raise CannotBeShown("This is not a file")
        return found

    async def _brought(self, download: FileDownload, name: str) -> Brought:
        async def read(first: int, stop: int) -> bytes:
            return await self.bytes_of(download, first, stop)

        storage = self._storage
        if not isinstance(storage, OpensFiles):
            return Brought(name, download.size, None, read)
        opening = asyncio.ensure_future(asyncio.to_thread(storage.open, download.location))
        try:
            descriptor, stat = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_late)
            raise
        if (stat.size, stat.etag) != (download.stat.size, download.stat.etag):
            os.close(descriptor)
            raise Unavailable("The file is being changed; try again") from DataChanged(download.location)
        return Brought(name, download.size, descriptor, read)


def _close_late(opening: asyncio.Future[tuple[int, Any]]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        os.close(opening.result()[0])


def _places(origin: str, told: str) -> Sequence[str]:
    """The names in a dataset that a file may mean by the name of another one; the likeliest first.

    A relative name starts at the folder of the file. Files are moved together, so that only the last parts of an
    absolute one may still be true.
    """
    told = told.replace("\\", "/")
    folder = posixpath.dirname(origin)
    places = []
    if not told.startswith("/"):
        places.append(posixpath.normpath(posixpath.join(folder, told)))
    parts = [part for part in told.split("/") if part not in {"", ".", ".."}]
    for count in range(min(len(parts), 8), 0, -1):
        places += [posixpath.join(folder, *parts[-count:]), posixpath.join(*parts[-count:])]
    return list(dict.fromkeys(place for place in places if not place.startswith(("../", "/")) and place != ".."))[:32]
