"""`beamcat check`: whether files are what the catalogue says."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from beamcat.cli.common import Config, Home, fail, on_database, settings_of
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.errors import NotImplementedHere, Unavailable
from beamcat.store.digests.checking import CheckTerms, FileChecker, Finding
from beamcat.store.digests.reading import HashingReader
from beamcat.store.digests.table import DigestTable
from beamcat.store.storage.contract import MainStorage
from beamcat.store.storage.plugins import main_storage

MAIN = "main"
"""The name of the storage of `store.main`."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says."""

    from_start: bool
    limit: int | None
    as_json: bool


@dataclass
class Counted:
    """What was done."""

    files: int = 0
    read_bytes: int = 0
    findings: int = 0


def check(
    config: Config = None,
    home: Home = None,
    *,
    from_start: Annotated[bool, typer.Option("--from-start", help="Begin with the first file.")] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="How many files at most.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line, for programs.")] = False,
) -> None:
    """Read the files of all datafiles, compare them with the catalogue, and print what is wrong.

    It goes on where the last check ended, also one that was interrupted, and ends with the last datafile. The exit code
    is 1 when something is wrong.

    Example: `beamcat check >> /var/log/beamcat-files.log`

    An hour each night: `timeout -s INT 3600 beamcat check`
    """
    settings = settings_of(config, home)
    if settings.store.archive is not None:
        raise NotImplementedHere("files of a facility with an archive storage cannot be checked yet")
    try:
        storage = main_storage(settings.store, settings.home)
    except Unavailable as error:
        fail(error.message)
    asked = Asked(from_start, limit, as_json)
    with contextlib.closing(storage):
        counted = on_database(settings, lambda database: _check(database, storage, settings, asked))
    console = Console(stderr=True, highlight=False)
    read = decimal(counted.read_bytes)
    console.print(f"{counted.files:,} datafiles checked, {read} read: {counted.findings:,} findings.")
    if counted.findings:
        raise typer.Exit(1)


async def _check(database: Database, storage: MainStorage, settings: Settings, asked: Asked) -> Counted:
    secrets = () if settings.store.key is None else (settings.store.key, *settings.store.previous_keys)
    keys = tuple(secret.get_secret_value() for secret in secrets)
    counted = Counted()
    reader = HashingReader(storage, settings.ids.hash_threads)
    terms = CheckTerms(settings.ids.catalogue_checksums_are_crc32, keys)
    checker = FileChecker(reader, DigestTable(database, MAIN), terms)
    if asked.from_start:
        await checker.start_over()
    with contextlib.closing(reader), _progress() as bar:
        task = bar.add_task(
            "", total=await checker.last(), completed=await checker.position(), counted=counted, read=""
        )

        def read(size: int) -> None:
            counted.read_bytes += size
            bar.update(task, read=decimal(counted.read_bytes))

        read(0)
        async with contextlib.aclosing(checker.check(asked.limit, read)) as steps:
            async for step in steps:
                for finding in step.findings:
                    print(_json_line(finding) if asked.as_json else finding.line, flush=True)
                counted.files += step.files
                counted.findings += len(step.findings)
                bar.update(task, completed=step.position)
    return counted


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("Checking"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[counted].files:,} files, {task.fields[read]}"),
        TextColumn("{task.fields[counted].findings:,} findings"),
        TimeElapsedColumn(),
        console=console,
        redirect_stdout=sys.stdout.isatty(),  # findings that go to a file stay on their way
        transient=True,
        disable=not console.is_terminal,
    )


def _json_line(finding: Finding) -> str:
    members = {
        "at": finding.at,
        "datafileId": finding.datafile,
        "name": finding.name,
        "location": finding.location,
        "finding": finding.what,
    }
    return orjson.dumps(members).decode()
