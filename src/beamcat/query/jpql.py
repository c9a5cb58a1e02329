"""The JPQL style (ICAT specification D.2-D.8): the clauses of search, get and rule queries.

FROM is read before SELECT, because the names in SELECT must start with its variables.
"""

from __future__ import annotations

from collections.abc import Sequence

from beamcat.errors import BadParameter
from beamcat.model import ICAT_ENTITIES, Attribute, Entity, ToMany, ToOne, icat_entity
from beamcat.query.cursor import Cursor
from beamcat.query.expressions import Clause, Expressions, Variables, unknown_variable
from beamcat.query.include import Root, include_clause
from beamcat.query.lexer import END, integer_value
from beamcat.query.tree import (
    Condition,
    Expression,
    FromEntity,
    FromPath,
    Get,
    Include,
    Limit,
    OrderBy,
    Path,
    Query,
    Source,
)

MAX_VARIABLES = 100
"""Most identification variables that may be visible at one place of a query; each is a table in the SQL."""


def search_query(cursor: Cursor) -> Query:
    """The search query that the cursor stands at the beginning of, up to the end of the text (D.3)."""
    cursor.consume("SELECT")
    start = cursor.position
    from_position = _seek_from(cursor)
    variables: dict[str, Entity] = {}
    sources = _from_clause(cursor, variables)
    after_from = cursor.position
    paths = _select_paths(cursor, start, from_position, variables)
    cursor.seek(start)
    distinct, select = _select_clause(cursor, variables, enums=False)
    cursor.seek(after_from)
    where = _where_clause(cursor, variables)
    group_by = _group_by_clause(cursor, variables)
    having = _having_clause(cursor, variables, enums=False)
    order_by = _order_by_clause(cursor, variables)
    include: Include | None = None
    limit: Limit | None = None
    if cursor.kind == "LIMIT":
        limit = _limit_clause(cursor)
    if cursor.kind == "INCLUDE":
        include = include_clause(cursor, _include_root(paths))
    if limit is None and cursor.kind == "LIMIT":
        limit = _limit_clause(cursor)
    cursor.end()
    return Query(select, sources, distinct, where, group_by, having, order_by, include, limit)


def get_query(cursor: Cursor) -> Get:
    """The get query that the cursor stands at the beginning of, up to the end of the text (D.8)."""
    entity = icat_entity(cursor.consume("NAME"))
    variable = f"{entity.name}$".upper()
    include: Include | None = None
    if cursor.kind in ("AS", "NAME"):
        variable = cursor.variable().upper()
        if cursor.kind == "INCLUDE":
            include = include_clause(cursor, Root(Path(variable), entity))
    end_of_get(cursor)
    return Get(entity.name, variable, include)


def end_of_get(cursor: Cursor) -> None:
    """`BadParameter` unless all tokens of a get query were read."""
    if cursor.kind != END:
        raise BadParameter(f"Trailing tokens at end of query {cursor.text}...")


def rule_query(cursor: Cursor) -> tuple[Path, Entity, Query]:
    """What a rule selects: the path as written, the entity of its variable, and the query for the latter (E.2).

    Nothing but SELECT, FROM and WHERE is allowed.
    """
    cursor.consume("SELECT")
    selected = Path(*cursor.steps(cursor.consume("NAME")))
    variables: dict[str, Entity] = {}
    sources = _from_clause(cursor, variables)
    if selected.variable not in variables:
        raise unknown_variable(selected.variable, "SELECT")
    where = _where_clause(cursor, variables)
    cursor.end()
    return selected, variables[selected.variable], Query((Path(selected.variable),), sources, where=where)


def selected_entity(entity: Entity, steps: Sequence[str]) -> Entity | None:
    """The entity that a path of the SELECT clause yields; None for one that ends in an attribute.

    `BadParameter` for a step that does not exist, is hidden, or comes behind an attribute or a to-many relation.
    """
    at: Entity = entity
    last: Attribute | ToOne | ToMany | None = None
    for step in steps:
        if isinstance(last, ToMany):
            raise BadParameter(f"{last.name} has many {last.target}s and can only be the last step of a path")
        field = None if isinstance(last, Attribute) else at.fields.get(step)
        if field is None or (isinstance(field, Attribute) and field.hidden):
            raise BadParameter(f"{at.name} has no field {step}")
        if not isinstance(field, Attribute):
            at = ICAT_ENTITIES[field.target]
        last = field
    return None if isinstance(last, Attribute) else at


def _subquery(cursor: Cursor, outer: Variables, enums: bool) -> Query:
    """`SELECT ... FROM ... [WHERE ...] [GROUP BY ...] [HAVING ...]`, up to what follows."""
    cursor.consume("SELECT")
    start = cursor.position
    _seek_from(cursor)
    variables = dict(outer)
    sources = _from_clause(cursor, variables)
    after_from = cursor.position
    cursor.seek(start)
    distinct, select = _select_clause(cursor, variables, enums=enums)
    cursor.seek(after_from)
    where = _where_clause(cursor, variables)
    group_by = _group_by_clause(cursor, variables)
    having = _having_clause(cursor, variables, enums=enums)
    return Query(select, sources, distinct, where, group_by, having)


# SELECT


def _seek_from(cursor: Cursor) -> int:
    """Go to the FROM that belongs to the SELECT just read, and tell its position."""
    depth = 0
    while cursor.kind != END and not (depth == 0 and cursor.kind in ("FROM", "CLOSEPAREN")):
        depth += (cursor.kind == "OPENPAREN") - (cursor.kind == "CLOSEPAREN")
        cursor.advance()
    if cursor.kind != "FROM":
        raise cursor.unexpected("FROM")
    return cursor.position


def _select_paths(cursor: Cursor, start: int, end: int, variables: Variables) -> dict[Path, Entity | None]:
    """The distinct paths that the SELECT clause names, and the entities they yield."""
    paths: dict[Path, Entity | None] = {}
    for position in range(start, end):
        kind, name = cursor.token(position)
        if kind != "NAME":
            continue
        variable, steps = cursor.steps(name)
        if variable not in variables:
            raise unknown_variable(variable, "SELECT")
        paths[Path(variable, steps)] = selected_entity(variables[variable], steps)
    return paths


def _select_clause(cursor: Cursor, variables: Variables, *, enums: bool) -> tuple[bool, tuple[Expression, ...]]:
    distinct = cursor.accept("DISTINCT")
    reader = Expressions(cursor, Clause.SELECT, variables, enums=enums, subquery=_subquery)
    items = [reader.expression()]
    while cursor.accept("COMMA"):
        items.append(reader.expression())
    if cursor.kind != "FROM":
        raise cursor.unexpected("COMMA", "FROM")
    return distinct, tuple(items)


def _include_root(paths: dict[Path, Entity | None]) -> Root:
    if len(paths) != 1:
        raise BadParameter("INCLUDE is only valid for one quantity in the SELECT clause")
    return Root(*next(iter(paths.items())))


# FROM


def _from_clause(cursor: Cursor, variables: dict[str, Entity]) -> tuple[Source, ...]:
    """The sources; their variables are added to `variables`, which holds those of the outer queries."""
    cursor.consume("FROM")
    sources = [_source(cursor, variables)]
    while True:
        match cursor.kind:
            case "COMMA":
                cursor.advance()
                sources.append(_source(cursor, variables))
            case "JOIN" | "INNER" | "LEFT":
                sources.append(_join(cursor, variables))
            case "FETCH":
                raise BadParameter("The FETCH keyword is not permitted")
            case _:
                return tuple(sources)


def _source(cursor: Cursor, variables: dict[str, Entity]) -> Source:
    """`Entity [AS] variable`, `path [AS] variable` or `IN (path) [AS] variable`."""
    if cursor.accept("IN"):
        cursor.consume("OPENPAREN")
        path, target = _relation_path(cursor, variables)
        cursor.consume("CLOSEPAREN")
        return FromPath(path, _new_variable(cursor, variables, target))
    name = cursor.text
    if cursor.kind == "NAME" and name not in ICAT_ENTITIES:
        if "." in name:
            path, target = _relation_path(cursor, variables)
            return FromPath(path, _new_variable(cursor, variables, target))
        if not variables:
            raise BadParameter(f"No information to determine type of {name} in the FROM clause")
    entity = icat_entity(cursor.consume("NAME", "IN"))
    return FromEntity(entity.name, _new_variable(cursor, variables, entity))


def _join(cursor: Cursor, variables: dict[str, Entity]) -> Source:
    left = cursor.accept("LEFT")
    cursor.accept("OUTER" if left else "INNER")
    cursor.consume("JOIN")
    if cursor.kind == "FETCH":
        raise BadParameter("The FETCH keyword is not permitted")
    path, target = _relation_path(cursor, variables)
    return FromPath(path, _new_variable(cursor, variables, target), left)


def _relation_path(cursor: Cursor, variables: Variables) -> tuple[Path, Entity]:
    """A path of relations, and the entity at its end."""
    name = cursor.consume("NAME")
    variable, steps = cursor.steps(name)
    if not steps:
        raise BadParameter(f"Path {name} must contain a '.'")
    if variable not in variables:
        raise BadParameter(f"idVar '{variable}' referenced in the FROM clause is not defined.")
    entity = variables[variable]
    for step in steps:
        relation = entity.fields.get(step)
        if relation is None or isinstance(relation, Attribute):
            raise BadParameter(f"{entity.name} has no relationship field {step}")
        entity = ICAT_ENTITIES[relation.target]
    return Path(variable, steps), entity


def _new_variable(cursor: Cursor, variables: dict[str, Entity], entity: Entity) -> str:
    """`[AS] variable`, added to `variables`; upper-cased."""
    name = cursor.variable()
    if name in ICAT_ENTITIES:
        raise BadParameter(f"{name} is an entity and cannot be an identification variable")
    variable = name.upper()
    if variable in variables:
        # ICAT's spelling and spacing.
        raise BadParameter(f"JPQL indentification variable {name}has already been defined in the FROM clause")
    variables[variable] = entity
    if len(variables) > MAX_VARIABLES:
        raise BadParameter(f"query has more than {MAX_VARIABLES} identification variables")
    return variable


# The other clauses


def _where_clause(cursor: Cursor, variables: Variables) -> Condition | None:
    if not cursor.accept("WHERE"):
        return None
    return Expressions(cursor, Clause.WHERE, variables, enums=True, subquery=_subquery).condition()


def _group_by_clause(cursor: Cursor, variables: Variables) -> tuple[Path, ...]:
    if not cursor.accept("GROUP"):
        return ()
    cursor.consume("BY")
    paths: list[Path] = []
    while not paths or cursor.accept("COMMA"):
        variable, steps = cursor.steps(cursor.consume("NAME"))
        if variable not in variables:
            raise unknown_variable(variable, "GROUP BY")
        paths.append(Path(variable, steps))
    return tuple(paths)


def _having_clause(cursor: Cursor, variables: Variables, *, enums: bool) -> Condition | None:
    if not cursor.accept("HAVING"):
        return None
    return Expressions(cursor, Clause.HAVING, variables, enums=enums, subquery=_subquery).condition()


def _order_by_clause(cursor: Cursor, variables: Variables) -> tuple[OrderBy, ...]:
    if not cursor.accept("ORDER"):
        return ()
    cursor.consume("BY")
    reader = Expressions(cursor, Clause.ORDER_BY, variables, enums=False, subquery=_subquery)
    keys: list[OrderBy] = []
    while not keys or cursor.accept("COMMA"):
        expression = reader.expression()
        ascending = not cursor.accept("DESC")
        if ascending:
            cursor.accept("ASC")
        keys.append(OrderBy(expression, ascending))
    return tuple(keys)


def _limit_clause(cursor: Cursor) -> Limit:
    """`LIMIT offset, count`; both are never negative, as `-` is no part of an integer here."""
    cursor.consume("LIMIT")
    offset = integer_value(cursor.consume("INTEGER"))
    cursor.consume("COMMA")
    count = cursor.consume("INTEGER", "MULT")
    return Limit(offset, None if count == "*" else integer_value(count))
