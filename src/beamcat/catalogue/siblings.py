"""Which objects a rule looks at, besides the object it is about and what that belongs to.

Objects of one call are written together and their rights are asked for together. That gives the answers of one after
the other as long as no rule looks at objects the call writes: two objects must not be allowed because of each other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from beamcat.model import ENTITIES, Entity, ToMany, ToOne
from beamcat.query.rights import Extent, Readable, RuleQuery
from beamcat.query.rule_shapes import rooted, variable_of
from beamcat.query.tree import FromEntity, Path, Query

_Variables = dict[str, tuple[Entity, bool]]
"""Variables in scope: their entity, and whether they may stand for other objects than those a to-one leads to."""


def entities_seen(allowed: Readable) -> frozenset[str]:
    """The entities of which these rules may look at objects that the object in question does not belong to."""
    if isinstance(allowed, Extent):
        return frozenset()
    return frozenset(name for rule in allowed for name in _seen_by(rooted(rule)))


def _seen_by(rule: RuleQuery) -> Iterator[str]:
    yield from _seen_in(rule.query, {}, variable_of(rule), rule.entity)


def _seen_in(query: Query, outer: _Variables, selected: str | None, entity: Entity | None) -> Iterator[str]:
    variables = dict(outer)
    for source in query.sources:
        if isinstance(source, FromEntity):
            bound, sideways = ENTITIES[source.entity], True
        else:
            bound, sideways, names = _followed(source.path, variables)
            yield from names
        if source.variable == selected:
            bound, sideways = entity or bound, False
        elif sideways:
            yield bound.name
        variables[source.variable] = (bound, sideways)
    for part in (query.select, query.where, query.group_by, query.having):
        yield from _seen_in_node(part, variables)


def _seen_in_node(node: object, variables: _Variables) -> Iterator[str]:
    if isinstance(node, Query):
        yield from _seen_in(node, variables, None, None)
    elif isinstance(node, Path):
        yield from _followed(node, variables)[2]
    elif isinstance(node, tuple):
        for each in node:
            yield from _seen_in_node(each, variables)
    elif dataclasses.is_dataclass(node):
        for field in dataclasses.fields(node):
            yield from _seen_in_node(getattr(node, field.name), variables)


def _followed(path: Path, variables: _Variables) -> tuple[Entity, bool, list[str]]:
    """Where a path of a compiled rule leads, whether sideways, and the entities it sees sideways."""
    entity, sideways = variables[path.variable.upper()]
    seen = []
    for step in path.steps:
        member = entity.fields[step]
        if not isinstance(member, ToOne | ToMany):
            break
        entity = ENTITIES[member.target]
        sideways = sideways or isinstance(member, ToMany)
        if sideways:
            seen.append(entity.name)
    return entity, sideways, seen
