"""The server of an example facility, in the process of a test."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from beamcat.config import Settings
from beamcat.serve.supervisor import serve


@contextlib.asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[str]:
    """The URL of a running server, which is stopped at the end."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def when_ready(url: str) -> None:
        ready.set_result(url)

    running = asyncio.create_task(serve(settings, when_ready))
    await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield ready.result()
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
