"""Data in a directory that users reach: `<path>/<facility>/<visit>/<download>/<path in the download>`.

Files of a main storage on the same file system are linked, and so take no room; others share their blocks where the
file system can (reflink), or are copied. What is linked or copied is seen when it is whole, and `.complete` comes last.
"""

from __future__ import annotations

import asyncio
import errno
import grp
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from beamcat.config import DirectoryTargetSettings
from beamcat.errors import BeamcatError, ErrorKind, Unavailable
from beamcat.store.archives.names import safe_name
from beamcat.store.storage.contract import MainStorage
from beamcat.store.targets.contract import Access, Action, Finished, Order, Planned, Refusal, SourceFile
from beamcat.store.targets.folders import Folders, Reader
from beamcat.store.targets.moving import Moving, Told
from beamcat.store.targets.placing import Placing
from beamcat.store.targets.unix_users import UnixUsers

BATCH_FILES = 1000
MARKER = ".complete"
"""Is there when all the others are."""
SEVERAL = "several-visits"
"""In place of the visit of a download with several."""
LOCK_EVERY_S = 0.1

_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSPC, errno.E2BIG}
"""Then the file is copied: another file system, somebody else's file, or no room for the entry in its list."""

T = TypeVar("T")


class NoRoom(BeamcatError):
    """The file system of the target is full; there may be room later."""

    kind = ErrorKind.UNAVAILABLE


class DirectoryTarget(Moving):
    """A `Target` that is a directory."""

    batch_files = BATCH_FILES

    def __init__(self, name: str, settings: DirectoryTargetSettings, storage: MainStorage) -> None:
        super().__init__(settings.files_at_once)
        if not settings.path.is_dir():
            raise Unavailable(f"the directory {settings.path} of the target {name} is not there; make it, or mount it")
        self._name = name
        self._settings = settings
        self._storage = storage
        self._users = UnixUsers(settings)
        self._threads = ThreadPoolExecutor(settings.files_at_once, thread_name_prefix="target")
        self._group = _group_id(name, settings.group)
        self._folders = Folders(settings.path.resolve())
        self._placing = Placing(storage)
        self._readers: dict[int, Reader] = {}

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def check(self, order: Order) -> Refusal | None:
        """Whether the user is one of the machine, and there is room for what has to be copied."""
        if self._settings.acl and await self._users.find(order.person.name) is None:
            return Refusal(f"{order.person.name} has no account on the machines that reach {self._name}")
        if self._settings.link and await self._run(self._is_linkable):
            return None
        usage = await self._run(shutil.disk_usage, self._folders.root)
        if usage.free - self._settings.keep_free_bytes < order.size:
            return Refusal(f"there is no room at {self._name} for {order.size} bytes", later=True)
        return None

    async def plan(self, order: Order, files: Sequence[SourceFile]) -> Sequence[Planned]:
        """What is there with size and time of the source is skipped."""
        base = self._base(order)
        return await self._run(lambda: [Planned(file, self._action(base, file)) for file in files])

    async def prepare(self, order: Order) -> None:
        """Make the directory of the request, with the user's rights; remove what a process that died was writing."""
        self._readers[order.id] = reader = await self._reader(order)
        await self._run(self._folders.make, self._base(order), order.id, reader)

    async def let_go(self, order: Order) -> None:
        """Stop working on a request here."""
        await super().let_go(order)
        self._readers.pop(order.id, None)

    async def move(self, order: Order, planned: Planned, told: Told) -> None:
        """Link or copy a file."""
        reader = self._readers[order.id]
        target = self._base(order) / planned.file.name
        incoming = self._folders.incoming(order.id)
        if planned.action is Action.LINK:
            async with self._locked(reader, alone=False):
                if await self._run(self._linked, planned.file, target, incoming, reader):
                    return
        await self._room(planned.file.size)
        await self._placing.copy(self._run, planned.file, target, incoming, told=told, allow=reader.let_read)

    async def end_batch(self, order: Order, files: Sequence[Planned]) -> None:
        """Sync the directories that files were put into."""
        base = self._base(order)
        folders = {(base / planned.file.name).parent for planned in files}
        await self._run(self._folders.sync, base, folders)

    async def publish(self, finished: Finished) -> Access:
        """Write the marker, which tells what is there."""
        base = self._base(finished.order)
        about = {
            "download": finished.order.id,
            "files": finished.files_done,
            "bytes": finished.bytes_done,
            "failed": finished.failed_count,
            "expires": finished.expires.isoformat(timespec="seconds"),
        }
        reader = await self._reader(finished.order)
        incoming = self._folders.incoming(finished.order.id)
        content = json.dumps(about, indent=1).encode() + b"\n"
        await self._run(self._folders.ready, base, finished.order.id, reader)
        await self._run(self._placing.write, content, base / MARKER, incoming, reader.let_read)
        await self._run(self._folders.sync, base, {base})
        await self._run(self._folders.drop_incoming, finished.order.id)
        return Access(path=str(base), expires=finished.expires)

    async def expire(self, order: Order, tickets: Sequence[str]) -> int:
        """Remove the directory, and the user's rights to files that are linked from nowhere else for them."""
        user = await self._users.find(order.person.name) if self._settings.acl else None
        uid = None if user is None else user.uid
        async with self._locked(Reader(uid, None, by_acl=True), alone=True):
            return await self._run(self._folders.remove, self._base(order), order.id, uid, MARKER)

    def place(self, order: Order, file: SourceFile) -> str:
        """The path of a file below the directory."""
        return str((self._base(order) / file.name).relative_to(self._folders.root))

    async def holds(self, place: str, size: int, version: str) -> bool:
        """Whether the file is there with size and time of the source."""
        return await self._run(self._placing.is_version, self._folders.below(place), size, version)

    async def read_back(self, place: str, size: int) -> AsyncIterator[bytes]:
        """The bytes of a file."""
        descriptor = await self._run(os.open, self._folders.below(place), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            at = 0
            while piece := await self._run(os.pread, descriptor, 1 << 20, at):
                yield piece
                at += len(piece)
        finally:
            await self._run(os.close, descriptor)

    def _linked(self, file: SourceFile, target: Path, incoming: Path, reader: Reader) -> bool:
        """Link a file, if that can be done: then the user gets the right to read it wherever it is linked."""
        try:
            self._placing.link(file, target, incoming)
            reader.let_read(target)
        except OSError as error:
            if error.errno in _NO_LINK:
                target.unlink(missing_ok=True)
                return False
            raise
        return True

    @asynccontextmanager
    async def _locked(self, reader: Reader, *, alone: bool) -> AsyncIterator[None]:
        """While rights of a user are given to linked files, none are taken away."""
        if reader.uid is None or not await self._run(self._folders.knows, reader.uid):
            yield
            return
        lock = await self._run(partial(self._folders.try_lock, reader.uid, alone=alone))
        while lock is None:
            await asyncio.sleep(LOCK_EVERY_S)
            lock = await self._run(partial(self._folders.try_lock, reader.uid, alone=alone))
        try:
            yield
        finally:
            await self._run(os.close, lock)

    def _action(self, base: Path, file: SourceFile) -> Action:
        target = base / file.name
        if self._placing.is_source(file, target):
            return Action.SKIP
        return Action.LINK if self._settings.link and file.path is not None else Action.COPY

    async def _reader(self, order: Order) -> Reader:
        uid = None
        if self._settings.acl:
            user = await self._users.find(order.person.name)
            if user is None:
                raise Unavailable(
                    f"{order.person.name} has no account any more on the machines that reach {self._name}"
                )
            uid = user.uid
        return Reader(uid, self._group, by_acl=self._settings.acl)

    async def _room(self, size: int) -> None:
        usage = await self._run(shutil.disk_usage, self._folders.root)
        if usage.free - self._settings.keep_free_bytes < size:
            raise NoRoom(f"there is no room left at {self._name}")

    def _is_linkable(self) -> bool:
        """Whether the main storage lies on the same file system."""
        path = self._storage.local_path("beamcat")
        try:
            return path is not None and path.parent.stat().st_dev == self._folders.root.stat().st_dev
        except OSError:
            return False

    def _base(self, order: Order) -> Path:
        visit = SEVERAL if order.visit is None else _folder(order.visit)
        return self._folders.root / _folder(order.facility) / visit / str(order.id)

    async def _run(self, work: Callable[..., T], *arguments: object) -> T:
        working = asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            await asyncio.wait({working})  # a thread cannot be stopped, and may hold what is let go of next
            if not working.cancelled():
                working.exception()
            raise
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise NoRoom(f"there is no room left at {self._name}") from error
            raise Unavailable(f"{self._name}: {error.strerror or error}: {error.filename or ''}") from error


def _folder(name: str) -> str:
    return safe_name(name.replace("/", "_"), backslash_separates=False) or "_"


def _group_id(name: str, group: str | None) -> int | None:
    if group is None:
        return None
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise Unavailable(f"the target {name} names the group {group}, which is not there") from None
