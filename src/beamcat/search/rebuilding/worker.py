"""A process that makes a share of a new index; `process` is how its parent sees it."""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
import threading
from collections.abc import Sequence
from typing import BinaryIO

import orjson

from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.errors import BeamcatError, ErrorKind
from beamcat.observability.logs import configure, logger
from beamcat.search.opening import indexed_documents, open_engine
from beamcat.search.rebuilding.plan import Ground
from beamcat.search.rebuilding.process import LENGTH, Order
from beamcat.search.rebuilding.record import working
from beamcat.search.rebuilding.working import make

NICENESS = 10
"""Of a process beside a server that answers requests."""


def main() -> None:
    """Do what the parent says."""
    order = _received(sys.stdin.buffer)
    if order is None:
        return
    threading.Thread(target=_end_with_parent, args=(sys.stdin.fileno(),), daemon=True).start()
    configure(order.settings.logging)
    if order.is_nice:
        os.nice(NICENESS)
    try:
        asyncio.run(_work(order))
    except BeamcatError as error:
        _say([error.kind.name, error.message])
    except Exception:
        logger().exception("a process that makes the index failed")
        _say([ErrorKind.INTERNAL.name, "a process that makes the index failed; the log says why"])
    else:
        _say([])


async def _work(order: Order) -> None:
    settings = order.settings
    assert settings.database.url is not None
    engine = open_engine(settings)
    async with Database(settings.database.url.get_secret_value(), settings.database) as database, working(database):
        try:
            ground = Ground(database, engine, indexed_documents(settings), order.entities)
            await make(ground, order.pieces, _say)
        finally:
            await engine.close()


def _received(stream: BinaryIO) -> Order | None:
    """The order; none when the parent died before it had given one."""
    head = stream.read(LENGTH.size)
    length = LENGTH.unpack(head)[0] if len(head) == LENGTH.size else 0
    told = stream.read(length)
    if not told or len(told) < length:
        return None
    values, entities, pieces, is_nice = pickle.loads(told)  # noqa: S301 - written by our own parent process
    return Order(Settings(**values), entities, pieces, is_nice)


def _end_with_parent(descriptor: int) -> None:
    # not by way of sys.stdin, which Python could not close at the end while it is read
    while os.read(descriptor, 1):
        pass
    os._exit(1)


def _say(what: int | Sequence[str]) -> None:
    sys.stdout.buffer.write(orjson.dumps(what) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
