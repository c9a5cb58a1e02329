"""A text from left to right: words, quotes and escapes, and what is said of what cannot be read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from beamcat.errors import BadParameter
from beamcat.search.language.tree import NAME, Compared, Fuzzy, Phrase, Range, Span, Term

BOOST = re.compile(r"\^([0-9]{1,9}(?:\.[0-9]{1,9})?)(?=[\s)]|\Z)")
"""`^2`."""
FUZZY = re.compile(r"~([0-9]{1,3}(?:\.[0-9]{1,9})?)?(?=[\s)^]|\Z)")
"""`~` or `~2`."""

LONGEST_RANGE = 200
"""Characters, about."""

_Leaf = TypeVar("_Leaf", Term, Phrase, Fuzzy, Range, Compared)
_ENDS_A_TERM = frozenset('()[]{}"<>')
_MOST_UNIT_WORDS = 3
_UP_TO_A_SPACE = re.compile(r'[^\s"]*')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one text may ask for."""

    max_length: int = 4_000
    """Characters."""
    max_nesting: int = 20
    """Parentheses and negations inside each other."""
    max_terms: int = 100
    """Words, phrases and conditions."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """What a lenient reader left out, and why."""

    span: Span
    why: str


class Scanner:
    """A place in a text, which only moves on."""

    def __init__(self, text: str, limits: Limits, strict: bool, is_unit: Callable[[str], bool]) -> None:
        self.ignored: list[Ignored] = []
        self._text = text
        self._at = 0
        self._limits = limits
        self._strict = strict
        self._is_unit = is_unit
        self._terms = 0

    def _word_of_range(self) -> str:
        characters: list[str] = []
        while self._at < len(self._text) and len(characters) < LONGEST_RANGE:
            character = self._text[self._at]
            if character.isspace() or character in '"[]{}':
                break
            if character == "\\" and self._at + 1 < len(self._text):
                self._at += 1
                character = self._text[self._at]
            characters.append(character)
            self._at += 1
        return "".join(characters)

    def _quoted(self) -> str | None:
        start = self._at
        characters: list[str] = []
        self._at += 1
        while self._at < len(self._text):
            character = self._text[self._at]
            self._at += 1
            if character == '"':
                return "".join(characters)
            if character == "\\" and self._at < len(self._text) and self._text[self._at] in '"\\':
                character = self._text[self._at]
                self._at += 1
            characters.append(character)
        self._problem('this " is not closed', start, start + 1)
        self._at = start + 1
        return None

    def _term(self, *, in_value: bool) -> Term:
        """Characters up to a space or a sign that means something; behind a name a colon means nothing more."""
        start = self._at
        windows = _is_windows_path(self._text, start)
        characters: list[str] = []
        wild: list[int] = []
        while self._at < len(self._text):
            character = self._text[self._at]
            if character.isspace() or character in _ENDS_A_TERM:
                break
            if character == "\\" and not windows and self._at + 1 < len(self._text):
                self._at += 1
                characters.append(self._text[self._at])
            elif self._is_sign(character, start, in_value=in_value):
                break
            else:
                if character in "*?":
                    wild.append(len(characters))
                characters.append(character)
            self._at += 1
        return Term("".join(characters), tuple(wild), Span(start, self._at))

    def _is_sign(self, character: str, start: int, *, in_value: bool) -> bool:
        """Whether this character ends the term that began at `start`."""
        match character:
            case "^":
                return self._at > start and BOOST.match(self._text, self._at) is not None
            case "~":
                return self._at > start and FUZZY.match(self._text, self._at) is not None
            case "=":
                return not in_value and NAME.fullmatch(self._text, start, self._at) is not None
            case ":":
                name = self._text[start : self._at]
                behind = self._text[self._at + 1 : self._at + 3]
                drive = len(name) == 1 and behind[:1] in ("\\", "/")
                return not in_value and behind != "//" and not drive and NAME.fullmatch(name) is not None
        return False

    def _unit(self) -> str | None:
        """The unit that follows: in brackets, or of up to three words that are one, the longest."""
        start = self._after_spaces(self._at)
        if self._text.startswith("[", start) and (end := self._text.find("]", start)) > start:
            self._at = end + 1
            return " ".join(self._text[start + 1 : end].split()) or None
        ends: list[int] = []
        at = self._at
        while len(ends) < _MOST_UNIT_WORDS:
            at = self._after_spaces(at)
            end = self._end_of_unit(at)
            if end == at:
                break
            ends.append(end)
            at = end
        for end in reversed(ends):
            if self._is_unit(unit := self._text[start:end]):
                self._at = end
                return " ".join(unit.split())
        return None

    def _end_of_unit(self, at: int) -> int:
        opened = 0
        while at < len(self._text) and not self._text[at].isspace() and self._text[at] not in '"[]{}<>=:':
            opened += {"(": 1, ")": -1}.get(self._text[at], 0)
            if opened < 0:
                break
            at += 1
        return at

    def _one(self, node: _Leaf) -> _Leaf:
        """The node, counted."""
        self._terms += 1
        if self._terms > self._limits.max_terms:
            raise BadParameter(f"The search text has more than {self._limits.max_terms} words and conditions")
        return node

    def _more(self) -> bool:
        self._at = self._after_spaces(self._at)
        return self._at < len(self._text)

    def _after_spaces(self, at: int) -> int:
        while at < len(self._text) and self._text[at].isspace():
            at += 1
        return at

    def _deep(self, depth: int) -> None:
        if depth > self._limits.max_nesting:
            raise BadParameter(f"The search text nests deeper than {self._limits.max_nesting} levels")

    def _problem(self, why: str, start: int, end: int) -> None:
        if self._strict:
            near = self._text[max(0, start - 10) : start + 20]
            raise BadParameter(f"Cannot read the search text at character {start + 1}, near '{near}': {why}")
        self._ignore(start, end, why)

    def _ignore(self, start: int, end: int, why: str) -> None:
        self.ignored.append(Ignored(Span(start, end), why))


def _is_windows_path(text: str, start: int) -> bool:
    """Whether backslashes in the word that begins here part folders: one stands before a letter or digit."""
    match = _UP_TO_A_SPACE.match(text, start)
    assert match is not None
    if "\\" not in match[0]:
        return False
    return any(behind.isalnum() or behind == "_" for behind in _ESCAPED.findall(match[0]))
