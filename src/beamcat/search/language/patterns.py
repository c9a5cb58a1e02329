"""What a word with `*` and `?` in it is for the words, the folders and all of a field."""

from __future__ import annotations

import re

from beamcat.search.language.tree import Term
from beamcat.search.tokens import fold

# Inside, stars are letters of the private use area, so that a star that was escaped is not one.
_STAR, _ONE = "\ue000", "\ue001"
_IN = str.maketrans({"*": _STAR, "?": _ONE})
_OUT = str.maketrans({_STAR: "*", _ONE: "?"})
_WORD = re.compile(rf"(?:[^\W_]|[{_STAR}{_ONE}])+")
_PATH_WORD = re.compile(rf"(?:[^\W\d_]|[{_STAR}{_ONE}])+|(?:[0-9]|[{_STAR}{_ONE}])+")
_SEPARATORS = re.compile(r"[/\\]+")


def word_patterns(term: Term) -> tuple[str, ...]:
    """The patterns of its words, as `question.WordLike` has them; stars that stand alone say nothing."""
    return _patterns(_WORD, term)


def path_word_patterns(term: Term) -> tuple[str, ...]:
    """The same for words of paths, in which digits and letters are apart."""
    return _patterns(_PATH_WORD, term)


def component_patterns(term: Term) -> tuple[str, ...]:
    """The patterns of the names between slashes, as `question.Path` has them."""
    names = (name for name in _SEPARATORS.split(_marked(term)) if name)
    return tuple(_stars(re.sub(r"[*?]", _ONE, name)) for name in names)


def whole_pattern(term: Term) -> str:
    """The pattern of all of it, as `meaning.Like` has it."""
    return _stars(re.sub(r"[*?\\]", r"\\\g<0>", _marked(term)))


def middle(term: Term) -> str | None:
    """What stands between two stars; none if there are others, or none."""
    last = len(term.text) - 1
    if last < 2 or term.wild != (0, last) or term.text[0] != "*" or term.text[last] != "*":
        return None
    return term.text[1:last]


def beginning(term: Term) -> str | None:
    """What stands before a star at the end; none if it is not the only one."""
    last = len(term.text) - 1
    return term.text[:last] if last > 0 and term.wild == (last,) and term.text[last] == "*" else None


def is_star(term: Term) -> bool:
    """Whether it says no more than that there is something."""
    return bool(term.wild) and set(term.text) == {"*"} and len(term.wild) == len(term.text)


def _patterns(kind: re.Pattern[str], term: Term) -> tuple[str, ...]:
    found = (pattern for pattern in kind.findall(_marked(term)) if set(pattern) != {_STAR})
    return tuple(_stars(pattern) for pattern in found)


def _marked(term: Term) -> str:
    wild = set(term.wild)
    return "".join(
        character.translate(_IN) if at in wild else fold(character.translate(_OUT))
        for at, character in enumerate(term.text)
    )


def _stars(marked: str) -> str:
    return re.sub(r"\*+", "*", marked.translate(_OUT))
