"""Which user of the machine somebody is."""

from __future__ import annotations

import asyncio
import pwd
import re
from dataclasses import dataclass

from beamcat.config import DirectoryTargetSettings
from beamcat.errors import Unavailable
from beamcat.store.storage.processes import run

NO_SUCH_USER = 67
"""Exit code of a command that knows of no such user: EX_NOUSER of sysexits.h."""


@dataclass(frozen=True, slots=True)
class UnixUser:
    """A user of the machine."""

    name: str
    uid: int


class UnixUsers:
    """Knows them, by the pattern or the command of the settings."""

    def __init__(self, settings: DirectoryTargetSettings) -> None:
        self._pattern = None if settings.user_pattern is None else re.compile(settings.user_pattern)
        self._command = settings.user_command
        self._timeout_s = settings.command_timeout_s

    async def find(self, user_name: str) -> UnixUser | None:
        """The Unix user; None when there is none, and for root. Raises `Unavailable` when the command does not say."""
        name = await self._ask(user_name) if self._command else self._match(user_name)
        if not name:
            return None
        try:
            known = await asyncio.to_thread(pwd.getpwnam, name)
        except KeyError:
            return None
        return None if known.pw_uid == 0 else UnixUser(known.pw_name, known.pw_uid)

    def _match(self, user_name: str) -> str | None:
        found = self._pattern.fullmatch(user_name) if self._pattern else None
        return found[1] if found else None

    async def _ask(self, user_name: str) -> str | None:
        if user_name.startswith("-"):
            return None
        ended = await run([word.replace("{user}", user_name) for word in self._command], {}, self._timeout_s)
        if ended.code == NO_SUCH_USER:
            return None
        if ended.code:
            raise Unavailable(
                f"{self._command[0]} failed with exit code {ended.code}, and says of no user who they are"
            )
        return ended.output.strip() or None
