"""Conditions of WHERE and HAVING as SQL (section D.5), and subqueries."""

from __future__ import annotations

from typing import assert_never

from beamcat.errors import BadParameter
from beamcat.query.scope import Scope
from beamcat.query.tree import (
    And,
    Between,
    Comparison,
    Condition,
    Exists,
    Expression,
    InList,
    InQuery,
    IsEmpty,
    IsNull,
    Like,
    MemberOf,
    Not,
    Or,
    QuantifiedComparison,
    Query,
    Truth,
)
from beamcat.query.typed import Typed, align, as_text
from beamcat.query.value_sql import Values, truth

EQUALITY = frozenset({"=", "<>"})


class Conditions:
    """Compiles the conditions of one scope."""

    def __init__(self, scope: Scope, clause: str) -> None:
        self.scope = scope
        self.parameters = scope.parameters
        self.values = Values(scope, self, clause)

    def compile(self, condition: Condition) -> str:
        """The condition as SQL that can stand anywhere a truth value can."""
        match condition:
            case And(parts):
                return "(" + " AND ".join(self.compile(part) for part in parts) + ")"
            case Or(parts):
                return "(" + " OR ".join(self.compile(part) for part in parts) + ")"
            case Not(part):
                return f"(NOT {self.compile(part)})"
            case Comparison(operator, left, right):
                return self._comparison(operator, left, right)
            case QuantifiedComparison():
                return self._quantified(condition)
            case Between():
                return self._between(condition)
            case InList():
                return self._in_list(condition)
            case InQuery():
                return self._in_query(condition)
            case Like():
                return self._like(condition)
            case IsNull(operand, negated):
                return f"({self.values.reference(operand).sql} IS {_not(negated)}NULL)"
            case IsEmpty(path, negated):
                members, _ = self.values.members(path)
                return f"({'' if negated else 'NOT '}EXISTS (SELECT 1 {members}))"
            case MemberOf():
                return self._member_of(condition)
            case Exists(query, negated):
                sql, _ = self.subquery(query)
                return f"({_not(negated)}EXISTS ({sql}))"
            case Truth(operand):
                return f"({truth(self.values.compile(operand))})"
            case _:
                assert_never(condition)

    # -- predicates --------------------------------------------------------------------------------

    def _operand(self, expression: Expression, *, by_key: bool) -> Typed:
        return self.values.reference(expression) if by_key else self.values.compile(expression)

    def _comparison(self, operator: str, left: Expression, right: Expression) -> str:
        by_key = operator in EQUALITY
        one, two = self._operand(left, by_key=by_key), self._operand(right, by_key=by_key)
        return self._compare(operator, one, two)

    def _compare(self, operator: str, left: Typed, right: Typed) -> str:
        one, two = align(left, right, self.parameters)
        if operator not in EQUALITY and (one.entity is not None or two.entity is not None):
            raise BadParameter(f"Entities can be compared with = and <> only, not with {operator}")
        return f"({one.sql} {operator} {two.sql})"

    def _quantified(self, condition: QuantifiedComparison) -> str:
        left = self.values.reference(condition.left)
        sql, yields = self.subquery(condition.query)
        one, select = self._against(left, sql, yields)
        return f"({one} {condition.operator} {condition.quantifier} ({select}))"

    def _between(self, condition: Between) -> str:
        operand = self.values.compile(condition.operand)
        low = self._compare(">=", operand, self.values.compile(condition.low))
        high = self._compare("<=", operand, self.values.compile(condition.high))
        return f"({_not(condition.negated)}({low} AND {high}))"

    def _in_list(self, condition: InList) -> str:
        operand = self.values.reference(condition.operand)
        tests = [self._compare("=", operand, self.values.reference(item)) for item in condition.items]
        return f"({_not(condition.negated)}({' OR '.join(tests)}))"

    def _in_query(self, condition: InQuery) -> str:
        operand = self.values.reference(condition.operand)
        sql, yields = self.subquery(condition.query)
        one, select = self._against(operand, sql, yields)
        return f"({one} {_not(condition.negated)}IN ({select}))"

    def _against(self, left: Typed, select: str, yields: Typed) -> tuple[str, str]:
        """Left side and subquery brought to types that can be compared."""
        column = Typed("x", yields.kind, yields.entity)
        one, two = align(left, column, self.parameters)
        return one.sql, select if two.sql == "x" else f"SELECT {two.sql} FROM ({select}) AS sub(x)"

    def _like(self, condition: Like) -> str:
        operand = as_text(self.values.compile(condition.operand))
        pattern = as_text(self.values.compile(condition.pattern))
        escape = "''" if condition.escape is None else self.parameters.bind(_escape(condition.escape), "text")
        return f"({operand.sql} {_not(condition.negated)}LIKE {pattern.sql} ESCAPE {escape})"

    def _member_of(self, condition: MemberOf) -> str:
        operand = self.values.reference(condition.operand)
        members, table = self.values.members(condition.path)
        one, two = align(operand, Typed(table.id, None, table.entity), self.parameters)
        # IN, not EXISTS: a null is neither a member nor no member of a collection that has members
        return f"({one.sql} {_not(condition.negated)}IN (SELECT {two.sql} {members}))"

    # -- subqueries --------------------------------------------------------------------------------

    def subquery(self, query: Query) -> tuple[str, Typed]:
        """A subquery as SQL without parentheses, and what its single column yields."""
        scope = Scope(self.parameters, self.scope)
        for source in query.sources:
            scope.declare(source)
        inner = Conditions(scope, "WHERE")
        if len(query.select) != 1:
            raise BadParameter("A subquery selects one quantity")
        selected = Conditions(scope, "SELECT").values.compile(query.select[0])
        where = [] if query.where is None else [inner.compile(query.where)]
        groups = [inner.values.path(path).sql for path in query.group_by]
        having = "" if query.having is None else f" HAVING {inner.compile(query.having)}"
        sql = f"SELECT {'DISTINCT ' if query.distinct else ''}{'NULL::text' if selected.is_null else selected.sql}"
        sql += scope.from_sql + where_sql([*scope.links, *where])
        if groups:
            sql += f" GROUP BY {', '.join(groups)}"
        return sql + having, Typed("", selected.kind, selected.entity)

    def subquery_value(self, query: Query) -> Typed:
        """A subquery as a single value."""
        sql, yields = self.subquery(query)
        return Typed(f"({sql})", yields.kind, yields.entity)


def where_sql(conditions: list[str]) -> str:
    """A WHERE clause with its keyword; empty when there is no condition."""
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _not(negated: bool) -> str:
    return "NOT " if negated else ""


def _escape(character: str) -> str:
    if len(character) != 1:
        raise BadParameter("The escape character of LIKE is a single character")
    return character
