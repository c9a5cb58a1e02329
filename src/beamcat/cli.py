"""The `beamcat` command."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from beamcat import __version__
from beamcat.access import accounts
from beamcat.access.caller import Caller
from beamcat.catalogue.dump.files import export_file, import_file
from beamcat.catalogue.dump.importing import Duplicate, Imported, Order
from beamcat.catalogue.dump.layout import Attributes
from beamcat.config import Settings, load_settings
from beamcat.database import schema
from beamcat.database.pool import Database
from beamcat.demo.load import load_demo
from beamcat.demo.settings import demo_accounts, demo_settings
from beamcat.demo.welcome import welcome
from beamcat.errors import AlreadyExists, BeamcatError, Unavailable
from beamcat.observability import logs
from beamcat.serve.databases import database_url, running_database
from beamcat.serve.supervisor import serve as run_server

ICAT_VERSION = "6.2.0"

T = TypeVar("T")

app = typer.Typer(
    help="Catalogue, data service and portal of a research facility, in one program.",
    epilog="To look around: `beamcat demo`. To serve your own catalogue: `beamcat serve --home /var/lib/beamcat`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
account_app = typer.Typer(
    help="The accounts of the `db` authenticator. The account `ann` signs in as `db/ann`.", no_args_is_help=True
)
settings_app = typer.Typer(help="The settings, from file and environment.", no_args_is_help=True)
app.add_typer(account_app, name="account")
app.add_typer(settings_app, name="settings")

Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", envvar="BEAMCAT_CONFIG", help="TOML file with settings."),
]
Home = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help="Folder for all that Beamcat keeps.  [env var: BEAMCAT_HOME]"),
]
DumpFile = Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="The dump.")]
DumpUser = Annotated[str, typer.Option(help="The user name that is written down as the one who did it.")]
AccountName = Annotated[str, typer.Argument(help="What is typed at login, such as `ann`.")]


def main() -> None:
    """Run the command. Errors are one line on standard error: 1 for what went wrong, 2 for a wrong command line."""
    try:
        app()
    except Unavailable as error:
        _fail(f"{error.message.splitlines()[0]}. Is PostgreSQL running, and database.url right?")
    except BeamcatError as error:
        _fail(error.message)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        _fail(f"the settings are not right: {problems}. See `beamcat settings show --help`")
    except OSError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


@app.command()
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
    settings = _settings(config, home, server={"host": host, "port": port, "workers": workers})
    logs.configure(settings.logging)
    asyncio.run(run_server(settings, _announce))


@app.command()
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
    sections = {"server": _given({"host": host, "port": port, "workers": workers})}
    if "BEAMCAT_LOGGING__LEVEL" not in os.environ:
        sections["logging"] = {"level": "warning"}  # a line per request would bury what is printed below
    settings = demo_settings(home, **sections)
    logs.configure(settings.logging)

    async def load_and_announce(url: str) -> None:
        await _with_database(settings, _make_demo_accounts)
        loaded = await load_demo(url, settings.home, Console(stderr=True))
        if loaded.objects:
            print(f"Loaded {loaded.objects:,} objects in {loaded.seconds:.0f} s", flush=True)
        print(welcome(url), flush=True)
        print("Ctrl-C stops it; the next start finds everything as it was.", flush=True)

    asyncio.run(run_server(settings, load_and_announce))


@app.command()
def init(config: Config = None, home: Home = None) -> None:
    """Make the tables of the catalogue, in the embedded database or in the one of `database.url`.

    `beamcat serve` does so by itself; this is for those who want it done beforehand.

    Example: `beamcat init --config beamcat.toml`
    """
    settings = _settings(config, home)

    async def run() -> None:
        async with running_database(settings) as (opened, _):
            await asyncio.to_thread(schema.initialise, database_url(opened), settings.database)

    asyncio.run(run())
    print(f"The catalogue is ready (schema {schema.newest_version()}).")


@app.command()
def migrate(config: Config = None, home: Home = None) -> None:
    """Bring the tables of an existing catalogue to this version of Beamcat.

    Stop the server first, and have a backup: migrations go forward only.

    Example: `beamcat migrate --config beamcat.toml`
    """
    settings = _settings(config, home)

    async def run() -> tuple[str | None, str | None]:
        async with running_database(settings) as (opened, _):
            url = database_url(opened)
            before = await asyncio.to_thread(schema.current_version, url)
            await asyncio.to_thread(schema.migrate, url)
            return before, await asyncio.to_thread(schema.current_version, url)

    before, after = asyncio.run(run())
    print(f"The schema is {after} already." if before == after else f"The schema went from {before} to {after}.")


@app.command("import")
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
    settings = _settings(config, home)

    def load(database: Database) -> Awaitable[Imported]:
        return import_file(database, settings, file, Order(Caller(user, root=True), duplicate, attributes))

    done = _on_database(settings, load)
    print(f"{done.rows:,} rows: {done.created:,} objects created, {done.overwritten:,} overwritten.")


@app.command("export")
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
    settings = _settings(config, home)

    def dump(database: Database) -> Awaitable[int]:
        return export_file(database, settings, file, Caller(user, root=True), attributes)

    print(f"{_on_database(settings, dump):,} objects written to {file}.")


@app.command()
def version() -> None:
    """Print the version, and that of the ICAT interfaces."""
    print(f"Beamcat {__version__} (ICAT {ICAT_VERSION})")


@account_app.command("add")
def account_add(name: AccountName, config: Config = None, home: Home = None) -> None:
    """Make an account. The password is asked for, or read from standard input.

    Example: `beamcat account add ann`

    From a script: `beamcat account add ingest --config beamcat.toml < password.txt`
    """
    password = _new_password()
    _on_database(_settings(config, home), lambda database: accounts.add_account(database, name, password))
    print(f"{name} can sign in now.")


@account_app.command("set-password")
def account_set_password(name: AccountName, config: Config = None, home: Home = None) -> None:
    """Give an account another password. It is asked for, or read from standard input.

    Example: `beamcat account set-password ann`
    """
    password = _new_password()
    _on_database(_settings(config, home), lambda database: accounts.set_password(database, name, password))
    print(f"{name} has a new password.")


@account_app.command("remove")
def account_remove(name: AccountName, config: Config = None, home: Home = None) -> None:
    """Remove an account. What its user did in the catalogue stays.

    Example: `beamcat account remove ann`
    """
    _on_database(_settings(config, home), lambda database: accounts.remove_account(database, name))
    print(f"{name} is removed.")


@account_app.command("list")
def account_list(config: Config = None, home: Home = None) -> None:
    """List the accounts.

    Example: `beamcat account list`
    """
    table = Table("account", "made", "changed", box=None, pad_edge=False)
    for account in _on_database(_settings(config, home), accounts.list_accounts):
        table.add_row(account.name, f"{account.created:%Y-%m-%d %H:%M}", f"{account.changed:%Y-%m-%d %H:%M}")
    Console().print(table)


@settings_app.command("show")
def settings_show(config: Config = None, home: Home = None) -> None:
    """Show every setting as it is in effect, in the form of a settings file. Secrets are masked.

    A file sets what it wants to change; a variable such as `BEAMCAT_SERVER__PORT=8181` wins over the file.

    Example: `beamcat settings show --config beamcat.toml`
    """
    print(_as_toml(_settings(config, home)))


def _settings(config: Path | None, home: Path | None, **sections: dict[str, Any]) -> Settings:
    overrides: dict[str, Any] = {name: given for name, section in sections.items() if (given := _given(section))}
    if home is not None:
        overrides["home"] = home
    try:
        return load_settings(config, **overrides)
    except tomllib.TOMLDecodeError as error:
        _fail(f"{config} is not a settings file: {error}")


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _on_database(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    return asyncio.run(_with_database(settings, work))


async def _with_database(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    """What `work` does with the database, which is started for it where needed."""
    async with running_database(settings) as (opened, _):
        url = database_url(opened)
        await asyncio.to_thread(schema.assert_current, url)
        async with Database(url, opened.database) as database:
            return await work(database)


async def _make_demo_accounts(database: Database) -> None:
    for name, password in demo_accounts().items():
        with contextlib.suppress(AlreadyExists):
            await accounts.add_account(database, name, password)


async def _announce(url: str) -> None:
    print(f"Beamcat is ready at {url}", flush=True)


def _new_password() -> str:
    """Typed twice on a terminal, else the first line of standard input: never from the command line."""
    if sys.stdin.isatty():
        password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return password
    return sys.stdin.readline().rstrip("\r\n")


def _as_toml(settings: Settings) -> str:
    """The settings as their file would say them; what is not set is commented out, secrets are stars."""
    return "\n".join(_toml_table("", settings.model_dump(mode="json")))


def _toml_table(name: str, table: dict[str, Any]) -> list[str]:
    lines = ["", f"[{name}]"] if name else []
    for key, value in table.items():
        if not isinstance(value, dict):
            lines.append(f"# {key} =" if value is None else f"{key} = {json.dumps(value, ensure_ascii=False)}")
    for key, value in table.items():
        if isinstance(value, dict) and value:
            lines += _toml_table(f"{name}.{key}" if name else key, value)
    return lines


def _fail(message: str) -> NoReturn:
    print(f"beamcat: {message}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
