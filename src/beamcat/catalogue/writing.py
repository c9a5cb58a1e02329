"""One call that writes: who, when, by which manners, and what it has changed so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from beamcat.access.caller import Caller
from beamcat.access.rulebook import Rulebook
from beamcat.catalogue.rule_memory import RuleMemory
from beamcat.database.pool import Connection
from beamcat.model import Entity

ROOT_OF_RIGHTS = frozenset({"Rule", "PublicStep", "Grouping", "UserGroup", "User"})
"""The entities that decide who may do what."""


class Manner(Enum):
    """Where ICAT's two protocols force a difference (ICAT specification, sections E.4, E.7, E.8 and F)."""

    WHOLE = "whole objects"
    """SOAP: create checks the rights of top-level objects, uniqueness goes before validity, an update replaces
    everything and needs the right to update the whole object."""
    MEMBERS = "named members"
    """REST: every created object is checked, validity goes before uniqueness, an update changes the members it names
    and rights may be given for single members."""


@dataclass(slots=True)
class Changes:
    """What one transaction has changed, in order: the entity and the ids of each step.

    `deleted` names the objects that were asked for, not what went with them.
    """

    created: list[tuple[Entity, Sequence[int]]] = field(default_factory=list)
    updated: list[tuple[Entity, Sequence[int]]] = field(default_factory=list)
    deleted: list[tuple[Entity, Sequence[int]]] = field(default_factory=list)

    def touch_rights(self) -> bool:
        """Whether somebody's rights may be different after this."""
        steps = (*self.created, *self.updated, *self.deleted)
        return any(entity.name in ROOT_OF_RIGHTS for entity, _ in steps)


@dataclass(frozen=True, slots=True)
class Writing:
    """What every step of one transaction needs to know.

    `rulebook` is as it was before the transaction: rules written in it are not yet in force (section E.3). `careful`
    is set when the database has refused a first attempt: what is wrong is then looked for before rows are written.
    """

    connection: Connection
    caller: Caller
    rulebook: Rulebook
    manner: Manner
    now: datetime
    counts_maintained: bool
    memory: RuleMemory
    careful: bool = False
    changes: Changes = field(default_factory=Changes)
