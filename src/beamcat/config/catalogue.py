"""The database, and what the catalogue allows."""

from __future__ import annotations

from pydantic import Field, SecretStr

from beamcat.config.section import Section


class DatabaseSettings(Section):
    """Where the catalogue is kept."""

    url: SecretStr | None = None
    """A PostgreSQL of yours, 15 or newer: `postgresql://user:password@host/name`. Without it, Beamcat runs its own."""
    connections: int = Field(8, ge=2)
    """Connections per worker."""
    statement_timeout_s: float = Field(120.0, gt=0)
    """Longest time one question may take in the database."""
    start_timeout_s: float = Field(600.0, gt=0)
    """How long the embedded PostgreSQL may take to recover after a crash."""
    embedded_user: str = "nobody"
    """When Beamcat runs as root: the unprivileged account the embedded PostgreSQL runs as."""
    embedded_shared_buffers: str = "256MB"
    """`shared_buffers` of the embedded PostgreSQL."""
    datafile_partition_rows: int = Field(0, ge=0)
    """Ids per partition of `datafile` and `datafile_parameter`, fixed by `beamcat init`; 0 makes plain tables."""
    maintain_file_counts: bool = True
    """Keep `fileCount` and `fileSize` of datasets and investigations; values clients send for them are ignored."""


class CatalogueSettings(Section):
    """Limits and rights of the ICAT interfaces."""

    root_user_names: tuple[str, ...] = ()
    """Users with every right, such as `simple/root`."""
    session_lifetime_minutes: float = Field(120.0, gt=0)
    """Life time of a session from login or the latest refresh."""
    max_entities: int = Field(10_000, ge=1)
    """Most objects one answer may hold, included ones counted."""
    max_query_length: int = Field(65_536, ge=256)
    """Longest query text, in characters."""
    max_query_nesting: int = Field(40, ge=4)
    """Deepest nesting of parentheses and subqueries in a query."""
    max_includes: int = Field(64, ge=1)
    """Most relations one INCLUDE clause may follow."""
    max_objects_per_write: int = Field(100_000, ge=1)
    """Most objects, nested ones counted, that one create may make."""
