"""Saved searches of the settings, put together."""

from __future__ import annotations

from dataclasses import dataclass, replace

from beamcat.access.caller import Caller
from beamcat.access.rulebooks import Rulebooks
from beamcat.config import SavedSearchSettings, Settings
from beamcat.database.pool import Database
from beamcat.errors import TimedOut, Unavailable
from beamcat.observability.logs import logger
from beamcat.search.saved.due import Tell
from beamcat.search.saved.looking import Looking
from beamcat.search.saved.matches import Matches
from beamcat.search.saved.posting import AlertPosting
from beamcat.search.saved.rounds import SETTLED_S, Rounds
from beamcat.search.saved.searches import SavedSearch, SavedSearches, Wish
from beamcat.search.saved.showing import Showing
from beamcat.search.service import Search
from beamcat.search.wanted import Found


@dataclass(frozen=True, slots=True)
class Saved:
    """The parts. `posting` is None where no mails are sent."""

    settings: SavedSearchSettings
    database: Database
    search: Search
    searches: SavedSearches
    looking: Looking
    matches: Matches
    showing: Showing
    rounds: Rounds
    posting: AlertPosting | None

    async def create(self, caller: Caller, wish: Wish) -> SavedSearch:
        """Keep a search. What it finds by now is not new. Raises as `SavedSearches.create`."""
        await self._check(caller, wish)
        made = await self.searches.create(caller, wish)
        return await self._begin(caller, made)

    async def change(self, caller: Caller, identifier: int, wish: Wish) -> SavedSearch:
        """Change a search. Raises as `SavedSearches.change`."""
        await self._check(caller, wish)
        changed = await self.searches.change(caller, identifier, wish)
        return await self._begin(caller, changed)

    async def new_feed_key(self, caller: Caller, identifier: int) -> str:
        """A new key for the feed of a search. Raises as `SavedSearches.new_feed_key`."""
        key = await self.searches.new_feed_key(caller, identifier)
        await self._begin(caller, await self.searches.owned(caller, identifier))
        return key

    async def run(
        self, caller: Caller, search: SavedSearch, *, limit: int, after: str | None = None, highlight: bool = False
    ) -> Found:
        """A page of what a search finds now. Raises as `Search.find`."""
        return await self.search.find(caller, replace(search.wanted, limit=limit, after=after, highlight=highlight))

    async def _check(self, caller: Caller, wish: Wish) -> None:
        try:
            await self.looking.check(caller, wish.wanted)
        except (Unavailable, TimedOut) as error:
            logger().warning("a saved search is not tried out", error=error.message)

    async def _begin(self, caller: Caller, search: SavedSearch) -> SavedSearch:
        """Look for the first time, so that what is there by now is not new; if that cannot be, the worker does it."""
        if search.tell is not Tell.NEVER or search.has_feed:
            try:
                await self.looking.look(search, turn=True)
            except (Unavailable, TimedOut) as error:
                logger().warning("a saved search has to wait", search=search.id, error=error.message)
        return await self.searches.owned(caller, search.id)


def open_saved(
    settings: Settings, database: Database, rulebooks: Rulebooks, search: Search, *, settled_s: float = SETTLED_S
) -> Saved:
    """The saved searches of this worker."""
    chosen = settings.search.saved
    mails = chosen.mail and settings.downloads.mail.enabled
    searches = SavedSearches(database, chosen, mails=mails)
    looking = Looking(settings, database, rulebooks, search)
    showing = Showing(database, rulebooks)
    return Saved(
        settings=chosen,
        database=database,
        search=search,
        searches=searches,
        looking=looking,
        matches=Matches(database, rulebooks, search, looking=looking, showing=showing, settings=chosen),
        showing=showing,
        rounds=Rounds(database, looking, settled_s=settled_s),
        posting=AlertPosting(settings, database, rulebooks, searches, showing) if mails else None,
    )
