"""Dumps in files, read and written with a progress bar."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from beamcat.access.caller import Caller
from beamcat.access.rulebooks import Rulebooks
from beamcat.catalogue.catalogue import Catalogue
from beamcat.catalogue.dump import exporting
from beamcat.catalogue.dump.importing import Import, Imported, Order
from beamcat.catalogue.dump.layout import TABLES, Attributes
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.model import Entity

PIECE_BYTES = 2**18
"""How much of a file is read at a time."""


async def import_file(database: Database, settings: Settings, file: Path, order: Order) -> Imported:
    """Import a file; progress is shown on standard error. Raises `OSError` for a file that cannot be read."""
    catalogue = Catalogue(database, Rulebooks(database, settings.catalogue), settings)
    with file.open("rb") as opened, _progress(DownloadColumn()) as progress:
        task = progress.add_task("Reading", total=os.fstat(opened.fileno()).st_size or None)
        reading = Import(database, catalogue, settings, order)
        return await reading.run(_pieces(opened, progress, task))


async def export_file(
    database: Database, settings: Settings, file: Path, caller: Caller, attributes: Attributes
) -> int:
    """Export everything the caller may read to a file; the number of objects.

    The file appears when it is complete. Progress is shown on standard error.
    """
    rights = (await Rulebooks(database, settings.catalogue).current()).rights(caller)
    unfinished = file.with_name(f"{file.name}.unfinished")
    places = {entity: place for place, entity in enumerate(TABLES, 1)}
    objects = 0
    with (
        _removed_unless_renamed(unfinished),
        unfinished.open("wb") as opened,
        _progress(MofNCompleteColumn(), TextColumn("{task.fields[objects]:,} objects")) as progress,
    ):
        task = progress.add_task("Writing", total=len(TABLES), objects=0)

        def told(entity: Entity, count: int) -> None:
            nonlocal objects
            objects += count
            progress.update(task, completed=places[entity], objects=objects)

        async with contextlib.aclosing(exporting.export(database, caller, rights, attributes, told)) as pieces:
            async for piece in pieces:
                await asyncio.to_thread(opened.write, piece)
        progress.update(task, completed=len(TABLES))
        opened.flush()
        os.fsync(opened.fileno())
        unfinished.replace(file)
    return objects


async def _pieces(file: BinaryIO, progress: Progress, task: TaskID) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
        yield piece
        progress.advance(task, len(piece))


@contextlib.contextmanager
def _removed_unless_renamed(file: Path) -> Iterator[None]:
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _progress(*columns: TextColumn | DownloadColumn | MofNCompleteColumn) -> Progress:
    """A bar on standard error, where that is a terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *columns,
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
