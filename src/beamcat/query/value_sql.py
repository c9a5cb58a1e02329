"""Values: paths, literals, functions and arithmetic of the query languages as typed SQL (sections D.4 and D.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, assert_never

from beamcat.database.naming import quoted, table_name
from beamcat.errors import BadParameter
from beamcat.model import ENUMERATIONS, Attribute, Entity, Kind, ToMany, ToOne
from beamcat.query.scope import Scope, Table, link, target_of
from beamcat.query.sql import CallerValue
from beamcat.query.tree import (
    Aggregate,
    Arithmetic,
    Call,
    Case,
    EnumLiteral,
    Expression,
    Literal,
    Negative,
    Parameter,
    Path,
    SubSelect,
    Timestamp,
    Trim,
)
from beamcat.query.typed import NULL, Typed, align, as_boolean, as_number, as_text, literal

if TYPE_CHECKING:
    from beamcat.query.condition_sql import Conditions


class Values:
    """Compiles the expressions of one scope. `clause` is only named in error messages."""

    def __init__(self, scope: Scope, conditions: Conditions, clause: str) -> None:
        self.scope = scope
        self.conditions = conditions
        self.clause = clause
        self.parameters = scope.parameters

    def compile(self, expression: Expression) -> Typed:
        """The expression as typed SQL."""
        match expression:
            case Literal(value):
                return literal(value, self.parameters)
            case Timestamp(value):
                return Typed(self.parameters.bind(value, "timestamptz"), Kind.DATETIME)
            case EnumLiteral():
                return self._enum_literal(expression)
            case Parameter(name):
                return self._parameter(name)
            case Path():
                return self.path(expression)
            case Call():
                return self._call(expression)
            case Trim():
                return self._trim(expression)
            case Arithmetic():
                return self._arithmetic(expression)
            case Negative(operand):
                number = as_number(self.compile(operand), self.parameters)
                return Typed(f"(- {number.sql})", _wide(number.kind))
            case Aggregate():
                return self._aggregate(expression)
            case Case():
                return self._case(expression)
            case SubSelect(query):
                return self.conditions.subquery_value(query)
            case _:
                assert_never(expression)

    # -- paths -------------------------------------------------------------------------------------

    def path(self, path: Path) -> Typed:
        """An attribute, or the id of an entity. A relation that may be null is joined, so rows without it go."""
        if not path.steps:
            table = self.scope.variable(path.variable, self.clause)
            return Typed(table.id, None, table.entity)
        as_key = self.foreign_key(path)
        if as_key is not None:
            return as_key
        owner = self.scope.owner(path, self.clause)
        member = field_of(owner.entity, path.steps[-1])
        if isinstance(member, Attribute):
            return Typed(owner.column(member), member.kind)
        if isinstance(member, ToMany):
            raise BadParameter(f"{path} leads to many {member.target}s, and is not allowed here")
        if member.required:
            return Typed(owner.column(member), None, target_of(member))
        joined = self.scope.join_once(owner, member)
        return Typed(joined.id, None, joined.entity)

    def foreign_key(self, path: Path) -> Typed | None:
        """`x.rel.id` read from the foreign key, without a join; None for any other path."""
        if len(path.steps) < 2 or path.steps[-1] != "id":
            return None
        owner = self.scope.owner(Path(path.variable, path.steps[:-1]), self.clause)
        member = field_of(owner.entity, path.steps[-2])
        return Typed(owner.column(member), Kind.LONG) if isinstance(member, ToOne) else None

    def reference(self, expression: Expression) -> Typed:
        """Like `compile`, but `x.rel` is read from the foreign key: `=`, IN and IS NULL do not join."""
        if isinstance(expression, Path) and expression.steps and self.foreign_key(expression) is None:
            owner = self.scope.owner(expression, self.clause)
            member = field_of(owner.entity, expression.steps[-1])
            if isinstance(member, ToOne):
                return Typed(owner.column(member), None, target_of(member))
        return self.compile(expression)

    def many(self, path: Path) -> tuple[Table, ToMany]:
        """Owner and relation of a path that ends in a to-many relation."""
        if path.steps:
            owner = self.scope.owner(path, self.clause)
            member = field_of(owner.entity, path.steps[-1])
            if isinstance(member, ToMany):
                return owner, member
        raise BadParameter(f"{path} is not a relation to many entities")

    def members(self, path: Path) -> tuple[str, Table]:
        """The FROM and WHERE that select the members of a to-many path, and their table."""
        owner, relation = self.many(path)
        table = Table(target_of(relation), self.parameters.alias())
        return f"FROM {quoted(table_name(table.entity))} {table.alias} WHERE {link(owner, relation, table)}", table

    # -- leaves ------------------------------------------------------------------------------------

    def _enum_literal(self, value: EnumLiteral) -> Typed:
        if value.enumeration is not None:
            enumeration = ENUMERATIONS.get(value.enumeration)
            if enumeration is None:
                raise BadParameter(f"{value.enumeration} is not an enumeration of the schema")
            if value.value not in enumeration.values:
                raise BadParameter(f"{value.value} is not a value of {value.enumeration}")
        return Typed(self.parameters.bind(value.value, "text"), Kind.ENUM, literal=value.value)

    def _parameter(self, name: str) -> Typed:
        if name != "user":
            raise BadParameter(f"Only the parameter :user has a value, not :{name}")
        return Typed(self.parameters.bind(CallerValue.USER_NAME, "text"), Kind.STRING)

    # -- functions ---------------------------------------------------------------------------------

    def _text(self, expression: Expression) -> str:
        return as_text(self.compile(expression)).sql

    def _number(self, expression: Expression) -> Typed:
        return as_number(self.compile(expression), self.parameters)

    def _whole(self, expression: Expression) -> str:
        number = self._number(expression)
        if number.kind is Kind.DOUBLE:
            raise BadParameter("A whole number is expected, not a double")
        return number.sql

    def _position(self, expression: Expression) -> str:
        # positions in strings are 32-bit in PostgreSQL; no string is longer
        return f"least(greatest({self._whole(expression)}, -2147483648), 2147483647)::int"

    def _call(self, call: Call) -> Typed:
        compile_function, fewest, most = FUNCTIONS.get(call.function, (None, 0, 0))
        if compile_function is None:
            raise BadParameter(f"There is no function {call.function}")
        if not fewest <= len(call.arguments) <= most:
            raise BadParameter(f"{call.function} does not take {len(call.arguments)} arguments")
        return compile_function(self, *call.arguments)

    def _concat(self, *parts: Expression) -> Typed:
        return Typed(f"({' || '.join(self._text(part) for part in parts)})", Kind.STRING)

    def _substring(self, text: Expression, start: Expression, length: Expression | None = None) -> Typed:
        count = "" if length is None else f", {self._position(length)}"
        return Typed(f"substr({self._text(text)}, {self._position(start)}{count})", Kind.STRING)

    def _lower(self, text: Expression) -> Typed:
        return Typed(_cased("lower", self._text(text)), Kind.STRING)

    def _upper(self, text: Expression) -> Typed:
        return Typed(_cased("upper", self._text(text)), Kind.STRING)

    def _length(self, text: Expression) -> Typed:
        return Typed(f"char_length({self._text(text)})", Kind.INTEGER)

    def _locate(self, wanted: Expression, text: Expression, start: Expression | None = None) -> Typed:
        needle, hay = self._text(wanted), self._text(text)
        if start is None:
            return Typed(f"strpos({hay}, {needle})", Kind.INTEGER)
        first = f"greatest({self._position(start)}, 1)"
        found = f"strpos(substr({hay}, {first}), {needle})"
        return Typed(f"(CASE WHEN {found} > 0 THEN {found}::bigint + {first} - 1 ELSE {found} END)", Kind.LONG)

    def _abs(self, value: Expression) -> Typed:
        number = self._number(value)
        return Typed(f"abs({number.sql})", number.kind)

    def _sqrt(self, value: Expression) -> Typed:
        return Typed(f"sqrt(({self._number(value).sql})::float8)", Kind.DOUBLE)

    def _mod(self, value: Expression, divisor: Expression) -> Typed:
        return Typed(f"mod(({self._whole(value)})::bigint, ({self._whole(divisor)})::bigint)", Kind.LONG)

    def _size(self, path: Expression) -> Typed:
        if not isinstance(path, Path):
            raise BadParameter("SIZE takes a relation to many entities")
        members, _ = self.members(path)
        return Typed(f"(SELECT count(*) {members})", Kind.LONG)

    def _same_kind(self, expressions: tuple[Expression, ...]) -> tuple[list[Typed], Kind | None]:
        """Values brought to one kind, for functions that yield one of their arguments."""
        values = [self.compile(expression) for expression in expressions]
        if any(value.entity is not None for value in values):
            raise BadParameter("Entities cannot be used here")
        kinds = {Kind.STRING if value.is_text else value.kind for value in values if not value.is_null}
        if len(kinds) <= 1:
            return values, next(iter(kinds), None)
        if all(value.is_number or value.is_null for value in values):
            return values, Kind.DOUBLE if Kind.DOUBLE in kinds else Kind.LONG
        return [as_text(value) for value in values], Kind.STRING

    def _coalesce(self, *expressions: Expression) -> Typed:
        values, kind = self._same_kind(expressions)
        return Typed(f"coalesce({', '.join(value.sql for value in values)})", kind)

    def _nullif(self, value: Expression, other: Expression) -> Typed:
        one, two = align(self.compile(value), self.compile(other), self.parameters)
        return NULL if one.is_null else Typed(f"nullif({one.sql}, {two.sql})", one.kind, one.entity)

    def _current_timestamp(self) -> Typed:
        return Typed("CURRENT_TIMESTAMP(3)", Kind.DATETIME)

    def _current_date(self) -> Typed:
        return Typed("date_trunc('day', CURRENT_TIMESTAMP)", Kind.DATETIME)

    def _current_time(self) -> Typed:
        return Typed("to_char(CURRENT_TIMESTAMP, 'HH24:MI:SS')", Kind.STRING)

    def _trim(self, trim: Trim) -> Typed:
        function = {"LEADING": "ltrim", "TRAILING": "rtrim", "BOTH": "btrim"}[trim.side]
        character = "' '" if trim.character is None else self._text(trim.character)
        return Typed(f"{function}({self._text(trim.text)}, {character})", Kind.STRING)

    def _arithmetic(self, arithmetic: Arithmetic) -> Typed:
        left, right = self._number(arithmetic.left), self._number(arithmetic.right)
        double = Kind.DOUBLE in (left.kind, right.kind)
        kind, sql_type = (Kind.DOUBLE, "float8") if double else (Kind.LONG, "bigint")
        return Typed(f"(({left.sql})::{sql_type} {arithmetic.operator} ({right.sql})::{sql_type})", kind)

    def _case(self, case: Case) -> Typed:
        conditions = [self.conditions.compile(condition) for condition, _ in case.branches]
        outcomes = tuple(value for _, value in case.branches)
        otherwise = case.otherwise if case.otherwise is not None else Literal(None)
        values, kind = self._same_kind((*outcomes, otherwise))
        *branches, last = values
        whens = " ".join(f"WHEN {test} THEN {value.sql}" for test, value in zip(conditions, branches, strict=True))
        return Typed(f"(CASE {whens} ELSE {last.sql} END)", kind)

    # -- aggregates --------------------------------------------------------------------------------

    def _aggregate(self, aggregate: Aggregate) -> Typed:
        distinct = "DISTINCT " if aggregate.distinct else ""
        operand = self.compile(aggregate.operand)
        if aggregate.function == "COUNT":
            return Typed(f"count({distinct}{_typed_null(operand)})", Kind.LONG)
        if operand.entity is not None:
            raise BadParameter(f"{aggregate.function} needs values, not {operand.noun}")
        if aggregate.function in ("MIN", "MAX"):
            return _extreme(aggregate.function, operand)
        number = as_number(operand, self.parameters)
        if aggregate.function == "AVG":
            return Typed(f"avg({distinct}{number.sql})::float8", Kind.DOUBLE)
        if number.kind is Kind.DOUBLE:
            return Typed(f"sum({distinct}{number.sql})", Kind.DOUBLE)
        return Typed(f"sum({distinct}{number.sql})::bigint", Kind.LONG)


def field_of(entity: Entity, name: str) -> Attribute | ToOne | ToMany:
    """The member of that name, hidden ones and base attributes among them."""
    member = entity.fields.get(name)
    if member is None:
        raise BadParameter(f"{entity.name} has no field {name}")
    return member


def truth(value: Typed) -> str:
    """A boolean value as a condition."""
    return as_boolean(value).sql


def _wide(kind: Kind | None) -> Kind:
    return Kind.DOUBLE if kind is Kind.DOUBLE else Kind.LONG


def _typed_null(value: Typed) -> str:
    return "NULL::text" if value.is_null else value.sql


def _extreme(function: str, operand: Typed) -> Typed:
    if operand.kind is Kind.BOOLEAN:
        return Typed(f"{'bool_and' if function == 'MIN' else 'bool_or'}({operand.sql})", Kind.BOOLEAN)
    return Typed(f"{function.lower()}({_typed_null(operand)})", operand.kind)


def _cased(function: str, text: str) -> str:
    # columns have the C collation, which knows the case of ASCII letters only; the result sorts like a column again
    return f'({function}({text} COLLATE "default") COLLATE "C")'


FUNCTIONS: dict[str, tuple[Callable[..., Typed], int, int]] = {
    "CONCAT": (Values._concat, 2, 64),
    "SUBSTRING": (Values._substring, 2, 3),
    "LOWER": (Values._lower, 1, 1),
    "UPPER": (Values._upper, 1, 1),
    "LENGTH": (Values._length, 1, 1),
    "LOCATE": (Values._locate, 2, 3),
    "ABS": (Values._abs, 1, 1),
    "SQRT": (Values._sqrt, 1, 1),
    "MOD": (Values._mod, 2, 2),
    "SIZE": (Values._size, 1, 1),
    "COALESCE": (Values._coalesce, 1, 64),
    "NULLIF": (Values._nullif, 2, 2),
    "CURRENT_TIMESTAMP": (Values._current_timestamp, 0, 0),
    "CURRENT_DATE": (Values._current_date, 0, 0),
    "CURRENT_TIME": (Values._current_time, 0, 0),
}
"""Each function with the fewest and most arguments it takes."""
