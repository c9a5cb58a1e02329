"""Processes that make shares of a new index, as their parent sees them; `worker` is the other side.

The parent sends the order by standard input, where nobody else can read the secrets, and keeps that open: when it dies,
the process ends. Standard output tells of documents that were put, one number a line, and at last how it ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import struct
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass

import orjson

from beamcat.config import Settings
from beamcat.errors import ErrorKind, InternalError, Unavailable
from beamcat.search.rebuilding.plan import Piece
from beamcat.search.rebuilding.working import Made

LENGTH = struct.Struct(">Q")
"""Of the order, before it."""


@dataclass(frozen=True)
class Order:
    """What a process is to do."""

    settings: Settings
    entities: tuple[str, ...]
    pieces: tuple[Piece, ...]
    is_nice: bool


async def run(order: Order, told: Made) -> None:
    """Have a process do its share.

    Raises `Unavailable` when it is killed, or misses something it needs: what it has committed is done.
    """
    command = (sys.executable, "-P", "-m", "beamcat.search.rebuilding.worker")
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, start_new_session=True)
    try:
        await _send(process, order)
        ended = await _follow(process, told)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if ended is None:
        raise Unavailable("a process that makes the index was killed")
    if ended:
        kind, message = ended
        raise Unavailable(message) if kind == ErrorKind.UNAVAILABLE.name else InternalError(message)


async def _send(process: Process, order: Order) -> None:
    assert process.stdin is not None
    values = pickle.dumps((order.settings.model_dump(), order.entities, order.pieces, order.is_nice))
    with contextlib.suppress(ConnectionError):  # it died: `_follow` finds out
        process.stdin.write(LENGTH.pack(len(values)) + values)
        await process.stdin.drain()


async def _follow(process: Process, told: Made) -> list[str] | None:
    """The error it ended with, empty if it did all; none when it said nothing."""
    assert process.stdout is not None
    async for line in process.stdout:
        said = orjson.loads(line)
        if isinstance(said, list):
            return said
        told(said)
    return None
