"""A file on its way: its bytes in `NAME.part`, and which of them are there in `NAME.part.json`.

Under its name it appears when it is complete, never before. What is written down is on disk by then, so that a program
that is killed, or a machine that loses power, goes on where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from beamcat.client.files import RemoteFile
from beamcat.client.spans import Spans
from beamcat.errors import BeamcatError, ErrorKind

SAVE_EVERY_S = 1.0
LONGEST_NAME = 200
"""Bytes of a name that leave room for what is put behind it."""
READ_AT_ONCE = 1 << 20


class InUse(BeamcatError):
    """Somebody else writes to it."""

    kind = ErrorKind.UNAVAILABLE


class Partial:
    """What there is of a file so far. To be closed."""

    def __init__(self, target: Path) -> None:
        self.target = target
        name = target.name
        if len(os.fsencode(name)) > LONGEST_NAME:
            name = f".{hashlib.sha256(os.fsencode(name)).hexdigest()[:32]}"
        self._path = target.with_name(f"{name}.part")
        self._state = target.with_name(f"{name}.part.json")
        target.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise InUse(f"another program writes to {self._path}") from None
        self.etag: str | None = None
        self.size: int | None = None
        self.done = Spans()
        self._saved = time.monotonic()
        self._writing = threading.Lock()
        self._load()

    def start_over(self, size: int | None, etag: str | None) -> None:
        """Forget what is there: this is another version of the file."""
        self._state.unlink(missing_ok=True)
        os.ftruncate(self._descriptor, 0)
        self.size, self.etag, self.done = size, etag, Spans()

    async def write(self, at: int, data: bytes) -> None:
        """Write bytes that have come."""
        view, first = memoryview(data), at
        while view:
            written = os.pwrite(self._descriptor, view, first)
            view, first = view[written:], first + written
        self.done.add(at, at + len(data))
        if time.monotonic() - self._saved > SAVE_EVERY_S:
            await self.save()

    async def save(self) -> None:
        """Write down what is there."""
        self._saved = time.monotonic()
        await asyncio.to_thread(self._write_down, self._said())

    def wrong(self, file: RemoteFile) -> list[tuple[int, int]]:
        """Where the bytes are not those that the digests tell of; all of them when the digest of the whole is wrong."""
        size = os.fstat(self._descriptor).st_size
        if file.pieces is not None:
            length = file.pieces.length
            return [
                (index * length, min(size, (index + 1) * length))
                for index, digest in enumerate(file.pieces.digests)
                if not digest.fits(os.pread(self._descriptor, length, index * length))
            ]
        if file.digest is None or _digits(self._descriptor, file.digest.algorithm) == file.digest.digits:
            return []
        return [(0, size)]

    def finish(self) -> None:
        """All of it is there, and right: give it its name."""
        os.ftruncate(self._descriptor, self.size or 0)
        os.fsync(self._descriptor)
        self._path.replace(self.target)
        self._state.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of it, finished or not."""
        try:
            if not self.done.size:
                self._path.unlink(missing_ok=True)
                self._state.unlink(missing_ok=True)
            elif self._path.exists():
                self._write_down(self._said())
        finally:
            with self._writing:
                os.close(self._descriptor)
                self._descriptor = -1

    def _load(self) -> None:
        """What an earlier try wrote down. Where that cannot be understood, all is to be fetched."""
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            said: dict[str, Any] = json.loads(self._state.read_bytes())
            there = os.fstat(self._descriptor).st_size
            done = Spans((int(first), min(int(stop), there)) for first, stop in said["done"])
            self.size, self.etag, self.done = said["size"], said["etag"], done

    def _said(self) -> str:
        return json.dumps({"size": self.size, "etag": self.etag, "done": [*self.done]})

    def _write_down(self, text: str) -> None:
        """The bytes first, then what is said of them."""
        with self._writing:
            if self._descriptor < 0:
                return  # a thread that is late
            os.fdatasync(self._descriptor)
            new = self._state.with_name(f"{self._state.name}.new")
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o666)
            with os.fdopen(descriptor, "w") as out:
                out.write(text)
            new.replace(self._state)


def is_complete(target: Path, file: RemoteFile) -> bool:
    """Whether the file is there already, with the right size and the right digest where one is known.

    What an earlier try may have left beside it is removed.
    """
    if not _is_the_file(target, file):
        return False
    target.with_name(f"{target.name}.part.json").unlink(missing_ok=True)
    return True


def _is_the_file(target: Path, file: RemoteFile) -> bool:
    if target.is_symlink() or not target.is_file() or target.stat().st_size != file.size:
        return False
    if file.digest is None:
        return file.pieces is None or _fits(target, file)
    with target.open("rb") as there:
        return _digits(there.fileno(), file.digest.algorithm) == file.digest.digits


def _fits(target: Path, file: RemoteFile) -> bool:
    assert file.pieces is not None
    with target.open("rb") as there:
        return all(digest.fits(there.read(file.pieces.length)) for digest in file.pieces.digests)


def _digits(descriptor: int, algorithm: str) -> str:
    digest, at = hashlib.new(algorithm, usedforsecurity=False), 0
    while data := os.pread(descriptor, READ_AT_ONCE, at):
        digest.update(data)
        at += len(data)
    return digest.hexdigest()
