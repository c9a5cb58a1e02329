"""The work on saved searches that one worker of all does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import psycopg

from beamcat.database.pool import Database
from beamcat.errors import BeamcatError, Unavailable
from beamcat.events.leading import FOLLOW_S, leadership
from beamcat.observability.logs import logger
from beamcat.search.saved.opening import Saved

LOOK_EVERY_S = 5.0
"""How often there is a look whose turn has come."""
LOOK_FOR_MAILS_EVERY_S = 2.0
PAUSE_S = 30.0
"""Pause after the database was away, or the index was."""


async def keep_alerting(saved: Saved, *, look_every_s: float = LOOK_EVERY_S, follow_s: float = FOLLOW_S) -> None:
    """Look for searches, and send mails about what is new, until cancelled. While another worker does so, wait.

    Mails have a lead of their own, so that a slow mail server holds up nothing else.
    """
    if saved.posting is None:
        return
    mails_every_s = min(look_every_s, LOOK_FOR_MAILS_EVERY_S)
    async with asyncio.TaskGroup() as group:
        group.create_task(_keep(saved.database, "saved searches", saved.rounds.take, look_every_s, follow_s))
        group.create_task(_keep(saved.database, "saved search mails", saved.posting.send, mails_every_s, follow_s))


async def _keep(
    database: Database, name: str, turn: Callable[[], Awaitable[bool]], every_s: float, follow_s: float
) -> None:
    """Take turns while nobody else does under this name; at once when there was something to do."""
    while True:
        try:
            async with leadership(database, name, follow_s=follow_s) as connection:
                while True:
                    if not await turn():
                        await asyncio.sleep(every_s)
                    try:
                        await connection.execute("SELECT 1")  # the lead ends with the connection
                    except psycopg.OperationalError as error:
                        raise Unavailable(f"the connection is lost: {error}") from error
        except BeamcatError as error:
            logger().warning("work on saved searches has to wait", work=name, error=error.message)
        except Exception:
            logger().exception("work on saved searches has to wait", work=name)
        await asyncio.sleep(PAUSE_S)
