"""Dumps in files."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from beamcat.access.caller import Caller
from beamcat.access.rulebooks import Rulebooks
from beamcat.catalogue.catalogue import Catalogue
from beamcat.catalogue.dump import exporting
from beamcat.catalogue.dump.importing import Import, Imported, Order
from beamcat.catalogue.dump.layout import Attributes
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.model import Entity

PIECE_BYTES = 2**18
"""How much of a file is read at a time."""

Read = Callable[[int, int], None]
"""Is called with the bytes that have been read, and the size of the file: 0 when that is not known."""


async def import_file(
    database: Database, settings: Settings, file: Path, order: Order, *, read: Read | None = None
) -> Imported:
    """Import a file. Raises `OSError` for a file that cannot be read."""
    catalogue = Catalogue(database, Rulebooks(database, settings.catalogue), settings)
    with file.open("rb") as opened:
        return await Import(database, catalogue, settings, order).run(_pieces(opened, read))


async def export_file(
    database: Database,
    settings: Settings,
    file: Path,
    caller: Caller,
    attributes: Attributes,
    *,
    told: exporting.Told | None = None,
) -> int:
    """Export everything the caller may read to a file; the number of objects. The file appears when it is complete."""
    rights = (await Rulebooks(database, settings.catalogue).current()).rights(caller)
    unfinished = file.with_name(f"{file.name}.unfinished")
    objects = 0

    def counted(entity: Entity, count: int) -> None:
        nonlocal objects
        objects += count
        if told is not None:
            told(entity, count)

    with _removed_unless_renamed(unfinished), unfinished.open("wb") as opened:
        async with contextlib.aclosing(exporting.export(database, caller, rights, attributes, counted)) as pieces:
            async for piece in pieces:
                await asyncio.to_thread(opened.write, piece)
        opened.flush()
        os.fsync(opened.fileno())
        unfinished.replace(file)
    return objects


async def _pieces(file: BinaryIO, read: Read | None) -> AsyncIterator[bytes]:
    whole = os.fstat(file.fileno()).st_size
    so_far = 0
    while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
        yield piece
        so_far += len(piece)
        if read is not None:
            read(so_far, whole)


@contextlib.contextmanager
def _removed_unless_renamed(file: Path) -> Iterator[None]:
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
