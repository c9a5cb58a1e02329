"""The searches whose turn has come, some hundred at a time. One worker of all takes them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from beamcat.database.pool import Connection, Database
from beamcat.errors import BeamcatError, Unavailable
from beamcat.observability.logs import logger
from beamcat.search.saved.looking import Last, Looking
from beamcat.search.saved.searches import COLUMNS, SavedSearch, saved_search_of
from beamcat.search.saved.touching import newest_changes

AT_ONCE = 200
SETTLED_S = 3.0
"""For how long a worker may not know of a change of rights, or of names: `access.rulebooks`, `search.rights` and
`search.tables` trust what they have read for a second each."""

_DUE = f"""
SELECT (SELECT jsonb_object_agg(m.entity, jsonb_build_array(m.position, extract(epoch FROM m.looked)))
          FROM saved_search_memory m WHERE m.search_id = s.id),
       EXISTS (SELECT FROM saved_search_match m WHERE m.search_id = s.id AND m.state = 'new'),
       {COLUMNS}
  FROM saved_search s
 WHERE s.next_look <= now()
 ORDER BY s.next_look, s.id
 LIMIT %s
"""  # noqa: S608 - columns of ours
_QUIET = """
UPDATE saved_search s
   SET next_look = o.next_look
  FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS o(id, revision, next_look)
 WHERE s.id = o.id AND s.revision = o.revision
"""


class Rounds:
    """Takes the turns of searches."""

    def __init__(self, database: Database, looking: Looking, *, settled_s: float = SETTLED_S) -> None:
        self._database = database
        self._looking = looking
        self._settled_s = settled_s

    async def take(self) -> bool:
        """Take the turns that have come, of the first ones of them; whether there were any.

        Searches that nothing has happened for cost one statement together, the others a question each. Raises
        `Unavailable` when the index cannot be asked: then all wait.
        """
        async with self._database.connection() as connection:
            rows = await (await connection.execute(_DUE, (AT_ONCE,))).fetchall()
            newest = await newest_changes(connection) if rows else {}
        quiet: list[SavedSearch] = []
        others: list[SavedSearch] = []
        for looks, has_new, *row in rows:
            search = saved_search_of(tuple(row))
            (quiet if not has_new and self._is_quiet(search, looks or {}, newest) else others).append(search)
        if quiet:
            async with self._database.connection() as connection:
                await self._put_off(connection, quiet)
        if others:
            position = await self._looking.position()
            await asyncio.sleep(self._settled_s)
            for search in others:
                await self._take(search, position)
        return bool(rows)

    async def _take(self, search: SavedSearch, position: int) -> None:
        try:
            await self._looking.look(search, turn=True, position=position)
        except Unavailable:
            raise
        except BeamcatError as error:
            logger().warning("a saved search fails", search=search.id, error=error.message)
            await self._looking.failed(search, error.message)
        except Exception:
            logger().exception("a saved search fails", search=search.id)
            await self._looking.failed(search, "this search fails by a fault of the server; its log says why")

    def _is_quiet(self, search: SavedSearch, looks: Mapping[str, tuple[int, float]], newest: Mapping[str, int]) -> bool:
        before = {
            entity: Last(position, datetime.fromtimestamp(looked, UTC)) for entity, (position, looked) in looks.items()
        }
        try:
            return not self._looking.touched(search.wanted, before, newest)
        except BeamcatError:
            return False

    async def _put_off(self, connection: Connection, quiet: Sequence[SavedSearch]) -> None:
        nexts: list[datetime | None] = [self._looking.next_turn(search) for search in quiet]
        values = ([search.id for search in quiet], [search.revision for search in quiet], nexts)
        await connection.execute(_QUIET, values)
