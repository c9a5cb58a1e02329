"""The schema of a database: make it, bring it up to date, say how old it is.

Two that do so at once are safe: they wait for each other on an advisory lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import OperationalError

from beamcat.config import DatabaseSettings
from beamcat.errors import BeamcatError, ErrorKind, InternalError, Unavailable, ValidationFailed

OLDEST_SERVER = 150000
"""PostgreSQL 15, in the form of `server_version_num`."""

LOCK = 0x6265616D636174
"""The advisory lock of whoever changes the schema: "beamcat" in ASCII."""

RESTORE_MARKER = "restore_unfinished"
"""The table that is there from the beginning of a restore to its end: see `backup.restoring`."""


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
    with _schema_connection(url) as connection:
        upgrade(connection, settings)
        found = connection.exec_driver_sql("SELECT datafile_partition_rows FROM catalogue_option").scalar_one()
    if found != settings.datafile_partition_rows:
        raise ValidationFailed(
            f"database.datafile_partition_rows is {settings.datafile_partition_rows}, but this database was made with "
            f"{found}; it cannot be changed afterwards"
        )


def migrate(url: str) -> None:
    """Bring the schema of a database up to date, however full it is. Raises `SchemaOutdated` when there is none."""
    with _schema_connection(url) as connection:
        if _version(connection) is None:
            raise SchemaOutdated("the database holds no catalogue; run `beamcat init`")
        upgrade(connection, DatabaseSettings())


def current_version(url: str) -> str | None:
    """The version of the database's schema, such as `0001`; None when it holds no catalogue."""
    with _schema_connection(url, alone=False) as connection:
        return _version(connection)


def newest_version() -> str:
    """The version this Beamcat needs."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    if newest is None:
        raise AssertionError("beamcat.database.migrations holds no step")
    return newest


def known_versions() -> frozenset[str]:
    """The versions that this Beamcat can make, or bring up to date."""
    return frozenset(step.revision for step in ScriptDirectory.from_config(_config()).walk_revisions())


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
    config = _config()
    config.attributes["connection"] = connection
    config.attributes["datafile_partition_rows"] = settings.datafile_partition_rows
    config.attributes["maintain_file_counts"] = settings.maintain_file_counts
    command.upgrade(config, version)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "beamcat.database:migrations")
    config.set_main_option("path_separator", "os")
    return config


def _version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@contextmanager
def _schema_connection(url: str, *, alone: bool = True) -> Iterator[Connection]:
    """A connection to change the schema with; `alone` keeps others that want the same waiting."""
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            if int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()) < OLDEST_SERVER:
                raise ValidationFailed("PostgreSQL 15 or newer is needed")
            if connection.exec_driver_sql(f"SELECT to_regclass('{RESTORE_MARKER}')").scalar_one() is not None:
                raise RestoreUnfinished(
                    "a restore into this database was interrupted, or is still running; run `beamcat restore` again"
                )
            if alone:
                connection.exec_driver_sql(f"SELECT pg_advisory_lock({LOCK})")
            connection.commit()
            yield connection
            connection.commit()
    except (psycopg.OperationalError, OperationalError) as error:
        raise Unavailable(f"the database is away: {error}") from error
    except psycopg.Error as error:
        raise InternalError(f"the schema could not be changed, nothing was: {error}") from error
    finally:
        engine.dispose()
