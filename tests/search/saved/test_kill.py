"""A worker that is killed between finding and telling: nothing is lost, and nothing is told twice."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from beamcat.config import Settings
from tests.search.saved.conftest import Facility
from tests.store.requests.mail_server import MailServer

PATIENCE_S = 60


@asynccontextmanager
async def worker(url: str, settings: Settings) -> AsyncIterator[None]:
    """It works meanwhile, and is killed by SIGKILL then."""
    mail = settings.downloads.mail
    told: dict[str, Any] = {
        "home": str(settings.home),
        "search": {"entities": settings.search.entities},
        "downloads": {"mail": {"enabled": True, "port": mail.port, "host": mail.host, "sender": mail.sender}},
    }
    process = subprocess.Popen([sys.executable, "-m", "tests.search.saved.worker", url, json.dumps(told)])
    try:
        yield
        assert process.poll() is None
    finally:
        process.kill()
        assert await asyncio.to_thread(process.wait) == -signal.SIGKILL


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not await condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_what_was_found_is_told_once_whenever_the_worker_dies(
    facility: Facility, mail_server: MailServer, database_url: str, settings: Settings
) -> None:
    ann = await facility.user("db/ann")
    search = await facility.save(ann)
    await facility.visit("NEW-1", "db/ann")
    rows = facility.site.rows

    async def is_waiting_for_the_lock() -> bool:
        waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return await rows(waits) != [(0,)]

    async def is_tried() -> bool:
        return mail_server.tries > 0

    async def is_done() -> bool:
        return await rows("SELECT count(*) FROM saved_search_mail") == [(0,)]

    async def has_taken_its_turn() -> bool:
        return await rows("SELECT next_look > now() FROM saved_search") == [(True,)]

    async def due(table: str, column: str) -> None:
        await facility.site.value(f"WITH due AS (UPDATE {table} SET {column} = now()) SELECT 1")

    # killed when it has found what is new, and is about to write it down
    await due("saved_search", "next_look")
    async with facility.site.database.transaction() as held:
        await held.execute("SELECT 1 FROM saved_search FOR UPDATE")
        async with worker(database_url, settings):
            await until(is_waiting_for_the_lock)
    assert await rows("SELECT state FROM saved_search_match") == []

    # killed when it has written it down, and the mail is not taken
    mail_server.answer = "451 later"
    async with worker(database_url, settings):
        await until(is_tried)
    assert mail_server.mails == []
    assert await rows("SELECT entity, state FROM saved_search_match") == [("Investigation", "posted")]

    # and it is told, once
    mail_server.answer = "250 taken"
    await due("saved_search_mail", "due")
    async with worker(database_url, settings):
        await until(is_done)
        await facility.visit("OTHER-1", "db/ann", title="Nickel")
        await due("saved_search", "next_look")
        await until(has_taken_its_turn)
        await until(is_done)
    (mail,) = mail_server.mails
    assert "NEW-1" in mail.get_content()
    assert [name for name, _ in await facility.news(search)] == ["Investigation"]


async def test_two_workers_tell_once(
    facility: Facility, mail_server: MailServer, database_url: str, settings: Settings
) -> None:
    ann = await facility.user("db/ann")
    await facility.save(ann)
    await facility.visit("NEW-1", "db/ann")
    search = (await facility.saved.searches.list_owned(ann))[0]
    both = await asyncio.gather(*(facility.saved.looking.look(search, turn=True) for _ in range(2)))
    assert sorted(both) == [False, True]
    await facility.post()
    assert len(mail_server.mails) == 1
