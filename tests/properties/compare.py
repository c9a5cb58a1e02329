"""Comparison of values as section D.5 of the specification wants it: three-valued, and lenient about types."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any

Truth = bool | None
"""True, false or unknown."""


class Unclear(Exception):
    """The specification does not say what this should give; such a question proves nothing."""


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compared(sign: str, left: Any, right: Any, *, left_written: bool = False, right_written: bool = False) -> Truth:
    """`left sign right`. `*_written` says that the side is a literal: a literal is read as the other side's type."""
    if left is None or right is None:
        return None
    left, right = _of_one_type(left, right, left_written, right_written)
    return OPERATORS[sign](left, right)


def _of_one_type(left: Any, right: Any, left_written: bool, right_written: bool) -> tuple[Any, Any]:
    if _family(left) == _family(right):
        return (left.id, right.id) if _family(left) == "object" else (left, right)
    if isinstance(left, str) and not (right_written and not left_written):
        return _read(left, right), right
    if isinstance(right, str) and not (left_written and not right_written):
        return left, _read(right, left)
    if isinstance(left, str) and _family(right) == "number":
        return left, _number_text(right)
    if isinstance(right, str) and _family(left) == "number":
        return _number_text(left), right
    raise Unclear(f"{left!r} compared with {right!r}")


def _family(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, datetime | date):
        return "moment"
    return "object"


def _read(text: str, like: Any) -> Any:
    """A string as the type of `like`."""
    if isinstance(like, datetime):
        return read_moment(text)
    if _family(like) == "number":
        try:
            return float(text) if "." in text else int(text)
        except ValueError:
            raise Unclear(f"{text!r} as a number") from None
    raise Unclear(f"{text!r} compared with {like!r}")


def read_moment(text: str) -> datetime:
    """`yyyy-mm-dd [hh:mm:ss]` in UTC."""
    for form in ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise Unclear(f"{text!r} as a moment")


def _number_text(number: float) -> str:
    if not isinstance(number, int):
        raise Unclear("the text of a real number")
    return str(number)


def all_of(truths: Iterable[Truth]) -> Truth:
    """AND."""
    unknown = False
    for truth in truths:
        if truth is False:
            return False
        unknown = unknown or truth is None
    return None if unknown else True


def any_of(truths: Iterable[Truth]) -> Truth:
    """OR."""
    return negation(all_of(negation(truth) for truth in truths))


def negation(truth: Truth) -> Truth:
    """NOT."""
    return None if truth is None else not truth


def like(text: Any, pattern: Any, escape: str | None) -> Truth:
    """`text LIKE pattern [ESCAPE escape]`; without ESCAPE nothing escapes."""
    if text is None or pattern is None:
        return None
    if not isinstance(text, str) or not isinstance(pattern, str):
        raise Unclear("LIKE on something that is not a string")
    expression = ""
    characters = iter(pattern)
    for character in characters:
        if character == escape:
            following = next(characters, None)
            if following is None:
                raise Unclear("a pattern that ends in its escape character")
            expression += re.escape(following)
        elif character == "%":
            expression += ".*"
        elif character == "_":
            expression += "."
        else:
            expression += re.escape(character)
    return re.fullmatch(expression, text, re.DOTALL) is not None
