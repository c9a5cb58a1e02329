"""One worker: a process that answers requests on the socket it was given, until it is told to stop or its parent dies.

Started as `python -m beamcat.serve.worker SOCKET PARENT`, with the settings on standard input: neither the command line
nor the environment shows them.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from typing import Any, cast

import uvloop
from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from beamcat.app import create_app
from beamcat.config import Settings
from beamcat.observability import logs
from beamcat.serve.handover import read_settings
from beamcat.serve.listening import BACKLOG

LONGEST_HEAD_BYTES = 256 * 1024
"""Request line and headers together: clients put queries and lists of ids into the URL."""

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve until SIGTERM."""
    socket, parent = int(sys.argv[1]), int(sys.argv[2])
    die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which tells its workers
    settings = read_settings(sys.stdin.buffer)
    logs.configure(settings.logging)
    uvloop.run(_serve(settings, socket))


def die_with(parent: int) -> None:
    """Ask the kernel to kill this process when `parent` dies, however it dies (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


async def _serve(settings: Settings, socket: int) -> None:
    server = _OnSocket(
        create_app(settings),
        socket,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        backlog=BACKLOG,
        http1_settings=HTTP1Settings(max_buffer_size=LONGEST_HEAD_BYTES),
        log_enabled=False,
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
    await server.serve()


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


if __name__ == "__main__":
    main()
