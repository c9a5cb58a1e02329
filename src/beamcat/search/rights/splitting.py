"""A rule taken apart: into alternatives, and each of those into parts that have nothing to do with each other.

A rule says that there are objects, joined to the one in question, for which its condition holds. So "a or b" is two
rules, and a condition on its investigation beside one on its sample are two rules of which both have to hold.
"""

from __future__ import annotations

from beamcat.model import Entity, ToMany, ToOne, icat_entity
from beamcat.query.rights import RuleQuery
from beamcat.query.rule_shapes import is_chain, paths_in, rooted, variable_of
from beamcat.query.scope import relation_of
from beamcat.query.tree import And, Condition, FromEntity, FromPath, Or, Path, Query, Source

MOST_ALTERNATIVES = 16
"""A rule of more alternatives stays in one piece."""


def alternatives(rule: RuleQuery) -> list[RuleQuery] | None:
    """Rules of which any has to hold; None when the rule is of a shape that is not taken apart.

    They are chains of joins, one step each, that begin with the selected variable.
    """
    rule = rooted(rule)
    query = rule.query
    if not is_chain(query) or query.sources[0] != FromEntity(rule.entity.name, variable_of(rule)):
        return None
    entities = _entities(query.sources)
    found: list[tuple[Condition, ...]] = [()]
    for part in _parts(query.where):
        choices = [(part,)] if _may_lose_rows(part, entities) else _choices(part)
        found = [(*before, *choice) for before in found for choice in choices]
        if len(found) > MOST_ALTERNATIVES:
            return [rule]
    return [_said(rule, query.sources, conditions) for conditions in found]


def factors(rule: RuleQuery) -> list[RuleQuery]:
    """Rules that all have to hold, each as small as possible. Expects one of `alternatives`."""
    query, selected = rule.query, variable_of(rule)
    first, *joins = query.sources
    conditions = _parts(query.where)
    named = [_named_by_join(join, selected, rule.entity) for join in joins]
    named += [_named_by(number, paths_in(part), selected, rule.entity) for number, part in enumerate(conditions)]
    found = []
    for group in _connected(named):
        joined = tuple(join for join, names in zip(joins, named, strict=False) if names <= group)
        held = tuple(part for part, names in zip(conditions, named[len(joins) :], strict=True) if names <= group)
        found.append(_said(rule, (first, *joined), held))
    return found


def through_many(rule: RuleQuery) -> tuple[ToMany, RuleQuery] | None:
    """The rule said of one of the objects behind a relation to many; None when it says something else, too."""
    query, selected = rule.query, variable_of(rule)
    direct = [join for join in query.sources[1:] if isinstance(join, FromPath) and join.path.variable == selected]
    if len(direct) != 1:
        return None
    (join,) = direct
    relation = relation_of(rule.entity, join.path.steps[0])
    others = tuple(other for other in query.sources[1:] if other is not join)
    if not isinstance(relation, ToMany) or any(path.variable == selected for path in paths_in((others, query.where))):
        return None
    target = icat_entity(relation.target)
    sources = (FromEntity(target.name, join.variable), *others)
    return relation, RuleQuery(target, Query((Path(join.variable),), sources, where=query.where))


_Name = str | int | tuple[str, ...]
"""What ties joins and conditions together: a variable, a relation of the object to one; a condition by its number."""


def _named_by_join(join: Source, selected: str, entity: Entity) -> frozenset[_Name]:
    assert isinstance(join, FromPath)
    if join.path.variable == selected and isinstance(relation_of(entity, join.path.steps[0]), ToMany):
        return frozenset({join.variable})
    return _named_by(join.variable, {join.path}, selected, entity)


def _named_by(own: str | int, paths: set[Path], selected: str, entity: Entity) -> frozenset[_Name]:
    """The object itself ties nothing together: there is one."""
    found: set[_Name] = {own}
    for path in paths:
        if path.variable != selected:
            found.add(path.variable)
        elif path.steps and isinstance(entity.fields.get(path.steps[0]), ToOne):
            found.add(path.steps[:1])
    return frozenset(found)


def _connected(named: list[frozenset[_Name]]) -> list[frozenset[_Name]]:
    groups: list[frozenset[_Name]] = []
    for names in named:
        apart = [group for group in groups if group.isdisjoint(names)]
        groups = [*apart, names.union(*(group for group in groups if not group.isdisjoint(names)))]
    return groups


def _parts(condition: Condition | None) -> tuple[Condition, ...]:
    if condition is None:
        return ()
    if isinstance(condition, And):
        return tuple(each for part in condition.parts for each in _parts(part))
    return (condition,)


def _choices(condition: Condition) -> list[tuple[Condition, ...]]:
    """Lists of conditions, of one of which all have to hold; one list of one when there would be too many."""
    match condition:
        case Or(parts):
            found = [choice for part in parts for choice in _choices(part)]
        case And(parts):
            found = [()]
            for part in parts:
                found = [(*before, *choice) for before in found for choice in _choices(part)]
                if len(found) > MOST_ALTERNATIVES:
                    break
        case _:
            return [(condition,)]
    return found if len(found) <= MOST_ALTERNATIVES else [(condition,)]


def _may_lose_rows(condition: Condition, entities: dict[str, Entity]) -> bool:
    """Whether a path in it joins something that need not be there: that restricts the alternatives beside it, too."""
    return any(
        _may_be_absent(path, entities[path.variable]) for path in paths_in(condition) if path.variable in entities
    )


def _may_be_absent(path: Path, entity: Entity) -> bool:
    for step in path.steps:
        member = entity.fields.get(step)
        if isinstance(member, ToOne) and not member.required:
            return True
        if not isinstance(member, ToOne | ToMany):
            return False
        entity = icat_entity(member.target)
    return False


def _entities(sources: tuple[Source, ...]) -> dict[str, Entity]:
    entities: dict[str, Entity] = {}
    for source in sources:
        if isinstance(source, FromEntity):
            entities[source.variable] = icat_entity(source.entity)
        else:
            relation = relation_of(entities[source.path.variable], source.path.steps[0])
            entities[source.variable] = icat_entity(relation.target)
    return entities


def _said(rule: RuleQuery, sources: tuple[Source, ...], conditions: tuple[Condition, ...]) -> RuleQuery:
    where = conditions[0] if len(conditions) == 1 else And(conditions) if conditions else None
    return RuleQuery(rule.entity, Query(rule.query.select, sources, where=where))
