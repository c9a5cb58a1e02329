"""The small pictures of datasets, as they are kept, and who may see them: whoever may read the file they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from beamcat.access.caller import Caller, Scope
from beamcat.access.rulebooks import Rulebooks
from beamcat.database.instants import moment
from beamcat.database.outbox import ChangeKind
from beamcat.database.pool import Connection, Database
from beamcat.errors import NoSuchObject
from beamcat.events.event import Event
from beamcat.events.keeping import Start
from beamcat.model import ENTITIES
from beamcat.query.predicates import readable_condition
from beamcat.query.run import run_statement
from beamcat.query.scope import Scope as FromScope
from beamcat.query.sql import Parameters

READER = "thumbnails"
"""By which the position in the events is kept."""
SETTLING = "5 seconds"
"""How long a dataset is left alone after its files came: there may be more."""
AT_ONCE = 10_000

# A picture that is there stays; one that could not be made is tried again with the new files.
_WANT = f"""
INSERT INTO thumbnail AS t (dataset_id, made)
SELECT DISTINCT f.dataset_id, now() + interval '{SETTLING}'
  FROM unnest(%s::bigint[], %s::bigint[]) AS r (first, last)
  JOIN datafile f ON f.id BETWEEN r.first AND r.last
    ON CONFLICT (dataset_id) DO UPDATE SET made = excluded.made, tries = 0, problem = NULL
 WHERE t.content IS NULL
"""  # noqa: S608
_REMAKE = """
INSERT INTO thumbnail AS t (dataset_id, made)
SELECT d.id, now() FROM dataset d WHERE d.id = ANY(%s)
    ON CONFLICT (dataset_id) DO UPDATE
   SET made = excluded.made, tries = 0, problem = NULL, content = NULL, media_type = NULL
"""
_NEXT_DATASETS = """
SELECT d.id, t.dataset_id IS NULL, t.problem IS NOT NULL FROM dataset d LEFT JOIN thumbnail t ON t.dataset_id = d.id
 WHERE d.id > %s ORDER BY d.id LIMIT %s
"""
_STATUS = """
SELECT count(*) FILTER (WHERE content IS NOT NULL), count(*) FILTER (WHERE content IS NULL AND made < 'infinity'),
       count(*) FILTER (WHERE content IS NULL AND made = 'infinity')
  FROM thumbnail
"""
_PROBLEMS = """
SELECT problem, count(*) FROM thumbnail WHERE content IS NULL AND problem IS NOT NULL
 GROUP BY problem ORDER BY count(*) DESC, problem LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A picture as it is sent."""

    content: bytes
    media_type: str
    made: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """How many there are, are to be made, and cannot be made; and the commonest problems."""

    made: int
    waiting: int
    impossible: int
    problems: Sequence[tuple[str, int]]


class Thumbnails:
    """Finds them."""

    def __init__(self, database: Database, rulebooks: Rulebooks) -> None:
        self._database = database
        self._rulebooks = rulebooks

    async def find(self, caller: Caller, dataset: int) -> Thumbnail | None:
        """The picture of a dataset; None when there is none, or the file it shows may not be read.

        Raises `NoSuchObject` when the dataset is not there or may not be read.
        """
        caller.require(Scope.READ)
        rights = (await self._rulebooks.current()).rights(caller)
        parameters = Parameters()
        scope, inner = FromScope(parameters), FromScope(parameters)
        table, file = scope.add_table(ENTITIES["Dataset"]), inner.add_table(ENTITIES["Datafile"])
        readable = readable_condition(table, rights.readable(table.entity), scope) or "true"
        shown = readable_condition(file, rights.readable(file.entity), inner) or "true"
        statement = parameters.statement(
            "SELECT p.content, p.media_type, p.made"
            f"{scope.from_sql} LEFT JOIN thumbnail p ON p.dataset_id = {table.id} AND p.content IS NOT NULL"
            f" AND EXISTS (SELECT 1{inner.from_sql} WHERE {file.id} = p.datafile_id AND {shown})"
            f" WHERE {table.id} = {parameters.bind(dataset, 'bigint')} AND {readable}"
        )
        async with self._database.connection() as connection:
            rows = await run_statement(connection, statement, caller)
        if not rows:
            raise NoSuchObject("There is no such dataset, or it is not open to you")
        content, media_type, made = rows[0]
        return None if content is None else Thumbnail(bytes(content), media_type, moment(made))

    async def remake(self, datasets: Sequence[int]) -> int:
        """Have the pictures of some datasets made again; how many of them there are."""
        async with self._database.connection() as connection:
            return (await connection.execute(_REMAKE, [list(datasets)])).rowcount

    async def remake_all(self, *, failed_only: bool) -> int:
        """Have pictures made of all datasets that have none, or only of those where it failed; how many."""
        last, asked = 0, 0
        while True:
            async with self._database.connection() as connection:
                rows = await (await connection.execute(_NEXT_DATASETS, [last, AT_ONCE])).fetchall()
            if not rows:
                return asked
            last = rows[-1][0]
            chosen = [each for each, never, failed in rows if failed or (never and not failed_only)]
            asked += await self.remake(chosen) if chosen else 0

    async def standing(self, problems: int = 10) -> Standing:
        """How far they are."""
        async with self._database.connection() as connection:
            row = await (await connection.execute(_STATUS)).fetchone()
            assert row is not None
            told = await (await connection.execute(_PROBLEMS, [problems])).fetchall()
        return Standing(row[0], row[1], row[2], [(problem, count) for problem, count in told])


class Wanting:
    """Reads the events of files that come, and notes which datasets want a picture: see `WritingReader`."""

    name = READER
    start = Start.BEGINNING

    async def handle(self, events: Sequence[Event], conn: Connection) -> None:
        """Note the datasets of files that were made or changed."""
        ranges = [
            each
            for event in events
            if event.entity == "Datafile" and event.operation in {ChangeKind.CREATED, ChangeKind.UPDATED}
            for each in event.ids
        ]
        if ranges:
            await conn.execute(_WANT, [[first for first, _ in ranges], [last for _, last in ranges]])
