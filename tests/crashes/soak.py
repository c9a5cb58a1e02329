"""Kills processes at random moments of an ingest, and proves that nothing is lost and nothing is half there.

`python -m tests.crashes.soak --kills 100 --objects 100000` is the full form; 1 is its exit status if something is.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import sys
import tempfile
import threading
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
from tests.conformance.client import Session, sign_in
from tests.crashes.facility import PASSWORD, SETTINGS, Facility, build, link_json, possible_links
from tests.crashes.ingest import READY_WITHIN_S, WRITERS, Writer
from tests.crashes.killer import ENDS_THE_SERVER, KINDS, kill, processes_of
from tests.crashes.ledger import Ledger, Link
from tests.crashes.verify import verify
from tests.running import Beamcat

LONGEST_DELAY_S = 0.3
"""After its share of the objects is there, a kill waits for a random part of this."""
POLL_S = 0.005
GONE_WITHIN_S = 5.0
STEADY_S = 0.5
WORKERS = 2


@dataclass
class Plan:
    """What is to be done. Every kill comes when a random share of the objects is there."""

    kills: int
    objects: int
    seed: int
    time_limit_s: float
    say: Callable[[str], None] = print

    def kinds(self) -> list[str]:
        """What is killed, in order: all kinds equally often, in random order; the last ones are drawn."""
        chance = random.Random(f"{self.seed} kinds")
        rounds = -(-self.kills // len(KINDS))
        return [kind for _ in range(rounds) for kind in chance.sample(KINDS, len(KINDS))][: self.kills]

    def shares(self) -> list[int]:
        """How many objects have to be there before each kill."""
        chance = random.Random(f"{self.seed} shares")
        return sorted(chance.randrange(self.objects) for _ in range(self.kills))


@dataclass
class Soak:
    """A server with clients that bring in data. `with Soak(home, plan) as soak: soak.run()`."""

    home: Path
    plan: Plan
    ledger: Ledger = field(default_factory=Ledger)
    killed: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.plan.seed)
        self._parents: set[int] = set()
        self._gate = threading.Event()
        self._writers: list[Writer] = []

    def __enter__(self) -> Soak:
        self._start("0")
        self._port = self.beamcat.url.rsplit(":", 1)[1]
        root = self.session()
        self.facility: Facility = build(root)
        links = possible_links(self.facility, sorted(self.facility.ends["user"]))[::3]
        root.write([link_json(self.facility, key) for key in links])
        self.ledger.known.update(dict.fromkeys(links, Link()))
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self._writers:
            writer.finish()
        self._gate.set()
        for writer in self._writers:
            writer.join()
        if self.beamcat.process.poll() is None:
            self.stop()

    def run(self) -> None:
        """Ingest and kill as planned, then look at everything."""
        begun = time.monotonic()
        deadline = begun + self.plan.time_limit_s
        self._writers = [
            Writer(self.beamcat.url, self.facility, self.ledger, number, self._gate, self.plan.seed)
            for number in range(WRITERS)
        ]
        for writer in self._writers:
            writer.start()
        self._gate.set()
        for kind, share in zip(self.plan.kinds(), self.plan.shares(), strict=True):
            if not self._ingest_until(share, deadline):
                break
            time.sleep(self._chance.uniform(0, LONGEST_DELAY_S))
            self._kill(kind)
        self._ingest_until(self.plan.objects, deadline)
        for writer in self._writers:
            writer.finish()
        for writer in self._writers:
            writer.join()
        self._wait_until_steady()
        self.verify()
        self.seconds = time.monotonic() - begun

    def stop(self) -> None:
        """Stop the server in order; it must leave no process."""
        status = self.beamcat.stop()
        if status != 0:
            self.ledger.report(f"beamcat serve ended with {status}")
        if left := self._left_behind():
            self.ledger.report(f"left behind by a stop: {left}")

    def start(self) -> None:
        """Start the server again, on the same home and port."""
        self._start(self._port)

    def verify(self, *, all_for_clients: bool = True) -> None:
        """Report what is wrong. Without `all_for_clients` they are asked only for what was to change since."""
        changed = self.ledger.take_changed()
        with self.superuser() as conn:
            verify(self.ledger, conn, self.session(), None if all_for_clients else changed)

    def session(self) -> Session:
        """A new session of the administrator."""
        return sign_in(self.beamcat.http, "simple", username="root", password=PASSWORD)

    @contextlib.contextmanager
    def superuser(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection to the catalogue's database that may do everything."""
        settings = DatabaseSettings()
        url = EmbeddedPostgres(self.home, settings).url.replace(
            "postgresql://beamcat:", f"postgresql://{SUPERUSER}:", 1
        )
        with psycopg.connect(url, autocommit=True) as conn:
            yield conn

    def summary(self) -> str:
        """What was done and found, in lines."""
        ledger = self.ledger
        killed = ", ".join(f"{count} {kind}" for kind, count in sorted(self.killed.items()))
        lines = [
            f"{self.killed.total()} kills in {self.seconds:.0f} s: {killed}",
            f"{ledger.acknowledged} calls acknowledged, {ledger.objects} objects created by them",
            f"{ledger.refused} calls refused because the database was away: none of them changed anything",
            f"{ledger.unanswered} calls without an answer: {ledger.happened} had taken place, the others had not",
            f"{len(ledger.violations)} violations",
        ]
        return "\n".join([*lines, *ledger.violations])

    def _start(self, port: str) -> None:
        self.beamcat = Beamcat(self.home, "--port", port, "--workers", str(WORKERS), config=SETTINGS, search=True)
        self._parents.add(self.beamcat.process.pid)

    def _ingest_until(self, objects: int, deadline: float) -> bool:
        """Wait until so many objects are there. False when that takes too long or a client has given up."""
        while self.ledger.objects < objects:
            if time.monotonic() > deadline:
                self.ledger.report(f"only {self.ledger.objects} objects in {self.plan.time_limit_s:.0f} s")
                return False
            if not all(writer.is_alive() for writer in self._writers):
                return False
            time.sleep(POLL_S)
        return True

    def _kill(self, kind: str) -> None:
        killed = kill(self.beamcat, kind, self._chance)
        self.killed[kind] += 1
        if kind in ENDS_THE_SERVER:
            self._begin_again()
        ledger = self.ledger
        self.plan.say(
            f"{self.killed.total():4} {kind:10} {killed:45.45} {ledger.objects:7} objects, "
            f"{len(ledger.open_calls())} calls open, {len(ledger.violations)} violations"
        )

    def _begin_again(self) -> None:
        """The server has died: start it once more, and see what is left. The clients rest meanwhile."""
        self.beamcat.stop()  # waits for the dead
        self._gate.clear()
        with contextlib.ExitStack() as resting:
            for writer in self._writers:
                resting.enter_context(writer.busy)
            self.start()
            self.verify(all_for_clients=False)
        self._gate.set()

    def _wait_until_steady(self) -> None:
        """Wait for the recovery from the last kill: the database keeps connections, the server is ready."""
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            with contextlib.suppress(psycopg.OperationalError, httpx.TransportError):
                with self.superuser() as conn:
                    time.sleep(STEADY_S)
                    conn.execute("SELECT 1")
                if self.beamcat.http.get("/readyz").status_code == httpx.codes.OK:
                    return
            if time.monotonic() > deadline:
                raise AssertionError(f"the service was away for more than {READY_WITHIN_S:.0f} s")
            time.sleep(POLL_S)

    def _left_behind(self) -> dict[int, str]:
        deadline = time.monotonic() + GONE_WITHIN_S
        while left := processes_of(self.home, self._parents):
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_S)
        return left


def main() -> int:
    """The full form. The home and its log are kept when something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=None, help="of all random choices; printed when not given")
    parser.add_argument("--time-limit", type=float, default=3600.0, metavar="SECONDS", help="for the ingest")
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(10**6)
    home = Path(tempfile.mkdtemp(prefix="beamcat-soak-")).resolve() / "home"
    print(f"seed {seed}, home {home}", flush=True)
    plan = Plan(given.kills, given.objects, seed, given.time_limit, lambda line: print(line, flush=True))
    with Soak(home, plan) as soak:
        try:
            soak.run()
            soak.stop()
            soak.start()
            soak.verify()
        finally:
            print(soak.summary(), flush=True)
    if soak.ledger.violations or soak.killed.total() < given.kills:
        return 1
    shutil.rmtree(home.parent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
