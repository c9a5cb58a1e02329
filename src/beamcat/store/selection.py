"""From what a client asks for to files: investigations, datasets and datafiles by id (data service specification, A.4).

The rights of the caller are part of the questions. All questions of one selection see the same state of the catalogue,
and files come in runs: a selection of millions is never in memory as a whole.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from beamcat.access.caller import Caller, Scope
from beamcat.access.rulebooks import Rulebooks
from beamcat.catalogue.faults import nothing_there
from beamcat.database.instants import EPOCH
from beamcat.database.pool import Connection, Database
from beamcat.errors import Forbidden
from beamcat.model import ENTITIES, Entity, ToOne
from beamcat.query.condition_sql import where_sql
from beamcat.query.predicates import readable_condition
from beamcat.query.rights import EveryRight, Rights
from beamcat.query.run import run_statement
from beamcat.query.scope import Scope as FromScope
from beamcat.query.scope import Table
from beamcat.query.sql import CallerValue, Parameters, Statement
from beamcat.store.locations import location_of
from beamcat.store.storage.contract import DatasetPlace

FILES_AT_ONCE = 4096
"""Files of a run."""
MICROSECONDS = 1_000_000
EPOCH_S = int(EPOCH.timestamp())

DATAFILE, DATASET = ENTITIES["Datafile"], ENTITIES["Dataset"]
INVESTIGATION, FACILITY = ENTITIES["Investigation"], ENTITIES["Facility"]
SERVICE = Caller("beamcat", root=True)
"""Who asks when nobody signed in: for the state of data, which is no secret."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client asks for, by ids, in any mixture."""

    investigations: tuple[int, ...] = ()
    datasets: tuple[int, ...] = ()
    datafiles: tuple[int, ...] = ()

    @property
    def is_one_file(self) -> bool:
        """Whether it names one datafile and nothing else: only then can the file itself be the answer."""
        return len(self.datafiles) == 1 and not self.datasets and not self.investigations


@dataclass(frozen=True, slots=True)
class File:
    """A datafile that has bytes somewhere.

    `catalogued_size` is None and `checksum` empty where the catalogue says nothing. `time` is when it was last
    modified, in whole seconds since 1970.
    """

    id: int
    dataset_id: int
    name: str
    location: str
    catalogued_size: int | None
    checksum: str
    time: int
    create_id: str
    mod_id: str


@dataclass(frozen=True, slots=True)
class _Reading:
    """Questions of one caller, put on one connection."""

    connection: Connection
    caller: Caller
    rights: Rights

    async def rows(self, statement: Statement, ids: list[int] | None = None) -> list[tuple[Any, ...]]:
        return await run_statement(self.connection, statement, self.caller, ids)


@dataclass(frozen=True, slots=True)
class Total:
    """How much a selection is, as the catalogue has it."""

    files: int
    size: int


class Selected:
    """What was asked for, found: the datasets, and their files in the order of (dataset id, datafile id)."""

    def __init__(
        self, datasets: dict[int, DatasetPlace], reading: _Reading, statement: Statement, terms: Terms, wanted: Wanted
    ) -> None:
        self.datasets = datasets
        """By id; those without files are among them."""
        self._reading = reading
        self._statement = statement
        self._keys = terms.keys
        self._missing = set(wanted.datafiles)

    @property
    def connection(self) -> Connection:
        """The connection whose snapshot all of it is read from."""
        return self._reading.connection

    async def files(self) -> AsyncIterator[list[File]]:
        """The files, some thousand at a time. To be asked for once.

        Raises `NoSuchObject` or `Forbidden` at the end when a datafile asked for by its id was not among them, and
        `Forbidden` for a location that is not signed with the facility's key.
        """
        caller = self._reading.caller
        async with psycopg.AsyncRawServerCursor(self._reading.connection, "files_of_a_selection") as cursor:
            params = self._statement.bind(caller.name, caller.user_id)
            await cursor.execute(self._statement.sql.encode(), params, binary=True)
            while rows := await cursor.fetchmany(FILES_AT_ONCE):
                files = list(map(self._file, rows))
                self._missing.difference_update(file.id for file in files)
                yield files

    async def total(self) -> Total:
        """How many files there are, and how many bytes the catalogue says they have; found without reading them."""
        statement = self._statement
        files = f"({statement.sql}) AS file (id, dataset_id, name, location, size)"
        text = f"SELECT count(*), coalesce(sum(size), 0)::bigint, array_agg(id) FROM {files}"  # noqa: S608
        if not self._missing:
            text = text.replace("array_agg(id)", "NULL::bigint[]")
        ((count, size, ids),) = await self._reading.rows(Statement(text, statement.params))
        self._missing.difference_update(ids or ())
        return Total(count, size)

    @property
    def missing(self) -> list[int]:
        """The datafiles asked for by id that were not among the files."""
        return sorted(self._missing)

    def _file(self, row: Sequence[Any]) -> File:
        identifier, dataset, name, location, size, checksum, time, create_id, mod_id = row
        checked = location_of(identifier, location, self._keys)
        seconds = time // MICROSECONDS + EPOCH_S
        return File(identifier, dataset, name, checked, size, checksum or "", seconds, create_id, mod_id)


@dataclass(frozen=True, slots=True)
class Terms:
    """How selections are read.

    `keys` sign locations; none: they are not signed. With `trust_datasets`, who may read a dataset may read its
    datafiles. With `lenient_investigations`, one that is not there, or may not be read, stands for nothing.
    """

    keys: tuple[str, ...] = ()
    trust_datasets: bool = False
    lenient_investigations: bool = False


class Selections:
    """Finds the files of what clients ask for."""

    def __init__(self, database: Database, rulebooks: Rulebooks, terms: Terms) -> None:
        self._database = database
        self._rulebooks = rulebooks
        self._terms = terms

    @asynccontextmanager
    async def select(self, caller: Caller | None, wanted: Wanted) -> AsyncIterator[Selected]:
        """What the caller may have of it; without a caller all of it.

        Raises `NoSuchObject` for an id that there is not and `Forbidden` for one that the caller may not read. Inside
        datasets, datafiles without location and those that the caller may not read are left out.
        """
        asker = caller or SERVICE
        asker.require(Scope.READ)
        rights: Rights = EveryRight() if caller is None else (await self._rulebooks.current()).rights(caller)
        async with self._database.snapshot() as connection:
            reading = _Reading(connection, asker, rights)
            if not self._terms.lenient_investigations:
                await _explain(reading, INVESTIGATION, wanted.investigations)
            datasets = await _datasets(reading, wanted)
            statement = _files_statement(rights, wanted, trust_datasets=self._terms.trust_datasets)
            selected = Selected(datasets, reading, statement, self._terms, wanted)
            yield selected
            if selected.missing:
                await _explain(reading, DATAFILE, selected.missing)
                raise nothing_there(DATAFILE, selected.missing[0])


async def _datasets(reading: _Reading, wanted: Wanted) -> dict[int, DatasetPlace]:
    """The datasets that are asked for, or hold what is asked for, by id."""
    asked, found = set(wanted.datasets), {}
    for *place, readable, around_readable in await reading.rows(_datasets_statement(reading.rights, wanted)):
        dataset = DatasetPlace(*place)
        if not readable:
            if dataset.id in asked:
                raise Forbidden(f"READ access to this {DATASET.name} is not allowed.")
            continue
        if not around_readable:
            raise Forbidden(f"READ access to the {INVESTIGATION.name} of dataset {dataset.id} is not allowed.")
        found[dataset.id] = dataset
    absent = sorted(asked - found.keys())
    if absent:
        raise nothing_there(DATASET, absent[0])
    return found


def _datasets_statement(rights: Rights, wanted: Wanted) -> Statement:
    """The datasets, and whether they and what they lie in may be read."""
    parameters = Parameters(few_rows=False)
    scope = FromScope(parameters)
    dataset = scope.add_table(DATASET)
    investigation = scope.join_once(dataset, _relation(DATASET, "investigation"))
    facility = scope.join_once(investigation, _relation(INVESTIGATION, "facility"))
    of_dataset, of_investigation, of_facility = (
        readable_condition(table, rights.readable(table.entity), scope) or "true"
        for table in (dataset, investigation, facility)
    )
    columns = [
        dataset.id,
        *_columns(dataset, "name", "location"),
        investigation.id,
        *_columns(investigation, "name", "visitId"),
        facility.id,
        *_columns(facility, "name"),
        f"coalesce({of_dataset}, false)",
        f"coalesce({of_investigation} AND {of_facility}, false)",
    ]
    datasets = parameters.bind(list(wanted.datasets), "bigint[]")
    investigations = parameters.bind(list(wanted.investigations), "bigint[]")
    datafiles = parameters.bind(list(wanted.datafiles), "bigint[]")
    return parameters.statement(
        f"SELECT {', '.join(columns)}{scope.from_sql} WHERE {dataset.id} IN ("  # noqa: S608
        f"SELECT unnest({datasets})"
        f" UNION SELECT w.id FROM dataset w WHERE w.investigation_id = ANY({investigations})"
        f" UNION SELECT w.dataset_id FROM datafile w WHERE w.id = ANY({datafiles}) AND w.location IS NOT NULL)"
        f" ORDER BY {dataset.id}"
    )


def _files_statement(rights: Rights, wanted: Wanted, *, trust_datasets: bool) -> Statement:
    """The files, with the caller's rights to each of them and to its dataset.

    With `trust_datasets`, who may read a dataset may read its datafiles; those asked for by id are looked at as ever.
    """
    parameters = Parameters(few_rows=not (wanted.datasets or wanted.investigations))
    scope = FromScope(parameters)
    datafile = scope.add_table(DATAFILE)
    dataset = scope.join_once(datafile, _relation(DATAFILE, "dataset"))
    datafiles = parameters.bind(list(wanted.datafiles), "bigint[]")
    datasets = parameters.bind(list(wanted.datasets), "bigint[]")
    investigations = parameters.bind(list(wanted.investigations), "bigint[]")
    asked = f"{datafile.id} = ANY({datafiles})"
    inside = f"({dataset.id} = ANY({datasets}) OR {dataset.alias}.investigation_id = ANY({investigations}))"
    readable = readable_condition(datafile, rights.readable(DATAFILE), scope)
    conditions = [f"{datafile.alias}.location IS NOT NULL"]
    if wanted.datafiles and (wanted.datasets or wanted.investigations):
        conditions.append(f"({asked} OR {inside})")
    else:
        conditions.append(asked if wanted.datafiles else inside)
    if readable is not None:
        conditions.append(f"({inside} OR {readable})" if trust_datasets else readable)
    of_dataset = readable_condition(dataset, rights.readable(DATASET), scope)
    if of_dataset is not None:
        conditions.append(of_dataset)
    modified, created, changed = _columns(datafile, "datafileModTime", "datafileCreateTime", "modTime")
    columns = [
        datafile.id,
        dataset.id,
        *_columns(datafile, "name", "location", "fileSize", "checksum"),
        f"coalesce({modified}, {created}, {changed})",
        *_columns(datafile, "createId", "modId"),
    ]
    select = f"SELECT {', '.join(columns)}{scope.from_sql}{where_sql(conditions)}"
    return parameters.statement(f"{select} ORDER BY {dataset.id}, {datafile.id}")


async def _explain(reading: _Reading, entity: Entity, ids: Iterable[int]) -> None:
    """Raise `NoSuchObject` for the first id that there is not, else `Forbidden` for one that may not be read."""
    asked = sorted(set(ids))
    if not asked:
        return
    parameters = Parameters()
    scope = FromScope(parameters)
    table = scope.add_table(entity)
    condition = readable_condition(table, reading.rights.readable(entity), scope) or "true"
    wanted = parameters.bind(CallerValue.IDS, "bigint[]")
    statement = parameters.statement(
        f"SELECT {table.id}, coalesce({condition}, false){scope.from_sql} WHERE {table.id} = ANY({wanted})"
    )
    found: dict[int, bool] = dict(await reading.rows(statement, asked))
    for identifier in asked:
        if identifier not in found:
            raise nothing_there(entity, identifier)
    if not all(found.values()):
        raise Forbidden(f"READ access to this {entity.name} is not allowed.")


def _columns(table: Table, *names: str) -> list[str]:
    columns = []
    for name in names:
        member = table.entity.fields[name]
        assert not isinstance(member, ToOne)
        columns.append(table.column(member))  # type: ignore[arg-type]
    return columns


def _relation(entity: Entity, name: str) -> ToOne:
    relation = entity.fields[name]
    assert isinstance(relation, ToOne)
    return relation
