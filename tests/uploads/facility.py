"""A server with an empty dataset, and what comes into it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.running import Beamcat, eventually

PASSWORD = "not a secret"
LEASE_S = 2.0
WORKERS = 2


def config(database_url: str | None, base: Path) -> str:
    database = 'embedded_shared_buffers = "64MB"' if database_url is None else f'url = "{database_url}"'
    return f"""
[catalogue]
root_user_names = ["simple/root"]
[authenticator.simple]
kind = "simple"
users = {{ root = "{PASSWORD}" }}
[database]
{database}
[store.main]
path = "{base}"
[protection]
enabled = false
[ids]
lease_s = {LEASE_S}
"""


@dataclass
class Facility:
    """The running server, and the folder of its storage."""

    beamcat: Beamcat
    base: Path
    database_url: str | None
    session: str
    investigation: int
    dataset_type: int

    def make(self, entity: str, **members: Any) -> int:
        """The id of a new object."""
        form = {"sessionId": self.session, "entities": json.dumps([{entity: members}])}
        answer = self.beamcat.http.post("/icat/entityManager", data=form)
        assert answer.status_code == 200, answer.text
        return int(answer.json()[0])

    def dataset(self, name: str) -> int:
        """The id of a new dataset."""
        around = {"investigation": {"id": self.investigation}, "type": {"id": self.dataset_type}}
        return self.make("Dataset", name=name, **around)

    def files(self, dataset: int) -> dict[str, str]:
        """What the catalogue says is in a dataset, by name: the SHA-256 of what lies where it says."""
        rows = [row["Datafile"] for row in self.search(f"SELECT f FROM Datafile f WHERE f.dataset.id = {dataset}")]
        contents = {row["name"]: (self.base / row["location"]).read_bytes() for row in rows}
        assert {row["name"]: row["fileSize"] for row in rows} == {name: len(data) for name, data in contents.items()}
        return {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}

    def stored(self) -> set[str]:
        """Every file in the storage."""
        return {str(path.relative_to(self.base)) for path in self.base.rglob("*") if path.is_file()}

    def locations(self) -> set[str]:
        """Every location in the catalogue."""
        return set(self.search("SELECT f.location FROM Datafile f"))

    def unfinished(self) -> set[str]:
        """The files in which uploads wait that can go on."""
        headers = {"Authorization": f"Bearer {self.session}"}
        return {f".uploads/{each['id']}" for each in self._get("/uploads", headers=headers)["uploads"]}

    def search(self, query: str) -> list[Any]:
        """The answer to a question."""
        return list(self._get("/icat/entityManager", params={"sessionId": self.session, "query": query}))

    def _get(self, path: str, **more: Any) -> Any:
        """JSON. A worker that was killed takes its connections with it: then it is asked for once more."""

        def answer() -> httpx.Response | None:
            with contextlib.suppress(httpx.TransportError):
                return self.beamcat.http.get(path, **more)
            return None

        answered = eventually(answer)
        assert answered.status_code == 200, answered.text
        return answered.json()

    def require_no_orphans(self) -> None:
        """Once the keeper has run, there is nothing but datafiles, and uploads that can go on."""
        eventually(lambda: self.stored() - self.unfinished() == self.locations())

    def put(self, *arguments: str) -> subprocess.Popen[bytes]:
        """`beamcat put`."""
        environment = {**os.environ, "BEAMCAT_TOKEN": self.session}
        command = [sys.executable, "-m", "beamcat", "put", *arguments]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def open_facility(home: Path, database_url: str | None) -> Facility:
    """Start the server."""
    base = home.with_name("main")
    base.mkdir()
    beamcat = Beamcat(home, "--port", "0", "--workers", str(WORKERS), config=config(database_url, base))
    facility = Facility(beamcat, base, database_url, beamcat.login("root", PASSWORD), 0, 0)
    own = {"facility": {"id": facility.make("Facility", name="FAC")}}
    kind = {"id": facility.make("InvestigationType", name="t", **own)}
    facility.dataset_type = facility.make("DatasetType", name="t", **own)
    facility.investigation = facility.make("Investigation", name="inv", visitId="1-1", title="t", type=kind, **own)
    return facility


def written(folder: Path, sizes: dict[str, int]) -> dict[str, str]:
    """Files in a folder; the SHA-256 of each by its name."""
    digests = {}
    for name, size in sizes.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = os.urandom(size)
        path.write_bytes(content)
        digests[name] = hashlib.sha256(content).hexdigest()
    return digests


def ended(process: subprocess.Popen[bytes], status: int = 0, patience_s: float = 90) -> str:
    """What a process has printed until its end."""
    out, _ = process.communicate(timeout=patience_s)
    assert process.returncode == status, out.decode()[-3000:]
    return out.decode()


def run(process: Sequence[str]) -> None:
    """Run to the end."""
    subprocess.run(process, check=True, timeout=90)
