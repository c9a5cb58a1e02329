"""`beamcat import` and `export`: a catalogue as one file in ICAT's dump format."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import Annotated

import typer

from beamcat.access.caller import Caller
from beamcat.catalogue.dump.files import export_file, import_file
from beamcat.catalogue.dump.importing import Duplicate, Imported, Order
from beamcat.catalogue.dump.layout import Attributes
from beamcat.cli.common import Config, Home, on_database, settings_of
from beamcat.database.pool import Database

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

    def load(database: Database) -> Awaitable[Imported]:
        return import_file(database, settings, file, Order(Caller(user, root=True), duplicate, attributes))

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

    def dump(database: Database) -> Awaitable[int]:
        return export_file(database, settings, file, Caller(user, root=True), attributes)

    print(f"{on_database(settings, dump):,} objects written to {file}.")
