"""A real S3 server, and the network on the way to it.

The server is moto, in an environment of its own: it stands on an older python-dateutil than Beamcat does.
`BEAMCAT_TEST_S3`, the settings of a storage as JSON, puts another server in its place.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from beamcat.config import S3StorageSettings
from tests.alone import alone

FOLDER = Path(__file__).parent / "s3"
PYTHON = FOLDER / ".venv" / "bin" / "python"


def install() -> None:
    """The packages of the lock file, unless they are there."""
    stamp = FOLDER / ".venv" / "installed"
    lock = FOLDER / "requirements.lock"
    uv = [sys.executable, "-m", "uv", "--quiet"]
    packages = ["--compile-bytecode", "--require-hashes", "-r", str(lock)]
    with alone(FOLDER):
        if stamp.exists() and stamp.read_bytes() == lock.read_bytes():
            return
        subprocess.run([*uv, "venv", "--clear", "--python", sys.executable, ".venv"], cwd=FOLDER, check=True)
        subprocess.run([*uv, "pip", "install", "--python", str(PYTHON), *packages], cwd=FOLDER, check=True)
        stamp.write_bytes(lock.read_bytes())


@contextmanager
def running_s3(*, signatures: bool = True) -> Iterator[dict[str, Any]]:
    """Settings for a bucket of a server that runs until the end of the block.

    It refuses what is not signed as it should be; moto cannot check signatures in addresses, and fails at those.
    """
    install()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment["INITIAL_NO_AUTH_ACTION_COUNT"] = "4" if signatures else "inf"
    server = subprocess.Popen(
        [PYTHON, "server.py"],
        cwd=FOLDER,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())
    finally:
        server.communicate(timeout=20)


def settings(server: dict[str, Any], **more: Any) -> S3StorageSettings:
    """Settings for a place of one's own in the bucket."""
    return S3StorageSettings(**{"kind": "s3", "prefix": f"tests/{uuid4()}", "retry_s": 2, **server, **more})


class Way:
    """The way to a server: what has gone over it, and what goes wrong on it."""

    def __init__(self, server: str) -> None:
        self.endpoint = ""
        self.requests: list[str] = []
        """First lines of requests, with the range that is asked for."""
        self.instead: dict[str, bytes] = {}
        """Answers to requests whose first line matches, given in place of the server's."""
        self.cut_after: int | None = None
        """Bytes of an answer after which the connection breaks."""
        self._server = urlsplit(server)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client."""
        there, back = await asyncio.open_connection(self._server.hostname, self._server.port)
        try:
            answers = asyncio.create_task(self._answers(there, writer))
            await self._requests(reader, back, writer)
            answers.cancel()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for stream in (writer, back):
                stream.close()

    async def _requests(
        self, reader: asyncio.StreamReader, back: asyncio.StreamWriter, writer: asyncio.StreamWriter
    ) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            line = head.split(b"\r\n", 1)[0].decode()
            asked = re.search(rb"\r\nrange: *(bytes=[\d-]+)", head, re.I)
            self.requests.append(f"{line} {asked[1].decode()}" if asked else line)
            length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
            body = await reader.readexactly(int(length[1])) if length else b""
            for pattern, answer in self.instead.items():
                if re.search(pattern, line):
                    writer.write(answer)
                    break
            else:
                back.write(head + body)
                await back.drain()

    async def _answers(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passed = 0
        while piece := await there.read(1 << 16):
            passed += len(piece)
            if self.cut_after is not None and passed > self.cut_after:
                break
            writer.write(piece)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def way_to(server: str) -> AsyncIterator[Way]:
    """A way to the server, until the end of the block."""
    way = Way(server)
    listening = await asyncio.start_server(way.carry, "127.0.0.1", 0)
    way.endpoint = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield way
    finally:
        listening.close()


def refusal(status: str, code: str) -> bytes:
    """An answer of a store that does not do it."""
    body = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
    return f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
