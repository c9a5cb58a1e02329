"""An archive that a facility attaches by commands of its own: whatever speaks to its tape system.

Exit codes are those of sysexits.h where it has one: 0 done, 66 there is no such unit, 73 there is no room, 75 not yet;
try again. Any other is a failure, told with what the command wrote to its standard error.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from beamcat.config import CommandArchiveSettings
from beamcat.errors import BadParameter, BeamcatError, Unavailable
from beamcat.store.storage.contract import NoSuchData, Pieces, Recall, StorageFull
from beamcat.store.storage.folder import Folder
from beamcat.store.storage.paths import checked
from beamcat.store.storage.processes import Ended, run

DONE, NO_SUCH_UNIT, NO_ROOM, NOT_YET = 0, 66, 73, 75
UNITS_AT_ONCE = 10_000
"""Lines of one `{units_file}`."""
PLACEHOLDER = re.compile(r"\{(unit|file|units_file)\}")
EVERYTHING = 1 << 62

_ON_THE_WAY = "on-the-way"

T = TypeVar("T")


class CommandArchive:
    """An `ArchiveStorage` by commands. `scratch` is a directory for units on their way to and from it."""

    def __init__(self, settings: CommandArchiveSettings, scratch: Path) -> None:
        self._settings = settings
        self._environment = {name: value.get_secret_value() for name, value in settings.environment.items()}
        self._scratch = Folder(scratch)
        (scratch / _ON_THE_WAY).mkdir(exist_ok=True)
        self._turns = asyncio.Semaphore(settings.at_once)

    def close(self) -> None:
        """Let the threads go."""
        self._scratch.close()

    async def put(self, unit: str, pieces: Pieces, size: int | None = None) -> None:
        """Store a unit: the command is run once all its bytes are in the scratch directory."""
        _named([unit])
        async with self._file() as location:
            await self._scratch.write(location, pieces, replace=True)
            await self._run("put", unit=unit, file=str(self._scratch.path(location)))

    async def request(self, units: Sequence[str]) -> None:
        """Ask for units."""
        await self._for_all("request", units)

    async def ready(self, units: Sequence[str]) -> Recall:
        """How far units are.

        For `{unit}` the exit code says it: done, not yet (with the seconds on its output, if it knows), or no such
        unit. For `{units_file}` each line of the output does: unit, tab, `ready`, `waiting` or `lost`, and after
        another tab seconds or reason. Units without a line are waiting.
        """
        _named(units)
        if "{units_file}" in " ".join(self._settings.ready):
            lines = await self._lines("ready", units)
            told = [(unit, *(lines.get(unit) or ("waiting", ""))) for unit in units]
        else:
            told = await _all(map(self._ready, units))
        waiting: dict[str, float | None] = {}
        lost: dict[str, str] = {}
        for unit, state, more in told:
            if state == "lost":
                lost[unit] = more or "the archive does not hold it"
            elif state == "waiting":
                waiting[unit] = _seconds(more)
            elif state != "ready":
                raise Unavailable(f"{self._settings.ready[0]} says {state[:100]!r}, not ready, waiting or lost")
        return Recall(waiting, lost)

    async def read(self, unit: str) -> AsyncIterator[bytes]:
        """The bytes of a unit, once the command has written all of them to the scratch directory."""
        _named([unit])
        async with self._file() as location:
            file = self._scratch.path(location)
            await self._run("read", unit=unit, file=str(file))
            if not file.is_file():
                raise Unavailable(f"{self._settings.read[0]} ended without writing the file it was told to")
            async for piece in self._scratch.read(location, 0, EVERYTHING):
                yield piece

    async def release(self, units: Sequence[str]) -> None:
        """Say that units need not be readable any longer, to whom it interests."""
        if self._settings.release:
            await self._for_all("release", units)

    async def delete(self, units: Sequence[str]) -> None:
        """Remove units."""
        await self._for_all("delete", units)

    async def volumes(self, units: Sequence[str]) -> list[str | None]:
        """On which tape each unit is, from lines of unit, tab, tape."""
        _named(units)
        if not self._settings.volumes:
            return [None] * len(units)
        lines = await self._lines("volumes", units)
        return [lines[unit][0] if unit in lines else None for unit in units]

    async def forget_unfinished(self, older_than: float) -> int:
        """Remove what a process that died has left in the scratch directory, last touched before that; how many."""
        return await self._scratch.forget_unfinished(older_than, _ON_THE_WAY)

    async def _for_all(self, command: str, units: Sequence[str]) -> None:
        """Run a command for units: for all at once, or for each by itself. Those that are not there are no error."""
        _named(units)
        if "{units_file}" in " ".join(getattr(self._settings, command)):
            for first in range(0, len(units), UNITS_AT_ONCE):
                async with self._list(units[first : first + UNITS_AT_ONCE]) as file:
                    await self._run(command, but={NO_SUCH_UNIT}, units_file=file)
        else:
            await _all(self._run(command, but={NO_SUCH_UNIT}, unit=unit) for unit in units)

    async def _ready(self, unit: str) -> tuple[str, str, str]:
        ended = await self._run("ready", but={NO_SUCH_UNIT, NOT_YET}, unit=unit)
        state = {DONE: "ready", NOT_YET: "waiting", NO_SUCH_UNIT: "lost"}[ended.code]
        return unit, state, ended.complaint if state == "lost" else ended.output

    async def _lines(self, command: str, units: Sequence[str]) -> dict[str, tuple[str, str]]:
        """What the lines of the output say of each unit: the words after the first and the second tab."""
        said: dict[str, tuple[str, str]] = {}
        for first in range(0, len(units), UNITS_AT_ONCE):
            async with self._list(units[first : first + UNITS_AT_ONCE]) as file:
                ended = await self._run(command, units_file=file)
            for line in ended.output.splitlines():
                unit, *words = line.split("\t", 2)
                said[unit] = (words[0].strip() if words else "", words[1].strip() if len(words) > 1 else "")
        return said

    async def _run(self, name: str, *, but: frozenset[int] | set[int] = frozenset(), **values: str) -> Ended:
        """Run a command to its end. Raises what its exit code stands for, unless it is one of `but`."""
        command = [PLACEHOLDER.sub(lambda found: values[found[1]], word) for word in getattr(self._settings, name)]
        limit = self._settings.transfer_timeout_s if name in {"put", "read"} else self._settings.timeout_s
        async with self._turns:
            ended = await run(command, self._environment, limit)
        if ended.code == DONE or ended.code in but:
            return ended
        raise _told(ended, name, values)

    @asynccontextmanager
    async def _file(self) -> AsyncIterator[str]:
        """A location in the scratch directory that is free, and free again afterwards."""
        location = f"{_ON_THE_WAY}/{uuid4()}"
        try:
            yield location
        finally:
            await asyncio.to_thread(self._scratch.path(location).unlink, True)

    @asynccontextmanager
    async def _list(self, units: Sequence[str]) -> AsyncIterator[str]:
        """A file that names these units."""
        async with self._file() as location:
            file = self._scratch.path(location)
            await asyncio.to_thread(file.write_text, "".join(f"{unit}\n" for unit in units))
            yield str(file)


async def _all(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What the calls return, when all have ended. Raises what the first of them raised that did."""
    ended = await asyncio.gather(*calls, return_exceptions=True)
    for one in ended:
        if isinstance(one, BaseException):
            raise one
    return [one for one in ended if not isinstance(one, BaseException)]


def _named(units: Sequence[str]) -> None:
    """Raises `BadParameter` for names that a command could take for something else."""
    for unit in units:
        if checked(unit).startswith("-") or any(ord(letter) < 32 or ord(letter) == 127 for letter in unit):
            raise BadParameter(f"{unit[:200]!r} is no name of a unit")


def _seconds(text: str) -> float | None:
    try:
        return max(0.0, float(text.split(maxsplit=1)[0]))
    except (ValueError, IndexError):
        return None


def _told(ended: Ended, name: str, values: dict[str, str]) -> BeamcatError:
    last = ended.complaint.splitlines()[-1][:500] if ended.complaint else "it wrote nothing to its standard error"
    if ended.code == NO_SUCH_UNIT:
        return NoSuchData(values.get("unit", "one of the units"))
    if ended.code == NO_ROOM:
        return StorageFull(f"the archive has no room: {last}")
    if ended.code == NOT_YET:
        return Unavailable(f"the archive cannot do this yet: {last}")
    return Unavailable(f"the archive's command {name} failed with exit code {ended.code}: {last}")
