"""Other names of what a text asks for, in the format of Solr's synonym files, as ICAT's search component reads them.

A line `a, b, c` says that each stands for all of them, and `a, b => c, d` that what is on the left is looked for as
what is on the right. Names may be several words; `#` begins a comment; a backslash makes a comma, or an arrow, part of
a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from beamcat.errors import BadParameter
from beamcat.search.tokens import words

Words = tuple[str, ...]
"""A name, as its words."""

_ARROW = re.compile(r"(?<!\\)=>")
_COMMA = re.compile(r"(?<!\\),")
_MOST_ALTERNATIVES = 10


@dataclass(frozen=True, slots=True)
class Others:
    """What is looked for beside, or in place of, some words."""

    names: tuple[Words, ...]
    itself: bool = True
    """Whether the words themselves are looked for too."""


@dataclass(frozen=True)
class Synonyms:
    """All that is known. Names under `as_written` are found only if the text has the same capitals."""

    of: Mapping[Words, Others] = field(default_factory=dict)
    as_written: Mapping[str, Others] = field(default_factory=dict)
    longest: int = 1
    """Words of the longest name."""

    def others(self, texts: Iterable[str]) -> Others | None:
        """Other names of these words, each given as it was written; none if there is none."""
        written = tuple(texts)
        if len(written) == 1 and (others := self.as_written.get(written[0])) is not None:
            return others
        return self.of.get(tuple(word for text in written for word in words(text)))


def synonyms(texts: Iterable[str], as_written: Iterable[str] = ()) -> Synonyms:
    """What the files say, one after the other. Raises `BadParameter` that names a line that says nothing."""
    found: dict[Words, Others] = {}
    for text in texts:
        for left, right, replaces in _lines(text):
            for name in left:
                if key := tuple(words(name)):
                    _add(found, key, [tuple(words(other)) for other in right], replaces)
    exact: dict[str, Others] = {}
    for text in as_written:
        for left, right, _ in _lines(text):
            for name in left:
                keys = [tuple(words(other)) for other in right]
                exact[name] = Others(tuple(key for key in keys if key and key != tuple(words(name))))
    return Synonyms(found, exact, max(map(len, found), default=1))


def read_synonyms(paths: Iterable[Path], *, elements: bool = True, techniques: bool = True) -> Synonyms:
    """What files of the site say, and the ones that come with Beamcat."""
    own = files("beamcat.search") / "data"
    texts = [path.read_text(encoding="utf-8") for path in paths]
    if elements:
        texts.append((own / "elements.txt").read_text(encoding="utf-8"))
    if techniques:
        texts.append((own / "techniques.txt").read_text(encoding="utf-8"))
    return synonyms(texts, [(own / "symbols.txt").read_text(encoding="utf-8")] if elements else [])


def _add(found: dict[Words, Others], key: Words, names: list[Words], replaces: bool) -> None:
    before = found.get(key)
    kept = dict.fromkeys(() if before is None else before.names)
    kept.update(dict.fromkeys(name for name in names if name and name != key))
    itself = not replaces or key in names or (before is not None and before.itself)
    if kept:
        found[key] = Others(tuple(kept)[:_MOST_ALTERNATIVES], itself)


def _lines(text: str) -> Iterable[tuple[list[str], list[str], bool]]:
    for number, line in enumerate(text.splitlines(), 1):
        rule = line.split("#", 1)[0].strip()
        if not rule:
            continue
        sides = [_names(side) for side in _ARROW.split(rule)]
        if len(sides) > 2 or not all(sides):
            raise BadParameter(f"Line {number} of the synonyms, '{rule}', is neither 'a, b' nor 'a => b'")
        yield sides[0], sides[-1], len(sides) == 2


def _names(side: str) -> list[str]:
    names = (re.sub(r"\\(.)", r"\1", name).strip() for name in _COMMA.split(side))
    return [name for name in names if name]
