"""A facility for the benches of downloads: files in the page cache, and what is measured of its server."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson
import psycopg
from zlib_ng.zlib_ng import crc32

from beamcat.config import DatabaseSettings
from beamcat.database.embedded import EmbeddedPostgres
from bench.catalogue import BASE, BY, PORT

GIB = 1 << 30
QUICK = bool(os.environ.get("BENCH_QUICK"))
"""Small sizes: to see that a bench works, not for figures."""
CONFIG = """
[catalogue]
root_user_names = ["simple/root"]
[authenticator.simple]
kind = "simple"
users = { root = "bench" }
[ids]
catalogue_checksums_are_crc32 = true
trust_catalogue_checksums = true
[logging]
level = "warning"
"""


def setting(name: str, usual: int, quick: int) -> int:
    """A size: `BENCH_<name>`, or the usual one, or with `BENCH_QUICK` a small one."""
    return int(os.environ.get(f"BENCH_{name}", quick if QUICK else usual))


@dataclass(frozen=True, slots=True)
class Set:
    """Files of a dataset: where they lie, the dataset, and how many bytes they are."""

    folder: Path
    dataset: int
    size: int


class Site:
    """A running server, and an administrator who has signed in. The facility has nothing yet."""

    def __init__(self, home: Path, port: int, process: int, database_url: str) -> None:
        self.url, self.home, self.process = f"http://127.0.0.1:{port}", home, process
        self._database_url = database_url
        self.http = httpx.Client(base_url=self.url, timeout=600, trust_env=False)
        login = '{"plugin":"simple","credentials":[{"username":"root"},{"password":"bench"}]}'
        self.session = self.http.post("/icat/session", data={"json": login}).json()["sessionId"]
        facility = {"id": self.write({"Facility": {"name": "F"}})}
        self.dataset_type = {"id": self.write({"DatasetType": {"name": "T", "facility": facility}})}
        kind = {"id": self.write({"InvestigationType": {"name": "T", "facility": facility}})}
        visit = {"name": "I", "visitId": "1", "title": "t", "facility": facility, "type": kind}
        self.investigation = {"id": self.write({"Investigation": visit})}

    def write(self, entity: object) -> int:
        """The id of an object that is created."""
        data = {"sessionId": self.session, "entities": orjson.dumps(entity).decode()}
        answer = self.http.post("/icat/entityManager", data=data)
        answer.raise_for_status()
        return int(answer.json()[0])

    def add(self, name: str, count: int, size: int) -> Set:
        """A dataset of so many files of that size; they share their bytes in parts, as compressible data do not."""
        folder = self.home / "data" / name
        folder.mkdir(parents=True)
        block = os.urandom(min(size, 1 << 20))
        blocks = max(1, size // len(block))
        checksum = 0
        for _ in range(blocks):
            checksum = crc32(block, checksum)
        for number in range(count):
            with (folder / f"{number:06}").open("wb") as out:
                for _ in range(blocks):
                    out.write(block)
        dataset = self._catalogue(name, count, blocks * len(block), f"'{name}/' || lpad(k::text, 6, '0')", checksum)
        return Set(folder, dataset, count * blocks * len(block))

    def add_many(self, name: str, count: int, behind: Set) -> Set:
        """A dataset of so many datafiles of one byte each, behind which are the files of another, over and over."""
        files = sum(1 for _ in behind.folder.iterdir())
        checksum = crc32((behind.folder / "000000").read_bytes())
        place = f"'{behind.folder.name}/' || lpad(mod(k, {files})::text, 6, '0')"
        return Set(behind.folder, self._catalogue(name, count, 1, place, checksum), count)

    def prepare(self, dataset: int) -> str:
        """The id of a prepared download."""
        form = {"sessionId": self.session, "datasetIds": str(dataset)}
        return self.http.post("/ids/prepareData", data=form).raise_for_status().text

    def address(self, prepared: str) -> str:
        """The URL of a prepared download."""
        return f"{self.url}/ids/getData?preparedId={prepared}"

    def _catalogue(self, name: str, count: int, size: int, location: str, checksum: int) -> int:
        described = {"name": name, "investigation": self.investigation, "type": self.dataset_type}
        dataset = self.write({"Dataset": described})
        with psycopg.connect(self._database_url, autocommit=True) as connection:
            connection.execute(
                f"""INSERT INTO datafile (dataset_id, investigation_id, name, location, file_size, checksum, {BASE})
                    SELECT d.id, d.investigation_id, lpad(k::text, 7, '0'), {location}, %(size)s, %(checksum)s, {BY}
                    FROM dataset d, generate_series(0, %(count)s - 1) k WHERE d.id = %(dataset)s""".encode(),
                {"size": size, "checksum": f"{checksum:x}", "count": count, "dataset": dataset},
            )
            connection.execute("VACUUM (ANALYZE) datafile")
        return dataset


@contextlib.contextmanager
def running(home: Path, *options: str, port: int = PORT, more: str = "") -> Iterator[Site]:
    """A server on an empty home, with options on its command line and more settings."""
    home.mkdir()
    config = home.with_suffix(".toml")
    config.write_text(CONFIG + more)
    command = [sys.executable, "-m", "beamcat", "serve", "--config", str(config), "--home", str(home), *options]
    process = subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        # the server has started PostgreSQL, and is counted with it
        with EmbeddedPostgres(home, DatabaseSettings()) as database:
            yield Site(home, port, process.pid, database.url)
    finally:
        process.terminate()
        process.wait(60)


def processes(first: int) -> Iterator[int]:
    """A process, and all those below it."""
    waiting = [first]
    while waiting:
        number = waiting.pop()
        yield number
        with contextlib.suppress(OSError):
            waiting += map(int, Path(f"/proc/{number}/task/{number}/children").read_text().split())


def cpu_s(process: int) -> float:
    """Seconds of CPU of a process and all those below it that live."""
    total, ticks = 0, os.sysconf("SC_CLK_TCK")
    for number in processes(process):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / ticks


def workers(process: int) -> list[int]:
    """The workers of a server, by the process that started them."""
    found = []
    for number in processes(process):
        with contextlib.suppress(OSError):
            if b"beamcat.serve.worker" in Path(f"/proc/{number}/cmdline").read_bytes():
                found.append(number)
    return found


def memory_mib(process: int) -> float:
    """Resident memory of one process."""
    fields = Path(f"/proc/{process}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def wait_for(address: str) -> None:
    """Wait until something answers there."""
    for _ in range(200):
        with contextlib.suppress(httpx.TransportError):
            httpx.get(address, trust_env=False)
            return
        time.sleep(0.05)
    raise RuntimeError(f"nothing answers at {address}")
