"""What a caller may read, as conditions that are joined into the question (sections E.3 to E.6).

Rules become EXISTS conditions, never joins or lists of ids. Rules that speak of the same related object are gathered
in one EXISTS, so that PostgreSQL makes a semi-join of it and checks a dataset or an investigation once, not once per
datafile.
"""

from __future__ import annotations

from collections.abc import Sequence

from beamcat.model import Entity, ToOne
from beamcat.query.condition_sql import Conditions, where_sql
from beamcat.query.rights import Extent, Readable, RuleQuery
from beamcat.query.rule_shapes import is_chain, rooted, shorten, usual_path, variable_of
from beamcat.query.scope import Scope, Table, target_of
from beamcat.query.sql import CallerValue, Parameters


def readable_condition(table: Table, readable: Readable, scope: Scope) -> str | None:
    """The condition that the row of `table` may be read; None when there is nothing to check.

    Inner joins that `scope` has already are used again.
    """
    alternatives = readable_alternatives(table, readable, scope)
    return None if alternatives is None else _or(alternatives)


def readable_alternatives(table: Table, readable: Readable, scope: Scope) -> list[str] | None:
    """The conditions of which one must hold for the row of `table` to be readable; None when there is nothing to check.

    The one that `investigation_reader` answers comes first.
    """
    if readable is Extent.EVERYTHING:
        return None
    if isinstance(readable, Extent):
        return ["false"]
    return _alternatives(table, [rooted(rule) for rule in readable], scope)


def readable_reference(foreign_key: str, entity: Entity, readable: Readable, scope: Scope) -> str | None:
    """The condition that the object of `entity` whose id `foreign_key` yields may be read."""
    if readable is Extent.EVERYTHING:
        return None
    if isinstance(readable, Extent):
        return "false"
    return _far_end(foreign_key, entity, [rooted(rule) for rule in readable], scope.parameters)


def _any_of(table: Table, rules: Sequence[RuleQuery], scope: Scope) -> str:
    return _or(_alternatives(table, rules, scope))


def _alternatives(table: Table, rules: Sequence[RuleQuery], scope: Scope) -> list[str]:
    usual: list[str] = []
    near: list[RuleQuery] = []
    far: dict[str, tuple[ToOne, list[RuleQuery]]] = {}
    for rule in rules:
        path = usual_path(rule)
        shortened = shorten(rule)
        if path is not None:
            usual.append(path)
        elif shortened is not None:
            far.setdefault(shortened.relation.name, (shortened.relation, []))[1].append(shortened.rule)
        else:
            near.append(rule)
    conditions = [_usual(table.id, usual, scope.parameters)] if usual else []
    conditions += [_near(table, rule, scope.parameters) for rule in near]
    for relation, shorter in far.values():
        joined = scope.joined(table, relation)
        if joined is not None:
            conditions.append(_any_of(joined, shorter, scope))
        else:
            conditions.append(_far_end(table.column(relation), target_of(relation), shorter, scope.parameters))
    return list(dict.fromkeys(conditions))


def _far_end(foreign_key: str, entity: Entity, rules: Sequence[RuleQuery], parameters: Parameters) -> str:
    paths = [usual_path(rule) for rule in rules]
    known = [path for path in paths if path is not None]
    if len(known) == len(paths):
        return _usual(foreign_key, known, parameters)
    scope = Scope(parameters)
    table = scope.add_table(entity)
    condition = _any_of(table, rules, scope)
    return f"EXISTS (SELECT 1{scope.from_sql} WHERE {table.id} = {foreign_key} AND {condition})"


def _usual(investigation_id: str, paths: list[str], parameters: Parameters) -> str:
    alias = parameters.alias()
    user = parameters.bind(CallerValue.USER_ID, "bigint")
    names = ", ".join(f"'{path}'" for path in sorted(set(paths)))
    return (
        f"EXISTS (SELECT 1 FROM investigation_reader {alias} WHERE {alias}.user_id = {user}"
        f" AND {alias}.investigation_id = {investigation_id} AND {alias}.path IN ({names}))"
    )


def _near(table: Table, rule: RuleQuery, parameters: Parameters) -> str:
    """One rule about the row itself."""
    scope = Scope(parameters)
    query, selected = rule.query, variable_of(rule)
    if is_chain(query):
        scope.bind_outside(selected, table)
        sources, same = query.sources[1:], []
    else:
        sources, same = query.sources, [selected]
    for source in sources:
        scope.declare(source)
    where = [] if query.where is None else [Conditions(scope, "WHERE").compile(query.where)]
    ties = [f"{scope.variable(variable, 'FROM').id} = {table.id}" for variable in same]
    conditions = [*scope.links, *ties, *where]
    if not scope.from_sql:
        return _and(conditions)
    return f"EXISTS (SELECT 1{scope.from_sql}{where_sql(conditions)})"


def _and(conditions: list[str]) -> str:
    return " AND ".join(conditions) if conditions else "true"


def _or(conditions: list[str]) -> str:
    return conditions[0] if len(conditions) == 1 else f"({' OR '.join(conditions)})"
