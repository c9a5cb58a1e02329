"""The older, concise syntax (ICAT specification D.9), translated to the tree of the JPQL style.

`Dataset [complete = TRUE] <-> Investigation [name = 'A']` selects the first entity and joins the others to it
along the relations of the model. The variable of an entity is its name with `$`; in INCLUDE, with `_$`.
"""

from __future__ import annotations

from dataclasses import dataclass

from beamcat.errors import BadParameter
from beamcat.model import Attribute, Entity, Relation, ToOne, icat_entity
from beamcat.query.cursor import Cursor
from beamcat.query.entity_graph import include_steps, joins, variable_of
from beamcat.query.expressions import parameter
from beamcat.query.include import TooManyIncludes
from beamcat.query.jpql import end_of_get, selected_entity
from beamcat.query.lexer import END, integer_value, real_value, timestamp_value
from beamcat.query.tree import (
    Aggregate,
    And,
    Between,
    Comparison,
    Condition,
    EnumLiteral,
    Expression,
    FromEntity,
    Get,
    Include,
    InList,
    Like,
    Limit,
    Literal,
    Not,
    Or,
    OrderBy,
    Path,
    Query,
    Timestamp,
)

_AGGREGATES = ("COUNT", "MAX", "MIN", "AVG", "SUM")
_LITERALS = ("STRING", "INTEGER", "REAL", "PARAMETER", "TIMESTAMP")
_VALUES = ("NAME", *_LITERALS)
_BOOLEANS = {"TRUE": True, "FALSE": False}


def search_query(cursor: Cursor) -> Query:
    """The search query that the cursor stands at the beginning of, up to the end of the text."""
    order_by: tuple[OrderBy, ...] = ()
    include: Include | None = None
    limit: Limit | None = None
    distinct = False
    selected: Expression
    if cursor.kind in _AGGREGATES:
        function = cursor.advance()
        cursor.consume("OPENPAREN")
        entity, path = _target(cursor)
        cursor.consume("CLOSEPAREN")
        selected = Aggregate(function, path)
    else:
        limit = _limit(cursor)
        distinct = cursor.accept("DISTINCT")
        entity, path = _target(cursor)
        selected = path
        order_by, include = _order_and_include(cursor, entity, include_allowed=not path.steps)
    others, where = _entities_and_conditions(cursor, entity)
    sources = (FromEntity(entity.name, path.variable), *joins(entity, others))
    return Query((selected,), sources, distinct, where, order_by=order_by, include=include, limit=limit)


def get_query(cursor: Cursor) -> Get:
    """The get query that the cursor stands at the beginning of, up to the end of the text (D.8)."""
    entity = icat_entity(cursor.consume("NAME"))
    include = _include(cursor, entity) if cursor.kind == "INCLUDE" else None
    end_of_get(cursor)
    return Get(entity.name, variable_of(entity), include)


def rule_query(cursor: Cursor) -> tuple[Path, Entity, Query]:
    """What a rule selects: the path as written, its entity, and the query for the entity (E.2).

    `BadParameter` for anything but a target and conditions.
    """
    query = search_query(cursor)
    selected, first = query.select[0], query.sources[0]
    assert isinstance(first, FromEntity)
    if not isinstance(selected, Path):
        raise BadParameter("Aggregate functions are not allowed in rules")
    extras = {
        "DISTINCT": query.distinct,
        "ORDER BY": bool(query.order_by),
        "INCLUDE": query.include is not None,
        "LIMIT": query.limit is not None,
    }
    for word, present in extras.items():
        if present:
            raise BadParameter(f"{word} is not allowed in rules")
    entity_only = Query((Path(selected.variable),), query.sources, where=query.where)
    return selected, icat_entity(first.entity), entity_only


# What is asked for


def _limit(cursor: Cursor) -> Limit | None:
    """`[offset] , [count]`, or nothing."""
    offset = count = None
    if cursor.kind == "INTEGER":
        offset = _not_negative(cursor)
        if cursor.kind != "COMMA":
            raise cursor.unexpected("COMMA")
    if cursor.accept("COMMA") and cursor.kind == "INTEGER":
        count = _not_negative(cursor)
    return None if offset is None and count is None else Limit(offset or 0, count)


def _not_negative(cursor: Cursor) -> int:
    if cursor.text.startswith("-"):
        raise cursor.unexpected("NAME", "DISTINCT", "INTEGER")
    return integer_value(cursor.consume("INTEGER"))


def _target(cursor: Cursor) -> tuple[Entity, Path]:
    """`Entity[.path]`."""
    if cursor.kind != "NAME":
        raise cursor.unexpected("NAME", "DISTINCT", "INTEGER", "COMMA", *_AGGREGATES)
    name = cursor.advance()
    entity = icat_entity(name.partition(".")[0])
    _, steps = cursor.steps(name)
    selected_entity(entity, steps)
    return entity, Path(variable_of(entity), steps)


def _order_and_include(
    cursor: Cursor, entity: Entity, *, include_allowed: bool
) -> tuple[tuple[OrderBy, ...], Include | None]:
    """ORDER BY and INCLUDE, each at most once, in either order."""
    order_by: tuple[OrderBy, ...] = ()
    include: Include | None = None
    if cursor.kind == "ORDER":
        order_by = _order_by(cursor, entity)
    if include_allowed and cursor.kind == "INCLUDE":
        include = _include(cursor, entity)
    if not order_by and cursor.kind == "ORDER":
        order_by = _order_by(cursor, entity)
    return order_by, include


def _order_by(cursor: Cursor, entity: Entity) -> tuple[OrderBy, ...]:
    cursor.consume("ORDER")
    cursor.consume("BY")
    keys: list[OrderBy] = []
    while not keys or cursor.accept("COMMA"):
        name = cursor.consume("NAME")
        if _field(entity, name) is None:
            raise BadParameter(f"{entity.name} has no field {name}")
        ascending = not cursor.accept("DESC")
        if ascending:
            cursor.accept("ASC")
        keys.append(OrderBy(_path(cursor, entity, name), ascending))
    return tuple(keys)


# Conditions


def _entities_and_conditions(cursor: Cursor, first: Entity) -> tuple[tuple[Entity, ...], Condition | None]:
    """`[condition] { <-> Entity [condition] }` up to the end: the other entities, and all that must hold."""
    conditions = _bracketed(cursor, first)
    others: dict[Entity, None] = {}
    while cursor.kind != END:
        cursor.consume("ENTSEP")
        entity = icat_entity(cursor.consume("NAME"))
        others[entity] = None
        conditions += _bracketed(cursor, entity)
    if not conditions:
        return tuple(others), None
    return tuple(others), conditions[0] if len(conditions) == 1 else And(tuple(conditions))


def _bracketed(cursor: Cursor, entity: Entity) -> list[Condition]:
    if not cursor.accept("BRA"):
        return []
    condition = _condition(cursor, entity)
    cursor.consume("KET")
    return [condition]


def _condition(cursor: Cursor, entity: Entity) -> Condition:
    terms = [_term(cursor, entity)]
    while cursor.accept("OR"):
        terms.append(_term(cursor, entity))
    return terms[0] if len(terms) == 1 else Or(tuple(terms))


def _term(cursor: Cursor, entity: Entity) -> Condition:
    factors = [_factor(cursor, entity)]
    while cursor.accept("AND"):
        factors.append(_factor(cursor, entity))
    return factors[0] if len(factors) == 1 else And(tuple(factors))


def _factor(cursor: Cursor, entity: Entity) -> Condition:
    negated = cursor.accept("NOT")
    if cursor.kind == "OPENPAREN":
        cursor.descend()
        cursor.advance()
        condition = _condition(cursor, entity)
        cursor.consume("CLOSEPAREN")
        cursor.ascend()
    else:
        condition = _predicate(cursor, entity)
    return Not(condition) if negated else condition


@dataclass(frozen=True, slots=True)
class _Value:
    """One side of a predicate, not yet known to be a member or a value."""

    kind: str
    text: str


def _value(cursor: Cursor) -> _Value:
    kind = cursor.kind
    return _Value(kind, cursor.consume(*_VALUES))


def _predicate(cursor: Cursor, entity: Entity) -> Condition:
    left = _value(cursor)
    kind = cursor.kind
    operator = cursor.consume("COMPOP", "IN", "BETWEEN")
    if kind == "COMPOP":
        return _comparison(cursor, entity, left, operator)
    if left.kind != "NAME":
        raise BadParameter(f'"{kind}" comparisons require a name on the LHS rather than {left.kind}')
    field = _field(entity, left.text)
    if field is None:
        raise BadParameter(f"{entity.name} has no field {left.text}")
    path = _path(cursor, entity, left.text)
    if kind == "IN":
        cursor.consume("OPENPAREN")
        items: list[Expression] = []
        while not items or cursor.consume("COMMA", "CLOSEPAREN") == ",":
            literal = cursor.kind
            items.append(_literal(literal, cursor.consume(*_LITERALS)))
        return InList(path, tuple(items))
    low = _value(cursor)
    cursor.consume("AND")
    high = _value(cursor)
    reason = f"{left.text} BETWEEN {low.text} AND {high.text}"
    return Between(path, _expression(low, field, reason), _expression(high, field, reason))


def _comparison(cursor: Cursor, entity: Entity, left: _Value, operator: str) -> Condition:
    """A member against a value, whichever comes first; a member's name wins over an enum value on the left."""
    right = _value(cursor)
    reason = f"{left.text} {operator} {right.text}"
    operator = "<>" if operator == "!=" else operator
    for member, value in ((left, right), (right, left)):
        field = _field(entity, member.text) if member.kind == "NAME" else None
        if field is None:
            continue
        path = _path(cursor, entity, member.text)
        expression = _expression(value, field, reason)
        if operator == "LIKE":
            return Like(path, expression)
        if member is left:
            return Comparison(operator, path, expression)
        return Comparison(operator, expression, path)
    raise _no_comparison(reason)


def _no_comparison(reason: str) -> BadParameter:
    return BadParameter(f"Attribute comparisons require one attribute name and one value: {reason}")


def _expression(value: _Value, field: Attribute | Relation, reason: str) -> Expression:
    """The value compared with a field: a bare name is a boolean, or one of the values of the field's enumeration."""
    if value.kind != "NAME":
        return _literal(value.kind, value.text)
    if value.text.upper() in _BOOLEANS:
        return Literal(_BOOLEANS[value.text.upper()])
    if isinstance(field, Attribute) and field.enumeration is not None:
        return EnumLiteral(field.enumeration.name, value.text)
    raise _no_comparison(reason)


def _literal(kind: str, text: str) -> Expression:
    match kind:
        case "INTEGER":
            return Literal(integer_value(text))
        case "REAL":
            return Literal(real_value(text))
        case "PARAMETER":
            return parameter(text)
        case "TIMESTAMP":
            return Timestamp(timestamp_value(text))
        case _:
            return Literal(text)


def _field(entity: Entity, name: str) -> Attribute | Relation | None:
    """The field at the end of a dotted path of to-one relations, hidden ones too; None when there is none."""
    *relations, last = name.split(".")
    for step in relations:
        relation = entity.fields.get(step)
        if not isinstance(relation, ToOne):
            return None
        entity = icat_entity(relation.target)
    return entity.fields.get(last)


def _path(cursor: Cursor, entity: Entity, name: str) -> Path:
    _, steps = cursor.steps(f".{name}")
    return Path(variable_of(entity), steps)


# INCLUDE


def _include(cursor: Cursor, first: Entity) -> Include:
    """`INCLUDE 1`, or the entities to bring along."""
    cursor.consume("INCLUDE")
    if cursor.kind == "INTEGER":
        if cursor.advance() != "1":
            raise BadParameter("Only integer value allowed in the INCLUDE list is 1")
        return Include(to_one_relations=True)
    wanted = {icat_entity(cursor.consume("NAME", "INTEGER")): None}
    while cursor.accept("COMMA"):
        wanted[icat_entity(cursor.consume("NAME"))] = None
    steps = include_steps(first, tuple(wanted))
    if len(steps) > cursor.limits.max_includes:
        raise TooManyIncludes(cursor.limits.max_includes)
    return Include(tuple(steps))
