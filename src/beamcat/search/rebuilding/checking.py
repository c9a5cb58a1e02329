"""Whether the index holds what the database says: ids, and a digest of each document, range by range.

The database makes all documents again, but tells their digests alone. What differs may just be on its way: it is looked
at again when the index has come to where the database was.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from time import monotonic

from beamcat.database.pool import Database
from beamcat.events.sequencing import sequence_all
from beamcat.search.documents.statement import Documents
from beamcat.search.documents.vocabulary import DIGEST
from beamcat.search.engine import Engine
from beamcat.search.rebuilding.following import is_followed
from beamcat.search.rebuilding.plan import newest_position
from beamcat.search.rebuilding.reading import reading

IDS_AT_ONCE = 50_000
MOST_RANGES = 1_000_000
"""Of an entity: where ids are sparse, ranges span more of them."""
CATCHES_UP_WITHIN_S = 60.0
"""How long the index may take to come to where the database is, for who is not patient."""
NOBODY_FOLLOWS_AFTER_S = 5.0
"""One who follows may just be taking over from another."""
TRIES = 5
"""A document that changes all the time is looked at so often, and then left."""
_POLL_S = 0.1
_LAST = 2**63 - 2

Digests = Mapping[int, int | None]


class Wrong(Enum):
    """What is wrong with a document in the index."""

    MISSING = "missing"
    SUPERFLUOUS = "superfluous"
    DIFFERENT = "different"
    TWICE = "twice"


class Behind(Enum):
    """Why the index is not where the database is."""

    SLOWLY_FOLLOWED = "slowly followed"
    FOLLOWED_BY_NOBODY = "followed by nobody"


@dataclass(frozen=True)
class Finding:
    """A document of which index and database say different things."""

    entity: str
    id: int
    wrong: Wrong


class Checker:
    """Compares. `behind` says, afterwards, whether the index had not come to where the database was in time, and why.

    With `patient`, it is waited for as long as somebody follows the changes.
    """

    def __init__(
        self, database: Database, engine: Engine, documents: Mapping[str, Documents], *, patient: bool = False
    ) -> None:
        self._database, self._engine, self._documents = database, engine, documents
        self._patience_s = math.inf if patient else CATCHES_UP_WITHIN_S
        self.behind: Behind | None = None

    async def check(
        self, entity: str, told: Callable[[int], None] = lambda _: None
    ) -> AsyncGenerator[list[Finding], None]:
        """What is wrong with the documents of an entity, in the order of ids. `told`: so many more were compared.

        Raises `Unavailable` when there is no index of it.
        """
        first, stop = await self._ends(entity)
        step = max(IDS_AT_ONCE, (stop - first) // MOST_RANGES + 1)
        begin = 0
        for end in [*range(first + step, stop, step), stop]:
            indexed = [each async for some in self._indexed(entity, begin, end) for each in some]
            there = await self._of_range(entity, max(begin, first), end)
            suspects = _suspects(indexed, there)
            if suspects:
                yield await self._confirmed(entity, suspects)
            told(len(there))
            begin = end
        async for some in self._indexed(entity, begin, _LAST):
            yield await self._confirmed(entity, sorted({id_ for id_, _ in some}))

    async def _confirmed(self, entity: str, suspects: Sequence[int]) -> list[Finding]:
        """Which of these differ, though the index is at least as new as the database was."""
        found: list[Finding] = []
        for _ in range(TRIES):
            before = await self._of_ids(entity, suspects)
            await self._catch_up()
            ids = set(suspects)
            ranges = self._indexed(entity, suspects[0], suspects[-1] + 1)
            indexed = [each async for some in ranges for each in some if each[0] in ids]
            after = await self._of_ids(entity, suspects)
            steady = {id_ for id_ in suspects if before.get(id_) == after.get(id_)}
            found += _compared(entity, steady, indexed, after)
            suspects = [id_ for id_ in suspects if id_ not in steady]
            if not suspects:
                break
        return sorted(found, key=lambda finding: finding.id)

    async def _catch_up(self) -> None:
        """Wait until the index is where the database is now. Once it took too long, there is no waiting any more."""
        await sequence_all(self._database)
        newest, begun = await newest_position(self._database), monotonic()
        until = begun + NOBODY_FOLLOWS_AFTER_S
        while (await self._engine.position() or 0) < newest:
            followed = await is_followed(self._database)
            if followed:
                until = max(monotonic() + NOBODY_FOLLOWS_AFTER_S, until)
            if self.behind or monotonic() > min(until, begun + self._patience_s):
                self.behind = self.behind or (Behind.SLOWLY_FOLLOWED if followed else Behind.FOLLOWED_BY_NOBODY)
                return
            await asyncio.sleep(_POLL_S)

    async def _ends(self, entity: str) -> tuple[int, int]:
        ends = f"SELECT coalesce(min(id), 1), coalesce(max(id), 0) + 1 FROM {self._documents[entity].table}"  # noqa: S608
        async with self._database.connection() as conn:
            row = await (await conn.execute(ends.encode())).fetchone()
        assert row is not None
        first, stop = row
        return first, stop

    def _indexed(self, entity: str, first: int, stop: int) -> AsyncIterator[Sequence[tuple[int, int | None]]]:
        return self._engine.amounts(entity, DIGEST.name, first, stop)

    async def _of_range(self, entity: str, first: int, stop: int) -> Digests:
        return await self._digests(self._documents[entity].digests_of_range(first, stop))

    async def _of_ids(self, entity: str, ids: Sequence[int]) -> Digests:
        return await self._digests(self._documents[entity].digests_of_ids(ids))

    async def _digests(self, statement: str) -> Digests:
        async with reading(self._database) as conn:
            return dict(await (await conn.execute(statement.encode())).fetchall())


def _suspects(indexed: Sequence[tuple[int, int | None]], there: Digests) -> list[int]:
    if len(indexed) == len(there) and dict(indexed) == there:
        return []
    known = dict(indexed)
    twice = {id_ for id_, times in Counter(id_ for id_, _ in indexed).items() if times > 1}
    differ = {
        id_ for id_ in known.keys() | there.keys() if (id_ in known, known.get(id_)) != (id_ in there, there.get(id_))
    }
    return sorted(twice | differ)


def _compared(
    entity: str, ids: Collection[int], indexed: Sequence[tuple[int, int | None]], there: Digests
) -> list[Finding]:
    known, times = dict(indexed), Counter(id_ for id_, _ in indexed)
    found: list[Finding] = []
    for id_ in ids:
        if id_ not in known and id_ in there:
            found.append(Finding(entity, id_, Wrong.MISSING))
        elif id_ in known and id_ not in there:
            found.append(Finding(entity, id_, Wrong.SUPERFLUOUS))
        elif times[id_] > 1:
            found.append(Finding(entity, id_, Wrong.TWICE))
        elif known.get(id_) != there.get(id_):
            found.append(Finding(entity, id_, Wrong.DIFFERENT))
    return found
