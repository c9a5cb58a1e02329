"""The folders of a directory target, whom they let in, and how they go. Everything here blocks.

Below the directory `.incoming` holds what is being written, and `.users` which requests a Unix user has there: a file
of the main storage that is linked twice for a user stays readable for them until the second link goes.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from beamcat.errors import BadParameter, Unavailable
from beamcat.store.storage.paths import checked
from beamcat.store.targets import acl

INCOMING, USERS, LOCK = ".incoming", ".users", ".lock"
PASSAGE = 0o711
"""Mode of the folders of facilities and visits: everybody passes through, nobody sees what is there."""
INSIDE = 0o750
FILE = 0o640


@dataclass(frozen=True, slots=True)
class Reader:
    """Who may read a request: a Unix user, a Unix group, or both; without `by_acl` the group alone, by the mode."""

    uid: int | None
    gid: int | None
    by_acl: bool

    def let_in(self, folder: Path) -> None:
        """Let them into a folder, and into those that are made in it."""
        if self.gid is not None:
            os.chown(folder, -1, self.gid)
        folder.chmod(INSIDE | (stat.S_ISGID if self.gid is not None else 0))
        if not self.by_acl:
            return
        inherited = acl.acl_of(INSIDE)
        try:
            for tag, identifier in self._entries():
                acl.let(folder, tag, identifier, acl.READ | acl.SEARCH)
                inherited = acl.with_entry(inherited, tag, identifier, acl.READ | acl.SEARCH)
            os.setxattr(folder, acl.DEFAULT, acl.packed(inherited))
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP:
                raise Unavailable(
                    f"the file system of {folder} knows no access control lists: mount it with them, or set acl = false"
                ) from error
            raise

    def let_read(self, file: Path) -> None:
        """Let them read a file. Raises `PermissionError` for one that is linked elsewhere and cannot be changed."""
        if self.by_acl:
            for tag, identifier in self._entries():
                acl.let(file, tag, identifier, acl.READ)
            return
        known = file.lstat()
        if known.st_gid != self.gid or not known.st_mode & stat.S_IRGRP:
            if known.st_nlink > 1:
                raise PermissionError(errno.EPERM, "its group cannot be changed")
            os.chown(file, -1, -1 if self.gid is None else self.gid)
            file.chmod(FILE)

    def _entries(self) -> Iterator[tuple[acl.Tag, int]]:
        if self.uid is not None:
            yield acl.Tag.USER, self.uid
        if self.gid is not None:
            yield acl.Tag.GROUP, self.gid


class Folders:
    """The folders below one directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def below(self, place: str) -> Path:
        """A path below the directory. Raises `BadParameter` for one that leads out, by its letters."""
        if checked(place).split("/", 1)[0] in {INCOMING, USERS}:
            raise BadParameter(f"{place[:200]!r} is no place in this target")
        return self.root / place

    def incoming(self, download: int) -> Path:
        """Where what belongs to a request is written before it is whole."""
        return self.root / INCOMING / str(download)

    def make(self, base: Path, download: int, reader: Reader) -> None:
        """The folder of a request, and an empty one for what is on its way."""
        self.drop_incoming(download)
        incoming = self.incoming(download)
        incoming.parent.mkdir(mode=0o700, exist_ok=True)
        incoming.mkdir(mode=0o700)
        self.ready(base, download, reader)

    def ready(self, base: Path, download: int, reader: Reader) -> None:
        """The folder of a request."""
        for folder in reversed(list(base.relative_to(self.root).parents)[:-1]):
            with contextlib.suppress(FileExistsError):
                (self.root / folder).mkdir(mode=PASSAGE)
                (self.root / folder).chmod(PASSAGE)
        if reader.uid is not None:
            user = self.root / USERS / str(reader.uid)
            user.parent.mkdir(mode=0o700, exist_ok=True)
            user.mkdir(mode=0o700, exist_ok=True)
            (user / LOCK).touch(mode=0o600)
            (user / str(download)).write_text(str(base.relative_to(self.root)))
        base.mkdir(mode=0o700, exist_ok=True)
        reader.let_in(base)

    def sync(self, base: Path, folders: Iterable[Path]) -> None:
        """What is in the folders outlives a power cut, and so do those around them."""
        wanted = {base, *base.parents[: len(base.relative_to(self.root).parts)]}
        for folder in folders:
            wanted |= {folder, *(each for each in folder.parents if each.is_relative_to(base))}
        for folder in filter(Path.is_dir, wanted):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def drop_incoming(self, download: int) -> None:
        """Remove what a process that died was writing."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.incoming(download))

    def knows(self, uid: int) -> bool:
        """Whether a user ever had anything here."""
        return (self.root / USERS / str(uid)).is_dir()

    def try_lock(self, uid: int, *, alone: bool) -> int | None:
        """A lock on the rights of a user, shared or not, to be closed; None while somebody else has it."""
        user = self.root / USERS / str(uid)
        descriptor = os.open(user / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def remove(self, base: Path, download: int, uid: int | None, marker: str) -> int:
        """Remove the folder of a request, the marker first; how many bytes are free for it.

        The user's right to read a linked file goes with it, unless another request of theirs links it, too.
        """
        self.drop_incoming(download)
        reclaimed = 0
        if base.is_dir():
            (base / marker).unlink(missing_ok=True)
            kept = self._linked_elsewhere(uid, download)
            for folder, folders, files, descriptor in os.fwalk(base, topdown=False, follow_symlinks=False):
                for name in files:
                    known = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                    if uid is not None and known.st_nlink > 1 and (known.st_dev, known.st_ino) not in kept:
                        acl.revoke(Path(folder, name), acl.Tag.USER, uid)
                    reclaimed += known.st_size if known.st_nlink == 1 else 0
                    os.unlink(name, dir_fd=descriptor)
                for name in folders:
                    os.rmdir(name, dir_fd=descriptor)
            base.rmdir()
        for around in list(base.relative_to(self.root).parents)[:-1]:
            try:
                (self.root / around).rmdir()
            except OSError:
                break  # others are in it
        if uid is not None:
            (self.root / USERS / str(uid) / str(download)).unlink(missing_ok=True)
        return reclaimed

    def _linked_elsewhere(self, uid: int | None, download: int) -> set[tuple[int, int]]:
        """The files that other requests of a user link."""
        found: set[tuple[int, int]] = set()
        user = self.root / USERS / str(uid)
        if uid is None or not user.is_dir():
            return found
        for other in user.iterdir():
            if other.name in {LOCK, str(download)}:
                continue
            base = self.below(other.read_text())
            if not base.is_dir():
                other.unlink(missing_ok=True)
                continue
            for _, _, files, descriptor in os.fwalk(base, follow_symlinks=False):
                for name in files:
                    known = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                    if known.st_nlink > 1:
                        found.add((known.st_dev, known.st_ino))
        return found
