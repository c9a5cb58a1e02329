"""A new index from the database, beside the one that is asked, and switched to at once.

What is changed meanwhile is in events after the position of the plan: who follows events goes back to there when the
new index is asked, and writes all of it once more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

from beamcat.config import Settings
from beamcat.database.pool import Connection, Database
from beamcat.errors import BadParameter, Unavailable
from beamcat.observability.logs import logger
from beamcat.search.documents.statement import Documents
from beamcat.search.engine import Engine, Rebuild
from beamcat.search.opening import indexed_documents
from beamcat.search.rebuilding import record
from beamcat.search.rebuilding.estimating import check_room, estimated
from beamcat.search.rebuilding.plan import Ground, Plan, planned, portions
from beamcat.search.rebuilding.process import Order, run
from beamcat.search.rebuilding.progress import Meter, Progress
from beamcat.search.rebuilding.working import make

TELL_EVERY_S = 1.0
FEW = 50_000
"""A rebuild of so few documents is done in the process that asks for it."""
MOST_DEATHS = 5
"""A process that is killed, or loses the database, is started again; so often without having made anything."""
PAUSE_S = 2.0
"""Before it is."""

Told = Callable[[Progress], None]


@dataclass(frozen=True)
class Manner:
    """How a rebuild is done.

    Of `entities`, or of all. `processes` work on it, beside this one; 0: this one does. `anew`: what was interrupted is
    given up.
    """

    entities: Sequence[str] = ()
    processes: int = 0
    anew: bool = False
    is_nice: bool = False
    ignore_space: bool = False


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild has done."""

    documents: int
    """Made in this attempt."""
    seconds: float
    position: int


async def rebuild(
    settings: Settings,
    database: Database,
    engine: Engine,
    manner: Manner = Manner(),
    told: Told = lambda _: None,
) -> Rebuilt:
    """Make an index anew, going on with what was interrupted.

    Raises `AlreadyRebuilding` while somebody else does, `ValidationFailed` when there is no room, or when a rebuild of
    other entities was interrupted, `Unavailable` when it was interrupted itself: what is committed stays done.
    """
    documents = indexed_documents(settings)
    ground = Ground(database, engine, documents, chosen := _chosen(manner.entities, documents))
    await record.settle(database, engine)
    async with record.alone(database) as conn:
        if not manner.anew:
            await record.check_same(database, chosen)
        position = await engine.position()
        if position is None and len(chosen) < len(documents):
            raise BadParameter("there is no index yet, or it is of another version: all entities have to be rebuilt")
        estimates = {entity: await estimated(database, documents[entity]) for entity in chosen}
        index = await _index(engine, chosen, anew=manner.anew)
        try:
            # before there is a plan, since the events after it have to be kept
            if not manner.ignore_space and not await index.done():
                await check_room(engine, estimates)
            plan = await planned(ground, index, settings.search.rebuild_step, position)
            done = frozenset(await index.done())
            share = _share(plan, done)
            await record.begin(database, chosen, plan.position, anew=manner.anew)
            total = sum(estimates.values())
            meter = Meter(total, round(total * (1 - share)), monotonic)
            work = _Work(settings, ground, manner, meter)
            started = monotonic()
            async with _telling(conn, meter, told):
                await work.do(plan, done, is_small=total * share <= FEW, shared=index.is_shared)
            await index.switch(plan.position)
        except BaseException:
            await index.close()
            raise
        await record.end(database)
    return Rebuilt(meter.committed, monotonic() - started, plan.position)


@dataclass(frozen=True)
class _Work:
    settings: Settings
    ground: Ground
    manner: Manner
    meter: Meter

    async def do(self, plan: Plan, done: frozenset[str], *, is_small: bool, shared: bool) -> None:
        """Make all that is not done."""
        if self.manner.processes == 0 or is_small:
            (pieces,) = portions(plan.pieces, done, 1, shared=shared) or [()]
            async with record.working(self.ground.database):
                await make(self.ground, pieces, self.meter.portion(0))
            return
        async with _together() as tasks:
            for number, pieces in enumerate(portions(plan.pieces, done, self.manner.processes, shared=shared)):
                order = Order(self.settings, self.ground.entities, pieces, self.manner.is_nice)
                tasks.create_task(self._process(number, order))

    async def _process(self, number: int, order: Order) -> None:
        deaths, made = 0, 0
        while True:
            told = self.meter.portion(number)
            try:
                await run(order, told)
            except Unavailable as error:
                deaths = 1 if self.meter.committed > made else deaths + 1
                made = self.meter.committed
                if deaths > MOST_DEATHS:
                    raise
                logger().warning("a process that makes the index starts again", number=number, error=error.message)
                await asyncio.sleep(PAUSE_S)
            else:
                return


def _chosen(entities: Sequence[str], documents: Mapping[str, Documents]) -> tuple[str, ...]:
    unknown = sorted(set(entities) - set(documents))
    if unknown:
        raise BadParameter(f"{', '.join(unknown)} is not indexed; there are {', '.join(documents)}")
    return tuple(entity for entity in documents if not entities or entity in entities)


async def _index(engine: Engine, entities: Sequence[str], *, anew: bool) -> Rebuild:
    index = await engine.rebuild(entities)
    if anew:
        await index.abandon()
        index = await engine.rebuild(entities)
    return index


def _share(plan: Plan, done: frozenset[str]) -> float:
    """How much of the plan is still to be done."""
    ids = sum(piece.stop - piece.first for piece in plan.pieces)
    left = sum(piece.stop - piece.first for piece in plan.pieces if piece.name not in done)
    return left / ids if ids else 1.0


@contextlib.asynccontextmanager
async def _telling(conn: Connection, meter: Meter, told: Told) -> AsyncIterator[None]:
    """Tell how far it is all the time. Without the connection, and so the lock, the block is broken off."""

    async def tell() -> None:
        progress = meter.progress()
        told(progress)
        await record.tell(conn, progress)

    async def keep_telling() -> None:
        while True:
            await tell()
            await asyncio.sleep(TELL_EVERY_S)

    async with _together() as tasks:
        telling = tasks.create_task(keep_telling())
        yield
        telling.cancel()
    await tell()


@contextlib.asynccontextmanager
async def _together() -> AsyncIterator[asyncio.TaskGroup]:
    """Tasks of which the first that fails ends all, with its own error."""
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
    except BaseExceptionGroup as group:
        raise _first(group) from group


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
