"""A tree as text of the JPQL style, with parentheses around every operand."""

from beamcat.query import tree
from beamcat.query.tree import Condition, Expression, Query


def written(node: Expression | Condition) -> str:
    match node:
        case tree.Literal(value):
            return _literal(value)
        case tree.Timestamp(value):
            return f"{{ts {value.replace(tzinfo=None).isoformat(' ')}}}"
        case tree.EnumLiteral(enumeration, value):
            return f"org.icatproject.{enumeration}.{value}"
        case tree.Parameter(name):
            return f":{name}"
        case tree.Path():
            return str(node)
        case tree.Call(function, ()):
            return function
        case tree.Call("SIZE", (path,)):
            return f"SIZE({path})"
        case tree.Call(function, arguments):
            return f"{function}({', '.join(map(_operand, arguments))})"
        case tree.Trim(side, None, text):
            return f"TRIM({side} FROM {_operand(text)})"
        case tree.Trim(side, character, text):
            assert character is not None
            return f"TRIM({side} {_operand(character)} FROM {_operand(text)})"
        case tree.Arithmetic(operator, left, right):
            return f"{_operand(left)} {operator} {_operand(right)}"
        case tree.Negative(operand):
            return f"-{_operand(operand)}"
        case tree.Aggregate(function, operand, distinct):
            return f"{function}({'DISTINCT ' if distinct else ''}{_operand(operand)})"
        case tree.Case(branches, otherwise):
            whens = " ".join(f"WHEN {written(when)} THEN {_operand(value)}" for when, value in branches)
            return f"CASE {whens}{'' if otherwise is None else f' ELSE {_operand(otherwise)}'} END"
        case tree.SubSelect(query):
            return _query(query)
        case tree.Comparison(operator, left, right):
            return f"{_operand(left)} {operator} {_operand(right)}"
        case tree.QuantifiedComparison(operator, left, quantifier, query):
            return f"{_operand(left)} {operator} {quantifier} {_query(query)}"
        case tree.Between(operand, low, high, negated):
            return f"{_operand(operand)}{_not(negated)} BETWEEN {_operand(low)} AND {_operand(high)}"
        case tree.InList(operand, items, negated):
            return f"{_operand(operand)}{_not(negated)} IN ({', '.join(map(_operand, items))})"
        case tree.InQuery(operand, query, negated):
            return f"{_operand(operand)}{_not(negated)} IN {_query(query)}"
        case tree.Like(operand, pattern, escape, negated):
            end = "" if escape is None else f" ESCAPE {_literal(escape)}"
            return f"{_operand(operand)}{_not(negated)} LIKE {_operand(pattern)}{end}"
        case tree.IsNull(operand, negated):
            return f"{_operand(operand)} IS{_not(negated)} NULL"
        case tree.IsEmpty(path, negated):
            return f"{path} IS{_not(negated)} EMPTY"
        case tree.MemberOf(operand, path, negated):
            return f"{_operand(operand)}{_not(negated)} MEMBER OF {path}"
        case tree.Exists(query, negated):
            return f"{_not(negated)} EXISTS {_query(query)}"
        case tree.Truth(operand):
            return written(operand)
        case tree.And(parts):
            return " AND ".join(f"({written(part)})" for part in parts)
        case tree.Or(parts):
            return " OR ".join(f"({written(part)})" for part in parts)
        case tree.Not(part):
            return f"NOT ({written(part)})"


def _not(negated: bool) -> str:
    return " NOT" if negated else ""


def _operand(node: Expression) -> str:
    return f"({written(node)})"


def _literal(value: str | float | bool | None) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value)
        case str():
            return "'" + value.replace("'", "''") + "'"
        case _:
            return repr(value)


def _query(query: Query) -> str:
    assert len(query.select) == 1
    assert isinstance(query.sources[0], tree.FromPath)
    where = "" if query.where is None else f" WHERE {written(query.where)}"
    return f"(SELECT {written(query.select[0])} FROM {query.sources[0].path} {query.sources[0].variable}{where})"
