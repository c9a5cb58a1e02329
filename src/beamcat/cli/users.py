"""`beamcat user`: who is known to the catalogue, and who can sign in by the `db` authenticator."""

from __future__ import annotations

import sys
from datetime import UTC
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from beamcat.access import accounts
from beamcat.access.rulebooks import Rulebooks
from beamcat.access.user_list import ListedUser, UserList, list_users
from beamcat.access.user_names import Named, db_mechanisms, named, new_account
from beamcat.catalogue.catalogue import Catalogue
from beamcat.catalogue.users import Person, add_user, remove_user
from beamcat.cli.common import Config, Home, moment, on_database, print_lines, settings_of
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.errors import BadParameter

app = typer.Typer(
    help="People: what the catalogue knows of them, and the accounts of the `db` authenticator. The account `ann` signs"
    " in as `db/ann`.",
    no_args_is_help=True,
)

UserName = Annotated[
    str,
    typer.Argument(metavar="NAME", help="What is typed at login, such as `ann`; or a user name such as `ldap/ann`."),
]


@app.command("add")
def user_add(
    name: UserName,
    config: Config = None,
    home: Home = None,
    *,
    full_name: Annotated[str | None, typer.Option(help="As people write it.")] = None,
    email: Annotated[str | None, typer.Option(help="Where to write to.")] = None,
    orcid: Annotated[str | None, typer.Option(help="ORCID, such as 0000-0002-1825-0097.")] = None,
    group: Annotated[
        list[str] | None, typer.Option("--group", help="A Grouping to be a member of. May be given again.")
    ] = None,
    authenticator: Annotated[
        str | None, typer.Option(metavar="MNEMONIC", help="Which one, where the settings have several of kind `db`.")
    ] = None,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="Make the User only: it signs in by another authenticator.")
    ] = False,
) -> None:
    """Make an account, and the User the catalogue knows. The password is asked for, or read from standard input.

    What is there already is completed: a User without an account gets one.

    Example: `beamcat user add ann --full-name "Ann Example" --group staff`

    From a script: `beamcat user add ingest --config beamcat.toml < password.txt`

    Who signs in by another authenticator: `beamcat user add ldap/bob --no-password --group staff`
    """
    settings = settings_of(config, home)
    who = _without_account(settings, name) if no_password else new_account(settings, name, authenticator)
    password = None if no_password else _new_password()
    attributes = {"fullName": full_name, "email": email, "orcidId": orcid}
    said = {attribute: value for attribute, value in attributes.items() if value}
    person = Person(said, tuple(dict.fromkeys(group or ())))
    on_database(settings, lambda database: add_user(database, _catalogue(database, settings), who, person, password))
    print(
        f"{who.users[0]} is known to the catalogue." if no_password else f"{name} can sign in now, as {who.users[0]}."
    )


@app.command("passwd")
def user_passwd(name: UserName, config: Config = None, home: Home = None) -> None:
    """Give an account another password, and end its sessions. It is asked for, or read from standard input.

    Tokens of scripts go on: see `beamcat token list`.

    Example: `beamcat user passwd ann`
    """
    settings = settings_of(config, home)
    who = named(settings, name)
    if who.account is None:
        raise BadParameter(f"{name} has no password here: another authenticator lets them in")
    account, password = who.account, _new_password()

    async def work(database: Database) -> tuple[int, int]:
        ended = await accounts.set_password(database, account, password, who.users)
        return ended, await accounts.count_tokens(database, who.users)

    sessions, tokens = on_database(settings, work)
    print(f"{account} has a new password. {_ended(sessions)}")
    if tokens:
        print(f"Tokens that go on: {tokens}. `beamcat token revoke` ends them.")


@app.command("remove")
def user_remove(
    name: UserName,
    config: Config = None,
    home: Home = None,
    *,
    with_user: Annotated[
        bool, typer.Option("--with-user", help="Remove the User, too, with everything the catalogue says about it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove an account with its sessions and tokens. The User stays, and what it did.

    With `--with-user` the catalogue forgets in which investigations and groups the user was: only for one made by
    mistake.

    Example: `beamcat user remove ann`
    """
    settings = settings_of(config, home)
    who = named(settings, name)
    if with_user and not yes:
        typer.confirm(
            f"Remove {' and '.join(who.users)} from all investigations and groups, and from the catalogue?", abort=True
        )
    ended, users = on_database(
        settings, lambda database: remove_user(database, _catalogue(database, settings), who, with_user=with_user)
    )
    taken = [f"the account {who.account}"] if ended.account else []
    taken += ["the User"] if users else []
    print(f"Removed: {', '.join(taken) or 'no account'}. {_ended(ended.sessions)} Tokens removed: {ended.tokens}.")


@app.command("list")
def user_list(
    pattern: Annotated[
        str | None,
        typer.Argument(
            metavar="[PATTERN]", help="Part of the name or full name; or all of it, * standing for anything."
        ),
    ] = None,
    config: Config = None,
    home: Home = None,
    *,
    most: Annotated[int, typer.Option(min=1, help="Users to show.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """List the users: those the catalogue knows, and those with an account. All times are in UTC.

    The last sign-in is that of sessions which are still there.

    Example: `beamcat user list "db/*smith"`
    """
    settings = settings_of(config, home)
    mechanisms = set(db_mechanisms(settings).values())
    found = on_database(settings, lambda database: list_users(database, mechanisms, pattern, most))
    if as_json:
        print_lines(map(_record, found.users))
    else:
        _print_table(found)
    if found.count > len(found.users):
        print(f"and {found.count - len(found.users):,} more; --most shows more of them", file=sys.stderr)


def _print_table(found: UserList) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "full name", "account", "User", "groups", "last sign-in"):
        table.add_column(heading, overflow="fold")
    for user in found.users:
        table.add_row(
            escape(user.name),
            escape(user.full_name or ""),
            "yes" if user.has_account else "no",
            "yes" if user.in_catalogue else "no",
            escape(", ".join(user.groups)),
            "" if user.last_sign_in is None else moment(user.last_sign_in),
        )
    Console().print(table)


def _record(user: ListedUser) -> dict[str, Any]:
    return {
        "name": user.name,
        "fullName": user.full_name,
        "account": user.has_account,
        "inCatalogue": user.in_catalogue,
        "groups": user.groups,
        "lastSignIn": None if user.last_sign_in is None else user.last_sign_in.astimezone(UTC).isoformat(),
    }


def _ended(sessions: int) -> str:
    return f"Sessions ended: {sessions}."


def _without_account(settings: Settings, name: str) -> Named:
    if "/" not in name and "" not in {chosen.mechanism for chosen in settings.authenticator.values()}:
        raise BadParameter(f"--no-password takes the whole user name, such as ldap/{name}")
    return Named(None, (name,))


def _catalogue(database: Database, settings: Settings) -> Catalogue:
    return Catalogue(database, Rulebooks(database, settings.catalogue), settings)


def _new_password() -> str:
    """Typed twice on a terminal, else the first line of standard input: never from the command line."""
    if sys.stdin.isatty():
        password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return password
    return sys.stdin.readline().rstrip("\r\n")
