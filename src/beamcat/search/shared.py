"""What objects have in common: samples, techniques, instruments, people, words. Counted in SQL, with rights.

Each kind is a way from an object to what it has. A step of the way is taken where it is open to everybody (a public
step, or table), or to what the caller may read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from beamcat.access.rulebook import CallerRights
from beamcat.database.naming import column_name, quoted
from beamcat.database.pool import Connection
from beamcat.model import Attribute, icat_entity
from beamcat.query.condition_sql import where_sql
from beamcat.query.predicates import readable_condition
from beamcat.query.rights import Extent
from beamcat.query.run import Asker, run_statement
from beamcat.query.scope import Scope, Table
from beamcat.query.sql import CallerValue, Parameters, Statement
from beamcat.query.tree import FromEntity, FromPath, Path

STATEMENTS_KEPT = 1_000
MOST_ROWS = 20_000
"""Things that are looked at for all objects together."""
MOST_NAMES = 50
"""Names of an object's things by which others are looked for."""
MOST_WITH = 1_000
"""Objects that are looked at for having one of these."""


@dataclass(frozen=True, slots=True)
class Way:
    """How to get from an object to what it has, and by which attributes that is the same and is told."""

    kind: str
    steps: tuple[str, ...]
    same: str
    told: str
    leads_back: bool = False
    """Whether few enough objects have the same for them to be looked for."""


WAYS: Mapping[str, tuple[Way, ...]] = {
    "Investigation": (
        Way("sample", ("samples",), "name", "name", leads_back=True),
        Way("keyword", ("keywords",), "name", "name"),
        Way("person", ("investigationUsers", "user"), "id", "fullName", leads_back=True),
        Way("technique", ("datasets", "datasetTechniques", "technique"), "id", "name"),
        Way("instrument", ("investigationInstruments", "instrument"), "id", "name"),
    ),
    "Dataset": (
        Way("sample", ("sample",), "name", "name", leads_back=True),
        Way("investigation", ("investigation",), "id", "title"),
        Way("technique", ("datasetTechniques", "technique"), "id", "name"),
        Way("instrument", ("datasetInstruments", "instrument"), "id", "name"),
    ),
}
"""By entity, what its objects can have in common."""

WORDS: Mapping[str, tuple[str, ...]] = {
    "Investigation": ("title", "summary"),
    "Dataset": ("name", "description"),
    "DataPublication": ("title", "subject", "description"),
    "Sample": ("name",),
    "Instrument": ("name", "fullName", "description"),
}
"""By entity, the attributes whose words are compared."""

Things = Mapping[str, str]
"""What an object has, by what it is the same: how it is told."""


@dataclass(frozen=True, slots=True)
class Shared:
    """Questions of one asker about objects of one entity; the answers are what the asker may know."""

    connection: Connection
    asker: Asker
    rights: CallerRights
    entity: str

    async def things(self, way: Way, ids: Sequence[int]) -> dict[int, Things]:
        """What each of the objects has."""
        statement = _things(self.entity, way, self.rights)
        found: dict[int, dict[str, str]] = {}
        if statement is not None and ids:
            for id_, same, told in await run_statement(self.connection, statement, self.asker, list(ids)):
                found.setdefault(id_, {})[same] = told
        return dict(found)

    async def others_with(self, way: Way, same: Iterable[str]) -> list[int]:
        """Objects that have one of these, the newest first."""
        wanted = sorted(same)[:MOST_NAMES]
        parts = _joined(self.entity, way, self.rights)
        if not way.leads_back or not wanted or parts is None:
            return []
        scope, first, last, conditions = parts
        is_id = way.same == "id"
        values: list[int] | list[str] = [int(value) for value in wanted] if is_id else wanted
        bound = scope.parameters.bind(values, "bigint[]" if is_id else "text[]")
        where = where_sql([f"{_column(last, way.same)} = ANY({bound})", *conditions])
        rows = f"SELECT {first.id} AS id{scope.from_sql}{where} LIMIT {MOST_WITH}"
        statement = scope.parameters.statement(f"SELECT DISTINCT id FROM ({rows}) found ORDER BY id DESC")  # noqa: S608
        return [id_ for (id_,) in await run_statement(self.connection, statement, self.asker)]

    async def texts(self, ids: Sequence[int]) -> dict[int, str]:
        """What objects say themselves, by id; only of those that are there."""
        statement = _texts(self.entity, self.rights)
        if statement is None or not ids:
            return {}
        return {row[0]: row[1] for row in await run_statement(self.connection, statement, self.asker, list(ids))}


@lru_cache(maxsize=STATEMENTS_KEPT)
def _things(entity: str, way: Way, rights: CallerRights) -> Statement | None:
    parts = _joined(entity, way, rights)
    if parts is None:
        return None
    scope, first, last, conditions = parts
    same, told = _column(last, way.same), _column(last, way.told)
    wanted = f"{first.id} = ANY({scope.parameters.bind(CallerValue.IDS, 'bigint[]')})"
    where = where_sql([wanted, f"{told} IS NOT NULL", *conditions])
    return scope.parameters.statement(
        f"SELECT DISTINCT {first.id}, {same}::text, {told}{scope.from_sql}{where} LIMIT {MOST_ROWS}"
    )


@lru_cache(maxsize=STATEMENTS_KEPT)
def _texts(entity: str, rights: CallerRights) -> Statement | None:
    kind = icat_entity(entity)
    readable = rights.readable(kind)
    if readable is Extent.NOTHING:
        return None
    scope = Scope(Parameters())
    table = scope.add_table(kind)
    condition = readable_condition(table, readable, scope)
    wanted = f"{table.id} = ANY({scope.parameters.bind(CallerValue.IDS, 'bigint[]')})"
    columns = ", ".join(_column(table, name) for name in WORDS.get(entity, ()))
    told = f"concat_ws(' ', {columns})" if columns else "''"
    where = where_sql([wanted] if condition is None else [wanted, condition])
    return scope.parameters.statement(f"SELECT {table.id}, {told}{scope.from_sql}{where}")


def _joined(entity: str, way: Way, rights: CallerRights) -> tuple[Scope, Table, Table, list[str]] | None:
    """The way as joins, with the conditions that the asker may take it; none: there is no way."""
    scope = Scope(Parameters(few_rows=False))
    scope.declare(FromEntity(entity, "v0"))
    first = here = scope.variable("v0", "FROM")
    steps = [(here, True)]
    for number, step in enumerate(way.steps):
        relation = here.entity.fields[step]
        assert not isinstance(relation, Attribute)
        is_open = rights.step_is_public(here.entity, relation)
        scope.declare(FromPath(Path(f"v{number}", (step,)), f"v{number + 1}"))
        here = scope.variable(f"v{number + 1}", "FROM")
        steps.append((here, not is_open))
    conditions = []
    for table, is_checked in steps:
        readable = rights.readable(table.entity)
        if is_checked and readable is Extent.NOTHING:
            return None
        if is_checked and (condition := readable_condition(table, readable, scope)) is not None:
            conditions.append(condition)
    return scope, first, here, conditions


def _column(table: Table, name: str) -> str:
    if name == "id":
        return table.id
    member = table.entity.fields[name]
    assert isinstance(member, Attribute)
    return f"{table.alias}.{quoted(column_name(member))}"
