"""`beamcat targets`: what is brought to targets, and how it is ended."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from beamcat.cli.common import Config, Home, fail, moment, on_database, settings_of
from beamcat.database.pool import Database
from beamcat.store.targets.view import Brought, cancel, expire, listed

app = typer.Typer(help="What is brought to targets, and how it is ended.", no_args_is_help=True)

Download = Annotated[int, typer.Argument(metavar="DOWNLOAD", help="Id of the download, from `beamcat targets list`.")]


@app.command("list")
def targets_list(
    config: Config = None,
    home: Home = None,
    *,
    ended: Annotated[bool, typer.Option("--all", help="Those that have ended, too.")] = False,
    target: Annotated[str | None, typer.Option(help="Only those of this target.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line, for programs.")] = False,
) -> None:
    """List the requests that are under way, with how far they are and why they do not get on.

    Example: `beamcat targets list --all --target cluster --json`
    """
    table = Table("download", "user", "target", "state", "files", "bytes", "failed", "until", box=None, pad_edge=False)
    table.add_column("problem", overflow="fold")

    async def work(database: Database) -> None:
        async for page in listed(database, ended=ended, target=target):
            for user, each in page:
                if as_json:
                    print(orjson.dumps(_said(user, each)).decode())
                else:
                    table.add_row(*_row(user, each))

    on_database(settings_of(config, home), work)
    if not as_json:
        Console().print(table)


@app.command("cancel")
def targets_cancel(download: Download, config: Config = None, home: Home = None) -> None:
    """End a request that is under way. Its download is EXPIRED, and the server removes what was brought so far."""
    if not on_database(settings_of(config, home), lambda database: cancel(database, download)):
        fail(f"download {download} is not on its way to a target; see `beamcat targets list`")
    print(f"Download {download} is canceled; the server clears it away.")


@app.command("expire")
def targets_expire(download: Download, config: Config = None, home: Home = None) -> None:
    """Have data of a complete download removed from its target before their time is over."""
    if not on_database(settings_of(config, home), lambda database: expire(database, download)):
        fail(f"nothing of download {download} is at a target; see `beamcat targets list --all`")
    print(f"The time of download {download} is over; the server removes its data.")


def _said(user: str, each: Brought) -> dict[str, Any]:
    """What programs are told: of the access no more than whether there is one, since it may hold a token."""
    return {**asdict(each), "access": each.access is not None, "user": user}


def _row(user: str, each: Brought) -> list[Text | str]:
    until = each.expires or each.eta
    return [
        str(each.download),
        Text(user),
        Text(each.target),
        Text(each.detail or each.state),
        f"{each.files_done:,} of {each.files:,}" if each.files is not None else "",
        f"{decimal(each.bytes_done)} of {decimal(each.size)}" if each.files is not None else "",
        f"{each.failed:,}" if each.failed else "",
        "" if until is None or until.astimezone(UTC).year > datetime.now(UTC).year + 100 else moment(until),
        Text(each.problem or ""),
    ]
