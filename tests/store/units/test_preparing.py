"""Data that are prepared while they leave: whatever the moment, they are there in the end, and nobody asks twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from beamcat.access.caller import Caller
from beamcat.store.freezing import Freezing
from beamcat.store.prepared import Order, Prepared, PreparedDownloads
from beamcat.store.selection import Selections, Terms, Wanted
from beamcat.store.units.locks import Reading
from beamcat.store.units.status import ARCHIVED, NotOnline
from beamcat.store.units.transitions import ARCHIVE, RESTORE, WRITE, Operation
from tests.store.units.rig import FILES, Rig, doing

ANN = Caller("ann", root=True)


async def prepared(rig: Rig) -> Prepared:
    """A prepared download of the dataset."""
    downloads = PreparedDownloads(rig.site.database, most=10)
    selections = Selections(rig.site.database, rig.site.rulebooks, Terms())
    async with selections.select(ANN, Wanted(datasets=(rig.dataset,))) as selected:
        identifier: UUID = await downloads.freeze(Order("ann", "zip", zip=True), selected, Freezing())
    return await downloads.find(identifier)


async def status(rig: Rig) -> str:
    async def units() -> Any:
        yield await rig.units()

    return await rig.first.levels.status(units())


async def finished(rig: Rig) -> None:
    """All is done that is queued; everything is there, and nothing more is to be done."""
    await rig.finish()
    assert rig.held("main") == FILES
    assert await rig.site.rows("SELECT DISTINCT online, failure, marked FROM unit") == [(True, None, False)]


async def copied(rig: Rig) -> None:
    await rig.ask(WRITE)
    await rig.finish()


@pytest.mark.parametrize("moment", ["queued", "taken", "leaving", "removing", "removed"])
@pytest.mark.parametrize("asks", ["prepareData", "getData"])
async def test_what_is_asked_for_while_it_leaves_comes_back(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, moment: str, asks: str
) -> None:
    """Right after clients are told that it is archived; they need not ask again."""
    await copied(rig)
    download = await prepared(rig)
    asked = 0

    async def ask() -> None:
        nonlocal asked
        asked += 1
        assert await status(rig) == ARCHIVED
        if asks == "prepareData":
            await rig.second.levels.prepare(download)
        else:
            with pytest.raises(NotOnline):
                await rig.second.levels.require_online(await rig.units(), Reading(None), "ann")

    def before(owner: Any, name: str) -> None:
        wrapped: Callable[..., Awaitable[Any]] = getattr(owner, name)

        async def asking(*arguments: Any, **named: Any) -> Any:
            monkeypatch.undo()
            await ask()
            return await wrapped(*arguments, **named)

        monkeypatch.setattr(owner, name, asking)

    queue = rig.first.levels.queue
    await rig.ask(ARCHIVE)
    if moment == "queued":
        await ask()
    else:
        units = await queue.take([ARCHIVE], 10)
        if moment == "taken":
            await ask()
        elif moment == "leaving":
            before(type(queue), "leave")
        elif moment == "removing":
            before(rig.main, "delete")
        else:
            before(type(queue), "done")
        await doing(rig.first.worker.moves, ARCHIVE)(units)
    assert asked == 1
    await finished(rig)


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_asked_for_in_whatever_order_what_is_prepared_last_is_there(rig: Rig, seed: int) -> None:
    """Two workers at work, and somebody who asks for this and that: no unit is stuck, and none is lost."""
    chance = random.Random(seed)
    download = await prepared(rig)
    workers = [rig.first.worker, rig.second.worker]
    for _ in range(12):
        await rig.ask(chance.choice([ARCHIVE, ARCHIVE, RESTORE, WRITE]))
        if chance.random() < 0.3:
            await rig.second.levels.prepare(download)
        for _ in range(chance.randrange(3)):
            await chance.choice(workers).take_some()
            await asyncio.sleep(chance.choice([0, 0.001, 0.01, 0.03]))
        if chance.random() < 0.3:
            await chance.choice(workers).idle()
    await rig.ask(ARCHIVE)
    await asyncio.gather(*(worker.take_some() for worker in workers))
    await asyncio.sleep(chance.choice([0, 0.001, 0.005, 0.02]))
    await rig.second.levels.prepare(download)
    await asyncio.gather(*(worker.idle() for worker in workers))
    await finished(rig)


STATES = [
    (online, wanted, running)
    for online in (True, False)
    for wanted in (None, "WRITE", "ARCHIVE", "RESTORE", "WRITE_THEN_ARCHIVE")
    for running in (None, "WRITE", "ARCHIVE", "RESTORE")
] + [(None, "WRITE", None)]


def literal(value: bool | str | None) -> str:
    return {None: "NULL", True: "true", False: "false"}.get(value, f"'{value}'")  # type: ignore[call-overload]


async def test_a_restore_is_heeded_in_every_state(rig: Rig) -> None:
    """Of units that are there and of those that are not, whatever is queued, and whatever a dead worker was doing."""
    for there in (True, False):
        await rig.ask(ARCHIVE if not there else WRITE)
        await rig.finish()
        for online, wanted, running in STATES:
            if online is not None and online != there:
                continue
            ticket = "gen_random_uuid(), until = now() - interval '1 s'" if running else "NULL, until = NULL"
            marked = wanted in {"WRITE", "WRITE_THEN_ARCHIVE"} or running == "WRITE"
            await rig.site.rows(
                f"UPDATE unit SET online = {literal(online)}, wanted = {literal(wanted)}, marked = {literal(marked)}, "
                f"running = {literal(running)}, ticket = {ticket}, not_before = now() RETURNING 1"
            )
            await rig.ask(RESTORE)
            await rig.finish()
            assert rig.held("main") == FILES, (there, online, wanted, running)
            [(found,)] = await rig.site.rows("SELECT DISTINCT online FROM unit")
            assert found is not False, (there, online, wanted, running)
            if not there:
                await rig.ask(ARCHIVE)
                await rig.finish()
                assert rig.held("main") == {}, (there, online, wanted, running)


async def test_what_was_to_be_written_is_written_when_it_has_come_back(rig: Rig) -> None:
    """A restore takes the place of a write that cannot be done, since there is nothing to be read."""
    await rig.ask(ARCHIVE)
    await rig.finish()
    await rig.ask(WRITE)
    await rig.ask(RESTORE)
    assert await rig.site.rows("SELECT DISTINCT wanted, marked FROM unit") == [("RESTORE", True)]
    await finished(rig)


async def test_units_that_are_gone_from_the_catalogue_are_not_stuck(rig: Rig) -> None:
    await copied(rig)
    units = await rig.units()
    for asked in (ARCHIVE, RESTORE, WRITE):
        await rig.ask(Operation(asked))
        await rig.first.levels.queue.take([asked], 10)
        await rig.forget()
    await rig.ask(WRITE)
    await rig.site.rows("DELETE FROM dataset RETURNING 1")
    await rig.finish()
    assert units
    assert await rig.site.rows("SELECT id FROM unit") == []
