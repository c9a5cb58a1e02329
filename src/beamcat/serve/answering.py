"""What a worker does: it runs Beamcat's ASGI application on a socket that listens already."""

from __future__ import annotations

import asyncio
import resource
import signal
from typing import Any, BinaryIO, cast

import uvloop
from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server
from starlette.types import ASGIApp, Receive, Scope, Send

from beamcat.app import create_app
from beamcat.config import Settings
from beamcat.doors.bytes_out import DIRECT_FROM
from beamcat.observability import logs
from beamcat.serve.handover import read_settings
from beamcat.serve.listening import BACKLOG

FILES_OF_A_CONNECTION = 3
"""Open files that a download takes: its connection, the one by which it is looked at, and what is sent."""
SPARE_FILES = 500
"""Open files for everything else."""
LONGEST_HEAD_BYTES = 256 * 1024
"""Request line and headers together: clients put queries and lists of ids into the URL."""


def answer(socket: int, settings: BinaryIO) -> None:
    """Answer requests on the socket until SIGTERM, with the settings that the parent has written."""
    given = read_settings(settings)
    logs.configure(given.logging)
    uvloop.run(_serve(given, socket))


async def _serve(settings: Settings, socket: int) -> None:
    server = _OnSocket(
        _with_direct_bodies(create_app(settings), settings.server.direct_bytes),
        socket,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        backlog=BACKLOG,
        backpressure=_connections(settings.server.connections),
        http1_settings=HTTP1Settings(max_buffer_size=LONGEST_HEAD_BYTES),
        log_enabled=False,
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
    await server.serve()


def _with_direct_bodies(app: ASGIApp, least: int) -> ASGIApp:
    """The application, which may send bodies of so many bytes past the server; with 0, none.

    It may, because there is nothing but HTTP/1 between this server and the connection: no TLS, no HTTP/2.
    """

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope[DIRECT_FROM] = least
        await app(scope, receive, send)

    return answering if least else app


def _connections(wanted: int) -> int:
    """Connections that can be held with the files this process may open."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, min(wanted, (allowed - SPARE_FILES) // FILES_OF_A_CONNECTION))


class _OnSocket(Server):
    """Granian's server on a socket that listens already.

    Granian's own workers would each listen for themselves: clients in line at a killed worker would be lost, and two
    crashes within seconds end all of them.
    """

    def __init__(self, app: Any, socket: int, **options: Any) -> None:
        super().__init__(app, **options)
        self._socket = socket

    def _init_shared_socket(self) -> None:
        self._ssp = None
        self._shd: Any = cast(Any, SocketHolder)(self._socket, False, self.backlog)
        self._sfd: Any = self._socket
