"""Many who take their time: what a download costs the server does not depend on how slow its client is."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import time
from pathlib import Path

from tests.downloads.facility import DATASET, LARGE, Facility

CLIENTS = 40
PACKET = 1400
"""As on a network; within a machine packets are larger, and so is what the kernel keeps for each connection."""
ROOM = 8192
"""What a slow client has room for."""
PIECE = 1 << 20
"""What the server reads at a time for a fast client."""
SETTLED_S = 10.0


def slow_client(facility: Facility) -> socket.socket:
    """A client that has asked for the large file, and has taken the beginning of the answer."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, PACKET)
    client.settimeout(60)
    client.connect(("127.0.0.1", int(facility.port)))
    head = (
        f"GET {DATASET}/large%201.nxs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {facility.session}\r\n\r\n"
    )
    client.sendall(head.encode())
    assert client.recv(12) == b"HTTP/1.1 200"
    return client


def memory(process: int) -> int:
    """Bytes of resident memory."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def settled(process: int) -> int:
    """Bytes of resident memory once they no longer grow."""
    deadline, before = time.monotonic() + SETTLED_S, 0
    while (now := memory(process)) > before and time.monotonic() < deadline:
        before = now
        time.sleep(0.5)  # what has to stand still is a number
    return now


def body(client: socket.socket) -> bytes:
    """The rest of an answer, without its head."""
    content = bytearray()
    while not content.endswith(b"\r\n\r\n"):
        content += client.recv(1)
    content.clear()
    while len(content) < LARGE:
        content += client.recv(PIECE)
    return bytes(content)


async def test_a_slow_download_keeps_little_in_memory_and_arrives(facility: Facility) -> None:
    (worker,) = facility.beamcat.workers()
    with contextlib.ExitStack() as clients:
        first = clients.enter_context(slow_client(facility))
        before = settled(worker)
        for _ in range(CLIENTS):
            clients.enter_context(slow_client(facility))
        assert (settled(worker) - before) / CLIENTS < PIECE
        assert hashlib.sha256(body(first)).hexdigest() == facility.digests["large 1.nxs"]
