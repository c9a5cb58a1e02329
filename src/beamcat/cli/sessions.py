"""`beamcat sessions`: who is signed in, and ending that."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from beamcat.access.session_list import (
    AuthenticatorSessions,
    ListedSession,
    SessionList,
    count_sessions,
    end_all_sessions,
    end_session,
    end_sessions_of,
    list_sessions,
)
from beamcat.cli.common import Config, Home, moment, on_database, print_lines, settings_of
from beamcat.config import AuthenticatorSettings, Settings
from beamcat.database.pool import Database

app = typer.Typer(help="Sessions: who is signed in.", no_args_is_help=True)


@app.command("list")
def sessions_list(
    config: Config = None,
    home: Home = None,
    *,
    user: Annotated[str | None, typer.Option(metavar="USER", help="Those of one user, such as `db/ann`.")] = None,
    summary: Annotated[bool, typer.Option("--summary", help="Only count them, by authenticator.")] = False,
    most: Annotated[int, typer.Option(min=1, help="Sessions to show.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """List the sessions, youngest first. All times are in UTC.

    A session id is as good as a password, so only fingerprints are shown. An anonymous session is shared by all
    visitors of some minutes.

    Example: `beamcat sessions list --user db/ann`

    How many of them there are: `beamcat sessions list --summary`
    """
    settings = settings_of(config, home)
    now, shared = datetime.now(UTC), _sharing(settings)
    if summary:
        counts = on_database(settings, lambda database: count_sessions(database, now, shared))
        _print_counts(counts, as_json=as_json)
        return
    found = on_database(settings, lambda database: list_sessions(database, now, shared, user, most))
    if as_json:
        print_lines(map(_record, found.sessions))
    else:
        _print_table(found)
    if found.count > len(found.sessions):
        print(f"and {found.count - len(found.sessions):,} more; --most shows more of them", file=sys.stderr)


@app.command("end")
def sessions_end(
    config: Config = None,
    home: Home = None,
    *,
    user: Annotated[str | None, typer.Option(metavar="USER", help="All sessions of a user, such as `db/ann`.")] = None,
    fingerprint: Annotated[
        str | None, typer.Option(metavar="DIGITS", help="One session; the first digits are enough.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="The sessions of everybody.")] = False,
) -> None:
    """End sessions. Running servers feel it within a second; tokens and accounts stay.

    Example: `beamcat sessions end --user db/ann`
    """
    if (user is not None) + (fingerprint is not None) + everything != 1:
        raise typer.BadParameter("say which: --user USER, --fingerprint DIGITS or --all")
    settings = settings_of(config, home)

    async def work(database: Database) -> str:
        if fingerprint is not None:
            return f"The session {fingerprint} of {await end_session(database, fingerprint.lower())} is ended."
        ended = await (end_all_sessions(database) if user is None else end_sessions_of(database, user))
        return f"Sessions ended: {ended:,}."

    print(on_database(settings, work))


def _sharing(settings: Settings) -> frozenset[str]:
    """The mnemonics of the authenticators whose users share their session."""
    return frozenset(
        mnemonic
        for mnemonic, chosen in settings.authenticator.items()
        if isinstance(chosen, AuthenticatorSettings) and chosen.kind == "anon"
    )


def _print_table(found: SessionList) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("fingerprint", "user", "authenticator", "since", "expires", ""):
        table.add_column(heading, overflow="fold")
    for session in found.sessions:
        table.add_row(
            session.fingerprint,
            escape(session.user_name),
            escape(session.authenticator),
            moment(session.since),
            moment(session.expires),
            "shared" if session.shared else "",
        )
    Console().print(table)


def _print_counts(counts: tuple[AuthenticatorSessions, ...], *, as_json: bool) -> None:
    if as_json:
        print_lines(
            {
                "authenticator": each.authenticator,
                "sessions": each.sessions,
                "users": each.users,
                "shared": each.shared,
            }
            for each in counts
        )
        return
    table = Table("authenticator", "sessions", "users", "", box=None, pad_edge=False)
    for each in counts:
        shared = "shared" if each.shared else ""
        table.add_row(escape(each.authenticator), f"{each.sessions:,}", f"{each.users:,}", shared)
    Console().print(table)


def _record(session: ListedSession) -> dict[str, Any]:
    return {
        "fingerprint": session.fingerprint,
        "user": session.user_name,
        "authenticator": session.authenticator,
        "since": session.since.astimezone(UTC).isoformat(),
        "expires": session.expires.astimezone(UTC).isoformat(),
        "shared": session.shared,
    }
