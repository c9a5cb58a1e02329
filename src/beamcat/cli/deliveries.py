"""`beamcat deliveries`: who has received which data, who gave up, and who came back."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from beamcat.cli.calls import Moment
from beamcat.cli.common import Config, Home, moment, on_database, settings_of
from beamcat.database.pool import Database
from beamcat.store.deliveries.report import Summary, summaries
from beamcat.store.deliveries.table import EARLIEST, LATEST, Asked, Delivered, DeliveryTable

app = typer.Typer(help="Who has received which data, who gave up, and who came back.", no_args_is_help=True)

COLUMNS = ("started", "state", "percent", "user", "prepared_id", "investigations", "size", "delivered", "sent",
           "requests", "broken", "restarts", "clients", "first_byte", "last_byte", "completed", "confirmed", "exact",
           "etag")  # fmt: skip
"""What is told of a delivery to programs."""


class State(StrEnum):
    """How a delivery stands."""

    ALL = "all"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    STALLED = "stalled"


class By(StrEnum):
    """What deliveries are put together by."""

    USER = "user"
    INVESTIGATION = "investigation"
    MONTH = "month"
    DAY = "day"


User = Annotated[str | None, typer.Option(help="Only those of this user, such as `db/ann`.")]
Investigation = Annotated[int | None, typer.Option(metavar="ID", help="Only those of data of this investigation.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Comma-separated values, for spreadsheets.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per line, for programs.")]


@app.command("list")
def deliveries_list(
    config: Config = None,
    home: Home = None,
    *,
    state: Annotated[
        State, typer.Option(help="Only `complete` or `incomplete` ones, or `stalled` ones: no byte for an hour.")
    ] = State.ALL,
    user: User = None,
    investigation: Investigation = None,
    since: Moment = None,
    until: Moment = None,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """List downloads by the time they began, and how much of each has arrived.

    Example, who gave up this week: `beamcat deliveries list --state stalled --since 1w`
    """
    asked = Asked(state.value, since or EARLIEST, until or LATEST, user, investigation)
    found = _Listing(as_csv=as_csv, as_json=as_json)

    async def work(database: Database) -> None:
        async for page in DeliveryTable(database).listed(asked):
            found.add(page)

    on_database(settings_of(config, home), work)
    found.end()


@app.command("report")
def deliveries_report(
    config: Config = None,
    home: Home = None,
    *,
    by: Annotated[By, typer.Option(help="What downloads are put together by.")] = By.USER,
    user: User = None,
    investigation: Investigation = None,
    since: Moment = None,
    until: Moment = None,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Say how many downloads arrived, how many were given up and at what percentage, and who came back.

    Example: `beamcat deliveries report --by investigation --since 2026-01-01 --csv`
    """
    asked = Asked("all", since or EARLIEST, until or LATEST, user, investigation)
    found = on_database(settings_of(config, home), lambda database: summaries(database, by.value, asked))
    if as_json:
        for summary in found:
            print(orjson.dumps(asdict(summary)).decode())
    elif as_csv:
        names = [each.name for each in fields(Summary)]
        _write_csv([names, *([getattr(summary, name) for name in names] for summary in found)])
    else:
        Console().print(_report(by, found))


class _Listing:
    """Writes deliveries as they come, or, for people, a table of all."""

    def __init__(self, *, as_csv: bool, as_json: bool) -> None:
        self._as_csv, self._as_json = as_csv, as_json
        self._table = Table("started", "state", "arrived", "of", "user", "back", box=None, pad_edge=False)
        self._table.add_column("investigations", overflow="fold")
        if as_csv:
            _write_csv([COLUMNS])

    def add(self, page: Iterable[Delivered]) -> None:
        now = datetime.now(UTC)
        for delivered in page:
            if self._as_csv or self._as_json:
                said = _said(delivered, now)
                if self._as_json:
                    print(orjson.dumps(said).decode())
                else:
                    _write_csv([[said[name] for name in COLUMNS]])
                continue
            where = " ".join(map(str, delivered.investigations))
            self._table.add_row(
                moment(delivered.started),
                delivered.state(now),
                f"{delivered.percent:.1f} %",
                decimal(delivered.size),
                Text(delivered.user),
                str(delivered.restarts),
                where,
            )

    def end(self) -> None:
        if not (self._as_csv or self._as_json):
            Console().print(self._table)


def _said(delivered: Delivered, now: datetime) -> dict[str, Any]:
    said = asdict(delivered) | {"state": delivered.state(now), "percent": delivered.percent}
    return {name: said[name] for name in COLUMNS}


def _report(by: By, found: Sequence[Summary]) -> Table:
    table = Table(by.value, box=None, pad_edge=False)
    for heading in ("downloads", "complete", "taken", "given up", "at", "came back", "arrived", "sent"):
        table.add_column(heading, justify="right")
    for summary in found:
        at = f"{summary.given_up_at_percent:.1f} %" if summary.given_up else ""
        known = f"{summary.downloads:,}", f"{summary.complete:,}", f"{summary.taken:,}", f"{summary.given_up:,}"
        cells = (*known, at, f"{summary.came_back:,}", decimal(summary.delivered_bytes), decimal(summary.sent_bytes))
        table.add_row(Text(summary.name or "-"), *cells)
    return table


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone(UTC).isoformat()
        case list():
            return " ".join(map(str, value))
        case str() if value[:1] in "=+-@":
            return f"'{value}"  # spreadsheets would take it for a formula
        case _:
            return str(value)


def _write_csv(rows: Iterable[Sequence[Any]]) -> None:
    csv.writer(sys.stdout, lineterminator="\n").writerows([_cell(value) for value in row] for row in rows)
