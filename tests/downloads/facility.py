"""A server with a dataset worth downloading: some large files, many small ones, and the digests of all."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beamcat.config import DatabaseSettings
from beamcat.database.pool import Database
from beamcat.store.digests.reading import HashingReader
from beamcat.store.digests.table import DigestTable
from beamcat.store.digests.values import Also, FileVersion, Hashed
from beamcat.store.opening import MAIN
from beamcat.store.storage.posix import PosixStorage
from tests.running import Beamcat

PASSWORD = "not a secret"
DATASET = "/data/FAC/inv/1-1/ds"
FOLDER = "FAC/inv/1-1/ds"
LARGE = 40 << 20
SMALL_FILES = 30


def config(database_url: str, base: Path) -> str:
    return f"""
[catalogue]
root_user_names = ["simple/root"]

[authenticator.simple]
kind = "simple"
users = {{ root = "{PASSWORD}" }}

[database]
url = "{database_url}"

[store.main]
kind = "posix"
path = "{base}"
"""


@dataclass
class Facility:
    """The running server, what is in the dataset by name, and its id."""

    beamcat: Beamcat
    home: Path
    settings: str
    session: str
    dataset: int
    digests: dict[str, str]
    size: int

    @property
    def port(self) -> str:
        return self.beamcat.url.rpartition(":")[2].strip("/")

    def restart(self) -> None:
        """Stop the server and start it again where it was."""
        port = self.port
        self.beamcat.stop()
        self.beamcat = Beamcat(self.home, "--port", port, config=self.settings)

    def is_complete(self, folder: Path) -> bool:
        """Whether all files are in the folder, right, and nothing else."""
        there = {
            str(path.relative_to(folder / FOLDER)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*")
            if path.is_file()
        }
        return there == self.digests


async def open_facility(
    home: Path, database_url: str, *, large: int = LARGE, many: int = SMALL_FILES, more: str = ""
) -> Facility:
    """Start the server, with more settings, and fill it."""
    base = home.with_name("main")
    base.mkdir()
    chance = random.Random(3)
    contents = {"large 1.nxs": chance.randbytes(large), "scan/large-2.h5": chance.randbytes(large // 2 + 17)}
    contents |= {f"small/é {n:04}.dat": chance.randbytes(chance.choice([0, 1, 5000, 300_000])) for n in range(many)}
    for number, content in enumerate(contents.values()):
        (base / str(number)).write_bytes(content)
    await _hash(base, database_url)
    settings = config(database_url, base) + more
    beamcat = Beamcat(home, "--port", "0", config=settings)
    session = beamcat.login("root", PASSWORD)
    dataset = _fill(beamcat, session, {name: len(content) for name, content in contents.items()})
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    return Facility(beamcat, home, settings, session, dataset, digests, sum(map(len, contents.values())))


def _fill(beamcat: Beamcat, session: str, sizes: dict[str, int]) -> int:
    def make(**entities: Any) -> list[int]:
        form = {"sessionId": session, "entities": json.dumps([{name: each} for name, each in entities.items()])}
        answer = beamcat.http.post("/icat/entityManager", data=form)
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    (facility,) = make(Facility={"name": "FAC"})
    own = {"facility": {"id": facility}}
    kind, dataset_kind = make(InvestigationType={"name": "t", **own}, DatasetType={"name": "t", **own})
    (inv,) = make(Investigation={"name": "inv", "visitId": "1-1", "title": "t", "type": {"id": kind}, **own})
    files = [
        {"name": name, "location": str(number), "fileSize": size} for number, (name, size) in enumerate(sizes.items())
    ]
    return make(Dataset={"name": "ds", "investigation": {"id": inv}, "type": {"id": dataset_kind}, "datafiles": files})[
        0
    ]


async def _hash(base: Path, database_url: str) -> None:
    storage = PosixStorage(base)
    reader = HashingReader(storage, 2)
    locations = [path.name for path in base.iterdir()]
    hashed = [
        Hashed(version, await reader.hash(version, Also.USUAL))
        for location, stat in zip(locations, await storage.stat(locations), strict=True)
        if stat is not None
        for version in [FileVersion.of(location, stat)]
    ]
    async with Database(database_url, DatabaseSettings()) as database:
        await DigestTable(database, MAIN).store(hashed)
    reader.close()
    storage.close()
