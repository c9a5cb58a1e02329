"""Sending mails about new matches.

A mail is a row of `saved_search_mail`, written in the transaction in which the search remembers what it has found;
what is in it are the matches in the state `posted`. It is made when it is sent, of what the owner may see at that
moment. A process that dies after the mail server has taken it sends it again, with the same Message-ID, by which mail
systems drop the second one.
"""

from __future__ import annotations

import asyncio
import smtplib
from datetime import datetime, timedelta

from beamcat.access.rulebooks import Rulebooks
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.observability.logs import logger
from beamcat.search.saved.due import Tell
from beamcat.search.saved.mails import Alert, alert_mail
from beamcat.search.saved.searches import COLUMNS, SavedSearches, saved_search_of
from beamcat.search.saved.showing import Showing
from beamcat.store.requests.posting import FIRST_RETRY_S, LONGEST_RETRY_S, Refused, deliver

BATCH = 20

_DUE = f"""
SELECT m.id, m.created, {", ".join(f"s.{column.strip()}" for column in COLUMNS.split(","))}
  FROM saved_search_mail m
  JOIN saved_search s ON s.id = m.search_id
 WHERE m.due <= now()
 ORDER BY m.due, m.id
 LIMIT %s
"""  # noqa: S608 - columns of ours
_POSTED = """
SELECT entity, entity_id FROM saved_search_match WHERE search_id = %s AND state = 'posted'
 ORDER BY found DESC, entity_id DESC
"""
_NAME = 'SELECT full_name FROM "user" WHERE name = %s'
_DONE = """
WITH done AS (DELETE FROM saved_search_mail WHERE id = %s RETURNING search_id)
UPDATE saved_search_match SET state = 'told' WHERE search_id IN (SELECT search_id FROM done) AND state = 'posted'
"""
_AGAIN = """
UPDATE saved_search_mail
   SET tries = tries + 1, due = now() + least(%(first)s * 2 ^ least(tries, 20), %(longest)s) * interval '1 second'
 WHERE id = %(id)s AND created > now() - %(give_up)s
"""


class AlertPosting:
    """Sends mails, a turn at a time. Only one at a time may take turns."""

    def __init__(
        self, settings: Settings, database: Database, rulebooks: Rulebooks, searches: SavedSearches, showing: Showing
    ) -> None:
        self._settings = settings
        self._database = database
        self._rulebooks = rulebooks
        self._searches = searches
        self._showing = showing

    async def send(self) -> bool:
        """Send what is due; whether there was anything."""
        async with self._database.connection() as connection:
            rows = await (await connection.execute(_DUE, (BATCH,))).fetchall()
        for number, created, *row in rows:
            await self._send(number, created, tuple(row))
        return bool(rows)

    async def _send(self, number: int, created: datetime, row: tuple[object, ...]) -> None:
        alert = await self._alert(number, created, row)
        if alert is None:
            await self._done(number)
            return
        try:
            await asyncio.to_thread(deliver, alert_mail(alert, self._settings), self._settings.downloads.mail)
        except Refused as error:
            logger().error("a mail is refused and not sent", search=alert.search.id, error=str(error))
            await self._done(number)
        except (OSError, smtplib.SMTPException) as error:
            await self._later(number, error)
        else:
            await self._done(number)

    async def _alert(self, number: int, created: datetime, row: tuple[object, ...]) -> Alert | None:
        """The mail; none: there is nobody, or nothing any longer, to tell."""
        search = saved_search_of(row)
        address = await self._searches.address(search)
        if search.tell is Tell.NEVER or address is None:
            return None
        async with self._database.connection() as connection:
            posted = await (await connection.execute(_POSTED, (search.id,))).fetchall()
            person = await (await connection.execute(_NAME, (search.owner,))).fetchone()
        shown = await self._showing.show(await self._rulebooks.caller(search.owner), posted)
        if not shown:
            return None
        return Alert(
            number=number,
            created=created,
            search=search,
            address=address,
            full_name=(person and person[0]) or search.owner.rpartition("/")[2],
            matches=shown[: self._settings.search.saved.listed],
            count=len(shown),
            more=len(posted) >= self._settings.search.saved.remembered,
        )

    async def _later(self, number: int, error: Exception) -> None:
        logger().warning("a mail cannot be sent yet", mail=number, error=str(error))
        give_up = timedelta(hours=self._settings.downloads.mail.give_up_hours)
        values = {"id": number, "first": FIRST_RETRY_S, "longest": LONGEST_RETRY_S, "give_up": give_up}
        async with self._database.connection() as connection:
            again = (await connection.execute(_AGAIN, values)).rowcount
        if again == 0:
            logger().error("a mail is given up", mail=number)
            await self._done(number)

    async def _done(self, number: int) -> None:
        async with self._database.connection() as connection:
            await connection.execute(_DONE, (number,))
