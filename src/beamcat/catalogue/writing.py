"""One call that writes: who, when, by which manners, and what it has changed so far."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from types import MappingProxyType

from beamcat.access.caller import Caller
from beamcat.access.rulebook import Rulebook
from beamcat.catalogue.rule_memory import RuleMemory
from beamcat.database.outbox import ChangeKind, Origin, Step
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


def touch_rights(changes: Iterable[Step]) -> bool:
    """Whether somebody's rights may be different after these changes."""
    return any(step.entity in ROOT_OF_RIGHTS for step in changes)


@dataclass(frozen=True, slots=True)
class Writing:
    """What every step of one transaction needs to know.

    `rulebook` is as it was before the transaction: rules written in it are not yet in force (section E.3). `careful`
    is set when the database has refused a first attempt: what is wrong is then looked for before rows are written.
    `origin` says why objects are written that the call names; `changes` is what has been done so far, in order.
    """

    connection: Connection
    caller: Caller
    rulebook: Rulebook
    manner: Manner
    now: datetime
    counts_maintained: bool
    memory: RuleMemory
    careful: bool = False
    origin: Origin = Origin.CALL
    changes: list[Step] = field(default_factory=list)

    def note(
        self,
        kind: ChangeKind,
        entity: Entity,
        ids: Sequence[int],
        former: Mapping[str, Collection[int]] = MappingProxyType({}),
        *,
        below: bool = False,
    ) -> None:
        """Something has been done to these objects: there will be an event.

        `below` is for objects that the call does not name, but that are below one that it names. `former` is what they
        belonged to until now, if they were deleted or moved.
        """
        origin = Origin.BELOW if below and self.origin is Origin.CALL else self.origin
        self.changes.append(Step(entity.name, kind, origin, ids, former))
