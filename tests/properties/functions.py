"""The scalar and aggregate functions, as JPQL defines them and PostgreSQL computes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from .compare import Unclear


def called(function: str, arguments: Sequence[Any]) -> Any:
    """The value of a function other than COALESCE and NULLIF; null in, null out."""
    if function in ("CURRENT_TIMESTAMP", "CURRENT_DATE"):
        now = datetime.now(UTC)
        return now if function == "CURRENT_TIMESTAMP" else now.replace(hour=0, minute=0, second=0, microsecond=0)
    if any(argument is None for argument in arguments):
        return None
    match function, arguments:
        case "CONCAT", _:
            return "".join(map(_text, arguments))
        case "LOWER", [text]:
            return _text(text).lower()
        case "UPPER", [text]:
            return _text(text).upper()
        case "LENGTH", [text]:
            return len(_text(text))
        case "SUBSTRING", [text, first, *length]:
            return _substring(_text(text), first, *length)
        case "LOCATE", [sought, text, *start]:
            return _locate(_text(sought), _text(text), *start)
        case "ABS", [number]:
            return abs(_number(number))
        case "SQRT", [number]:
            if _number(number) < 0:
                raise Unclear("SQRT of a negative number")
            return math.sqrt(number)
        case "MOD", [number, divisor]:
            return _remainder(number, divisor)
    raise Unclear(f"{function} of {len(arguments)} argument(s)")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Unclear("a string function of something else")
    return value


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unclear("a numeric function of something else")
    return value


def _substring(text: str, first: int, length: int | None = None) -> str:
    if length is not None and length < 0:
        raise Unclear("a negative length")
    end = len(text) if length is None else first - 1 + length
    return text[max(first - 1, 0) : max(end, 0)]


def _locate(sought: str, text: str, start: int = 1) -> int:
    if start < 1 or not sought:
        raise Unclear("LOCATE from before the start, or of nothing")
    return text.find(sought, start - 1) + 1


def _remainder(number: Any, divisor: Any) -> int:
    if not isinstance(number, int) or not isinstance(divisor, int) or divisor == 0:
        raise Unclear("MOD of something other than integers")
    return int(math.fmod(number, divisor)) if abs(number) < 2**50 else number - divisor * _quotient(number, divisor)


def _quotient(left: int, right: int) -> int:
    return abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)


def arithmetic(sign: str, left: Any, right: Any) -> Any:
    """`left sign right`; integers divide towards zero."""
    if left is None or right is None:
        return None
    _number(left), _number(right)
    match sign:
        case "+":
            result = left + right
        case "-":
            result = left - right
        case "*":
            result = left * right
        case _:
            if right == 0:
                raise Unclear("division by zero")
            whole = isinstance(left, int) and isinstance(right, int)
            result = _quotient(left, right) if whole else left / right
    if isinstance(result, int) and abs(result) >= 2**31:
        raise Unclear("near the end of the integers")
    return result


def trimmed(side: str, character: Any, text: Any) -> Any:
    """TRIM; `character` " " when none is written."""
    if character is None or text is None:
        return None
    if len(character) != 1:
        raise Unclear("TRIM of more than one character")
    match side:
        case "LEADING":
            return _text(text).lstrip(character)
        case "TRAILING":
            return _text(text).rstrip(character)
        case _:
            return _text(text).strip(character)


def aggregated(function: str, values: Sequence[Any], distinct: bool) -> Any:
    """An aggregate of values; nulls do not count."""
    present = [value for value in values if value is not None]
    if distinct:
        present = list(dict.fromkeys(present))
    if function == "COUNT":
        return len(present)
    if not present:
        return None
    if function in ("MIN", "MAX"):
        if isinstance(present[0], bool):
            raise Unclear("an order of booleans")
        return min(present) if function == "MIN" else max(present)
    total = sum(_number(value) for value in present)
    return total if function == "SUM" else total / len(present)
