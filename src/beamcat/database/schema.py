"""The schema of a database: make it, bring it up to date, say how old it is.

Two that do so at once are safe: they wait for each other on an advisory lock. Alembic is imported when the schema
changes, and not by everybody who asks how old it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from beamcat.config import DatabaseSettings
from beamcat.errors import BeamcatError, ErrorKind, InternalError, Unavailable, ValidationFailed

if TYPE_CHECKING:
    from sqlalchemy import Connection

OLDEST_SERVER = 150000
"""PostgreSQL 15, in the form of `server_version_num`."""

LOCK = 0x6265616D636174
"""The advisory lock of whoever changes the schema: "beamcat" in ASCII."""

RESTORE_MARKER = "restore_unfinished"
"""The table that is there from the beginning of a restore to its end: see `backup.restoring`."""


_STEP = re.compile(r"v([0-9]{4})_\w+\.py")
"""A step of the migrations, by the name of its file."""


class RestoreUnfinished(BeamcatError):
    """A restore into the database was interrupted."""

    kind = ErrorKind.UNAVAILABLE


class SchemaOutdated(BeamcatError):
    """The schema of the database is not the one this Beamcat needs."""

    kind = ErrorKind.UNAVAILABLE


def initialise(url: str, settings: DatabaseSettings) -> None:
    """Make the schema, or bring it up to date if it is there.

    Raises `ValidationFailed` when `datafile_partition_rows` differs from what the database was made with.
    """
    with _changing(url) as connection:
        upgrade(connection, settings)
        found = connection.exec_driver_sql("SELECT datafile_partition_rows FROM catalogue_option").scalar_one()
    if found != settings.datafile_partition_rows:
        raise ValidationFailed(
            f"database.datafile_partition_rows is {settings.datafile_partition_rows}, but this database was made with "
            f"{found}; it cannot be changed afterwards"
        )


def migrate(url: str) -> None:
    """Bring the schema of a database up to date, however full it is. Raises `SchemaOutdated` when there is none."""
    with _changing(url) as connection:
        if _version(_driver(connection)) is None:
            raise SchemaOutdated("the database holds no catalogue; run `beamcat init`")
        upgrade(connection, DatabaseSettings())


def current_version(url: str) -> str | None:
    """The version of the database's schema, such as `0001`; None when it holds no catalogue."""
    with _told(), psycopg.connect(url) as connection:
        _check(connection)
        return _version(connection)


def newest_version() -> str:
    """The version this Beamcat needs."""
    return max(known_versions())


@cache
def known_versions() -> frozenset[str]:
    """The versions that this Beamcat can make, or bring up to date."""
    steps = (Path(__file__).parent / "migrations" / "versions").iterdir()
    return frozenset(match[1] for step in steps if (match := _STEP.fullmatch(step.name)))


def assert_current(url: str) -> None:
    """Raise `SchemaOutdated`, saying what to do, unless the schema is the one this Beamcat needs."""
    found, needed = current_version(url), newest_version()
    if found is None:
        raise SchemaOutdated("the database holds no catalogue; run `beamcat init`")
    if found not in known_versions():
        raise SchemaOutdated(f"the schema of the database, {found}, is newer than this Beamcat; install a newer one")
    if found != needed:
        raise SchemaOutdated(f"the schema of the database is {found}, but {needed} is needed; run `beamcat migrate`")


def upgrade(connection: Connection, settings: DatabaseSettings, version: str = "head") -> None:
    """Make the schema, or bring it to `version`; in the transaction of the connection, if it is in one."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "beamcat.database:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["datafile_partition_rows"] = settings.datafile_partition_rows
    config.attributes["maintain_file_counts"] = settings.maintain_file_counts
    command.upgrade(config, version)


def _version(connection: psycopg.Connection[Any]) -> str | None:
    there = connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL").fetchone()
    if there is None or not there[0]:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


@contextmanager
def _changing(url: str) -> Iterator[Connection]:
    """A connection to change the schema with; others that want the same wait."""
    from sqlalchemy import NullPool, create_engine
    from sqlalchemy.exc import OperationalError

    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool)
    try:
        with _told(), engine.connect() as connection:
            _check(_driver(connection))
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({LOCK})")
            connection.commit()
            yield connection
            connection.commit()
    except OperationalError as error:
        raise Unavailable(f"the database is away: {error}") from error
    finally:
        engine.dispose()


@contextmanager
def _told() -> Iterator[None]:
    """What the database refuses, as an error of ours."""
    try:
        yield
    except psycopg.OperationalError as error:
        raise Unavailable(f"the database is away: {error}") from error
    except psycopg.Error as error:
        raise InternalError(f"the schema could not be changed, nothing was: {error}") from error


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def _check(connection: psycopg.Connection[Any]) -> None:
    """Raise unless this is a database that can hold a catalogue, or does so."""
    if connection.info.server_version < OLDEST_SERVER:
        raise ValidationFailed("PostgreSQL 15 or newer is needed")
    marker = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [RESTORE_MARKER]).fetchone()
    if marker is not None and marker[0]:
        raise RestoreUnfinished(
            "a restore into this database was interrupted, or is still running; run `beamcat restore` again"
        )
