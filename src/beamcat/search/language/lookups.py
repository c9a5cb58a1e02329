"""What has to be asked before a question can be: names in small tables, parameter types, and other documents."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from beamcat.search.language.meaning import Asked, NameTest
from beamcat.search.question import Predicate


@dataclass(frozen=True, slots=True)
class Found:
    """The ids of what is called so, and what it is called. Equal for the same rows."""

    ids: tuple[int, ...]
    names: tuple[str, ...] = ()
    """Of the rows that are called so themselves, a few: what people are told."""


NOTHING_FOUND = Found(())


class ValueKind(Enum):
    """What values a parameter type has, by ICAT's names."""

    NUMERIC = "NUMERIC"
    STRING = "STRING"
    DATE_AND_TIME = "DATE_AND_TIME"


@dataclass(frozen=True, slots=True)
class ParameterType:
    """A parameter type, as conditions need it."""

    id: int
    name: str
    units: str
    kind: ValueKind


class Lookups(Protocol):
    """Small tables of the catalogue. They are asked once for all names of a text.

    Who asks sees no more than whether something of that name is in documents they may see; names that are told
    (`Found.names`, units) are only those the caller may read.
    """

    async def find(self, asked: Collection[Asked]) -> Mapping[Asked, Found]:
        """What is called so, for each; those of which there is nothing may be left out.

        For the tables of investigations by user or person: the ids of the investigations. For techniques: also of those
        below.
        """

    async def parameter_types(self, tests: Collection[NameTest]) -> Mapping[NameTest, Sequence[ParameterType]]:
        """The parameter types whose name is so, for each; those of which there are none may be left out."""


class OtherDocuments(Protocol):
    """The documents of other entities."""

    async def ids(self, entity: str, predicate: Predicate, member: str | None = None) -> Sequence[int]:
        """The ids of the documents of an entity that match, or, with `member`, the ids in that ID field of theirs.

        Only of documents that the caller may see.

        Raises `ValidationFailed` if there are more than can be asked for.
        """
