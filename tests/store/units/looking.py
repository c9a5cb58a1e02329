"""What the soak looks for at its end: every byte, everything that is stuck, and everything that nobody knows of."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg

from tests.store.units.asking import Book

PATIENCE_S = 90.0
"""Within which all that was asked for has to be done after the last kill."""
AT_ONCE = 8
"""Files that are asked for until they are there."""
UNSEEN = {".incoming", ".uploads"}
"""Folders of a storage with what nobody sees."""


def eventually(what: Callable[[], bool], patience_s: float = PATIENCE_S) -> bool:
    """Whether it comes to be."""
    deadline = time.monotonic() + patience_s
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class Looker:
    """Looks at a server that nobody else asks any more."""

    def __init__(self, http: httpx.Client, session: str, book: Book) -> None:
        self._http = http
        self._session = session
        self._book = book

    def is_idle(self) -> bool:
        """Whether nothing is queued, running or locked."""
        status = self.get("getServiceStatus").json()
        return not status["opsQueue"] and not status["locks"]

    def nothing_is_stuck(self) -> Iterator[str]:
        """What is still to be done after a long time, and what has failed."""
        if not eventually(self.is_idle):
            locks = self.get("getServiceStatus").json()["locks"]
            yield f"stuck: {self.get('getRestoreQueue').text[:2000]}, locks {locks}"
        failures = self.get("getServiceStatus").json()["failures"]
        if failures:
            yield f"restores have failed: {failures}"

    def every_byte_is_there(self) -> Iterator[str]:
        """Files that do not come, or with other bytes. Each is asked for as clients do: again, until it is there."""
        missing = {**self._book.digests, **self._book.open}
        deadline = time.monotonic() + PATIENCE_S
        while missing:
            told = ""
            for identifier, digest in [*missing.items()][:AT_ONCE]:  # more might not be there at the same time
                answer = self.get("getData", datafileIds=identifier)
                if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                    told = answer.text[:200]
                    continue
                del missing[identifier]
                if answer.status_code == httpx.codes.NOT_FOUND and identifier in self._book.open:
                    continue  # it has been deleted
                if answer.status_code != httpx.codes.OK:
                    yield f"datafile {identifier} is lost: {answer.status_code} {answer.text[:200]}"
                elif hashlib.sha256(answer.content).hexdigest() != digest:
                    yield f"datafile {identifier} has other bytes"
            if time.monotonic() > deadline:
                yield f"datafiles {sorted(missing)} do not come back: {told}"
                return
            time.sleep(0.05)

    def get(self, call: str, **parameters: Any) -> httpx.Response:
        """The answer to a question."""
        for _ in range(100):  # a worker that was killed takes its connections with it
            with contextlib.suppress(httpx.TransportError):
                return self._http.get(f"/ids/{call}", params={"sessionId": self._session, **parameters})
            time.sleep(0.05)
        raise AssertionError("the server is away")


def left_behind(conn: psycopg.Connection[Any], main: Path, archive: Path) -> dict[str, list[str]]:
    """What is in the storages and in the tables, and belongs to nothing, by what it is."""
    return {
        "files in the main storage": _files(main, conn, "SELECT location FROM datafile WHERE location IS NOT NULL"),
        "files in the archive": _files(archive, conn, "SELECT copy FROM unit WHERE copy IS NOT NULL"),
        "locks": _rows(conn, "SELECT dataset_id::text FROM unit_lock WHERE until > now()"),
        "units under way": _rows(conn, "SELECT id::text FROM unit WHERE running IS NOT NULL OR wanted IS NOT NULL"),
        "marked units": _rows(conn, "SELECT id::text FROM unit WHERE marked"),
        "copies that were replaced": _rows(
            conn, "SELECT attempt FROM unit WHERE attempt IS DISTINCT FROM copy AND attempt IS NOT NULL"
        ),
        "deletions": _rows(
            conn,
            "SELECT location FROM removal r WHERE NOT EXISTS (SELECT FROM datafile f WHERE f.id = r.datafile_id)",
        ),
    }


def _files(folder: Path, conn: psycopg.Connection[Any], known: str) -> list[str]:
    names = set(_rows(conn, known))
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in files if path.parts[0] not in UNSEEN and str(path) not in names)


def _rows(conn: psycopg.Connection[Any], statement: str) -> list[str]:
    return [row[0] for row in conn.execute(statement.encode()).fetchall()]
