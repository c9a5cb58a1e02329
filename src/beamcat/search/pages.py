"""The hits of a page as the database has them now, for the caller: one statement for each entity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any as Json

from beamcat.access.caller import Caller
from beamcat.access.rulebook import CallerRights
from beamcat.access.rulebooks import Rulebooks
from beamcat.database.naming import quoted
from beamcat.database.pool import Database
from beamcat.errors import BadParameter
from beamcat.model import icat_entity
from beamcat.query.predicates import readable_condition
from beamcat.query.rights import Extent
from beamcat.query.run import run_statement
from beamcat.query.scope import Scope, Table
from beamcat.query.sql import CallerValue, Parameters, Statement
from beamcat.search.public_fields import PUBLIC_FIELDS, PublicField
from beamcat.search.readable import all_open

STATEMENTS_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Row:
    """An object that the caller may read.

    `source` is what is told of it; `texts` are those in which words may be looked for, by the names of their fields.
    """

    source: Mapping[str, Json]
    texts: Mapping[str, tuple[str, Sequence[str]]]
    """Public name -> the field of the document it stands in, and what it holds."""


class Pages:
    """Reads what was found."""

    def __init__(self, database: Database, rulebooks: Rulebooks) -> None:
        self._database, self._rulebooks = database, rulebooks

    async def read(
        self,
        caller: Caller,
        entity: str,
        ids: Sequence[int],
        names: tuple[str, ...] | None = None,
        *,
        texts: bool = False,
    ) -> dict[int, Row]:
        """Those of the objects that the caller may read, by id, in the order of the ids.

        `names` are the fields that are wanted (none: all); with `texts`, those that words may stand in are read too.
        Raises `BadParameter` for a name that is none.
        """
        if not ids:
            return {}
        rights = (await self._rulebooks.current()).rights(caller)
        plan = _plan(entity, rights, None if names is None else frozenset(names), texts)
        if plan.statement is None:
            return {}
        async with self._database.connection() as connection:
            rows = await run_statement(connection, plan.statement, caller, list(ids))
        found = {row[0]: plan.row(row[1:]) for row in rows}
        return {id_: found[id_] for id_ in ids if id_ in found}


@dataclass(frozen=True, slots=True)
class _Plan:
    """A statement, and which fields its columns after the id are. No statement: the caller may read nothing."""

    statement: Statement | None
    fields: tuple[PublicField, ...]
    wanted: frozenset[str] | None

    def row(self, values: Sequence[Json]) -> Row:
        source: dict[str, Json] = {}
        texts: dict[str, tuple[str, Sequence[str]]] = {}
        for field, value in zip(self.fields, values, strict=True):
            if value is None:
                continue
            if field.told and (self.wanted is None or field.name in self.wanted):
                source[field.name] = value
            if field.of is not None:
                texts[field.name] = (field.of, value if isinstance(value, list) else [str(value)])
        return Row(source, texts)


@lru_cache(maxsize=STATEMENTS_KEPT)
def _plan(entity: str, rights: CallerRights, names: frozenset[str] | None, texts: bool) -> _Plan:
    """The same for all callers to whom the same rules apply."""
    public = PUBLIC_FIELDS[entity]
    if names is not None:
        unknown = names - {field.name for field in public.fields if field.told}
        if unknown:
            raise BadParameter(f"{entity} has no field {min(unknown)} to tell")
    wanted = {
        (field.name, field.told): field
        for field in public.fields
        if ((field.told and (names is None or field.name in names)) or (texts and field.of is not None))
        and all_open(field.steps, rights)
    }
    fields = tuple(wanted.values())
    readable = rights.readable(icat_entity(entity))
    if readable is Extent.NOTHING:
        return _Plan(None, fields, names)
    parameters = Parameters()
    needed = {name for field in fields if field.join for name in (field.join, *public.joins[field.join].needs)}
    joins = [join.clause for name, join in public.joins.items() if name in needed]
    conditions = [f"it.id = ANY({parameters.bind(CallerValue.IDS, 'bigint[]')})"]
    condition = readable_condition(Table(icat_entity(entity), "it"), readable, Scope(parameters))
    if condition is not None:
        conditions.append(condition)
    columns = ", ".join(["it.id", *(field.sql for field in fields)])
    source = " ".join((f"{quoted(public.table)} it", *joins))
    text = f"SELECT {columns} FROM {source} WHERE {' AND '.join(conditions)}"  # noqa: S608
    return _Plan(parameters.statement(text), fields, names)
