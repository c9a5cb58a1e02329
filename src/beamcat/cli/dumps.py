"""`beamcat import` and `export`: a catalogue as one file in ICAT's dump format."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from beamcat.access.caller import Caller
from beamcat.catalogue.dump.files import export_file, import_file
from beamcat.catalogue.dump.importing import Duplicate, Imported, Order
from beamcat.catalogue.dump.layout import TABLES, Attributes
from beamcat.cli.common import Config, Home, on_database, settings_of
from beamcat.database.pool import Database
from beamcat.model import Entity

DumpFile = Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="The dump.")]
DumpUser = Annotated[str, typer.Option(help="The user name that is written down as the one who did it.")]


def import_dump(
    file: DumpFile,
    config: Config = None,
    home: Home = None,
    *,
    duplicate: Annotated[Duplicate, typer.Option(help="What to do with objects that are there already.")] = (
        Duplicate.THROW
    ),
    attributes: Annotated[
        Attributes, typer.Option(help="`all` keeps who made the objects, and when.")
    ] = Attributes.USER,
    user: DumpUser = "beamcat",
) -> None:
    """Read a dump into the catalogue, with every right.

    A dump comes from `beamcat export`, from ICAT, or is written by hand. Rows before one that is refused stay.

    Example: `beamcat import catalogue.icat --attributes all`
    """
    settings = settings_of(config, home)

    with _progress(DownloadColumn()) as bar:
        task = bar.add_task("Reading", total=None)

        def read(so_far: int, whole: int) -> None:
            bar.update(task, completed=so_far, total=whole or None)

        def load(database: Database) -> Awaitable[Imported]:
            order = Order(Caller(user, root=True), duplicate, attributes)
            return import_file(database, settings, file, order, read=read)

        done = on_database(settings, load)
    print(f"{done.rows:,} rows: {done.created:,} objects created, {done.overwritten:,} overwritten.")


def export_dump(
    file: DumpFile,
    config: Config = None,
    home: Home = None,
    attributes: Annotated[
        Attributes, typer.Option(help="`all` writes who made the objects, and when.")
    ] = Attributes.ALL,
    user: DumpUser = "beamcat",
) -> None:
    """Write the whole catalogue as a dump, which any Beamcat and any ICAT can import.

    Example: `beamcat export catalogue.icat`
    """
    settings = settings_of(config, home)

    with _progress(MofNCompleteColumn(), TextColumn("{task.fields[objects]:,} objects")) as bar:
        task = bar.add_task("Writing", total=len(TABLES), objects=0)
        written = 0

        def told(entity: Entity, count: int) -> None:
            nonlocal written
            written += count
            bar.update(task, completed=TABLES.index(entity), objects=written)

        def dump(database: Database) -> Awaitable[int]:
            return export_file(database, settings, file, Caller(user, root=True), attributes, told=told)

        objects = on_database(settings, dump)
    print(f"{objects:,} objects written to {file}.")


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
