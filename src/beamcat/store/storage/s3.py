"""The main storage on an object store that speaks S3: Ceph, MinIO, VAST, AWS and others, through obstore.

A location is the key of an object below the prefix of the settings, letter for letter.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, PreconditionError, UnauthenticatedError
from obstore.store import S3Store

from beamcat.config import S3StorageSettings
from beamcat.errors import BadParameter, BeamcatError, Unavailable
from beamcat.store.storage.contract import DatasetPlace, NoSuchData, Pieces, Stat, StorageFull
from beamcat.store.storage.paths import checked, new_location
from beamcat.store.storage.s3_upload import MOST_PARTS, StoreFailed, upload

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult, ObjectMeta
    from obstore.store import ClientConfig, S3Config

PIECE = 1 << 20
"""Bytes that are given to a reader at a time."""
REQUESTS_AHEAD = 4
"""Requests of one reader that are under way at a time."""
LONGEST_KEY = 1024
"""Bytes of a key, its prefix included."""
LONGEST_URL_LIFE = timedelta(days=7)
"""What signatures of version 4 permit."""
DELETED_AT_ONCE = 1000
TASKS_AT_ONCE = 1000
LISTED_FROM = 50
"""Locations in one folder from which on a listing is cheaper than one request for each."""
BUCKET_SEEN_S = 60.0
"""How long a bucket that was there is believed to be there still."""

_FULL = ("QuotaExceeded", "StorageFull", "InsufficientStorage", "ServiceQuotaExceeded", "507 ")
_PAST_THE_END = ("InvalidRange", "416 ")
_STORE_ERRORS = (BaseError, OSError, ValueError)


class S3Storage:
    """A `MainStorage` of objects in one bucket; new ones are `<investigation id>/<dataset id>/<UUID>`."""

    def __init__(self, settings: S3StorageSettings) -> None:
        self._store = _store(settings, settings.endpoint)
        self._public = _store(settings, settings.public_endpoint) if settings.public_endpoint else None
        self._prefix_bytes = len(settings.prefix.strip("/").encode()) + 1
        self._part = settings.part_mebibytes << 20
        self._segment = max(PIECE, (settings.read_ahead_mebibytes << 20) // REQUESTS_AHEAD)
        self._stats = asyncio.Semaphore(settings.stats_at_once)
        self._bucket = settings.bucket
        self._bucket_seen = -BUCKET_SEEN_S

    def close(self) -> None:
        """Nothing is held that would not go by itself."""

    async def put(self, dataset: DatasetPlace, name: str, pieces: Pieces, size: int | None = None) -> str:
        """Store the bytes at a new location; that location."""
        location = self.new_location(dataset, name)
        await self.put_at(location, pieces, size)
        return location

    def new_location(self, dataset: DatasetPlace, _name: str) -> str:
        """Where a new file goes."""
        return new_location(dataset)

    async def put_at(self, location: str, pieces: Pieces, size: int | None = None) -> None:
        """Store the bytes at a location known beforehand.

        More than a part are uploaded in parts, of which there may be 10 000; they are larger when `size` asks for it.
        """
        key = self._key(location)
        part = max(self._part, -(-(size or 0) // MOST_PARTS))
        try:
            await upload(self._store, key, pieces, part)
        except StoreFailed as failed:
            raise await self._told(failed.error, location) from failed.error

    async def read(self, location: str, first: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes from `first` up to `stop`.

        The first request asks for a mebibyte. It tells size and version, and the next ones, each larger than the one
        before, are under way while its bytes are taken.
        """
        opening = await self._open(location, first, min(first + PIECE, stop))
        if opening is None:
            return
        etag, stop = opening.meta["e_tag"], min(stop, opening.meta["size"])
        position, length = opening.range[1], PIECE
        under_way = deque([asyncio.ensure_future(self._taken(location, opening))])
        try:
            while under_way or position < stop:
                while position < stop and len(under_way) < REQUESTS_AHEAD:
                    end = min(position + length, stop)
                    under_way.append(asyncio.ensure_future(self._segment_of(location, position, end, etag)))
                    position, length = end, min(2 * length, self._segment)
                for piece in _pieces(await under_way[0]):
                    yield piece
                under_way.popleft()
        finally:
            for request in under_way:
                request.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def stat(self, locations: Sequence[str]) -> list[Stat | None]:
        """What is known of the bytes at each location.

        Many in one folder are listed, a thousand with each request; each of the others takes a request of its own.
        """
        folders: dict[str, set[str]] = {}
        for location in locations:
            folders.setdefault(self._key(location).rpartition("/")[0], set()).add(location)
        known: dict[str, Stat | None] = {}
        for folder, wanted in folders.items():
            if len(wanted) >= LISTED_FROM:
                known |= await self._listed(folder, wanted)
        missing = [location for location in dict.fromkeys(locations) if location not in known]
        for first in range(0, len(missing), TASKS_AT_ONCE):
            some = missing[first : first + TASKS_AT_ONCE]
            try:
                async with asyncio.TaskGroup() as group:
                    stats = [group.create_task(self._stat(location)) for location in some]
            except BaseExceptionGroup as errors:
                raise errors.exceptions[0] from None
            known |= {location: stat.result() for location, stat in zip(some, stats, strict=True)}
        return [known[location] for location in locations]

    async def delete(self, locations: Sequence[str]) -> None:
        """Remove bytes, a thousand objects with each request."""
        keys = [self._key(location) for location in locations]
        for first in range(0, len(keys), DELETED_AT_ONCE):
            try:
                await obstore.delete_async(self._store, keys[first : first + DELETED_AT_ONCE])
            except _STORE_ERRORS as error:
                told = await self._told(error, keys[first])
                if not isinstance(told, NoSuchData):
                    raise told from error

    def local_path(self, location: str) -> None:
        """There are no files."""

    async def url(self, location: str, lifetime: timedelta) -> str | None:
        """An address from which anybody can read the bytes for so long, a week at most."""
        key = self._key(location)
        if self._public is None:
            return None
        try:
            return await obstore.sign_async(self._public, "GET", key, min(lifetime, LONGEST_URL_LIFE))
        except _STORE_ERRORS as error:
            raise await self._told(error, location) from error

    def _key(self, location: str) -> str:
        if any(ord(letter) < 32 or ord(letter) == 127 for letter in checked(location)):
            raise BadParameter(f"{location[:200]!r} holds control characters")
        if self._prefix_bytes + len(location.encode()) > LONGEST_KEY:
            raise BadParameter(f"{location[:200]!r} is longer than the key of an object may be")
        return location

    async def _open(self, location: str, first: int, stop: int) -> GetResult | None:
        """The answer to a request for a range; None for one that begins where the object ends, or later."""
        key = self._key(location)
        try:
            if first < stop:
                return await obstore.get_async(self._store, key, options={"range": (first, stop)})
            await obstore.head_async(self._store, key)
        except _STORE_ERRORS as error:
            if not any(sign in str(error) for sign in _PAST_THE_END):
                raise await self._told(error, location) from error
        return None

    async def _taken(self, location: str, answer: GetResult) -> memoryview:
        try:
            return memoryview(await answer.bytes_async())
        except _STORE_ERRORS as error:
            raise await self._told(error, location) from error

    async def _segment_of(self, location: str, first: int, stop: int, etag: str | None) -> memoryview:
        """The bytes of a range that lies in the object, if it still is the one with this etag."""
        options: GetOptions = {"range": (first, stop)}
        if etag and not etag.startswith("W/"):
            options["if_match"] = etag
        try:
            answer = await obstore.get_async(self._store, location, options=options)
        except PreconditionError as error:
            raise Unavailable(f"{location} was replaced while it was read; ask again") from error
        except _STORE_ERRORS as error:
            raise await self._told(error, location) from error
        taken = await self._taken(location, answer)
        if len(taken) != stop - first:
            raise Unavailable(f"the object store sent {len(taken)} bytes of {location} instead of {stop - first}")
        return taken

    async def _stat(self, location: str) -> Stat | None:
        async with self._stats:
            try:
                known = await obstore.head_async(self._store, location)
            except _STORE_ERRORS as error:
                told = await self._told(error, location)
                if isinstance(told, NoSuchData):
                    return None
                raise told from error
        return _stat(known)

    async def _listed(self, folder: str, wanted: set[str]) -> dict[str, Stat | None]:
        """What a listing of a folder tells of locations in it; nothing of some when there is much else in it."""
        known: dict[str, Stat | None] = {}
        listed = 0
        try:
            async for page in obstore.list(self._store, folder, chunk_size=1000):
                known |= {entry["path"]: _stat(entry) for entry in page if entry["path"] in wanted}
                listed += len(page)
                if listed > 1000 + LISTED_FROM * len(wanted):
                    return known
        except _STORE_ERRORS:
            return known  # such as names in it that obstore cannot read; the others are asked for one by one
        return dict.fromkeys(wanted) | known

    async def _told(self, error: Exception, location: str) -> BeamcatError:
        """What to tell of an error of the store. Its text names hosts and keys, and is for the log alone."""
        text = str(error)
        if isinstance(error, FileNotFoundError):
            if "NoSuchBucket" in text or not await self._bucket_is_there(location):
                return Unavailable(
                    f"there is no bucket {self._bucket} in the object store; make it, or correct its name"
                )
            return NoSuchData(location)
        if any(sign in text for sign in _FULL):
            return StorageFull(f"there is no room left in the bucket {self._bucket}")
        if isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError):
            return Unavailable(f"the object store does not let Beamcat into the bucket {self._bucket}: {_code(text)}")
        if isinstance(error, ValueError) and not isinstance(error, BaseError):
            return BadParameter(f"{location[:200]!r} is no location in this storage")
        return Unavailable(f"the object store does not answer as it should: {_code(text)}")

    async def _bucket_is_there(self, location: str) -> bool:
        """Whether it is the object alone that is missing: the answer to HEAD does not say."""
        if time.monotonic() - self._bucket_seen > BUCKET_SEEN_S:
            try:
                await obstore.get_async(self._store, location, options={"range": (0, 1)})
            except FileNotFoundError as error:
                if "NoSuchBucket" in str(error):
                    return False
            except _STORE_ERRORS:
                return True  # the next request meets that again
            self._bucket_seen = time.monotonic()
        return True


def _store(settings: S3StorageSettings, endpoint: str | None) -> S3Store:
    """The bucket under an address. Nothing is asked of it yet. Raises `Unavailable` for settings that do not fit."""
    config: S3Config = {
        "region": settings.region,
        "virtual_hosted_style_request": settings.virtual_hosted,
    }
    if settings.checksums:
        config["checksum_algorithm"] = "sha256"
    if endpoint:
        config["endpoint"] = endpoint.rstrip("/")
    if settings.access_key_id is not None and settings.secret_access_key is not None:
        config["access_key_id"] = settings.access_key_id
        config["secret_access_key"] = settings.secret_access_key.get_secret_value()
    client: ClientConfig = {
        "timeout": timedelta(seconds=settings.timeout_s),
        "allow_http": bool(endpoint and endpoint.startswith("http://")),
    }
    if settings.ca_file is not None:
        try:
            client["root_certificate"] = settings.ca_file.read_bytes()
        except OSError as error:
            raise Unavailable(f"{settings.ca_file} cannot be read: {error.strerror}") from error
    try:
        return S3Store(
            settings.bucket,
            prefix=settings.prefix.strip("/") or None,
            config=config,
            client_options=client,
            retry_config={"retry_timeout": timedelta(seconds=settings.retry_s)},
        )
    except _STORE_ERRORS as error:
        raise Unavailable(f"the settings of the object store do not fit: {str(error).splitlines()[0]}") from error


def _stat(known: ObjectMeta) -> Stat:
    """What a store tells of an object. Times are whole seconds: a listing knows them better than the object itself."""
    modified_ns = int(known["last_modified"].timestamp()) * 10**9
    etag = (known["e_tag"] or f"{modified_ns:x}-{known['size']:x}").strip('"')
    return Stat(known["size"], modified_ns, etag)


def _pieces(taken: memoryview) -> Iterator[bytes]:
    for first in range(0, len(taken), PIECE):
        yield bytes(taken[first : first + PIECE])


def _code(text: str) -> str:
    """The store's own word for what went wrong, or the status of its answer."""
    for pattern in (r"<Code>(\w{1,60})</Code>", r"status code: (\d+ [\w ]{1,40})"):
        if found := re.search(pattern, text):
            return found[1].strip()
    return "it cannot be reached"
