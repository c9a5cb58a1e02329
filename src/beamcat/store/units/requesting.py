"""The statements that ask for something to be done to units: the table of transitions, in SQL."""

from __future__ import annotations

from beamcat.store.units import transitions
from beamcat.store.units.transitions import ARCHIVE, RESTORE, WRITE, Kind, Operation


def request_statement(kind: Kind, asked: Operation) -> str:
    """The statement that does to units what the table of transitions says."""
    queued = {known: transitions.change(kind, known, asked) for known in (None, *Operation)}
    first = queued[None]
    wanted = _cases({known: _literal(change.queued) for known, change in queued.items()}, "unit.wanted")
    is_new = "unit.wanted IS NULL"
    if asked is RESTORE:
        # What is not there, or is leaving, cannot be written: it comes back first, and is written then, being marked.
        absent = "(unit.online IS NOT TRUE OR unit.running = 'ARCHIVE') AND coalesce(unit.wanted, '') <> 'DELETE'"
        kept = f"coalesce({wanted}, CASE WHEN unit.online IS TRUE THEN NULL ELSE 'RESTORE' END)"
        wanted = f"CASE WHEN {absent} THEN 'RESTORE' ELSE {kept} END"
        # it goes to the account of whoever wants it back
        is_new = f"(unit.wanted IS NULL OR unit.wanted <> 'RESTORE' AND ({wanted}) IS NOT DISTINCT FROM 'RESTORE')"
    marks = _cases({known: str(change.marks).lower() for known, change in queued.items()}, "false")
    delays = _cases({known: str(change.delays).lower() for known, change in queued.items()}, "false")
    begins = "now() + %(delay)s"
    if kind == "datafile":  # all wait until the first of them is due, and go together; not with what is tried again
        first_due = (
            "SELECT min(not_before) FROM unit WHERE kind = 'datafile' AND wanted IS NOT NULL AND attempts = 0"
            " AND not_before > now() AND not_before <= now() + %(delay)s"
        )
        begins = f"coalesce(({first_due}), now() + %(delay)s)"
    useless = "false"
    if asked is not WRITE:
        useless = f"(unit.running = '{asked}' AND unit.wanted IS NULL AND unit.until > now())"
    if asked in {RESTORE, ARCHIVE}:
        there = "true" if asked is RESTORE else "false"
        useless += f" OR (unit.online IS {there} AND unit.wanted IS NULL AND unit.running IS NULL)"
    return f"""
INSERT INTO unit (kind, id, dataset_id, copy, wanted, marked, not_before, priority, requested_by, requested_at)
SELECT %(kind)s, w.id, w.dataset_id, w.copy, {_literal(first.queued)}, {str(first.marks).lower()}, {begins},
       %(priority)s, %(user)s, clock_timestamp()
  FROM unnest(%(ids)s::bigint[], %(datasets)s::bigint[], %(copies)s::text[]) AS w (id, dataset_id, copy) ORDER BY w.id
ON CONFLICT (kind, id) DO UPDATE
   SET wanted = {wanted},
       marked = unit.marked OR {marks},
       copy = coalesce(unit.copy, excluded.copy),
       not_before = CASE WHEN {is_new} OR {delays} THEN excluded.not_before ELSE unit.not_before END,
       attempts = CASE WHEN unit.wanted IS NULL AND unit.running IS NULL THEN 0 ELSE unit.attempts END,
       priority = CASE WHEN {is_new} THEN excluded.priority
                       ELSE greatest(unit.priority, excluded.priority) END,
       requested_by = CASE WHEN {is_new} THEN excluded.requested_by ELSE unit.requested_by END,
       requested_at = CASE WHEN {is_new} THEN excluded.requested_at ELSE unit.requested_at END
 WHERE NOT coalesce({useless}, false)
"""  # noqa: S608


def _literal(operation: Operation | None) -> str:
    return "NULL::text" if operation is None else f"'{operation}'"


def _cases(values: dict[Operation | None, str], otherwise: str) -> str:
    cases = " ".join(f"WHEN '{known}' THEN {value}" for known, value in values.items() if known is not None)
    return f"(CASE WHEN unit.wanted IS NULL THEN {values[None]} ELSE CASE unit.wanted {cases} ELSE {otherwise} END END)"
