"""Ids for new objects."""

from __future__ import annotations

from beamcat.catalogue.writing import Writing
from beamcat.database.ids import take_ids
from beamcat.database.partitions import ensure_datafile_partitions
from beamcat.model import Entity


async def new_ids(writing: Writing, entity: Entity, count: int) -> list[int]:
    """`count` ids, ascending.

    Whether datafiles with these ids have a partition is seen to in the second attempt only: it is rare that they have
    none, and the database then refuses the first one.
    """
    ids = await take_ids(writing.connection, entity, count)
    if writing.careful and entity.name == "Datafile" and ids:
        await ensure_datafile_partitions(writing.connection, ids[-1])
    return ids
