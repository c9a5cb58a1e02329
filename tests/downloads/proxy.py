"""A proxy between a client and a server that is slow, cuts connections in the middle, or damages bytes."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit


class Proxy:
    """Passes bytes on. What it does to those that come from the server can be changed while it runs.

    `cuts` connections are broken after up to `longest` bytes each; `rate` is bytes per second of one connection;
    `damage` is how many bytes, counted from now on, pass before one is changed. With `requests`, the bytes that are
    counted, slowed, cut and damaged are those that come from the client.
    """

    def __init__(
        self,
        upstream: str,
        *,
        cuts: int = 0,
        longest: int = 0,
        rate: int | None = None,
        seed: int = 1,
        requests: bool = False,
    ) -> None:
        parts = urlsplit(upstream)
        assert parts.hostname
        assert parts.port
        self._upstream = (parts.hostname, parts.port)
        self._chance = random.Random(seed)
        self._longest = longest
        self._requests = requests
        self.to_cut = cuts
        self.rate = rate
        self.damage: int | None = None
        self.cut = 0
        self.passed = 0
        self.url = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = "http://{}:{}".format(*self._server.sockets[0].getsockname())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError):
                await self._connect(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._upstream)
        upstream = back
        if self._requests:
            reader, writer, there, back = there, back, reader, writer
        other_way = asyncio.create_task(_pass(reader, back))
        if self._requests:
            other_way.add_done_callback(lambda _ended: back.transport.abort())  # the client learns that nobody answers
        left = self._chance.randrange(self._longest) if self._longest else None
        try:
            while data := await there.read(1 << 16):
                if self.to_cut > 0 and left is not None and len(data) >= left:
                    self.to_cut -= 1
                    self.cut += 1
                    writer.write(data[:left])
                    self.passed += left
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(writer.drain(), 1)
                    if self._chance.random() < 0.5:
                        writer.transport.abort()
                    return
                if left is not None:
                    left -= len(data)
                data = self._damaged(data)
                writer.write(data)
                self.passed += len(data)
                await writer.drain()
                if self.rate:
                    await asyncio.sleep(len(data) / self.rate)
        finally:
            other_way.cancel()
            upstream.transport.abort()

    def _damaged(self, data: bytes) -> bytes:
        if self.damage is None:
            return data
        if self.damage >= len(data):
            self.damage -= len(data)
            return data
        at, self.damage = self.damage, None
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()


@contextlib.contextmanager
def in_a_thread(proxy: Proxy) -> Iterator[Proxy]:
    """The proxy, running beside a test that waits for processes."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(proxy.__aenter__(), loop).result(10)
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(proxy.__aexit__(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
