"""Texts are read for their meaning: those that are new or have changed, whenever somebody says which might be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from beamcat.database.pool import Database
from beamcat.events.event import Event
from beamcat.events.keeping import Start
from beamcat.search.meanings import shelf
from beamcat.search.meanings.model import Model
from beamcat.search.meanings.models import Models
from beamcat.search.meanings.pace import Pace
from beamcat.search.meanings.texts import CHANGED_BY, PARTS, owners, page_of, texts_of

T = TypeVar("T")

AT_ONCE = 200
"""Objects whose texts are read in one transaction, at most."""
FEW = 10
"""As many at least, however long that takes."""
LONGEST_S = 0.5
"""As long shall a transaction take, which others wait for that want to read the texts they have changed."""
TOUCHED_AT_ONCE = 10_000
"""Objects that events have touched and that are remembered until they are read."""


class Reading:
    """Reads texts, one transaction for some objects at a time: after `kill -9` what was read stays read."""

    def __init__(self, database: Database, models: Models, share: float) -> None:
        self._database, self._models = database, models
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="meaning")
        self._at_once = FEW
        self.pace = Pace(share)

    async def read_all(self, model: Model) -> int:
        """Compare all texts with what was read of them. How many were read."""
        read = 0
        for entity in PARTS:
            after: int | None = 0
            while after is not None:
                before = after
                async with self._database.connection() as connection:
                    ids, after = await page_of(connection, entity, before)
                    known = await shelf.ids_between(connection, model.name, entity, before, after)
                read += await self.read(model, entity, {*ids, *known})
        return read

    async def read(self, model: Model, entity: str, ids: Collection[int]) -> int:
        """Read the texts of these objects that have changed, forget those that are gone. How many were read."""
        ordered = sorted(ids)
        read = start = 0
        while start < len(ordered):
            some = ordered[start : start + self._at_once]
            read += await self._read(model, entity, some)
            start += len(some)
        return read

    async def _read(self, model: Model, entity: str, ids: Sequence[int]) -> int:
        """Do so in one transaction."""
        self.pace.begin()
        async with self._database.transaction() as connection:
            await shelf.lock_stamps(connection)
            begun = time.monotonic()
            texts = await texts_of(connection, entity, ids)
            known = await shelf.digests(connection, model.name, entity, ids)
            if gone := known.keys() - {text.key for text in texts}:
                await shelf.remove(connection, model.name, entity, gone)
            changed = [text for text in texts if known.get(text.key) != text.digest]
            if changed:
                places = await self.aside(lambda: model.places([text.whole for text in changed]))
                await shelf.put(connection, model.name, entity, changed, places)
        took = time.monotonic() - begun
        if took > LONGEST_S:
            self._at_once = max(FEW, self._at_once // 2)
        elif len(ids) == self._at_once and took < LONGEST_S / 3:
            self._at_once = min(AT_ONCE, 2 * self._at_once)
        await asyncio.sleep(self.pace.pause_s())
        return len(changed)

    async def aside(self, work: Callable[[], T]) -> T:
        """Work that takes a processor, in the one thread there is for it."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """Let go of the thread, which ends what it does at its next rest."""
        self.pace.stop()
        self._thread.shutdown(wait=False, cancel_futures=True)


class Following:
    """A reader of events: what changes is read again a moment later.

    Events that are pruned before they are read, or that do not say what they have changed, are made up for when all
    texts are compared.
    """

    name = "meaning"
    start = Start.NEWEST

    def __init__(self, database: Database, models: Models, reading: Reading) -> None:
        self._database, self._models, self._reading = database, models, reading

    async def handle(self, events: Sequence[Event]) -> None:
        """Read the texts that these events may have changed, for all models there are."""
        touched: dict[str, set[int]] = {}
        for event in events:
            for entity, ids in self._touched_by(event):
                touched.setdefault(entity, set()).update(await ids)
                if len(touched[entity]) > TOUCHED_AT_ONCE:
                    await self._read(touched)
                    touched = {}
        await self._read(touched)

    def _touched_by(self, event: Event) -> Iterator[tuple[str, Awaitable[Iterable[int]]]]:
        for entity, part in CHANGED_BY.get(event.entity, ()):
            for some in _pieces(event.ids):
                yield entity, self._owners(entity, part, some)
            for some in _pieces(event.former.get(entity, ())):
                yield entity, self._owners(entity, entity, some)

    async def _owners(self, entity: str, part: str, ids: Sequence[int]) -> Iterable[int]:
        async with self._database.connection() as connection:
            return await owners(connection, entity, part, ids)

    async def _read(self, touched: Mapping[str, Collection[int]]) -> None:
        if not touched:
            return
        async with self._database.connection() as connection:
            names = [each.name for each in await shelf.models(connection)]
        for name in names:
            model = await self._models.named(name)
            if model is not None:
                for entity, ids in touched.items():
                    await self._reading.read(model, entity, ids)


def _pieces(ranges: Iterable[tuple[int, int]]) -> Iterator[range]:
    """The ids of ranges, first and last, some thousand at a time."""
    for first, last in ranges:
        for start in range(first, last + 1, TOUCHED_AT_ONCE):
            yield range(start, min(last + 1, start + TOUCHED_AT_ONCE))
