"""How the generated facility is written down: ICAT objects as plain data, with references by natural key.

A `Record` is an object as `POST /icat/entityManager` takes it, except that a to-one relation holds a `Ref`; the
loader replaces it with `{"id": n}` when it knows the id.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any

Record = dict[str, Any]

SEED = "beamcat demo 1"
"""Part of every draw: the same seed gives the same facility."""


@dataclass(frozen=True, slots=True)
class Ref:
    """An object by its natural key, such as `Ref("ParameterType", ("energy", "keV"))`.

    The key is what identifies the object within the facility: name, name and version or units, the visit of an
    investigation, visit and name of a sample or dataset, and the file's name after these for a datafile.
    """

    entity: str
    key: tuple[str, ...]


def ref(entity: str, *key: str) -> Ref:
    """`ref("Instrument", "ML07")`."""
    return Ref(entity, key)


def dice(*purpose: object) -> Random:
    """A generator of its own for each purpose: what one part draws never changes another."""
    return Random("/".join([SEED, *map(str, purpose)]))  # noqa: S311 (nothing here is secret)


def instant(moment: datetime) -> str:
    """The aware `moment` as ICAT writes it: `2026-03-02T09:00:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """The aware datetime of what `instant` wrote."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def count_objects(record: Record) -> int:
    """The objects a record creates: itself and those nested in it."""
    nested = (part for value in record.values() if isinstance(value, list) for part in value)
    return 1 + sum(map(count_objects, nested))
