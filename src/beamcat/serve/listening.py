"""The place where clients knock: one listening socket, made by the parent and shared by all workers.

Because the parent holds it, nobody is turned away while a killed worker is being replaced: the kernel keeps clients in
line until a worker is there again.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from pathlib import Path
from typing import Any

from beamcat.errors import BeamcatError

BACKLOG = 2048
"""Connections the kernel keeps in line."""
FREED_WITHIN_S = 3.0
"""How long the workers of a server that was killed may take to give back its address."""
POLL_S = 0.05


class CannotServe(BeamcatError):
    """The server cannot start; the message says why and what to do."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Port 0 takes any free one. Raises `CannotServe` when the address cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CannotServe(f"cannot listen on {host}: {error.strerror}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(listener, address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotServe(_refusal(host, port, error)) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """`http://127.0.0.1:8080`, with the address that was asked for."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def lock_home(home: Path) -> int:
    """An open file whose lock says that this process serves the home; closing it gives the home back.

    Raises `CannotServe` while another process holds it.
    """
    home.mkdir(parents=True, exist_ok=True)
    path = home / "serve.lock"
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        other = os.read(held, 32).decode(errors="replace").strip() or "unknown"
        os.close(held)
        raise CannotServe(
            f"another Beamcat (process {other}) serves {home} already; stop it, or choose another folder with --home"
        ) from None
    os.ftruncate(held, 0)
    os.write(held, f"{os.getpid()}\n".encode())
    return held


def _bind(listener: socket.socket, address: Any) -> None:
    deadline = time.monotonic() + FREED_WITHIN_S
    while True:
        try:
            return listener.bind(address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise
        time.sleep(POLL_S)


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken by another program; choose another with --port, or 0 for any free one"
    if error.errno == errno.EACCES:
        return f"port {port} needs more rights than this account has; choose one above 1023 with --port"
    return f"cannot listen on {host} port {port}: {error.strerror}"
