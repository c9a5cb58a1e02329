"""Downloads: from what a user names to files in a folder."""

from __future__ import annotations

import asyncio
import errno
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx

from beamcat.client.fetching import ONE_BYTE, CannotFetch, Connection, Progress, Terms, fetch, size_said
from beamcat.client.files import Counted, FileList, RemoteFile, UnsafeName, safe_name
from beamcat.errors import BadParameter, BeamcatError

METALINK = "application/metalink4+xml"
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""What no other file will fare better with."""

_THING = re.compile(r"(investigation|dataset|datafile):([0-9]+)")
_PREPARED = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Source:
    """Where to look. `zip_url` is where the same is as one ZIP file."""

    url: str
    zip_url: str
    home: str
    """A URL of the server that may see the token."""


@dataclass(frozen=True, slots=True)
class Watched:
    """Is told how it goes: how much there is, and each file that is done."""

    progress: Progress
    begin: Callable[[Counted], None] = lambda _counted: None
    done: Callable[[], None] = lambda: None


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    files: int = 0
    unverified: int = 0
    """Files that are there, but of which nobody has told a digest."""
    failures: list[str] = field(default_factory=list)
    """At most `MOST_FAILURES` of them, one line each."""
    failed: int = 0


MOST_FAILURES = 20


def source_of(text: str, server: str | None) -> Source:
    """What a user means: a URL, or with a server `dataset:42`, `investigation:7`, `datafile:9` or a prepared id."""
    thing, prepared = _THING.fullmatch(text), _PREPARED.fullmatch(text)
    if thing or prepared:
        if server is None:
            raise BadParameter(f"say on which server {text} is: --server https://...")
        base = server.rstrip("/")
        base = base if base.endswith("/ids") else f"{base}/ids"
        query = {f"{thing[1]}Ids": thing[2]} if thing else {"preparedId": text}
        zip_query = query | {"zip": "true"}
        return Source(f"{base}/getMetalink?{urlencode(query)}", f"{base}/getData?{urlencode(zip_query)}", base)
    if urlsplit(text).scheme not in {"http", "https"} or not urlsplit(text).hostname:
        raise BadParameter(f"{text} is no URL, and none of dataset:ID, investigation:ID, datafile:ID and prepared ids")
    path = text.partition("?")[0]
    if path.endswith(".meta4"):
        return Source(text, text.replace(path, f"{path.removesuffix('.meta4')}.zip", 1), text)
    return Source(text, f"{text}{'&' if '?' in text else '?'}format=zip", text)


async def get(source: Source, folder: Path, terms: Terms, watched: Watched, *, as_zip: bool = False) -> Outcome:
    """Have all files of the source in the folder. Files that cannot be had are told of at the end.

    Raises `CannotFetch` when there is not even a list, and `UnsafeName` for one that leads out of the folder.
    """
    connection = Connection(source.home, terms, watched.progress)
    try:
        with tempfile.TemporaryFile() as document:
            if as_zip:
                file = await _probe(connection, source.zip_url, {})
                if not isinstance(file, RemoteFile):
                    raise CannotFetch(f"{source.zip_url}: there is no ZIP file of that")
                watched.begin(Counted(1, file.size or 0))
                return await _all(connection, iter([file]), folder, watched)
            files = FileList(document, only_last_name=False)
            single, only_last_name = await _look(connection, source.url, files)
            if single is not None:
                watched.begin(Counted(1, single.size or 0))
                return await _all(connection, iter([single]), folder, watched)
            files = FileList(document, only_last_name=only_last_name)
            watched.begin(await asyncio.to_thread(files.check))
            return await _all(connection, files.files(), folder, watched)
    finally:
        await connection.close()


async def _all(connection: Connection, files: Iterator[RemoteFile], folder: Path, watched: Watched) -> Outcome:
    """Fetch the files, some at a time."""
    outcome = Outcome()
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)

    async def work() -> None:
        for file in files:
            try:
                verified = await fetch(connection, file, folder)
            except UnsafeName:
                raise
            except (BeamcatError, OSError) as error:
                if isinstance(error, OSError) and error.errno in NO_ROOM:
                    raise
                outcome.failed += 1
                if len(outcome.failures) < MOST_FAILURES:
                    said = error.message if isinstance(error, BeamcatError) else f"{file.name}: {error}"
                    outcome.failures.append(said)
            else:
                outcome.files += 1
                outcome.unverified += not verified
                watched.done()

    with _ungrouped():
        async with asyncio.TaskGroup() as group:
            for _ in range(connection.terms.jobs):
                group.create_task(work())
    return outcome


async def _look(connection: Connection, url: str, into: FileList) -> tuple[RemoteFile | None, bool]:
    """Find out what there is: the list of files goes `into` a file, unless a single file is all there is.

    The second value says that the list is that of a single file.
    """
    found = await _probe(connection, url, {"Accept": f"{METALINK}, */*;q=0.1"}, into)
    if isinstance(found, str) and found != url:
        again = await _probe(connection, found, {"Accept": METALINK}, into)
        return (again if isinstance(again, RemoteFile) else None), True
    return (found if isinstance(found, RemoteFile) else None), False


async def _probe(
    connection: Connection, url: str, headers: dict[str, str], into: FileList | None = None
) -> RemoteFile | str:
    """What the server says of one file, or where the list of files is; that of this URL is read at once.

    One byte is asked for, not HEAD: that does not bring data back from tape.
    """
    found: list[RemoteFile | str] = []

    async def take(answer: httpx.Response) -> None:
        described = answer.links.get("describedby", {})
        if answer.headers.get("content-type", "").partition(";")[0].strip() == METALINK and into is not None:
            into.document.seek(0)
            into.document.truncate()
            async for data in answer.aiter_raw():
                into.document.write(data)
            found.append(url)
        elif into is not None and described.get("type") == METALINK and connection.is_home(described["url"]):
            found.append(described["url"])
        else:
            found.append(_described(answer))

    await connection.ask("GET", url, {**headers, **ONE_BYTE}, take)
    return found[0]


def _described(answer: httpx.Response) -> RemoteFile:
    """A file, by the headers of an answer."""
    message = Message()
    message["Content-Disposition"] = answer.headers.get("content-disposition", "")
    name = message.get_filename() or answer.url.path.rpartition("/")[2]
    size = size_said(answer)
    return RemoteFile(safe_name(re.split(r"[/\\]", name)[-1] or "data"), size, (str(answer.request.url),))


@contextmanager
def _ungrouped() -> Iterator[None]:
    """Raises the first error of a group in its place."""
    try:
        yield
    except BaseExceptionGroup as errors:
        found: BaseException = errors
        while isinstance(found, BaseExceptionGroup):
            found = found.exceptions[0]
        raise found from None
