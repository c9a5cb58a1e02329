"""`beamcat reindex` and `beamcat search`: the index of search, made anew, compared with the catalogue, looked at."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import orjson
import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from beamcat.cli.common import Config, Home, fail, moment, settings_of
from beamcat.config import Settings
from beamcat.database import schema
from beamcat.database.pool import Database
from beamcat.errors import BadParameter, Unavailable
from beamcat.search.documents.statement import Documents
from beamcat.search.engine import Engine
from beamcat.search.opening import indexed_documents, open_engine
from beamcat.search.rebuilding.building import Manner, Rebuilt, rebuild
from beamcat.search.rebuilding.checking import CATCHES_UP_WITHIN_S, Behind, Checker, Finding
from beamcat.search.rebuilding.estimating import estimated
from beamcat.search.rebuilding.following import is_followed, populate_all
from beamcat.search.rebuilding.history import is_of_later_state
from beamcat.search.rebuilding.plan import newest_position
from beamcat.search.rebuilding.population import mend
from beamcat.search.rebuilding.progress import Progress as Made
from beamcat.search.rebuilding.record import settle, under_way
from beamcat.serve.databases import database_url, running_database

app = typer.Typer(help="The index of search: how it is, and whether it is right.", no_args_is_help=True)

T = TypeVar("T")

Entities = Annotated[
    list[str] | None, typer.Argument(metavar="[ENTITY]...", help="Such as `Datafile`; all that are indexed otherwise.")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, one object per line, for programs.")]


_BEHIND = {
    Behind.FOLLOWED_BY_NOBODY: (
        "The index is behind the catalogue, and no server runs that follows the changes: what differs may be no more"
        " than these. Start the server and check again."
    ),
    Behind.SLOWLY_FOLLOWED: (
        f"The index did not come to where the catalogue is within {CATCHES_UP_WITHIN_S:.0f} s: what differs may just be"
        " on its way. `beamcat search check --wait` waits for it."
    ),
}


def reindex(
    entities: Entities = None,
    config: Config = None,
    home: Home = None,
    *,
    processes: Annotated[
        int | None, typer.Option(min=1, help="How many work on it; as many as there are cores otherwise.")
    ] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Begin at the beginning, also when a rebuild was interrupted.")
    ] = False,
    ignore_space: Annotated[
        bool, typer.Option("--ignore-space", help="Do not look whether there is room for the new index.")
    ] = False,
) -> None:
    """Make the index of search anew from the catalogue, beside the one that is asked until the new one is complete.

    Servers may run meanwhile. When it was interrupted, the same command goes on where it was.

    Example: `beamcat reindex Datafile`
    """
    settings = settings_of(config, home)
    number = len(os.sched_getaffinity(0)) if processes is None else processes
    manner = Manner(tuple(entities or ()), number, anew=anew, ignore_space=ignore_space)

    with _bar("Indexing", TextColumn("{task.fields[rate]:,.0f}/s, {task.fields[left]}")) as bar:
        task = bar.add_task("", total=None, rate=0, left="")

        def told(made: Made) -> None:
            left = "" if made.left_s is None else f"until {_until(made.left_s)}"
            bar.update(task, completed=made.documents, total=made.total or None, rate=made.rate, left=left)

        async def work(opened: _Opened) -> Rebuilt:
            return await rebuild(opened.settings, opened.database, opened.engine, manner, told)

        done = _on_engine(settings, work)
    rate = done.documents / done.seconds if done.seconds else 0.0
    print(f"{done.documents:,} documents made in {timedelta(seconds=round(done.seconds))}, {rate:,.0f} a second.")


@app.command("check")
def search_check(
    entities: Entities = None,
    config: Config = None,
    home: Home = None,
    *,
    mend_: Annotated[bool, typer.Option("--mend", help="Write again what is wrong.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the index as long as a server follows, not only for a minute.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare the index of search with the catalogue, document by document, and print what differs.

    What is just being changed is waited for while a server runs: a minute, unless with `--wait`. The exit code is 1
    when something differs.

    Example: `beamcat search check Investigation Dataset`
    """
    settings = settings_of(config, home)
    found = 0

    async def work(opened: _Opened) -> Behind | None:
        nonlocal found
        chosen = _chosen(entities, opened.documents)
        checker = Checker(opened.database, opened.engine, opened.documents, patient=wait)
        with _bar("Comparing", TextColumn("{task.fields[found]:,} findings")) as bar:
            total = sum([await estimated(opened.database, opened.documents[entity]) for entity in chosen])
            task = bar.add_task("", total=total, found=0)
            for entity in chosen:
                async with aclosing(checker.check(entity, lambda number: bar.advance(task, number))) as pieces:
                    async for some in pieces:
                        found += len(some)
                        bar.update(task, found=found)
                        _print(some, as_json=as_json)
                        if mend_:
                            await mend(opened.database, entity, [finding.id for finding in some])
            if mend_ and found:
                await populate_all(opened.database, opened.engine, opened.documents)
        return checker.behind

    behind = _on_engine(settings, work)
    console = Console(stderr=True, highlight=False)
    if behind is not None:
        console.print(_BEHIND[behind], soft_wrap=True)
    console.print(f"{found:,} documents differ{'; they were written again' if mend_ and found else ''}.")
    if found:
        raise typer.Exit(1)


@app.command("status")
def search_status(config: Config = None, home: Home = None, *, as_json: AsJson = False) -> None:
    """Tell what is in the index of search, how far it is behind the catalogue, and of a rebuild that is under way.

    Example: `beamcat search status`
    """
    settings = settings_of(config, home)
    status = _on_engine(settings, _status)
    if as_json:
        print(orjson.dumps(status).decode())
        return
    console = Console(highlight=False)
    table = Table("entity", "documents", "in the catalogue", "size", "generation", box=None, pad_edge=False)
    for each in status["entities"]:
        numbers = (f"{each['documents']:,}", f"{each['in_catalogue']:,}") if each["generation"] else ("none", "")
        table.add_row(each["entity"], *numbers, decimal(each["size_bytes"]), each["generation"] or "")
    console.print(table)
    console.print()
    console.print(f"Engine: {status['engine']}")
    if status["position"] is None:
        console.print("Position: there is no index yet, or it is of another version")
    elif status["is_of_later_state"]:
        console.print(
            f"Position: {status['position']:,}, which the catalogue has not come to: an older state of it was restored."
            " The server that follows changes rebuilds the index by itself; `beamcat reindex` does so with all cores",
            soft_wrap=True,
        )
    else:
        console.print(f"Position: {status['position']:,}, {status['behind']:,} events behind the catalogue")
    console.print(f"Changes: {'followed by a server' if status['is_followed'] else 'nobody follows them just now'}")
    if (rebuilding := status["rebuild"]) is not None:
        console.print(_told(rebuilding))


async def _status(opened: _Opened) -> dict[str, Any]:
    holdings = {each.entity: each for each in await opened.engine.holdings()}
    newest = await newest_position(opened.database)
    position = await opened.engine.position()
    await settle(opened.database, opened.engine)
    rebuilding = await under_way(opened.database)
    async with opened.database.connection() as connection:
        is_of_later = await is_of_later_state(connection, position)
    entities = []
    for entity, documents in opened.documents.items():
        held = holdings.get(entity)
        entities.append(
            {
                "entity": entity,
                "documents": 0 if held is None else held.documents,
                "in_catalogue": await estimated(opened.database, documents),
                "size_bytes": 0 if held is None else held.size_bytes,
                "generation": None if held is None else held.generation,
            }
        )
    return {
        "engine": opened.settings.search.engine,
        "position": position,
        "behind": None if position is None else max(0, newest - position),
        "is_of_later_state": is_of_later,
        "is_followed": await is_followed(opened.database),
        "entities": entities,
        "rebuild": None if rebuilding is None else asdict(rebuilding),
    }


def _told(rebuilding: dict[str, Any]) -> str:
    """One sentence about a rebuild."""
    made, what = rebuilding["progress"], ", ".join(rebuilding["entities"])
    share = f"{made['documents']:,} of about {made['total']:,} documents"
    if not rebuilding["is_running"]:
        return f"Rebuild of {what}: interrupted after {share}; `beamcat reindex` goes on with it"
    left = "" if made["left_s"] is None else f", {made['rate']:,.0f} a second, until {_until(made['left_s'])}"
    return f"Rebuild of {what}: {share}{left}, begun {moment(rebuilding['begun'])}"


@dataclass(frozen=True)
class _Opened:
    """What the commands work on."""

    settings: Settings
    database: Database
    engine: Engine
    documents: Mapping[str, Documents]


def _on_engine(settings: Settings, work: Callable[[_Opened], Awaitable[T]]) -> T:
    """What `work` does with database and engine. What is missing is told without advice about PostgreSQL."""

    async def opened() -> T:
        async with running_database(settings) as (with_url, _):
            url = database_url(with_url)
            await asyncio.to_thread(schema.assert_current, url)
            async with Database(url, with_url.database) as database:
                engine = open_engine(with_url)
                try:
                    return await work(_Opened(with_url, database, engine, indexed_documents(with_url)))
                finally:
                    await engine.close()

    try:
        return asyncio.run(opened())
    except Unavailable as error:
        fail(error.message)


def _chosen(entities: Sequence[str] | None, documents: Mapping[str, Documents]) -> list[str]:
    for entity in entities or ():
        if entity not in documents:
            raise BadParameter(f"{entity} is not indexed; there are {', '.join(documents)}")
    return list(entities or documents)


def _print(findings: Sequence[Finding], *, as_json: bool) -> None:
    for each in findings:
        if as_json:
            print(orjson.dumps({"entity": each.entity, "id": each.id, "wrong": each.wrong.value}).decode(), flush=True)
        else:
            print(f"{each.entity} {each.id}: {each.wrong.value}", flush=True)


def _until(left_s: float) -> str:
    """The estimated end."""
    return moment(datetime.now(UTC) + timedelta(seconds=left_s))


def _bar(what: str, *columns: TextColumn) -> Progress:
    """A bar on standard error, where that is a terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn(what),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.completed:,.0f} documents"),
        *columns,
        TimeElapsedColumn(),
        console=console,
        redirect_stdout=sys.stdout.isatty(),  # findings that go to a file stay on their way
        transient=True,
        disable=not console.is_terminal,
    )
