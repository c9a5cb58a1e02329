"""Whether there is an index to ask, and how far it is where it is being made: for people who wait for it."""

from __future__ import annotations

from dataclasses import dataclass

from beamcat.search.rebuilding.record import UnderWay, under_way
from beamcat.search.service import Search


@dataclass(frozen=True, slots=True)
class Readiness:
    """`is_ready`: questions are answered. `rebuild` is the one that is under way; none: there is none."""

    is_ready: bool
    rebuild: UnderWay | None


async def readiness(search: Search) -> Readiness:
    """How it is at the moment. Raises `Unavailable` when the engine cannot be reached."""
    is_ready = await search.engine.position() is not None
    return Readiness(is_ready, None if is_ready else await under_way(search.parts.database))
