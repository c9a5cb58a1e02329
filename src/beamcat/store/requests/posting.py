"""Sending mails about finished downloads, and about those that have come to a stop.

A mail is a row of `download_mail`, written in the transaction that changes its download, and removed in the one that
notes that the mail server has taken it. A process that dies between these two sends it again, with the same Message-ID,
by which mail systems drop the second one. One worker of all sends.
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from datetime import timedelta
from email.message import EmailMessage

from beamcat.config import DownloadMailSettings, DownloadSettings
from beamcat.database.pool import Database
from beamcat.errors import NoSuchObject
from beamcat.observability.logs import logger
from beamcat.store.requests.downloads import Downloads
from beamcat.store.requests.mails import mail_about, reminder_of

BATCH = 20
FIRST_RETRY_S = 5.0
LONGEST_RETRY_S = 600.0

_DUE = """
SELECT download_id, about, custom_value FROM download_mail WHERE due <= now() ORDER BY due, download_id LIMIT %s
"""
_SENT = """
WITH sent AS (DELETE FROM download_mail WHERE download_id = %s AND about = %s RETURNING download_id, about)
UPDATE download SET email_sent = true WHERE id IN (SELECT download_id FROM sent WHERE about = 'ready')
"""
_AGAIN = """
UPDATE download_mail m
   SET tries = m.tries + 1, due = now() + least(%(first)s * 2 ^ least(m.tries, 20), %(longest)s) * interval '1 second'
  FROM download d
 WHERE d.id = m.download_id AND m.download_id = %(id)s AND m.about = %(about)s
   AND CASE m.about WHEN 'ready' THEN coalesce(d.completed, d.created) ELSE d.reminded END > now() - %(give_up)s
"""
_DROP = "DELETE FROM download_mail WHERE download_id = %s AND about = %s"


class Refused(Exception):
    """The mail server does not take this mail, and will not later."""


class Posting:
    """Sends mails, a turn at a time. Only one at a time may take turns."""

    def __init__(self, database: Database, downloads: Downloads, settings: DownloadSettings, data_url: str) -> None:
        self._database = database
        self._downloads = downloads
        self._settings = settings
        self._data_url = data_url

    async def send(self) -> bool:
        """Send what is due; whether there was anything."""
        async with self._database.connection() as connection:
            rows = await (await connection.execute(_DUE, (BATCH,))).fetchall()
        for identifier, about, custom_value in rows:
            await self._send(identifier, about, custom_value)
        return bool(rows)

    async def _send(self, identifier: int, about: str, custom_value: str) -> None:
        try:
            download = await self._downloads.find(identifier)
        except NoSuchObject:
            return  # the mail went with it
        try:
            if about == "ready":
                message = mail_about(download, custom_value, self._settings, self._data_url)
            else:
                message = reminder_of(download, self._settings, self._data_url)
            await asyncio.to_thread(deliver, message, self._settings.mail)
        except Refused as error:
            logger().error("a mail is refused and not sent", download=identifier, about=about, error=str(error))
            await self._execute(_DROP, (identifier, about))
        except (OSError, smtplib.SMTPException) as error:
            await self._later(identifier, about, error)
        else:
            await self._execute(_SENT, (identifier, about))

    async def _later(self, identifier: int, about: str, error: Exception) -> None:
        logger().warning("a mail cannot be sent yet", download=identifier, error=str(error))
        give_up = timedelta(hours=self._settings.mail.give_up_hours)
        retry = {"first": FIRST_RETRY_S, "longest": LONGEST_RETRY_S, "give_up": give_up}
        values = {"id": identifier, "about": about, **retry}
        async with self._database.connection() as connection:
            if (await connection.execute(_AGAIN, values)).rowcount == 0:
                logger().error("a mail is given up", download=identifier)
                await connection.execute(_DROP, (identifier, about))

    async def _execute(self, statement: str, values: tuple[int, str]) -> None:
        async with self._database.connection() as connection:
            await connection.execute(statement.encode(), values)


def deliver(message: EmailMessage, settings: DownloadMailSettings) -> None:
    """Hand a mail to the server. Raises `Refused` when it never takes it, else what smtplib raises."""
    context = ssl.create_default_context(cafile=settings.ca_file) if settings.security != "none" else None
    if settings.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            settings.host, settings.port, timeout=settings.timeout_s, context=context
        )
    else:
        server = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout_s)
    with server:
        if settings.security == "starttls":
            server.starttls(context=context)
        if settings.username is not None and settings.password is not None:
            server.login(settings.username, settings.password.get_secret_value())
        try:
            server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            if all(code >= 500 for code, _ in error.recipients.values()):
                raise Refused(str(error)) from error
            raise
        except smtplib.SMTPDataError as error:
            if error.smtp_code >= 500:
                raise Refused(str(error)) from error
            raise
