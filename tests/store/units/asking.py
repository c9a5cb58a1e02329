"""Clients of the soak: they ask for data to come and go, whatever happens, and keep book of what the server said."""

from __future__ import annotations

import contextlib
import hashlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

LARGEST_FILE = 200_000
MOST_FILES = 48
FEWEST_FILES = 24
REFUSED = ("Data is busy", "not online")
"""What a 503 says that has changed nothing."""
PAUSE_S = 0.02
AWAY_S = 0.1
"""How long a client waits for a server that is away."""
CALLS = {
    "archive": 4,
    "restore": 2,
    "write": 1,
    "getData": 4,
    "getFile": 6,
    "prepareData": 2,
    "isPrepared": 3,
    "put": 8,
    "delete": 3,
    "HEAD": 1,
}
"""What is asked, and how often."""


@dataclass
class Book:
    """What the server has acknowledged: SHA-256 of the files that are there, by their ids, and the deleted ones."""

    digests: dict[int, str] = field(default_factory=dict)
    open: dict[int, str] = field(default_factory=dict)
    """Files of which nobody knows whether they have been deleted."""
    locations: dict[str, int] = field(default_factory=dict)
    """Where files have been, by what the server said when they came, and their ids."""
    asked: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def report(self, violation: str) -> None:
        """Something is as it must not be."""
        with self.lock:
            self.violations.append(violation)


class Client:
    """One client, with a thread of its own. `gate` is open while it may ask."""

    def __init__(
        self, url: str, session: Callable[[], str], datasets: list[int], format_id: int, book: Book, seed: str
    ) -> None:
        self.http = httpx.Client(base_url=url, timeout=60, trust_env=False)
        self._session = session
        self._datasets = datasets
        self._format = format_id
        self._book = book
        self._chance = random.Random(seed)
        self._name = seed
        self._prepared: list[str] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=seed, daemon=True)

    def start(self) -> None:
        """Ask until `end`."""
        self._thread.start()

    def end(self) -> None:
        """Have it end, and wait for that."""
        self._ending.set()
        self._thread.join()
        self.http.close()

    def put(self, dataset: int, name: str) -> None:
        """Bring in a file of random bytes."""
        content = self._chance.randbytes(self._chance.randrange(LARGEST_FILE))
        query = {"sessionId": self._session(), "datasetId": dataset, "datafileFormatId": self._format, "name": name}
        answer = self.http.put("/ids/put", params=query, content=content)
        if answer.status_code == httpx.codes.CREATED:
            with self._book.lock:
                self._book.digests[answer.json()["id"]] = hashlib.sha256(content).hexdigest()
                self._book.locations[answer.json()["location"]] = answer.json()["id"]

    def _run(self) -> None:
        calls, weights = [*CALLS], [*CALLS.values()]
        while not self._ending.is_set():
            [call] = self._chance.choices(calls, weights)
            with self._book.lock:
                self._book.asked[call] += 1
                number = self._book.asked[call]
            try:
                self._ask(call, number)
                time.sleep(PAUSE_S)
            except httpx.TransportError:
                time.sleep(AWAY_S)
            except Exception as problem:  # a client that is gone would go unnoticed
                self._book.report(f"client {self._name}: {call}: {problem!r}")

    def _ask(self, call: str, number: int) -> None:
        """One call, which may have no answer, or not the one that was hoped for: others move the same data."""
        dataset = self._chance.choice(self._datasets)
        match call:
            case "put":
                if len(self._book.digests) < MOST_FILES:
                    self.put(dataset, f"put {self._name} {number}")
            case "delete":
                self._delete()
            case "getFile":
                self._get_file()
            case "HEAD":
                self.http.head("/ids/getData", params=self._named(datasetIds=dataset))
            case "getData":
                self.http.get("/ids/getData", params=self._named(datasetIds=dataset))
            case "prepareData":
                answer = self.http.post("/ids/prepareData", data=self._named(datasetIds=dataset))
                if answer.status_code == httpx.codes.OK:
                    self._prepared = [*self._prepared[-4:], answer.text]
            case "isPrepared":
                if self._prepared:
                    prepared = self._chance.choice(self._prepared)
                    self.http.get("/ids/isPrepared", params={"preparedId": prepared})
                    self.http.get("/ids/getData", params={"preparedId": prepared}, headers={"Range": "bytes=0-999"})
            case _:
                self.http.post(f"/ids/{call}", data=self._named(datasetIds=dataset))

    def _get_file(self) -> None:
        with self._book.lock:
            known = dict(self._book.digests)
        if not known:
            return
        identifier = self._chance.choice([*known])
        answer = self.http.get("/ids/getData", params=self._named(datafileIds=identifier))
        if answer.status_code == httpx.codes.OK:
            if hashlib.sha256(answer.content).hexdigest() != known[identifier]:
                self._book.report(f"datafile {identifier} has other bytes")
        elif answer.status_code == httpx.codes.NOT_FOUND:
            with self._book.lock:
                lost = identifier in self._book.digests
            if lost:
                self._book.report(f"datafile {identifier} is not found: {answer.text[:200]}")

    def _delete(self) -> None:
        with self._book.lock:
            if len(self._book.digests) <= FEWEST_FILES:
                return
            identifier = self._chance.choice([*self._book.digests])
            self._book.open[identifier] = self._book.digests.pop(identifier)
        answer = self.http.request("DELETE", "/ids/delete", params=self._named(datafileIds=identifier))
        with self._book.lock, contextlib.suppress(KeyError):
            if answer.status_code == httpx.codes.NO_CONTENT:
                del self._book.open[identifier]
            elif any(words in answer.text for words in REFUSED):
                self._book.digests[identifier] = self._book.open.pop(identifier)

    def _named(self, **parameters: Any) -> dict[str, Any]:
        return {"sessionId": self._session(), **parameters}
