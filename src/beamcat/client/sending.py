"""One file to a server: by the tus protocol, on from where a connection broke, until there is a datafile of it."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from beamcat.client.fetching import LONGEST_PAUSE_S, LONGEST_WAIT_S, RETRIED, TRIES, Connection, retry_after_s
from beamcat.client.sources import READ_AT_ONCE, Hash, LocalFile
from beamcat.errors import BeamcatError, ErrorKind

CHUNK = 256 << 20
"""Bytes of one request, at most."""
LAST = 4 << 20
"""Bytes of the last request: they are in memory, so that the digest of the whole can be told before them."""
ROUNDS = 3
"""How often a file is begun anew whose bytes arrived damaged, or whose upload the server has lost."""
HELD, CONFLICT, GONE, DAMAGED = 423, 409, frozenset({404, 410}), 460
BYTES = {"Content-Type": "application/offset+octet-stream"}
TUS = {"Tus-Resumable": "1.0.0"}


class CannotSend(BeamcatError):
    """A file that the server does not take."""

    kind = ErrorKind.UNAVAILABLE


class IsThere(BeamcatError):
    """There is a datafile of that name already; `perhaps_ours` says that it may be the one that was just sent."""

    kind = ErrorKind.ALREADY_EXISTS

    def __init__(self, message: str, *, perhaps_ours: bool) -> None:
        super().__init__(message)
        self.perhaps_ours = perhaps_ours


@dataclass(frozen=True, slots=True)
class Destination:
    """Where files go: the URL of `/uploads`, and what their metadata say of all of them."""

    url: str
    metadata: Mapping[str, str]

    def metadata_of(self, file: LocalFile) -> dict[str, str]:
        """The metadata of a file."""
        return {**self.metadata, "name": file.name, "datafileModTime": str(file.modified_ms)}


@dataclass(slots=True)
class _Attempts:
    """How often a file was tried, and how long to wait before the next time."""

    connection: Connection
    name: str
    failures: int = 0
    waited_s: float = 0.0

    def failed(self, why: str) -> float:
        """It did not work; `CannotSend` when that was the last try."""
        self.failures += 1
        if self.failures >= TRIES:
            raise CannotSend(f"{self.name} cannot be sent: {why}")
        pause_s = self.connection.terms.pause_s * 2.0 ** (self.failures - 1)
        return min(LONGEST_PAUSE_S, pause_s) * random.uniform(0.5, 1.0)  # noqa: S311

    def answered(self, answer: httpx.Response) -> float:
        """The server cannot take it now: it says when, or has a fault."""
        wait_s = retry_after_s(answer.headers.get("retry-after"))
        if answer.status_code not in {HELD, 429, 503} or wait_s is None:
            return self.failed(_told(answer))
        wait_s = min(wait_s, LONGEST_WAIT_S)
        if self.waited_s + wait_s > self.connection.terms.patience_s:
            raise CannotSend(f"{self.name} is not taken after {self.waited_s:.0f} s of waiting; try again later")
        self.waited_s += wait_s
        progress = self.connection.progress
        if wait_s > LONGEST_PAUSE_S / 2 and self.name not in progress.waiting:
            progress.waiting.add(self.name)
            progress.say(f"waiting with {self.name}: {_told(answer)}; asking again every {wait_s:.0f} s or so")
        return wait_s


@dataclass(slots=True)
class Sending:
    """One file on its way. `url` is an upload of it that was begun earlier."""

    connection: Connection
    destination: Destination
    file: LocalFile
    url: str | None = None
    told: int = field(default=0, init=False)
    """Bytes that the progress has been told of."""

    async def run(self) -> None:
        """Have a datafile of it. Raises `CannotSend` when that cannot be now, and `IsThere`."""
        attempts = _Attempts(self.connection, self.file.name)
        for _ in range(ROUNDS):
            if await (self._small(attempts) if self.file.size <= LAST else self._large(attempts)):
                self._tell(self.file.size)
                return
            self.url = None
            self._tell(0)
        raise CannotSend(f"{self.file.name} arrives damaged again and again")

    async def _small(self, attempts: _Attempts) -> bool:
        """Send it in one request; whether all of it arrived."""
        data = await asyncio.to_thread(self.file.read, 0, self.file.size + 1)
        await self._require_unchanged(len(data))
        digest = Hash(self.file)
        digest.feed(0, data)
        metadata = {**self.destination.metadata_of(self.file), "digest": f"sha-256={digest.digest().hex()}"}
        perhaps_there = False
        while True:
            headers = {**BYTES, **self._creation(metadata)}
            answer = await self._ask("POST", self.destination.url, headers, attempts, data)
            if answer is None:
                perhaps_there = True
            elif answer.status_code == DAMAGED:
                return False
            elif answer.status_code != 201:
                self._refuse(answer, perhaps_ours=perhaps_there)
            elif int(answer.headers.get("upload-offset", "-1")) == self.file.size:
                return True
            else:
                self.url = str(answer.headers["location"])
                return await self._go_on(attempts, digest)

    async def _large(self, attempts: _Attempts) -> bool:
        """Send it in several requests; whether all of it arrived."""
        while self.url is None:
            metadata = self.destination.metadata_of(self.file)
            answer = await self._ask("POST", self.destination.url, self._creation(metadata), attempts)
            if answer is not None:
                if answer.status_code != 201:
                    self._refuse(answer, perhaps_ours=False)
                self.url = str(answer.headers["location"])
        return await self._go_on(attempts, Hash(self.file))

    async def _go_on(self, attempts: _Attempts, digest: Hash) -> bool:
        come = 0
        while True:
            offset = await self._offset(attempts)
            if offset is None:
                return False
            if offset > come:
                come, attempts.failures = offset, 0
            self._tell(offset)
            if offset == self.file.size:
                return True
            if offset < self.file.size - LAST:
                answer = await self._part(offset, digest, attempts)
            else:
                answer = await self._end(offset, digest, attempts)
            if answer is None:
                continue
            if answer.status_code == CONFLICT:
                await asyncio.sleep(attempts.failed(_told(answer)))
                continue
            if answer.status_code in GONE or answer.status_code == DAMAGED:
                return False
            if answer.status_code != 204:
                self._refuse(answer, perhaps_ours=False)

    async def _part(self, offset: int, digest: Hash, attempts: _Attempts) -> httpx.Response | None:
        """Send bytes that are not the last ones."""
        stop = min(offset + CHUNK, self.file.size - LAST)
        await asyncio.to_thread(digest.catch_up, offset)

        async def pieces() -> AsyncIterator[bytes]:
            at = offset
            while at < stop:
                data = await asyncio.to_thread(self._read, at, min(READ_AT_ONCE, stop - at), digest)
                yield data
                at += len(data)
                self._tell(at)

        headers = {**BYTES, "Upload-Offset": str(offset), "Content-Length": str(stop - offset)}
        return await self._ask("PATCH", self.url or "", headers, attempts, pieces())

    async def _end(self, offset: int, digest: Hash, attempts: _Attempts) -> httpx.Response | None:
        """Send the last bytes, and the digest of the whole."""
        data = await asyncio.to_thread(self._read, offset, self.file.size - offset, digest)
        await self._require_unchanged(offset + len(data))
        said = base64.b64encode(digest.digest()).decode()
        headers = {**BYTES, "Upload-Offset": str(offset), "Repr-Digest": f"sha-256=:{said}:"}
        return await self._ask("PATCH", self.url or "", headers, attempts, data)

    async def _offset(self, attempts: _Attempts) -> int | None:
        """How far it has come; None when the server knows of no such upload."""
        while True:
            answer = await self._ask("HEAD", self.url or "", {}, attempts)
            if answer is None:
                continue
            if answer.status_code in GONE:
                return None
            if answer.status_code != 200:
                self._refuse(answer, perhaps_ours=False)
            return int(answer.headers["upload-offset"])

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str], attempts: _Attempts, content: Any = None
    ) -> httpx.Response | None:
        """The answer; None after a pause when there was none, or it was that there will be another one later."""
        try:
            told = self.connection.headers(url, {**TUS, **headers})
            answer = await self.connection.http.request(method, url, headers=told, content=content)
            if answer.status_code not in RETRIED and answer.status_code != HELD:
                return answer
            pause_s = attempts.answered(answer)
        except httpx.TransportError as error:
            pause_s = attempts.failed(str(error) or type(error).__name__)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CannotSend(f"{url}: {error}") from None
        await asyncio.sleep(pause_s)
        return None

    def _read(self, first: int, length: int, digest: Hash) -> bytes:
        data = self.file.read(first, length)
        if len(data) != length:
            raise CannotSend(f"{self.file.path} became shorter while it was read")
        digest.feed(first, data)
        return data

    async def _require_unchanged(self, size: int) -> None:
        if size != self.file.size or await asyncio.to_thread(self.file.has_changed):
            if self.url is not None:
                await self._ask("DELETE", self.url, {}, _Attempts(self.connection, self.file.name))
            raise CannotSend(f"{self.file.path} changed while it was read; it is not sent")

    def _creation(self, metadata: Mapping[str, str]) -> dict[str, str]:
        said = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items())
        return {"Upload-Length": str(self.file.size), "Upload-Metadata": said}

    def _refuse(self, answer: httpx.Response, *, perhaps_ours: bool) -> None:
        """Raise what an answer that is no success says."""
        if answer.status_code == 401:
            raise CannotSend("sign in first; give a token or a session id with BEAMCAT_TOKEN or --token")
        text = f"{self.file.name}: {_told(answer)}"
        if _problem(answer).get("title") == "AlreadyExists":
            raise IsThere(text, perhaps_ours=perhaps_ours)
        raise CannotSend(text)

    def _tell(self, there: int) -> None:
        self.connection.progress.advance(there - self.told)
        self.told = there


def _told(answer: httpx.Response) -> str:
    """What the server says is wrong."""
    detail = _problem(answer).get("detail")
    return detail if isinstance(detail, str) and detail else f"the server answers {answer.status_code}"


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        problem = json.loads(answer.content)
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}
