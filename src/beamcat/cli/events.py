"""`beamcat events`: the audit trail, and how far those are who read it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from beamcat.cli.common import Config, Home, on_database, settings_of
from beamcat.database.outbox import ChangeKind
from beamcat.database.pool import Database
from beamcat.errors import BadParameter
from beamcat.events import audit, lag
from beamcat.events.event import Event
from beamcat.events.sequencing import sequence_all
from beamcat.model import ENTITIES

app = typer.Typer(help="Who changed what in the catalogue, and when.", no_args_is_help=True)

MOST_RANGES = 5
"""Ranges of ids that the table shows of one event."""
DONE = {ChangeKind.CREATED: "created", ChangeKind.UPDATED: "updated", ChangeKind.DELETED: "deleted"}

Moment = "A date or a moment in UTC, such as `2026-11-21` or `2026-11-21T08:30`."


@app.command("list")
def events_list(
    config: Config = None,
    home: Home = None,
    *,
    entity: Annotated[str | None, typer.Option("--entity", help="Of one entity, such as `Dataset`.")] = None,
    id: Annotated[int | None, typer.Option("--id", help="Of the object with this id.")] = None,
    user: Annotated[str | None, typer.Option("--user", help="By one user, such as `db/ann`.")] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="MOMENT", help=f"From then on. {Moment}")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="MOMENT", help="Before then.")] = None,
    before: Annotated[
        int | None, typer.Option("--before", metavar="POSITION", help="Older than this event: the next page.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="How many at most.")] = audit.PAGE,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line, for programs.")] = False,
) -> None:
    """List what was changed, newest first. All times are in UTC.

    Example: `beamcat events list --entity Rule --since 2026-11-01`

    What became of one dataset: `beamcat events list --entity Dataset --id 4711`
    """
    if entity is not None and entity not in ENTITIES:
        raise BadParameter(f"there is no entity {entity}; names are those of ICAT, such as Investigation")

    asked = audit.Asked(
        entity=entity,
        id=id,
        user=user,
        since=None if since is None else moment(since),
        until=None if until is None else moment(until),
        before_position=before,
    )

    async def work(database: Database) -> list[Event]:
        await sequence_all(database)  # no server may be running that does it
        return await audit.history(database, asked, limit)

    events = on_database(settings_of(config, home), work)
    if as_json:
        for event in events:
            print(json_line(event))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("position", "when", "who", "did", "entity", "ids", "origin", "request"):
        table.add_column(heading, overflow="fold")
    for event in events:
        who, request = escape(event.user), escape(event.request_id)
        ids = audit.id_ranges(event.ids, MOST_RANGES)
        when = f"{event.at:%Y-%m-%d %H:%M:%S}"
        did = DONE[event.operation]
        table.add_row(str(event.position), when, who, did, event.entity, ids, event.origin.value, request)
    Console().print(table)


@app.command("prune")
def events_prune(
    config: Config = None,
    home: Home = None,
    *,
    before: Annotated[str, typer.Option("--before", metavar="MOMENT", help=Moment)],
) -> None:
    """Remove what was recorded before a date, for good. What a reader still has to read stays.

    Example: `beamcat events prune --before 2021-01-01`
    """
    older_than = moment(before)

    async def work(database: Database) -> int:
        console = Console(stderr=True)
        columns = (TextColumn("Removing"), TextColumn("{task.completed:,.0f} events"), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("", total=None)
            return await audit.prune(database, older_than, told=lambda number: progress.advance(task, number))

    print(f"{on_database(settings_of(config, home), work):,} events removed.")


@app.command("readers")
def events_readers(config: Config = None, home: Home = None) -> None:
    """List who reads the events (or the log of calls), and how far each has come.

    Example: `beamcat events readers`
    """
    now = datetime.now(UTC)
    table = Table(box=None, pad_edge=False)
    for heading in ("reader", "reads", "position", "behind", "oldest unread", "moved"):
        table.add_column(heading, overflow="fold")
    for reader in on_database(settings_of(config, home), lag.lags):
        age = f"{reader.seconds(now):.0f} s" if reader.oldest else "-"
        moved = f"{reader.moved:%Y-%m-%d %H:%M:%S}"
        table.add_row(
            escape(reader.name), f"{reader.source.value}s", str(reader.position), str(reader.behind), age, moved
        )
    Console().print(table)


@app.command("forget")
def events_forget(
    reader: Annotated[str, typer.Argument(help="Its name, as `beamcat events readers` shows it.")],
    config: Config = None,
    home: Home = None,
) -> None:
    """Give up the position of a reader that is no more: unread events are kept for it otherwise.

    A reader that is still in the settings begins anew.

    Example: `beamcat events forget notifications-old`
    """
    on_database(settings_of(config, home), lambda database: audit.forget_reader(database, reader))
    print(f"{reader} is forgotten.")


def moment(text: str) -> datetime:
    """The moment that a date or a time names, in UTC unless it says otherwise. `BadParameter` for anything else."""
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        raise BadParameter(f"{text} is neither a date nor a moment, such as 2026-11-21 or 2026-11-21T08:30") from None
    return said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)


def json_line(event: Event) -> str:
    """The event as one line of JSON; `ids` are pairs of first and last id, and so are those in `former`, by entity."""
    members = {
        "position": event.position,
        "at": event.at,
        "user": event.user,
        "requestId": event.request_id,
        "entity": event.entity,
        "operation": event.operation.value,
        "origin": event.origin.value,
        "ids": event.ids,
        "former": event.former,
    }
    return orjson.dumps(members).decode()
