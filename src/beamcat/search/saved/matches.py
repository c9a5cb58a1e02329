"""What has been found for searches: the feeds, and what waits for a mail."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from beamcat.access.caller import Caller
from beamcat.access.rulebooks import Rulebooks
from beamcat.config import SavedSearchSettings
from beamcat.database.pool import Database
from beamcat.errors import TimedOut, Unavailable
from beamcat.observability.logs import logger
from beamcat.search.saved.looking import BY_ID, Looking
from beamcat.search.saved.searches import SavedSearch
from beamcat.search.saved.showing import Showing, Shown
from beamcat.search.service import Search
from beamcat.search.wanted import Wanted

_LATEST = """
SELECT entity, entity_id, found FROM saved_search_match WHERE search_id = %s
 ORDER BY found DESC, entity_id DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Match:
    """An object, and when it was found."""

    shown: Shown
    found: datetime


class Matches:
    """Tells what has been found lately."""

    def __init__(
        self,
        database: Database,
        rulebooks: Rulebooks,
        search: Search,
        *,
        looking: Looking,
        showing: Showing,
        settings: SavedSearchSettings,
    ) -> None:
        self._database = database
        self._rulebooks = rulebooks
        self._search = search
        self._looking = looking
        self._showing = showing
        self._settings = settings

    async def latest(self, search: SavedSearch) -> list[Match]:
        """What has been found lately that the owner may see now, newest first.

        It is looked for if that was some minutes ago. When the index cannot be asked, what was found before is told.
        """
        if search.looked is None or datetime.now(UTC) - search.looked > timedelta(minutes=self._settings.feed_minutes):
            try:
                await self._looking.look(search)
            except (Unavailable, TimedOut) as error:
                logger().warning("a saved search has to wait", search=search.id, error=error.message)
        async with self._database.connection() as connection:
            rows = await (await connection.execute(_LATEST, (search.id, self._settings.feed_entries))).fetchall()
        caller = await self._rulebooks.caller(search.owner)
        found = {(entity, identifier): moment for entity, identifier, moment in rows}
        shown = await self._showing.show(caller, list(found))
        return [Match(each, found[each.entity, each.id]) for each in shown]

    async def newest(self, caller: Caller, wanted: Wanted) -> list[Shown]:
        """The newest objects of those that a search finds, and that the caller may see. Raises as `Search.find`."""
        asked = replace(wanted, facets=(), sort=BY_ID, limit=self._settings.feed_entries, source=("id",))
        found = await self._search.find(caller, asked)
        if found.some_words:
            return []
        return await self._showing.show(caller, [(hit.entity, hit.id) for hit in found.hits])
