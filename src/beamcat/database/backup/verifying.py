"""Checking an archive: every table and every file is what the manifest says, and nothing else is there."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beamcat.database.backup.ahead import ahead
from beamcat.database.backup.archive import ArchiveReader, HomeEntry, TablePiece, decompressed
from beamcat.database.backup.manifest import Damaged, Manifest, Told
from beamcat.database.schema import SchemaOutdated, known_versions


@dataclass(slots=True)
class _Seen:
    """What was read of a table."""

    pieces: int = 0
    size_bytes: int = 0
    digest: Any = field(default_factory=hashlib.sha256)


class CheckedTables:
    """Notes what is read of each table, and compares it with a manifest at the end."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self._last = ""

    def note(self, table: str, content: bytes) -> None:
        """The next piece of a table. Raises `Damaged` when the table was over already."""
        if table != self._last and table in self._seen:
            raise Damaged(f"the table {table} is there twice")
        self._last = table
        seen = self._seen.setdefault(table, _Seen())
        seen.pieces += 1
        seen.size_bytes += len(content)
        seen.digest.update(content)

    def compare(self, manifest: Manifest) -> None:
        """Raises `Damaged` unless all is there as it was."""
        names = [table.name for table in manifest.tables]
        if sorted(names) != sorted(self._seen):
            raise Damaged("it does not hold the tables that it should")
        for table in manifest.tables:
            seen = self._seen[table.name]
            found = (seen.pieces, seen.size_bytes, seen.digest.hexdigest())
            if found != (table.pieces, table.size_bytes, table.sha256):
                raise Damaged(f"the table {table.name} is not what it was")


def verify(file: Path, told: Told) -> Manifest:
    """Read an archive from beginning to end; what it holds. Raises `Damaged`, and `OSError` when it cannot be read."""
    reader = ArchiveReader(file, lambda done, total: told("Checking", done, total))
    checked = CheckedTables()
    with named(file):
        for table, content in tables_in(reader, _read_through):
            checked.note(table, content)
        checked.compare(reader.manifest)
    return reader.manifest


def tables_in(reader: ArchiveReader, keep: Callable[[HomeEntry], None]) -> Iterator[tuple[str, bytes]]:
    """The tables of an archive, piece by piece, and their names. Entries of the home are given to `keep`."""

    def pieces() -> Iterator[TablePiece]:
        for entry in reader.entries():
            if isinstance(entry, TablePiece):
                yield entry
            else:
                keep(entry)

    return ahead(decompressed, pieces())


@contextlib.contextmanager
def named(file: Path) -> Iterator[None]:
    """Have `Damaged` say which file."""
    try:
        yield
    except Damaged as damaged:
        raise Damaged(f"{file} is not a whole backup: {damaged.message}") from None


def assert_known(manifest: Manifest) -> None:
    """Raise `SchemaOutdated` when the archive was written by a newer Beamcat than this one."""
    if manifest.origin.schema not in known_versions():
        raise SchemaOutdated(
            f"the backup was made by Beamcat {manifest.origin.beamcat}, with schema {manifest.origin.schema}; "
            "this Beamcat is older, install that version or a newer one"
        )


def _read_through(entry: HomeEntry) -> None:
    for _ in entry.content:
        pass
