"""How much a client may have brought back from the archive: exact, in the transaction in which it is asked for.

What is on its way already, for whomever, costs nothing. Of what is asked for at once as much is granted as there is
left, in the order of ids, so that whoever comes back gets on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from beamcat.config import Settings
from beamcat.database.pool import Connection
from beamcat.protection.clients import Client, Limits, Standing, Users, limits_of
from beamcat.protection.refusals import LONGER_RETRY_S, OverRestoreBudget, Refusals, until_midnight_s
from beamcat.protection.visits import current_visit

RESTORED, AS_MEMBER = "restored", "restored_as_member"

_IS_STAFF = """
SELECT EXISTS (SELECT FROM user_group m JOIN "user" p ON p.id = m.user_id JOIN "grouping" g ON g.id = m.grouping_id
                WHERE p.name = %s AND g.name = ANY(%s))
"""
_TODAY = """
INSERT INTO daily_use (client, day, what, bytes)
SELECT %s, %s, what, 0 FROM unnest(%s::text[]) AS w (what) ORDER BY what
    ON CONFLICT (client, day, what) DO UPDATE SET bytes = daily_use.bytes
RETURNING what, bytes
"""
_SPENT = """
UPDATE daily_use d SET bytes = w.bytes FROM unnest(%s::text[], %s::bigint[]) AS w (what, bytes)
 WHERE d.client = %s AND d.day = %s AND d.what = w.what
"""
_HOLD = "SELECT FROM unit WHERE kind = %s AND id = ANY(%s) ORDER BY id FOR UPDATE"
_TO_COME = """
SELECT w.id, greatest(u.size, {size}, 0)::bigint,
       EXISTS (SELECT FROM dataset d JOIN investigation_reader r ON r.investigation_id = d.investigation_id
                 JOIN "user" p ON p.id = r.user_id
                WHERE d.id = w.dataset_id AND p.name = %(user)s AND r.count > 0)
  FROM unnest(%(ids)s::bigint[], %(datasets)s::bigint[]) AS w (id, dataset_id)
  LEFT JOIN unit u ON u.kind = %(kind)s AND u.id = w.id
 WHERE u.wanted IS DISTINCT FROM 'RESTORE' AND u.running IS DISTINCT FROM 'RESTORE'
   AND (u.online IS NOT TRUE OR u.running = 'ARCHIVE')
 ORDER BY w.id
"""
_SIZES = {
    "dataset": "(SELECT d.file_size FROM dataset d WHERE d.id = w.id)",
    "datafile": "(SELECT f.file_size FROM datafile f WHERE f.id = w.id)",
}
_ARRIVED = """
DELETE FROM restore_under_way r
 WHERE client = %s
   AND NOT EXISTS (SELECT FROM unit u WHERE u.kind = r.kind AND u.id = r.unit_id AND u.requested_by = %s
                      AND (u.wanted = 'RESTORE' OR u.running = 'RESTORE'))
"""
_UNDER_WAY = "SELECT count(*) FROM restore_under_way WHERE client = %s"
_BEGUN = """
INSERT INTO restore_under_way (client, kind, unit_id) SELECT %s, %s, w.id FROM unnest(%s::bigint[]) AS w (id)
    ON CONFLICT DO NOTHING
"""


@dataclass(slots=True)
class Granting:
    """What is left for a client, while units are looked at one by one."""

    limits: Limits
    member_limit: int
    used: dict[str, int]
    under_way: int

    def exceeded(self, size: int, *, as_member: bool) -> str | None:
        """Take a unit of that size into account; or else say which limit it would exceed, `number` or `bytes`."""
        if self.limits.restores and self.under_way >= self.limits.restores:
            return "number"
        what, most = (AS_MEMBER, self.member_limit) if as_member else (RESTORED, self.limits.restore_bytes_per_day)
        if most and self.used[what] + size > most:
            return "bytes"
        self.used[what] += size
        self.under_way += 1
        return None


class RestoreBudgets:
    """Grants restores."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.protection
        self._users = Users(settings)
        self._refusals = Refusals(lambda _reason: None)

    async def granted(
        self, connection: Connection, params: dict[str, Any]
    ) -> tuple[dict[str, Any], OverRestoreBudget | None]:
        """The parameters of a request for units, with those that may be restored, and what to raise for the others.

        To be called in the transaction of the request; the error is for when it is committed. `kind` and `user` are
        those of the request, and the units have the columns `ids`, `datasets` and `copies`.
        """
        visit = current_visit()
        if not self._settings.enabled or (visit is not None and visit.exempt):
            return params, None
        client = await self._client(connection, params["user"])
        limits = limits_of(self._settings, client.standing)
        if not limits.restore_bytes_per_day and not limits.restores:
            return params, None
        refused = await self._refused(connection, client, limits, params)
        if not refused:
            return params, None
        note = self._refusals.note if visit is None else visit.note_refusal
        note("restores", client.key)
        places = [place for place, each in enumerate(params["ids"]) if each not in refused]
        columns = {name: [params[name][place] for place in places] for name in ("ids", "datasets", "copies")}
        return {**params, **columns}, _over(refused, limits, datetime.now(UTC))

    async def _refused(
        self, connection: Connection, client: Client, limits: Limits, params: dict[str, Any]
    ) -> dict[int, str]:
        """The units that may not be restored, and why; the others are on the account of the client from now on."""
        today = datetime.now(UTC).date()
        # the first statement makes the transactions of one client wait for each other
        used = dict(await _rows(connection, _TODAY, (client.key, today, [RESTORED, AS_MEMBER])))
        await connection.execute(_HOLD, (params["kind"], params["ids"]))
        to_come = await _rows(connection, _TO_COME.format(size=_SIZES[params["kind"]]), params)
        under_way = 0
        if limits.restores and to_come:
            await connection.execute(_ARRIVED, (client.key, params["user"]))
            under_way = (await _rows(connection, _UNDER_WAY, (client.key,)))[0][0]
        granting = Granting(limits, self._settings.members.restore_bytes_per_day, dict(used), under_way)
        refused: dict[int, str] = {}
        for unit, size, is_member in to_come:
            as_member = is_member and client.standing is Standing.SIGNED_IN
            if exceeded := granting.exceeded(size, as_member=as_member):
                refused[unit] = exceeded
        if granting.used != used:
            spent = granting.used
            await connection.execute(_SPENT, (list(spent), list(spent.values()), client.key, today))
        if limits.restores:
            begun = [unit for unit, _, _ in to_come if unit not in refused]
            await connection.execute(_BEGUN, (client.key, params["kind"], begun))
        return refused

    async def _client(self, connection: Connection, user_name: str) -> Client:
        """On whose account it goes: the user's, or, if that is anybody, that of the network they come from."""
        client = Client(f"user {user_name}", self._users.standing(user_name))
        visit = current_visit()
        if client.standing is Standing.ANONYMOUS:
            return client if visit is None else visit.origin.client
        if client.standing is Standing.SIGNED_IN and self._users.staff_groupings:
            is_staff = await _rows(connection, _IS_STAFF, (user_name, list(self._users.staff_groupings)))
            return Client(client.key, Standing.STAFF) if is_staff == [(True,)] else client
        return client


def _over(refused: dict[int, str], limits: Limits, now: datetime) -> OverRestoreBudget:
    if "number" in refused.values():
        return OverRestoreBudget(
            f"{len(refused)} of the units asked for stay in the archive: {limits.restores} are being brought back "
            f"already, and no more may be at a time. Ask again when they are there",
            LONGER_RETRY_S,
        )
    return OverRestoreBudget(
        f"{len(refused)} of the units asked for stay in the archive: what may be brought back in a day is used up. Ask "
        "again tomorrow, or write to the facility",
        max(LONGER_RETRY_S, until_midnight_s(now)),
    )


async def _rows(connection: Connection, statement: str, params: Any) -> list[tuple[Any, ...]]:
    return await (await connection.execute(statement, params)).fetchall()
