"""The targets of the settings, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from beamcat.config import DownloadSettings, Settings
from beamcat.database.pool import Connection, Database
from beamcat.errors import BadParameter, Forbidden
from beamcat.store.requests.downloads import Downloads
from beamcat.store.storage.contract import MainStorage
from beamcat.store.targets.contract import Order, Person
from beamcat.store.targets.keeping import Keeper
from beamcat.store.targets.plugins import target_of
from beamcat.store.targets.sources import Sources
from beamcat.store.targets.table import TargetTable
from beamcat.store.targets.working import Place, Work

_GROUPS = """
SELECT u.full_name, ARRAY(SELECT g.name FROM user_group m JOIN "grouping" g ON g.id = m.grouping_id
                           WHERE m.user_id = u.id)
  FROM "user" u WHERE u.name = %s
"""


def open_places(settings: DownloadSettings, storage: MainStorage) -> dict[str, Place]:
    """The targets of this worker, by their names. Raises `CannotUseTarget`, and `Unavailable` for one that is away."""
    return {name: Place(name, chosen, target_of(name, chosen, storage)) for name, chosen in settings.target.items()}


@dataclass(frozen=True, slots=True)
class TargetRequests:
    """Requests for transports that have a target."""

    database: Database
    table: TargetTable
    places: Mapping[str, Place]
    transports: Mapping[str, str]
    """The target of each transport that has one."""
    work: Work
    keeper: Keeper

    async def check(self, transport: str, order: Order) -> None:
        """Raise `Forbidden` when the target of a transport does not take a request."""
        if (place := self._place(transport)) is None:
            if order.destination is not None:
                raise BadParameter(f"the transport {transport} has no destinations")
            return
        refusal = await self.work.refusal(place, order)
        if refusal is not None and not refusal.later:
            raise Forbidden(refusal.reason)

    async def person(self, user_name: str, email: str | None) -> Person:
        """Who somebody is to a target."""
        async with self.database.connection() as connection:
            row = await (await connection.execute(_GROUPS, (user_name,))).fetchone()
        full_name, groups = row or (None, [])
        return Person(user_name, full_name or user_name, email, frozenset(groups))

    async def enlist(self, connection: Connection, transport: str, ids: Sequence[int], destination: str | None) -> None:
        """New downloads of a transport, in the transaction that makes them."""
        if ids and transport in self.transports:
            await self.table.enlist(connection, ids, self.transports[transport], destination)

    async def hand_over(self, connection: Connection, ids: Sequence[int]) -> dict[int, bool]:
        """All data of these downloads are there; for those that have a target, whether it goes on there."""
        return await self.table.hand_over(connection, ids, dict(self.transports))

    def close(self) -> None:
        """Let go of the targets."""
        for place in self.places.values():
            place.target.close()

    def _place(self, transport: str) -> Place | None:
        name = self.transports.get(transport)
        return None if name is None else self.places[name]


def target_requests(
    settings: Settings, database: Database, downloads: Downloads, sources: Sources, places: Mapping[str, Place]
) -> TargetRequests:
    """The requests to targets that this worker sees to."""
    chosen = settings.downloads
    table = TargetTable(database, timedelta(seconds=settings.ids.lease_s))
    give_up = timedelta(hours=chosen.give_up_hours)
    work = Work(table, sources, downloads, places, give_up=give_up)
    transports = {name: each.target for name, each in chosen.transport.items() if each.target is not None}
    return TargetRequests(database, table, places, transports, work, Keeper(table, work, tuple(places)))
