"""Comparison of the engine's answer with the expected one."""

from __future__ import annotations

from collections import Counter
from typing import Any

from beamcat.database.instants import moment
from beamcat.model import Kind
from beamcat.query.result import Answer, Column, Record, stored_attributes

from .oracle import Expected, canonical_value


def disagreement(expected: Expected, answer: Answer) -> str | None:
    """What is wrong with the answer; None when it is right.

    Rows with equal ORDER BY keys may come in any order, and LIMIT may cut anywhere between them.
    """
    rows = [tuple(map(_canonical_cell, row, answer.columns)) for row in answer.rows]
    end = expected.total if expected.count is None else min(expected.total, expected.offset + expected.count)
    if len(rows) != max(0, end - expected.offset):
        return f"{len(rows)} rows instead of {max(0, end - expected.offset)}{_difference(expected, rows)}"
    position = 0  # of the group's first row among all rows
    for group in expected.groups:
        first, last = max(position, expected.offset), min(position + len(group), end)
        if first < last:
            given = Counter(rows[first - expected.offset : last - expected.offset])
            surplus = given - Counter(group)
            if surplus:
                return f"rows {first} to {last} should not hold {list(surplus)[:3]}{_difference(expected, rows)}"
        position += len(group)
    return None


def _difference(expected: Expected, rows: list[Any]) -> str:
    wanted = Counter(row for group in expected.groups for row in group)
    surplus, missing = Counter(rows) - wanted, wanted - Counter(rows)
    return f"\n  too many: {list(surplus)[:3]}\n  missing: {list(missing)[:3]}"


def _canonical_cell(cell: Any, column: Column) -> Any:
    if isinstance(cell, Record):
        return canonical_record(cell)
    return _canonical_stored(cell, column.kind)


def _canonical_stored(value: Any, kind: Kind | None) -> Any:
    if kind is Kind.DATETIME and value is not None:
        assert type(value) is int, f"a moment that is {value!r}"
        return canonical_value(moment(value))
    return canonical_value(value)


def canonical_record(record: Record) -> Any:
    """A record in the oracle's form."""
    values = tuple(map(_canonical_stored, record.values, (a.kind for a in stored_attributes(record.entity))))
    related = tuple((name, _canonical_related(part)) for name, part in sorted(record.related.items()) if part)
    return (record.entity.name, values, related)


def _canonical_related(related: Any) -> Any:
    if isinstance(related, Record):
        return canonical_record(related)
    # by id, as the oracle has them
    return tuple(sorted(map(canonical_record, related), key=lambda tree: tree[1][0]))
