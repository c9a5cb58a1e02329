"""Downloads of archives, against nginx that sends one file of the same size and zipstream-ng in the same server.

Files lie in the page cache: what is measured is the way from there to the client. Seconds of CPU are those of
all processes of the server.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import httpx
import orjson
from zlib_ng.zlib_ng import crc32

from bench.catalogue import PORT
from bench.report import line

GIB = 1 << 30
LARGE = (4, GIB)
SMALL = (10_000, 100 * 1024)
PREPARED = (10, 10_000)
ROUNDS = 3
NGINX_PORT, ZIPSTREAM_PORT = PORT + 1, PORT + 2
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
NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ }}
http {{
  access_log off; sendfile on; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
"""


def downloads() -> None:
    """Gibibytes per second and CPU seconds per gibibyte of two archives; how long it takes to prepare many files."""
    with TemporaryDirectory(dir=os.environ.get("BENCH_SCRATCH")) as scratch:
        folder = Path(scratch)
        with _beamcat(folder / "home") as client:
            for name, (count, size) in (("4 x 1 GiB", LARGE), ("10 000 x 100 KiB", SMALL)):
                _compare(name, client, folder, client.add(name.replace(" ", ""), count, size))
            for count in PREPARED:
                _prepare(client, count)


@dataclass(frozen=True, slots=True)
class Set:
    """Files of a dataset: where they lie, and the dataset."""

    folder: Path
    dataset: int
    size: int


class Client:
    """Signed in as administrator of a facility that has nothing yet."""

    def __init__(self, url: str, home: Path, process: int) -> None:
        self.url, self.home, self.process = url, home, process
        self.http = httpx.Client(base_url=url, timeout=600, trust_env=False)
        login = '{"plugin":"simple","credentials":[{"username":"root"},{"password":"bench"}]}'
        self.session = self.http.post("/icat/session", data={"json": login}).json()["sessionId"]
        facility = {"id": self.write({"Facility": {"name": "F"}})}
        self.dataset_type = {"id": self.write({"DatasetType": {"name": "T", "facility": facility}})}
        kind = {"id": self.write({"InvestigationType": {"name": "T", "facility": facility}})}
        visit = {"name": "I", "visitId": "1", "title": "t", "facility": facility, "type": kind}
        self.investigation = {"id": self.write({"Investigation": visit})}

    def write(self, entities: object) -> int:
        """The id of the first object that is created."""
        data = {"sessionId": self.session, "entities": orjson.dumps(entities).decode()}
        answer = self.http.post("/icat/entityManager", data=data)
        answer.raise_for_status()
        return int(answer.json()[0])

    def add(self, name: str, count: int, size: int) -> Set:
        """A dataset of so many files of that size; they share their bytes in parts, as compressible data do not."""
        dataset = {"name": name, "investigation": self.investigation, "type": self.dataset_type}
        identifier = self.write({"Dataset": dataset})
        folder = self.home / "data" / name
        folder.mkdir(parents=True)
        block = os.urandom(min(size, 1 << 20))
        checksum = 0
        for _ in range(max(1, size // len(block))):
            checksum = crc32(block, checksum)
        files = []
        for number in range(count):
            path = folder / f"{number:06}"
            with path.open("wb") as out:
                for _ in range(max(1, size // len(block))):
                    out.write(block)
            files.append(self._datafile(path, identifier, checksum))
        for first in range(0, count, 1000):
            self.write(files[first : first + 1000])
        return Set(folder, identifier, count * size)

    def _datafile(self, path: Path, dataset: int, checksum: int) -> dict[str, object]:
        location = str(path.relative_to(self.home / "data"))
        members = {"name": path.name, "location": location, "fileSize": path.stat().st_size}
        return {"Datafile": {**members, "checksum": f"{checksum:x}", "dataset": {"id": dataset}}}

    def prepare(self, dataset: int) -> str:
        """The id of a prepared download."""
        return self.http.post("/ids/prepareData", data={"sessionId": self.session, "datasetIds": str(dataset)}).text


@contextlib.contextmanager
def _beamcat(home: Path) -> Iterator[Client]:
    home.mkdir()
    config = home.with_suffix(".toml")
    config.write_text(CONFIG)
    command = [sys.executable, "-m", "beamcat", "serve", "--config", str(config), "--home", str(home)]
    process = subprocess.Popen([*command, "--port", str(PORT)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield Client(f"http://127.0.0.1:{PORT}", home, process.pid)
    finally:
        process.terminate()
        process.wait(60)


def _compare(name: str, client: Client, scratch: Path, files: Set) -> None:
    gibibytes = files.size / GIB
    prepared = client.prepare(files.dataset)
    address = f"{client.url}/ids/getData?preparedId={prepared}"
    ours = _measured(lambda: _fetch(address), client.process)
    single = scratch / "www" / "single"
    single.parent.mkdir(exist_ok=True)
    with single.open("wb") as out:
        for path in sorted(files.folder.iterdir()):
            with path.open("rb") as part:
                shutil.copyfileobj(part, out, 1 << 22)
    with _nginx(single.parent) as nginx:
        if nginx is not None:
            theirs = _measured(lambda: _fetch(f"http://127.0.0.1:{NGINX_PORT}/single"), nginx)
            line(f"download {name}", gibibytes / ours.seconds, "GiB/s", "nginx, one file", gibibytes / theirs.seconds)
    single.unlink()
    with _zipstream(files.folder) as process:
        theirs = _measured(lambda: _fetch(f"http://127.0.0.1:{ZIPSTREAM_PORT}/"), process)
    line(f"download {name}", gibibytes / ours.seconds, "GiB/s", "zipstream-ng", gibibytes / theirs.seconds)
    ours_cpu, theirs_cpu = ours.cpu / gibibytes * 1000, theirs.cpu / gibibytes * 1000
    line(f"download {name}, CPU per GiB", ours_cpu, "ms", "zipstream-ng", theirs_cpu)


def _prepare(client: Client, count: int) -> None:
    files = client.add(f"many{count}", count, 1)
    started = perf_counter()
    prepared = client.prepare(files.dataset)
    prepared_ms = (perf_counter() - started) * 1000
    started = perf_counter()
    with client.http.stream("GET", "/ids/getData", params={"preparedId": prepared}) as answer:
        next(answer.iter_bytes())
        first_ms = (perf_counter() - started) * 1000
    started = perf_counter()
    headers = {"Range": "bytes=1000-1000"}
    client.http.get("/ids/getData", params={"preparedId": prepared}, headers=headers).raise_for_status()
    resumed_ms = (perf_counter() - started) * 1000
    print(
        f"prepare {count:,} files: {prepared_ms:.1f} ms, first byte after {first_ms:.1f} ms,"
        f" a byte in the middle after {resumed_ms:.1f} ms",
        flush=True,
    )


@dataclass(frozen=True, slots=True)
class Taken:
    """The best of some rounds, in seconds."""

    seconds: float
    cpu: float


def _measured(fetch: Callable[[], None], process: int) -> Taken:
    fetch()
    rounds = []
    for _ in range(ROUNDS):
        cpu, started = _cpu(process), perf_counter()
        fetch()
        rounds.append(Taken(perf_counter() - started, _cpu(process) - cpu))
    return Taken(min(each.seconds for each in rounds), min(each.cpu for each in rounds))


def _fetch(address: str) -> None:
    subprocess.run(["curl", "-sfo", "/dev/null", address], check=True)


def _cpu(process: int) -> float:
    """Seconds of CPU of a process and all those below it."""
    total, waiting = 0.0, [process]
    ticks = os.sysconf("SC_CLK_TCK")
    while waiting:
        number = waiting.pop()
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / ticks
            waiting += map(int, Path(f"/proc/{number}/task/{number}/children").read_text().split())
    return total


@contextlib.contextmanager
def _nginx(folder: Path) -> Iterator[int | None]:
    """A running nginx on the folder; None where it is not installed."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(program).exists():
        print("nginx is not installed: no comparison with it", flush=True)
        yield None
        return
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=NGINX_PORT))
    process = subprocess.Popen([program, "-p", str(folder), "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        _wait(f"http://127.0.0.1:{NGINX_PORT}/nginx.conf")
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def _zipstream(folder: Path) -> Iterator[int]:
    environment = {**os.environ, "PEER_FOLDER": str(folder)}
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(ZIPSTREAM_PORT), "--no-log"]
    process = subprocess.Popen([*command, "bench.zipstream_peer:app"], env=environment)
    try:
        _wait(f"http://127.0.0.1:{ZIPSTREAM_PORT}/nothing")
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def _wait(address: str) -> None:
    for _ in range(200):
        with contextlib.suppress(httpx.TransportError):
            httpx.get(address, trust_env=False)
            return
        time.sleep(0.05)
    raise RuntimeError(f"nothing answers at {address}")
