"""Bringing one request to its target, from its plan to its end.

What was done is written down after it is done, under the lease of whoever does it, so that another worker goes on after
a crash at any line: it does again what may have been done, which targets promise to bear.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from beamcat.config import CommonTargetSettings
from beamcat.errors import BeamcatError, ErrorKind
from beamcat.observability.logs import logger
from beamcat.store.prepared import NotPrepared, Prepared
from beamcat.store.requests.downloads import Downloads, announce
from beamcat.store.targets.contract import (
    Batch,
    Begun,
    Failure,
    Finished,
    HoldsReplicas,
    Order,
    Planned,
    Progress,
    Refusal,
    SourceFile,
    State,
    Target,
    WorksHere,
)
from beamcat.store.targets.sources import Found, Sources
from beamcat.store.targets.table import TargetTable
from beamcat.store.targets.values import Lost, Part, Planning, Replica, Settled, Taken
from beamcat.store.units.locks import Busy, Reading
from beamcat.store.units.status import NotOnline

PASSES = frozenset({ErrorKind.UNAVAILABLE, ErrorKind.TIMED_OUT, ErrorKind.INTERNAL, ErrorKind.TOO_MANY_ATTEMPTS})
"""What may be over when it is tried again."""
MOST_TOLD = 100
"""Failed files that a target is told one by one when it publishes."""
LONGEST_REASON = 500
"""Characters of a reason that are kept."""


class Refused(BeamcatError):
    """A target does not take a request, now or later."""

    kind = ErrorKind.VALIDATION


class NotNow(BeamcatError):
    """A target does not take a request yet."""

    kind = ErrorKind.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Place:
    """A target as the settings name it."""

    name: str
    settings: CommonTargetSettings
    target: Target


@dataclass(slots=True)
class _Open:
    """A batch that is under way, with what is held for it."""

    part: Part
    found: Found
    begun: Begun
    reading: Reading
    progress: Progress = field(default_factory=lambda: Progress(State.WORKING, 0, 0))


class Work:
    """Works on requests. `give_up` is how long something may be away."""

    def __init__(
        self,
        table: TargetTable,
        sources: Sources,
        downloads: Downloads,
        places: Mapping[str, Place],
        give_up: timedelta,
    ) -> None:
        self._table = table
        self._sources = sources
        self._downloads = downloads
        self._places = places
        self._give_up = give_up

    async def work_on(self, taken: Taken) -> None:
        """Bring a request as far as it goes; whatever goes wrong is written down."""
        place = self._places[taken.target]
        try:
            await self._advance(taken, place)
        except Lost:
            logger().info("a request is another worker's now", download=taken.id)
        except NotPrepared:
            await self._table.wait_for_data(taken, prepare=True)
        except NotOnline:
            await self._table.wait_for_data(taken)
        except Exception as error:  # a request that fails stops no other one
            await self._failed(taken, place, error)

    async def refusal(self, place: Place, order: Order) -> Refusal | None:
        """Why a request is not taken; None when it is."""
        most = place.settings.max_bytes_per_user
        if most is not None:
            held = await self._table.held_bytes(place.name, order.person.name, order.id)
            if order.size > most:
                return Refusal(f"{place.name} takes {most} bytes for a user, and this request has {order.size}")
            if held + max(order.size, 0) > most:
                return Refusal(
                    f"you have {held} bytes at {place.name} already, of {most} that you may have", later=True
                )
        return await place.target.check(order)

    async def _advance(self, taken: Taken, place: Place) -> None:
        ordered = await self._table.order(taken.id)
        if taken.state in {"PLANNING", "WORKING"} and not ordered.wanted:
            await self._stop(taken, place, ordered.order, None)
        elif taken.state == "STOPPING":
            await self._clear(taken, place, ordered.order)
        elif taken.state == "LEAVING":
            await self._leave(taken, place, ordered.order)
        else:
            if ordered.prepared is None:
                raise NotPrepared(f"download {taken.id} is not prepared")
            prepared = await self._sources.prepared(ordered.prepared)
            if taken.prepared == ordered.prepared:
                await self._table.resume(taken)
            else:
                await self._plan(taken, place, ordered.order, prepared)
            order = (await self._table.order(taken.id)).order
            try:
                if await self._bring(taken, place, order, prepared):
                    await self._publish(taken, place, order, prepared)
                else:
                    await self._stop(taken, place, order, None)
            finally:
                if isinstance(place.target, WorksHere):
                    await asyncio.shield(place.target.let_go(order))

    async def _plan(self, taken: Taken, place: Place, order: Order, prepared: Prepared) -> None:
        if taken.prepared is not None:  # of an earlier selection: other files may be there
            await place.target.cancel(order, await self._table.tickets(taken.id))
            await place.target.expire(order, await self._table.tickets(taken.id))
        refusal = await self.refusal(place, order)
        if refusal is not None:
            raise (NotNow if refusal.later else Refused)(refusal.reason)
        cut = await self._sources.cut(prepared, place.target.batch_files)
        visit = await self._table.visit(prepared.datasets)
        await self._table.plan(taken, Planning(prepared.id, visit, cut.files, cut.size, cut.parts))

    async def _bring(self, taken: Taken, place: Place, order: Order, prepared: Prepared) -> bool:
        """Have all batches brought there; False when the request is not wanted any more."""
        under_way: dict[int, _Open] = {}
        files, bytes_ = await self._table.ended_total(taken.id)
        pace = _Pace(bytes_)
        try:
            while True:
                await self._begin_some(taken, place, order, prepared, under_way)
                if not under_way:
                    return await self._table.advanced(taken, files, bytes_, None, "")
                batches = list(under_way.values())
                for each, progress in zip(
                    batches, await place.target.poll([each.begun for each in batches]), strict=True
                ):
                    each.progress = progress
                    if progress.state is not State.WORKING:
                        settled = _settled(place, order, each)
                        await self._table.settle(taken, settled)
                        files, bytes_ = files + settled.files_done, bytes_ + settled.bytes_done
                        del under_way[each.part.number]
                        await each.reading.end()
                working = [each.progress for each in under_way.values()]
                done = bytes_ + sum(progress.bytes_done for progress in working)
                so_far = files + sum(progress.files_done for progress in working)
                eta = _eta(working) or pace.eta(done, order.size)
                detail = working[0].detail if working else ""
                if not await self._table.advanced(taken, so_far, done, eta, detail):
                    return False
                if len(working) == len(batches):
                    await asyncio.sleep(place.settings.poll_s)
        finally:
            for each in under_way.values():
                await asyncio.shield(each.reading.end())

    async def _begin_some(
        self, taken: Taken, place: Place, order: Order, prepared: Prepared, under_way: dict[int, _Open]
    ) -> None:
        room = place.settings.batches_at_once - len(under_way)
        if room <= 0:
            return
        last = max(under_way, default=-1)
        for part in await self._table.open_parts(taken.id, last, room):
            reading = self._sources.reading()
            try:
                await self._sources.lock(prepared, part, reading)
                found = await self._sources.find(prepared, part, reading)
                batch = self._batch(place, order, part, found)
                ticket = part.ticket
                if ticket is None:
                    ticket = await place.target.begin(batch)
                    await self._table.begun(taken, part, ticket)
            except BaseException:
                await asyncio.shield(reading.end())
                raise
            under_way[part.number] = _Open(part, found, Begun(batch, ticket), reading)

    def _batch(self, place: Place, order: Order, part: Part, found: Found) -> Batch:
        planned: list[Planned] = []

        async def files() -> Sequence[Planned]:
            if not planned and found.files:
                planned.extend(await place.target.plan(order, found.files))
            return planned

        return Batch(order, part.number, part.round, files)

    async def _publish(self, taken: Taken, place: Place, order: Order, prepared: Prepared) -> None:
        failed_count, failed = await self._table.failures(taken.id, MOST_TOLD)
        files, bytes_ = await self._table.ended_total(taken.id)
        if failed_count and not files:
            await self._stop(taken, place, order, f"nothing could be brought there: {failed[0].reason}")
            return
        expires = datetime.now(UTC) + timedelta(days=place.settings.retention_days)
        not_there = await self._table.failed_ids(taken.id)

        async def there() -> AsyncIterator[Sequence[SourceFile]]:
            async for part in self._table.first_rounds(taken.id):
                found = await self._sources.find(prepared, part)
                yield [file for file in found.files if file.id not in not_there]

        tickets = await self._table.tickets(taken.id)
        finished = Finished(order, tickets, files, bytes_, failed, failed_count, expires, there)
        access = await place.target.publish(finished)
        async with self._table.database.transaction() as connection:
            if await self._table.complete(connection, taken, access, failed_count):
                await self._downloads.write_mails(connection, [taken.id], access.shown)
                await announce(connection)
                return
        await self._stop(taken, place, order, None)

    async def _stop(self, taken: Taken, place: Place, order: Order, problem: str | None) -> None:
        await self._table.stop(taken, None if problem is None else problem[:LONGEST_REASON])
        await self._clear(taken, place, order)

    async def _clear(self, taken: Taken, place: Place, order: Order) -> None:
        tickets = await self._table.tickets(taken.id)
        await place.target.cancel(order, tickets)
        await self._table.stopped(taken, await place.target.expire(order, tickets))

    async def _leave(self, taken: Taken, place: Place, order: Order) -> None:
        await self._table.forget_replicas(taken)
        reclaimed = await place.target.expire(order, await self._table.tickets(taken.id))
        days = f"{place.settings.retention_days:g}"
        await self._table.left(taken, reclaimed, f"the data were kept at {place.name} for {days} days")

    async def _failed(self, taken: Taken, place: Place, error: Exception) -> None:
        """What may pass is tried again for as long as the settings say; the rest is the end of the request."""
        if isinstance(error, BeamcatError):
            problem, passes = error.message, error.kind in PASSES
            say = logger().info if isinstance(error, Busy | NotNow) else logger().warning
            say("a request to a target does not get on", download=taken.id, target=taken.target, error=problem)
        else:
            problem, passes = "something went wrong in the server", True
            logger().error("a request to a target does not get on", download=taken.id, exc_info=error)
        clearing = taken.state in {"STOPPING", "LEAVING"}
        if (passes or clearing) and await self._table.later(taken, problem[:LONGEST_REASON], self._give_up):
            return
        try:
            await self._stop(taken, place, (await self._table.order(taken.id)).order, problem)
        except Lost:
            return
        except Exception as other:  # it is STOPPING now, and cleared away later
            logger().warning("what was brought there cannot be removed yet", download=taken.id, error=str(other))
            await self._table.later(taken, problem[:LONGEST_REASON], self._give_up)


class _Pace:
    """How fast bytes get there."""

    def __init__(self, done: int) -> None:
        self._began, self._done = time.monotonic(), done

    def eta(self, done: int, total: int) -> timedelta | None:
        seconds, moved = time.monotonic() - self._began, done - self._done
        return timedelta(seconds=max(0, total - done) * seconds / moved) if moved > 0 and total > 0 else None


def _eta(working: Sequence[Progress]) -> timedelta | None:
    told = [progress.eta_s for progress in working if progress.eta_s is not None]
    return timedelta(seconds=max(told)) if told else None


def _settled(place: Place, order: Order, batch: _Open) -> Settled:
    """How a batch has ended: files that failed are tried again as often as the settings say."""
    progress, found, part = batch.progress, batch.found, batch.part
    failed = {failure.datafile: failure for failure in progress.failed}
    if progress.state is not State.DONE:
        reason = progress.detail or ("it was stopped" if progress.state is State.CANCELED else "it failed")
        final = progress.state is State.CANCELED
        missing = {file.id: Failure(file.id, reason, final) for file in found.files} if not failed else {}
        failed = {**missing, **failed}
    more = part.round < place.settings.retry_rounds
    again = [failure.datafile for failure in failed.values() if more and not failure.final]
    names = {file.id: file.name for file in found.files}
    ended = [
        (each.datafile, names.get(each.datafile, ""), each.reason[:LONGEST_REASON])
        for each in failed.values()
        if each.final or not more
    ]
    there = [file for file in found.files if file.id not in failed]
    return Settled(
        part,
        progress.state,
        len(there),
        sum(file.size for file in there),
        again,
        [*ended, *((identifier, name, reason) for identifier, name, reason in found.absent)],
        _replicas(place.target, order, there),
    )


def _replicas(target: Target, order: Order, files: Sequence[SourceFile]) -> list[Replica]:
    if not isinstance(target, HoldsReplicas):
        return []
    return [
        Replica(file.id, target.place(order, file), file.size, file.version, file.crc32, file.sha256) for file in files
    ]
