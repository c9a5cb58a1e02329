"""`python -m bench.slow_clients PORT PATH NUMBER`: so many downloads at once, each at some kilobytes per second.

Prints `ready` when the first byte of each has arrived, and goes on until its input ends. Then it says how many were
still being served.
"""

from __future__ import annotations

import selectors
import socket
import sys
import time

PIECE = 4096
"""Bytes that a client takes, about once a second."""
AT_ONCE = 200
"""Connections that are opened before their answers are waited for."""
SEGMENT = 1400
"""Bytes of a packet, as on the way to other places: within a machine they are larger, and so is what waits for them."""
PATIENCE_S = 300.0


def main(port: int, path: str, number: int) -> None:
    """Open the downloads, and take little of them until the input ends."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    clients: list[socket.socket] = []
    while len(clients) < number:
        some = [_asking(port, request) for _ in range(min(AT_ONCE, number - len(clients)))]
        for client in some:
            head = client.recv(PIECE)
            if not head.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(f"the server answers {head[:100]!r}")
        clients += some
    print("ready", flush=True)
    print(_served(clients), flush=True)


def _asking(port: int, request: bytes) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2 * PIECE)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
    client.settimeout(PATIENCE_S)
    client.connect(("127.0.0.1", port))
    client.sendall(request)
    return client


def _served(clients: list[socket.socket]) -> int:
    """Take a piece of each, again and again; how many of them had more when the input ended."""
    lost: set[socket.socket] = set()
    for client in clients:
        client.setblocking(False)
    with selectors.DefaultSelector() as watched:
        watched.register(sys.stdin, selectors.EVENT_READ)
        while True:
            begun = time.monotonic()
            for number, client in enumerate(clients):
                try:
                    if not client.recv(PIECE):
                        lost.add(client)
                except BlockingIOError:
                    pass
                except OSError:
                    lost.add(client)
                if number % 100 == 99 and watched.select(0.01):
                    return len(clients) - len(lost)
            if watched.select(max(0.0, 1.0 - (time.monotonic() - begun))):
                return len(clients) - len(lost)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
