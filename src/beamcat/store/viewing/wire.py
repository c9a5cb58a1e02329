"""What a viewing process and its server say to each other, over a pair of sockets.

A message is a head in JSON and maybe bytes. A descriptor to read a file with may travel beside it (`SCM_RIGHTS`), so
that the process needs no names of files, and is given none.
"""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass
from typing import Any

import orjson

HEAD = struct.Struct(">II")
"""Lengths of the head and of the bytes."""
LONGEST_HEAD = 2**24


@dataclass(frozen=True, slots=True)
class Message:
    """One of them. `descriptor` is None when none came along."""

    head: dict[str, Any]
    body: bytes = b""
    descriptor: int | None = None


def packed(head: dict[str, Any], body: bytes = b"") -> bytes:
    """A message as it travels, without its descriptor."""
    told = orjson.dumps(head)
    return HEAD.pack(len(told), len(body)) + told + body


def send(connection: socket.socket, head: dict[str, Any], body: bytes = b"") -> None:
    """Send a message; it blocks."""
    connection.sendall(packed(head, body))


def receive(connection: socket.socket) -> Message | None:
    """The next message, None when the other side is gone; it blocks."""
    start, descriptors, _, _ = socket.recv_fds(connection, HEAD.size, 1)
    if not start:
        return None
    start += _exactly(connection, HEAD.size - len(start))
    head_length, body_length = HEAD.unpack(start)
    if head_length > LONGEST_HEAD:
        raise ValueError("the message is too long")
    head = orjson.loads(_exactly(connection, head_length))
    body = _exactly(connection, body_length)
    return Message(head, body, descriptors[0] if descriptors else None)


def _exactly(connection: socket.socket, length: int) -> bytes:
    pieces = []
    while length:
        piece = connection.recv(min(length, 1 << 20))
        if not piece:
            raise EOFError
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


def close(descriptor: int | None) -> None:
    """Close a descriptor, if there is one."""
    if descriptor is not None:
        os.close(descriptor)
