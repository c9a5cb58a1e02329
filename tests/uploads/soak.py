"""Files come in by `beamcat put` while processes are killed: none is half there, none is lost, nothing is left behind.

The long form: `python -m tests.uploads.soak --kills 100`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from beamcat.client.fetching import Progress, Terms
from beamcat.client.put import Watched, put, target_of
from beamcat.client.sources import files_in
from beamcat.errors import BeamcatError
from tests.crashes.killer import ENDS_THE_SERVER, kill
from tests.running import Beamcat
from tests.uploads.facility import PASSWORD, WORKERS, Facility, config, open_facility

CLIENTS = 2
SIZES = (0, 1, 1000, 300_000, 1_500_000, 6_000_000)
KINDS = ("worker", "everything", "worker", "backend", "worker", "worker", "postmaster", "worker", "parent", "worker")
"""What is killed, in this order, and then again."""
LONGEST_DELAY_S = 2.0


@dataclass
class Book:
    """What was offered, by dataset and name, and what of it is acknowledged."""

    offered: dict[tuple[int, str], str] = field(default_factory=dict)
    acknowledged: set[tuple[int, str]] = field(default_factory=set)


class Client(threading.Thread):
    """Sends folders of files to a dataset of its own, each as often as it takes."""

    def __init__(self, facility: Facility, folder: Path, book: Book, number: int) -> None:
        super().__init__(name=f"client{number}", daemon=True)
        self._facility = facility
        self._folder = folder / self.name
        self._book = book
        self._chance = random.Random(number)
        self.dataset = facility.dataset(self.name)
        self.ending = threading.Event()

    def run(self) -> None:
        rounds = 0
        while not self.ending.is_set():
            rounds += 1
            self._send(self._files(rounds))

    def _files(self, number: int) -> Path:
        folder = self._folder / str(number)
        for size in self._chance.sample(SIZES, 4):
            name = f"{number}/{size}"
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            content = self._chance.randbytes(size)
            path.write_bytes(content)
            self._book.offered[self.dataset, name] = hashlib.sha256(content).hexdigest()
        return folder

    def _send(self, folder: Path) -> None:
        files = files_in([folder], print)
        target = target_of(str(self.dataset), self._facility.beamcat.url)
        while True:
            terms = Terms(token=self._facility.session, jobs=3, pause_s=0.05)
            with contextlib.suppress(BeamcatError):
                outcome = asyncio.run(put(files, target, terms, Watched(Progress())))
                if not outcome.failed:
                    break
            time.sleep(0.2)  # the server is away for longer
        self._book.acknowledged.update((self.dataset, file.name) for file in files)
        shutil.rmtree(folder)


@dataclass
class Soak:
    """`with Soak(folder, kills, seed) as soak: soak.run()`; then `violations` says what is wrong."""

    folder: Path
    kills: int
    seed: int
    say: Callable[[str], None] = print
    book: Book = field(default_factory=Book)
    killed: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def __enter__(self) -> Soak:
        self.facility = open_facility(self.folder / "home", None)
        return self

    def __exit__(self, *_: object) -> None:
        if self.facility.beamcat.process.poll() is None:
            self.facility.beamcat.stop()

    def run(self) -> None:
        """Send and kill as planned, then look for everything."""
        chance = random.Random(self.seed)
        clients = [Client(self.facility, self.folder / "files", self.book, number) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        while self.killed.total() < self.kills:
            time.sleep(chance.uniform(0.05, LONGEST_DELAY_S))
            kind = KINDS[self.killed.total() % len(KINDS)]
            what = kill(self.facility.beamcat, kind, chance)
            self.killed[kind] += 1
            if kind in ENDS_THE_SERVER:
                self._start_again()
            self.say(f"{self.killed.total():4} {what:45.45} {len(self.book.acknowledged):6} files")
        for client in clients:
            client.ending.set()
        for client in clients:
            client.join(180)
            if client.is_alive():
                self.violations.append(f"{client.name} does not come to an end")
        self._verify(clients)

    def _start_again(self) -> None:
        beamcat = self.facility.beamcat
        beamcat.stop()  # waits for the dead
        port = beamcat.url.rstrip("/").rpartition(":")[2]
        settings = config(None, self.facility.base)
        self.facility.beamcat = Beamcat(beamcat.home, "--port", port, "--workers", str(WORKERS), config=settings)
        self.facility.session = self.facility.beamcat.login("root", PASSWORD)

    def _verify(self, clients: list[Client]) -> None:
        found = {
            (client.dataset, name): digest
            for client in clients
            for name, digest in self.facility.files(client.dataset).items()
        }
        wrong = [place for place, digest in found.items() if self.book.offered.get(place) != digest]
        lost = self.book.acknowledged - found.keys()
        self.violations += [f"{place} has other bytes" for place in wrong] + [f"{place} is lost" for place in lost]
        try:
            self.facility.require_no_orphans()
        except AssertionError:
            known = self.facility.unfinished() | self.facility.locations()
            self.violations.append(f"left behind: {sorted(self.facility.stored() - known)[:5]}")


def main() -> int:
    """The full form. The folder is kept when something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="beamcat-uploads-")).resolve()
    with Soak(folder, given.kills, given.seed, lambda line: print(line, flush=True)) as soak:
        soak.run()
    print(f"{soak.killed.total()} kills, {len(soak.book.acknowledged)} files, {len(soak.violations)} violations")
    print("\n".join(soak.violations))
    if soak.violations:
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
