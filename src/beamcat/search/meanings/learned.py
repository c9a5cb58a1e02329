"""A model that was learned from the catalogue's own texts: every word has a place, a text is where its words are.

How it is learned says `learning`. A word it has not met says nothing.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from beamcat.search.language.free_words import LIGHT
from beamcat.search.language.synonyms import read_synonyms
from beamcat.search.meanings.model import Vectors
from beamcat.search.tokens import words

LONGEST_TEXT = 20_000
"""Characters of a text that are looked at."""
LONGEST_WORD = 40
"""Characters; longer ones are no words."""
_LITTLE = """
are be been between but can do has have how if is it its may not our than them under upon via was we were what when
where which while who why will within without
"""
LITTLE = LIGHT | frozenset(_LITTLE.split())
"""Words that say nothing of what a text is about."""
FAR = 0.35
"""Texts of nothing in common have a closeness of about 0, those of one field of science more than this."""


def terms(text: str) -> list[str]:
    """What counts as the same word: elements and techniques by their full names, without the `s` of an English plural.

    Numbers and little words are left out.
    """
    names = _full_names()
    return [
        _stem(part)
        for word in words(text[:LONGEST_TEXT])
        if len(word) <= LONGEST_WORD and not word.isdigit() and word not in LITTLE
        for part in names.get(word, (word,))
    ]


class LearnedModel:
    """Words, how much each tells, and where each is."""

    far = FAR

    def __init__(self, vocabulary: Sequence[str], weights: NDArray[np.float32], word_places: Vectors) -> None:
        self._vocabulary = tuple(vocabulary)
        self._number = {word: number for number, word in enumerate(self._vocabulary)}
        self._weights = weights
        self._places = np.ascontiguousarray(word_places, dtype=np.float32)
        self._name: str | None = None

    @property
    def name(self) -> str:
        """`learned-` and a digest of what was learned."""
        if self._name is None:
            digest = blake2b(digest_size=10)
            for part in self._arrays():
                digest.update(part.tobytes())
            self._name = f"learned-{digest.hexdigest()}"
        return self._name

    @property
    def size(self) -> int:
        """How many numbers make a place."""
        return int(self._places.shape[1])

    def places(self, texts: Sequence[str]) -> Vectors:
        """A row for each text, of length 1; all zero for one that has no known word."""
        rows = np.zeros((len(texts), self.size), dtype=np.float32)
        for row, text in enumerate(texts):
            known, often = np.unique(self._known(text), return_counts=True)
            if len(known):
                rows[row] = (self._weights[known] * (1 + np.log(often))) @ self._places[known]
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        placed: Vectors = rows / np.maximum(lengths, 1e-9)
        return placed

    def unknown(self, text: str) -> tuple[str, ...]:
        """The words of a text that were not learned."""
        told = (word for word in words(text) if word not in LITTLE)
        return tuple(dict.fromkeys(word for word in told if not any(term in self._number for term in terms(word))))

    def written(self) -> bytes:
        """All of it, for `read`."""
        file = io.BytesIO()
        vocabulary, weights, places = self._arrays()
        np.savez(file, vocabulary=vocabulary, weights=weights, places=places)
        return file.getvalue()

    @classmethod
    def read(cls, content: bytes) -> LearnedModel:
        """What `written` gave."""
        with np.load(io.BytesIO(content), allow_pickle=False) as parts:
            vocabulary = parts["vocabulary"].tobytes().decode().split("\n")
            return cls(vocabulary, parts["weights"], parts["places"].astype(np.float32))

    def _known(self, text: str) -> list[int]:
        return [self._number[term] for term in terms(text) if term in self._number]

    def _arrays(self) -> Iterable[NDArray[np.generic]]:
        yield np.frombuffer("\n".join(self._vocabulary).encode(), dtype=np.uint8)
        yield self._weights
        yield self._places.astype(np.float16)


def _stem(word: str) -> str:
    if len(word) > 4 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


@cache
def _full_names() -> dict[str, tuple[str, ...]]:
    """The longest of the names of what has several: `fe` is iron, `xas` x-ray absorption spectroscopy."""
    return {
        key[0]: max((key, *others.names), key=lambda name: (len("".join(name)), name))
        for key, others in read_synonyms([]).of.items()
        if len(key) == 1
    }
