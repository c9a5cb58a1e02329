"""Putting a backup into a database and a home.

The tables are made, filled and brought up to date in one transaction: until its end the database is as it was. From
the first change on the table `restore_unfinished` tells every Beamcat not to serve; it goes when also the files of the
home are in their places. Killed at any moment, the restore can be run again.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from beamcat.config import DatabaseSettings
from beamcat.database.backup.archive import ArchiveReader, HomeEntry
from beamcat.database.backup.contents import (
    Connection,
    TableShape,
    connected,
    drop_everything,
    holds_anything,
    let_take_its_time,
    other_users,
    tables_of,
)
from beamcat.database.backup.home import (
    KEPT_OF_POSTGRES,
    POSTGRES,
    REPLACED,
    STAGING,
    Staging,
    is_left_out,
    move,
    remove,
)
from beamcat.database.backup.keys import set_aside
from beamcat.database.backup.manifest import Damaged, Manifest, TableContent, Told
from beamcat.database.backup.verifying import CheckedTables, named, tables_in
from beamcat.database.pool import translated
from beamcat.database.schema import LOCK, RESTORE_MARKER, upgrade
from beamcat.errors import BeamcatError, ErrorKind, Unavailable

if TYPE_CHECKING:
    from sqlalchemy import Connection as SqlConnection

PURPOSE = "beamcat restore"
MAINTENANCE_MEMORY = "256MB"
"""What making one index may use."""


class RestoreFailed(BeamcatError):
    """The database refuses what the backup holds; it is as it was."""

    kind = ErrorKind.VALIDATION


@dataclass(frozen=True, slots=True)
class Present:
    """What is in the way of a restore; nothing is if an earlier one was `interrupted`, for that was told to begin."""

    in_database: bool
    in_home: tuple[str, ...]
    interrupted: bool
    others: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a backup is to be restored. Files of the home in `kept` stay: the settings file, the archive itself."""

    url: str
    home: Path
    settings: DatabaseSettings
    kept: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of it. `unknown` are tables of the archive that the schema does not have; they were left out."""

    unknown: tuple[str, ...]
    moved_to: Path | None


def present(place: Place) -> Present:
    """Look what is there."""
    with translated(), connected(place.url, PURPOSE) as conn:
        in_home = tuple(sorted(entry.name for entry in _entries(place))) if place.home.is_dir() else ()
        return Present(holds_anything(conn), in_home, _is_marked(conn), other_users(conn, place.url))


def restore(place: Place, file: Path, manifest: Manifest, told: Told) -> Restored:
    """Put the archive, which has been verified, in the place of all that is there.

    Raises `Damaged` or `RestoreFailed` with everything as it was, and `OSError` when the disk is full.
    """
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with translated(), connected(place.url, PURPOSE) as conn:
            if conn.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone() != (True,):
                raise Unavailable("another Beamcat changes this database; wait for it")
            staging = place.home / STAGING
            with _marked(conn, staging):
                unknown = _Restore(place, file, manifest, told).run(staging)
            moved_to = _put_in_place(place, staging)
            conn.execute("ANALYZE")
            conn.execute(f"DROP TABLE {RESTORE_MARKER}")
            return Restored(unknown, moved_to)
    except (psycopg.Error, SQLAlchemyError) as error:
        raise RestoreFailed(f"the database does not take the backup: {error}") from error


class _Restore:
    """One restore on its way."""

    def __init__(self, place: Place, file: Path, manifest: Manifest, told: Told) -> None:
        self._place = place
        self._file = file
        self._manifest = manifest
        self._told = told
        self._wanted = {table.name: table for table in manifest.tables}
        self._unknown: list[str] = []

    def run(self, staging: Path) -> tuple[str, ...]:
        """Everything up to the end of the transaction; the tables that were left out."""
        from sqlalchemy import NullPool, create_engine

        folder = Staging(staging)
        engine = create_engine("postgresql+psycopg://", creator=self._connect, poolclass=NullPool)
        try:
            with engine.connect() as connection, connection.begin():
                self._in_transaction(connection, folder)
        finally:
            engine.dispose()
        return tuple(self._unknown)

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._place.url, application_name=PURPOSE, client_encoding="UTF8")

    def _in_transaction(self, connection: SqlConnection, folder: Staging) -> None:
        settings = self._place.settings.model_copy(update={"datafile_partition_rows": self._manifest.partition_rows})
        conn: Connection = connection.connection.driver_connection  # type: ignore[assignment]
        let_take_its_time(conn)
        conn.execute(f"SET LOCAL maintenance_work_mem = '{MAINTENANCE_MEMORY}'")
        drop_everything(conn)
        upgrade(connection, settings, self._manifest.origin.schema)
        self._make_partitions(conn)
        shapes = {shape.name: shape for shape in tables_of(conn)}
        with _bare(conn, list(shapes.values()), self._tell_rest):
            self._load(conn, shapes, folder)
        self._set_sequences(conn)
        # The id of a transaction means nothing in another cluster, and workers must not trust what they remember.
        conn.execute("UPDATE rulebook_version SET version = version + 1, changed_by = '0'")
        upgrade(connection, settings)
        folder.finish()

    def _make_partitions(self, conn: Connection) -> None:
        rows, partitions = self._manifest.partition_rows, self._manifest.partitions
        if rows and partitions > 2:  # the schema has made two
            conn.execute("SELECT ensure_datafile_partitions(%s)", ((partitions - 2) * rows,))

    def _load(self, conn: Connection, shapes: dict[str, TableShape], folder: Staging) -> None:
        reader = ArchiveReader(self._file, lambda done, total: self._told("Restoring", done, total))
        checked = CheckedTables()

        def keep(entry: HomeEntry) -> None:
            folder.put(entry.path, entry.info, entry.content)

        def noted() -> Iterator[tuple[str, bytes]]:
            for table, content in tables_in(reader, keep):
                checked.note(table, content)
                yield table, content

        with named(self._file):
            for name, pieces in itertools.groupby(noted(), key=lambda piece: piece[0]):
                contents = (content for _, content in pieces)
                if name in shapes and name in self._wanted:
                    self._copy_in(conn, shapes[name], self._wanted[name], contents)
                else:
                    self._unknown.append(name)
            if reader.manifest != self._manifest:
                raise Damaged("it has changed since it was checked")
            checked.compare(self._manifest)

    def _copy_in(self, conn: Connection, shape: TableShape, wanted: TableContent, contents: Iterator[bytes]) -> None:
        """Rows are frozen from the start where PostgreSQL can do so: that saves it writing the table once more."""
        columns = sql.SQL(", ").join(map(sql.Identifier, wanted.columns))
        options = "FORMAT binary" if shape.is_partitioned else "FORMAT binary, FREEZE true"
        question = sql.SQL(f"COPY {{}} ({{}}) FROM STDIN ({options})").format(sql.Identifier(shape.name), columns)
        with conn.cursor() as cursor:
            with cursor.copy(question) as copy:
                for content in contents:
                    copy.write(content)
            if cursor.rowcount != wanted.rows:
                raise Damaged(f"the table {shape.name} has {cursor.rowcount} rows instead of {wanted.rows}")

    def _set_sequences(self, conn: Connection) -> None:
        for sequence in self._manifest.sequences:
            name = sql.Identifier(sequence.name).as_string(conn)
            conn.execute(
                "SELECT setval(to_regclass(%s), %s, %s) WHERE to_regclass(%s) IS NOT NULL",
                (name, sequence.last, sequence.called, name),
            )

    def _tell_rest(self, done: int, total: int) -> None:
        self._told("Indexes and keys", done, total)


@contextlib.contextmanager
def _bare(conn: Connection, shapes: list[TableShape], told: Callable[[int, int], None]) -> Iterator[None]:
    """Empty tables without triggers, indexes and foreign keys, which come back at the end and then hold.

    The triggers keep derived numbers, which the backup holds as well.
    """
    names = [sql.Identifier(shape.name) for shape in shapes]
    aside = set_aside(conn)
    for name in names:
        conn.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(name))
    conn.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(names)))
    yield
    for number, statement in enumerate(aside.statements):
        told(number, len(aside.statements))
        conn.execute(statement)
    for name in names:
        conn.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(name))


@contextlib.contextmanager
def _marked(conn: Connection, staging: Path) -> Iterator[None]:
    """Mark the database; take the mark away again when an error leaves everything as it was."""
    was_marked = _is_marked(conn)
    if not was_marked:
        conn.execute(f"CREATE TABLE {RESTORE_MARKER} (begun timestamptz NOT NULL)")
        conn.execute(f"INSERT INTO {RESTORE_MARKER} (begun) VALUES (now())")
    remove(staging)
    try:
        yield
    except BaseException:
        remove(staging)
        if not was_marked:
            with contextlib.suppress(psycopg.Error):  # then the mark stays, and the restore has to be run again
                conn.execute(f"DROP TABLE {RESTORE_MARKER}")
        raise


def _is_marked(conn: Connection) -> bool:
    return conn.execute(f"SELECT to_regclass('{RESTORE_MARKER}') IS NOT NULL").fetchone() == (True,)


def _entries(place: Place) -> list[Path]:
    """What a restore would replace of the home."""
    found = place.home.iterdir()
    return [path for path in found if path.name not in place.kept and not is_left_out(PurePosixPath(path.name))]


def _put_in_place(place: Place, staging: Path) -> Path | None:
    """Move what is in the home aside, and what was restored to its place. Returns where the old files are, if any."""
    moved_to = None
    if old := _entries(place):
        moved_to = place.home / f"{REPLACED}{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
        moved_to.mkdir(mode=0o700)
        for path in old:
            move(path, moved_to / path.name)
    for path in sorted(staging.iterdir()):
        if path.name not in place.kept and path.name != POSTGRES:
            move(path, place.home / path.name)
    restored = staging / KEPT_OF_POSTGRES
    if restored.exists() and (place.home / POSTGRES).is_dir():
        restored.replace(place.home / KEPT_OF_POSTGRES)
    folder = os.open(place.home, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    remove(staging)
    return moved_to
