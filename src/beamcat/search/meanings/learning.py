"""How a model is learned from texts: latent semantic analysis.

Texts and words are the rows and columns of a table of how much each word tells of each text (tf-idf); the few
directions in which that table extends furthest are what texts are about. Words that occur in like company come to lie
near each other, even if no text has both. After Deerwester et al., Indexing by latent semantic analysis, 1990; the
directions are found as in Halko, Martinsson and Tropp, Finding structure with randomness, 2011, algorithm 4.4.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from beamcat.search.meanings.learned import LearnedModel, terms
from beamcat.search.meanings.model import Vectors

LEAST_TEXTS = 30
"""From fewer, nothing is learned."""
MOST_TEXTS = 100_000
"""More texts teach little more; they are held in memory, as 4 bytes for each word."""
MOST_WORDS = 40_000
DIRECTIONS = 128
"""Most numbers of a place."""
MOST_TERMS = 1_000
"""Words of one text that are learned from."""
ROUNDS = 3
BEYOND = 16
"""Directions looked for beyond those kept, so that these are good."""
ROWS_AT_ONCE = 1_000

Numbers = NDArray[np.int64]


class Lesson:
    """Texts to learn from, of which only numbers of words are kept."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._words = array("i")
        self._ends = array("q")
        self._texts_with: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, texts: Iterable[str]) -> None:
        """Take in texts, as far as there is room."""
        for text in texts:
            if len(self) >= MOST_TEXTS:
                return
            found = [self._numbers.setdefault(term, len(self._numbers)) for term in terms(text)[:MOST_TERMS]]
            if found:
                self._words.extend(found)
                self._ends.append(len(self._words))
                self._texts_with.update(set(found))

    def learn(self, rest: Callable[[], None] = lambda: None) -> LearnedModel | None:
        """What can be learned; none from too few texts, or those of too few words. `rest` is called every now and then.

        Takes about a minute of a processor for 100 000 texts of 60 words.
        """
        kept = [(word, n) for word, n in self._texts_with.most_common(MOST_WORDS) if 2 <= n <= 0.5 * len(self)]
        size = min(DIRECTIONS, int(1.3 * len(self) ** 0.5), len(kept) // 4, len(self) // 4)
        if len(self) < LEAST_TEXTS or size < 2:
            return None
        weights = np.array([np.log(len(self) / n) for _, n in kept], dtype=np.float32)
        table = _Table(self._renumbered([word for word, _ in kept]), self._ends, weights)
        word_places = _directions(table, len(kept), size, rest)
        words = list(self._numbers)
        return LearnedModel([words[word] for word, _ in kept], weights, word_places)

    def _renumbered(self, kept: list[int]) -> Numbers:
        """The words of all texts by their places in `kept`; -1 for others."""
        places = np.full(len(self._numbers), -1, dtype=np.int64)
        places[kept] = np.arange(len(kept))
        return places[np.frombuffer(self._words, dtype=np.int32)]


class _Table:
    """How much each word tells of each text, as (text, word, value) in the order of texts; each row of length 1."""

    def __init__(self, words: Numbers, ends: array[int], weights: NDArray[np.float32]) -> None:
        upto = np.frombuffer(ends, dtype=np.int64)
        lengths: Numbers = upto - np.concatenate(([0], upto[:-1]))
        texts = np.repeat(np.arange(len(lengths)), lengths)[words >= 0]
        pairs, often = np.unique(texts * len(weights) + words[words >= 0], return_counts=True)
        texts, self.words = np.divmod(pairs, len(weights))
        values = (1 + np.log(often)) * weights[self.words]
        norms = np.sqrt(np.bincount(texts, values**2, minlength=len(lengths)))
        self.values = (values / np.maximum(norms[texts], 1e-9)).astype(np.float32)
        self.starts = np.flatnonzero(np.diff(texts, prepend=-1))
        self.ends = np.append(self.starts[1:], len(texts))

    def through(self, places: Vectors, rest: Callable[[], None]) -> Vectors:
        """A^T A times places of words: from words to the texts they are in, and back."""
        back = np.zeros_like(places)
        for first in range(0, len(self.starts), ROWS_AT_ONCE):
            starts, ends = self.starts[first : first + ROWS_AT_ONCE], self.ends[first : first + ROWS_AT_ONCE]
            words, values = self.words[starts[0] : ends[-1]], self.values[starts[0] : ends[-1], None]
            texts = np.add.reduceat(values * places[words], starts - starts[0])
            order = np.argsort(words, kind="stable")
            sent = (values * np.repeat(texts, ends - starts, axis=0))[order]
            each = words[order]
            begins = np.flatnonzero(np.diff(each, prepend=-1))
            back[each[begins]] += np.add.reduceat(sent, begins)
            rest()
        return back


def _directions(table: _Table, words: int, size: int, rest: Callable[[], None]) -> Vectors:
    """The right singular vectors of the table, a row for each word, so that words add up to a text's place."""
    chance = np.random.default_rng(1990)  # the same texts teach the same
    width = min(size + BEYOND, words)
    basis: Vectors = chance.standard_normal((words, width), dtype=np.float32)
    for _ in range(ROUNDS):
        basis = np.linalg.qr(table.through(basis, rest))[0]
    strengths, turned = np.linalg.eigh(basis.T @ table.through(basis, rest))
    best = np.argsort(strengths)[::-1][:size]
    directions: Vectors = (basis @ turned[:, best]).astype(np.float32)
    return directions
