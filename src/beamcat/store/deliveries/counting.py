"""One response on its way: how many of its bytes have arrived, and how sure that is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from beamcat.store.deliveries.sockets import Connection, Connections, Seen, are_visible

IN_DOUBT = 32 << 20
"""Last bytes that a client which broke off may have left unread, at least. Its machine acknowledges what it has room
for, whether it is read or not: curl with a limited rate was 1.1 MB behind on one machine. This is the largest room that
Linux gives a connection by default (tcp_rmem); what a machine offers more than that is seen."""
SEE_EVERY_S = 0.05
"""How often it is looked how far a running response has come, at most."""
BELIEVED_AFTER_S = 5.0
"""How long a client that has everything, and keeps the connection, has to stay to be believed."""
GIVEN_UP_AFTER_S = 600.0
"""How long a client that takes nothing is waited for."""
HEAD_WITHIN_S = 1.0
"""How long the server may take to write the head of a response, for its body to be sent past it."""
HEAD_LOOK_S = 0.0005
"""How often it is looked whether it has."""

_NAMESPACE = UUID("8ee7b40e-9e7c-4c13-a6e5-3ac9c2d7dd4c")
_SERVER_HEADERS = {b"date": 37, b"server": 17}
"""What the server adds to the head of a response, in bytes, unless it is there."""


@dataclass(frozen=True, slots=True)
class Account:
    """What is delivered to whom. Without a prepared download it is the user's."""

    prepared_id: UUID | None
    user_name: str
    etag: str
    size: int
    investigations: tuple[int, ...] = ()
    datasets: tuple[int, ...] = ()
    datafiles: tuple[int, ...] = ()

    @property
    def id(self) -> UUID:
        """The same whoever asks: of the prepared download, or else of the user, and the entity tag."""
        return uuid5(_NAMESPACE, f"{self.prepared_id or self.user_name} {self.etag}")


class Stretch(NamedTuple):
    """Bytes of a body: those of the data from `first` on, or, where that is None, what stands between them."""

    length: int
    first: int | None


@dataclass(slots=True)
class Doubt:
    """Bytes that were sent, but of which nobody knows whether they were read; the client was last seen `at`.

    They are the last ones of a response that began with byte `start` of the data, at the time `began`.
    """

    first: int
    stop: int
    at: float
    start: int = 0
    began: float = 0.0


@dataclass(slots=True)
class Note:
    """What is to be written down of a delivery."""

    account: Account
    arrived: list[tuple[int, int]] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    resumes: list[tuple[int, float]] = field(default_factory=list)
    requests: int = 0
    broken: int = 0
    sent: int = 0
    clients: set[str] = field(default_factory=set)
    first_at: float = 0.0
    last_at: float | None = None
    """When a byte was last seen to arrive."""

    def add(self, other: Note) -> None:
        """Put a later note of the same delivery to this one."""
        self.arrived += other.arrived
        self.doubts += other.doubts
        self.resumes += other.resumes
        self.requests += other.requests
        self.broken += other.broken
        self.sent += other.sent
        self.clients |= other.clients
        self.last_at = max(filter(None, (self.last_at, other.last_at)), default=None)


class Counting:
    """Counts the bytes of one response that has a body of `stretches`."""

    def __init__(self, account: Account, stretches: Sequence[Stretch], client: str | None) -> None:
        self.account = account
        self.has_ended = False
        """Nothing more is to be found out."""
        self.is_gone = False
        """The connection has ended: whatever is sent goes nowhere."""
        self._stretches = stretches
        self._length = sum(stretch.length for stretch in stretches)
        self._handed = 0
        self._client = client
        self._began = self._progressed = time.time()
        self._seen_at = 0.0
        self._finished_at: float | None = None
        self._certain = self._reached = self._noted = self._told = 0
        self._doubt: tuple[int, int] | None = None
        self._is_new, self._has_broken, self._is_visible = True, False, False
        self._connection: Connection | None = None
        self._before = self._head = self._received = self._widest = 0
        self._was_quiet = False

    async def watch(self, scope: Mapping[str, Any], connections: Connections) -> None:
        """Find the connection of the response. To be called before its first byte."""
        self._is_visible = are_visible(scope)
        self._connection = await connections.find(scope) if self._is_visible else None
        if self._connection is not None:
            seen = self._connection.look()
            self._before, self._received = seen.acknowledged + seen.unacknowledged, seen.received
            self._was_quiet = not seen.unacknowledged

    @property
    def own_connection(self) -> Connection | None:
        """The connection, when the client has taken all that came before this response; None otherwise."""
        return self._connection if self._was_quiet else None

    async def head_is_out(self) -> bool:
        """Whether the server has written the head of the response, all of it and nothing else, before long."""
        until = time.monotonic() + HEAD_WITHIN_S
        written = self._written()
        while written < self._head and not self.is_gone and time.monotonic() < until:
            await asyncio.sleep(HEAD_LOOK_S)
            written = self._written()
        return written == self._head and not self.is_gone

    def begun(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """The head of the response is on its way, with these headers."""
        self._head = head_length(status, headers)

    def handed(self, length: int) -> None:
        """The server took so many bytes of the body."""
        self._handed += length
        if self._connection is not None:
            if (now := time.monotonic()) > self._seen_at + SEE_EVERY_S:
                self._see()
                self._seen_at = now
        elif not self._is_visible:
            self._reach(self._handed)
            self._certain = max(0, self._handed - IN_DOUBT)

    def finished(self) -> None:
        """The server took the last byte."""
        self._finished_at = time.time()
        if self._connection is None:
            self._end(all_of_it=not self._is_visible)

    def broke_off(self) -> None:
        """There will be no more bytes, unless it is `finished`."""
        if self._finished_at is not None or self.has_ended:
            return
        all_of_it = False
        if self._connection is not None:
            seen = self._see()
            all_of_it = self._has_all(seen) and seen.received > self._received
        self._end(all_of_it=all_of_it)

    def look(self) -> None:
        """See what became of a response that the server took in full."""
        if self.has_ended or self._connection is None:
            return None
        now = time.time()
        seen = self._see()
        if self._has_all(seen) and self._finished_at is not None:
            if seen.received > self._received:
                return self._end(all_of_it=True)
            if not seen.is_closed and now - self._progressed > BELIEVED_AFTER_S:
                return self._end(all_of_it=True)
        if seen.is_closed or (self._finished_at is not None and now - self._progressed > GIVEN_UP_AFTER_S):
            self._end(all_of_it=False)
        return None

    def close(self) -> None:
        """Take what is known for all there is."""
        if not self.has_ended:
            self.look()
        if not self.has_ended:
            self._end(all_of_it=False)

    def note(self) -> Note | None:
        """What is new since the last note; None without anything."""
        if not self._is_new and self._certain == self._noted and self._reached == self._told and not self.has_ended:
            return None
        note = Note(self.account, first_at=self._began, last_at=self._progressed if self._reached else None)
        note.arrived = self._placed(0, self._certain)
        note.sent = self._reached - self._told
        if self._is_new:
            note.requests = 1
            note.clients = {self._client} if self._client else set()
            first = self._stretches[0].first if self._stretches else None
            note.resumes = [(first, self._began)] if first else []
        if self._doubt is not None:
            start = next((stretch.first for stretch in self._stretches if stretch.first is not None), 0)
            note.doubts = [
                Doubt(first, stop, self._progressed, start, self._began) for first, stop in self._placed(*self._doubt)
            ]
        if self._has_broken:
            note.broken = 1
        self._is_new, self._noted, self._told = False, self._certain, self._reached
        self._doubt, self._has_broken = None, False
        return note

    @property
    def handed_bytes(self) -> int:
        """Bytes of the body that the server took."""
        return self._handed

    def behind(self) -> int:
        """Bytes of the body that the server still holds, because the kernel has no room; 0 where nobody can tell."""
        if self._connection is None:
            return 0
        taken = self._written() - self._head
        return 0 if self.is_gone else max(0, self._handed - taken)

    @property
    def unnoted(self) -> int:
        """Bytes that have gone out since the last note."""
        return self._reached - self._told

    def _has_all(self, seen: Seen) -> bool:
        """Whether the client's machine has every byte of the response. The next one may be on its way already."""
        is_next = seen.received > self._received + 1
        has_them = seen.acknowledged >= self._before + self._head + self._length
        return has_them and (is_next or not seen.unacknowledged)

    def _written(self) -> int:
        """Bytes that the kernel has taken of the response, head and all."""
        assert self._connection is not None
        seen = self._connection.look()
        self.is_gone = seen.is_closed or self._connection.is_left()
        return seen.acknowledged + seen.unacknowledged - self._before

    def _see(self) -> Seen:
        assert self._connection is not None
        seen = self._connection.look()
        self.is_gone = seen.is_closed
        self._widest = max(self._widest, seen.window)
        self._reach(min(self._handed, max(0, seen.acknowledged - self._before - self._head)))
        self._certain = max(self._certain, self._reached - self._doubtful)
        return seen

    def _reach(self, reached: int) -> None:
        if reached > self._reached:
            self._reached, self._progressed = reached, time.time()

    @property
    def _doubtful(self) -> int:
        """Bytes that the client's machine may have and the client not: twice the room it was ever seen to have."""
        return max(IN_DOUBT, 2 * self._widest)

    def _end(self, *, all_of_it: bool) -> None:
        self.has_ended = True
        if all_of_it:
            self._reach(self._length)
            self._certain = self._length
        else:
            self._has_broken = True
            if self._connection is None and not self._is_visible:
                self._certain = max(0, self._handed - IN_DOUBT)
            if self._certain < self._reached:
                self._doubt = (self._certain, self._reached)
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _placed(self, begin: int, end: int) -> list[tuple[int, int]]:
        """Where bytes `begin` up to `end` of the body lie in the data."""
        placed, at = [], 0
        for length, first in self._stretches:
            before, after = max(begin - at, 0), min(end - at, length)
            if first is not None and before < after:
                placed.append((first + before, first + after))
            at += length
        return placed


def head_length(status: int, headers: Sequence[tuple[bytes, bytes]]) -> int:
    """Bytes of the head of a response with that status and these headers, as the server sends it (HTTP/1.1)."""
    line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n\r\n"
    added = sum(length for name, length in _SERVER_HEADERS.items() if name not in dict(headers))
    return len(line) + sum(len(name) + len(value) + 4 for name, value in headers) + added
