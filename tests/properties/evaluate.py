"""What a query means, said as plainly as possible: nested loops over the objects of a world.

Section D of the specification. Nothing here knows SQL, and nothing is shared with the compiler but the tree and
the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from beamcat.model import Attribute, ToOne
from beamcat.query.tree import (
    Aggregate,
    And,
    Arithmetic,
    Between,
    Call,
    Case,
    Comparison,
    Condition,
    EnumLiteral,
    Exists,
    Expression,
    FromEntity,
    InList,
    InQuery,
    IsEmpty,
    IsNull,
    Like,
    Literal,
    MemberOf,
    Negative,
    Not,
    Or,
    Parameter,
    Path,
    QuantifiedComparison,
    Query,
    SubSelect,
    Timestamp,
    Trim,
)
from beamcat.query.tree import Truth as TruthOf

from .compare import Truth, Unclear, all_of, any_of, compared, like, negation
from .functions import aggregated, arithmetic, called, trimmed
from .names import Types, collections_selected, has_aggregate, implicit_joins, types_of
from .world import Thing, World

Scope = Mapping[str, Any]
"""The object each variable stands for in one row of FROM; None for a LEFT JOIN without match."""


class TooMuch(Exception):
    """The question would take too long to answer by nested loops."""


@dataclass(frozen=True)
class Frame:
    """What is fixed about a (sub)query: its variables, the joins its paths imply, the collections it selects."""

    query: Query
    types: Types
    joins: frozenset[Path]
    collections: tuple[Path, ...]


@dataclass(frozen=True)
class Row:
    """One result: its cells (plain values and `Thing`s), and the values it is ordered by."""

    cells: tuple[Any, ...]
    keys: tuple[Any, ...]


class Evaluator:
    """Answers queries on a world for the user of that name."""

    def __init__(self, world: World, user: str, budget: int = 200_000) -> None:
        self.world = world
        self.user = user
        self.budget = budget
        self._frames: dict[int, Frame] = {}

    def frame(self, query: Query, outer: Types) -> Frame:
        """The frame of a (sub)query, worked out once."""
        frame = self._frames.get(id(query))
        if frame is None:
            types = types_of(query, outer)
            joins = frozenset(implicit_joins(query, types))
            frame = Frame(query, types, joins, tuple(collections_selected(query, types)))
            self._frames[id(query)] = frame
        return frame

    # Rows

    def scopes(self, frame: Frame, outer: Scope) -> Iterator[Scope]:
        """The rows of FROM for which the implied joins have a match and WHERE is true."""
        where = frame.query.where
        for scope in self._bind(frame, dict(outer), 0):
            if all(self._path(path, scope) is not None for path in frame.joins) and (
                where is None or self.truth(where, scope, frame.types) is True
            ):
                yield scope

    def _bind(self, frame: Frame, scope: dict[str, Any], at: int) -> Iterator[Scope]:
        self._spend()
        sources = frame.query.sources
        if at < len(sources):
            source = sources[at]
            variable = source.variable
            if isinstance(source, FromEntity):
                found = self.world.all(source.entity)
            else:
                found = self._ends(source.path, scope)
                if not found and source.left:
                    yield from self._bind(frame, {**scope, variable: None}, at + 1)
        elif at < len(sources) + len(frame.collections):
            path = frame.collections[at - len(sources)]
            variable, found = str(path), self._ends(path, scope)
        else:
            yield scope
            return
        for thing in found:
            yield from self._bind(frame, {**scope, variable: thing}, at + 1)

    def _ends(self, path: Path, scope: Scope) -> list[Thing]:
        """The objects at the end of a path of relations."""
        things = [scope[path.variable]] if scope[path.variable] is not None else []
        for step in path.steps:
            things = [target for thing in things for target in self._targets(thing, step)]
        return things

    def _targets(self, thing: Thing, relation: str) -> list[Thing]:
        if isinstance(thing.entity.fields[relation], ToOne):
            target = self.world.one(thing, relation)
            return [] if target is None else [target]
        return self.world.many(thing, relation)

    def rows(self, frame: Frame, scopes: list[Scope]) -> list[Row]:
        """The results over the rows of FROM: grouped, with HAVING, DISTINCT and ORDER BY applied; not LIMIT."""
        query, types = frame.query, frame.types
        rows = [self._row(query, group, types) for group in self._groups(query, scopes, types)]
        if query.distinct:
            rows = _distinct(rows)
        for position in reversed(range(len(query.order_by))):
            ascending = query.order_by[position].ascending
            rows.sort(key=lambda row, p=position: _ordinal(row.keys[p]), reverse=not ascending)  # type: ignore[misc]
        return rows

    def _groups(self, query: Query, scopes: list[Scope], types: Types) -> list[list[Scope]]:
        if query.group_by:
            groups: dict[Any, list[Scope]] = {}
            for scope in scopes:
                groups.setdefault(tuple(self.value(path, scope, types) for path in query.group_by), []).append(scope)
            found = list(groups.values())
        elif has_aggregate((query.select, query.having, query.order_by)):
            found = [scopes]
        else:
            return [[scope] for scope in scopes]
        if query.having is None:
            return found
        return [group for group in found if self.truth(query.having, group[0] if group else {}, types, group) is True]

    def _row(self, query: Query, group: list[Scope], types: Types) -> Row:
        scope: Scope = group[0] if group else {}
        return Row(
            tuple(self.value(expression, scope, types, group) for expression in query.select),
            tuple(self.value(order.expression, scope, types, group) for order in query.order_by),
        )

    def results(self, query: Query, outer: Scope, types: Types) -> list[Any]:
        """The values of a subquery's single expression."""
        inside = self.frame(query, types)
        return [row.cells[0] for row in self.rows(inside, list(self.scopes(inside, outer)))]

    # Values

    def value(self, expression: Expression, scope: Scope, types: Types, group: list[Scope] | None = None) -> Any:
        """What an expression stands for in a row, or, with aggregates, over a group of rows."""
        match expression:
            case Literal(value) | Timestamp(value):
                return value
            case EnumLiteral(_, name):
                return name
            case Parameter("user"):
                return self.user
            case Path():
                return self._path(expression, scope)
            case Call("SIZE", (Path() as path,)):
                return len(self._ends(path, scope))
            case Call("COALESCE", arguments):
                values = (self.value(argument, scope, types, group) for argument in arguments)
                return next((value for value in values if value is not None), None)
            case Call("NULLIF", (left, right)):
                return (
                    None
                    if self._compare("=", left, right, scope, types, group)
                    else self.value(left, scope, types, group)
                )
            case Call(function, arguments):
                return called(function, [self.value(argument, scope, types, group) for argument in arguments])
            case Trim(side, character, text):
                stripped = " " if character is None else self.value(character, scope, types, group)
                return trimmed(side, stripped, self.value(text, scope, types, group))
            case Arithmetic(sign, left, right):
                return arithmetic(sign, self.value(left, scope, types, group), self.value(right, scope, types, group))
            case Negative(operand):
                return arithmetic("-", 0, self.value(operand, scope, types, group))
            case Aggregate(function, operand, distinct):
                assert group is not None, "an aggregate outside of a group"
                return aggregated(function, [self.value(operand, row, types) for row in group], distinct)
            case Case(branches, otherwise):
                for condition, outcome in branches:
                    if self.truth(condition, scope, types, group) is True:
                        return self.value(outcome, scope, types, group)
                return None if otherwise is None else self.value(otherwise, scope, types, group)
            case SubSelect(query):
                found = self.results(query, scope, types)
                if len(found) > 1:
                    raise Unclear("a subquery with several rows as a value")
                return found[0] if found else None
        raise Unclear(f"{expression}")

    def _path(self, path: Path, scope: Scope) -> Any:
        if str(path) in scope and path.steps:
            return scope[str(path)]
        thing = scope[path.variable]
        for step in path.steps:
            if thing is None:
                return None
            member = thing.entity.fields[step]
            thing = thing.values[step] if isinstance(member, Attribute) else self.world.one(thing, step)
        return thing

    # Conditions

    def truth(self, condition: Condition, scope: Scope, types: Types, group: list[Scope] | None = None) -> Truth:
        """Whether a condition holds: true, false or unknown."""
        self._spend()
        match condition:
            case And(parts):
                return all_of(self.truth(part, scope, types, group) for part in parts)
            case Or(parts):
                return any_of(self.truth(part, scope, types, group) for part in parts)
            case Not(part):
                return negation(self.truth(part, scope, types, group))
            case Comparison(sign, left, right):
                return self._compare(sign, left, right, scope, types, group)
            case TruthOf(operand):
                value = self.value(operand, scope, types, group)
                if value is not None and not isinstance(value, bool):
                    raise Unclear("a condition that is no boolean")
                return value
            case IsNull(operand, negated):
                return (self.value(operand, scope, types, group) is None) != negated
            case Between(operand, low, high, negated):
                inside = all_of(
                    (
                        self._compare(">=", operand, low, scope, types, group),
                        self._compare("<=", operand, high, scope, types, group),
                    )
                )
                return negation(inside) if negated else inside
            case InList(operand, items, negated):
                found = any_of(self._compare("=", operand, item, scope, types, group) for item in items)
                return negation(found) if negated else found
            case Like(operand, pattern, escape, negated):
                fits = like(self.value(operand, scope, types, group), self.value(pattern, scope, types, group), escape)
                return negation(fits) if negated else fits
        return self._truth_of_set(condition, scope, types, group)

    def _truth_of_set(self, condition: Condition, scope: Scope, types: Types, group: list[Scope] | None) -> Truth:
        match condition:
            case Exists(query, negated):
                return bool(self.results(query, scope, types)) != negated
            case IsEmpty(path, negated):
                return (not self._ends(path, scope)) != negated
            case MemberOf(operand, path, negated):
                member = self.value(operand, scope, types, group)
                found = any_of(compared("=", member, other) for other in self._ends(path, scope))
                return negation(found) if negated else found
            case InQuery(operand, query, negated):
                value = self.value(operand, scope, types, group)
                found = any_of(compared("=", value, other) for other in self.results(query, scope, types))
                return negation(found) if negated else found
            case QuantifiedComparison(sign, left, quantifier, query):
                value = self.value(left, scope, types, group)
                truths = (compared(sign, value, other) for other in self.results(query, scope, types))
                return all_of(truths) if quantifier == "ALL" else any_of(truths)
        raise Unclear(f"{condition}")

    def _compare(
        self, sign: str, left: Expression, right: Expression, scope: Scope, types: Types, group: list[Scope] | None
    ) -> Truth:
        return compared(
            sign,
            self.value(left, scope, types, group),
            self.value(right, scope, types, group),
            left_written=_is_written(left),
            right_written=_is_written(right),
        )

    def _spend(self) -> None:
        self.budget -= 1
        if self.budget < 0:
            raise TooMuch


def _is_written(expression: Expression) -> bool:
    return isinstance(expression, Literal | Parameter) or (
        isinstance(expression, Negative) and isinstance(expression.operand, Literal)
    )


def _distinct(rows: list[Row]) -> list[Row]:
    first: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        kept = first.setdefault(row.cells, row)
        if kept.keys != row.keys:
            raise Unclear("DISTINCT rows ordered by something they do not determine")
    return list(first.values())


def _ordinal(value: Any) -> tuple[bool, Any]:
    """Nulls sort after everything: last ascending, first descending."""
    return (value is None, 0 if value is None else value.id if isinstance(value, Thing) else cast(Any, value))
