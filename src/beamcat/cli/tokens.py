"""`beamcat token`: what scripts and instruments show instead of a password."""

from __future__ import annotations

import re
import sys
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from beamcat.access import tokens
from beamcat.access.caller import Scope
from beamcat.access.tokens import Purpose, Token
from beamcat.cli.common import Config, Home, on_database, print_lines, settings_of
from beamcat.database.pool import Database
from beamcat.errors import BadParameter

app = typer.Typer(
    help="Tokens, with which scripts and instruments act as a user without its password.", no_args_is_help=True
)

UserName = Annotated[str, typer.Argument(metavar="USER", help="The user name with its mechanism, such as `db/ann`.")]

_DAYS = re.compile(r"([0-9]{1,5})d", re.ASCII)


@app.command("add")
def token_add(
    user: UserName,
    config: Config = None,
    home: Home = None,
    *,
    name: Annotated[str, typer.Option("--name", help="What the user's tokens are told apart by.")],
    scope: Annotated[list[Scope], typer.Option("--scope", help="read: ask and download. write: change and upload.")],
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="DATE|DAYSd", help="The last day, in UTC, or a number of days from now."),
    ] = None,
) -> None:
    """Make a token. It is printed once, and cannot be shown again.

    Example: `beamcat token add db/ann --name notebook --scope read --expires 90d`

    For an instrument: `beamcat token add db/ingest --name beamline-7 --scope read --scope write --expires 2027-06-30
    > /etc/beamline-7.token`
    """
    now = datetime.now(UTC)
    purpose = Purpose(user, name, frozenset(scope), None if expires is None else expiry(expires, now))
    settings = settings_of(config, home)

    async def work(database: Database) -> tuple[str, bool]:
        token = await tokens.make(database, settings.tokens, purpose, now)
        return token, user in settings.catalogue.root_user_names or await tokens.is_known(database, user)

    token, is_known = on_database(settings, work)
    print(token)
    until = "until it is revoked" if purpose.expires is None else f"until {_moment(purpose.expires)} UTC"
    print(f"Whoever holds this token is {user} ({_scopes(purpose.scopes)}), {until}.", file=sys.stderr)
    if not is_known:
        print(f"There is no User {user} in the catalogue: only the rules for everybody hold for it.", file=sys.stderr)


@app.command("list")
def token_list(
    config: Config = None,
    home: Home = None,
    *,
    user: Annotated[str | None, typer.Option(metavar="USER", help="Those of one user, such as `db/ann`.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """List the tokens: whose they are, and when each was used last. All times are in UTC.

    Example: `beamcat token list --user db/ann`
    """
    found = on_database(settings_of(config, home), lambda database: tokens.list_tokens(database, user))
    now = datetime.now(UTC)
    if as_json:
        print_lines(_record(token, now) for token in found)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "user", "scopes", "made", "expires", "last used"):
        table.add_column(heading, overflow="fold")
    for token in found:
        table.add_row(
            escape(token.name),
            escape(token.user_name),
            _scopes(token.scopes),
            _moment(token.created),
            _expiry(token, now),
            "never" if token.used is None else _moment(token.used),
        )
    Console().print(table)


@app.command("revoke")
def token_revoke(
    user: UserName,
    name: Annotated[str, typer.Argument(help="The name of the token.")],
    config: Config = None,
    home: Home = None,
) -> None:
    """End a token. A running server knows it for one more second.

    Example: `beamcat token revoke db/ann notebook`
    """
    on_database(settings_of(config, home), lambda database: tokens.revoke(database, user, name))
    print(f"The token {name} of {user} is revoked.")


def expiry(text: str, now: datetime) -> datetime:
    """The end of the day that `2027-06-30` names, in UTC, or for `90d` this moment in so many days."""
    try:
        if days := _DAYS.fullmatch(text):
            return now + timedelta(days=int(days[1]))
        last = date.fromisoformat(text)
        return datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise BadParameter(f"{text} is no expiry; give a day such as 2027-06-30 or days such as 90d") from None


def _record(token: Token, now: datetime) -> dict[str, Any]:
    return {
        "user": token.user_name,
        "name": token.name,
        "scopes": sorted(token.scopes),
        "created": token.created.isoformat(),
        "expires": None if token.expires is None else token.expires.isoformat(),
        "expired": token.has_expired(now),
        "used": None if token.used is None else token.used.isoformat(),
    }


def _scopes(scopes: frozenset[Scope]) -> str:
    return ", ".join(sorted(scopes))


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def _expiry(token: Token, now: datetime) -> str:
    if token.expires is None:
        return "never"
    return f"{_moment(token.expires)}{' (expired)' if token.has_expired(now) else ''}"
