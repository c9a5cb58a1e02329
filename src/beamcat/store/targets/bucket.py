"""A bucket as a target needs it: objects that say of which version they are, lists of them, and signed addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import obstore
from obstore.exceptions import BaseError

from beamcat.config import S3StorageSettings
from beamcat.store.storage.contract import NoSuchData, Pieces
from beamcat.store.storage.s3 import LONGEST_URL_LIFE, S3Storage
from beamcat.store.storage.s3_upload import MOST_PARTS, StoreFailed, upload
from beamcat.store.targets.s3_unfinished import UnfinishedUploads

OF_VERSION = "beamcat-version"
"""The metadata that says of which version of the source an object is."""

_STORE_ERRORS = (BaseError, OSError, ValueError)


class Bucket(S3Storage):
    """A bucket, below the prefix of its settings."""

    def __init__(self, settings: S3StorageSettings) -> None:
        public = settings.public_endpoint or settings.endpoint
        super().__init__(settings.model_copy(update={"public_endpoint": public}))
        self._whole_prefix = f"{settings.prefix.strip('/')}/" if settings.prefix.strip("/") else ""
        self._unfinished = UnfinishedUploads(settings)

    async def put_version(self, key: str, pieces: Pieces, size: int, version: str) -> None:
        """Store an object of a file of that version."""
        await self.put_with(key, pieces, size, {OF_VERSION: version.encode().hex()})

    async def put_with(self, key: str, pieces: Pieces, size: int, attributes: dict[str, str]) -> None:
        """Store an object with headers or metadata. Parts are larger when the size asks for it."""
        part = max(self._part, -(-size // MOST_PARTS))
        try:
            await upload(self._store, self._key(key), pieces, part, attributes)
        except StoreFailed as failed:
            raise await self._told(failed.error, key) from failed.error

    async def is_version(self, key: str, size: int, version: str) -> bool:
        """Whether there is an object of that size, of that version."""
        (known,) = await self.stat([key])
        if known is None or known.size != size:
            return False
        try:
            options: obstore.GetOptions = {"range": (0, 1)} if size else {}
            answer = await obstore.get_async(self._store, self._key(key), options=options)
        except _STORE_ERRORS as error:
            told = await self._told(error, key)
            if isinstance(told, NoSuchData):
                return False
            raise told from error
        return answer.attributes.get(OF_VERSION) == version.encode().hex()

    async def holds_any(self, prefix: str) -> bool:
        """Whether there is anything below a prefix."""
        async for page in self.listed(prefix):
            return bool(page)
        return False

    async def listed(self, prefix: str) -> AsyncIterator[list[tuple[str, int]]]:
        """The objects below a prefix with their sizes, a thousand at a time."""
        try:
            async for page in obstore.list(self._store, prefix, chunk_size=1000):
                yield [(entry["path"], entry["size"]) for entry in page]
        except _STORE_ERRORS as error:
            raise await self._told(error, prefix) from error

    async def sign(self, keys: Sequence[str], lifetime: timedelta) -> list[str]:
        """Addresses from which anybody can read the objects for so long."""
        try:
            store = self._public or self._store
            return list(await obstore.sign_async(store, "GET", list(keys), min(lifetime, LONGEST_URL_LIFE)))
        except _STORE_ERRORS as error:
            raise await self._told(error, keys[0] if keys else "") from error

    async def give_up_unfinished(self, prefix: str) -> int:
        """Give up uploads below a prefix that nobody goes on with; how many."""
        return await self._unfinished.give_up(self._whole_prefix + prefix)
