"""Values and conditions of the JPQL style (ICAT specification D.4-D.6): tokens -> tree, without trying twice.

A parenthesis may hold a value or a condition, and only what is in it tells which. So one set of functions
reads both, and whoever needs one of the two looks at what came back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum

from beamcat.errors import BadParameter
from beamcat.model import Entity
from beamcat.query import tree
from beamcat.query.cursor import Cursor
from beamcat.query.lexer import integer_value, real_value, timestamp_value
from beamcat.query.tree import Condition, Expression, Literal, Path, Query

Variables = Mapping[str, Entity]
"""The identification variables that may be used, upper-cased, and what they stand for."""

SubqueryParser = Callable[[Cursor, Variables, bool], Query]
"""Reads a subquery up to its closing parenthesis; the flag says whether enum literals may be used in it."""

ENUM_PREFIX = "org.icatproject."

_AGGREGATES = frozenset(("AVG", "COUNT", "MAX", "MIN", "SUM"))
_MOMENTS = frozenset(("CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP"))
_CONSTANTS = {"NULL": None, "TRUE": True, "FALSE": False}
_ADDITIVE = {"PLUS": "+", "MINUS": "-"}
_MULTIPLICATIVE = {"MULT": "*", "DIV": "/"}
_OPERAND_KINDS = ("NAME", "STRING", "INTEGER", "REAL", "PARAMETER", "TIMESTAMP", "OPENPAREN")

# How many arguments a function takes, at least and at most.
_FUNCTIONS: Mapping[str, tuple[int, int]] = {
    "ABS": (1, 1),
    "CONCAT": (2, 1000),
    "LENGTH": (1, 1),
    "LOCATE": (2, 3),
    "LOWER": (1, 1),
    "MOD": (2, 2),
    "SQRT": (1, 1),
    "SUBSTRING": (2, 3),
    "UPPER": (1, 1),
}
# These are no keywords: a variable may be called so.
_NAMED_FUNCTIONS: Mapping[str, tuple[int, int]] = {"COALESCE": (2, 1000), "NULLIF": (2, 2)}


class Clause(Enum):
    """Where an expression stands, by the name that error messages use."""

    SELECT = "SELECT"
    WHERE = "WHERE"
    HAVING = "HAVING"
    ORDER_BY = "ORDER BY"


def unknown_variable(variable: str, clause: str) -> BadParameter:
    """The error for an identification variable that FROM does not define."""
    return BadParameter(f"idVar '{variable}' referenced in the {clause} clause is not defined in the FROM clause.")


def parameter(text: str) -> tree.Parameter:
    """The PARAMETER token's parameter; `BadParameter` unless it is `:user`, the only one with a value."""
    if text != ":user":
        raise BadParameter(f"Parameter {text} has no value; only :user has one")
    return tree.Parameter("user")


class Expressions:
    """Reads the expressions of one clause, from where the cursor stands."""

    __slots__ = ("_clause", "_cursor", "_enums", "_in_aggregate", "_subquery", "_variables")

    def __init__(
        self, cursor: Cursor, clause: Clause, variables: Variables, *, enums: bool, subquery: SubqueryParser
    ) -> None:
        self._cursor = cursor
        self._clause = clause
        self._variables = variables
        self._enums = enums
        self._subquery = subquery
        self._in_aggregate = False

    def expression(self) -> Expression:
        """A value."""
        start = self._cursor.position
        node = self._sum()
        if isinstance(node, Condition):
            self._cursor.seek(start)
            raise self._cursor.unexpected(*_OPERAND_KINDS)
        return node

    def condition(self) -> Condition:
        """A condition; a boolean value is one too."""
        node = self._any()
        return node if isinstance(node, Condition) else tree.Truth(node)

    # Conditions, from the loosest binding to the tightest.

    def _any(self) -> Expression | Condition:
        node = self._all()
        if self._cursor.kind != "OR":
            return node
        parts = [_condition(node)]
        while self._cursor.accept("OR"):
            parts.append(_condition(self._all()))
        return tree.Or(tuple(parts))

    def _all(self) -> Expression | Condition:
        node = self._negation()
        if self._cursor.kind != "AND":
            return node
        parts = [_condition(node)]
        while self._cursor.accept("AND"):
            parts.append(_condition(self._negation()))
        return tree.And(tuple(parts))

    def _negation(self) -> Expression | Condition:
        if self._cursor.kind != "NOT":
            return self._predicate()
        negated = False
        while self._cursor.accept("NOT"):
            negated = not negated
        part = _condition(self._predicate())
        if not negated:
            return part
        if isinstance(part, tree.Exists):
            return tree.Exists(part.query, negated=not part.negated)
        return tree.Not(part)

    def _predicate(self) -> Expression | Condition:
        cursor = self._cursor
        if cursor.at_word("EXISTS") and cursor.next_kind() == "OPENPAREN":
            cursor.advance()
            return tree.Exists(self._parenthesised_query())
        left = self._sum()
        if isinstance(left, Condition):
            return left
        match cursor.kind:
            case "COMPOP":
                return self._comparison(left)
            case "NOT" | "BETWEEN" | "IN" | "LIKE" | "MEMBER":
                return self._test(left, negated=cursor.accept("NOT"))
            case "IS":
                return self._null_or_empty(left)
            case _:
                return left

    def _comparison(self, left: Expression) -> Condition:
        cursor = self._cursor
        operator = cursor.advance()
        operator = "<>" if operator == "!=" else operator
        quantifier = cursor.kind if cursor.kind in ("ALL", "ANY") else "ANY" if cursor.at_word("SOME") else None
        if quantifier is not None and cursor.next_kind() == "OPENPAREN":
            cursor.advance()
            return tree.QuantifiedComparison(operator, left, quantifier, self._parenthesised_query())
        return tree.Comparison(operator, left, self.expression())

    def _test(self, left: Expression, negated: bool) -> Condition:
        cursor = self._cursor
        match cursor.consume("BETWEEN", "IN", "LIKE", "MEMBER"):
            case "BETWEEN":
                low = self.expression()
                cursor.consume("AND")
                return tree.Between(left, low, self.expression(), negated)
            case "IN":
                return self._membership(left, negated)
            case "LIKE":
                pattern = self.expression()
                return tree.Like(left, pattern, self._escape(), negated)
            case _:
                cursor.accept_word("OF")
                return tree.MemberOf(left, self._relation(), negated)

    def _membership(self, left: Expression, negated: bool) -> Condition:
        cursor = self._cursor
        if cursor.kind == "OPENPAREN" and cursor.next_kind() == "SELECT":
            return tree.InQuery(left, self._parenthesised_query(), negated)
        cursor.consume("OPENPAREN")
        items = [self.expression()]
        while cursor.consume("COMMA", "CLOSEPAREN") == ",":
            items.append(self.expression())
        return tree.InList(left, tuple(items), negated)

    def _escape(self) -> str | None:
        if not self._cursor.accept("ESCAPE"):
            return None
        character = self._cursor.consume("STRING")
        if len(character) != 1:
            raise BadParameter(f"ESCAPE '{character}' is not a single character")
        return character

    def _null_or_empty(self, left: Expression) -> Condition:
        cursor = self._cursor
        cursor.consume("IS")
        negated = cursor.accept("NOT")
        if cursor.consume("NULL", "EMPTY") == "NULL":
            return tree.IsNull(left, negated)
        if not isinstance(left, Path) or not left.steps:
            raise BadParameter("IS EMPTY needs a path that ends in a to-many relation")
        return tree.IsEmpty(left, negated)

    # Values, from the loosest binding to the tightest.

    def _sum(self) -> Expression | Condition:
        return self._chain(self._product, _ADDITIVE)

    def _product(self) -> Expression | Condition:
        return self._chain(self._signed, _MULTIPLICATIVE)

    def _chain(
        self, operand: Callable[[], Expression | Condition], operators: Mapping[str, str]
    ) -> Expression | Condition:
        cursor = self._cursor
        node = operand()
        while cursor.kind in operators:
            left = self._value(node)
            cursor.count_arithmetic()
            operator = operators[cursor.kind]
            cursor.advance()
            node = tree.Arithmetic(operator, left, self._value(operand()))
        return node

    def _value(self, node: Expression | Condition) -> Expression:
        """The node, if it is no condition: those cannot be calculated with."""
        if isinstance(node, Condition):
            raise self._cursor.unexpected("AND", "OR", "CLOSEPAREN")
        return node

    def _signed(self) -> Expression | Condition:
        cursor = self._cursor
        if cursor.kind not in _ADDITIVE:
            return self._operand()
        negative = False
        while cursor.kind in _ADDITIVE:
            negative ^= cursor.advance() == "-"
        node = self._value(self._operand())
        if not negative:
            return node
        if isinstance(node, Literal) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
            return Literal(-node.value)
        return tree.Negative(node)

    def _operand(self) -> Expression | Condition:
        cursor = self._cursor
        match cursor.kind:
            case "NAME":
                return self._named()
            case "STRING":
                return Literal(cursor.advance())
            case "INTEGER":
                return Literal(integer_value(cursor.advance()))
            case "REAL":
                return Literal(real_value(cursor.advance()))
            case "PARAMETER":
                return parameter(cursor.advance())
            case "TIMESTAMP":
                return tree.Timestamp(timestamp_value(cursor.advance()))
            case "OPENPAREN":
                return self._parenthesised()
            case kind if kind in _CONSTANTS:
                cursor.advance()
                return Literal(_CONSTANTS[kind])
            case kind if kind in _AGGREGATES:
                return self._aggregate()
            case kind if kind in _FUNCTIONS:
                return self._call(_FUNCTIONS[kind])
            case kind if kind in _MOMENTS:
                return tree.Call(cursor.advance())
            case "SIZE":
                return self._size()
            case "TRIM":
                return self._trim()
            case "OBJECT" if self._clause is Clause.SELECT:
                return self._object()
            case _:
                raise cursor.unexpected(*_OPERAND_KINDS)

    def _parenthesised(self) -> Expression | Condition:
        cursor = self._cursor
        if cursor.next_kind() == "SELECT":
            return tree.SubSelect(self._parenthesised_query())
        cursor.descend()
        cursor.consume("OPENPAREN")
        node = self._any()
        cursor.consume("CLOSEPAREN")
        cursor.ascend()
        return node

    def _parenthesised_query(self) -> Query:
        cursor = self._cursor
        cursor.descend()
        cursor.consume("OPENPAREN")
        if self._clause not in (Clause.WHERE, Clause.HAVING):
            raise cursor.unexpected(*_OPERAND_KINDS)
        query = self._subquery(cursor, self._variables, self._enums)
        cursor.consume("CLOSEPAREN")
        cursor.ascend()
        return query

    def _named(self) -> Expression:
        """A path, an enum literal, or one of the words that are no keywords."""
        cursor = self._cursor
        if self._enums and cursor.text.startswith(ENUM_PREFIX):
            return enum_literal(cursor.advance())
        variable, steps = cursor.steps(cursor.text)
        if variable in self._variables:
            cursor.advance()
            return Path(variable, steps)
        if not steps:
            if variable == "CASE":
                return self._case()
            if variable in _NAMED_FUNCTIONS and cursor.next_kind() == "OPENPAREN":
                return self._call(_NAMED_FUNCTIONS[variable])
        raise unknown_variable(variable, self._clause.value)

    def _relation(self) -> Path:
        """A path with at least one step."""
        cursor = self._cursor
        if cursor.kind != "NAME":
            raise cursor.unexpected("NAME")
        variable, steps = cursor.steps(cursor.text)
        if variable not in self._variables:
            raise unknown_variable(variable, self._clause.value)
        if not steps:
            raise BadParameter(f"Path {cursor.text} must contain a '.'")
        cursor.advance()
        return Path(variable, steps)

    def _object(self) -> Expression:
        cursor = self._cursor
        cursor.advance()
        cursor.consume("OPENPAREN")
        node = self._named() if cursor.kind == "NAME" else self._operand()
        cursor.consume("CLOSEPAREN")
        if not isinstance(node, Path) or node.steps:
            raise BadParameter("OBJECT needs an identification variable")
        return node

    def _aggregate(self) -> Expression:
        cursor = self._cursor
        if self._clause is Clause.WHERE or self._in_aggregate:
            raise BadParameter(f"{cursor.text} may not be used here, only in SELECT, HAVING and ORDER BY")
        cursor.descend()
        function = cursor.advance()
        cursor.consume("OPENPAREN")
        self._in_aggregate = True
        distinct = cursor.accept("DISTINCT")
        operand = self.expression()
        self._in_aggregate = False
        cursor.consume("CLOSEPAREN")
        cursor.ascend()
        return tree.Aggregate(function, operand, distinct)

    def _call(self, arity: tuple[int, int]) -> Expression:
        cursor = self._cursor
        cursor.descend()
        least, most = arity
        function = cursor.advance().upper()
        cursor.consume("OPENPAREN")
        arguments = [self.expression()]
        while len(arguments) < least or (len(arguments) < most and cursor.kind == "COMMA"):
            cursor.consume("COMMA")
            arguments.append(self.expression())
        cursor.consume("CLOSEPAREN")
        cursor.ascend()
        return tree.Call(function, tuple(arguments))

    def _size(self) -> Expression:
        cursor = self._cursor
        cursor.advance()
        cursor.consume("OPENPAREN")
        path = self._relation()
        cursor.consume("CLOSEPAREN")
        return tree.Call("SIZE", (path,))

    def _trim(self) -> Expression:
        cursor = self._cursor
        cursor.descend()
        cursor.advance()
        cursor.consume("OPENPAREN")
        side = cursor.advance() if cursor.kind in ("LEADING", "TRAILING", "BOTH") else "BOTH"
        character: Expression | None = None
        if not cursor.accept("FROM"):
            text = self.expression()
            if cursor.accept("FROM"):
                character, text = text, self.expression()
        else:
            text = self.expression()
        cursor.consume("CLOSEPAREN")
        cursor.ascend()
        return tree.Trim(side, character, text)

    def _case(self) -> Expression:
        """`CASE WHEN condition THEN ...`, or `CASE path WHEN value THEN ...`, read as comparisons."""
        cursor = self._cursor
        cursor.descend()
        cursor.consume_word("CASE")
        subject = None if cursor.at_word("WHEN") else self._relation()
        branches: list[tuple[Condition, Expression]] = []
        cursor.consume_word("WHEN")
        while not branches or cursor.accept_word("WHEN"):
            when = self.condition() if subject is None else tree.Comparison("=", subject, self.expression())
            cursor.consume_word("THEN")
            branches.append((when, self.expression()))
        otherwise = self.expression() if cursor.accept_word("ELSE") else None
        cursor.consume_word("END")
        cursor.ascend()
        return tree.Case(tuple(branches), otherwise)


def enum_literal(text: str) -> tree.EnumLiteral:
    """`org.icatproject.StudyStatus.NEW`; `BadParameter` unless it has that form."""
    parts = text.split(".")
    if len(parts) != 4:
        raise BadParameter(f"Enum literal {text} must contain exactly 4 parts")
    return tree.EnumLiteral(parts[2], parts[3])


def _condition(node: Expression | Condition) -> Condition:
    return node if isinstance(node, Condition) else tree.Truth(node)
