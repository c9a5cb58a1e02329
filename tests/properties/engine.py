"""The engine as these tests ask it: text in, answer out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from beamcat.access.caller import Caller
from beamcat.model import Entity, Relation
from beamcat.observability.slow_queries import Watch
from beamcat.query.compile import compile_search
from beamcat.query.cursor import ParseLimits
from beamcat.query.parse import parse_rule, parse_search
from beamcat.query.plan import Plan
from beamcat.query.result import Answer
from beamcat.query.rights import Extent, Readable, Rights, RuleQuery
from beamcat.query.run import Engine
from beamcat.query.sql import Statement
from beamcat.query.tree import Query

from .oracle import OracleRule, Permissions
from .rules import RuleText
from .world import World

MAX_ENTITIES = 10_000
LIMITS = ParseLimits(max_length=65_536, max_nesting=40, max_includes=64)
UNWATCHED = Watch(float("inf"))


def examples(usual: int) -> int:
    """How many examples to try: `usual`, unless the variable BEAMCAT_EXAMPLES says more or fewer."""
    return int(os.environ.get("BEAMCAT_EXAMPLES", usual))


def parsed(text: str) -> Query:
    """The tree of a search."""
    return parse_search(text, LIMITS)


def oracle_rule(rule: RuleText) -> OracleRule:
    """The rule as the oracle knows it. Raises `BadParameter` when it is not valid."""
    said = parse_rule(rule.what, LIMITS)
    return OracleRule(rule.grouping, rule.flags.upper(), rule.what, said.query, said.attribute)


@dataclass(frozen=True)
class RuleRights:
    """The rights that rules give, handed to the compiler as they are."""

    permissions: Permissions

    def readable(self, entity: Entity) -> Readable:
        rules = self.permissions.applicable(entity.name)
        if not rules:
            return Extent.NOTHING
        if any(not rule.restricted for rule in rules):
            return Extent.EVERYTHING
        return tuple(RuleQuery(entity, rule.query) for rule in rules)

    def step_is_public(self, origin: Entity, relation: Relation) -> bool:
        return self.permissions.step_is_open(origin, relation.name)


def caller_of(world: World, name: str) -> Caller:
    """The caller of that name, with the id and the groups the world gives him."""
    user_id = next((user.id for user in world.all("User") if user.values["name"] == name), None)
    return Caller(name, user_id=user_id, groups=Permissions(world, (), name).groups())


async def ask(engine: Engine, query: Query, rights: Rights, caller: Caller, text: str = "") -> Answer:
    """The engine's answer to a query."""
    return await engine.search(compile_search(query, rights, MAX_ENTITIES), caller, text)


def statements(plan: Plan) -> Iterator[Statement]:
    """Every statement that a plan may run."""
    if plan.statement is not None:
        yield plan.statement
    waiting = list(plan.includes)
    while waiting:
        include = waiting.pop()
        waiting += include.includes
        if include.statement is not None:
            yield include.statement
