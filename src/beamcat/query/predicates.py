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
    if readable is Extent.EVERYTHING:
        return None
    if isinstance(readable, Extent):
        return "false"
    return _any_of(table, [rooted(rule) for rule in readable], scope)


def readable_sides(table: Table, readable: Readable, scope: Scope) -> tuple[str, str] | None:
    """The rights to the row of `table` as two conditions that exclude each other, of which one must hold.

    None unless there are rules that `investigation_reader` answers, the first side, and others beside them.
    """
    if isinstance(readable, Extent):
        return None
    rules = [rooted(rule) for rule in readable]
    usual = [rule for rule in rules if usual_path(rule) is not None]
    others = [rule for rule in rules if usual_path(rule) is None]
    if not usual or not others:
        return None
    paths = [path for rule in usual if (path := usual_path(rule)) is not None]
    seen = _usual(table.id, paths, scope.parameters, alone=False)
    return _any_of(table, usual, scope), f"{_any_of(table, others, scope)} AND NOT {seen}"


def readable_reference(foreign_key: str, entity: Entity, readable: Readable, scope: Scope) -> str | None:
    """The condition that the object of `entity` whose id `foreign_key` yields may be read."""
    if readable is Extent.EVERYTHING:
        return None
    if isinstance(readable, Extent):
        return "false"
    return _far_end(foreign_key, entity, [rooted(rule) for rule in readable], scope.parameters)


def _any_of(table: Table, rules: Sequence[RuleQuery], scope: Scope) -> str:
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
    alone = not near and not far
    conditions = [_usual(table.id, usual, scope.parameters, alone=alone)] if usual else []
    conditions += [_near(table, rule, scope.parameters) for rule in near]
    for relation, shorter in far.values():
        joined = scope.joined(table, relation)
        if joined is not None:
            conditions.append(_any_of(joined, shorter, scope))
        else:
            conditions.append(_far_end(table.column(relation), target_of(relation), shorter, scope.parameters))
    return _or(list(dict.fromkeys(conditions)))


def _far_end(foreign_key: str, entity: Entity, rules: Sequence[RuleQuery], parameters: Parameters) -> str:
    paths = [usual_path(rule) for rule in rules]
    known = [path for path in paths if path is not None]
    if len(known) == len(paths):
        return _usual(foreign_key, known, parameters)
    scope = Scope(parameters)
    table = scope.add_table(entity)
    condition = _any_of(table, rules, scope)
    return f"EXISTS (SELECT 1{scope.from_sql} WHERE {table.id} = {foreign_key} AND {condition})"


def _usual(investigation_id: str, paths: list[str], parameters: Parameters, *, alone: bool = True) -> str:
    """The condition that `investigation_reader` answers.

    Alone, an EXISTS becomes a semi-join. Beside an OR it does not, and PostgreSQL might then gather all investigations
    of the caller to look at one; a scalar subquery is always a look at the index.
    """
    alias = parameters.alias()
    user = parameters.bind(CallerValue.USER_ID, "bigint")
    names = ", ".join(f"'{path}'" for path in sorted(set(paths)))
    found = (
        f"FROM investigation_reader {alias} WHERE {alias}.user_id = {user}"
        f" AND {alias}.investigation_id = {investigation_id} AND {alias}.path IN ({names})"
    )
    if alone or not parameters.few_rows:
        return f"EXISTS (SELECT 1 {found})"
    return f"coalesce((SELECT true {found} LIMIT 1), false)"


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
        # the row may be what a LEFT JOIN did not find, and a condition can hold for that too
        return _and([f"{table.id} IS NOT NULL", *conditions])
    return f"EXISTS (SELECT 1{scope.from_sql}{where_sql(conditions)})"


def _and(conditions: list[str]) -> str:
    return " AND ".join(conditions) if conditions else "true"


def _or(conditions: list[str]) -> str:
    return conditions[0] if len(conditions) == 1 else f"({' OR '.join(conditions)})"
