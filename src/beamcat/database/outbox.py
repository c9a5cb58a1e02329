"""The events of a transaction, written inside it: there is an event exactly when there is the change.

They go to `event_inbox`. The room `events` moves them on to `event` once they are committed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from psycopg import AsyncConnection

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
    """What was done to objects of one entity in one go."""

    entity: str
    kind: ChangeKind
    origin: Origin
    ids: Sequence[int]


_RECORD = """
INSERT INTO event_inbox (at, user_name, request_id, entity, operation, origin, ids)
SELECT %s, %s, %s, s.entity, s.operation, s.origin, s.ids
  FROM unnest(%s::text[], %s::text[], %s::text[], %s::int8multirange[])
       WITH ORDINALITY AS s (entity, operation, origin, ids, place)
 ORDER BY s.place
"""


async def record(conn: AsyncConnection[Any], user: str, at: datetime, request_id: str, steps: Iterable[Step]) -> None:
    """Write the events of a transaction as its last statement, in the order of the steps. No steps, no statement.

    Neighbouring steps that do the same to different objects become one event; ids scattered too widely become several.
    """
    rows = [(step, some) for step, ids in _joined(steps) for some in multiranges(ids)]
    if not rows:
        return
    await conn.execute(
        _RECORD,
        [
            at,
            user,
            request_id,
            [step.entity for step, _ in rows],
            [step.kind.value for step, _ in rows],
            [step.origin.value for step, _ in rows],
            [ids for _, ids in rows],
        ],
    )


def multiranges(ids: Iterable[int], most: int = MOST_RANGES) -> list[str]:
    """The ids as PostgreSQL writes `int8multirange`s: `{[1,4),[7,8)}` are 1, 2, 3 and 7. Each has `most` ranges."""
    ordered = sorted(set(ids))
    if ordered and ordered[-1] - ordered[0] == len(ordered) - 1:
        return [f"{{[{ordered[0]},{ordered[-1] + 1})}}"]
    ranges: list[list[int]] = []
    for number in ordered:
        if ranges and ranges[-1][1] == number:
            ranges[-1][1] += 1
        else:
            ranges.append([number, number + 1])
    written = [f"[{first},{beyond})" for first, beyond in ranges]
    return ["{" + ",".join(written[start : start + most]) + "}" for start in range(0, len(written), most)]


def _joined(steps: Iterable[Step]) -> list[tuple[Step, set[int]]]:
    joined: list[tuple[Step, set[int]]] = []
    for step in steps:
        if not step.ids:
            continue
        last, ids = joined[-1] if joined else (step, set())
        same = (last.entity, last.kind, last.origin) == (step.entity, step.kind, step.origin)
        if joined and same and ids.isdisjoint(step.ids):
            ids.update(step.ids)
        else:
            joined.append((step, set(step.ids)))
    return joined
