"""Looking for what is new to a search, with the rights that its owner has at that moment.

What was found, and the memory of it, are committed together, and only if nobody changed the search or looked
meanwhile: so an object is new once, whoever looks, and whatever dies in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from beamcat.access.caller import Caller
from beamcat.access.rulebooks import Rulebooks
from beamcat.config import Settings
from beamcat.database.naming import quoted, table_name
from beamcat.database.pool import Connection, Database
from beamcat.errors import BadParameter, Unavailable
from beamcat.model import ENTITIES
from beamcat.search.saved.due import Tell, after_failure, next_look
from beamcat.search.saved.memory import Memory, Window, begin, compare
from beamcat.search.saved.searches import SavedSearch
from beamcat.search.saved.touching import LOOK_ANYWAY, newest_changes, touched_at
from beamcat.search.service import Search
from beamcat.search.wanted import SortAsked, Wanted

BY_ID = SortAsked("id", descending=True)
MOST_PAGES = 5
"""Pages that are asked for at a look; there may be several with few hits where rights are complicated."""
KEPT_FOR_MAILS = 1000
"""Matches of a search that wait for its mail: more of them are not kept."""

_MEMORY = "SELECT entity, position, looked, floor, seen FROM saved_search_memory WHERE search_id = %s"
_LOCK = "SELECT revision FROM saved_search WHERE id = %s AND revision = %s FOR UPDATE"
_REMEMBER = """
INSERT INTO saved_search_memory (search_id, entity, position, looked, floor, seen) VALUES (%s, %s, %s, now(), %s, %s)
    ON CONFLICT (search_id, entity) DO UPDATE
   SET position = excluded.position, looked = excluded.looked, floor = excluded.floor, seen = excluded.seen
"""
_ADD = """
INSERT INTO saved_search_match (search_id, entity, entity_id, found, state)
SELECT %s, %s, each, now(), %s FROM unnest(%s::bigint[]) AS each
    ON CONFLICT DO NOTHING
"""
_BOUND = """
DELETE FROM saved_search_match m
 USING (SELECT entity, entity_id, state, row_number() OVER (ORDER BY found DESC, entity_id DESC) AS number,
               row_number() OVER (PARTITION BY state ORDER BY found DESC, entity_id DESC) AS of_state
          FROM saved_search_match WHERE search_id = %(id)s) o
 WHERE m.search_id = %(id)s AND m.entity = o.entity AND m.entity_id = o.entity_id
   AND ((o.state = 'told' AND o.number > %(entries)s) OR (o.state = 'new' AND o.of_state > %(waiting)s))
"""
_HAS_NEW = "SELECT EXISTS (SELECT FROM saved_search_match WHERE search_id = %s AND state = 'new')"
_POST = """
INSERT INTO saved_search_mail (search_id, created, due) VALUES (%s, now(), now()) ON CONFLICT DO NOTHING RETURNING id
"""
_POSTED = "UPDATE saved_search_match SET state = 'posted' WHERE search_id = %s AND state = 'new'"
_LOOKED = """
UPDATE saved_search
   SET revision = revision + 1, looked = now(), failures = 0, problem = NULL,
       next_look = CASE WHEN %(turn)s THEN %(next)s::timestamptz ELSE next_look END
 WHERE id = %(id)s
"""
_FAILED = """
UPDATE saved_search SET failures = failures + 1, problem = %(problem)s, next_look = %(next)s
 WHERE id = %(id)s AND revision = %(revision)s
"""


@dataclass(frozen=True, slots=True)
class Last:
    """The last look for objects of an entity: when it was, and up to which event everything was sure to be noticed."""

    position: int
    looked: datetime


class Looking:
    """Looks for searches."""

    def __init__(self, settings: Settings, database: Database, rulebooks: Rulebooks, search: Search) -> None:
        self._settings = settings
        self._chosen = settings.search.saved
        self._zone = ZoneInfo(settings.server.time_zone)
        self._database = database
        self._rulebooks = rulebooks
        self._search = search

    async def check(self, caller: Caller, wanted: Wanted) -> None:
        """Raise `BadParameter` for a question that makes no sense."""
        await self._search.find(caller, replace(wanted, limit=0, after=None, facets=()))

    async def position(self) -> int:
        """Up to which event the index is. Raises `Unavailable` when there is none."""
        position = await self._search.engine.position()
        if position is None:
            raise Unavailable("there is no index to search yet")
        return position

    async def look(self, search: SavedSearch, *, turn: bool = False, position: int = 0) -> bool:
        """Find what is new. Whether it was looked: not when the search was changed meanwhile, or somebody else looked.

        `turn`: its turn has come to be told by mail, so that a mail is to be sent of what is new, this time's and
        earlier ones'. `position` is up to which event everything is sure to be noticed, the rights of the owner, too;
        what has happened since is looked for again.
        """
        memories = await self._memories(search.id)
        wanted = search.wanted
        caller = await self._rulebooks.caller(search.owner)
        async with self._database.connection() as connection:
            newest = await newest_changes(connection)
        before = {entity: last for entity, (last, _) in memories.items()}
        windows = {entity: await self._look(caller, wanted, entity) for entity in self.touched(wanted, before, newest)}
        known = {entity: memory for entity, (_, memory) in memories.items()}
        return await self._keep(search, known, windows, position, turn=turn)

    def touched(self, wanted: Wanted, before: Mapping[str, Last], newest: Mapping[str, int]) -> list[str]:
        """The entities that have to be looked for, after the last looks. `newest` are positions of events."""
        long_ago = datetime.now(UTC) - LOOK_ANYWAY
        return [
            entity
            for entity in wanted.entities or self._settings.search.entities
            if (last := before.get(entity)) is None
            or last.looked < long_ago
            or touched_at(entity, newest) > last.position
        ]

    def next_turn(self, search: SavedSearch) -> datetime | None:
        """When the owner is next thought of; none: never."""
        return next_look(search.tell, search.id, datetime.now(UTC), self._chosen, self._zone)

    async def failed(self, search: SavedSearch, problem: str) -> None:
        """Try again later, the later the more often it has failed."""
        later = after_failure(search.failures, datetime.now(UTC), self._chosen)
        values = {"problem": problem, "next": later, "id": search.id, "revision": search.revision}
        async with self._database.connection() as connection:
            await connection.execute(_FAILED, values)

    async def _look(self, caller: Caller, wanted: Wanted, entity: str) -> Window:
        most = self._chosen.remembered
        asked = replace(wanted, entities=(entity,), facets=(), sort=BY_ID, after=None, highlight=False, source=("id",))
        ids: list[int] = []
        after: str | None = None
        for _ in range(MOST_PAGES):
            limit = min(most - len(ids), self._settings.search.max_page)
            try:
                found = await self._search.find(caller, replace(asked, limit=limit, after=after))
            except BadParameter:
                if len(wanted.entities) == 1:
                    raise
                return Window((), complete=True)  # what makes no sense for this entity
            if found.some_words:
                return Window((), complete=True)
            ids += [hit.id for hit in found.hits]
            after = found.next
            if after is None or len(ids) >= most:
                break
        return Window(ids, complete=after is None)

    async def _keep(
        self,
        search: SavedSearch,
        memories: Mapping[str, Memory],
        windows: Mapping[str, Window],
        position: int,
        *,
        turn: bool,
    ) -> bool:
        state = "told" if search.tell is Tell.NEVER else "new"
        async with self._database.transaction() as connection:
            if await (await connection.execute(_LOCK, (search.id, search.revision))).fetchone() is None:
                return False
            found_any = False
            for entity, window in windows.items():
                new = await self._news(connection, entity, memories.get(entity), window)
                if new.first:
                    newest = new.ids[: self._chosen.feed_entries]
                    await connection.execute(_ADD, (search.id, entity, "told", newest))
                elif new.ids:
                    await connection.execute(_ADD, (search.id, entity, state, new.ids))
                found_any = found_any or bool(new.ids)
                kept = (search.id, entity, position, new.memory.floor, list(new.memory.seen))
                await connection.execute(_REMEMBER, kept)
            if found_any:
                bounds = {"id": search.id, "entries": self._chosen.feed_entries, "waiting": KEPT_FOR_MAILS}
                await connection.execute(_BOUND, bounds)
            if turn:
                await _post(connection, search.id)
            values = {"turn": turn, "next": self.next_turn(search), "id": search.id}
            await connection.execute(_LOOKED, values)
        return True

    async def _news(self, connection: Connection, entity: str, memory: Memory | None, window: Window) -> _New:
        most = self._chosen.remembered
        if memory is None:
            statement = f"SELECT coalesce(max(id), 0) FROM {quoted(table_name(ENTITIES[entity]))}"  # noqa: S608
            ((newest,),) = await (await connection.execute(statement.encode())).fetchall()
            return _New(list(window.ids), begin(window, most, newest), first=True)
        news = compare(memory, window, most)
        return _New(list(news.ids), news.memory, first=False)

    async def _memories(self, search_id: int) -> dict[str, tuple[Last, Memory]]:
        async with self._database.connection() as connection:
            rows = await (await connection.execute(_MEMORY, (search_id,))).fetchall()
        return {
            entity: (Last(position, looked), Memory(tuple(seen), floor))
            for entity, position, looked, floor, seen in rows
        }


@dataclass(frozen=True, slots=True)
class _New:
    """What is new, and the memory after it; `first`: it was looked for the first time, and nothing is news."""

    ids: Sequence[int]
    memory: Memory
    first: bool


async def _post(connection: Connection, search_id: int) -> None:
    """Have a mail written about what is new, unless one has still to be sent: then the next one tells of it."""
    has_new = await (await connection.execute(_HAS_NEW, (search_id,))).fetchone()
    if has_new == (True,) and await (await connection.execute(_POST, (search_id,))).fetchone() is not None:
        await connection.execute(_POSTED, (search_id,))
