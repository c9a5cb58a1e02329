"""Whether a name is what was asked for: the same for every implementation of `Lookups`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import assert_never

from beamcat.search.language.meaning import Exactly, Like, NameTest, Together, WordSimilar, WordsLike
from beamcat.search.tokens import fold, words


def fits(test: NameTest, name: str) -> bool:
    """Whether a name passes the test."""
    match test:
        case Exactly(text):
            return fold(name).strip() == fold(text).strip()
        case Together(wanted):
            held = words(name)
            return any(held[at : at + len(wanted)] == list(wanted) for at in range(len(held) - len(wanted) + 1))
        case Like(pattern, case):
            return _whole(pattern, case).fullmatch(name if case else fold(name)) is not None
        case WordsLike(patterns):
            return all(any(like(pattern, word) for word in words(name)) for pattern in patterns)
        case WordSimilar(word, edits):
            return any(differ_at_most(word, held, edits) for held in words(name))
        case _:
            assert_never(test)


def like(pattern: str, word: str) -> bool:
    """Whether all of a word is of this pattern: `*` is any characters, `?` one, everything else itself."""
    return _word(pattern).fullmatch(word) is not None


def differ_at_most(one: str, other: str, edits: int) -> bool:
    """Whether so many letters put in, taken away, changed or swapped with their neighbour make one of the other."""
    if abs(len(one) - len(other)) > edits:
        return False
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        older, before, row = before, row, [at]
        for there, theirs in enumerate(other, 1):
            cost = min(before[there] + 1, row[-1] + 1, before[there - 1] + (letter != theirs))
            if at > 1 and there > 1 and letter == other[there - 2] and one[at - 2] == theirs:
                cost = min(cost, older[there - 2] + 1)
            row.append(cost)
        if min(row) > edits:
            return False
    return row[-1] <= edits


@lru_cache(maxsize=1024)
def _whole(pattern: str, case: bool) -> re.Pattern[str]:
    """Each piece between stars is taken at its first place and never looked for again: no pattern takes long."""
    pieces = [""]
    characters = iter(pattern if case else fold(pattern))
    for character in characters:
        match character:
            case "*":
                pieces.append("")
            case "?":
                pieces[-1] += "."
            case "\\":
                pieces[-1] += re.escape(next(characters, "\\"))
            case _:
                pieces[-1] += re.escape(character)
    if len(pieces) == 1:
        return re.compile(pieces[0], re.DOTALL)
    first, *middle, last = pieces
    return re.compile(first + "".join(f"(?>.*?{piece})" for piece in middle if piece) + ".*" + last, re.DOTALL)


@lru_cache(maxsize=1024)
def _word(pattern: str) -> re.Pattern[str]:
    return _whole(pattern.replace("\\", "\\\\"), case=True)
