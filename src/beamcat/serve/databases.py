"""The database that the settings mean: the site's own, or the embedded one, started for as long as it is needed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from pydantic import SecretStr

from beamcat.config import Settings
from beamcat.database.embedded import EmbeddedPostgres


@contextlib.asynccontextmanager
async def running_database(settings: Settings) -> AsyncIterator[tuple[Settings, EmbeddedPostgres | None]]:
    """The settings with `database.url` set, and the embedded server if that is what it names.

    A server that runs already, because Beamcat is serving this home, is shared. Raises `ServerFailed`.
    """
    if settings.database.url is not None:
        yield settings, None
        return
    embedded = EmbeddedPostgres(settings.home, settings.database, workers=settings.server.workers)
    await asyncio.to_thread(embedded.start)
    try:
        database = settings.database.model_copy(update={"url": SecretStr(embedded.url)})
        yield settings.model_copy(update={"database": database}), embedded
    finally:
        await asyncio.to_thread(embedded.stop)


def database_url(settings: Settings) -> str:
    """`database.url`, which has to be set."""
    if settings.database.url is None:
        raise ValueError("database.url is not set")
    return settings.database.url.get_secret_value()
