"""One file from a server: in parts, side by side, again where a connection breaks, until all of it is right."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import httpx

from beamcat.client.files import RemoteFile, inside
from beamcat.client.partial import Partial, is_complete
from beamcat.errors import BeamcatError, ErrorKind

CHUNK = 16 << 20
"""Bytes of one request, at most: large files come in parts, side by side."""
TRIES = 12
"""How often in a row a request may fail without a single byte."""
LONGEST_PAUSE_S = 30.0
ROUNDS = 3
"""How often bytes that are not right are fetched once more."""
LONGEST_WAIT_S = 3600.0
"""After which we ask again, whatever a server says of the time that tapes need."""
RETRIED = frozenset({408, 429, 500, 502, 503, 504})

ONE_BYTE = {"Range": "bytes=0-0"}
"""Asks for what there is to know of a file. Unlike HEAD it has data on tape brought back."""

Say = Callable[[str], None]
Take = Callable[[httpx.Response], Awaitable[None]]


class CannotFetch(BeamcatError):
    """A file, or a list of files, that cannot be had."""

    kind = ErrorKind.UNAVAILABLE


class _Changed(Exception):
    """The file is another version than the one that was begun."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How to fetch. `jobs` requests run at a time; `patience_s` is how long data on tape are waited for."""

    token: str | None = None
    jobs: int = 8
    patience_s: float = 7 * 86_400.0
    pause_s: float = 0.25
    """The first pause after a request that failed; the next ones are longer."""


@dataclass(slots=True)
class Progress:
    """Is told how it goes."""

    advance: Callable[[int], None] = lambda _size: None
    say: Say = lambda _text: None
    waiting: set[str] = field(default_factory=set)
    """Files of which it has been said that they are waited for."""


class Connection:
    """Requests to the server that was named by the user; only that one is ever sent the token."""

    def __init__(self, home: str, terms: Terms, progress: Progress) -> None:
        self.terms = terms
        self.progress = progress
        self._origin = _origin(home)
        self._slots = asyncio.Semaphore(terms.jobs)
        limits = httpx.Limits(max_connections=terms.jobs, max_keepalive_connections=terms.jobs)
        timeout = httpx.Timeout(60.0, pool=None)
        self.http = httpx.AsyncClient(limits=limits, timeout=timeout, follow_redirects=True)

    def headers(self, url: str, more: Mapping[str, str]) -> dict[str, str]:
        """The headers of a request for this URL."""
        headers = {"Accept-Encoding": "identity", **more}
        if self.terms.token and _origin(url) == self._origin:
            headers["Authorization"] = f"Bearer {self.terms.token}"
        return headers

    def is_home(self, url: str) -> bool:
        """Whether it leads to the server that the user named."""
        return _origin(url) == self._origin

    async def ask(self, method: str, url: str, headers: Mapping[str, str], take: Take) -> None:
        """Ask until there is an answer, and hand it to `take`.

        Raises `CannotFetch` for a server that stays away, and for data that stay on tape.
        """
        attempts = Attempts(self, url)
        while not await self.ask_once(method, url, headers, take, attempts):
            pass

    async def ask_once(self, method: str, url: str, headers: Mapping[str, str], take: Take, attempts: Attempts) -> bool:
        """Ask once; whether there was an answer that could be taken. If not, it is time to ask again."""
        try:
            told = self.headers(url, headers)
            async with self._slots, self.http.stream(method, url, headers=told) as answer:
                if answer.status_code not in RETRIED:
                    await take(answer)
                    return True
                pause_s = attempts.answered(answer)
        except httpx.TransportError as error:
            pause_s = attempts.failed(str(error) or type(error).__name__)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CannotFetch(f"{url}: {error}") from None
        await asyncio.sleep(pause_s)
        return False

    async def close(self) -> None:
        """Close all connections."""
        await self.http.aclose()


class Attempts:
    """How often one thing has been tried, and how long to wait before the next time."""

    def __init__(self, connection: Connection, url: str) -> None:
        self._connection = connection
        self._url = url
        self._failures = 0
        self._waited_s = 0.0

    def progressed(self) -> None:
        """Some bytes have come."""
        self._failures = 0

    def answered(self, answer: httpx.Response) -> float:
        """The server cannot give it now: it says when, or has a fault."""
        wait_s = retry_after_s(answer.headers.get("retry-after"))
        if answer.status_code not in {429, 503} or wait_s is None:
            return self.failed(f"the server answers {answer.status_code}")
        terms, progress = self._connection.terms, self._connection.progress
        wait_s = min(wait_s, LONGEST_WAIT_S)
        if self._waited_s + wait_s > terms.patience_s:
            raise CannotFetch(f"{self._url} is not there after {self._waited_s:.0f} s of waiting; try again later")
        self._waited_s += wait_s
        if self._url not in progress.waiting:
            progress.waiting.add(self._url)
            progress.say(f"waiting for {self._url}: it is not online yet; asking again every {wait_s:.0f} s or so")
        return wait_s

    def failed(self, why: str) -> float:
        """It did not work; `CannotFetch` when that was the last try."""
        self._failures += 1
        if self._failures >= TRIES:
            raise CannotFetch(f"{self._url} cannot be fetched: {why}")
        pause_s = self._connection.terms.pause_s * 2.0 ** (self._failures - 1)
        return min(LONGEST_PAUSE_S, pause_s) * random.uniform(0.5, 1.0)  # noqa: S311


async def fetch(connection: Connection, file: RemoteFile, folder: Path) -> bool:
    """Have the file in the folder, complete and right; whether its digest could be compared.

    Raises `CannotFetch` when it cannot be had now: what is there stays, for the next time.
    """
    target = inside(folder, file.name)
    if await asyncio.to_thread(is_complete, target, file):
        connection.progress.advance(file.size or 0)
        return file.digest is not None or file.pieces is not None
    if not file.urls:
        raise CannotFetch(f"the list of files says no URL for {file.name}")
    for place, url in enumerate(file.urls):
        try:
            return await _FileFetch(connection, file, url).run(target)
        except CannotFetch:
            if place == len(file.urls) - 1:
                raise
    raise AssertionError("there is a URL")


class _FileFetch:
    """One file from one URL."""

    def __init__(self, connection: Connection, file: RemoteFile, url: str) -> None:
        self._connection = connection
        self._file = file
        self._url = url
        self._told = 0
        """Bytes that the progress has been told of."""

    async def run(self, target: Path) -> bool:
        part = Partial(target)
        try:
            self._tell(part)
            for _ in range(ROUNDS):
                await self._complete(part)
                wrong = await asyncio.to_thread(part.wrong, self._file)
                if not wrong:
                    await asyncio.to_thread(part.finish)
                    return self._file.digest is not None or self._file.pieces is not None
                self._connection.progress.say(f"{self._file.name}: {len(wrong)} part(s) came damaged, once more")
                for first, stop in wrong:
                    part.done.remove(first, stop)
                self._tell(part)
            self._start_over(part)
            raise CannotFetch(f"{self._file.name} does not have the digest that the list of files says")
        finally:
            part.close()

    async def _complete(self, part: Partial) -> None:
        """Fetch what is missing, of one version."""
        for _ in range(ROUNDS):
            try:
                if part.etag is None and part.done.size:
                    self._start_over(part)  # nobody can tell whether it is still the same
                if part.size is None and (self._file.size is None or self._file.size > CHUNK):
                    await self._ask_size(part)
                self._expect(part.size)
                part.size = self._file.size if part.size is None else part.size
                await self._side_by_side(part)
            except _Changed:
                self._start_over(part)
            except ExceptionGroup as errors:
                _, others = errors.split(_Changed)
                if others is not None:
                    raise _first(others) from None
                self._start_over(part)
            else:
                return
        raise CannotFetch(f"{self._file.name} is being changed while it is fetched; try again later")

    async def _side_by_side(self, part: Partial) -> None:
        assert part.size is not None
        longest = part.size if part.etag is None else CHUNK
        missing = list(part.done.gaps(part.size, max(1, longest)))
        chunks = iter(missing)

        async def work() -> None:
            for first, stop in chunks:
                await self._fetch(part, first, stop)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._connection.terms.jobs, len(missing))):
                group.create_task(work())

    def _start_over(self, part: Partial) -> None:
        part.start_over(None, None)
        self._tell(part)

    async def _ask_size(self, part: Partial) -> None:
        async def take(answer: httpx.Response) -> None:
            part.start_over(size_said(answer), _strong(answer.headers.get("etag")))

        await self._connection.ask("GET", self._url, ONE_BYTE, take)

    async def _fetch(self, part: Partial, first: int, stop: int) -> None:
        """Fetch bytes of it, again from where a connection broke."""
        at = first
        attempts = Attempts(self._connection, self._url)

        async def take(answer: httpx.Response) -> None:
            nonlocal at
            self._accept(answer)
            begin = self._begin(part, answer, at)
            async for data in answer.aiter_raw():
                useful = data[max(0, at - begin) : max(0, stop - begin)]
                begin += len(data)
                if useful:
                    await part.write(at, useful)
                    at += len(useful)
                    attempts.progressed()
                    self._tell(part)
                elif at >= stop:
                    return
            if at < stop:
                raise httpx.ReadError("the connection ended before the last byte")

        while at < stop:
            if at > 0 and part.etag is None:
                self._start_over(part)
                part.size, at = stop, 0
            headers = {}
            if part.etag is not None:
                headers = {"Range": f"bytes={at}-{stop - 1}", "If-Range": part.etag}
            await self._connection.ask_once("GET", self._url, headers, take, attempts)

    def _begin(self, part: Partial, answer: httpx.Response, at: int) -> int:
        """Where the bytes of the answer begin. Raises `_Changed` when they are of another version."""
        etag = _strong(answer.headers.get("etag"))
        if part.etag is None and not part.done.size:
            part.etag = etag
        if etag != part.etag:
            raise _Changed
        if answer.status_code == 206:
            begin, size = _content_range(answer.headers.get("content-range", ""), self._url)
            if begin != at:
                raise CannotFetch(f"{self._url} sends other bytes than those that were asked for")
        else:
            begin, length = 0, answer.headers.get("content-length", "")
            size = int(length) if length.isdecimal() else part.size
        if size != part.size:
            self._expect(size)
            raise _Changed
        return begin

    def _expect(self, size: int | None) -> None:
        if self._file.size is not None and size is not None and size != self._file.size:
            raise CannotFetch(
                f"{self._file.name} has {size} bytes, but the list of files says {self._file.size}: get the list again"
            )

    def _accept(self, answer: httpx.Response) -> None:
        if answer.status_code in {412, 416}:
            raise _Changed
        if answer.status_code not in {200, 206}:
            refuse(answer)

    def _tell(self, part: Partial) -> None:
        there = part.done.size
        self._connection.progress.advance(there - self._told)
        self._told = there


def size_said(answer: httpx.Response) -> int:
    """How long the file is, by the answer to a request for `ONE_BYTE`. Raises `CannotFetch`."""
    length = answer.headers.get("content-length", "")
    if answer.status_code in {206, 416}:
        length = answer.headers.get("content-range", "").rpartition("/")[2]
    elif answer.status_code != 200:
        refuse(answer)
    if not length.isdecimal():
        raise CannotFetch(f"{answer.url}: that is neither a file of known length nor a list of files")
    return int(length)


def refuse(answer: httpx.Response) -> NoReturn:
    """Raise what an answer that is no success says."""
    url = answer.request.url.copy_remove_param("sessionId")
    match answer.status_code:
        case 401:
            raise CannotFetch(f"{url}: sign in first; give a token or a session id with BEAMCAT_TOKEN or --token")
        case 403:
            raise CannotFetch(f"{url}: you may not read these data, or the session has expired")
        case 404 | 410:
            raise CannotFetch(f"{url}: there is nothing of that name")
        case status:
            raise CannotFetch(f"{url}: the server answers {status}")


def _strong(etag: str | None) -> str | None:
    return etag if etag is not None and etag.startswith('"') else None


def _content_range(header: str, url: str) -> tuple[int, int | None]:
    """The first byte, and how many there are in all."""
    unit, _, rest = header.partition(" ")
    positions, _, size = rest.partition("/")
    first = positions.partition("-")[0]
    if unit != "bytes" or not first.isdecimal():
        raise CannotFetch(f"{url} answers with a wrong Content-Range: {header[:80]!r}")
    return int(first), int(size) if size.isdecimal() else None


def retry_after_s(header: str | None) -> float | None:
    """Seconds, or a date (RFC 9110 section 10.2.3)."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max(1.0, (aware - datetime.now(UTC)).total_seconds())


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, port


def _first(errors: ExceptionGroup[Exception]) -> Exception:
    found: Exception = errors
    while isinstance(found, ExceptionGroup):
        found = found.exceptions[0]
    return found
