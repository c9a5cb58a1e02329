"""How the parent hands the settings to its workers: by a pipe, where nobody else can read the secrets."""

from __future__ import annotations

import pickle
from typing import Any, BinaryIO

from beamcat.config import Settings


def written_settings(settings: Settings) -> bytes:
    """The settings as `read_settings` takes them, secrets included."""
    return pickle.dumps(settings.model_dump())


def read_settings(stream: BinaryIO) -> Settings:
    """The settings a parent has written."""
    values: dict[str, Any] = pickle.load(stream)  # noqa: S301 (written by our own parent process)
    return Settings(**values)
