"""`beamcat thumbnails`: the small pictures of datasets, how far they are, and having them made again."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from beamcat.access.rulebooks import Rulebooks
from beamcat.cli.common import Config, Home, on_database, settings_of
from beamcat.database.pool import Database
from beamcat.errors import BadParameter
from beamcat.store.viewing.thumbnails import Standing, Thumbnails

app = typer.Typer(help="Small pictures of datasets, made from their files.", no_args_is_help=True)


@app.command("status")
def thumbnails_status(config: Config = None, home: Home = None) -> None:
    """Say how many there are, how many are to be made, and why others cannot be made."""
    settings = settings_of(config, home)

    async def work(database: Database) -> Standing:
        return await Thumbnails(database, Rulebooks(database, settings.catalogue)).standing()

    standing = on_database(settings, work)
    console = Console()
    if not settings.viewing.thumbnails:
        console.print("No more are made: `viewing.thumbnails` is off.")
    console.print(f"{standing.made:,} made, {standing.waiting:,} to be made, {standing.impossible:,} cannot be made")
    for problem, count in standing.problems:
        console.print(f"{count:>10,}  {escape(problem)}")


@app.command("remake")
def thumbnails_remake(
    config: Config = None,
    home: Home = None,
    *,
    dataset: Annotated[
        list[int] | None, typer.Option("--dataset", help="Of the dataset with this id; may be given several times.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Where it has failed.")] = False,
    missing: Annotated[
        bool, typer.Option("--missing", help="Where it has failed, and where nobody has tried.")
    ] = False,
) -> None:
    """Have pictures made again. The server makes them, one after the other, as soon as it runs.

    Example: `beamcat thumbnails remake --missing` for a catalogue that was filled before there were any.
    """
    if not (dataset or failed or missing):
        raise BadParameter("say which: --dataset ID, --failed or --missing")
    settings = settings_of(config, home)

    async def work(database: Database) -> int:
        thumbnails = Thumbnails(database, Rulebooks(database, settings.catalogue))
        if dataset:
            return await thumbnails.remake(dataset)
        return await thumbnails.remake_all(failed_only=not missing)

    print(f"{on_database(settings, work):,} will be made.")
