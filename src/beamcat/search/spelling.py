"""What was meant by words that nothing has: those of documents the caller may see that are written nearly so."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import dataclass, replace

from beamcat.access.caller import Caller
from beamcat.search.language.meaning import Handling
from beamcat.search.language.naming import differ_at_most
from beamcat.search.service import Search
from beamcat.search.tokens import fold, words
from beamcat.search.wanted import Wanted

SHORTEST = 4
"""Letters of a word that may be misspelt: shorter ones are like too many others."""
TWO_EDITS_FROM = 7
"""Letters of a word from which on two of them may differ."""
MOST_WORDS = 8
LOOKED_AT = 20
"""Hits whose words are looked at."""

_WORD = re.compile(r"[^\W\d_]+")
_PLAIN = re.compile(r"[\w\s.,'’-]+")


@dataclass(frozen=True, slots=True)
class Correction:
    """The text with other words in place of those that nothing has."""

    text: str
    replaced: tuple[tuple[str, str], ...]


async def corrected(search: Search, caller: Caller, wanted: Wanted) -> Correction | None:
    """What the text may have meant; none where it has no words that nothing has, or nothing is written nearly so.

    Only for texts of plain words. Raises as `Search.find`.
    """
    pieces = wanted.text.split()
    if not pieces or len(pieces) > MOST_WORDS or _PLAIN.fullmatch(wanted.text) is None:
        return None
    asked = replace(wanted, entities=_small(search, wanted), facets=(), sort=None, after=None, filters=(), mine=False)
    plain = dict.fromkeys(piece for piece in pieces if len(piece) >= SHORTEST and _WORD.fullmatch(piece))
    found = await asyncio.gather(*(_other(search, caller, asked, word) for word in plain))
    others = {word: other for word, other in zip(plain, found, strict=True) if other is not None}
    if not others:
        return None
    return Correction(" ".join(others.get(piece, piece) for piece in pieces), tuple(others.items()))


async def _other(search: Search, caller: Caller, asked: Wanted, word: str) -> str | None:
    if (await search.find(caller, replace(asked, text=word, limit=0))).counted.number:
        return None
    for edits in (1, 2) if len(word) >= TWO_EDITS_FROM else (1,):
        near = replace(asked, text=f"{word}~{edits}", limit=LOOKED_AT, highlight=True)
        found = await search.find(caller, near)
        met = Counter(
            fold(piece.text)
            for hit in found.hits
            for highlight in hit.highlights
            for passage in highlight.passages
            for piece in passage
            if piece.match and _WORD.fullmatch(piece.text)
        )
        if not met:  # the names of techniques, instruments and types do not stand in texts
            names = (note.what for note in found.notes if note.handling is Handling.LOOKED_UP)
            spelt = (other for name in names for other in words(name))
            met = Counter(other for other in spelt if differ_at_most(fold(word), other, edits))
        if met:
            return min(met, key=lambda each: (-met[each], each))
    return None


def _small(search: Search, wanted: Wanted) -> tuple[str, ...]:
    """Of datafiles, of which there are the most by far, only where nothing else is searched."""
    entities = wanted.entities or tuple(search.parts.settings.entities)
    return tuple(entity for entity in entities if entity != "Datafile") or entities
