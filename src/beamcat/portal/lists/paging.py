"""One page of a list, found by where the page before it ended.

The order of a list is made total by the id. What lies behind a row is told by the values that the list is sorted by, so
no row is counted to find the next page, and rows that come and go meanwhile neither shift pages nor hide in between.
Nulls come last upwards and first downwards, as the query language has it; a condition that spans values and nulls could
use no index, so the two are asked for one after the other.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

import orjson

from beamcat.access.caller import Caller
from beamcat.portal import reading
from beamcat.portal.lists.declaring import Column, ListOf, Within
from beamcat.portal.lists.state import Place, Sort
from beamcat.portal.page import Asking
from beamcat.portal.reading import Thing

ID = "it.id"
NEVER = "it.id IS NULL"


@dataclass(frozen=True, slots=True)
class Key:
    """What a list is sorted by: where it stands, and the way to its value from the object."""

    path: str
    down: bool
    nullable: bool
    steps: tuple[str, ...]

    def of(self, thing: Thing) -> object:
        """The value of an object."""
        return reduce(lambda one, step: None if one is None else getattr(one, step), self.steps, thing)


@dataclass(frozen=True, slots=True)
class Question:
    """The rows of a list: what FROM and WHERE hold, and the order."""

    entity: str
    joins: tuple[str, ...]
    conditions: tuple[str, ...]
    keys: tuple[Key, ...]

    def select(self, what: str, *, ordered: bool = True, joins: str = "") -> str:
        """A query for `what` of all rows; `joins` adds to FROM."""
        return self._text(what, self.conditions, self._order(turned=False) if ordered else "", joins)

    def page(self, more: Sequence[str], include: Sequence[str], count: int, *, turned: bool) -> str:
        """The first `count` objects that meet further conditions, from the end if `turned`."""
        order = self._order(turned=turned)
        included = f" INCLUDE {', '.join(f'it.{path}' for path in include)}" if include else ""
        return f"{self._text('it', [*self.conditions, *more], order, '')} LIMIT 0, {count}{included}"

    def _text(self, what: str, conditions: Sequence[str], order: str, joins: str) -> str:
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        own = "".join(f" {join}" for join in self.joins)
        return f"SELECT {what} FROM {self.entity} it{own}{joins}{where}{order}"

    def _order(self, *, turned: bool) -> str:
        written = [f"{key.path}{' DESC' if key.down != turned else ''}" for key in self.keys]
        return f" ORDER BY {', '.join([*written, f'{ID} DESC' if self.id_down != turned else ID])}"

    @property
    def id_down(self) -> bool:
        """Objects that are alike in all keys: upwards where the first key descends, as the indexes have it."""
        return bool(self.keys) and not self.keys[0].down


@dataclass(frozen=True, slots=True)
class Page:
    """Objects of a list, and where the pages beside it begin; empty where there is none."""

    things: list[Thing]
    after: str = ""
    before: str = ""


def question_of(list_: ListOf, within: Within, sort: Sequence[Sort], conditions: Sequence[str]) -> Question:
    """The rows of a list in an order, with the joins that it and the conditions need."""
    columns = [(column, key.down) for key in sort if (column := list_.column(key.key)) is not None]
    keys = tuple(_key(column, down) for column, down in columns)
    wanted = " ".join([*conditions, *(key.path for key in keys)])
    joins = [
        column.joins
        for column in list_.columns
        if column.joins and re.search(rf"(?<![\w.]){re.escape(column.path)}\b", wanted)
    ]
    own = [f"({within.condition})"] if within.condition else []
    return Question(list_.entity, tuple(dict.fromkeys(joins)), (*own, *conditions), keys)


def _key(column: Column, down: bool) -> Key:
    return Key(column.path, down, column.nullable, column.steps)


async def read_page(  # noqa: PLR0917 (a question and how much of it)
    asking: Asking, reader: Caller, question: Question, include: Sequence[str], place: Place, count: int
) -> Page:
    """The page at a place of a list."""
    turned = place.last or bool(place.before)
    anchor = _anchor(question, place.before or place.after)
    found: list[Thing] = []
    for conditions in _phases(question, anchor, turned=turned) if anchor is not None else [[]]:
        text = question.page(conditions, include, count + 1 - len(found), turned=turned)
        found += await reading.things(asking, text, reader)
        if len(found) > count:
            break
    more = len(found) > count
    things = found[:count]
    if turned:
        things.reverse()
    if not things:
        return Page([])
    further_on = bool(place.before) if turned else more
    further_back = more if turned else anchor is not None
    return Page(
        things,
        after=_token(question, things[-1]) if further_on else "",
        before=_token(question, things[0]) if further_back else "",
    )


Anchor = tuple[list[str | None], int]
"""The literals of a row's sort keys, and its id."""


def _token(question: Question, thing: Thing) -> str:
    values = [key.of(thing) for key in question.keys]
    written = orjson.dumps([_order_name(question), [_kept(value) for value in values], thing.id])
    return base64.urlsafe_b64encode(written).decode().rstrip("=")


def _order_name(question: Question) -> str:
    return ",".join(f"{'-' if key.down else ''}{key.path}" for key in question.keys)


def _kept(value: object) -> object:
    return {"moment": value.isoformat()} if isinstance(value, datetime) else value


def _anchor(question: Question, written: str) -> Anchor | None:
    """What a token says; None for none, and for one of another order: then the list begins at its beginning."""
    try:
        order, values, identifier = orjson.loads(base64.urlsafe_b64decode(written + "=" * (-len(written) % 4)))
        if order != _order_name(question) or not isinstance(identifier, int):
            return None
        return [_literal(value) for value in values], identifier
    except (binascii.Error, ValueError, TypeError, KeyError):
        return None


def _literal(value: object) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | float():
            return repr(value)
        case {"moment": str(moment)}:
            return reading.text(datetime.fromisoformat(moment).isoformat())
        case str():
            return reading.text(value)
        case _:
            raise ValueError("no value of a key")


def _phases(question: Question, anchor: Anchor, *, turned: bool) -> list[list[str]]:
    """The conditions for what lies behind a row, to be asked for one after the other."""
    values, identifier = anchor
    keys = [Key(key.path, key.down != turned, key.nullable, key.steps) for key in question.keys]
    behind = f"{ID} {'<' if question.id_down != turned else '>'} {identifier:d}"
    if not keys or len(values) != len(keys):
        return [[behind]]
    for key, value in zip(reversed(keys[1:]), reversed(values[1:]), strict=True):
        behind = f"({_beyond(key, value)} OR ({_same(key, value)} AND {behind}))"
    first, value = keys[0], values[0]
    if value is None:
        nulls = [f"{first.path} IS NULL", behind]
        return [nulls, [f"{first.path} IS NOT NULL"]] if first.down else [nulls]
    sign = "<" if first.down else ">"
    ranged = [
        f"{first.path} {sign}= {value}",
        f"({first.path} {sign} {value} OR ({first.path} = {value} AND {behind}))",
    ]
    return [ranged, [f"{first.path} IS NULL"]] if first.nullable and not first.down else [ranged]


def _beyond(key: Key, value: str | None) -> str:
    if value is None:
        return f"{key.path} IS NOT NULL" if key.down else NEVER
    if key.down:
        return f"{key.path} < {value}"
    return f"({key.path} > {value} OR {key.path} IS NULL)" if key.nullable else f"{key.path} > {value}"


def _same(key: Key, value: str | None) -> str:
    return f"{key.path} IS NULL" if value is None else f"{key.path} = {value}"
