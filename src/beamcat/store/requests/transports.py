"""The ways to get data: who may use which, and what administrators say of them."""

from __future__ import annotations

from dataclasses import dataclass

from beamcat.access.caller import Caller
from beamcat.config import DownloadSettings, TransportSettings
from beamcat.database.pool import Database
from beamcat.errors import BadParameter, Forbidden

LONGEST_MESSAGE = 10_000
"""Characters of what administrators say of a transport."""

_GROUPS = """
SELECT g.name FROM "user" u JOIN user_group m ON m.user_id = u.id JOIN "grouping" g ON g.id = m.grouping_id
 WHERE u.name = %s
"""
_FIND = "SELECT download_type, disabled, message FROM download_type_status WHERE facility_name = %s"
_SET = """
INSERT INTO download_type_status (facility_name, download_type, disabled, message) VALUES (%s, %s, %s, %s)
ON CONFLICT (facility_name, download_type) DO UPDATE SET disabled = EXCLUDED.disabled, message = EXCLUDED.message
"""


@dataclass(frozen=True, slots=True)
class Transport:
    """One of them, as it is at the moment."""

    name: str
    settings: TransportSettings
    disabled: bool
    message: str


def is_fetched(transport: str) -> bool:
    """Whether clients fetch the data from the data service; otherwise a program of the facility sees to them."""
    return transport.lower().startswith("http")


class Transports:
    """The transports of the settings."""

    def __init__(self, database: Database, settings: DownloadSettings) -> None:
        self._database = database
        self._settings = settings

    async def usable(self, facility: str, caller: Caller) -> list[Transport]:
        """Those that the caller may use, switched off or not."""
        async with self._database.connection() as connection:
            groups = {name for (name,) in await (await connection.execute(_GROUPS, (caller.name,))).fetchall()}
            said = {
                name: (disabled, message)
                for name, disabled, message in await (await connection.execute(_FIND, (facility,))).fetchall()
            }
        return [
            Transport(name, chosen, *said.get(name, (False, "")))
            for name, chosen in self._settings.transport.items()
            if may_use(chosen, caller.name, groups)
        ]

    async def find(self, facility: str, caller: Caller, name: str) -> Transport:
        """One of them; `BadParameter` when there is none, `Forbidden` when the caller may not use it."""
        self._check(name)
        for transport in await self.usable(facility, caller):
            if transport.name == name:
                return transport
        raise Forbidden(f"you may not use the transport {name}")

    async def set(self, facility: str, name: str, *, disabled: bool, message: str) -> None:
        """Switch a transport on or off, for everybody."""
        self._check(name)
        if len(message) > LONGEST_MESSAGE:
            raise BadParameter(f"a message may have {LONGEST_MESSAGE} characters")
        async with self._database.connection() as connection:
            await connection.execute(_SET, (facility, name, disabled, message))

    def _check(self, name: str) -> None:
        if name not in self._settings.transport:
            known = ", ".join(self._settings.transport)
            raise BadParameter(f"there is no transport {name[:100]!r}; there is {known}")


def may_use(settings: TransportSettings, user_name: str, groups: set[str]) -> bool:
    """Whether a user may use a transport. Being a member of one of its groups wins."""
    if groups.intersection(settings.groupings):
        return True
    if settings.disallowed_authenticators:
        return user_name.partition("/")[0] not in settings.disallowed_authenticators
    return not settings.groupings
