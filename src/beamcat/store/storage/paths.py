"""Locations that are relative paths."""

from __future__ import annotations

from uuid import uuid4

from beamcat.errors import BadParameter
from beamcat.store.storage.contract import DatasetPlace


def checked(location: str) -> str:
    """The location. Raises `BadParameter` for one that leads out of its storage, by its letters."""
    if not location or "\0" in location or any(part in {"", ".", ".."} for part in location.split("/")):
        raise BadParameter(f"{location[:200]!r} is no location in this storage")
    return location


def new_location(dataset: DatasetPlace) -> str:
    """`<investigation id>/<dataset id>/<UUID>`: never used before."""
    return f"{dataset.investigation_id}/{dataset.id}/{uuid4()}"
