"""`beamcat units`: what goes to the archive and what comes back, and what is stuck."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from beamcat.cli.common import Config, Home, fail, moment, on_database, settings_of
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.store.units.administration import Chosen, Listed, catalogued, listed
from beamcat.store.units.queue import Queue
from beamcat.store.units.transitions import ARCHIVE, RESTORE, Operation
from beamcat.store.units.values import Terms, Units

app = typer.Typer(help="What goes to the archive, what comes back, and what is stuck.", no_args_is_help=True)

OPERATOR = "beamcat"
"""On whose behalf the command asks."""


class State(StrEnum):
    """How units stand that are listed."""

    BUSY = "busy"
    WAITING = "waiting"
    RUNNING = "running"
    STUCK = "stuck"
    FAILED = "failed"
    ARCHIVED = "archived"


Ids = Annotated[list[int] | None, typer.Argument(metavar="[UNIT]...", help="Ids of datasets, or of datafiles.")]
Investigations = Annotated[
    list[int] | None,
    typer.Option("--investigation", metavar="ID", help="Those of an investigation; may be repeated."),
]
Datasets = Annotated[
    list[int] | None, typer.Option("--dataset", metavar="ID", help="Those of a dataset; may be repeated.")
]
User = Annotated[str | None, typer.Option(help="Those that this user has asked for, such as `db/ann`.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per line, for programs.")]


@app.command("list")
def units_list(
    config: Config = None,
    home: Home = None,
    *,
    state: Annotated[
        State,
        typer.Option(
            help="`busy` are those that wait for something, or to which it is being done; `stuck` those with which "
            "something went wrong."
        ),
    ] = State.BUSY,
    user: User = None,
    investigation: Investigations = None,
    dataset: Datasets = None,
    as_json: AsJson = False,
) -> None:
    """List datasets, or datafiles, that are on their way between main storage and archive.

    Example, what cannot be brought back, and why: `beamcat units list --state failed`
    """
    settings = settings_of(config, home)
    chosen = Chosen(None, _ids(investigation), _ids(dataset), user, state.value)
    table = Table("unit", "state", "operation", "size", "user", "since", "tries", box=None, pad_edge=False)
    table.add_column("of", overflow="fold")
    table.add_column("problem", overflow="fold")

    async def work(database: Database) -> None:
        async for page in listed(database, settings.store.unit, chosen):
            for unit in page:
                if as_json:
                    print(orjson.dumps(asdict(unit) | {"state": unit.state}).decode())
                else:
                    table.add_row(*_cells(unit))

    on_database(settings, work)
    if not as_json:
        Console().print(table)


@app.command("retry")
def units_retry(
    units: Ids = None,
    config: Config = None,
    home: Home = None,
    *,
    user: User = None,
    investigation: Investigations = None,
    dataset: Datasets = None,
    every: Annotated[bool, typer.Option("--all", help="All with which something went wrong.")] = False,
) -> None:
    """Try again at once what went wrong: restores that have failed, and what is to be tried again later.

    Example: `beamcat units retry --all`
    """
    settings = settings_of(config, home)
    if not (units or user or investigation or dataset or every):
        fail("say which units: their ids, --investigation, --dataset, --user or --all")
    chosen = Chosen(_ids(units), _ids(investigation), _ids(dataset), user, "stuck")

    async def work(database: Database) -> int:
        queue = _queue(settings, database)
        tried = 0
        async for page in listed(database, queue.kind, chosen):
            failed = _units([unit for unit in page if unit.failure is not None])
            await queue.clear_failures(failed)
            await queue.request(RESTORE, failed, OPERATOR)
            await queue.hasten([unit.id for unit in page])
            tried += len(page)
        return tried

    print(f"{on_database(settings, work)} units are tried again")


@app.command("cancel")
def units_cancel(
    units: Ids = None,
    config: Config = None,
    home: Home = None,
    *,
    user: User = None,
    investigation: Investigations = None,
    dataset: Datasets = None,
    reason: Annotated[str, typer.Option(help="What clients and administrators are told.")] = "cancelled",
) -> None:
    """Stop restores, and take back what was to be archived. What is to be written to the archive is written.

    Clients that wait for a unit are told that its restore has failed, until somebody asks for it anew.
    """
    settings = settings_of(config, home)
    if not (units or user or investigation or dataset):
        fail("say which units: their ids, --investigation, --dataset or --user")
    chosen = Chosen(_ids(units), _ids(investigation), _ids(dataset), user, "busy")

    async def work(database: Database) -> int:
        queue = _queue(settings, database)
        cancelled = 0
        async for page in listed(database, queue.kind, chosen):
            cancelled += len(await queue.cancel([unit.id for unit in page], reason))
        return cancelled

    print(f"{on_database(settings, work)} units stay where they are")


@app.command("archive")
def units_archive(
    config: Config = None,
    home: Home = None,
    *,
    investigation: Investigations = None,
    dataset: Datasets = None,
) -> None:
    """Have the data of investigations or datasets leave the main storage, once the archive has them.

    Example: `beamcat units archive --investigation 17`
    """
    _ask(ARCHIVE, settings_of(config, home), investigation, dataset)


@app.command("restore")
def units_restore(
    config: Config = None,
    home: Home = None,
    *,
    investigation: Investigations = None,
    dataset: Datasets = None,
    priority: Annotated[int, typer.Option(help="The higher, the sooner. Users' requests have 0.")] = 0,
) -> None:
    """Have the data of investigations or datasets brought back from the archive.

    Example: `beamcat units restore --investigation 17 --priority 5`
    """
    _ask(RESTORE, settings_of(config, home), investigation, dataset, priority)


def _ask(
    operation: Operation,
    settings: Settings,
    investigations: Sequence[int] | None,
    datasets: Sequence[int] | None,
    priority: int = 0,
) -> None:
    if not (investigations or datasets):
        fail("say which data: --investigation or --dataset")
    if settings.store.archive is None:
        fail("there is no archive storage: see store.archive")

    async def work(database: Database) -> int:
        queue = _queue(settings, database)
        asked = 0
        async for some in catalogued(database, queue.kind, tuple(investigations or ()), tuple(datasets or ())):
            await queue.request(operation, some, OPERATOR, priority)
            asked += len(some)
        return asked

    number = on_database(settings, work)
    what = "are to leave the main storage" if operation is ARCHIVE else "are to be in the main storage"
    print(f"{number} units {what}; `beamcat units list` shows how far they are")


def _queue(settings: Settings, database: Database) -> Queue:
    delay = timedelta(seconds=settings.ids.delay_datafile_operations_s)
    return Queue(database, Terms(settings.store.unit, datafile_operations=delay))


def _units(found: Sequence[Listed]) -> Units:
    return Units([unit.id for unit in found], [unit.dataset_id for unit in found])


def _ids(said: Sequence[int] | None) -> tuple[int, ...] | None:
    return tuple(said) if said else None


def _cells(unit: Listed) -> list[Any]:
    told = "/".join(name for name in (unit.facility, unit.investigation, unit.visit_id, unit.dataset) if name)
    problem = unit.failure or unit.problem or ""
    if not problem and unit.expected is not None:
        problem = f"expected {_until(unit.expected)}"
    return [
        str(unit.id),
        unit.state,
        unit.operation or "",
        "" if unit.size is None else decimal(unit.size),
        Text(unit.user or ""),
        "" if unit.since is None else moment(unit.since),
        str(unit.tries),
        Text(told),
        Text(problem),
    ]


def _until(expected: datetime) -> str:
    seconds = (expected - datetime.now(UTC)).total_seconds()
    return "now" if seconds <= 0 else f"in {timedelta(seconds=round(seconds))}"
