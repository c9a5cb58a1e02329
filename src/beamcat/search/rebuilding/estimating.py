"""How many documents there will be, and how much room they will take."""

from __future__ import annotations

from collections.abc import Mapping

from beamcat.database.pool import Database
from beamcat.errors import ValidationFailed
from beamcat.search.documents.statement import Documents
from beamcat.search.engine import Engine

BYTES = {"Datafile": 160}
"""Of a document in an index, where there is none yet to tell: as measured with paths of 80 characters."""
OTHERS_BYTES = 1_000
WHILE_MADE = 1.6
"""How much more room is needed while parts of an index are merged into larger ones."""
FEW_DOCUMENTS = 100_000
"""So many are counted; of more, the statistics of PostgreSQL tell roughly how many there are."""
NEGLIGIBLE_BYTES = 100_000_000
"""Not looked for."""

_ESTIMATE = """
SELECT sum(greatest(c.reltuples, 0))::bigint
  FROM pg_partition_tree(%s::regclass) t
  JOIN pg_class c ON c.oid = t.relid
 WHERE t.isleaf
"""


async def estimated(database: Database, documents: Documents) -> int:
    """How many documents of an entity there will be; exact while there are few."""
    table = documents.table
    async with database.connection() as conn:
        few = f"SELECT count(*) FROM (SELECT FROM {table} LIMIT {FEW_DOCUMENTS}) counted"  # noqa: S608
        row = await (await conn.execute(few.encode())).fetchone()
        counted = 0 if row is None else int(row[0])
        if counted < FEW_DOCUMENTS:
            return counted
        row = await (await conn.execute(_ESTIMATE, [table])).fetchone()
        if row is not None and row[0] is not None and row[0] >= FEW_DOCUMENTS:
            return int(row[0])
        # no statistics yet, as after a restore
        span = f"SELECT max(id) - min(id) + 1 FROM {table}"  # noqa: S608
        row = await (await conn.execute(span.encode())).fetchone()
    assert row is not None
    return int(row[0])


async def check_room(engine: Engine, estimates: Mapping[str, int]) -> None:
    """Raise `ValidationFailed` when there is no room for an index of so many documents."""
    free = await engine.free_bytes()
    if free is None:
        return
    held = {each.entity: each.size_bytes / each.documents for each in await engine.holdings() if each.documents > 1_000}
    sizes = (number * held.get(entity, BYTES.get(entity, OTHERS_BYTES)) for entity, number in estimates.items())
    needed = round(sum(sizes) * WHILE_MADE)
    if needed > max(free, NEGLIGIBLE_BYTES):
        raise ValidationFailed(
            f"the new index will need about {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free; make room,"
            " rebuild less at a time, or use --ignore-space if that is wrong"
        )
