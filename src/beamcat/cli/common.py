"""What the commands share: the options that name a facility, and work on its database."""

from __future__ import annotations

import asyncio
import json
import sys
import tomllib
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from beamcat.config import Settings, load_settings
from beamcat.database import schema
from beamcat.database.pool import Database
from beamcat.events.notifications import check_notifications
from beamcat.serve.databases import database_url, running_database

T = TypeVar("T")

Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", envvar="BEAMCAT_CONFIG", help="TOML file with settings."),
]
Home = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help="Folder for all that Beamcat keeps.  [env var: BEAMCAT_HOME]"),
]


def settings_of(config: Path | None, home: Path | None, **sections: dict[str, Any]) -> Settings:
    """The settings of file and environment; options of the command line, by section, win over both."""
    overrides: dict[str, Any] = {name: said for name, section in sections.items() if (said := given(section))}
    if home is not None:
        overrides["home"] = home
    try:
        settings = load_settings(config, **overrides)
    except tomllib.TOMLDecodeError as error:
        fail(f"{config} is not a settings file: {error}")
    check_notifications(settings)
    return settings


def given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that the command line names."""
    return {name: value for name, value in options.items() if value is not None}


def on_database(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    """What `work` does with the database of these settings, which is started for it where needed."""
    return asyncio.run(with_database(settings, work))


async def with_database(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    """What `work` does with the database, which is started for it where needed."""
    async with running_database(settings) as (opened, _):
        url = database_url(opened)
        await asyncio.to_thread(schema.assert_current, url)
        async with Database(url, opened.database) as database:
            return await work(database)


def print_lines(records: Iterable[dict[str, Any]]) -> None:
    """One JSON object per line."""
    for record in records:
        print(json.dumps(record, ensure_ascii=False))


def moment(at: datetime) -> str:
    """A moment as lists show it, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def fail(message: str) -> NoReturn:
    """End the command with one line on standard error."""
    print(f"beamcat: {message}", file=sys.stderr)
    sys.exit(1)
