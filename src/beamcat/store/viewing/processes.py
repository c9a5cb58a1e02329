"""The viewing processes of a worker: a few, so that one slow file does not hold up the next reader.

HDF5 lets one thread of a process work at a time, and neither it nor a decoder of pictures can be stopped: so each runs
in a process of its own, which is ended when it takes too long or when whoever asked has left.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson

from beamcat.errors import BadParameter, BeamcatError, ErrorKind, NoSuchObject, TimedOut, TooLarge, Unavailable
from beamcat.observability.logs import logger
from beamcat.store.viewing.wire import HEAD, Message, packed

MOST_QUESTIONS = 1000
"""Of one process, before another one takes its place."""
IDLE_S = 300.0
"""How long a process waits for the next question."""


class CannotBeShown(BeamcatError):
    """The file is there, and nothing can be shown of it."""

    kind = ErrorKind.VALIDATION


@dataclass(frozen=True, slots=True)
class Brought:
    """A file for the process: its name, how long it is, and a descriptor, or else a way to read it."""

    name: str
    size: int
    descriptor: int | None
    read: Callable[[int, int], Awaitable[bytes]]


Need = Callable[[int, str], Awaitable[Brought | str]]
"""Brings another file, as a file with that key names it, or says why it does not."""


class Processes:
    """A pool of them."""

    def __init__(self, count: int, timeout_s: float, memory_bytes: int) -> None:
        self._turns = asyncio.Semaphore(count)
        self._timeout_s = timeout_s
        self._memory_bytes = memory_bytes
        self._idle: list[_Process] = []
        self._closed = False

    async def ask(self, question: dict[str, Any], main: Brought, need: Need) -> Message:
        """The answer. Raises what is wrong with the question or the file, and `TimedOut`.

        When the caller is cancelled the work ends at once.
        """
        async with self._turns, self._process() as process:
            try:
                async with asyncio.timeout(self._timeout_s):
                    answer = await process.ask(question, main, need)
            except TimeoutError:
                raise TimedOut(f"That took longer than {self._timeout_s:g} s and was stopped") from None
            except (OSError, EOFError) as error:
                raise CannotBeShown("The file cannot be shown: reading it failed") from error
            process.is_free = True
        wrong, message = answer.head.get("wrong"), answer.head.get("message", "")
        if wrong is not None:
            raise _ERRORS[wrong](message)
        return answer

    async def close(self) -> None:
        """End all of them."""
        self._closed = True
        for process in self._idle:
            await process.end()
        self._idle.clear()

    @contextlib.asynccontextmanager
    async def _process(self) -> AsyncIterator[_Process]:
        if self._closed:
            raise Unavailable("The server is stopping")
        process = self._idle.pop() if self._idle else await _Process.start(self._memory_bytes)
        process.keep()
        process.is_free = False
        try:
            yield process
        finally:
            if process.is_free and process.questions < MOST_QUESTIONS and not self._closed:
                self._idle.append(process)
                process.wait(IDLE_S, lambda: self._forget(process))
            else:
                await asyncio.shield(process.end())

    def _forget(self, process: _Process) -> None:
        if process in self._idle:
            self._idle.remove(process)
            process.kill()


class _Process:
    """One of them, and the connection to it."""

    def __init__(self, process: asyncio.subprocess.Process, connection: socket.socket) -> None:
        self._process = process
        self._connection = connection
        self._waiting: asyncio.TimerHandle | None = None
        self.questions = 0
        self.is_free = False

    @classmethod
    async def start(cls, memory_bytes: int) -> _Process:
        """A new one."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "beamcat.store.viewing.process", str(theirs.fileno()), str(memory_bytes)),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "HDF5_USE_FILE_LOCKING": "FALSE"},
                )
            except BaseException:
                ours.close()
                raise
        ours.setblocking(False)
        return cls(process, ours)

    async def ask(self, question: dict[str, Any], main: Brought, need: Need) -> Message:
        """The answer to a question, with all that the process wants to know for it."""
        self.questions += 1
        files = [main]
        await self._send({**question, "file": _told(0, main)}, descriptor=main.descriptor)
        while True:
            message = await self._receive()
            if "need" in message.head:
                found = await need(message.head["from"], message.head["need"])
                if isinstance(found, str):
                    await self._send({"reason": found})
                else:
                    files.append(found)
                    await self._send({"file": _told(len(files) - 1, found)}, descriptor=found.descriptor)
            elif "read" in message.head:
                key, first, stop = message.head["read"]
                await self._send({}, await files[key].read(first, stop))
            else:
                return message

    async def _send(self, head: dict[str, Any], body: bytes = b"", *, descriptor: int | None = None) -> None:
        content = packed(head, body)
        if descriptor is not None:
            sent = socket.send_fds(self._connection, [content[: HEAD.size]], [descriptor])
            content = content[sent:]
        await asyncio.get_running_loop().sock_sendall(self._connection, content)

    async def _receive(self) -> Message:
        head_length, body_length = HEAD.unpack(await self._exactly(HEAD.size))
        head = orjson.loads(await self._exactly(head_length))
        return Message(head, bytes(await self._exactly(body_length)))

    async def _exactly(self, length: int) -> bytearray:
        content = bytearray(length)
        view, loop = memoryview(content), asyncio.get_running_loop()
        while view:
            count = await loop.sock_recv_into(self._connection, view)
            if not count:
                raise EOFError
            view = view[count:]
        return content

    def wait(self, seconds: float, then: Callable[[], None]) -> None:
        """Call that when nobody needs the process for so long."""
        self._waiting = asyncio.get_running_loop().call_later(seconds, then)

    def keep(self) -> None:
        """It is needed again."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def kill(self) -> None:
        """End it without a wait."""
        self._connection.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def end(self) -> None:
        """End it."""
        self.keep()
        self.kill()
        code = await self._process.wait()
        logger().debug("a viewing process ended", code=code)


def _told(key: int, file: Brought) -> dict[str, Any]:
    return {"key": key, "name": file.name, "size": file.size}


_ERRORS: dict[str, type[BeamcatError]] = {
    "missing": NoSuchObject,
    "hidden": CannotBeShown,
    "much": TooLarge,
    "question": BadParameter,
}
