"""SQL in the making: bound parameters only, some of them known only when the caller is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from psycopg.types.numeric import Int8

_PLACEHOLDER = re.compile(r"\$(\d+)")


class CallerValue(Enum):
    """A parameter that is filled in when a statement runs, so that callers with the same rules share plans."""

    USER_NAME = "user name"
    USER_ID = "user id"
    IDS = "ids"
    """The ids a statement is asked about."""


Bindable = str | int | float | bool | datetime | list[str] | list[int] | None | CallerValue


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL text with `$1`, `$2`, ... and what to bind to them."""

    sql: str
    params: tuple[Bindable, ...]

    def bind(self, user_name: str, user_id: int | None, ids: list[int] | None = None) -> list[object]:
        """The values to send, caller's values filled in."""
        known: dict[CallerValue, object] = {
            CallerValue.USER_NAME: user_name,
            CallerValue.USER_ID: user_id,
            CallerValue.IDS: ids,
        }
        return [known[value] if isinstance(value, CallerValue) else _sendable(value) for value in self.params]


def _sendable(value: object) -> object:
    # one integer type for all values, so that one prepared statement serves them all
    return Int8(value) if type(value) is int else value


@dataclass(slots=True)
class Parameters:
    """The parameters of one statement. Equal caller values share a number; table aliases are numbered too.

    `few_rows` says that the statement looks at few objects, or stops early, so that the rights of each are best looked
    up one by one.
    """

    few_rows: bool = True
    values: list[Bindable] = field(default_factory=list)
    aliases: int = 0

    def bind(self, value: Bindable, sql_type: str) -> str:
        """The placeholder of a new parameter, cast to `sql_type`."""
        if isinstance(value, CallerValue) and value in self.values:
            return f"${self.values.index(value) + 1}::{sql_type}"
        self.values.append(value)
        return f"${len(self.values)}::{sql_type}"

    def alias(self) -> str:
        """A table alias not used before in this statement."""
        self.aliases += 1
        return f"t{self.aliases}"

    def statement(self, sql: str) -> Statement:
        """The finished statement, its parameters renumbered: those that ended up unused are left out."""
        used: dict[str, int] = {}

        def renumber(match: re.Match[str]) -> str:
            return f"${used.setdefault(match[1], len(used) + 1)}"

        text = _PLACEHOLDER.sub(renumber, sql)
        return Statement(text, tuple(self.values[int(number) - 1] for number in used))
