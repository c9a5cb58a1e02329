"""Conditions on dates, sizes and parameters: what was compared, as bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from beamcat.search.language import patterns
from beamcat.search.language.meaning import Exactly, MomentTest, NameTest, NumberTest, Together, WordSimilar, WordsLike
from beamcat.search.language.tree import Compared, Fuzzy, Phrase, Range, Term
from beamcat.search.language.values import Period, bytes_in, period, periods, quantity
from beamcat.search.question import Between
from beamcat.search.tokens import words

Leaf = Term | Phrase | Fuzzy | Range | Compared
"""What can be asked of a field."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Tests:
    """What a value of a parameter has to be, for each kind of value that the text can mean."""

    number: NumberTest | None
    moment: MomentTest | None
    text: NameTest | None


def moments(leaf: Leaf) -> MomentTest | None:
    """The bounds of a date; none if it is none."""
    match leaf:
        case Compared(operator, value, None):
            when = period(value)
            return None if when is None else _compared_moment(operator, when)
        case Range(low, high, includes_low, includes_high, None):
            first, last = _each(period, low, high)
            if (low and first is None) or (high and last is None):
                return None
            return MomentTest(
                None if first is None else first.first if includes_low else first.last,
                None if last is None else last.last if includes_high else last.first,
                includes_low,
                includes_high,
            )
        case Term(text, ()) | Phrase(text, 0):
            both = periods(text)
            if both is None:
                return None
            first, last = both
            return MomentTest(None if first is None else first.first, None if last is None else last.last)
        case _:
            return None


def numbers(leaf: Leaf) -> NumberTest | None:
    """The bounds of a number, and the unit they are in; none if it is none."""
    match leaf:
        case Compared("=", value, unit) if ".." in value:
            return _from_to(value, unit)
        case Compared(operator, value, unit):
            counted = quantity(value)
            return None if counted is None else _compared_number(operator, counted[0], unit or counted[1])
        case Range(low, high, includes_low, includes_high, unit):
            first, last = _each(quantity, low, high)
            if (low and first is None) or (high and last is None):
                return None
            units = {bound[1] for bound in (first, last) if bound is not None and bound[1] is not None} | {unit} - {
                None
            }
            if len(units) > 1:
                return None
            return NumberTest(first and first[0], last and last[0], includes_low, includes_high, *units)
        case Term(text, ()) | Phrase(text, 0):
            if ".." in text:
                return _from_to(text, None)
            counted = quantity(text)
            return None if counted is None else NumberTest(counted[0], counted[0], unit=counted[1])
        case _:
            return None


def texts(leaf: Leaf) -> NameTest | None:
    """What a name has to be; none if no name is asked for."""
    match leaf:
        case Compared("=", value, None):
            return Exactly(value)
        case Term() if leaf.wild:
            like = patterns.word_patterns(leaf)
            return WordsLike(like) if like else None
        case Fuzzy(text, edits) if len(words(text)) == 1:
            return WordSimilar(words(text)[0], edits)
        case Term(text) | Phrase(text) | Fuzzy(text):
            tokens = words(text)
            return Together(tuple(tokens)) if tokens else Exactly(text)
        case _:
            return None


def tests(leaf: Leaf) -> Tests:
    """All that a value may be asked for."""
    return Tests(numbers(leaf), moments(leaf), texts(leaf))


def amount(field: str, leaf: Leaf) -> Between | None:
    """A size, in bytes or with a unit of bytes, or a count; none if it is none."""
    test = numbers(leaf)
    if test is None or (test.unit is not None and field != "size"):
        return None
    factor = bytes_in(test.unit)
    if factor is None:
        return None
    low, high = (None if bound is None else bound * factor for bound in (test.low, test.high))
    return Between(field, low, high, test.includes_low, test.includes_high)


def moment(field: str, leaf: Leaf) -> Between | None:
    """A date of the document; none if it is none."""
    test = moments(leaf)
    return None if test is None else Between(field, test.low, test.high, test.includes_low, test.includes_high)


def _from_to(text: str, unit: str | None) -> NumberTest | None:
    low, _, high = text.partition("..")
    first, last = _each(quantity, low.strip() or None, high.strip() or None)
    if (low.strip() and first is None) or (high.strip() and last is None) or (first is None and last is None):
        return None
    behind = unit or (last and last[1]) or (first and first[1]) or None
    return NumberTest(first and first[0], last and last[0], unit=behind)


def _each(read: Callable[[str], _T | None], low: str | None, high: str | None) -> tuple[_T | None, _T | None]:
    return (None if low is None else read(low), None if high is None else read(high))


def _compared_moment(operator: str, when: Period) -> MomentTest:
    match operator:
        case "<":
            return MomentTest(None, when.first, includes_high=False)
        case "<=":
            return MomentTest(None, when.last)
        case ">":
            return MomentTest(when.last, None, includes_low=False)
        case ">=":
            return MomentTest(when.first, None)
        case _:
            return MomentTest(when.first, when.last)


def _compared_number(operator: str, value: float, unit: str | None) -> NumberTest:
    match operator:
        case "<" | "<=":
            return NumberTest(None, value, includes_high=operator == "<=", unit=unit)
        case ">" | ">=":
            return NumberTest(value, None, includes_low=operator == ">=", unit=unit)
        case _:
            return NumberTest(value, value, unit=unit)
