"""Large bodies on their way from files to a connection, past the server.

An ASGI server copies what it sends several times. Here the kernel takes it from the files (sendfile(2)), in threads,
for as long as the connection has room; a client that waits holds no thread.

Nobody else may write to the connection meanwhile. Granian's HTTP/1 (hyper) does not: it has written the head, and waits
for a body of which it is given nothing. It does not read a next request before that body has ended, so it answers none.
It cannot be told that the body has been sent: when the answer ends, it takes it for broken off, and lets go of the
connection without a further byte. So that is the last answer on its connection, which says so in its head, and is ended
from here.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from time import monotonic

from beamcat.store.archives.entries import Stretch
from beamcat.store.deliveries.sockets import ClientGone, Connection
from beamcat.store.sending import (
    LARGEST_PIECE,
    PIECE_S,
    SMALLEST_PIECE,
    DataChanged,
    FromFile,
    OpenFile,
    OpensFiles,
    Sender,
    Source,
    opened,
    read,
)

TURN_S = 0.05
"""How long a thread sends before it is free for others."""
TURN_BYTES = 64 << 20
"""Bytes after which it is, too."""
BATCH_BYTES = 16 << 20
"""Bytes of small files that are prepared at a time."""
SENDFILE_BYTES = 4 << 20
"""Bytes that the kernel is asked to send at a time."""
SMALLEST_FROM_FILE = 32 << 10
"""Fewer bytes of a file are read, and sent together with what is around them."""
READ_BYTES = 256 << 10
"""Bytes that are read at a time of files that the kernel does not send as they are."""
HELD_BYTES = SMALLEST_PIECE
"""Bytes beside files, such as their names in an archive, that are kept in memory for one client; one more of them may
be larger."""
SOON_S = 0.01
"""How long a thread waits for room. It does so for clients that make some within that time."""
LOOK_S = 2.0
"""How long it is waited for room until it is looked whether the client is still there."""
_NOT_IN_THIS_WAY = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}
"""What sendfile(2) says of files that it cannot send."""


async def beginning(sender: Sender, sources: AsyncIterator[Source]) -> list[Source]:
    """The first sources, up to one of a file that could be read. Raises what reading raises."""
    begun: list[Source] = []
    async for source in sources:
        begun.append(source)
        if isinstance(source, FromFile):
            await sender.run(_read_a_byte, _storage(sender), source)
            break
        if len(source) >= HELD_BYTES:
            break
    return begun


async def send_directly(
    sender: Sender,
    sources: AsyncIterator[Source],
    length: int,
    connection: Connection,
    *,
    told: Callable[[int], None],
    before_last: Callable[[], Awaitable[None]],
) -> None:
    """Send so many bytes, and end the connection behind them.

    `told` hears of those that went; `before_last` is awaited when the last ones have been read. Raises `ClientGone`,
    and `DataChanged` when a file is not, or no longer, what it was.
    """
    outlet = _Outlet(_storage(sender), connection)
    batches = _batches(sources)
    coming: asyncio.Task[list[Source] | None] | None = None
    with connection.held():
        try:
            is_fast = False
            batch = await anext(batches, None)
            while batch is not None:
                size = sum(map(_length, batch))
                length -= size
                outlet.waiting.extend(source for source in batch if _length(source))
                coming = asyncio.create_task(_next(batches)) if is_fast else None
                last = outlet.keep_last() if not length else None
                begun = monotonic()
                await _drain(sender, outlet, told)
                is_fast = size > LARGEST_PIECE / PIECE_S * (monotonic() - begun)
                if last is not None:
                    outlet.waiting.append(await sender.run(outlet.in_memory, last))
                    await before_last()
                    await _drain(sender, outlet, told)
                batch = await (coming or anext(batches, None))
            connection.end()
        finally:
            if coming is not None:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)
            await batches.aclose()
            outlet.close()


async def _drain(sender: Sender, outlet: _Outlet, told: Callable[[int], None]) -> None:
    """Send what waits, turn by turn."""
    while outlet.waiting:
        turn = sender.begun(outlet.work)
        try:
            sent = await asyncio.shield(turn)
        except asyncio.CancelledError:
            await asyncio.wait([turn])  # the thread has the file and the connection
            raise
        if sent:
            told(sent)
        if outlet.waiting and outlet.connection.is_left():
            raise ClientGone
        if outlet.is_full:
            asked = monotonic()
            if not await outlet.connection.room(LOOK_S) and outlet.connection.look().is_closed:
                raise ClientGone
            outlet.is_fast = monotonic() - asked < SOON_S


class _Outlet:
    """Sends what waits, in whatever thread it is called; one at a time."""

    def __init__(self, storage: OpensFiles, connection: Connection) -> None:
        self.connection = connection
        self.is_full = False
        """Whether the connection has no room."""
        self.is_fast = False
        """Whether the client is one for whom a thread may wait: it made room soon, the last time."""
        self.waiting: deque[bytes | memoryview | FromFile] = deque()
        self._storage = storage
        self._open_file = OpenFile()
        self._version = (0, 0)
        self._is_sendable = True
        self._problem: Exception | None = None

    def close(self) -> None:
        """Close the file that is open."""
        self._open_file.close()

    def keep_last(self) -> bytes | memoryview | FromFile:
        """Take the last bytes out of what waits."""
        last = self.waiting.pop()
        if isinstance(last, FromFile) and last.length > SMALLEST_PIECE:
            before, rest = last.cut(last.length - SMALLEST_PIECE)
            assert rest is not None
            self.waiting.append(before)
            return rest
        return last

    def in_memory(self, source: bytes | memoryview | FromFile) -> bytes | memoryview:
        """The bytes of a source."""
        return self._read(source) if isinstance(source, FromFile) else source

    def work(self) -> int:
        """Send until nothing waits, there is no room, or it is the turn of others; how many bytes went.

        What goes wrong after some went is raised the next time: those count.
        """
        if self._problem is not None:
            raise self._problem
        sent, until = 0, monotonic() + TURN_S
        self.is_full = False
        while self.waiting and sent < TURN_BYTES and monotonic() < until:
            try:
                went = self._send(self.waiting[0])
            except Exception as problem:
                if not sent:
                    raise
                self._problem = problem
                break
            sent += went
            if not went:
                self.is_fast = self.is_fast and self.connection.has_room(SOON_S)
                if not self.is_fast:
                    self.is_full = True
                    break
        return sent

    def _send(self, source: bytes | memoryview | FromFile) -> int:
        """Send of the first that waits what there is room for; how many bytes that was."""
        if isinstance(source, FromFile):
            if self._goes_as_it_lies(source):
                return self._send_file(source)
            source = self._read_some(source)
        data = memoryview(source)
        went = self.connection.send(data, more=len(self.waiting) > 1)
        self._replace(data[went:] if went < len(data) else None)
        return went

    def _goes_as_it_lies(self, source: FromFile) -> bool:
        """Whether the kernel is to send it."""
        if not isinstance(source.piece, Stretch) or source.length < SMALLEST_FROM_FILE:
            return False
        self._open(source)
        return self._is_sendable

    def _send_file(self, source: FromFile) -> int:
        descriptor, first = self._open_file.descriptor, source.piece.first
        self._check_version(source)
        try:
            went = self.connection.send_file(descriptor, first, min(source.length, SENDFILE_BYTES))
        except OSError as error:
            if error.errno not in _NOT_IN_THIS_WAY:
                raise
            self._is_sendable = False
            return self._send(source)
        self._check_version(source)
        if went is None:
            return 0
        if went == 0:
            raise DataChanged(source.location)
        self._replace(source.cut(went)[1] if went < source.length else None)
        return went

    def _check_version(self, source: FromFile) -> None:
        if _version(self._open_file) != self._version:
            raise DataChanged(source.location)

    def _read_some(self, source: FromFile) -> bytes:
        """The first bytes of a source, which wait in its place, before the rest of it."""
        some, rest = source.cut(READ_BYTES)
        data = self._read(some)
        self._replace(rest)
        self.waiting.appendleft(data)
        return data

    def _read(self, source: FromFile) -> bytes:
        self._open(source)
        return b"".join(source.wrapped(read(self._storage, self._open_file, source)))

    def _open(self, source: FromFile) -> None:
        if self._open_file.location != source.location:
            opened(self._storage, self._open_file, source)
            self._is_sendable, self._version = True, _version(self._open_file)

    def _replace(self, rest: bytes | memoryview | FromFile | None) -> None:
        """What is left of the first that waits; None for nothing."""
        self.waiting.popleft()
        if rest is not None:
            self.waiting.appendleft(rest)


async def _batches(sources: AsyncIterator[Source]) -> AsyncGenerator[list[Source]]:
    """The sources in groups of which little is kept in memory."""
    batch: list[Source] = []
    length = held = 0
    async for source in sources:
        batch.append(source)
        length += _length(source)
        held += len(source) if isinstance(source, bytes) else 0
        if length >= BATCH_BYTES or held >= HELD_BYTES:
            yield batch
            batch, length, held = [], 0, 0
    if batch:
        yield batch


async def _next(batches: AsyncGenerator[list[Source]]) -> list[Source] | None:
    return await anext(batches, None)


def _length(source: Source) -> int:
    return len(source) if isinstance(source, bytes) else source.length


def _version(open_file: OpenFile) -> tuple[int, int]:
    """What changes when the file is written to."""
    found = os.fstat(open_file.descriptor)
    return found.st_size, found.st_mtime_ns


def _storage(sender: Sender) -> OpensFiles:
    storage = sender.opens_files
    if storage is None:
        raise ValueError("only files that can be opened here are sent directly")
    return storage


def _read_a_byte(storage: OpensFiles, source: FromFile) -> None:
    open_file = OpenFile()
    try:
        read(storage, open_file, source.cut(1)[0])
    finally:
        open_file.close()
