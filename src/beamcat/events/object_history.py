"""What has happened to one object: who changed it, when, and what of it, for those who may read it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from beamcat.access.caller import Caller
from beamcat.catalogue.search import Searches
from beamcat.catalogue.value_changes import ValueChange, value_changes
from beamcat.database.outbox import ChangeKind, Origin
from beamcat.database.pool import Database
from beamcat.errors import NoSuchObject
from beamcat.events.audit import Asked, history
from beamcat.model import icat_entity

MOST = 200
"""Changes of one object that are told, the last ones."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One change of an object. `values` are the texts that were changed by hand; of others no values are kept."""

    at: datetime
    user: str
    kind: ChangeKind
    origin: Origin
    request_id: str
    values: tuple[ValueChange, ...] = ()


class Histories:
    """Tells callers of objects that they may read."""

    def __init__(self, database: Database, searches: Searches) -> None:
        self._database = database
        self._searches = searches

    async def of(self, caller: Caller, entity: str, identifier: int, most: int = MOST) -> list[Happened]:
        """What happened to an object, the last first.

        Raises `NoSuchObject` when there is none, or the caller may not read it. What was committed within the last
        second may be missing, but for values that were changed by hand.
        """
        name = icat_entity(entity).name
        answer = await self._searches.search(caller, f"SELECT o.id FROM {name} o WHERE o.id = {identifier}")
        if not answer.rows:
            raise NoSuchObject(f"{name}[id:{identifier}] not found.")
        events = await history(self._database, Asked(entity=name, id=identifier), most)
        changes: dict[tuple[str, datetime], list[ValueChange]] = {}
        for change in await value_changes(self._database, name, identifier, most):
            changes.setdefault((change.request_id, change.at), []).append(change)
        told = [
            Happened(
                event.at,
                event.user,
                event.operation,
                event.origin,
                event.request_id,
                tuple(changes.pop((event.request_id, event.at), ())) if event.operation is ChangeKind.UPDATED else (),
            )
            for event in events
        ]
        told += [
            Happened(at, each[0].user, ChangeKind.UPDATED, Origin.CALL, request, tuple(each))
            for (request, at), each in changes.items()
        ]
        return sorted(told, key=lambda each: each.at, reverse=True)[:most]
