"""The files of the home: what belongs into a backup, and how they are put back.

Folders, regular files and symbolic links, with their permissions and times. A link is kept as a link, wherever it
leads, and made when all else is there: nothing is ever written through one.
"""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from beamcat.database.backup.manifest import HEADER, Damaged

POSTGRES = "postgres"
KEPT_OF_POSTGRES = PurePosixPath(POSTGRES, "local.conf")
"""The administrator's own settings of the embedded PostgreSQL; its data are backed up as tables."""

STAGING = "restore.unfinished"
"""Where a restore puts files until all are there."""
REPLACED = "before-restore-"
"""Beginning of the name of the folder where `--replace` puts what was there."""

PASSING_FOLDERS = frozenset({POSTGRES, "run", "cache", "logs", "tmp", STAGING})
"""Folders of the home whose content is made anew, or is no loss."""
PASSING_SUFFIXES = (".lock", ".pid", ".log", ".sock", ".partial", ".unfinished")
"""Files of the home, not of folders in it, that are made anew."""

SPECIAL_BITS = 0o7000


def is_left_out(path: PurePosixPath) -> bool:
    """Whether something of the home, by its path in it, is no part of a backup."""
    if path == KEPT_OF_POSTGRES:
        return False
    first = path.parts[0]
    if first in PASSING_FOLDERS or first.startswith(REPLACED):
        return True
    return len(path.parts) == 1 and first.endswith(PASSING_SUFFIXES)


def entries_of(home: Path) -> Iterator[PurePosixPath]:
    """Everything that belongs into a backup, folders before what is in them. Backups themselves are left out."""
    if (home / KEPT_OF_POSTGRES).is_file():
        yield KEPT_OF_POSTGRES
    yield from _below(home, PurePosixPath())


def size_of(home: Path) -> int:
    """Bytes of the files that belong into a backup."""
    return sum((home / path).lstat().st_size for path in entries_of(home) if not (home / path).is_dir())


def described(info: tarfile.TarInfo) -> bytes:
    """What a backup vouches for, beside the content: kind, name, target, permissions, time, size."""
    kind = info.type.decode("ascii")
    text = f"{kind}\0{info.name}\0{info.linkname}\0{info.mode}\0{int(info.mtime)}\0{info.size}\n"
    return text.encode("utf-8", "surrogateescape")


def checked_path(name: str) -> PurePosixPath:
    """The path of an entry in the home. Raises `Damaged` for one that leads out of it, or that no backup holds."""
    path = PurePosixPath(name)
    plain = bool(name) and "\0" not in name and str(path) == name
    if not plain or path.is_absolute() or ".." in path.parts or name == "." or is_left_out(path):
        raise Damaged(f"it holds {name!r}, which no backup holds")
    return path


class Staging:
    """A folder that is filled with the entries of a home; `finish` makes the links and the folders' permissions."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folders: list[tuple[Path, tarfile.TarInfo]] = []
        self._links: list[tuple[Path, str]] = []
        folder.mkdir(mode=0o700, parents=True)

    def put(self, path: PurePosixPath, info: tarfile.TarInfo, content: Iterator[bytes]) -> None:
        """Add an entry. Raises `Damaged` for one that cannot be, and `OSError` when the disk does not take it."""
        target = self._folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if info.isdir():
                target.mkdir(mode=0o700)
                self._folders.append((target, info))
            elif info.issym():
                self._links.append((target, info.linkname))
            else:
                self._write(target, info, content)
        except (FileExistsError, NotADirectoryError):
            raise Damaged(f"it holds {str(path)!r} twice, or both as a file and as a folder") from None

    def finish(self) -> None:
        """Make the links, then close the folders."""
        for target, leads_to in self._links:
            try:
                target.symlink_to(leads_to)
            except FileExistsError:
                raise Damaged(f"it holds {target.name!r} twice") from None
        for target, info in reversed(self._folders):
            target.chmod(info.mode & ~SPECIAL_BITS)
            os.utime(target, (info.mtime, info.mtime))

    def _write(self, target: Path, info: tarfile.TarInfo, content: Iterator[bytes]) -> None:
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
            for piece in content:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), info.mode & ~SPECIAL_BITS)
        os.utime(target, (info.mtime, info.mtime))


def move(source: Path, target: Path) -> None:
    """Rename, also a folder that nobody may write to: its entry for the parent is written."""
    mode = source.lstat().st_mode
    if not stat.S_ISDIR(mode):
        source.rename(target)
        return
    source.chmod(stat.S_IMODE(mode) | stat.S_IRWXU)
    source.rename(target)
    target.chmod(stat.S_IMODE(mode))


def remove(folder: Path) -> None:
    """Remove a folder, if it is there, with all in it, also folders that nobody may write to."""
    if not folder.is_dir():
        return
    for path, inner, _ in os.walk(folder):
        for name in inner:
            if not Path(path, name).is_symlink():
                Path(path, name).chmod(stat.S_IRWXU)
    shutil.rmtree(folder)


def info_of(home: Path, path: PurePosixPath) -> tarfile.TarInfo | None:
    """The entry as the archive names it, without owner. None for what is neither folder, file nor link, or is gone."""
    try:
        found = (home / path).lstat()
        info = tarfile.TarInfo(str(path))
        if stat.S_ISDIR(found.st_mode):
            info.type = tarfile.DIRTYPE
        elif stat.S_ISLNK(found.st_mode):
            info.type = tarfile.SYMTYPE
            info.linkname = str((home / path).readlink())
        elif stat.S_ISREG(found.st_mode):
            info.size = found.st_size
        else:
            return None
    except FileNotFoundError:
        return None
    info.mode = stat.S_IMODE(found.st_mode) & ~SPECIAL_BITS
    info.mtime = int(found.st_mtime)
    return info


def opened(home: Path, path: PurePosixPath) -> IO[bytes] | None:
    """A file of the home; None when it is gone."""
    try:
        return os.fdopen(os.open(home / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    except FileNotFoundError:
        return None


def _below(home: Path, folder: PurePosixPath) -> Iterator[PurePosixPath]:
    try:
        with os.scandir(home / folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        path = folder / entry.name
        if is_left_out(path):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield path
            yield from _below(home, path)
        elif entry.is_symlink() or (entry.is_file() and not _is_backup(home / path)):
            yield path


def _is_backup(file: Path) -> bool:
    """Whether a file is an archive of ours, finished or not: backups kept in the home must not hold each other."""
    try:
        with file.open("rb") as opened_file:
            return opened_file.read(len(HEADER)) == HEADER.encode()
    except FileNotFoundError:
        return False
