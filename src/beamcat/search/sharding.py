"""Which shard a document belongs to that is divided by investigation: the one definition, in Python and in SQL."""

from __future__ import annotations

INVESTIGATIONS_TOGETHER = 100
"""Successive investigations stay together, so that a part of the work can belong to one shard."""


def shard_of(investigation: int, shards: int) -> int:
    """The shard of an investigation's documents."""
    return investigation // INVESTIGATIONS_TOGETHER % shards


def in_shard(investigation: str, shard: int, shards: int) -> str:
    """The same as a condition on a column."""
    return f"{investigation} / {INVESTIGATIONS_TOGETHER:d} % {shards:d} = {shard:d}"
