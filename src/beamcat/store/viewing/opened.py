"""The files of one question, as a viewing process has them open, and the way through their links."""

from __future__ import annotations

import io
import os
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import h5py

from beamcat.store.viewing.confinement import opening
from beamcat.store.viewing.wire import Message

BLOCK = 1 << 18
"""Bytes that are asked for at a time, of a file that is read by ranges."""
BLOCKS_KEPT = 256
MOST_HOPS = 32
"""Links on the way to one object."""
MOST_FILES = 100
"""Other files that one answer reads."""

Ask = Callable[[dict[str, Any]], Message]
"""Asks the server for something."""


class NotHere(Exception):
    """There is no such object in the file."""


class NotShown(Exception):
    """It is there, and is not shown for a reason that is told."""


class Ranges(io.RawIOBase):
    """A file whose bytes the server brings, by ranges."""

    def __init__(self, ask: Ask, key: int, size: int) -> None:
        self._ask, self._key, self._size = ask, key, size
        self._place = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go somewhere."""
        self._place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        return self._place

    def tell(self) -> int:
        """Where it is."""
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as the file goes."""
        view = memoryview(buffer).cast("B")
        stop = min(self._place + len(view), self._size)
        done = 0
        while self._place < stop:
            number = self._place // BLOCK
            block = self._block(number, (stop - 1) // BLOCK)
            first = self._place - number * BLOCK
            piece = block[first : first + stop - self._place]
            view[done : done + len(piece)] = piece
            done += len(piece)
            self._place += len(piece)
        return done

    def _block(self, number: int, last: int) -> bytes:
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        last = next((n - 1 for n in range(number + 1, last + 1) if n in self._blocks), last)
        last = min(last, number + BLOCKS_KEPT // 2)
        stop = min((last + 1) * BLOCK, self._size)
        content = self._ask({"read": [self._key, number * BLOCK, stop]}).body
        if len(content) < stop - number * BLOCK:
            raise OSError("the file is shorter than it was")
        for each in range(number, last + 1):
            first = (each - number) * BLOCK
            self._blocks[each] = content[first : first + BLOCK]
        while len(self._blocks) > BLOCKS_KEPT:
            self._blocks.popitem(last=False)
        return self._blocks[number]


class Descriptor(io.RawIOBase):
    """A file behind a descriptor that is not told: libraries would copy it, and no copy can be made here."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor, self._size = descriptor, size
        self._place = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go somewhere."""
        self._place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        return self._place

    def tell(self) -> int:
        """Where it is."""
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as the file goes."""
        content = os.pread(self._descriptor, len(buffer), self._place)
        buffer[: len(content)] = content
        self._place += len(content)
        return len(content)


@dataclass(frozen=True, slots=True)
class Handed:
    """A file the server has handed over: by a descriptor, or by ranges."""

    key: int
    name: str
    size: int
    stream: io.RawIOBase | None
    descriptor: int | None

    def hdf5(self) -> h5py.File:
        """The file as HDF5. Raises `NotShown` when it is none."""
        try:
            if self.descriptor is not None:
                with opening():
                    return h5py.File(f"/proc/self/fd/{self.descriptor}", "r", locking=False)
            return h5py.File(self.stream, "r")
        except OSError as error:
            raise NotShown("this is no HDF5 file, or not all of it is there") from error

    def binary(self) -> Any:
        """The file as bytes to be read."""
        raw = self.stream if self.descriptor is None else Descriptor(self.descriptor, self.size)
        assert isinstance(raw, io.RawIOBase)
        return io.BufferedReader(raw, BLOCK)


def handed(message: Message, ask: Ask) -> Handed:
    """What the message hands over."""
    told = message.head["file"]
    stream = None if message.descriptor is not None else Ranges(ask, told["key"], told["size"])
    return Handed(told["key"], told["name"], told["size"], stream, message.descriptor)


class Opened:
    """The file that is asked about, and those its links lead to. To be closed."""

    def __init__(self, main: Handed, ask: Ask) -> None:
        self._ask = ask
        self._handed = [main]
        self._files: dict[tuple[int, str], tuple[Handed, h5py.File]] = {}
        self.main = main.hdf5()
        self._main = main

    def close(self) -> None:
        """Let go of all of them, those that were handed over too."""
        for _, file in self._files.values():
            file.close()
        self.main.close()
        for each in self._handed:
            if each.descriptor is not None:
                os.close(each.descriptor)

    def find(self, path: str) -> Any:
        """The object at a path, behind whatever links. Raises `NotHere` and `NotShown`."""
        return self.follow(self._main, self.main, self.main["/"], path)

    def follow(self, at: Handed, file: h5py.File, start: Any, path: str) -> Any:
        """The object at a path that begins at a group of a file."""
        current, hops = (file["/"] if path.startswith("/") else start), 0
        parts = deque(_parts(path))
        while parts:
            part = parts.popleft()
            if not isinstance(current, h5py.Group):
                raise NotHere(path)
            link = current.get(part, getlink=True)
            if link is None:
                raise NotHere(path)
            if isinstance(link, h5py.HardLink):
                current = current[part]
                continue
            hops += 1
            if hops > MOST_HOPS:
                raise NotShown("its links lead in a circle")
            if isinstance(link, h5py.SoftLink):
                target = link.path
                parts.extendleft(reversed(_parts(target)))
                if target.startswith("/"):
                    current = file["/"]
            elif isinstance(link, h5py.ExternalLink):
                at, file = self.other(at, link.filename)
                parts.extendleft(reversed(_parts(link.path)))
                current = file["/"]
            else:
                raise NotShown("links of this kind are not followed")
        return current

    def other(self, at: Handed, name: str) -> tuple[Handed, h5py.File]:
        """Another file, as one of them names it: it must lie in the same dataset, and be open to whoever asks."""
        if (at.key, name) not in self._files:
            if len(self._files) >= MOST_FILES:
                raise NotShown(f"it leads to more than {MOST_FILES} other files")
            answer = self._ask({"need": name, "from": at.key})
            if "file" not in answer.head:
                raise NotShown(f"it leads to the file {name}: {answer.head['reason']}")
            given = handed(answer, self._ask)
            self._handed.append(given)
            self._files[at.key, name] = (given, given.hdf5())
        return self._files[at.key, name]

    def where(self, found: Any) -> tuple[Handed, h5py.File]:
        """The file an object lies in."""
        for given, file in self._files.values():
            if file.id == found.file.id:
                return given, file
        return self._main, self.main


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in {"", "."}]
