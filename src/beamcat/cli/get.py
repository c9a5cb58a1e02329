"""`beamcat get`: downloads that go on where they were."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from beamcat.client import fetching
from beamcat.client.files import Counted
from beamcat.client.get import Outcome, Source, Watched, source_of
from beamcat.client.get import get as get_files
from beamcat.errors import BadParameter


def get(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A permanent URL, the URL of a Metalink, or with `--server` one of `dataset:ID`, `investigation:ID`, "
            "`datafile:ID` and the id of a prepared download.",
        ),
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files go.")] = Path(),
    *,
    server: Annotated[
        str | None, typer.Option(metavar="URL", envvar="BEAMCAT_SERVER", help="The server that knows the id.")
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
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Connections at a time.")] = 8,
    as_zip: Annotated[bool, typer.Option("--zip", help="Get one ZIP file.")] = False,
    patience: Annotated[
        float, typer.Option(min=0, metavar="HOURS", help="How long to wait for data that come from tape.")
    ] = 168.0,
) -> None:
    """Download a dataset, an investigation or a file, and verify it.

    Several files, and several parts of a large file, come at a time. What was interrupted goes on where it was when the
    command is run again; what is there already is verified and left. A file has its name only when it is complete;
    until then it is called `NAME.part`. The exit code is 0 when all files are there and right, 1 when not, and 130
    after Ctrl-C.

    Example: `beamcat get https://icat.example.org/data/LILS/HC-4711/1-1/scan_0001 ~/scans`

    By its id: `beamcat get dataset:42 --server https://icat.example.org`
    """
    try:
        asked = source_of(source, server)
    except BadParameter as error:
        raise typer.BadParameter(error.message) from None
    terms = fetching.Terms(token=token or None, jobs=jobs, patience_s=patience * 3600)
    outcome = asyncio.run(_get(asked, folder, terms, as_zip=as_zip))
    for failure in outcome.failures:
        print(f"beamcat: {failure}", file=sys.stderr)
    if outcome.failed:
        more = f", {outcome.failed - len(outcome.failures)} of them not listed" * (
            outcome.failed > len(outcome.failures)
        )
        print(f"beamcat: {outcome.failed} files are missing{more}; run the command again", file=sys.stderr)
        raise typer.Exit(1)


async def _get(source: Source, folder: Path, terms: fetching.Terms, *, as_zip: bool) -> Outcome:
    console = Console(stderr=True, highlight=False, markup=False)
    size = 0
    with _bar(console) as bar:
        task = bar.add_task("", total=None, files=0, count="?")

        def begin(counted: Counted) -> None:
            nonlocal size
            size = counted.size
            bar.update(task, total=None if counted.unknown else counted.size, count=f"{counted.files:,}")

        watched = Watched(
            fetching.Progress(lambda more: bar.advance(task, more), console.print),
            begin,
            lambda: bar.update(task, files=bar.tasks[0].fields["files"] + 1),
        )
        outcome = await get_files(source, folder, terms, watched, as_zip=as_zip)
    if not outcome.failed:
        verified = "all verified" if not outcome.unverified else f"{outcome.unverified:,} without a digest to verify by"
        print(
            f"{outcome.files:,} {'file' if outcome.files == 1 else 'files'} in {folder}, {decimal(size)}: {verified}."
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
