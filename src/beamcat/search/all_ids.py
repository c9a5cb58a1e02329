"""The ids of all that matches, up to a number, in the blocks that every engine gives."""

from __future__ import annotations

from dataclasses import replace

from beamcat.search.engine import Engine
from beamcat.search.question import Question, Sort

BLOCK = 10_000
"""Hits that an engine tells at once."""


async def all_ids(engine: Engine, question: Question, most: int) -> list[int]:
    """The ids of the hits, ascending, at most `most` of them."""
    found: list[int] = []
    asked = replace(question, sort=Sort("id"), after=None, count_up_to=0, facets=())
    while len(found) < most:
        limit = min(BLOCK, most - len(found))
        hits = (await engine.ask(replace(asked, limit=limit))).hits
        found += [hit.id for hit in hits]
        if len(hits) < limit:
            break
        asked = replace(asked, after=(found[-1], found[-1]))
    return found
