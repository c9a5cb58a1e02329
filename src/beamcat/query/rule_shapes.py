"""Rules brought into a form that is cheap to join into a question.

Most rules say of an object only that something holds for the investigation it belongs to:
`SELECT df FROM Datafile df JOIN df.dataset ds JOIN ds.investigation i JOIN i.investigationUsers iu JOIN iu.user u
WHERE u.name = :user`. `shorten` takes the to-one steps off such a rule, one by one, until a rule about the
investigation remains: it can be checked once per dataset or investigation instead of once per datafile, and rules
about different entities meet in the same place. `usual_path` then recognises the rules that the maintained table
`investigation_reader` answers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from beamcat.model import ToMany, ToOne, icat_entity
from beamcat.query.rights import RuleQuery
from beamcat.query.scope import relation_of, target_of
from beamcat.query.tree import Comparison, FromEntity, FromPath, Parameter, Path, Query, Source

Node = TypeVar("Node")

USUAL_PATHS = {
    ("investigationUsers", "user", "name"): "user",
    ("investigationInstruments", "instrument", "instrumentScientists", "user", "name"): "instrument",
    ("investigationGroups", "grouping", "userGroups", "user", "name"): "group",
}
"""How an investigation is tied to the name of the caller, and what `investigation_reader.path` calls it."""


@dataclass(frozen=True, slots=True)
class Shortened:
    """A rule about an entity, said of the entity at the other end of one of its to-one relations."""

    relation: ToOne
    rule: RuleQuery


def variable_of(rule: RuleQuery) -> str:
    """The variable the rule selects."""
    selected = rule.query.select[0]
    assert isinstance(selected, Path)
    return selected.variable


def rooted(rule: RuleQuery) -> RuleQuery:
    """The same rule with every join one step long and the selected variable declared first.

    A rule with a LEFT JOIN or several entities in FROM is returned as it is.
    """
    sources = _single_steps(rule.query.sources)
    if sources is None or not isinstance(sources[0], FromEntity):
        return rule
    selected = variable_of(rule)
    turned = _turned(sources[0], sources[1:], selected, rule.entity.name)
    return RuleQuery(rule.entity, dataclasses.replace(rule.query, sources=turned))


def shorten(rule: RuleQuery) -> Shortened | None:
    """The rule one to-one step further on; None when it needs the object itself. Expects a `rooted` rule."""
    query, selected = rule.query, variable_of(rule)
    if not is_chain(query):
        return None
    joined = {path for path in paths_in(query.sources) if path.variable == selected}
    compared = {path for path in paths_in(query.where) if path.variable == selected}
    first_steps = {path.steps[:1] for path in joined | compared}
    if len(first_steps) != 1 or first_steps == {()}:
        return None
    (name,) = first_steps.pop()
    relation = rule.entity.fields.get(name)
    if not isinstance(relation, ToOne) or not (relation.required or joined):
        # a condition may well hold for an object without the relation, unless the rule joins it
        return None
    if any(source.path == Path(selected, (name,)) for source in _subquery_sources(query.where)):
        return None
    target = target_of(relation)
    return Shortened(relation, RuleQuery(target, _moved(query, selected, relation.name, target.name)))


def usual_path(rule: RuleQuery) -> str | None:
    """What `investigation_reader.path` calls this rule about investigations; None when it is not a usual one."""
    query = rule.query
    if rule.entity.name != "Investigation" or not is_chain(query) or not isinstance(query.where, Comparison):
        return None
    compared = {query.where.left, query.where.right}
    paths = [side for side in compared if isinstance(side, Path)]
    if query.where.operator != "=" or Parameter("user") not in compared or len(paths) != 1:
        return None
    steps, used = _unfold(paths[0], query.sources)
    return USUAL_PATHS.get(steps) if used == len(query.sources) else None


def is_chain(query: Query) -> bool:
    """Whether the query has one entity in FROM, and otherwise inner joins only."""
    return isinstance(query.sources[0], FromEntity) and all(
        isinstance(source, FromPath) and not source.left for source in query.sources[1:]
    )


def _single_steps(sources: tuple[Source, ...]) -> tuple[Source, ...] | None:
    """The sources with multi-step joins taken apart; None when one of them is not a plain inner join."""
    single: list[Source] = [sources[0]]
    for number, source in enumerate(sources[1:]):
        if not isinstance(source, FromPath) or source.left:
            return None
        variable = source.path.variable
        for position, step in enumerate(source.path.steps):
            last = position == len(source.path.steps) - 1
            name = source.variable if last else f"{source.variable}${number}${position}"
            single.append(FromPath(Path(variable, (step,)), name))
            variable = name
    return tuple(single)


def _turned(first: FromEntity, joins: tuple[Source, ...], selected: str, entity: str) -> tuple[Source, ...]:
    """The same joins with `selected` declared first: the joins between it and `first` are followed backwards."""
    by_variable = {join.variable: join for join in joins}
    entities = {first.variable: first.entity}
    for join in joins:
        assert isinstance(join, FromPath)
        relation = relation_of(icat_entity(entities[join.path.variable]), join.path.steps[0])
        entities[join.variable] = relation.target
    turned: list[Source] = [FromEntity(entity, selected)]
    backwards: set[str] = set()
    variable = selected
    while variable != first.variable:
        join = by_variable[variable]
        assert isinstance(join, FromPath)
        origin = join.path.variable
        relation = relation_of(icat_entity(entities[origin]), join.path.steps[0])
        turned.append(FromPath(Path(variable, (_other_end(relation),)), origin))
        backwards.add(variable)
        variable = origin
    turned += [join for join in joins if join.variable not in backwards]
    return tuple(turned)


def _other_end(relation: ToOne | ToMany) -> str:
    return relation.inverse if isinstance(relation, ToOne) else relation.by


def _moved(query: Query, selected: str, step: str, target: str) -> Query:
    """The query said of `selected.step`: joins along that step vanish, paths through it lose it."""
    moved = f"{selected}.{step}"
    same = {s.variable for s in query.sources if isinstance(s, FromPath) and s.path == Path(selected, (step,))}

    def move(path: Path) -> Path:
        if path.variable == selected:
            return Path(moved, path.steps[1:])
        return Path(moved, path.steps) if path.variable in same else path

    kept = [s for s in query.sources[1:] if s.variable not in same]
    return Query(
        select=(Path(moved),),
        sources=(FromEntity(target, moved), *rewritten(tuple(kept), move)),
        where=rewritten(query.where, move),
    )


def _unfold(path: Path, sources: tuple[Source, ...]) -> tuple[tuple[str, ...], int]:
    """The steps from the first variable to the end of `path`, and how many of the sources lie on the way."""
    joins = {source.variable: source for source in sources[1:] if isinstance(source, FromPath)}
    steps, variable, used = path.steps, path.variable, 1
    while variable in joins:
        steps, variable, used = joins[variable].path.steps + steps, joins[variable].path.variable, used + 1
    return steps, used


def paths_in(node: object) -> set[Path]:
    """Every path that occurs in a part of a query."""
    found: set[Path] = set()

    def note(path: Path) -> Path:
        found.add(path)
        return path

    rewritten(node, note)
    return found


def _subquery_sources(node: object) -> list[FromPath]:
    if isinstance(node, FromPath):
        return [node]
    if isinstance(node, tuple):
        return [source for part in node for source in _subquery_sources(part)]
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        return [source for f in dataclasses.fields(node) for source in _subquery_sources(getattr(node, f.name))]
    return []


def rewritten(node: Node, change: Callable[[Path], Path]) -> Node:
    """The tree with every path changed; everything else is kept."""
    return _rewritten(node, change)  # type: ignore[no-any-return]


def _rewritten(node: Any, change: Callable[[Path], Path]) -> Any:
    if isinstance(node, Path):
        return change(node)
    if isinstance(node, tuple):
        return tuple(_rewritten(part, change) for part in node)
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        values = {f.name: getattr(node, f.name) for f in dataclasses.fields(node)}
        return type(node)(**{name: _rewritten(value, change) for name, value in values.items()})
    return node
