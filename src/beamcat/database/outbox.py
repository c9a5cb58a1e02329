"""The events of a transaction, written inside it: there is an event exactly when there is the change.

They go to `event_inbox`. The room `events` moves them on to `event` once they are committed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

MOST_RANGES = 10_000
"""Ranges of ids in one event, so that reading a few hundred events takes bounded memory."""


class ChangeKind(StrEnum):
    """What has happened to the objects."""

    CREATED = "C"
    UPDATED = "U"
    DELETED = "D"


class Origin(StrEnum):
    """Why it has happened to just these objects."""

    CALL = "call"
    """A call named them."""
    BELOW = "below"
    """They were created or deleted with an object that a call named, being below it."""
    IMPORT = "import"
    """A dump was read."""
    SIGN_IN = "sign-in"
    """Another directory said at login who belongs where."""


@dataclass(frozen=True, slots=True)
class Step:
    """What was done to objects of one entity in one go.

    `former` says what objects belonged to that were deleted or moved: ids by entity. What was
    deleted with them in the same call may be left out. An entity without ids: moved, from none to one.
    """

    entity: str
    kind: ChangeKind
    origin: Origin
    ids: Sequence[int]
    former: Mapping[str, Collection[int]] = field(default_factory=dict)


_RECORD = """
INSERT INTO event_inbox (at, user_name, request_id, entity, operation, origin, ids, former)
SELECT %s, %s, %s, s.entity, s.operation, s.origin, s.ids, s.former
  FROM unnest(%s::text[], %s::text[], %s::text[], %s::int8multirange[], %s::jsonb[])
       WITH ORDINALITY AS s (entity, operation, origin, ids, former, place)
 ORDER BY s.place
"""


async def record(conn: AsyncConnection[Any], user: str, at: datetime, request_id: str, steps: Iterable[Step]) -> None:
    """Write the events of a transaction as its last statement, in the order of the steps. No steps, no statement.

    Neighbouring steps that do the same to different objects become one event; ids scattered too widely become several.
    """
    rows = [
        (step, some, former) for step, ids, before in _joined(steps) for some, former in _told_together(ids, before)
    ]
    if not rows:
        return
    await conn.execute(
        _RECORD,
        [
            at,
            user,
            request_id,
            [step.entity for step, _, _ in rows],
            [step.kind.value for step, _, _ in rows],
            [step.origin.value for step, _, _ in rows],
            [ids for _, ids, _ in rows],
            [Jsonb(former) if former else None for _, _, former in rows],
        ],
    )


def multiranges(ids: Iterable[int], most: int = MOST_RANGES) -> list[str]:
    """The ids as PostgreSQL writes `int8multirange`s: `{[1,4),[7,8)}` are 1, 2, 3 and 7. Each has `most` ranges."""
    ranges = _ranges(ids)
    written = [f"[{first},{last + 1})" for first, last in ranges]
    return ["{" + ",".join(written[start : start + most]) + "}" for start in range(0, len(written), most)]


def _ranges(ids: Iterable[int]) -> list[list[int]]:
    """First and last id of each run."""
    ordered = sorted(set(ids))
    if ordered and ordered[-1] - ordered[0] == len(ordered) - 1:
        return [[ordered[0], ordered[-1]]]
    ranges: list[list[int]] = []
    for number in ordered:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ranges


_Former = dict[str, set[int]]
_ToldFormer = dict[str, list[list[int]]]


def _told_together(ids: set[int], former: _Former) -> list[tuple[str, _ToldFormer]]:
    """The rows for some ids and what they belonged to, which is divided among them.

    There are hardly more of the latter than of the ids, so there can be as many rows as it needs.
    """
    if not former:
        return [(some, {}) for some in multiranges(ids)]
    before = {entity: _ranges(of) for entity, of in former.items()}
    wanted = max(1, *(-(-len(ranges) // MOST_RANGES) for ranges in before.values()))
    rows = multiranges(ids)
    if len(rows) < wanted:
        ordered, size = sorted(ids), -(-len(ids) // wanted)
        rows = [some for start in range(0, len(ids), size) for some in multiranges(ordered[start : start + size])]
    starts = range(0, len(rows) * MOST_RANGES, MOST_RANGES)
    return [
        (row, {entity: ranges[start : start + MOST_RANGES] for entity, ranges in before.items()})
        for row, start in zip(rows, starts, strict=True)
    ]


def _joined(steps: Iterable[Step]) -> list[tuple[Step, set[int], _Former]]:
    joined: list[tuple[Step, set[int], _Former]] = []
    for step in steps:
        if not step.ids:
            continue
        last, ids, former = joined[-1] if joined else (step, set(), {})
        same = (last.entity, last.kind, last.origin) == (step.entity, step.kind, step.origin)
        if joined and same and ids.isdisjoint(step.ids):
            ids.update(step.ids)
        else:
            former = {}
            joined.append((step, set(step.ids), former))
        for entity, before in step.former.items():
            former.setdefault(entity, set()).update(before)
    return joined
