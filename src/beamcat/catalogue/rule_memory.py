"""What has been worked out about sets of rules, kept while they are likely to be asked about again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from beamcat.catalogue.siblings import entities_seen
from beamcat.model import Entity
from beamcat.query.compile import compile_allowed
from beamcat.query.rights import Readable
from beamcat.query.sql import Statement

KEPT = 1000
"""Sets of rules a worker remembers."""


@dataclass(frozen=True, slots=True)
class _Known:
    allowed: Readable
    statement: Statement
    seen: frozenset[str]


class RuleMemory:
    """Compiled permission checks.

    A rulebook hands out the same value for the same rules as long as it lives, so what is known is found by the
    identity of that value, which is kept with it.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[int, _Known] = OrderedDict()

    def statement(self, entity: Entity, allowed: Readable) -> Statement:
        """Which of some ids of `entity` the rules allow."""
        return self._get(entity, allowed).statement

    def entities_seen(self, entity: Entity, allowed: Readable) -> frozenset[str]:
        """The entities of which the rules may look at other objects than those an object of `entity` belongs to."""
        return self._get(entity, allowed).seen

    def _get(self, entity: Entity, allowed: Readable) -> _Known:
        known = self._known.get(id(allowed))
        if known is None or known.allowed is not allowed:
            known = _Known(allowed, compile_allowed(entity, allowed), entities_seen(allowed))
            self._known[id(allowed)] = known
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(id(allowed))
        return known
