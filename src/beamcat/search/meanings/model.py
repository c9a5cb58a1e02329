"""What tells the meaning of texts, and where another package brings it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from beamcat.errors import BeamcatError, ErrorKind

GROUP = "beamcat.meaning"
"""The entry points by which other packages bring a model."""
LEARNED = "learned"
"""The model that is learned from the catalogue's own texts."""

Vectors = NDArray[np.float32]


class CannotUseModel(BeamcatError):
    """The model of the settings is not there, or cannot be started."""

    kind = ErrorKind.INTERNAL


class Model(Protocol):
    """Puts texts at places in a space, so that those of like meaning are near each other.

    It is asked by several threads at a time, loads nothing from elsewhere while it runs, and says the same of the same
    text every time.
    """

    @property
    def name(self) -> str:
        """Which model it is, version included: what differs in name cannot be compared."""
        ...

    @property
    def size(self) -> int:
        """How many numbers make a place."""
        ...

    @property
    def far(self) -> float:
        """The closeness, between 0 and 1, from which on texts have something to do with each other."""
        ...

    def places(self, texts: Sequence[str]) -> Vectors:
        """A row for each text, (texts, size), of length 1; all zero for one of which the model understands nothing.

        What of a text is too long for the model is left out.
        """
        ...

    def unknown(self, text: str) -> tuple[str, ...]:
        """The words of a text that the model does not understand."""
        ...


ModelFactory = Callable[[Mapping[str, Any]], Model]
"""What an entry point names: it takes the options of the settings."""


def plugin_model(name: str, options: Mapping[str, Any]) -> Model:
    """The model that another package brings. Raises `CannotUseModel`, which says what there is."""
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        there = ", ".join(sorted({LEARNED, *found}))
        raise CannotUseModel(
            f"search.meaning.model: there is no model {name}; there are: {there}. Install the package that brings it"
        )
    try:
        model = cast("ModelFactory", found[name].load())(options)
    except BeamcatError:
        raise
    except Exception as error:  # whatever a plugin of others does wrong
        raise CannotUseModel(
            f"search.meaning.model: the model {name} ({found[name].value}) cannot be started: "
            f"{type(error).__name__}: {error}"
        ) from error
    if missing := [member for member in ("name", "size", "far", "places", "unknown") if not hasattr(model, member)]:
        raise CannotUseModel(f"search.meaning.model: {name} is no model, it has no {', '.join(missing)}")
    return model
