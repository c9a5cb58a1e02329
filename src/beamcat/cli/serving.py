"""`beamcat serve`, `demo`, `init`, `migrate`: a facility set up and served."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from beamcat.access import accounts
from beamcat.cli.common import Config, Home, given, settings_of, with_database
from beamcat.database import schema
from beamcat.database.pool import Database
from beamcat.demo.digests import compute_digests
from beamcat.demo.load import load_demo
from beamcat.demo.settings import demo_accounts, demo_settings
from beamcat.demo.welcome import welcome
from beamcat.errors import AlreadyExists
from beamcat.observability import logs
from beamcat.serve.databases import database_url, running_database
from beamcat.serve.supervisor import serve as run_server


def serve(
    config: Config = None,
    home: Home = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; 0.0.0.0 for everywhere.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes any free one.")] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes.")] = None,
) -> None:
    """Serve the catalogue until Ctrl-C or SIGTERM.

    Without `database.url` in the settings, Beamcat runs its own PostgreSQL in the home.

    For example, `beamcat serve` serves an empty facility on port 8080, kept in `.beamcat/`

    Or, for a facility: `beamcat serve --config beamcat.toml --home /var/lib/beamcat --workers 4`
    """
    settings = settings_of(config, home, server={"host": host, "port": port, "workers": workers})
    logs.configure(settings.logging)
    asyncio.run(run_server(settings, _announce))


def demo(
    home: Annotated[
        Path, typer.Option(metavar="DIR", envvar="BEAMCAT_HOME", help="Folder for all that Beamcat keeps.")
    ] = Path(".beamcat"),
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option(envvar="PORT", help="Port to listen on; 0 takes any free one.  [default: 8080]")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes.")] = None,
) -> None:
    """Serve an example facility, ready to play with.

    The first start loads it, which takes less than a minute; the next one finds it in the home.

    Example: `beamcat demo --port 9000`
    """
    sections = {"server": given({"host": host, "port": port, "workers": workers})}
    if "BEAMCAT_LOGGING__LEVEL" not in os.environ:
        sections["logging"] = {"level": "warning"}  # a line per request would bury what is printed below
    settings = demo_settings(home, **sections)
    logs.configure(settings.logging)

    async def load_and_announce(url: str) -> None:
        await with_database(settings, _make_demo_accounts)
        loaded = await load_demo(url, settings.home, Console(stderr=True))
        if loaded.objects:
            print(f"Loaded {loaded.objects:,} objects in {loaded.seconds:.0f} s", flush=True)
        print(welcome(url), flush=True)
        print("Ctrl-C stops it; the next start finds everything as it was.", flush=True)
        await with_database(settings, lambda database: compute_digests(database, settings.home))

    asyncio.run(run_server(settings, load_and_announce))


def init(config: Config = None, home: Home = None) -> None:
    """Make the tables of the catalogue, in the embedded database or in the one of `database.url`.

    `beamcat serve` does so by itself; this is for those who want it done beforehand.

    Example: `beamcat init --config beamcat.toml`
    """
    settings = settings_of(config, home)

    async def run() -> None:
        async with running_database(settings) as (opened, _):
            await asyncio.to_thread(schema.initialise, database_url(opened), settings.database)

    asyncio.run(run())
    print(f"The catalogue is ready (schema {schema.newest_version()}).")


def migrate(config: Config = None, home: Home = None) -> None:
    """Bring the tables of an existing catalogue to this version of Beamcat.

    Stop the server first, and have a backup: migrations go forward only.

    Example: `beamcat migrate --config beamcat.toml`
    """
    settings = settings_of(config, home)

    async def run() -> tuple[str | None, str | None]:
        async with running_database(settings) as (opened, _):
            url = database_url(opened)
            before = await asyncio.to_thread(schema.current_version, url)
            await asyncio.to_thread(schema.migrate, url)
            return before, await asyncio.to_thread(schema.current_version, url)

    before, after = asyncio.run(run())
    print(f"The schema is {after} already." if before == after else f"The schema went from {before} to {after}.")


async def _make_demo_accounts(database: Database) -> None:
    for name, password in demo_accounts().items():
        with contextlib.suppress(AlreadyExists):
            await accounts.add_account(database, name, password)


async def _announce(url: str) -> None:
    print(f"Beamcat is ready at {url}", flush=True)
