"""What the kernel knows of the connection by which a response goes out.

ASGI servers take bytes that nobody receives: Granian takes a whole response though the client is gone. So what arrived
is asked of the kernel (tcp(7), `TCP_INFO`): how many bytes the machine of the client has acknowledged, and whether the
client has said something since, be it the next request or an orderly end of the connection. A client that dies, or
closes the connection before it has read everything, resets it instead (RFC 1122, section 4.2.2.13).

The server does not show its sockets; ours is found among the open files of this process by the address of the client,
and duplicated, so that it can still be asked after the server has closed it. Large bodies are also sent by it, past the
server: see `beamcat.store.direct`.
"""

from __future__ import annotations

import asyncio
import fcntl
import ipaddress
import os
import select
import socket
import struct
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OPEN_FILES = Path("/proc/self/fd")
SHARE = 4
"""Times as long as it takes to look for connections, it is waited until they are looked for again."""
CLOSED = 7
"""The state of a TCP connection that has ended."""
_INFO_BYTES = 232
_ACKED = struct.Struct("=QQ")
_ACKED_AT = 120
_WINDOW = struct.Struct("=I")
_WINDOW_AT = 228

Peer = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Seen:
    """A connection at one moment, in bytes since it was opened. The end of a direction counts as one byte."""

    acknowledged: int
    unacknowledged: int
    received: int
    window: int
    """Bytes that the client has room for."""
    is_closed: bool


class ClientGone(Exception):
    """The connection ended before everything was sent."""


class Connection:
    """One TCP connection, looked at and sent by. Close it: it would keep the connection from ending."""

    def __init__(self, duplicate: socket.socket, number: int) -> None:
        self._socket = duplicate
        self._number = number
        self._is_held = self._is_over = False
        self._inode = os.fstat(duplicate.fileno()).st_ino

    def look(self) -> Seen:
        """How it is now."""
        info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        acknowledged, received = _ACKED.unpack_from(info, _ACKED_AT)
        (window,) = _WINDOW.unpack_from(info, _WINDOW_AT)
        (waiting,) = struct.unpack("=i", fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, bytes(4)))
        return Seen(acknowledged, waiting, received, window, info[0] == CLOSED)

    def is_left(self) -> bool:
        """Whether the server has closed it: what it still holds will never be sent, though it goes on taking more."""
        try:
            return os.fstat(self._number).st_ino != self._inode
        except OSError:
            return True

    def close(self) -> None:
        """Look no more. Whoever sends by it ends first."""
        self._is_over = True
        if not self._is_held:
            self._socket.close()

    @contextmanager
    def held(self) -> Iterator[None]:
        """While threads send by it: its number must not become that of another file meanwhile."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            if self._is_over:
                self._socket.close()

    def send(self, data: memoryview, *, more: bool) -> int:
        """Send what there is room for; how many bytes that was. With `more` they may wait for those that follow.

        Raises `ClientGone`.
        """
        try:
            return self._socket.send(data, socket.MSG_DONTWAIT | (socket.MSG_MORE if more else 0))
        except BlockingIOError:
            return 0
        except OSError as error:
            raise ClientGone from error

    def send_file(self, descriptor: int, first: int, length: int) -> int | None:
        """Send of an open file what there is room for; how many bytes that was, None without room, 0 at its end.

        Raises `ClientGone`, and `OSError` when the file cannot be read, or cannot be sent in this way.
        """
        try:
            return os.sendfile(self._socket.fileno(), descriptor, first, length)
        except BlockingIOError:
            return None
        except OSError as error:
            if self.look().is_closed:
                raise ClientGone from error
            raise

    def has_room(self, within_s: float) -> bool:
        """Whether it takes bytes, or will so soon. It blocks."""
        ready = select.poll()
        ready.register(self._socket, select.POLLOUT)
        return bool(ready.poll(within_s * 1000))

    async def room(self, within_s: float) -> bool:
        """Return when it takes bytes again, or has ended, but no later than that: False then."""
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[bool] = loop.create_future()

        def be(result: bool) -> None:
            if not ready.done():
                ready.set_result(result)

        too_late = loop.call_later(within_s, be, False)
        loop.add_writer(self._socket.fileno(), be, True)
        try:
            return await ready
        finally:
            loop.remove_writer(self._socket.fileno())
            too_late.cancel()

    def end(self) -> None:
        """There will be no more bytes from this side: the client learns so behind the last one. Raises `ClientGone`."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise ClientGone from error


class Connections:
    """Finds the connections of one process by the addresses of its clients."""

    def __init__(self) -> None:
        self._files: dict[int, tuple[int, Peer | None]] = {}
        self._numbers: dict[Peer, int] = {}
        self._looking = asyncio.Lock()
        self._began = self._ended = 0.0

    async def find(self, scope: Mapping[str, Any]) -> Connection | None:
        """The connection of a request; None when it is gone already, or cannot be asked."""
        peer = _peer(scope)
        if peer is None:
            return None
        found = _duplicate(self._numbers.get(peer, -1), peer)
        if found is None:
            await self._look_around(time.monotonic())
            found = _duplicate(self._numbers.get(peer, -1), peer)
        return found

    async def _look_around(self, asked: float) -> None:
        """See which connections there are now, once for all who ask meanwhile.

        It takes some microseconds for each connection there is, so with thousands of them not everybody can have it
        done at once.
        """
        async with self._looking:
            if self._began > asked:
                return
            await asyncio.sleep(self._ended + SHARE * (self._ended - self._began) - time.monotonic())
            self._began = time.monotonic()
            known, self._files, self._numbers = self._files, {}, {}
            for file in os.listdir(OPEN_FILES):  # noqa: PTH208 - a Path for each costs more than all the rest
                number = int(file)
                try:
                    inode = os.fstat(number).st_ino
                except OSError:
                    continue
                seen = known.get(number)
                peer = seen[1] if seen is not None and seen[0] == inode else _peer_behind(number)
                self._files[number] = inode, peer
                if peer is not None:
                    self._numbers[peer] = number
            self._ended = time.monotonic()


def are_visible(scope: Mapping[str, Any]) -> bool:
    """Whether requests come by connections of this process, and these can be asked."""
    server = scope.get("server")
    return bool(server and server[1]) and OPEN_FILES.is_dir()


def _peer(scope: Mapping[str, Any]) -> Peer | None:
    client = scope.get("beamcat.peer") or scope.get("client")
    if not client or not client[1]:
        return None
    return _plain(client[0]), int(client[1])


def _plain(address: str) -> str:
    """The address in one form: clients of IPv4 at a socket of IPv6 have two."""
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(getattr(read, "ipv4_mapped", None) or read)


def _opened(number: int) -> socket.socket | None:
    """A duplicate of an open file, if it is a socket for a stream."""
    try:
        duplicate = os.dup(number)
    except OSError:
        return None
    try:
        opened = socket.socket(fileno=duplicate)
    except OSError:
        os.close(duplicate)
        return None
    if opened.family in {socket.AF_INET, socket.AF_INET6} and opened.type == socket.SOCK_STREAM:
        return opened
    opened.close()
    return None


def _peer_behind(number: int) -> Peer | None:
    opened = _opened(number)
    if opened is None:
        return None
    with opened:
        return _peer_of(opened)


def _peer_of(opened: socket.socket) -> Peer | None:
    try:
        host, port = opened.getpeername()[:2]
    except OSError:
        return None
    return _plain(host), port


def _duplicate(number: int, peer: Peer) -> Connection | None:
    """The connection behind an open file, if it is that of the client and can be asked."""
    opened = _opened(number) if number >= 0 else None
    if opened is None:
        return None
    if _peer_of(opened) == peer and len(opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)) >= _INFO_BYTES:
        return Connection(opened, number)
    opened.close()
    return None
