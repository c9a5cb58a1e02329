"""Texts cut into the pieces of words that a sentence model knows, by numbers.

As the tokeniser of BERT does it, without regard to case (Devlin et al., 2019; Schuster and Nakajima, Japanese and
Korean voice search, 2012): words stand between spaces and signs, and each is cut from the left into the longest pieces
of the vocabulary. All but the first piece of a word begin with `##`.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache

LONGEST_WORD = 100
"""Characters; longer ones are not known."""
LONGEST_TEXT = 20_000
"""Characters of a text that are looked at."""
WORDS_KEPT = 20_000
"""Words whose pieces are remembered."""

FIRST, LAST, UNKNOWN = "[CLS]", "[SEP]", "[UNK]"
"""What stands before and behind each text, and for what the vocabulary has no pieces of."""

_IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
"""Each of these is a word."""


class WordPieces:
    """The vocabulary: a piece for each number from 0 on. Raises `ValueError` for one without the pieces it needs."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._numbers: Mapping[str, int] = {piece: number for number, piece in enumerate(vocabulary)}
        if missing := [piece for piece in (FIRST, LAST, UNKNOWN) if piece not in self._numbers]:
            raise ValueError(f"the vocabulary has no {', '.join(missing)}")
        self._first, self._last, self._unknown = (self._numbers[piece] for piece in (FIRST, LAST, UNKNOWN))
        self._of_word = lru_cache(WORDS_KEPT)(self._cut)

    def of(self, text: str, most: int) -> list[int]:
        """The pieces of a text, at most so many with those around them; what is longer is left out."""
        found = [self._first]
        for word in cut_words(text):
            if len(found) >= most:
                break
            found.extend(self._of_word(word))
        return [*found[: most - 1], self._last]

    def unknown(self, text: str) -> tuple[str, ...]:
        """The words of which the vocabulary has no pieces."""
        return tuple(dict.fromkeys(word for word in cut_words(text) if self._of_word(word) == (self._unknown,)))

    def _cut(self, word: str) -> tuple[int, ...]:
        if len(word) > LONGEST_WORD:
            return (self._unknown,)
        found: list[int] = []
        start = 0
        while start < len(word):
            for stop in range(len(word), start, -1):
                piece = word[start:stop] if start == 0 else f"##{word[start:stop]}"
                if (number := self._numbers.get(piece)) is not None:
                    found.append(number)
                    start = stop
                    break
            else:
                return (self._unknown,)
        return tuple(found)


def cut_words(text: str) -> list[str]:
    """The words and signs of a text, in lower case, without accents."""
    cleaned = text[:LONGEST_TEXT].translate(_CLEANED)
    plain = "".join(c for c in unicodedata.normalize("NFD", cleaned) if unicodedata.category(c) != "Mn")
    return plain.lower().translate(_SIGNS_APART).split()


class _Cleaned(dict[int, str]):
    """Control characters go, all spaces are alike, an ideograph is a word."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if character in "\t\n\r" or unicodedata.category(character) == "Zs":
            found = " "
        elif code in (0, 0xFFFD) or unicodedata.category(character).startswith("C"):
            found = ""
        elif any(first <= code <= last for first, last in _IDEOGRAPHS):
            found = f" {character} "
        else:
            found = character
        self[code] = found
        return found


class _SignsApart(dict[int, str]):
    """A sign of punctuation stands between spaces."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        is_sign = character in string.punctuation or unicodedata.category(character).startswith("P")
        found = self[code] = f" {character} " if is_sign else character
        return found


_CLEANED, _SIGNS_APART = _Cleaned(), _SignsApart()
