"""`beamcat calls`: who asked what, when, and for how long."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from beamcat.cli.common import Config, Home, on_database, settings_of
from beamcat.database.pool import Database
from beamcat.events import calls

app = typer.Typer(help="The log of calls: who asked what, when, and for how long.", no_args_is_help=True)

_AGE = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MOMENT = "An age such as `30m`, `2h`, `1d`, `4w`, or a date or time such as `2026-01-31` (UTC)."


class By(StrEnum):
    """What calls are put together by."""

    USER = "user"
    OPERATION = "operation"
    QUERY = "query"


def moment(text: str, now: datetime | None = None) -> datetime:
    """The moment that is an age ago, or at a date or time in ISO 8601; UTC unless it says otherwise."""
    if found := _AGE.fullmatch(text):
        return (now or datetime.now(UTC)) - timedelta(**{_UNITS[found[2]]: int(found[1])})
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text} is neither an age such as 2h nor a date such as 2026-01-31") from None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read


Moment = Annotated[datetime | None, typer.Option(parser=moment, metavar="WHEN", help=_MOMENT)]


@app.command("list")
def calls_list(
    config: Config = None,
    home: Home = None,
    *,
    user: Annotated[str | None, typer.Option(help="Only those of this user, such as `db/ann`.")] = None,
    operation: Annotated[str | None, typer.Option(help="Only these, such as `search` or `login`.")] = None,
    door: Annotated[str | None, typer.Option(help="Only by this interface, such as `icat_rest`.")] = None,
    outcome: Annotated[
        str | None, typer.Option(help="Only those that ended so: `ok`, `failed`, or a kind of error.")
    ] = None,
    slower_than: Annotated[float | None, typer.Option(metavar="MS", help="Only those that took longer.")] = None,
    entity: Annotated[str | None, typer.Option(help="Only those about objects of this entity.")] = None,
    id: Annotated[int | None, typer.Option("--id", help="Only those about the object with this id.")] = None,
    since: Moment = None,
    until: Moment = None,
    before: Annotated[int | None, typer.Option(metavar="POSITION", help="Older than this call: the next page.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = calls.PAGE,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line, with everything known.")] = False,
) -> None:
    """List calls, the newest first.

    Example, the refused ones of today: `beamcat calls list --outcome failed --since 1d`

    Or slow searches: `beamcat calls list --operation search --slower-than 5000 --json`
    """

    def ask(database: Database) -> Awaitable[list[calls.Call]]:
        return calls.calls(
            database,
            user=user,
            operation=operation,
            door=door,
            outcome=outcome,
            slower_than_ms=slower_than,
            entity=entity,
            id=id,
            since=since,
            until=until,
            before_position=before,
            limit=limit,
        )

    found = on_database(settings_of(config, home), ask)
    if as_json:
        for call in found:
            print(orjson.dumps(asdict(call)).decode())
        return
    table = Table("position", "started", "ms", "user", "operation", "outcome", "client", box=None, pad_edge=False)
    table.add_column("about", no_wrap=True, overflow="ellipsis")
    for call in found:
        about = call.query or " ".join(str(part) for part in (call.entity, call.id) if part is not None)
        cells = (call.user or "-", f"{call.door} {call.operation}", call.outcome, call.client or "-", about)
        first = (str(call.position), f"{call.started:%Y-%m-%d %H:%M:%S}", f"{call.duration_ms:,.1f}")
        table.add_row(*first, *map(Text, cells))
    Console().print(table)


@app.command("top")
def calls_top(
    config: Config = None,
    home: Home = None,
    *,
    by: Annotated[By, typer.Option(help="What calls are put together by.")] = By.USER,
    since: Annotated[datetime, typer.Option(parser=moment, metavar="WHEN", help=_MOMENT)] = "1d",  # type: ignore[assignment]
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """Show the users, operations or queries that take most of the server's time.

    Example: `beamcat calls top --by query --since 2h`
    """

    def ask(database: Database) -> Awaitable[list[calls.Busy]]:
        return calls.busiest(database, since=since, by=by.value, limit=limit)

    found = on_database(settings_of(config, home), ask)
    if as_json:
        for busy in found:
            print(orjson.dumps(asdict(busy)).decode())
        return
    table = Table(box=None, pad_edge=False)
    for column in ("calls", "total s", "p50 ms", "p99 ms"):
        table.add_column(column, justify="right")
    table.add_column(by.value)
    for busy in found:
        numbers = f"{busy.calls:,}", f"{busy.total_ms / 1000:,.1f}", f"{busy.p50_ms:,.1f}", f"{busy.p99_ms:,.1f}"
        table.add_row(*numbers, Text(busy.name or "-"))
    Console().print(table)


@app.command("prune")
def calls_prune(
    before: Annotated[datetime, typer.Option(parser=moment, metavar="WHEN", help=_MOMENT)],
    config: Config = None,
    home: Home = None,
) -> None:
    """Remove the calls from before a moment. The server does so by itself, see `calls.keep_days`.

    Example: `beamcat calls prune --before 30d`
    """
    removed = on_database(settings_of(config, home), lambda database: calls.prune(database, before))
    print(f"{removed:,} calls removed.")
