"""Data go to the archive and back, come in and go, while processes are killed: no byte is lost, nothing is stuck.

The long form: `python -m tests.store.units.soak --kills 100`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg

from beamcat.config import DatabaseSettings
from beamcat.database.cluster import SUPERUSER
from beamcat.database.embedded import EmbeddedPostgres
from tests.crashes.killer import ENDS_THE_SERVER, kill
from tests.running import Beamcat
from tests.store.units.asking import Book, Client
from tests.store.units.looking import Looker, eventually, left_behind

WORKERS = 2
CLIENTS = 3
DATASETS = 6
FILES = 4
LEASE_S = 2.0
LONGEST_DELAY_S = 1.5
"""Between a server that works and the next kill."""
BACK_WITHIN_S = 60.0
KINDS = ("worker", "worker", "everything", "worker", "postmaster", "worker", "parent", "worker", "backend", "worker")
"""What is killed, in this order, and then again."""
LEVELS = "start_archiving_bytes = 3_000_000\nstop_archiving_bytes = 2_000_000\n"
"""So that the main storage is tidied all the time."""


@dataclass
class Soak:
    """A server with two levels of storage. `with Soak(folder, "dataset", kills, seed) as soak: soak.run()`."""

    folder: Path
    unit: str
    kills: int
    seed: int
    say: Callable[[str], None] = print
    book: Book = field(default_factory=Book)
    killed: Counter[str] = field(default_factory=Counter)
    orphans: list[str] = field(default_factory=list)
    """Bytes of uploads that were cut off, at the end."""

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._datasets: list[int] = []
        self._clients: list[Client] = []
        self._session = ""

    def __enter__(self) -> Soak:
        for name in ("main", "archive"):
            (self.folder / name).mkdir(parents=True)
        self._start("0", LEVELS)
        self._port = self.beamcat.url.rsplit(":", 1)[1]
        self._fill()
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.end()
        if self.beamcat.process.poll() is None:
            self.beamcat.stop()

    @property
    def violations(self) -> list[str]:
        """What is as it must not be."""
        return self.book.violations

    def run(self) -> None:
        """Ask and kill as planned, then look for everything."""
        for client in self._clients:
            client.start()
        while self.killed.total() < self.kills:
            time.sleep(self._chance.uniform(0.05, LONGEST_DELAY_S))
            kind = KINDS[self.killed.total() % len(KINDS)]
            what = kill(self.beamcat, kind, self._chance)
            self.killed[kind] += 1
            if kind in ENDS_THE_SERVER:
                self.beamcat.stop()  # waits for the dead
                self._start(self._port, LEVELS)
            if not eventually(self._is_back, BACK_WITHIN_S):
                self.book.report(f"the service does not come back after {what}")
                return
            asked, files = self.book.asked.total(), len(self.book.digests)
            self.say(f"{self.killed.total():4} {what:45.45} {asked:6} calls, {files} files")
        for client in self._clients:
            client.end()
        self._clients = []
        self.verify()

    def verify(self) -> None:
        """Report what is stuck, every file that cannot be had, and what nobody knows of."""
        looker = Looker(self.beamcat.http, self._session, self.book)
        for violation in looker.every_byte_is_there():  # while the main storage is still tidied
            self.book.report(violation)
        self.beamcat.stop()
        self._start(self._port, "")
        looker = Looker(self.beamcat.http, self._session, self.book)
        for violation in looker.nothing_is_stuck():
            self.book.report(violation)
        for violation in looker.every_byte_is_there():
            self.book.report(violation)
        with self._superuser() as conn:
            folders = (self.folder / "main", self.folder / "archive")
            eventually(lambda: not any(left_behind(conn, *folders).values()), 8 * LEASE_S)
            for what, names in left_behind(conn, *folders).items():
                uploads = [name for name in names if what.endswith("main storage") and name not in self.book.locations]
                self.orphans += uploads
                others = sorted(set(names) - set(uploads))
                if others:
                    self.book.report(f"left behind: {len(others)} {what}: {others[:5]}")

    def _start(self, port: str, levels: str) -> None:
        config = f"""
[catalogue]
root_user_names = ["simple/root"]
[authenticator.simple]
kind = "simple"
users = {{ root = "pw" }}
[protection]
enabled = false
[database]
embedded_shared_buffers = "64MB"
[store]
unit = "{self.unit}"
[store.main]
path = "{self.folder / "main"}"
[store.archive]
kind = "posix"
path = "{self.folder / "archive"}"
[ids]
delay_dataset_writes_s = 0.2
delay_datafile_operations_s = 0.2
process_queue_interval_s = 0.05
recall_poll_s = 0.05
retry_s = 0.2
size_check_interval_s = 0.3
pin_hours = 0
lease_s = {LEASE_S}
{levels}"""
        options = ("--port", port, "--workers", str(WORKERS))
        self.beamcat = Beamcat(self.folder / "home", *options, config=config)
        self._session = self.beamcat.login("root", "pw")

    def _fill(self) -> None:
        facility = self._make("Facility", name="FAC")
        kind = self._make("InvestigationType", name="t", facility=facility)
        dataset_type = self._make("DatasetType", name="t", facility=facility)
        format_id = self._make("DatafileFormat", name="f", version="1", facility=facility)["id"]
        inv = self._make("Investigation", name="inv", visitId="1", title="t", facility=facility, type=kind)
        for number in range(DATASETS):
            dataset = self._make("Dataset", name=f"ds{number}", investigation=inv, type=dataset_type)
            self._datasets.append(dataset["id"])
        self._clients = [
            Client(self.beamcat.url, lambda: self._session, self._datasets, format_id, self.book, f"{self.seed}-{each}")
            for each in range(CLIENTS)
        ]
        for dataset in self._datasets:
            for file in range(FILES):
                self._clients[0].put(dataset, f"file{file}")

    def _make(self, entity: str, **members: Any) -> dict[str, int]:
        data = {"sessionId": self._session, "entities": json.dumps({entity: members})}
        answer = self.beamcat.http.post("/icat/entityManager", data=data)
        assert answer.status_code == httpx.codes.OK, answer.text
        return {"id": int(answer.json()[0])}

    def _is_back(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return self.beamcat.http.get("/readyz").status_code == httpx.codes.OK
        return False

    @contextlib.contextmanager
    def _superuser(self) -> Iterator[psycopg.Connection[Any]]:
        url = EmbeddedPostgres(self.folder / "home", DatabaseSettings()).url
        with psycopg.connect(url.replace("//beamcat:", f"//{SUPERUSER}:", 1), autocommit=True) as conn:
            yield conn


def main() -> int:
    """The full form. The folder is kept when something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--unit", choices=("dataset", "datafile"), default="dataset")
    parser.add_argument("--seed", type=int, default=None, help="of all random choices; printed when not given")
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(10**6)
    folder = Path(tempfile.mkdtemp(prefix="beamcat-units-")).resolve()
    print(f"seed {seed}, folder {folder}", flush=True)
    begun = time.monotonic()
    with Soak(folder, given.unit, given.kills, seed, lambda line: print(line, flush=True)) as soak:
        soak.run()
    print(f"{soak.killed.total()} kills in {time.monotonic() - begun:.0f} s: {dict(soak.killed)}")
    print(f"calls: {dict(soak.book.asked)}; {len(soak.book.digests)} files at the end")
    print(f"{len(soak.violations)} violations, {len(soak.orphans)} files of uploads that were cut off")
    print("\n".join(soak.violations))
    if soak.violations:
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
