"""Uploads in as many requests as they take: every byte that is acknowledged is safe, whichever worker took it.

How far an upload has come is in the database, its bytes wait where every worker finds them. It is complete when there
is the datafile: until then the last byte is not acknowledged, so that a client asks for the end again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from uuid import UUID

from beamcat.access.caller import Caller, Scope
from beamcat.access.rules import Operation
from beamcat.catalogue.catalogue import Catalogue
from beamcat.database.pool import Connection
from beamcat.errors import BadParameter, BeamcatError, ErrorKind, Forbidden, TooLarge
from beamcat.observability.logs import logger
from beamcat.store.digests.hashing import Hashing
from beamcat.store.digests.values import Also, Digests
from beamcat.store.selection import Selections, Wanted
from beamcat.store.storage.contract import DatasetPlace, KeepsUploads, OpenUpload, Pieces
from beamcat.store.units.levels import TwoLevels
from beamcat.store.uploads.incoming import Upload, WrongDigest, check, draft_of
from beamcat.store.uploads.receiving import Receiving, Takes
from beamcat.store.uploads.spool import Spool
from beamcat.store.uploads.storing import Storing, through
from beamcat.store.uploads.table import Held, NoSuchUpload, State, UploadTable

SAVE_EVERY_S = 1.0
"""How often what has come is made safe and written down while more comes."""
REMEMBERED = 256
"""Uploads whose digests so far a worker remembers. Of others the bytes are read once more at the end."""
LISTED = 1000
"""Uploads of one answer."""


class WrongOffset(BeamcatError):
    """The bytes do not follow those that are there."""

    kind = ErrorKind.VALIDATION

    def __init__(self, offset: int) -> None:
        super().__init__(f"{offset} bytes of this upload are there: go on from there")
        self.offset = offset


class WrongChecksum(BeamcatError):
    """The bytes of a request are not those that it announced; none of them is kept."""

    kind = ErrorKind.BAD_PARAMETER

    def __init__(self) -> None:
        super().__init__("The bytes do not have the checksum that was announced; send them again")


@dataclass(frozen=True, slots=True)
class Checked:
    """The checksum that the bytes of one request are to have."""

    taker: Takes
    is_right: Callable[[], bool]


class ResumableUploads:
    """Takes datafiles in, bit by bit."""

    def __init__(
        self,
        table: UploadTable,
        selections: Selections,
        catalogue: Catalogue,
        waiting: KeepsUploads | Spool,
        storing: Storing,
        *,
        levels: TwoLevels | None,
        max_bytes: int,
    ) -> None:
        self.max_bytes = max_bytes
        self._table = table
        self._selections = selections
        self._catalogue = catalogue
        self._waiting = waiting
        self._storing = storing
        self._levels = levels
        self._hashings: OrderedDict[UUID, Hashing] = OrderedDict()

    async def create(self, caller: Caller, upload: Upload, size: int, metadata: str) -> State:
        """A new upload of so many bytes, which the caller may finish, as things are.

        Raises what the catalogue would say of the datafile. A dataset that is archived is restored, and `NotOnline`
        raised.
        """
        caller.require(Scope.WRITE)
        if size > self.max_bytes:
            raise TooLarge(f"an upload may have {self.max_bytes} bytes, and this one has {size}")
        dataset = await self._dataset(caller, upload)
        location = self._waiting.new_location(dataset, upload.name)
        draft = draft_of(upload, location, Digests(0), size)
        if not await self._catalogue.is_access_allowed(caller, Operation.CREATE, draft):
            raise Forbidden("CREATE access to this Datafile is not allowed.")
        if self._levels is not None:
            await self._levels.locks.release(await self._levels.changing([dataset.id], caller.name))
        return await self._table.create(caller.name, upload, size, metadata)

    async def find(self, caller: Caller, identifier: UUID) -> State:
        """How far an upload of the caller's has come. Raises `NoSuchUpload`."""
        return await self._table.find(identifier, caller.name)

    async def unfinished(self, caller: Caller, after: UUID) -> list[State]:
        """The caller's uploads that are not finished, at most `LISTED` in the order of their ids."""
        return await self._table.unfinished(caller.name, after, LISTED)

    async def append(
        self,
        caller: Caller,
        identifier: UUID,
        offset: int,
        pieces: Pieces,
        *,
        checked: Checked | None = None,
        sha256: bytes | None = None,
    ) -> State:
        """Take the bytes that follow the first `offset` ones; with the last byte it becomes a datafile.

        `sha256` is that of the whole, where the client knows it now. What has come of the bytes is kept when `pieces`
        raises, unless they were to be `checked` together. Raises `WrongOffset`, `WrongChecksum`, `UploadHeld`,
        `NoSuchUpload`, `TooLarge`, and at the end what `put` raises; `WrongDigest` ends the upload.
        """
        caller.require(Scope.WRITE)
        async with self._held(caller, identifier) as held:
            if offset != held.state.offset:
                raise WrongOffset(held.state.offset)
            return (await self._append(caller, held, pieces, checked, sha256)).state

    async def terminate(self, caller: Caller, identifier: UUID) -> None:
        """Give an upload up. A datafile that it has become stays. Raises `NoSuchUpload` and `UploadHeld`."""
        caller.require(Scope.WRITE)
        async with self._held(caller, identifier) as held:
            await self._give_up(held)

    async def _append(
        self, caller: Caller, held: Held, pieces: Pieces, checked: Checked | None, sha256: bytes | None
    ) -> Held:
        if held.state.datafile_id is not None:
            return held
        if sha256 is not None:
            held = await self._expecting(held, sha256)
        if held.state.received < held.state.size:
            held = held.with_received(await self._receive(held, pieces, checked))
        return held if held.state.received < held.state.size else await self._finish(caller, held)

    @asynccontextmanager
    async def _held(self, caller: Caller, identifier: UUID) -> AsyncIterator[Held]:
        held = await self._table.hold(identifier, caller.name)
        try:
            yield held
        finally:
            await through(self._release(held))

    async def _release(self, held: Held) -> None:
        try:
            await self._table.release(held)
        except BeamcatError as error:
            logger().warning("an upload is held until its lease is over", error=error.message)

    async def _give_up(self, held: Held) -> None:
        self._hashings.pop(held.state.id, None)
        await self._waiting.forget_uploads([str(held.state.id)])
        await self._table.delete([held.state.id], held.holder)

    async def _expecting(self, held: Held, sha256: bytes) -> Held:
        upload = held.state.upload
        if upload.sha256 not in {None, sha256}:
            raise BadParameter("another SHA-256 was announced when the upload was begun")
        await self._table.expect(held, sha256)
        return replace(held, state=replace(held.state, upload=replace(upload, sha256=sha256)))

    async def _receive(self, held: Held, pieces: Pieces, checked: Checked | None) -> int:
        """Write the bytes that come; how many there are then."""
        state = held.state
        known = await self._waiting.stat_upload(str(state.id))
        if (0 if known is None else known.size) < state.received:
            await self._give_up(held)  # the table is older than the storage: a backup was restored
            raise NoSuchUpload
        hashing = self._hashing(state)
        takers: list[Takes] = [] if hashing is None else [hashing]
        if checked is not None:
            takers.append(checked.taker)
        opened = await self._waiting.open_upload(str(state.id))
        try:
            saving = _Saving(self._table, held, opened, keeps=checked is None)
            receiving = Receiving(opened, state.received, state.size, takers)
            receiving.before = lambda: saving.at(receiving.at)
            try:
                await receiving.take(pieces)
                if checked is not None and not checked.is_right():
                    raise WrongChecksum
            except Exception:
                if checked is None and receiving.at > state.received:
                    await saving.save(receiving.at)
                    self._remember(state.id, hashing, receiving.at)
                raise
            await saving.save(receiving.at)
            self._remember(state.id, hashing, receiving.at)
            return receiving.at
        finally:
            await opened.close()

    def _hashing(self, state: State) -> Hashing | None:
        """The digests so far, None when this worker does not have them. Whoever takes them has to put them back."""
        if not state.received:
            return Hashing(Also.USUAL, state.size)
        hashing = self._hashings.pop(state.id, None)
        return hashing if hashing is not None and hashing.size == state.received else None

    def _remember(self, identifier: UUID, hashing: Hashing | None, received: int) -> None:
        if hashing is not None and hashing.size == received:
            self._hashings[identifier] = hashing
            if len(self._hashings) > REMEMBERED:
                self._hashings.popitem(last=False)

    async def _finish(self, caller: Caller, held: Held) -> Held:
        """Make the datafile. However long that takes, the upload is held."""
        renewing = asyncio.create_task(self._renew(held))
        try:
            return await self._make(caller, held)
        finally:
            renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await renewing

    async def _renew(self, held: Held) -> None:
        while True:
            await asyncio.sleep(self._table.lease.total_seconds() / 4)
            try:
                await self._table.renew(held)
            except BeamcatError as error:
                logger().warning("an upload that is being finished could not be renewed", error=error.message)
            except Exception:
                logger().exception("an upload that is being finished could not be renewed")

    async def _make(self, caller: Caller, held: Held) -> Held:
        upload, state = held.state.upload, held.state
        hashing = self._hashing(state) or await self._read_again(state)
        self._remember(state.id, hashing, state.received)
        digests = hashing.digests()
        try:
            check(upload, digests, hashing.size)
        except WrongDigest:
            await self._give_up(held)
            raise
        dataset = await self._dataset(caller, upload)
        if self._levels is None:
            return await self._store(caller, held, dataset, digests)
        lock = await self._levels.changing([dataset.id], caller.name)
        try:
            return await self._store(caller, held, dataset, digests)
        finally:
            await self._levels.locks.release(lock)

    async def _store(self, caller: Caller, held: Held, dataset: DatasetPlace, digests: Digests) -> Held:
        state, waiting = held.state, str(held.state.id)
        identifier = await self._storing.journal.begin(waits=False)

        async def settle(connection: Connection, datafile: int) -> None:
            await self._table.finish(connection, held, datafile)

        try:
            if await self._waiting.stat_upload(waiting) is None:  # no byte has ever been sent
                await (await self._waiting.open_upload(waiting)).close()
            location = await self._storing.place(identifier, waiting, dataset, state.upload.name)
            stored = await self._storing.catalogue(
                caller, state.upload, identifier, location, digests, size=state.size, settle=settle
            )
        finally:
            await through(self._storing.end(identifier))
        self._hashings.pop(state.id, None)
        await self._waiting.forget_uploads([waiting])
        await self._table.dropped([state.id])
        return replace(held, state=replace(state, datafile_id=stored.id))

    async def _read_again(self, state: State) -> Hashing:
        hashing = Hashing(Also.USUAL, state.size)
        if state.size:
            async for piece in self._waiting.read_upload(str(state.id)):
                await asyncio.to_thread(hashing.update, piece[: state.size - hashing.size])
        return hashing

    async def _dataset(self, caller: Caller, upload: Upload) -> DatasetPlace:
        async with self._selections.select(caller, Wanted(datasets=(upload.dataset_id,))) as selected:
            return selected.datasets[upload.dataset_id]


class _Saving:
    """Makes what has come safe now and then, and goes on holding the upload by it.

    Bytes that are not kept before all are there (`keeps` false) are not written down.
    """

    def __init__(self, table: UploadTable, held: Held, opened: OpenUpload, *, keeps: bool) -> None:
        self._table = table
        self._held = held
        self._opened = opened
        self._keeps = keeps
        self._every_s = min(SAVE_EVERY_S, table.lease.total_seconds() / 4)
        self._saved = time.monotonic()

    async def at(self, received: int) -> None:
        """All bytes before that one are written. Raises `UploadHeld` when somebody else holds the upload by now."""
        if time.monotonic() - self._saved < self._every_s:
            return
        if self._keeps:
            await self.save(received)
        else:
            await self._table.renew(self._held)
            self._saved = time.monotonic()

    async def save(self, received: int) -> None:
        """Write it down, after it is safe."""
        await self._opened.sync()
        await self._table.save(self._held, received)
        self._saved = time.monotonic()
