"""Downloads of archives, against nginx that sends one file of the same size, and against others in the same server.

Files lie in the page cache: what is measured is the way from there to the client. Seconds of CPU are those of
all processes of the server.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from bench.catalogue import PORT
from bench.download_site import GIB, Set, Site, cpu_s, running, setting, wait_for
from bench.report import line

LARGE_MIB = setting("LARGE_MIB", 1024, 128)
SMALL_FILES = setting("SMALL_FILES", 10_000, 1_000)
SMALL_KIB = 100
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
"""The least CPU time that can be told from none."""
ROUNDS = setting("ROUNDS", 5, 2)
NGINX_PORT, PEER_PORT = PORT + 1, PORT + 2
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
    """Gibibytes per second and CPU seconds per gibibyte of two archives."""
    with TemporaryDirectory(dir=os.environ.get("BENCH_SCRATCH")) as scratch:
        folder = Path(scratch)
        with running(folder / "home") as site:
            _compare(f"4 x {LARGE_MIB} MiB", site, folder, site.add("large", 4, LARGE_MIB << 20))
            name = f"{SMALL_FILES:,} x {SMALL_KIB} KiB".replace(",", " ")
            _compare(name, site, folder, site.add("small", SMALL_FILES, SMALL_KIB << 10))


@dataclass(frozen=True, slots=True)
class Taken:
    """The best of some rounds, in seconds."""

    seconds: float
    cpu: float


def _compare(name: str, site: Site, scratch: Path, files: Set) -> None:
    gibibytes = files.size / GIB
    address = site.address(site.prepare(files.dataset))
    single = scratch / "www" / "single"
    single.parent.mkdir(exist_ok=True)
    with single.open("wb") as out:
        for path in sorted(files.folder.iterdir()):
            with path.open("rb") as part:
                shutil.copyfileobj(part, out, 1 << 22)
    with _nginx(single.parent) as nginx, _peer(files.folder) as peer:
        ways: dict[str, tuple[str, int | None]] = {
            "beamcat": (address, site.process),
            "nginx, one file": (f"http://127.0.0.1:{NGINX_PORT}/single", nginx),
            "zipstream-ng": (f"http://127.0.0.1:{PEER_PORT}/", peer),
            "raw bytes, same server": (f"http://127.0.0.1:{PEER_PORT}/raw", peer),
        }
        taken = _measured({way: (at, process) for way, (at, process) in ways.items() if process is not None})
    single.unlink()
    ours = taken.pop("beamcat")
    for way, theirs in taken.items():
        line(f"download {name}", gibibytes / ours.seconds, "GiB/s", way, gibibytes / theirs.seconds)
    for way, theirs in taken.items():
        ours_ms, theirs_ms = ours.cpu / gibibytes * 1000, theirs.cpu / gibibytes * 1000
        line(f"download {name}, CPU per GiB", ours_ms, "ms", way, theirs_ms)


def _measured(ways: dict[str, tuple[str, int]]) -> dict[str, Taken]:
    """The best of each way; they take turns, so that whatever else the machine does slows all of them."""
    rounds: dict[str, list[Taken]] = {way: [] for way in ways}
    for number in range(ROUNDS + 1):
        for way, (address, process) in ways.items():
            cpu, started = cpu_s(process), perf_counter()
            _fetch(address)
            taken = Taken(perf_counter() - started, max(cpu_s(process) - cpu, TICK_S))
            if number:  # the first is to warm up
                rounds[way].append(taken)
    return {
        way: Taken(min(each.seconds for each in some), min(each.cpu for each in some)) for way, some in rounds.items()
    }


def _fetch(address: str) -> None:
    subprocess.run(["curl", "-sfo", "/dev/null", address], check=True)


@contextlib.contextmanager
def _nginx(folder: Path) -> Iterator[int | None]:
    """A running nginx on the folder; None where it is not installed."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(program).exists():
        print("nginx is not installed, so there is no comparison with it: apt-get install nginx-light", flush=True)
        yield None
        return
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=NGINX_PORT))
    process = subprocess.Popen([program, "-p", str(folder), "-c", str(config)], stderr=subprocess.DEVNULL)
    with _stopped(process):
        wait_for(f"http://127.0.0.1:{NGINX_PORT}/nginx.conf")
        yield process.pid


@contextlib.contextmanager
def _peer(folder: Path) -> Iterator[int]:
    environment = {**os.environ, "PEER_FOLDER": str(folder)}
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(PEER_PORT), "--no-log"]
    process = subprocess.Popen([*command, "bench.zipstream_peer:app"], env=environment)
    with _stopped(process):
        wait_for(f"http://127.0.0.1:{PEER_PORT}/nothing")
        yield process.pid


@contextlib.contextmanager
def _stopped(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)
