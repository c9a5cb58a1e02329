"""Data go to the archive and back, and files come in, while processes are killed: no byte is lost, nothing is stuck.

The long form: `python -m tests.store.units.soak --kills 100`.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.crashes.killer import ENDS_THE_SERVER, kill
from tests.running import Beamcat

WORKERS = 2
DATASETS = 6
FILES = 4
LARGEST_FILE = 200_000
LEASE_S = 2.0
PATIENCE_S = 60.0
"""Within which all that was asked for has to be done after the last kill."""
CALLS = ("archive", "archive", "restore", "write", "getData", "prepareData", "put")


@dataclass
class Soak:
    """A server with two levels of storage. `with Soak(folder, "dataset", kills, seed) as soak: soak.run()`."""

    folder: Path
    unit: str
    kills: int
    seed: int
    say: Callable[[str], None] = print
    violations: list[str] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._digests: dict[int, str] = {}
        self._datasets: list[int] = []
        self._session = ""

    def __enter__(self) -> Soak:
        for name in ("main", "archive"):
            (self.folder / name).mkdir(parents=True)
        self._start("0")
        self._port = self.beamcat.url.rsplit(":", 1)[1]
        self._fill()
        return self

    def __exit__(self, *_: object) -> None:
        if self.beamcat.process.poll() is None:
            self.beamcat.stop()

    def run(self) -> None:
        """Ask and kill as planned, then look for everything."""
        while self.killed.total() < self.kills:
            until = time.monotonic() + self._chance.uniform(0.05, 1.0)
            while time.monotonic() < until:
                self._ask(self._chance.choice(CALLS))
            kind = "everything" if self.killed.total() % 10 == 9 else "worker"
            what = kill(self.beamcat, kind, self._chance)
            self.killed[kind] += 1
            if kind in ENDS_THE_SERVER:
                self.beamcat.stop()  # waits for the dead
                self._start(self._port)
            self.say(f"{self.killed.total():4} {what:45.45} {self.asked.total():6} calls, {len(self._digests)} files")
        self.verify()

    def verify(self) -> None:
        """Report what is stuck, and every file whose bytes are not where they can be had."""
        if not self._eventually(self._is_idle):
            self.violations.append(f"stuck: {self._get('getRestoreQueue').text[:2000]}")
        failures = self._get("getServiceStatus").json()["failures"]
        if failures:
            self.violations.append(f"restores have failed: {failures}")
        for dataset in self._datasets:
            for _ in range(2):  # what a put has brought into an archived dataset is beside the rest
                self._post("restore", datasetIds=dataset)
            if not self._eventually(lambda one=dataset: self._is_online(one)):
                told = self._get("getStatus", datasetIds=dataset).text
                self.violations.append(f"dataset {dataset} does not come back: {told}")
        for identifier, digest in self._digests.items():
            answer = self._get("getData", datafileIds=identifier)
            if answer.status_code != httpx.codes.OK:
                self.violations.append(f"datafile {identifier} is lost: {answer.status_code} {answer.text[:200]}")
            elif hashlib.sha256(answer.content).hexdigest() != digest:
                self.violations.append(f"datafile {identifier} has other bytes")

    def _start(self, port: str) -> None:
        config = f"""
[catalogue]
root_user_names = ["simple/root"]
[authenticator.simple]
kind = "simple"
users = {{ root = "pw" }}
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
lease_s = {LEASE_S}
"""
        options = ("--port", port, "--workers", str(WORKERS))
        self.beamcat = Beamcat(self.folder / "home", *options, config=config)
        self._session = self.beamcat.login("root", "pw")

    def _fill(self) -> None:
        facility = self._make("Facility", name="FAC")
        kind = self._make("InvestigationType", name="t", facility=facility)
        dataset_type = self._make("DatasetType", name="t", facility=facility)
        self._format = self._make("DatafileFormat", name="f", version="1", facility=facility)["id"]
        inv = self._make("Investigation", name="inv", visitId="1", title="t", facility=facility, type=kind)
        for number in range(DATASETS):
            dataset = self._make("Dataset", name=f"ds{number}", investigation=inv, type=dataset_type)
            self._datasets.append(dataset["id"])
            for file in range(FILES):
                self._put(dataset["id"], f"file{file}")

    def _make(self, entity: str, **members: Any) -> dict[str, int]:
        data = {"sessionId": self._session, "entities": json.dumps({entity: members})}
        answer = self.beamcat.http.post("/icat/entityManager", data=data)
        assert answer.status_code == httpx.codes.OK, answer.text
        return {"id": int(answer.json()[0])}

    def _ask(self, call: str) -> None:
        """One call, which may have no answer, or not the one that was hoped for: others move the same data."""
        dataset = self._chance.choice(self._datasets)
        self.asked[call] += 1
        with contextlib.suppress(httpx.TransportError):
            if call == "put":
                if len(self._digests) < DATASETS * FILES * 4:
                    self._put(dataset, f"put{self.asked[call]}")
            elif call == "getData":
                self._get(call, datasetIds=dataset)
            else:
                self._post(call, datasetIds=dataset)

    def _put(self, dataset: int, name: str) -> None:
        content = self._chance.randbytes(self._chance.randrange(LARGEST_FILE))
        query = {"sessionId": self._session, "datasetId": dataset, "datafileFormatId": self._format, "name": name}
        answer = self.beamcat.http.put("/ids/put", params=query, content=content)
        if answer.status_code == httpx.codes.CREATED:
            self._digests[answer.json()["id"]] = hashlib.sha256(content).hexdigest()

    def _get(self, call: str, **parameters: Any) -> httpx.Response:
        for _ in range(50):  # a worker that was killed takes its connections with it
            with contextlib.suppress(httpx.TransportError):
                return self.beamcat.http.get(f"/ids/{call}", params={"sessionId": self._session, **parameters})
            time.sleep(0.05)
        raise AssertionError("the server is away")

    def _post(self, call: str, **parameters: Any) -> httpx.Response:
        return self.beamcat.http.post(f"/ids/{call}", data={"sessionId": self._session, **parameters})

    def _is_idle(self) -> bool:
        status = self._get("getServiceStatus").json()
        return not status["opsQueue"] and not status["locks"]

    def _is_online(self, dataset: int) -> bool:
        return self._get("getStatus", datasetIds=dataset).text == "ONLINE"

    def _eventually(self, what: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + PATIENCE_S
        while not what():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


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
    with Soak(folder, given.unit, given.kills, seed, lambda line: print(line, flush=True)) as soak:
        soak.run()
    print(f"{soak.killed.total()} kills, {dict(soak.asked)}, {len(soak.violations)} violations")
    print("\n".join(soak.violations))
    if soak.violations:
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
