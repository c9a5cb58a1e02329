"""`beamcat backup` and `restore`: everything a facility could lose, in one file."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TransferSpeedColumn

from beamcat.cli.common import Config, Home, fail, settings_of
from beamcat.config import Settings
from beamcat.database.backup.manifest import SETTINGS, Manifest, Told
from beamcat.database.backup.restoring import Place, Present, Restored, present
from beamcat.database.backup.restoring import restore as restore_archive
from beamcat.database.backup.saving import back_up
from beamcat.database.backup.verifying import assert_known
from beamcat.database.backup.verifying import verify as verify_archive
from beamcat.database.embedded import EmbeddedPostgres
from beamcat.serve.supervisor import locked_home

Archive = Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="The backup, such as beamcat.backup.")]


def backup(
    file: Archive,
    config: Config = None,
    home: Home = None,
    *,
    verify: Annotated[bool, typer.Option("--verify", help="Only check whether FILE is whole and unchanged.")] = False,
) -> None:
    """Write the whole catalogue and the files of the home to one file.

    It shows one moment, and the server goes on meanwhile. FILE appears, or is replaced, when it is complete. It holds
    the settings file with its secrets: only its owner can read it, keep it so.

    Example, each night: `beamcat backup /backups/beamcat-$(date +%a).backup --config beamcat.toml`

    Example, to check one: `beamcat backup --verify /backups/beamcat-Mon.backup`
    """
    if verify:
        with _progress() as told:
            manifest = verify_archive(file, told)
        print(f"{file} is whole: {_summary(manifest)}.")
        return
    settings = settings_of(config, home)
    started = time.monotonic()
    with _database(settings, must_exist=True) as url, _progress() as told:
        manifest = back_up(url, settings.home, file, config, told)
    print(
        f"{manifest.rows:,} rows and {manifest.home.entries:,} entries of the home, {file.stat().st_size:,} bytes, "
        f"written to {file} in {time.monotonic() - started:.1f} s."
    )


def restore(
    file: Archive,
    config: Config = None,
    home: Home = None,
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Replace what is in the database and the home.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before replacing.")] = False,
) -> None:
    """Put a backup back: into an empty home and database, or in place of what is there.

    The backup is checked from beginning to end before anything is touched. An older one is brought to this version.
    Run it as the account that Beamcat runs as. Interrupted, it can be run again; Beamcat serves when it is complete.

    Example: `beamcat restore beamcat.backup --home /var/lib/beamcat`
    """
    settings = settings_of(config, home)
    with _progress() as told:
        manifest = verify_archive(file, told)
    assert_known(manifest)
    print(f"{file} is whole: {_summary(manifest)}.")
    started = time.monotonic()
    with locked_home(settings.home), _database(settings) as url:
        place = Place(url, settings.home, settings.database, _kept(settings.home, config, file))
        _agree(present(place), settings, replace=replace, yes=yes)
        with _progress() as told:
            done = restore_archive(place, file, manifest, told)
    _report(manifest, done, settings, time.monotonic() - started)


@contextlib.contextmanager
def _database(settings: Settings, *, must_exist: bool = False) -> Iterator[str]:
    """The URL of the database, started for as long as it is needed."""
    if settings.database.url is not None:
        yield settings.database.url.get_secret_value()
        return
    if must_exist and not (settings.home / "postgres" / "data").exists():
        fail(f"{settings.home} holds no catalogue: there is nothing to back up. Is --home right?")
    with EmbeddedPostgres(settings.home, settings.database, workers=settings.server.workers) as server:
        yield server.url


def _kept(home: Path, *files: Path | None) -> frozenset[str]:
    """The files that lie in the home and stay as they are."""
    return frozenset(file.name for file in files if file is not None and file.resolve().parent == home.resolve())


def _agree(found: Present, settings: Settings, *, replace: bool, yes: bool) -> None:
    """End the command unless the way is free, or may be cleared."""
    if found.others:
        fail(f"{found.others} connections of a running Beamcat use the database; stop it first")
    if found.interrupted or not (found.in_database or found.in_home):
        return
    there = " and ".join(
        [*(["the database"] if found.in_database else []), *([f"{settings.home}"] if found.in_home else [])]
    )
    if not replace:
        fail(f"{there} is not empty; choose an empty home or database, or replace what is there with --replace")
    if yes:
        return
    if not sys.stdin.isatty():
        fail(f"{there} is not empty, and nobody can be asked whether to replace it; say so with --yes")
    typer.confirm(f"Replace all that is in {there}?", abort=True)


def _summary(manifest: Manifest) -> str:
    made = datetime.fromisoformat(manifest.origin.made)
    return (
        f"{manifest.rows:,} rows and {manifest.home.entries:,} entries of the home, made {made:%Y-%m-%d %H:%M} UTC by "
        f"Beamcat {manifest.origin.beamcat} (schema {manifest.origin.schema}, PostgreSQL {manifest.origin.postgresql})"
    )


def _report(manifest: Manifest, done: Restored, settings: Settings, seconds: float) -> None:
    print(f"{manifest.rows:,} rows and {manifest.home.entries:,} entries of the home restored in {seconds:.1f} s.")
    for table in done.unknown:
        print(f"Left out: the table {table}, which is not one of Beamcat's.")
    if done.moved_to is not None:
        print(f"What was in the home is now in {done.moved_to}; remove it when you do not miss anything.")
    if settings.database.datafile_partition_rows != manifest.partition_rows:
        print(f"Set database.datafile_partition_rows = {manifest.partition_rows} in the settings before you start.")
    if manifest.settings_sha256 is not None:
        print(f"The settings file of then is in the backup: tar --extract --file FILE --to-stdout {SETTINGS}")
    print("Start Beamcat as usual. Everybody has to sign in again.")


@contextlib.contextmanager
def _progress() -> Iterator[Told]:
    """A bar on standard error, where that is a terminal."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("")

        def told(what: str, done: int, total: int) -> None:
            progress.update(task, description=what, completed=done, total=total)

        yield told
