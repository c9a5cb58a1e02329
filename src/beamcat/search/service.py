"""The one entry to search for all doors.

Everything that is told is told with the caller's rights: `SearchRights.allowed` narrows hits, counts, facets and
suggestions; what is shown of a hit is read from the database by a statement that has the rights in it; names of
instruments, types and people are told only to who may read them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any as Json
from typing import TypeVar

import orjson

from beamcat.access.caller import Caller, Scope
from beamcat.access.rulebooks import Rulebooks
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.errors import BadParameter, NoSuchObject, TimedOut, Unavailable
from beamcat.observability.requests import about
from beamcat.search.engine import Engine
from beamcat.search.finding import Finding
from beamcat.search.icat_calls import IcatCalls, IcatWanted, restricted
from beamcat.search.icat_query import IcatQuery
from beamcat.search.parts import Parts, open_parts
from beamcat.search.suggesting import Suggesting
from beamcat.search.wanted import Dimensions, Found, FoundHit, IcatFound, Suggestion, Wanted

T = TypeVar("T")

MOST_SIMILAR = 100


class Search:
    """Asks the index for callers.

    All methods raise `Unavailable` when the engine cannot be reached or has no index yet (but for ICAT's calls, which
    then find nothing), `TimedOut` when it takes too long, `Forbidden` for a token without the scope to read.
    """

    def __init__(self, settings: Settings, database: Database, rulebooks: Rulebooks, engine: Engine) -> None:
        self.engine = engine
        """What holds the documents."""
        self.parts: Parts = open_parts(settings.search, database, rulebooks, engine)
        """What answers are made with."""
        self._settings = settings.search
        self._max_entities = settings.catalogue.max_entities

    async def find(self, caller: Caller, wanted: Wanted) -> Found:
        """What a text, as from a search box, and filters find. Raises `BadParameter` for what makes no sense."""
        about("search", query=wanted.text)
        caller.require(Scope.READ)
        _check(wanted)
        started = time.perf_counter()

        async def found() -> Found:
            return await Finding(self.parts, caller, wanted, await self.parts.language.get()).found()

        answer = await self._in_time(found)
        return replace(answer, took_ms=(time.perf_counter() - started) * 1000)

    async def icat(
        self,
        caller: Caller,
        query: IcatQuery,
        *,
        sort: Sequence[tuple[str, bool]] = (),
        after: Json | None = None,
        min_count: int = 10,
        max_count: int = 100,
        restrict: bool = False,
        source: bool = True,
    ) -> IcatFound:
        """What ICAT's own question finds: at least `min_count` hits if there are so many, at most `max_count`.

        `sort` names fields in order, with whether each is descending; none: by score. `after` is `search_after` of the
        page before, as JSON: an object, or an array that ends in the id. `restrict`: only what the caller takes part
        in. Without `source`, hits are ids and scores alone.

        Raises `ValidationFailed` for more than `max_entities` hits, `TimedOut` when it takes too long.
        """
        about("search", query=query.text, entity=query.target)
        caller.require(Scope.READ)
        _check(query)
        asked = restricted(query, caller) if restrict else query
        wanted = IcatWanted(asked, sort, after, min_count, max_count, source)

        async def found() -> IcatFound:
            return await (await self._icat_calls(caller)).documents(wanted)

        answer = await self._as_icat(found, query)
        return IcatFound() if answer is None else answer

    async def icat_facets(self, caller: Caller, query: IcatQuery) -> Dimensions:
        """What ICAT's own question counts (`facet/documents`)."""
        about("search", query=query.text, entity=query.target)
        caller.require(Scope.READ)
        _check(query)

        async def found() -> Dimensions:
            return await (await self._icat_calls(caller)).facets(query)

        return await self._as_icat(found, query) or {}

    async def suggest(self, caller: Caller, entity: str | None, prefix: str, most: int = 10) -> list[Suggestion]:
        """What the text of a search box could go on to, as far as it has been typed, likely ones first.

        `entity` none: for a search of everything.
        """
        caller.require(Scope.READ)
        _check(prefix)
        entities = self._settings.entities if entity is None else (self._indexed(entity),)

        async def found() -> list[Suggestion]:
            language = await self.parts.language.get()
            return await Suggesting(self.parts, caller, language, entities).suggestions(prefix, most)

        return await self._in_time(found)

    async def similar(self, caller: Caller, entity: str, id_: int, most: int = 10) -> list[FoundHit]:
        """Objects most like this one. Raises `NoSuchObject` if the caller may not read it, or there is none."""
        caller.require(Scope.READ)
        self._indexed(entity)
        most = max(0, min(most, MOST_SIMILAR))

        async def found() -> list[FoundHit]:
            if not await self.parts.readable.of(caller, entity, [id_]):
                raise NoSuchObject(f"{entity}[id:{id_}] not found.")
            allowed = await self.parts.rights.allowed(caller, entity)
            ids = await self.engine.similar(entity, id_, allowed.predicate, most if allowed.exact else 10 * most)
            rows = await self.parts.pages.read(caller, entity, ids)
            return [FoundHit(each, entity, None, row.source) for each, row in rows.items()][:most]

        return await self._in_time(found)

    def _indexed(self, entity: str) -> str:
        if entity not in self._settings.entities:
            raise BadParameter(f"{entity} is not searched; there are {', '.join(self._settings.entities)}")
        return entity

    async def _icat_calls(self, caller: Caller) -> IcatCalls:
        return IcatCalls(self.parts, caller, await self.parts.language.get(), self._max_entities)

    async def _in_time(self, answer: Callable[[], Awaitable[T]]) -> T:
        seconds = self._settings.timeout_s
        try:
            async with asyncio.timeout(seconds):
                return await answer()
        except TimeoutError as error:
            raise TimedOut(f"the search took longer than {seconds:g} s; ask for less, or more exactly") from error

    async def _as_icat(self, answer: Callable[[], Awaitable[T]], query: IcatQuery) -> T | None:
        """In ICAT's time and words; none: nothing is indexed of what is asked for."""
        if query.target not in self._settings.entities:
            return None
        seconds = self._settings.icat_timeout_s
        late = TimedOut(f"Search cancelled for exceeding {seconds:g} seconds")
        try:
            async with asyncio.timeout(seconds):
                return await answer()
        except (TimeoutError, TimedOut) as error:
            raise late from error
        except Unavailable:
            if await self.engine.position() is None:
                return None
            raise


def _check(asked: object) -> None:
    """Raises `BadParameter` for halves of characters, and for numbers that no database holds."""
    try:
        orjson.dumps(asked)
    except TypeError as error:
        raise BadParameter(f"this cannot be looked for: {error}") from error
