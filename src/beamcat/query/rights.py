"""What the compiler asks about a caller: which objects of an entity the caller may read.

The answers are queries (the rules themselves) that the compiler joins into the question, never lists of ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from beamcat.model import Entity, Relation
from beamcat.query.tree import Query


class Extent(Enum):
    """The two answers that need no query."""

    EVERYTHING = "everything"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class RuleQuery:
    """One restricted rule: the objects of `entity` that `query` selects by its single path.

    `query` has sources and maybe a condition, and `select == (Path(variable),)`; `:user` is the caller.
    """

    entity: Entity
    query: Query


Readable = Extent | tuple[RuleQuery, ...]
"""Everything, nothing, or what any of the rules selects (at least one)."""


class Rights(Protocol):
    """What one caller may read. Two callers with equal answers share compiled plans."""

    def readable(self, entity: Entity) -> Readable:
        """The objects of `entity` that the caller may read (ICAT specification E.3, E.6)."""
        ...

    def step_is_public(self, origin: Entity, relation: Relation) -> bool:
        """Whether INCLUDE may follow `relation` from `origin` without checking its targets (E.5)."""
        ...


class EveryRight:
    """The rights of a root user."""

    def readable(self, entity: Entity) -> Readable:
        """Everything."""
        return Extent.EVERYTHING

    def step_is_public(self, origin: Entity, relation: Relation) -> bool:
        """Always."""
        return True
