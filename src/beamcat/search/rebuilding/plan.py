"""What a rebuild consists of: pieces, each a range of ids of an entity, and of a shard where there are several.

The plan is kept with the new index itself, as names of parts that are done: the position of events that what comes
after it is to be followed from, and the ranges. So whoever goes on with an index that was begun has the same plan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from beamcat.database.pool import Connection, Database
from beamcat.database.tables import PARTITION_KEYS
from beamcat.search.documents.statement import Documents
from beamcat.search.engine import Engine, Rebuild

MOST_PIECES = 50_000
"""Of one shard of an entity: where ids are sparse, pieces span more of them."""
_POSITION, _RANGE = "position", "range"


@dataclass(frozen=True)
class Ground:
    """What a rebuild works on: the index of some entities."""

    database: Database
    engine: Engine
    documents: Mapping[str, Documents]
    entities: tuple[str, ...]


@dataclass(frozen=True)
class Piece:
    """Ids of an entity from `first` up to, not including, `stop`; only those of shard `shard` of `shards`."""

    entity: str
    shard: int
    shards: int
    first: int
    stop: int

    @property
    def name(self) -> str:
        """By which it is known to be done."""
        return f"{self.entity} {self.shard} {self.first}-{self.stop}"


@dataclass(frozen=True)
class Range:
    """The ids of an entity, gone through in steps that end at multiples of `step`, and of `partition` unless 0."""

    entity: str
    first: int
    stop: int
    step: int
    partition: int

    @property
    def name(self) -> str:
        """By which it is kept."""
        return f"{_RANGE} {self.entity} {self.first} {self.stop} {self.step} {self.partition}"

    @classmethod
    def of(cls, name: str) -> Range:
        """The range of that name."""
        _, entity, *numbers = name.split()
        return cls(entity, *map(int, numbers))

    def pieces(self, shards: int) -> Iterator[Piece]:
        """All pieces, shard by shard within each step. An empty range has none."""
        first = self.first
        while first < self.stop:
            ends = [self.stop, (first // self.step + 1) * self.step]
            if self.partition:
                ends.append((first // self.partition + 1) * self.partition)
            stop = min(ends)
            for shard in range(shards):
                yield Piece(self.entity, shard, shards, first, stop)
            first = stop


@dataclass(frozen=True)
class Plan:
    """All pieces, and the position of events from which the new index is to be followed."""

    position: int
    pieces: tuple[Piece, ...]


async def planned(ground: Ground, index: Rebuild, step: int, position: int | None) -> Plan:
    """The plan of an index that was begun, or is: then from the newest event on, or from `position` if that is less.

    The position comes before the ranges: what is made after they were read is in an event after it.
    """
    done = await index.done()
    known = next((name for name in done if name.startswith(f"{_POSITION} ")), None)
    if known is None:
        newest = await newest_position(ground.database)
        known = f"{_POSITION} {newest if position is None else min(newest, position)}"
        await index.commit(known)
    ranges = {each.entity: each for each in map(Range.of, (name for name in done if name.startswith(f"{_RANGE} ")))}
    for entity in ground.entities:
        if entity not in ranges:
            ranges[entity] = await _range(ground.database, ground.documents[entity], step * index.shards(entity))
            await index.commit(ranges[entity].name)
    pieces = (piece for entity in ground.entities for piece in ranges[entity].pieces(index.shards(entity)))
    return Plan(int(known.split()[1]), tuple(pieces))


async def newest_position(database: Database) -> int:
    """The position of the newest event; what is committed and has none yet comes later."""
    async with database.connection() as conn:
        row = await (await conn.execute("SELECT coalesce(max(position), 0) FROM event")).fetchone()
    assert row is not None
    return int(row[0])


def portions(
    pieces: Sequence[Piece], done: Collection[str], processes: int, *, shared: bool
) -> list[tuple[Piece, ...]]:
    """What is left, divided among processes: where no shard may be shared, each goes to one process."""
    left = [piece for piece in pieces if piece.name not in done]
    if shared:
        return [tuple(left[start::processes]) for start in range(min(processes, len(left)))]
    by_shard: dict[tuple[str, int], list[Piece]] = {}
    for piece in left:
        by_shard.setdefault((piece.entity, piece.shard), []).append(piece)
    divided: list[list[Piece]] = [[] for _ in range(processes)]
    for of_shard in sorted(by_shard.values(), key=len, reverse=True):
        min(divided, key=len).extend(of_shard)
    return [tuple(each) for each in divided if each]


async def _range(database: Database, documents: Documents, step: int) -> Range:
    entity = documents.type.entity
    async with database.snapshot() as conn:
        ends = f"SELECT min(id), max(id) FROM {documents.table}"  # noqa: S608
        row = await (await conn.execute(ends.encode())).fetchone()
        partition = await _partition_rows(conn) if entity in PARTITION_KEYS else 0
    first, last = row if row is not None and row[0] is not None else (1, 0)
    return Range(entity, first, last + 1, max(step, (last - first) // MOST_PIECES + 1), partition)


async def _partition_rows(conn: Connection) -> int:
    row = await (await conn.execute("SELECT datafile_partition_rows FROM catalogue_option")).fetchone()
    return 0 if row is None else int(row[0])
