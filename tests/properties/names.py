"""What the names in a query stand for: the entity of each variable, and the joins that paths imply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from beamcat.model import ENTITIES, Attribute, Entity, Member, ToMany, ToOne
from beamcat.query.tree import (
    Aggregate,
    Call,
    Comparison,
    Exists,
    Expression,
    FromEntity,
    InList,
    InQuery,
    IsEmpty,
    IsNull,
    MemberOf,
    Path,
    QuantifiedComparison,
    Query,
    SubSelect,
)

Types = Mapping[str, Entity]
"""The entity of every variable in sight."""


def members_of(path: Path, types: Types) -> list[Member]:
    """The members a path follows."""
    entity = types[path.variable]
    found: list[Member] = []
    for step in path.steps:
        member = entity.fields[step]
        found.append(member)
        if not isinstance(member, Attribute):
            entity = ENTITIES[member.target]
    return found


def entity_of(path: Path, types: Types) -> Entity:
    """The last entity on a path."""
    entity = types[path.variable]
    for member in members_of(path, types):
        if not isinstance(member, Attribute):
            entity = ENTITIES[member.target]
    return entity


def types_of(query: Query, outer: Types) -> Types:
    """The variables of a query and those it sees from outside."""
    types = dict(outer)
    for source in query.sources:
        if isinstance(source, FromEntity):
            types[source.variable] = ENTITIES[source.entity]
        else:
            types[source.variable] = entity_of(source.path, types)
    return types


def paths_in(expression: Any) -> list[Path]:
    """The distinct paths of SELECT expressions, in their order."""
    found: dict[Path, None] = {}

    def visit(node: Any) -> None:
        if isinstance(node, Path):
            found[node] = None
        for part in _parts(node):
            visit(part)

    visit(expression)
    return list(found)


def has_aggregate(expression: Any) -> bool:
    """Whether an aggregate occurs, subqueries aside."""
    if isinstance(expression, Aggregate):
        return True
    return not isinstance(expression, Query) and any(map(has_aggregate, _parts(expression)))


def collections_selected(query: Query, types: Types) -> list[Path]:
    """The to-many paths in SELECT: each adds one inner join."""
    return [path for path in paths_in(query.select) if path.steps and isinstance(members_of(path, types)[-1], ToMany)]


def implicit_joins(query: Query, types: Types) -> set[Path]:
    """The to-one relations that must be set for a row to count, because some path of this query follows them.

    Paths in a subquery belong to the subquery.
    """
    found: set[Path] = set()

    def visit(node: Any, by_key: bool = False) -> None:
        match node:
            case Path():
                found.update(_followed(node, types, by_key))
            case Query() | SubSelect() | Exists():
                pass
            case Comparison(_, left, right):
                visit(left, True)
                visit(right, True)
            case InList(operand, items):
                for item in (operand, *items):
                    visit(item, True)
            case InQuery(operand) | QuantifiedComparison(left=operand) | IsNull(operand):
                visit(operand, True)
            case MemberOf(operand, path):
                visit(operand, True)
                visit(path)
            case IsEmpty(path) | Call("SIZE", (path,)):
                visit(path)
            case _:
                for part in _parts(node):
                    visit(part)

    for clause in (query.select, query.where, query.group_by, query.having, query.order_by):
        visit(clause)
    return found


def _followed(path: Path, types: Types, by_key: bool) -> set[Path]:
    if not path.steps:
        return set()
    last = members_of(path, types)[-1]
    count = len(path.steps) - 1
    if isinstance(last, Attribute) and last.name == "id":
        count -= 1  # x.rel.id is the foreign key of x
    elif isinstance(last, ToOne) and not by_key:
        count += 1
    return {Path(path.variable, path.steps[:length]) for length in range(1, count + 1)}


def _parts(node: Any) -> list[Any]:
    if isinstance(node, tuple):
        return list(node)
    if is_dataclass(node) and not isinstance(node, Path):
        return [getattr(node, field.name) for field in fields(node)]
    return []


def is_entity(expression: Expression, types: Types) -> bool:
    """Whether an expression yields objects."""
    if not isinstance(expression, Path):
        return False
    members = members_of(expression, types)
    return not members or not isinstance(members[-1], Attribute)
