"""`beamcat account`: who can sign in by the `db` authenticator."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from beamcat.access import accounts
from beamcat.cli.common import Config, Home, on_database, settings_of

app = typer.Typer(
    help="The accounts of the `db` authenticator. The account `ann` signs in as `db/ann`.", no_args_is_help=True
)

AccountName = Annotated[str, typer.Argument(help="What is typed at login, such as `ann`.")]


@app.command("add")
def account_add(name: AccountName, config: Config = None, home: Home = None) -> None:
    """Make an account. The password is asked for, or read from standard input.

    Example: `beamcat account add ann`

    From a script: `beamcat account add ingest --config beamcat.toml < password.txt`
    """
    password = _new_password()
    on_database(settings_of(config, home), lambda database: accounts.add_account(database, name, password))
    print(f"{name} can sign in now.")


@app.command("set-password")
def account_set_password(name: AccountName, config: Config = None, home: Home = None) -> None:
    """Give an account another password. It is asked for, or read from standard input.

    Example: `beamcat account set-password ann`
    """
    password = _new_password()
    on_database(settings_of(config, home), lambda database: accounts.set_password(database, name, password))
    print(f"{name} has a new password.")


@app.command("remove")
def account_remove(name: AccountName, config: Config = None, home: Home = None) -> None:
    """Remove an account. What its user did in the catalogue stays.

    Example: `beamcat account remove ann`
    """
    on_database(settings_of(config, home), lambda database: accounts.remove_account(database, name))
    print(f"{name} is removed.")


@app.command("list")
def account_list(config: Config = None, home: Home = None) -> None:
    """List the accounts.

    Example: `beamcat account list`
    """
    table = Table("account", "made", "changed", box=None, pad_edge=False)
    for account in on_database(settings_of(config, home), accounts.list_accounts):
        table.add_row(account.name, f"{account.created:%Y-%m-%d %H:%M}", f"{account.changed:%Y-%m-%d %H:%M}")
    Console().print(table)


def _new_password() -> str:
    """Typed twice on a terminal, else the first line of standard input: never from the command line."""
    if sys.stdin.isatty():
        password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return password
    return sys.stdin.readline().rstrip("\r\n")
