"""The texts whose meaning is read, and the objects each is made of.

A text never mixes objects that different people may read: what an investigation says itself is one text, its keywords
are another. Who may not read all of the sources of a text is told nothing of it, and nothing that follows from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from beamcat.database.pool import Connection

MOST_SOURCES = 100
"""Keywords, samples or publications of one object that are looked at."""
PAGE = 2_000
"""Objects that are looked at together for whether they have a text."""

_SENTENCES = re.compile(r"(?<=[.!?;])\s+|\s*[\r\n]+\s*")


@dataclass(frozen=True, slots=True)
class Key:
    """A text: `part` is the entity of the objects it is made of."""

    id: int
    part: str


@dataclass(frozen=True, slots=True)
class Text:
    """What is read, in pieces: a title, a summary, a keyword."""

    key: Key
    sources: tuple[int, ...]
    pieces: tuple[str, ...]

    @property
    def whole(self) -> str:
        """All of it."""
        return ". ".join(self.pieces)

    @property
    def sentences(self) -> list[str]:
        """The pieces, cut where sentences end."""
        return [part for piece in self.pieces for part in _SENTENCES.split(piece.strip()) if part]

    @property
    def digest(self) -> bytes:
        """By which it is seen that it has changed, be it the words or what they come from."""
        return blake2b(repr((self.sources, self.pieces)).encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class _Own:
    """What objects say themselves; `needed` is the column without which there is nothing to read."""

    table: str
    columns: tuple[str, ...]
    needed: str

    def statement(self) -> str:
        columns = ", ".join(f"nullif(btrim({column}), '')" for column in self.columns)
        return (
            f"SELECT id, ARRAY[id], array_remove(ARRAY[{columns}], NULL) FROM {self.table}"  # noqa: S608
            f" WHERE id = ANY(%(ids)s) AND btrim({self.needed}) <> '' ORDER BY id"
        )


@dataclass(frozen=True, slots=True)
class _Several:
    """What some objects that belong to one say together."""

    table: str
    parent: str
    column: str

    def statement(self) -> str:
        return (
            f"SELECT of.id, array_agg(it.id ORDER BY it.id), array_agg(it.text ORDER BY it.id)"  # noqa: S608
            f" FROM unnest(%(ids)s::bigint[]) of (id) CROSS JOIN LATERAL (SELECT id, {self.column} AS text"
            f" FROM {self.table} WHERE {self.parent} = of.id ORDER BY id LIMIT {MOST_SOURCES}) it GROUP BY of.id"
        )

    def parents(self) -> str:
        return f"SELECT DISTINCT {self.parent} FROM {self.table} WHERE id = ANY(%(ids)s)"  # noqa: S608


PARTS: Mapping[str, Mapping[str, _Own | _Several]] = {
    "Investigation": {
        "Investigation": _Own("investigation", ("title", "summary"), "title"),
        "Keyword": _Several("keyword", "investigation_id", "name"),
        "Sample": _Several("sample", "investigation_id", "name"),
        "Publication": _Several("publication", "investigation_id", "full_reference"),
    },
    "Dataset": {"Dataset": _Own("dataset", ("description",), "description")},
    "DataPublication": {
        "DataPublication": _Own("data_publication", ("title", "subject", "description"), "title"),
        "Subject": _Several("subject", "data_publication_id", "name"),
    },
}
"""By entity, the texts of its objects."""

CHANGED_BY: Mapping[str, Sequence[tuple[str, str]]] = {
    part: [(entity, part) for entity, parts in PARTS.items() if part in parts]
    for part in dict.fromkeys(part for parts in PARTS.values() for part in parts)
}
"""By the entity of an event, whose texts it may have changed."""


async def texts_of(connection: Connection, entity: str, ids: Sequence[int]) -> list[Text]:
    """The texts of these objects, as they are now."""
    found = []
    for part, way in PARTS[entity].items():
        cursor = await connection.execute(way.statement().encode(), {"ids": list(ids)})
        async for id_, sources, pieces in cursor:
            found.append(Text(Key(id_, part), tuple(sources), tuple(pieces)))
    return found


async def page_of(connection: Connection, entity: str, after: int) -> tuple[list[int], int | None]:
    """The ids of objects with a text among the next ones after an id, and the last id of all these; none: no more."""
    own = _own(entity)
    cursor = await connection.execute(
        f"SELECT coalesce(array_agg(id) FILTER (WHERE btrim({own.needed}) <> ''), '{{}}'), max(id)"  # noqa: S608
        f" FROM (SELECT id, {own.needed} FROM {own.table} WHERE id > %s ORDER BY id LIMIT %s) page",
        [after, PAGE],
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1]


async def number_of(connection: Connection, entity: str) -> int:
    """How many objects have a text."""
    own = _own(entity)
    cursor = await connection.execute(
        f"SELECT count(*) FROM {own.table} WHERE btrim({own.needed}) <> ''"  # noqa: S608
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def owners(connection: Connection, entity: str, part: str, ids: Sequence[int]) -> list[int]:
    """The objects of `entity` whose texts are made of these objects of `part`."""
    way = PARTS[entity][part]
    if isinstance(way, _Own):
        return list(ids)
    cursor = await connection.execute(way.parents().encode(), {"ids": list(ids)})
    return [id_ for (id_,) in await cursor.fetchall()]


def _own(entity: str) -> _Own:
    own = PARTS[entity][entity]
    assert isinstance(own, _Own)
    return own
