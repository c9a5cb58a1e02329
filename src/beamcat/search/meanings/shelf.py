"""What has been read of texts, and the models that read it, as the database keeps it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np

from beamcat.database.pool import Connection
from beamcat.events.leading import lock_key
from beamcat.search.meanings.model import Vectors
from beamcat.search.meanings.texts import Key, Text

_LOCK = lock_key("meaning stamps")


@dataclass(frozen=True, slots=True)
class Shelved:
    """A model: `texts` is how many there were to learn from, `ready` whether it has read all texts.

    The `edition` is new for each row, so that files made of what it has read are never taken for those of another.
    """

    name: str
    made: datetime
    texts: int
    ready: bool
    edition: UUID


async def models(connection: Connection) -> list[Shelved]:
    """The models, the one to ask first, then the newest ones."""
    cursor = await connection.execute(
        "SELECT name, made, texts, ready, edition FROM meaning_model ORDER BY ready DESC, made DESC, name"
    )
    return [Shelved(*row) for row in await cursor.fetchall()]


async def content(connection: Connection, name: str) -> bytes | None:
    """What a learned model consists of; none when it is gone."""
    cursor = await connection.execute("SELECT content FROM meaning_model WHERE name = %s", [name])
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def shelve(connection: Connection, name: str, texts: int, content: bytes | None) -> None:
    """Add a model that has read nothing yet; of one that is there, only remember from how much it could learn."""
    await connection.execute(
        "INSERT INTO meaning_model (name, texts, content) VALUES (%s, %s, %s)"
        " ON CONFLICT (name) DO UPDATE SET texts = excluded.texts, made = now()",
        [name, texts, content],
    )


async def make_ready(connection: Connection, name: str) -> None:
    """From now on this is the model that is asked; others, and what they read, are removed."""
    await connection.execute("UPDATE meaning_model SET ready = true WHERE name = %s AND NOT ready", [name])
    await connection.execute("DELETE FROM meaning_model WHERE name <> %s", [name])


async def lock_stamps(connection: Connection) -> None:
    """Wait until no other transaction gives out stamps."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", _LOCK)


async def digests(connection: Connection, model: str, entity: str, ids: Sequence[int]) -> dict[Key, bytes]:
    """What texts of these objects have been read, by the digests they had."""
    cursor = await connection.execute(
        "SELECT entity_id, part, digest FROM meaning WHERE model = %s AND entity = %s AND entity_id = ANY(%s)",
        [model, entity, list(ids)],
    )
    return {Key(id_, part): digest for id_, part, digest in await cursor.fetchall()}


async def sources(connection: Connection, model: str, entity: str, keys: Collection[Key]) -> dict[Key, list[int]]:
    """What objects these texts are made of."""
    cursor = await connection.execute(
        "SELECT entity_id, part, sources FROM meaning JOIN unnest(%s::bigint[], %s::text[]) AS asked (entity_id, part)"
        " USING (entity_id, part) WHERE model = %s AND entity = %s",
        [[key.id for key in keys], [key.part for key in keys], model, entity],
    )
    return {Key(id_, part): ids for id_, part, ids in await cursor.fetchall()}


async def places(connection: Connection, model: str, entity: str, id_: int) -> dict[Key, Vectors]:
    """Where the texts of an object are."""
    cursor = await connection.execute(
        "SELECT part, vector FROM meaning WHERE model = %s AND entity = %s AND entity_id = %s AND vector IS NOT NULL",
        [model, entity, id_],
    )
    return {Key(id_, part): unpacked(vector) for part, vector in await cursor.fetchall()}


async def put(connection: Connection, model: str, entity: str, texts: Sequence[Text], vectors: Vectors) -> None:
    """Keep where texts are; whoever calls it holds `lock_stamps`."""
    await connection.execute(
        "INSERT INTO meaning (model, entity, entity_id, part, sources, digest, vector, stamp)"
        " SELECT %s, %s, id, part, sources::bigint[], digest, vector, nextval('meaning_stamp_seq')"
        " FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bytea[], %s::bytea[])"
        " AS read (id, part, sources, digest, vector)"
        " ON CONFLICT (model, entity, entity_id, part) DO UPDATE SET sources = excluded.sources,"
        " digest = excluded.digest, vector = excluded.vector, stamp = excluded.stamp",
        [
            model,
            entity,
            [text.key.id for text in texts],
            [text.key.part for text in texts],
            ["{" + ",".join(map(str, text.sources)) + "}" for text in texts],
            [text.digest for text in texts],
            [_packed(vector) for vector in vectors],
        ],
    )


async def remove(connection: Connection, model: str, entity: str, keys: Iterable[Key]) -> None:
    """Forget texts that are no longer there."""
    gone = list(keys)
    await connection.execute(
        "DELETE FROM meaning USING unnest(%s::bigint[], %s::text[]) AS gone (id, part)"
        " WHERE model = %s AND entity = %s AND entity_id = gone.id AND meaning.part = gone.part",
        [[key.id for key in gone], [key.part for key in gone], model, entity],
    )


async def ids_between(connection: Connection, model: str, entity: str, after: int, last: int | None) -> list[int]:
    """Objects of which texts have been read, behind an id up to, and including, another one; none: all behind it."""
    cursor = await connection.execute(
        "SELECT DISTINCT entity_id FROM meaning WHERE model = %s AND entity = %s AND entity_id > %s"
        " AND (%s::bigint IS NULL OR entity_id <= %s)",
        [model, entity, after, last, last],
    )
    return [id_ for (id_,) in await cursor.fetchall()]


def unpacked(vector: bytes) -> Vectors:
    """A place as numbers."""
    return np.frombuffer(vector, dtype="<f2").astype(np.float32)


def _packed(vector: Vectors) -> bytes | None:
    return vector.astype("<f2").tobytes() if vector.any() else None
