"""Conditions on an object alone, as predicates on its document, where both mean the same for every value and for none.

A comparison with null is never true, and so is one with a field that a document does not have.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from beamcat.errors import BeamcatError
from beamcat.model import Attribute, Kind, ToOne
from beamcat.query.rights import RuleQuery
from beamcat.query.rule_shapes import variable_of
from beamcat.query.tree import Between as BetweenValues
from beamcat.query.tree import Call, Comparison, Condition, Expression, InList, IsNull, Literal, Path, Timestamp, Truth
from beamcat.query.typed import read_moment
from beamcat.search.question import AllOf, AnyOf, Between, Has, Not, OneOf, Predicate
from beamcat.search.rights.held import OWN

Now = int
"""Milliseconds since 1970."""
Made = Callable[[Now], Predicate]
_Value = Callable[[Now], int]

_TURNED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def own_predicate(rule: RuleQuery) -> Made | None:
    """The rule as a predicate on documents of its entity; None when they do not say as much."""
    if len(rule.query.sources) != 1 or rule.query.where is None:
        return None
    return _Own(rule).condition(rule.query.where)


class _Own:
    """Conditions on one object."""

    def __init__(self, rule: RuleQuery) -> None:
        self.selected = variable_of(rule)
        self.entity = rule.entity

    def condition(self, condition: Condition) -> Made | None:
        match condition:
            case Comparison(operator, left, right):
                return self._comparison(operator, left, right) or self._comparison(_TURNED[operator], right, left)
            case BetweenValues(operand, low, high, negated):
                return self._between(operand, low, high, negated)
            case InList(operand, items, negated):
                return self._in_list(operand, items, negated)
            case IsNull(operand, negated):
                field = self._field(operand)
                return None if field is None else _fixed(Has(field[0]) if negated else Not(Has(field[0])))
            case Truth(operand):
                return self._comparison("=", operand, Literal(True))
            case _:
                return None

    def _comparison(self, operator: str, left: Expression, right: Expression) -> Made | None:
        field = self._field(left)
        if field is None:
            return None
        name, attribute = field
        if isinstance(attribute, ToOne):
            return None
        if attribute.kind is Kind.BOOLEAN:
            return _is(name, operator, right)
        value = _value(right, attribute.kind)
        return None if value is None else lambda now: _compared(name, operator, value(now))

    def _between(self, operand: Expression, low: Expression, high: Expression, negated: bool) -> Made | None:
        above, below = self._comparison(">=", operand, low), self._comparison("<=", operand, high)
        if negated:
            above, below = self._comparison("<", operand, low), self._comparison(">", operand, high)
        if above is None or below is None:
            return None
        join = AnyOf if negated else AllOf
        return lambda now: join((above(now), below(now)))

    def _in_list(self, operand: Expression, items: tuple[Expression, ...], negated: bool) -> Made | None:
        tests = [self._comparison("<>" if negated else "=", operand, item) for item in items]
        known = [test for test in tests if test is not None]
        if len(known) < len(tests):
            return None
        join = AllOf if negated else AnyOf
        return lambda now: join(tuple(test(now) for test in known))

    def _field(self, expression: Expression) -> tuple[str, Attribute | ToOne] | None:
        if not isinstance(expression, Path) or expression.variable != self.selected or len(expression.steps) != 1:
            return None
        name = OWN[self.entity.name].get(expression.steps[0])
        member = self.entity.fields[expression.steps[0]] if name else None
        return (name, member) if name and isinstance(member, Attribute | ToOne) else None


def _fixed(predicate: Predicate) -> Made:
    return lambda now: predicate


def _is(field: str, operator: str, expression: Expression) -> Made | None:
    """A boolean, which is never null, is 0 or 1 in a document."""
    if not isinstance(expression, Literal) or not isinstance(expression.value, bool) or operator not in {"=", "<>"}:
        return None
    return _fixed(OneOf(field, (int(expression.value is (operator == "=")),)))


def _compared(field: str, operator: str, value: int) -> Predicate:
    match operator:
        case "=":
            return Between(field, value, value)
        case "<>":
            return AllOf((Has(field), Not(Between(field, value, value))))
        case "<" | "<=":
            return Between(field, None, value, includes_high=operator == "<=")
        case _:
            return Between(field, value, None, includes_low=operator == ">=")


def _value(expression: Expression, kind: Kind) -> _Value | None:
    match expression:
        case Literal(int() as number) if kind in {Kind.LONG, Kind.INTEGER} and not isinstance(number, bool):
            return lambda now: number
        case Literal(str() as text) if kind is Kind.DATETIME:
            try:
                return _value(Timestamp(read_moment(text)), kind)
            except BeamcatError:
                return None
        case Timestamp(moment) if kind is Kind.DATETIME and not moment.microsecond % 1000:
            milliseconds = (moment - _EPOCH) // _MILLISECOND
            return lambda now: milliseconds
        case Call("CURRENT_TIMESTAMP", ()) if kind is Kind.DATETIME:
            return lambda now: now
        case _:
            return None
