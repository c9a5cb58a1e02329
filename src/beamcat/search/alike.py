"""What has to do with an object, and what means the same as a text: as doors tell them, with what the hits hold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from beamcat.access.caller import Caller
from beamcat.errors import NotImplementedHere, TimedOut
from beamcat.search.relating import Reason, Relating
from beamcat.search.service import Search
from beamcat.search.shared import WORDS
from beamcat.search.wanted import FoundHit

if TYPE_CHECKING:
    from beamcat.search.meanings.opening import OpenMeanings


@dataclass(frozen=True, slots=True)
class RelatedHit:
    """An object that has to do with another one, and why."""

    hit: FoundHit
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class MeantHit:
    """An object whose texts mean what was asked for. `text` is the piece that is closest, `part` whose it is."""

    hit: FoundHit
    closeness: float
    part: str
    text: str


@dataclass(frozen=True, slots=True)
class Meant:
    """What means the same, the closest first; `unknown` words had no say. Not `complete`: there may be more."""

    hits: tuple[MeantHit, ...]
    unknown: tuple[str, ...]
    complete: bool


class Alike:
    """Asks for callers. `meanings` are none where search by meaning is not enabled."""

    def __init__(self, search: Search, relating: Relating, meanings: OpenMeanings | None, timeout_s: float) -> None:
        self.meanings = meanings
        self._search, self._relating, self._timeout_s = search, relating, timeout_s

    async def related(self, caller: Caller, entity: str, id_: int, most: int = 10) -> list[RelatedHit]:
        """What has most to do with an object. Raises `NoSuchObject` if the caller may not read it, or there is none."""
        if entity not in WORDS:
            return [RelatedHit(hit) for hit in await self._search.similar(caller, entity, id_, most)]
        async with self._in_time():
            parts = self._search.parts
            allowed = await parts.rights.allowed(caller, entity)
            related = await self._relating.related(caller, entity, id_, allowed, most)
            rows = await parts.pages.read(caller, entity, [one.id for one in related])
            return [
                RelatedHit(FoundHit(one.id, entity, one.score, rows[one.id].source), one.reasons)
                for one in related
                if one.id in rows
            ]

    async def by_meaning(self, caller: Caller, entities: Sequence[str], text: str, most: int = 10) -> Meant:
        """What means the same as a text, among objects of these entities (none: of all whose texts are read).

        Raises `NotImplementedHere` where search by meaning is not enabled, `Unavailable` while nothing has been read.
        """
        if self.meanings is None:
            raise NotImplementedHere("Search by meaning is not enabled at this facility")
        async with self._in_time():
            found: list[MeantHit] = []
            unknown: dict[str, None] = {}
            complete = True
            for entity in entities or [each for each in WORDS if self.meanings.reads(each)]:
                nearest = await self.meanings.by_meaning(caller, entity, text, most)
                rows = await self._search.parts.pages.read(caller, entity, [near.id for near in nearest.found])
                for near in nearest.found:
                    if near.id in rows:
                        hit = FoundHit(near.id, entity, None, rows[near.id].source)
                        found.append(MeantHit(hit, near.closeness, near.part, near.text))
                unknown |= dict.fromkeys(nearest.unknown)
                complete = complete and nearest.complete
            found.sort(key=lambda each: -each.closeness)
            return Meant(tuple(found[:most]), tuple(unknown), complete)

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout_s):
                yield
        except TimeoutError as error:
            raise TimedOut(f"the search took longer than {self._timeout_s:g} s; ask for less") from error
