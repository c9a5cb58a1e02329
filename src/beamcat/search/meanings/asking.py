"""Questions by meaning: what is close to a text, or to an object, among what the caller may read.

A question is compared with every text (`matrix`); then the database is asked, with the caller's rules in the
statements, which of the closest the caller may be told of, until there are enough. What is told of a hit is read from
the database then; a text that has changed since it was read is left out until it has been read again.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from beamcat.access.caller import Caller, Scope
from beamcat.access.rulebooks import Rulebooks
from beamcat.config import SearchMeaningSettings
from beamcat.database.pool import Connection, Database
from beamcat.errors import BadParameter, NoSuchObject, TimedOut
from beamcat.search.meanings import shelf
from beamcat.search.meanings.matrix import Matrix
from beamcat.search.meanings.model import Model, Vectors
from beamcat.search.meanings.models import Models
from beamcat.search.meanings.permitted import Permitted
from beamcat.search.meanings.shelf import Shelved
from beamcat.search.meanings.texts import PARTS, Key, Text, texts_of
from beamcat.search.tokens import words

T = TypeVar("T")

LONGEST_TEXT = 4_000
"""Characters of a question."""
MOST_LOOKED_AT = 100_000
"""Texts whose permission is asked for, at most: the closest ones."""

MOST_SENTENCES = 60
"""Sentences of all hits of an answer that are compared with the question: a sentence model takes its time for each."""
ENOUGH = 0.5
"""The part of the time for a question after which no more texts are looked at."""

Block = list[tuple[Key, float]]


@dataclass(frozen=True, slots=True)
class Near:
    """An object that is close in meaning.

    `closeness` is 1 for the same words; `part` is the entity of what is close: the object itself, or its keywords,
    samples, publications. `text` is the piece of it that is closest, which the caller may read.
    """

    id: int
    closeness: float
    part: str
    text: str


@dataclass(frozen=True, slots=True)
class Nearest:
    """What is close, the closest first.

    `unknown` are words of the question that the model does not understand: they had no say. `complete` is false while
    there are texts that have not been read yet, and when only the closest could be looked at.
    """

    found: tuple[Near, ...] = ()
    unknown: tuple[str, ...] = ()
    complete: bool = True


class Meanings:
    """Answers questions by meaning, some at a time, in threads of its own.

    All methods raise `Unavailable` while nothing has been read, `TimedOut` when it takes too long, `Forbidden` for a
    token without the scope to read, `BadParameter` for an entity whose texts are not read.
    """

    def __init__(
        self, database: Database, rulebooks: Rulebooks, settings: SearchMeaningSettings, models: Models, home: Path
    ) -> None:
        self._database, self._rulebooks, self._settings, self._models = database, rulebooks, settings, models
        self._home = home
        self._matrices: dict[tuple[str, str], Matrix] = {}
        self._threads = ThreadPoolExecutor(settings.concurrent, thread_name_prefix="meanings")
        self._places = asyncio.Semaphore(settings.concurrent)

    async def by_meaning(self, caller: Caller, entity: str, text: str, most: int = 10) -> Nearest:
        """Objects whose texts mean what the text does."""
        text = text[:LONGEST_TEXT]
        async with self._question(caller, entity) as question:
            nearest = await self._near(question, text, most)
            return replace(nearest, unknown=question.model.unknown(text))

    async def similar(self, caller: Caller, entity: str, id_: int, most: int = 10) -> Nearest:
        """Objects whose texts mean what those of this object do, as far as the caller may read these.

        Raises `NoSuchObject` if the caller may not read it, or there is none.
        """
        async with self._question(caller, entity) as question:
            if id_ not in await question.permitted.objects(entity, [id_]):
                raise NoSuchObject(f"{entity}[id:{id_}] not found.")
            texts = await texts_of(question.connection, entity, [id_])
            seen = await question.permitted.texts(entity, {text.key: text.sources for text in texts})
            nearest = await self._near(question, ". ".join(text.whole for text in texts if text.key in seen), most + 1)
            return replace(nearest, found=tuple(near for near in nearest.found if near.id != id_)[:most])

    def reads(self, entity: str) -> bool:
        """Whether objects of an entity have texts that are read."""
        return entity in PARTS

    async def close(self) -> None:
        """Let go of files and threads."""
        for matrix in self._matrices.values():
            await matrix.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    @contextlib.asynccontextmanager
    async def _question(self, caller: Caller, entity: str) -> AsyncIterator[_Question]:
        caller.require(Scope.READ)
        if not self.reads(entity):
            raise BadParameter(f"{entity} cannot be searched by meaning; these can: {', '.join(PARTS)}")
        try:
            async with asyncio.timeout(self._settings.timeout_s), self._places:
                model, shelved = await self._models.asked()
                async with self._database.connection() as connection:
                    permitted = await Permitted.of(connection, caller, self._rulebooks)
                    enough = time.monotonic() + ENOUGH * self._settings.timeout_s
                    yield _Question(entity, model, shelved, connection, permitted, enough)
        except TimeoutError as error:
            raise TimedOut("the search by meaning took longer than the settings allow") from error

    async def _near(self, question: _Question, text: str, most: int) -> Nearest:
        """What is close to a text."""
        ready = question.shelved.ready
        (place,) = await self._aside(lambda: question.model.places([text]))
        if most < 1 or not place.any() or question.permitted.nothing(question.entity):
            return Nearest(complete=ready)
        hits, complete = await self._hits(question, place, most)
        found = await self._aside(lambda: _told(question.model, place, text, hits))
        return Nearest(tuple(found), complete=ready and complete)

    async def _hits(self, question: _Question, place: Vectors, most: int) -> tuple[list[_Hit], bool]:
        """The closest text of each object that is close; and whether nothing that is as close was left out."""
        blocks = (await self._matrix(question)).closest(place)
        hits: dict[int, _Hit] = {}
        looked_at = 0
        while block := await self._aside(lambda: _close_enough(blocks, question.model.far)):
            looked_at += len(block)
            seen = await question.seen([key for key, _ in block])
            for part in _pieces([each for each in block if each[0] in seen], 2 * most):
                texts = await question.as_read([key for key, _ in part])
                for key, closeness in part:
                    if key in texts:
                        hits.setdefault(key.id, _Hit(texts[key], closeness))
                if len(hits) >= most:
                    return list(hits.values())[:most], True
            if looked_at >= MOST_LOOKED_AT or time.monotonic() > question.enough:
                return list(hits.values()), False
        return list(hits.values()), True

    async def _matrix(self, question: _Question) -> Matrix:
        edition, entity = str(question.shelved.edition), question.entity
        if (edition, entity) not in self._matrices:
            for former in [key for key in self._matrices if key[0] != edition]:
                await self._matrices.pop(former).close()
            await self._aside(lambda: _remove_others(self._home, edition))
            model = question.model
            matrix = Matrix(self._database, self._home / edition / entity, model.name, entity, model.size)
            self._matrices.setdefault((edition, entity), matrix)
        matrix = self._matrices[edition, entity]
        await matrix.refresh()
        return matrix

    async def _aside(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


@dataclass(frozen=True, slots=True)
class _Question:
    """A question on its way: of whom, and what is asked."""

    entity: str
    model: Model
    shelved: Shelved
    connection: Connection
    permitted: Permitted
    enough: float
    """When to be content with what was found, by the monotonic clock."""

    async def seen(self, keys: list[Key]) -> set[Key]:
        """Those of the texts that the caller may be told of."""
        objects = await self.permitted.objects(self.entity, {key.id for key in keys})
        own = {key for key in keys if key.id in objects and key.part == self.entity}
        others = [key for key in keys if key.id in objects and key.part != self.entity]
        sources = await shelf.sources(self.connection, self.model.name, self.entity, others)
        return own | await self.permitted.texts(self.entity, sources)

    async def as_read(self, keys: list[Key]) -> dict[Key, Text]:
        """Those of the texts that are still as they were read."""
        ids = sorted({key.id for key in keys})
        known = await shelf.digests(self.connection, self.model.name, self.entity, ids)
        now = {text.key: text for text in await texts_of(self.connection, self.entity, ids)}
        return {key: now[key] for key in keys if key in now and known.get(key) == now[key].digest}


def _close_enough(blocks: Iterator[Block], far: float) -> Block:
    return [(key, closeness) for key, closeness in next(blocks, []) if closeness >= far]


def _pieces(block: Block, size: int) -> Iterator[Block]:
    return (block[start : start + size] for start in range(0, len(block), size))


@dataclass(frozen=True, slots=True)
class _Hit:
    text: Text
    closeness: float


def _told(model: Model, place: Vectors, question: str, hits: Sequence[_Hit]) -> list[Near]:
    """Hits in their order, each with its sentence that is closest: of many, those with words of the question."""
    if not hits:
        return []
    of_question = frozenset(words(question))

    def words_in_common(sentence: str) -> int:
        return len(of_question.intersection(words(sentence)))

    most = max(1, MOST_SENTENCES // len(hits))
    chosen = [sorted(hit.text.sentences, key=words_in_common, reverse=True)[:most] for hit in hits]
    close = model.places([sentence for sentences in chosen for sentence in sentences]) @ place
    found, start = [], 0
    for hit, sentences in zip(hits, chosen, strict=True):
        best = int(np.argmax(close[start : start + len(sentences)]))
        start += len(sentences)
        found.append(Near(hit.text.key.id, round(min(1.0, hit.closeness), 3), hit.text.key.part, sentences[best]))
    return found


def _remove_others(home: Path, edition: str) -> None:
    """Remove the files of models that nobody asks any longer; whoever has one open keeps it."""
    if home.is_dir():
        for each in home.iterdir():
            if each.name != edition:
                shutil.rmtree(each, ignore_errors=True)
