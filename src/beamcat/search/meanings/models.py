"""The models there are, as a worker has them open."""

from __future__ import annotations

import asyncio
import time

from beamcat.database.pool import Database
from beamcat.errors import Unavailable
from beamcat.search.meanings import shelf
from beamcat.search.meanings.learned import LearnedModel
from beamcat.search.meanings.model import Model
from beamcat.search.meanings.shelf import Shelved

CHECKED_EVERY_S = 5.0
"""How long a worker asks the model it has asked before it looks for a better one."""


class Models:
    """Opens models by name; `brought` is the one of another package, if the settings have it."""

    def __init__(self, database: Database, brought: Model | None) -> None:
        self._database = database
        self.brought = brought
        self._open: dict[str, Model] = {} if brought is None else {brought.name: brought}
        self._asked: tuple[Model, Shelved] | None = None
        self._checked = float("-inf")

    async def asked(self) -> tuple[Model, Shelved]:
        """The model that questions are put to, and what is known of it. Raises `Unavailable` without one."""
        if self._asked is None or time.monotonic() - self._checked >= CHECKED_EVERY_S:
            async with self._database.connection() as connection:
                shelved = await shelf.models(connection)
            for each in shelved:
                if (model := await self.named(each.name)) is not None:
                    self._asked, self._checked = (model, each), time.monotonic()
                    break
            else:
                self._asked = None
            names = {each.name for each in shelved}
            self._open = {name: model for name, model in self._open.items() if name in names or model is self.brought}
        if self._asked is None:
            raise Unavailable(
                "no texts have been read for their meaning yet; search for words meanwhile, and see the log of the "
                "server for how far it is"
            )
        return self._asked

    async def named(self, name: str) -> Model | None:
        """The model of that name; none if it is gone, or the settings have another one by now."""
        if name not in self._open:
            if self.brought is not None:
                return None
            async with self._database.connection() as connection:
                content = await shelf.content(connection, name)
            if content is None:
                return None
            self._open[name] = await asyncio.to_thread(LearnedModel.read, content)
        return self._open[name]
