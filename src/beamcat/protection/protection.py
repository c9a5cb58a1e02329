"""What a worker holds to protect everybody from robots and floods; doors ask it to let requests in."""

from __future__ import annotations

import asyncio
import random

import psycopg

from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.errors import BeamcatError
from beamcat.observability.logs import logger
from beamcat.observability.metrics import Metrics
from beamcat.protection.blocks import LOOK_EVERY_S, Blocks
from beamcat.protection.clients import Origins, Users
from beamcat.protection.daily import DailyBytes
from beamcat.protection.refusals import Refusals
from beamcat.protection.sharing import SharedBuckets, SharedPlaces
from beamcat.protection.visits import Parts, Visit

PRUNE_EVERY_S = 3600.0

_STAFF_GROUPS = 'SELECT id FROM "grouping" WHERE name = ANY(%s)'


class Protection:
    """`start` it when the database is there, and `close` it at the end."""

    def __init__(self, settings: Settings, database: Database, metrics: Metrics) -> None:
        own = settings.protection
        folder = settings.home / "run"
        self._database = database
        self._staff_groupings = own.staff_groupings
        self._tasks: list[asyncio.Task[None]] = []
        self._is_away = False
        self._parts = Parts(
            own,
            Origins(own),
            Users(settings),
            SharedBuckets(folder / "buckets"),
            SharedPlaces(folder / "places"),
            Blocks(database),
            DailyBytes(database),
            Refusals(metrics.refused),
        )

    async def start(self) -> None:
        """Learn who is kept out, and go on looking."""
        await self._look_again()
        self._tasks = [
            asyncio.create_task(work) for work in (self._keep_looking(), self._parts.daily.keep_writing(), self._tidy())
        ]

    async def close(self) -> None:
        """Write down what is known, and end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._parts.daily.close()
        self._parts.refusals.tell()
        self._parts.buckets.close()
        self._parts.places.close()

    def visit(self, address: str) -> Visit:
        """A request from that address."""
        return Visit(self._parts, self._parts.origins.of(address))

    async def _look(self) -> None:
        await self._parts.blocks.look()
        if self._staff_groupings:
            async with self._database.connection() as connection:
                rows = await (await connection.execute(_STAFF_GROUPS, (list(self._staff_groupings),))).fetchall()
            groups = {identifier for (identifier,) in rows}
            self._parts.staff_groups.intersection_update(groups)
            self._parts.staff_groups.update(groups)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._look_again()

    async def _look_again(self) -> None:
        """Look, unless the database is away."""
        try:
            await self._look()
            self._is_away = False
        except (BeamcatError, psycopg.Error) as error:
            if not self._is_away:
                logger().warning("who is blocked stays as it was: the database is away", error=str(error))
            self._is_away = True

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(PRUNE_EVERY_S * random.uniform(0.5, 1.5))  # noqa: S311 - spreads, hides nothing
            try:
                await self._parts.daily.prune()
            except (BeamcatError, psycopg.Error) as error:
                logger().warning("what clients had on former days stays for now", error=str(error))
