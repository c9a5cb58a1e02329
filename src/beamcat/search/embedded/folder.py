"""The folder of the index: which generation of each entity is asked, who writes, who reads, what can go.

- `current`: which generation of each entity is asked, and the position; replaced at once
- `writing`: locked by the process that follows changes
- `<generation>/building`: what a generation is to hold, until it is asked
- `<generation>/committing/<part>`: a part of the work whose documents are just being committed
- `<generation>/done/<part>`: one that is done
- `<generation>/<entity>/readers`: locked by everybody who reads
- `<generation>/<entity>/<shard>/`: an index of tantivy
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from beamcat.errors import Unavailable

CURRENT = "current"
BUILDING = "building"
READERS = "readers"


@dataclass(frozen=True)
class Held:
    """The index of one entity: where it is, its number of shards, and the form of its documents."""

    generation: str
    shards: int
    form: str


@dataclass(frozen=True)
class State:
    """What is asked, and up to which position it is."""

    position: int
    entities: Mapping[str, Held] = field(default_factory=dict)


class Folder:
    """`search` in the home."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def stamp(self) -> tuple[int, int] | None:
        """What changes whenever the state does; none: there is none yet."""
        return stamp_of(self.path / CURRENT)

    def state(self) -> State | None:
        """The state; none: no index has been asked yet."""
        try:
            told = orjson.loads((self.path / CURRENT).read_bytes())
        except FileNotFoundError:
            return None
        return State(told["position"], {entity: Held(**held) for entity, held in told["entities"].items()})

    def tell(self, state: State) -> None:
        """Replace the state, at once."""
        replace(self.path / CURRENT, orjson.dumps(state))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes the state until the end of the block."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def lock_for_writing(self) -> int:
        """A descriptor that holds the one permission to follow changes. Raises `Unavailable` while another has it."""
        self.path.mkdir(parents=True, exist_ok=True)
        return _lock(self.path / "writing", fcntl.LOCK_EX, "another process writes to the index of search")

    def of(self, entity: str, held: Held) -> Path:
        """The folder of the shards of an entity."""
        return self.path / held.generation / entity

    def size_bytes(self, entity: str, held: Held) -> int:
        """The size of an entity's index on the disk."""
        total = 0
        for file in self.of(entity, held).rglob("*"):
            with suppress(FileNotFoundError):  # merged away meanwhile
                total += file.stat().st_size
        return total

    def free_bytes(self) -> int:
        """What is free on the disk, for us."""
        self.path.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self.path).free

    def lock_for_reading(self, entity: str, held: Held) -> int:
        """A descriptor that keeps this index from being removed. Raises `Unavailable` when that happens just now."""
        message = "the index of search is being replaced; try again"
        return _lock(self.of(entity, held) / READERS, fcntl.LOCK_SH, message)

    def generations(self) -> list[Path]:
        """The folders of all generations, the oldest first."""
        return sorted(path for path in self.path.iterdir() if path.is_dir() and path.name.isdigit())

    def begun(self) -> list[Path]:
        """The generations that are built, the oldest first; one that is asked already is not, whatever it says."""
        if not self.path.is_dir():
            return []
        state = self.state()
        asked = set() if state is None else {held.generation for held in state.entities.values()}
        return [path for path in self.generations() if path.name not in asked and (path / BUILDING).exists()]

    def sweep(self) -> bool:
        """Remove what is not asked, not built, and not read by anybody; whether nothing of that is left."""
        with self.locked():
            state = self.state()
            kept = {} if state is None else state.entities
            left = False
            for generation in self.generations():
                if (generation / BUILDING).exists():
                    continue
                held = [generation / entity for entity, of in kept.items() if of.generation == generation.name]
                for folder in [path for path in generation.iterdir() if path.is_dir() and path not in held]:
                    left = not _remove_unless_read(folder) or left
                if not any(path.is_dir() for path in generation.iterdir()):
                    shutil.rmtree(generation)
            return not left


def replace(path: Path, content: bytes) -> None:
    """Write a file so that it is there as a whole or not at all, also when the machine stops."""
    beside = path.with_name(f"{path.name}.new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder last."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def stamp_of(path: Path) -> tuple[int, int] | None:
    """What changes when a file is replaced by another; none: it is not there."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_mtime_ns


def _lock(path: Path, kind: int, refusal: str) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError as error:
        raise Unavailable(refusal) from error
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise Unavailable(refusal) from error
    return descriptor


def _remove_unless_read(folder: Path) -> bool:
    with suppress(Unavailable):
        descriptor = _lock(folder / READERS, fcntl.LOCK_EX, "is read")
        try:
            shutil.rmtree(folder)
        finally:
            os.close(descriptor)
        return True
    return False
