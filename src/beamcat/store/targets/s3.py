"""Data in a bucket: `<prefix>/<user>/<download>/<path in the download>`, and a Metalink of signed addresses to them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from zlib_ng.zlib_ng import crc32

from beamcat import __version__
from beamcat.config import S3TargetSettings
from beamcat.errors import Unavailable
from beamcat.store.metalink import MEDIA_TYPE
from beamcat.store.storage.contract import MainStorage
from beamcat.store.targets.bucket import Bucket
from beamcat.store.targets.contract import Access, Action, Finished, Order, Planned, Refusal, SourceFile
from beamcat.store.targets.moving import Moving, Told
from beamcat.store.targets.placing import DamagedOnTheWay, SourceChanged

BATCH_FILES = 1000
LIST = "download.meta4"
"""The object that is the Metalink."""
LARGEST_OBJECT = 5 << 40
LOOKED_AT_ONCE = 16

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class S3Target(Moving):
    """A `Target` that is a bucket."""

    batch_files = BATCH_FILES

    def __init__(self, settings: S3TargetSettings, storage: MainStorage) -> None:
        super().__init__(settings.files_at_once)
        self._bucket = Bucket(settings)
        self._storage = storage
        self._empty: set[int] = set()

    def close(self) -> None:
        """Let go of the bucket."""
        self._bucket.close()

    async def check(self, order: Order) -> Refusal | None:
        """Everything fits into a bucket."""
        return None

    async def plan(self, order: Order, files: Sequence[SourceFile]) -> Sequence[Planned]:
        """What is there of the same version is skipped."""
        if order.id in self._empty:
            return [Planned(file, Action.UPLOAD) for file in files]
        turns = asyncio.Semaphore(LOOKED_AT_ONCE)

        async def planned(file: SourceFile) -> Planned:
            async with turns:
                is_there = await self._bucket.is_version(self.place(order, file), file.size, file.version)
            return Planned(file, Action.SKIP if is_there else Action.UPLOAD)

        return await asyncio.gather(*map(planned, files))

    async def prepare(self, order: Order) -> None:
        """Give up what a process that died was uploading."""
        await self._bucket.give_up_unfinished(_prefix(order))
        if not await self._bucket.holds_any(_prefix(order)):
            self._empty.add(order.id)

    async def let_go(self, order: Order) -> None:
        """Stop working on a request here."""
        await super().let_go(order)
        self._empty.discard(order.id)

    async def move(self, order: Order, planned: Planned, told: Told) -> None:
        """Upload a file, whose bytes have to be those that are known."""
        file = planned.file
        pieces = self._pieces(file, told)
        await self._bucket.put_version(self.place(order, file), pieces, file.size, file.version)

    async def publish(self, finished: Finished) -> Access:
        """Write the Metalink, and sign its own address."""
        key = _prefix(finished.order) + LIST
        name = quote(f"{finished.order.title or finished.order.id}.meta4", safe="")
        headers = {"Content-Type": MEDIA_TYPE, "Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
        await self._bucket.put_with(key, self._list(finished), 0, headers)
        (url,) = await self._bucket.sign([key], finished.expires - datetime.now(UTC))
        return Access(url=url, expires=finished.expires)

    async def expire(self, order: Order, tickets: Sequence[str]) -> int:
        """Remove the objects, and the parts of those that were never whole."""
        reclaimed = 0
        await self._bucket.give_up_unfinished(_prefix(order))
        async for page in self._bucket.listed(_prefix(order)):
            await self._bucket.delete([key for key, _ in page])
            reclaimed += sum(size for _, size in page)
        return reclaimed

    def place(self, order: Order, file: SourceFile) -> str:
        """The key of a file below the prefix."""
        return _prefix(order) + file.name

    async def holds(self, place: str, size: int, version: str) -> bool:
        """Whether the object is there, of that version."""
        return await self._bucket.is_version(place, size, version)

    def read_back(self, place: str, size: int) -> AsyncIterator[bytes]:
        """The bytes of an object."""
        return self._bucket.read(place, 0, size)

    async def _pieces(self, file: SourceFile, told: Told) -> AsyncIterator[bytes]:
        """The bytes of a file; raises at the end when they are not those that were planned, so that nothing is seen."""
        if file.size > LARGEST_OBJECT:
            raise Unavailable(f"{file.name} is larger than an object may be")
        size = crc = 0
        async for piece in self._storage.read(file.location, 0, file.size):
            size, crc = size + len(piece), int(crc32(piece, crc))
            yield piece
            told(len(piece))
        (known,) = await self._storage.stat([file.location])
        if known is None or known.etag != file.version or size != file.size:
            raise SourceChanged(file.location)
        if file.crc32 is not None and crc != file.crc32:
            raise DamagedOnTheWay(f"the data at {file.location} have the CRC-32 {crc:08x}, and not {file.crc32:08x}")

    async def _list(self, finished: Finished) -> AsyncIterator[bytes]:
        yield (
            '<?xml version="1.0" encoding="UTF-8"?>\n<metalink xmlns="urn:ietf:params:xml:ns:metalink">\n'
            f"  <generator>Beamcat/{__version__}</generator>\n"
        ).encode()
        async for files in finished.files():
            keys = [self.place(finished.order, file) for file in files]
            urls = await self._bucket.sign(keys, finished.expires - datetime.now(UTC)) if keys else []
            yield "".join(_element(file, url) for file, url in zip(files, urls, strict=True)).encode()
        yield b"</metalink>\n"


def _prefix(order: Order) -> str:
    user = re.sub(r"[^A-Za-z0-9._@-]", "_", order.person.name).strip(".") or "_"
    return f"{user}/{order.id}/"


def _element(file: SourceFile, url: str) -> str:
    digest = "" if file.sha256 is None else f'    <hash type="sha-256">{file.sha256.hex()}</hash>\n'
    name = quoteattr(_NOT_XML.sub("_", file.name))
    return (
        f"  <file name={name}>\n    <size>{file.size}</size>\n{digest}"
        f'    <url priority="1">{escape(url)}</url>\n  </file>\n'
    )
