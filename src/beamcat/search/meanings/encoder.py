"""The network of a sentence model, in numpy: a few matrices that pieces of words go through.

An encoder as in BERT (Devlin et al., 2019), of which a text's place is the mean over its pieces (Reimers and Gurevych,
Sentence-BERT, 2019). Its weights are in a file of the format safetensors: a length of 8 bytes, so much JSON that says
which numbers are where, and the numbers. The file is mapped into memory, so that the workers of a machine share it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from beamcat.search.meanings.model import Vectors

PIECES_AT_ONCE = 1_024
"""Pieces that go through the network together: enough for matrices to be worth it, few enough for fast memory."""
LONGEST_HEAD = 10_000_000
"""Bytes of JSON in a file of weights."""

Weights = Mapping[str, Vectors]


@dataclass(frozen=True, slots=True)
class Form:
    """What a network looks like, as `config.json` beside its weights says."""

    layers: int
    heads: int
    size: int
    longest: int
    """Pieces of a text."""
    smallest: float
    """What keeps a division from being one by zero."""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Form:
        """Raises `ValueError` for a network of another kind."""
        try:
            kind = (config["model_type"], config["hidden_act"], config.get("position_embedding_type", "absolute"))
            if kind != ("bert", "gelu", "absolute"):
                raise ValueError(
                    f"this is no network of the kind bert, gelu, absolute, but {', '.join(map(str, kind))}"
                )
            return cls(
                int(config["num_hidden_layers"]),
                int(config["num_attention_heads"]),
                int(config["hidden_size"]),
                int(config["max_position_embeddings"]),
                float(config["layer_norm_eps"]),
            )
        except KeyError as error:
            raise ValueError(f"config.json does not say {error}") from error


class Encoder:
    """Puts texts, as numbers of pieces, at places."""

    def __init__(self, form: Form, weights: Weights) -> None:
        """Raises `ValueError` when weights are missing."""
        self.form = form
        self._weights = weights
        names = ["embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight"]
        names += [f"{_layer(form.layers - 1)}.output.LayerNorm.{kind}" for kind in ("weight", "bias")]
        if missing := [name for name in names if name not in weights]:
            raise ValueError(f"the weights have no {', '.join(missing)}")

    def places(self, texts: Sequence[Sequence[int]]) -> Vectors:
        """A row of length 1 for each text."""
        found = np.empty((len(texts), self.form.size), dtype=np.float32)
        some: list[int] = []
        pieces = 0
        for number in sorted(range(len(texts)), key=lambda each: len(texts[each])):
            if some and pieces + len(texts[number]) > PIECES_AT_ONCE:
                found[some] = self._means([texts[each] for each in some])
                some, pieces = [], 0
            some.append(number)
            pieces += len(texts[number])
        if some:
            found[some] = self._means([texts[each] for each in some])
        return found

    def _means(self, texts: Sequence[Sequence[int]]) -> Vectors:
        """Pieces of all texts stand one behind the other: only where they look at each other texts are apart."""
        ends = np.cumsum([len(text) for text in texts])
        spans = [slice(int(end) - len(text), int(end)) for text, end in zip(texts, ends, strict=True)]
        states = self._embedded(texts)
        for number in range(self.form.layers):
            states = self._through(_layer(number), states, spans)
        rows = np.stack([states[span].mean(axis=0) for span in spans])
        placed: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
        return placed

    def _embedded(self, texts: Sequence[Sequence[int]]) -> Vectors:
        weights = self._weights
        pieces = np.fromiter((piece for text in texts for piece in text), dtype=np.int64)
        at = np.concatenate([np.arange(len(text)) for text in texts])
        states = weights["embeddings.word_embeddings.weight"][pieces]
        states = states + weights["embeddings.position_embeddings.weight"][at]
        states += weights["embeddings.token_type_embeddings.weight"][0]
        return self._normed("embeddings.LayerNorm", states)

    def _through(self, layer: str, states: Vectors, spans: Sequence[slice]) -> Vectors:
        heads = self.form.heads
        queries, keys, values = (
            self._linear(f"{layer}.attention.self.{name}", states).reshape(len(states), heads, -1).swapaxes(0, 1)
            for name in ("query", "key", "value")
        )
        queries *= np.float32(1 / math.sqrt(queries.shape[2]))
        seen = np.empty((len(states), heads, queries.shape[2]), dtype=np.float32)
        for span in spans:
            looks = queries[:, span] @ keys[:, span].swapaxes(1, 2)
            looks -= looks.max(axis=2, keepdims=True)
            np.exp(looks, out=looks)
            looks /= looks.sum(axis=2, keepdims=True)
            seen[span] = (looks @ values[:, span]).swapaxes(0, 1)
        looked = self._linear(f"{layer}.attention.output.dense", seen.reshape(len(states), -1))
        looked += states
        states = self._normed(f"{layer}.attention.output.LayerNorm", looked)
        thought = self._linear(f"{layer}.output.dense", _gelu(self._linear(f"{layer}.intermediate.dense", states)))
        thought += states
        return self._normed(f"{layer}.output.LayerNorm", thought)

    def _linear(self, name: str, states: Vectors) -> Vectors:
        found: Vectors = states @ self._weights[f"{name}.weight"].T
        found += self._weights[f"{name}.bias"]
        return found

    def _normed(self, name: str, states: Vectors) -> Vectors:
        states -= states.mean(axis=1, keepdims=True)
        spread = np.einsum("ij,ij->i", states, states)[:, None] / np.float32(states.shape[1])
        states /= np.sqrt(spread + np.float32(self.form.smallest))
        states *= self._weights[f"{name}.weight"]
        states += self._weights[f"{name}.bias"]
        return states


def read_weights(path: Path) -> Weights:
    """The numbers of a file in the format safetensors. Raises `ValueError` for what is none, or not of 32 bits."""
    raw = np.memmap(path, dtype=np.uint8, mode="r")
    length = int.from_bytes(raw[:8].tobytes(), "little")
    if len(raw) < 8 or length > min(LONGEST_HEAD, len(raw) - 8):
        raise ValueError(f"{path.name} is no file of weights")
    start = 8 + length
    found: dict[str, NDArray[np.float32]] = {}
    for name, told in orjson.loads(raw[8:start].tobytes()).items():
        if name == "__metadata__" or name.endswith("position_ids"):
            continue
        if told["dtype"] != "F32":
            raise ValueError(f"{name} in {path.name} is of the type {told['dtype']}, not F32")
        first, stop = told["data_offsets"]
        if not 0 <= first <= stop <= len(raw) - start:
            raise ValueError(f"{path.name} ends before {name}")
        found[name] = np.frombuffer(raw[start + first : start + stop], dtype="<f4").reshape(told["shape"])
    return found


def _layer(number: int) -> str:
    return f"encoder.layer.{number}"


def _gelu(x: Vectors) -> Vectors:
    """X times the part of a normal distribution that is less than x.

    By Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26, which is right to 1.5e-7; numpy has none.
    """
    size = np.abs(x)
    size *= np.float32(math.sqrt(0.5))
    t = size * np.float32(0.3275911)
    t += np.float32(1)
    np.reciprocal(t, out=t)
    beyond = t * np.float32(1.061405429)
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        beyond += np.float32(factor)
        beyond *= t
    np.square(size, out=size)
    np.negative(size, out=size)
    beyond *= np.exp(size, out=size)
    # `beyond` is 1 - erf(|x| / sqrt 2): twice what lies beyond |x| on one side
    beyond *= np.float32(-0.5)
    beyond *= np.abs(x)
    beyond += np.maximum(x, 0)
    return beyond
