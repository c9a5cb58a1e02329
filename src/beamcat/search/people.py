"""People by the beginning of a name, of those that a caller may read."""

from __future__ import annotations

import re

from beamcat.access.caller import Caller
from beamcat.model import icat_entity
from beamcat.query.predicates import readable_condition
from beamcat.query.rights import Extent, Readable
from beamcat.query.run import run_statement
from beamcat.query.scope import Scope, Table
from beamcat.query.sql import Parameters, Statement
from beamcat.search.parts import Parts
from beamcat.search.tables import Entry

_SPECIAL = re.compile(r"([\\%_])")


async def people_called(parts: Parts, caller: Caller, typed: str, most: int) -> list[Entry]:
    """People of whose full name a word begins so, in order of their names."""
    extent = (await parts.readable.rights(caller)).readable(icat_entity("User"))
    if extent is Extent.NOTHING or not typed.strip() or "\x00" in typed:
        return []
    async with parts.database.connection() as connection:
        rows = await run_statement(connection, _statement(extent, typed.strip(), most), caller)
    return [Entry(id_, {"name": name}) for id_, name in rows]


def _statement(extent: Readable, typed: str, most: int) -> Statement:
    parameters = Parameters()
    start = _SPECIAL.sub(r"\\\1", typed)
    first, inside = (parameters.bind(pattern, "text") for pattern in (f"{start}%", f"% {start}%"))
    conditions = [f"(it.full_name ILIKE {first} OR it.full_name ILIKE {inside})"]
    readable = readable_condition(Table(icat_entity("User"), "it"), extent, Scope(parameters))
    if readable is not None:
        conditions.append(readable)
    return parameters.statement(
        f'SELECT min(it.id), it.full_name FROM "user" it WHERE {" AND ".join(conditions)}'  # noqa: S608
        f" GROUP BY it.full_name ORDER BY it.full_name LIMIT {parameters.bind(most, 'bigint')}"
    )
