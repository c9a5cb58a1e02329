"""`beamcat put`: uploads that go on where they were."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from beamcat.client import fetching
from beamcat.client.put import Outcome, Target, Watched, target_of
from beamcat.client.put import put as put_files
from beamcat.client.sources import LocalFile, files_in
from beamcat.errors import BadParameter


def put(
    sources: Annotated[
        list[Path], typer.Argument(metavar="FILE|FOLDER...", help="What to send. Of a folder, all that is below it.")
    ],
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATASET",
            help="The permanent URL of a dataset, or with `--server` its id or `FACILITY/INVESTIGATION/VISIT/DATASET`.",
        ),
    ],
    *,
    server: Annotated[
        str | None, typer.Option("--server", "--url", metavar="URL", envvar="BEAMCAT_SERVER", help="The server.")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            "--session",
            metavar="TOKEN",
            envvar="BEAMCAT_TOKEN",
            show_envvar=False,
            help="A token or a session id. Better in the variable BEAMCAT_TOKEN: others can see a command line.",
        ),
    ] = None,
    format_id: Annotated[
        int | None, typer.Option("--format", metavar="ID", help="The id of the DatafileFormat of the files.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Files at a time.")] = 4,
    patience: Annotated[
        float, typer.Option(min=0, metavar="HOURS", help="How long to wait for a dataset that comes from tape.")
    ] = 168.0,
) -> None:
    """Upload files into a dataset, and verify them.

    The files of a folder get their paths below it as names. What was interrupted goes on where it was when the command
    is run again; what is there already, with the same bytes, is left. There is a datafile when all of its bytes are
    there and right, and not before. The exit code is 0 when all files are there, 1 when not, and 130 after Ctrl-C.

    Example: `beamcat put ~/scans/0042 https://icat.example.org/data/LILS/HC-4711/1-1/scan_0042`

    By its id: `beamcat put ~/scans/0042 42 --server https://icat.example.org`
    """
    try:
        target = target_of(dataset, server)
        files = files_in(sources, lambda told: print(f"beamcat: {told}", file=sys.stderr))
    except BadParameter as error:
        raise typer.BadParameter(error.message) from None
    terms = fetching.Terms(token=token or None, jobs=jobs, patience_s=patience * 3600)
    outcome = asyncio.run(_put(files, target, terms, format_id))
    for failure in outcome.failures:
        print(f"beamcat: {failure}", file=sys.stderr)
    if outcome.failed:
        unlisted = outcome.failed - len(outcome.failures)
        more = f", {unlisted} of them not listed" * (unlisted > 0)
        print(f"beamcat: {outcome.failed} files are not there{more}; run the command again", file=sys.stderr)
        raise typer.Exit(1)


async def _put(files: Sequence[LocalFile], target: Target, terms: fetching.Terms, format_id: int | None) -> Outcome:
    console = Console(stderr=True, highlight=False, markup=False)
    size = sum(file.size for file in files)
    with _bar(console) as bar:
        task = bar.add_task("", total=size, files=0, count=f"{len(files):,}")
        watched = Watched(
            fetching.Progress(lambda more: bar.advance(task, more), console.print),
            lambda: bar.update(task, files=bar.tasks[0].fields["files"] + 1),
        )
        outcome = await put_files(files, target, terms, watched, format_id=format_id)
    if not outcome.failed:
        there = f"; {outcome.there:,} were there already" if outcome.there else ""
        unverified = f", {outcome.unverified:,} of them without a digest to verify by" if outcome.unverified else ""
        print(
            f"{len(files):,} {'file' if len(files) == 1 else 'files'}, {decimal(size)}: all there{there}{unverified}."
        )
    return outcome


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.fields[files]:,} of {task.fields[count]} files"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
