"""Compiled permission checks, kept while the rules they come from are likely to be asked about."""

from __future__ import annotations

from collections import OrderedDict

from beamcat.model import Entity
from beamcat.query.compile import compile_allowed
from beamcat.query.rights import Readable
from beamcat.query.sql import Statement

KEPT = 1000
"""Compiled checks a worker remembers."""


class AllowedStatements:
    """The statements that tell which of some ids are allowed.

    A rulebook hands out the same value for the same rules as long as it lives, so a statement is found by the identity
    of that value, which is kept with it.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[int, tuple[Readable, Statement]] = OrderedDict()

    def get(self, entity: Entity, allowed: Readable) -> Statement:
        """The statement for the objects of `entity` that the rules allow."""
        known = self._known.get(id(allowed))
        if known is not None and known[0] is allowed:
            self._known.move_to_end(id(allowed))
            return known[1]
        statement = compile_allowed(entity, allowed)
        self._known[id(allowed)] = (allowed, statement)
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        return statement
