"""What carts and downloads are made of, who they belong to, and what of it the catalogue shows.

All questions carry the rights of the caller; what may not be read is left out like what is not there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from beamcat.access.caller import Caller, Scope
from beamcat.access.rulebooks import Rulebooks
from beamcat.database.pool import Database
from beamcat.errors import BadParameter
from beamcat.model import ENTITIES, Entity, ToOne
from beamcat.query.predicates import readable_condition
from beamcat.query.rights import Rights
from beamcat.query.run import run_statement
from beamcat.query.scope import Scope as FromScope
from beamcat.query.scope import Table
from beamcat.query.sql import Parameters
from beamcat.store.selection import Wanted

_REFERENCE = re.compile(r"\s*([A-Za-z]+)\s+([0-9]{1,19})\s*", re.ASCII)
_CONTENT = (
    "CROSS JOIN LATERAL (SELECT count(*) AS files, coalesce(sum(f.file_size), 0)::bigint AS size FROM datafile f"
    " WHERE f.dataset_id = {dataset} AND f.location IS NOT NULL) content"
)


class Kind(StrEnum):
    """What can be put into a cart."""

    INVESTIGATION = "investigation"
    DATASET = "dataset"
    DATAFILE = "datafile"


@dataclass(frozen=True, slots=True)
class Reference:
    """An object of the catalogue."""

    kind: Kind
    id: int


@dataclass(frozen=True, slots=True)
class Item:
    """An object with its name, and the ids of what it lies in, where it lies in something."""

    kind: Kind
    id: int
    name: str
    investigation: int | None = None
    dataset: int | None = None


@dataclass(frozen=True, slots=True)
class Portion:
    """A dataset or a datafile, and how much it is."""

    reference: Reference
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Located:
    """A datafile found by its location."""

    id: int
    location: str
    size: int


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a cart or a download is. `key` tells owners apart, and is no secret."""

    caller: Caller
    key: str
    anonymous: bool = False


def owner_of(caller: Caller, session_id: str, *, anonymous: bool) -> Owner:
    """The owner of what a session has. Anonymous users are all one user, so each of their sessions is an owner."""
    if not anonymous:
        return Owner(caller, caller.name)
    digest = hashlib.sha256(session_id.encode()).hexdigest()[:32]
    return Owner(caller, f"{caller.name}/{digest}", anonymous=True)


def parse_references(text: str) -> list[Reference]:
    """What `"dataset 12, investigation 3"` names. Raises `BadParameter` for what is not of that form."""
    return list(map(_parse_reference, text.split(",")))


def _parse_reference(text: str) -> Reference:
    match = _REFERENCE.fullmatch(text)
    if match is None or match[1].lower() not in set(Kind) or int(match[2]) >= 2**63:
        raise BadParameter(f'{text[:50]!r} is not of the form "dataset 1"')
    return Reference(Kind(match[1].lower()), int(match[2]))


def wanted_of(references: Iterable[Reference]) -> Wanted:
    """The same as a selection."""
    ids: dict[Kind, list[int]] = {kind: [] for kind in Kind}
    for reference in references:
        ids[reference.kind].append(reference.id)
    return Wanted(tuple(ids[Kind.INVESTIGATION]), tuple(ids[Kind.DATASET]), tuple(ids[Kind.DATAFILE]))


class Catalogued:
    """Looks things up in the catalogue for a caller."""

    def __init__(self, database: Database, rulebooks: Rulebooks) -> None:
        self._database = database
        self._rulebooks = rulebooks

    async def facilities(self) -> list[str]:
        """The names of the facilities, which are no secret."""
        async with self._database.connection() as connection:
            rows = await (await connection.execute("SELECT name FROM facility ORDER BY name LIMIT 1000")).fetchall()
        return [name for (name,) in rows]

    async def items(self, caller: Caller, references: Sequence[Reference]) -> list[Item]:
        """Those of the objects that the caller may read."""
        wanted = wanted_of(references)
        found: list[Item] = []
        for kind, ids in (
            (Kind.INVESTIGATION, wanted.investigations),
            (Kind.DATASET, wanted.datasets),
            (Kind.DATAFILE, wanted.datafiles),
        ):
            if ids:
                found += [Item(kind, *row) for row in await self._named(caller, kind, ids)]
        return found

    async def investigations(self, caller: Caller, visit_id: str) -> tuple[int, ...]:
        """The investigations of a visit."""
        question = await self.question(caller)
        investigation = question.table("Investigation")
        question.conditions.append(f"{investigation.alias}.visit_id = {question.bind(visit_id, 'text')}")
        return tuple(identifier for (identifier,) in await self.rows(question, [investigation.id]))

    async def datasets_of_visit(self, caller: Caller, visit_id: str) -> list[Portion]:
        """The datasets of the investigations of a visit, by id."""
        question = await self.question(caller)
        dataset = question.table("Dataset")
        investigation = question.join(dataset, "investigation")
        question.conditions.append(f"{investigation.alias}.visit_id = {question.bind(visit_id, 'text')}")
        return await self._portions(question, dataset)

    async def collection(self, caller: Caller, identifier: int) -> list[Portion] | None:
        """What a data collection holds: its datasets, then its datafiles, by id. None when there is no such one."""
        question = await self.question(caller)
        collection = question.table("DataCollection")
        question.conditions.append(f"{collection.id} = {question.bind(identifier, 'bigint')}")
        if not await self.rows(question, [collection.id]):
            return None
        question = await self.question(caller)
        link = question.table("DataCollectionDataset")
        dataset = question.join(link, "dataset")
        question.conditions.append(f"{link.alias}.data_collection_id = {question.bind(identifier, 'bigint')}")
        portions = await self._portions(question, dataset)
        question = await self.question(caller)
        link = question.table("DataCollectionDatafile")
        datafile = question.join(link, "datafile")
        question.conditions.append(f"{link.alias}.data_collection_id = {question.bind(identifier, 'bigint')}")
        question.conditions.append(f"{datafile.alias}.location IS NOT NULL")
        columns = [datafile.id, f"coalesce({datafile.alias}.file_size, 0)"]
        for file, size in await self.rows(question, columns):
            portions.append(Portion(Reference(Kind.DATAFILE, file), 1, size))
        return portions

    async def located(self, caller: Caller, locations: Sequence[str]) -> list[Located]:
        """The datafiles at these locations, by id."""
        question = await self.question(caller)
        datafile = question.table("Datafile")
        question.conditions.append(f"{datafile.alias}.location = ANY({question.bind(list(locations), 'text[]')})")
        columns = [datafile.id, f"{datafile.alias}.location", f"coalesce({datafile.alias}.file_size, 0)"]
        return [Located(*row) for row in await self.rows(question, columns)]

    async def _named(self, caller: Caller, kind: Kind, ids: Sequence[int]) -> list[Any]:
        question = await self.question(caller)
        table = question.table(kind.value.capitalize())
        question.conditions.append(f"{table.id} = ANY({question.bind(list(ids), 'bigint[]')})")
        columns = [table.id, f"{table.alias}.name"]
        if kind is not Kind.INVESTIGATION:
            columns.append(f"{table.alias}.investigation_id")
        if kind is Kind.DATAFILE:
            columns.append(f"{table.alias}.dataset_id")
        return await self.rows(question, columns)

    async def _portions(self, question: Question, dataset: Table) -> list[Portion]:
        columns = [dataset.id, "content.files", "content.size"]
        rows = await self.rows(question, columns, _CONTENT.format(dataset=dataset.id))
        return [Portion(Reference(Kind.DATASET, identifier), files, size) for identifier, files, size in rows]

    async def question(self, caller: Caller) -> Question:
        """A question in the making, with the caller's rights."""
        caller.require(Scope.READ)
        return Question(caller, (await self._rulebooks.current()).rights(caller))

    async def rows(
        self, question: Question, columns: Sequence[str], joined: str = "", *, ordered: bool = True
    ) -> list[Any]:
        """The rows, in the order of the first column if they are `ordered`."""
        select = f"SELECT {', '.join(columns)}{question.scope.from_sql} {joined}"
        where = f"WHERE {' AND '.join(question.conditions)}{f' ORDER BY {columns[0]}' if ordered else ''}"
        statement = question.parameters.statement(f"{select} {where}")
        async with self._database.connection() as connection:
            return await run_statement(connection, statement, question.caller)


class Question:
    """A question in the making, with the rights of a caller to every table in it."""

    def __init__(self, caller: Caller, rights: Rights) -> None:
        self.caller = caller
        self.parameters = Parameters()
        self.scope = FromScope(self.parameters)
        self.conditions: list[str] = []
        self._rights = rights

    def bind(self, value: str | int | list[str] | list[int], sql_type: str) -> str:
        """A placeholder for a value."""
        return self.parameters.bind(value, sql_type)

    def table(self, name: str) -> Table:
        """The table of an entity, of which the caller sees what they may read."""
        return self._readable(self.scope.add_table(ENTITIES[name]))

    def join(self, origin: Table, relation: str) -> Table:
        """The table at the other end of a relation, as far as it may be read."""
        member = origin.entity.fields[relation]
        assert isinstance(member, ToOne)
        return self._readable(self.scope.join_once(origin, member))

    def _readable(self, table: Table) -> Table:
        entity: Entity = table.entity
        condition = readable_condition(table, self._rights.readable(entity), self.scope)
        if condition is not None:
            self.conditions.append(f"({condition})")
        return table
