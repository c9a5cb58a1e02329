"""Rules as statements that give ids, and what these read."""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from beamcat.database.naming import table_name
from beamcat.model import ENTITIES, Entity
from beamcat.query.predicates import readable_condition
from beamcat.query.rights import RuleQuery
from beamcat.query.rule_shapes import rooted, usual_path
from beamcat.query.scope import Scope
from beamcat.query.sql import CallerValue, Parameters, Statement

_TABLE = re.compile(r'(?:FROM|JOIN) "?([a-z_]+)"? (t\d+)\b')
_ALIAS = re.compile(r"\bt\d+\b")
_COUNTED = re.compile(r"\bfile_(?:count|size)\b")
_TIME = "CURRENT_TIMESTAMP"

_ENTITY_OF: Mapping[str, str] = {table_name(entity): entity.name for entity in ENTITIES.values()}
_KEPT_BY_TRIGGERS: Mapping[str, frozenset[str]] = {
    "investigation_reader": frozenset(
        {"InvestigationUser", "InvestigationInstrument", "InstrumentScientist", "InvestigationGroup", "UserGroup"}
    )
}
"""Tables beyond the model -> the entities whose changes change them."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The objects of an entity for which any of some rules holds, as a statement.

    `seen` are the entities whose changes may change the answer; `timed`: time alone may change it.
    """

    entity: Entity
    rules: tuple[RuleQuery, ...]
    statement: Statement
    seen: frozenset[str]
    timed: bool

    @property
    def asks_for_the_caller(self) -> bool:
        """Whether the answer is one for each caller."""
        return any(isinstance(value, CallerValue) for value in self.statement.params)


def reading(entity: Entity, rules: Sequence[RuleQuery], most: int) -> Reading:
    """The statement for at most `most` + 1 ids."""
    rules = tuple(rooted(rule) for rule in rules)
    usual = tuple(rule for rule in rules if usual_path(rule) is not None)
    arms = [*([usual] if usual else []), *((rule,) for rule in rules if rule not in usual)]
    parameters = Parameters(few_rows=False)
    limit = f"LIMIT {parameters.bind(most + 1, 'bigint')}"
    # each with a limit of its own: what is too much is noticed before all of it has been gathered
    selects = [f"({_select(entity, arm, parameters)} {limit})" for arm in arms]
    statement = parameters.statement(_packed(selects[0] if len(arms) == 1 else f"{' UNION '.join(selects)} {limit}"))
    return Reading(entity, rules, statement, _seen(statement.sql), _TIME in statement.sql)


def others(of: Reading, most: int) -> Statement:
    """The statement for the ids of all other objects, at most `most` + 1."""
    parameters = Parameters(few_rows=False)
    scope = Scope(parameters)
    table = scope.add_table(of.entity)
    condition = readable_condition(table, of.rules, scope)
    where = f" WHERE NOT coalesce({condition}, false)"
    select = f"SELECT {table.id}{scope.from_sql}{where} LIMIT {parameters.bind(most + 1, 'bigint')}"
    return parameters.statement(_packed(select))


def unpacked(packed: bytes | None) -> Sequence[int]:
    """The ids a statement gave, ascending."""
    ids = array("q", packed or b"")
    if sys.byteorder == "little":
        ids.byteswap()
    return ids


def _packed(select: str) -> str:
    """The ids as one value of eight bytes each: a hundred thousand rows would take Python a long time."""
    return f"SELECT string_agg(int8send(found.id), ''::bytea ORDER BY found.id) FROM ({select}) found (id)"  # noqa: S608


def _select(entity: Entity, rules: Sequence[RuleQuery], parameters: Parameters) -> str:
    scope = Scope(parameters)
    table = scope.add_table(entity)
    condition = readable_condition(table, tuple(rules), scope)
    return f"SELECT {table.id}{scope.from_sql} WHERE {condition}"


def _seen(sql: str) -> frozenset[str]:
    """The entities a statement reads: every alias of the compiler stands once behind the name of its table."""
    tables = {alias: table for table, alias in _TABLE.findall(sql)}
    missing = set(_ALIAS.findall(sql)) - set(tables)
    if missing:
        raise AssertionError(f"it is not clear what {sorted(missing)} are in {sql}")
    seen: set[str] = set()
    for table in tables.values():
        seen |= _KEPT_BY_TRIGGERS[table] if table in _KEPT_BY_TRIGGERS else {_ENTITY_OF[table]}
    if _COUNTED.search(sql):
        seen.add("Datafile")  # counts and sizes follow the files
    return frozenset(seen)
