"""Uploads: from files and folders to datafiles of a dataset."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

import httpx

from beamcat.client.fetching import Connection, Progress, Terms, refuse
from beamcat.client.files import FileList
from beamcat.client.get import METALINK, MOST_FAILURES
from beamcat.client.sending import CannotSend, Destination, IsThere, Sending
from beamcat.client.sources import LocalFile, sha256_of
from beamcat.errors import BadParameter, BeamcatError

DATA = "/data/"
FOLDERS = 4
"""Folders in front of the names in the list of a dataset: facility, investigation, visit, dataset."""


@dataclass(frozen=True, slots=True)
class Target:
    """A dataset. `list_url` tells what is in it, `dataset` is how uploads name it."""

    server: str
    list_url: str
    dataset: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Known:
    """A datafile that is there already."""

    size: int | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Watched:
    """Is told how it goes."""

    progress: Progress
    done: Callable[[], None] = lambda: None


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    sent: int = 0
    there: int = 0
    """Files that were there already, the same."""
    unverified: int = 0
    """Those of them of which the server knows no digest: their size is the same."""
    failures: list[str] = field(default_factory=list)
    """At most `MOST_FAILURES` of them, one line each."""
    failed: int = 0


def target_of(text: str, server: str | None) -> Target:
    """What a user means: a permanent URL, or with a server an id or `facility/investigation/visit/dataset`."""
    if urlsplit(text).scheme in {"http", "https"}:
        base, found, path = text.partition("?")[0].rstrip("/").partition(DATA)
        if not found or not urlsplit(text).hostname:
            raise BadParameter(f"{text} is not the permanent URL of a dataset: it has no {DATA}")
        return _named(base, path, text)
    if server is None:
        raise BadParameter(f"say on which server {text} is: --server https://...")
    base = server.rstrip("/").removesuffix("/ids")
    number = text.removeprefix("dataset:")
    if number.isascii() and number.isdecimal():
        query = urlencode({"datasetIds": number})
        return Target(base, f"{base}/ids/getMetalink?{query}", ("datasetId", number))
    return _named(base, text, text)


def _named(base: str, path: str, text: str) -> Target:
    parts = [quote(unquote(part), safe="") for part in path.strip("/").split("/")]
    if len(parts) != FOLDERS or not all(parts):
        raise BadParameter(f"{text} is no dataset: it is named by its id, or FACILITY/INVESTIGATION/VISIT/DATASET")
    named = "/".join(parts)
    return Target(base, f"{base}{DATA}{named}?format=meta4", ("dataset", named))


async def put(
    files: Sequence[LocalFile], target: Target, terms: Terms, watched: Watched, *, format_id: int | None = None
) -> Outcome:
    """Have all files in the dataset. Files that are not taken are told of at the end.

    Raises `CannotFetch` when the server does not tell what is in the dataset.
    """
    connection = Connection(target.server, terms, watched.progress)
    try:
        return await _Putting(connection, target, watched, format_id).run(files)
    finally:
        await connection.close()


class _Putting:
    """Files on their way into a dataset."""

    def __init__(self, connection: Connection, target: Target, watched: Watched, format_id: int | None) -> None:
        metadata = dict([target.dataset])
        if format_id is not None:
            metadata["datafileFormatId"] = str(format_id)
        self._connection = connection
        self._target = target
        self._watched = watched
        self._destination = Destination(f"{target.server}/uploads", metadata)
        self._there: dict[str, Known] = {}
        self._begun: dict[tuple[str, int, int | None], str] = {}
        self._outcome = Outcome()

    async def run(self, files: Sequence[LocalFile]) -> Outcome:
        self._there = await self._listed()
        self._begun = await self._unfinished()
        waiting = iter(files)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._connection.terms.jobs, len(files))):
                group.create_task(self._work(waiting))
        return self._outcome

    async def _work(self, files: Iterator[LocalFile]) -> None:
        for file in files:
            try:
                await self._put(file)
            except (BeamcatError, OSError) as error:
                self._outcome.failed += 1
                if len(self._outcome.failures) < MOST_FAILURES:
                    said = error.message if isinstance(error, BeamcatError) else f"{file.path}: {error}"
                    self._outcome.failures.append(said)
            else:
                self._watched.done()

    async def _put(self, file: LocalFile) -> None:
        if file.name in self._there:
            await self._compare(file, self._there[file.name])
            self._connection.progress.advance(file.size)
            return
        url = self._begun.get((file.name, file.size, file.modified_ms))
        sending = Sending(self._connection, self._destination, file, url)
        try:
            await sending.run()
        except IsThere as error:
            if not error.perhaps_ours:
                raise
            known = (await self._listed()).get(file.name)
            if known is None:
                raise
            await self._compare(file, known)
            self._connection.progress.advance(file.size - sending.told)
        else:
            self._outcome.sent += 1

    async def _compare(self, file: LocalFile, known: Known) -> None:
        """Raise `CannotSend` unless a datafile is the same as the file."""
        same = known.size == file.size
        if same and known.sha256 is not None:
            same = await asyncio.to_thread(sha256_of, file) == known.sha256
        if not same:
            raise CannotSend(f"{file.name} is there already, and is not the same: remove or rename one of them")
        self._outcome.there += 1
        self._outcome.unverified += known.sha256 is None

    async def _listed(self) -> dict[str, Known]:
        """The datafiles of the dataset, by their names."""
        with tempfile.TemporaryFile() as document:

            async def take(answer: httpx.Response) -> None:
                if answer.status_code != 200:
                    refuse(answer)
                document.seek(0)
                document.truncate()
                async for data in answer.aiter_raw():
                    document.write(data)

            await self._connection.ask("GET", self._target.list_url, {"Accept": METALINK}, take)
            files = await asyncio.to_thread(list, FileList(document).files())
        known: dict[str, Known] = {}
        for file in files:
            digest = file.digest.digits if file.digest is not None and file.digest.algorithm == "sha256" else None
            known[file.name.split("/", FOLDERS)[-1]] = Known(file.size, digest)
        return known

    async def _unfinished(self) -> dict[tuple[str, int, int | None], str]:
        """Where uploads are that were begun earlier, by name, size and time of modification."""
        begun: dict[tuple[str, int, int | None], str] = {}
        key, value = self._target.dataset
        page: dict[str, Any] = {"next": self._destination.url}

        async def take(answer: httpx.Response) -> None:
            if answer.status_code != 200:
                refuse(answer)
            await answer.aread()
            page.clear()
            page.update(answer.json())

        while "next" in page:
            await self._connection.ask("GET", page["next"], {}, take)
            for upload in page["uploads"]:
                if upload["metadata"].get(key) == value:
                    url = f"{self._destination.url}/{upload['id']}"
                    begun[upload["name"], upload["size"], upload["datafileModTime"]] = url
            if "next" in page:
                page["next"] = f"{self._destination.url}?after={page['uploads'][-1]['id']}"
        return begun
