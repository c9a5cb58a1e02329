"""`beamcat block`: who is kept out."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from beamcat.cli.common import Config, Home, moment, on_database, print_lines, settings_of
from beamcat.protection.blocks import Block, Kind, add_block, list_blocks, remove_block

app = typer.Typer(help="Blocks: users, networks and downloads that are kept out.", no_args_is_help=True)

User = Annotated[str | None, typer.Option(metavar="USER", help="A user, such as `db/ann`.")]
Network = Annotated[str | None, typer.Option(metavar="NETWORK", help="An address, or a network: `192.0.2.0/24`.")]
Prepared = Annotated[str | None, typer.Option(metavar="ID", help="Whoever has the id of a prepared download.")]


@app.command("add")
def block_add(
    config: Config = None,
    home: Home = None,
    *,
    user: User = None,
    network: Network = None,
    prepared: Prepared = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; for administrators.")],
    days: Annotated[float | None, typer.Option(min=0, help="For so long; without it, until it is removed.")] = None,
) -> None:
    """Keep somebody out. Running servers feel it within a second, and end the downloads of that one.

    Example: `beamcat block add --network 192.0.2.0/24 --reason "fetches everything twice"`
    """
    kind, subject = _whom(user, network, prepared)
    expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
    by = getpass.getuser()
    kept = on_database(
        settings_of(config, home),
        lambda database: add_block(database, kind, subject, reason=reason, by=by, expires=expires),
    )
    print(f"The {kind} {kept} is blocked{'' if expires is None else f' until {moment(expires)} UTC'}.")


@app.command("list")
def block_list(
    config: Config = None,
    home: Home = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """List who is kept out, oldest first. All times are in UTC.

    Example: `beamcat block list`
    """
    found = on_database(settings_of(config, home), list_blocks)
    if as_json:
        print_lines(map(_record, found))
        return
    table = Table("kind", "whom", "since", "until", "by", "reason", box=None, pad_edge=False)
    now = datetime.now(UTC)
    for block in found:
        until = "" if block.expires is None else moment(block.expires) + (" (over)" if block.expires <= now else "")
        row = (block.kind, block.subject, moment(block.created), until, block.created_by, block.reason)
        table.add_row(*map(escape, row))
    Console().print(table)


@app.command("remove")
def block_remove(
    config: Config = None,
    home: Home = None,
    *,
    user: User = None,
    network: Network = None,
    prepared: Prepared = None,
) -> None:
    """Let somebody in again. Running servers feel it within a second.

    Example: `beamcat block remove --network 192.0.2.0/24`
    """
    kind, subject = _whom(user, network, prepared)
    kept = on_database(settings_of(config, home), lambda database: remove_block(database, kind, subject))
    print(f"The {kind} {kept} is blocked no longer.")


def _whom(user: str | None, network: str | None, prepared: str | None) -> tuple[Kind, str]:
    given: list[tuple[Kind, str]] = []
    if user is not None:
        given.append(("user", user))
    if network is not None:
        given.append(("network", network))
    if prepared is not None:
        given.append(("prepared", prepared))
    if len(given) != 1:
        raise typer.BadParameter("say which: --user USER, --network NETWORK or --prepared ID")
    return given[0]


def _record(block: Block) -> dict[str, str | None]:
    return {
        "kind": block.kind,
        "subject": block.subject,
        "reason": block.reason,
        "created": block.created.astimezone(UTC).isoformat(),
        "createdBy": block.created_by,
        "expires": None if block.expires is None else block.expires.astimezone(UTC).isoformat(),
    }
