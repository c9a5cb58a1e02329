"""What one of all workers does in the background: it has a model learned, and texts read."""

from __future__ import annotations

import asyncio
from random import Random

from beamcat.access.rulebooks import Rulebooks
from beamcat.config import SearchMeaningSettings
from beamcat.database.pool import Database
from beamcat.errors import BeamcatError
from beamcat.events.leading import leadership
from beamcat.events.reading import keep_reading
from beamcat.observability.logs import logger
from beamcat.search.meanings import shelf
from beamcat.search.meanings.learned import LearnedModel
from beamcat.search.meanings.learning import LEAST_TEXTS, MOST_TEXTS, Lesson
from beamcat.search.meanings.model import Model
from beamcat.search.meanings.models import Models
from beamcat.search.meanings.permitted import Permitted
from beamcat.search.meanings.reading import Following, Reading
from beamcat.search.meanings.shelf import Shelved
from beamcat.search.meanings.texts import PARTS, number_of, page_of, texts_of

AGAIN_S = 60.0
"""Pause after a failure, and before it is looked again whether there is enough to learn from."""
WORTH_LEARNING = 0.2
"""A model is learned anew when there are so much more, or fewer, texts to learn from."""


class Keeper:
    """Keeps what has been read of texts up to date."""

    def __init__(
        self,
        database: Database,
        rulebooks: Rulebooks,
        settings: SearchMeaningSettings,
        models: Models,
    ) -> None:
        self._database, self._rulebooks, self._settings, self._models = database, rulebooks, settings, models
        self._reading = Reading(database, models, settings.share)

    async def keep(self) -> None:
        """Do so until cancelled; while another worker does it, wait."""
        following = Following(self._database, self._models, self._reading)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(keep_reading(self._database, following))
                tasks.create_task(self._keep_looking())
        finally:
            self._reading.close()

    async def look(self) -> Model | None:
        """Have a model that has read all texts, and return it. None if there is too little to learn from."""
        model = await self._model()
        if model is None:
            return None
        read = await self._reading.read_all(model)
        async with self._database.transaction() as connection:
            await shelf.make_ready(connection, model.name)
        logger().info("texts were read for their meaning", model=model.name, texts=read)
        return model

    async def _keep_looking(self) -> None:
        pause = 0.0
        while True:
            try:
                async with leadership(self._database, "meaning"):
                    while True:
                        pause = AGAIN_S if await self.look() is None else self._settings.look_every_h * 3600
                        await asyncio.sleep(pause)
            except BeamcatError as error:
                logger().warning("texts are read for their meaning later", error=error.message, again_in_s=AGAIN_S)
            except Exception:
                logger().exception("texts are read for their meaning later", again_in_s=AGAIN_S)
            await asyncio.sleep(AGAIN_S)

    async def _model(self) -> Model | None:
        """The model that shall read all texts."""
        async with self._database.connection() as connection:
            there = await shelf.models(connection)
        if (brought := self._models.brought) is not None:
            if brought.name not in {each.name for each in there}:
                async with self._database.transaction() as connection:
                    await shelf.shelve(connection, brought.name, 0, None)
            return brought
        newest = max(there, key=lambda each: each.made, default=None)
        if newest is not None and not await self._is_old(newest):
            return await self._models.named(newest.name)
        return await self._learn(newest)

    async def _is_old(self, model: Shelved) -> bool:
        """Whether it is time to look if there is more to learn from."""
        if not model.name.startswith("learned-"):
            return True
        async with self._database.connection() as connection:
            cursor = await connection.execute(
                "SELECT made < now() - make_interval(secs => %s) FROM meaning_model WHERE name = %s",
                [self._settings.learn_every_h * 3600, model.name],
            )
            return await cursor.fetchone() != (False,)

    async def _learn(self, before: Shelved | None) -> Model | None:
        """A new model, if it is worth it; else the one before."""
        lesson, texts = await self._lesson()
        known = None if before is None else await self._models.named(before.name)
        if before is not None and known is not None and abs(texts - before.texts) <= WORTH_LEARNING * before.texts:
            model, texts = known, before.texts
        else:
            self._reading.pace.begin()
            learned = None
            if texts >= LEAST_TEXTS:
                learned = await self._reading.aside(lambda: lesson.learn(self._reading.pace.rest))
            if learned is None:
                logger().info("there is too little to learn meanings from", texts=texts, least=LEAST_TEXTS)
                return None
            model = learned
        async with self._database.transaction() as connection:
            content = model.written() if isinstance(model, LearnedModel) else None
            await shelf.shelve(connection, model.name, texts, content)
        return model

    async def _lesson(self) -> tuple[Lesson, int]:
        """What is open to the user as whom it is learned, and how many texts that is in all."""
        caller = await self._rulebooks.caller(self._settings.learns_as)
        lesson, chosen, chance = Lesson(), 0, Random(MOST_TEXTS)  # noqa: S311 - chooses, hides nothing
        part = min(1.0, MOST_TEXTS / max(1, await self._number()))
        for entity in PARTS:
            after: int | None = 0
            while after is not None:
                self._reading.pace.begin()
                async with self._database.connection() as connection:
                    permitted = await Permitted.of(connection, caller, self._rulebooks)
                    ids, after = await page_of(connection, entity, after)
                    texts = await texts_of(connection, entity, [id_ for id_ in ids if chance.random() < part])
                    open_ = await permitted.texts(entity, {text.key: text.sources for text in texts})
                by_object: dict[int, list[str]] = {}
                for text in texts:
                    if text.key in open_:
                        by_object.setdefault(text.key.id, []).append(text.whole)
                chosen += len(by_object)
                lesson.add(". ".join(wholes) for wholes in by_object.values())
                await asyncio.sleep(self._reading.pace.pause_s())
        return lesson, round(chosen / part)

    async def _number(self) -> int:
        """How many objects with texts there are."""
        async with self._database.connection() as connection:
            return sum([await number_of(connection, entity) for entity in PARTS])
