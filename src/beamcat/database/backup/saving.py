"""Making a backup while everything runs on.

All tables are read in one transaction, so they show one moment, and nobody waits for it: readers and writers go on,
only changes of the schema wait. The files of the home are read after that moment, so that a file the catalogue names
is there, unless it was deleted meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import psycopg
from psycopg import IsolationLevel, pq, sql

from beamcat import __version__
from beamcat.database.backup import home as files
from beamcat.database.backup.ahead import ahead
from beamcat.database.backup.archive import ArchiveWriter, compressed, new_archive
from beamcat.database.backup.contents import Connection, TableShape, connected, sequences_of, tables_of
from beamcat.database.backup.manifest import (
    FORMAT,
    HEADER,
    PIECE_BYTES,
    SETTINGS,
    Manifest,
    Origin,
    TableContent,
    Told,
    written,
)
from beamcat.database.pool import translated
from beamcat.database.schema import SchemaOutdated, current_version
from beamcat.errors import InternalError, Unavailable

PURPOSE = "beamcat backup"
TRIES = 5
"""How often a file is read that becomes shorter while it is read."""


def back_up(url: str, home: Path, file: Path, settings_file: Path | None, told: Told) -> Manifest:
    """Write everything to a new file, which appears when it is complete; what it holds.

    Raises `SchemaOutdated` when there is no catalogue, `Unavailable` when the database goes away, and `OSError` when
    the disk does not take the archive.
    """
    if current_version(url) is None:
        raise SchemaOutdated("the database holds no catalogue: there is nothing to back up")
    try:
        with translated(), connected(url, PURPOSE) as conn, new_archive(file) as opened:
            return _Backup(conn, home, ArchiveWriter(opened), told).run(settings_file)
    except psycopg.Error as error:
        raise InternalError(f"the database could not be read, there is no backup: {error}") from error


class _Backup:
    """One backup on its way."""

    def __init__(self, conn: Connection, home: Path, writer: ArchiveWriter, told: Told) -> None:
        self._conn = conn
        self._home = home
        self._writer = writer
        self._told = told
        self._done = 0
        self._total = 0

    def run(self, settings_file: Path | None) -> Manifest:
        before = tables_of(self._conn)
        self._conn.isolation_level = IsolationLevel.REPEATABLE_READ
        self._conn.read_only = True
        with self._conn.transaction():
            self._keep_shapes(before)
            shapes = tables_of(self._conn)
            if [(s.name, s.columns) for s in shapes] != [(s.name, s.columns) for s in before]:
                raise Unavailable("the schema of the database changes this moment; try again")
            origin = self._origin()
            rows_per_partition, partitions = self._partitions()
            sequences = sequences_of(self._conn)
            self._total = sum(shape.disk_bytes for shape in shapes) + files.size_of(self._home)
            self._writer.add(HEADER, written(origin))
            self._writer.flush()  # whoever looks at the unfinished file sees what it is
            settings = self._settings(settings_file)
            tables = tuple(self._table(shape) for shape in shapes)
        self._files()
        manifest = Manifest(origin, rows_per_partition, partitions, tables, sequences, self._writer.home(), settings)
        self._writer.finish(manifest)
        return manifest

    def _keep_shapes(self, shapes: list[TableShape]) -> None:
        """No table changes its shape from here on. LOCK does not fix the snapshot yet; the next statement does."""
        names = sql.SQL(", ").join(sql.Identifier(shape.name) for shape in shapes)
        self._conn.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(names))

    def _origin(self) -> Origin:
        row = self._conn.execute("SELECT version_num FROM alembic_version").fetchone()
        assert row is not None
        made = datetime.now(UTC).isoformat(timespec="seconds")
        return Origin(FORMAT, __version__, row[0], self._conn.info.parameter_status("server_version") or "", made)

    def _partitions(self) -> tuple[int, int]:
        row = self._conn.execute(
            """SELECT datafile_partition_rows, (SELECT count(*) FROM pg_inherits WHERE inhparent = 'datafile'::regclass)
                 FROM catalogue_option"""
        ).fetchone()
        assert row is not None
        return row[0], row[1]

    def _settings(self, file: Path | None) -> str | None:
        if file is None:
            return None
        content = file.read_bytes()
        self._writer.add(SETTINGS, content)
        return hashlib.sha256(content).hexdigest()

    def _table(self, shape: TableShape) -> TableContent:
        copying = _CopyOut(self._conn, shape)
        pieces = 0
        for content in ahead(compressed, copying.pieces()):
            pieces += 1
            self._writer.add_piece(shape.name, pieces, content)
            self._told(shape.name, self._done + min(copying.size_bytes, shape.disk_bytes), self._total)
        self._done += shape.disk_bytes
        self._told(shape.name, self._done, self._total)
        return TableContent(
            shape.name, shape.columns, copying.rows, copying.size_bytes, pieces, copying.digest.hexdigest()
        )

    def _files(self) -> None:
        for path in files.entries_of(self._home):
            self._file(path)

    def _file(self, path: PurePosixPath) -> None:
        for _ in range(TRIES):
            info = files.info_of(self._home, path)
            if info is None:
                return
            if not info.isreg():
                self._writer.add_home_entry(info, None)
                return
            content = files.opened(self._home, path)
            if content is None:
                return
            with content:
                whole = self._writer.add_home_entry(info, content)
            if whole:
                self._done += info.size
                self._told(str(path), self._done, self._total)
                return
        raise Unavailable(f"{self._home / path} becomes shorter while it is read; back up when nobody works on it")


class _CopyOut:
    """The binary COPY stream of a table; its numbers are complete when `pieces` has ended."""

    def __init__(self, conn: Connection, shape: TableShape) -> None:
        self._conn = conn
        self._shape = shape
        self.rows = 0
        self.size_bytes = 0
        self.digest = hashlib.sha256()

    def pieces(self) -> Iterator[bytes]:
        """The stream, cut into equal pieces."""
        columns = sql.SQL(", ").join(map(sql.Identifier, self._shape.columns))
        question = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT binary)")
        copying = question.format(columns, sql.Identifier(self._shape.name)).as_bytes(self._conn)
        gathered = bytearray()
        for row in self._rows(copying):
            gathered += row
            while len(gathered) >= PIECE_BYTES:
                yield self._noted(bytes(gathered[:PIECE_BYTES]))
                del gathered[:PIECE_BYTES]
        yield self._noted(bytes(gathered))

    def _rows(self, copying: bytes) -> Iterator[memoryview]:
        """Each row as it comes, by libpq itself: a third of the work of psycopg's `Copy`."""
        wire = self._conn.pgconn
        whole = False
        wire.send_query(copying)
        try:
            _expect(wire.get_result(), pq.ExecStatus.COPY_OUT)
            while True:
                length, row = wire.get_copy_data(0)
                if length < 0:
                    break
                yield row
            self.rows = _expect(wire.get_result(), pq.ExecStatus.COMMAND_OK).command_tuples or 0
            whole = wire.get_result() is None
        finally:
            if not whole:  # nothing else can be said on a connection in the middle of a COPY
                self._conn.close()

    def _noted(self, piece: bytes) -> bytes:
        self.digest.update(piece)
        self.size_bytes += len(piece)
        return piece


def _expect(result: pq.abc.PGresult | None, status: pq.ExecStatus) -> pq.abc.PGresult:
    """The result, which has to be of that status. Raises psycopg's error for what the server says instead."""
    if result is None:
        raise psycopg.OperationalError("the connection to the server was lost")
    if result.status != status:
        raise psycopg.errors.error_from_result(result)
    return result
