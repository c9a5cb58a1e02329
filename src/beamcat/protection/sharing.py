"""What the workers of a server keep together, in files of its home: buckets, and places for answers.

Nothing of it outlives the machine, and nothing is asked of the database. A worker that is killed leaves nothing behind:
its locks end with it. Several servers behind a load balancer each count for themselves.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import struct
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path

from beamcat.protection.buckets import Rate, give_back, take

SETS, WAYS = 16_384, 8
"""Buckets lie in sets. When all of a set are in use, the one is forgotten that is full soonest."""

_ENTRY = struct.Struct("=Qq")
_SET_BYTES = WAYS * _ENTRY.size
_FLOCK = struct.Struct("hhqqi4x")
_NS = 10**9
_PLACES = 2**16
"""Offsets of the file that belong to one key."""


class SharedBuckets:
    """The buckets of clients, by key: as many as fit in 2 MiB, whatever comes."""

    def __init__(self, file: Path, *, ticks: Callable[[], int] = time.monotonic_ns) -> None:
        self._ticks = ticks
        self._descriptor = _opened(file)
        size = SETS * _SET_BYTES
        if os.fstat(self._descriptor).st_size < size:
            os.ftruncate(self._descriptor, size)
        self._memory = mmap.mmap(self._descriptor, size)

    def close(self) -> None:
        """Let the file go."""
        self._memory.close()
        os.close(self._descriptor)

    def take(self, key: str, rate: Rate) -> float:
        """Take a token: 0, or how many seconds to wait when there is none."""
        with self._entry(key) as (place, digest, full_at, now):
            later, wait = take(full_at, now, rate)
            _ENTRY.pack_into(self._memory, place, digest, later)
        return wait / _NS

    def give_back(self, key: str, rate: Rate) -> None:
        """Put a token back that turned out not to be needed."""
        with self._entry(key) as (place, digest, full_at, _):
            _ENTRY.pack_into(self._memory, place, digest, give_back(full_at, rate))

    @contextlib.contextmanager
    def _entry(self, key: str) -> Iterator[tuple[int, int, int, int]]:
        """Where the bucket of a key is, for one worker at a time: place, digest, when it is full, and the time."""
        digest = _digest(key)
        first = digest % SETS * _SET_BYTES
        _lock(self._descriptor, fcntl.F_OFD_SETLKW, fcntl.F_WRLCK, first)
        try:
            now = self._ticks()
            found, oldest, least = None, first, None
            for place in range(first, first + _SET_BYTES, _ENTRY.size):
                known, full_at = _ENTRY.unpack_from(self._memory, place)
                if known == digest:
                    found = place, full_at
                    break
                if least is None or full_at < least:
                    oldest, least = place, full_at
            place, full_at = found or (oldest, now)
            yield place, digest, full_at, now
        finally:
            _lock(self._descriptor, fcntl.F_OFD_SETLK, fcntl.F_UNLCK, first)


class SharedPlaces:
    """Places of clients, by key: as many as a limit says, each held by one answer until it gives it back.

    A place is a lock on one byte of a file, which is empty. The system gives back those of a process that ends.
    """

    def __init__(self, file: Path) -> None:
        self._descriptor = _opened(file)
        self._held: defaultdict[int, set[int]] = defaultdict(set)

    def close(self) -> None:
        """Give all back."""
        os.close(self._descriptor)

    def take(self, key: str, most: int) -> tuple[int, int] | None:
        """A place, for `give_back`; None when all are held."""
        first = _digest(key) % 2**46 * _PLACES
        held = self._held[first]
        for number in range(min(most, _PLACES)):
            if number not in held and _lock(self._descriptor, fcntl.F_OFD_SETLK, fcntl.F_WRLCK, first + number):
                held.add(number)
                return first, number
        if not held:
            del self._held[first]
        return None

    def give_back(self, place: tuple[int, int]) -> None:
        """Give a place back."""
        first, number = place
        _lock(self._descriptor, fcntl.F_OFD_SETLK, fcntl.F_UNLCK, first + number)
        self._held[first].discard(number)
        if not self._held[first]:
            del self._held[first]


def _opened(file: Path) -> int:
    file.parent.mkdir(parents=True, exist_ok=True)
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _digest(key: str) -> int:
    """Never 0, which is that of an entry nobody has used."""
    return int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()) or 1


def _lock(descriptor: int, command: int, kind: int, offset: int) -> bool:
    """Lock or unlock one byte, for this opening of the file alone; False when it is locked and not waited for."""
    try:
        fcntl.fcntl(descriptor, command, _FLOCK.pack(kind, os.SEEK_SET, offset, 1, 0))
    except BlockingIOError:
        return False
    except PermissionError:  # EACCES, by which some systems say the same
        return False
    return True
