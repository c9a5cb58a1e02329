"""What a backup says about itself: the last words of the archive, against which everything in it is checked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

from pydantic import TypeAdapter, ValidationError

from beamcat.errors import BeamcatError, ErrorKind

FORMAT = 1
"""Version of the layout of archives."""

HEADER = "beamcat-backup.json"
"""The first member: the origin alone."""
SETTINGS = "settings.toml"
"""A copy of the settings file, for information; a restore does not use it."""
TABLES = "tables"
"""Folder of the tables: `tables/NAME/000001.gz`, gzipped pieces of one binary COPY stream."""
HOME = "home"
"""Folder of the files of the home."""
MANIFEST = "manifest.json"
SEAL = "manifest.sha256"
"""The last member: the SHA-256 of the manifest."""

PIECE_BYTES = 4 * 2**20
"""Largest piece of a table before it is compressed."""

Told = Callable[[str, int, int], None]
"""Told what is being done, and how many bytes of how many are done."""


class Damaged(BeamcatError):
    """An archive is cut off, changed, or no backup of Beamcat at all."""

    kind = ErrorKind.VALIDATION


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a backup comes from. `made` is in UTC, ISO 8601; `schema` is the version of the tables."""

    format: int
    beamcat: str
    schema: str
    postgresql: str
    made: str


@dataclass(frozen=True, slots=True)
class TableContent:
    """One table: `sha256` is that of its binary COPY stream of `size_bytes`, cut into `pieces`."""

    name: str
    columns: tuple[str, ...]
    rows: int
    size_bytes: int
    pieces: int
    sha256: str


@dataclass(frozen=True, slots=True)
class SequenceState:
    """Where a sequence goes on; `called` says whether `last` was given out."""

    name: str
    last: int
    called: bool


@dataclass(frozen=True, slots=True)
class HomeContent:
    """The files of the home: `sha256` is that of what `home.described` says of each entry, and its content."""

    entries: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """All of a backup. `partition_rows` is `database.datafile_partition_rows`, `partitions` how many there are."""

    origin: Origin
    partition_rows: int
    partitions: int
    tables: tuple[TableContent, ...]
    sequences: tuple[SequenceState, ...]
    home: HomeContent
    settings_sha256: str | None

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables)

    @property
    def size_bytes(self) -> int:
        """Bytes of tables and files, uncompressed."""
        return sum(table.size_bytes for table in self.tables) + self.home.size_bytes


def written(value: Manifest | Origin) -> bytes:
    """As JSON."""
    return json.dumps(asdict(value), indent=1).encode()


def read_manifest(text: bytes) -> Manifest:
    """The manifest of its JSON. Raises `Damaged`."""
    try:
        return TypeAdapter(Manifest).validate_json(text)
    except ValidationError as error:
        raise Damaged(f"its manifest cannot be read: {error.errors()[0]['msg']}") from None


def read_origin(text: bytes) -> Origin:
    """The origin of its JSON. Raises `Damaged`, also when this Beamcat does not know the layout."""
    try:
        origin = TypeAdapter(Origin).validate_json(text)
    except ValidationError:
        raise Damaged("it does not begin as a backup of Beamcat") from None
    if origin.format != FORMAT:
        raise Damaged(f"its layout {origin.format} is not known to this Beamcat; use Beamcat {origin.beamcat} or newer")
    return origin
