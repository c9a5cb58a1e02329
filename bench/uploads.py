"""Uploads, against nginx that stores a body by WebDAV, and a plain handler in the same server that writes and syncs.

Beamcat computes CRC-32, Adler-32 and SHA-256 on the way and catalogues the file; the others only write. Seconds of CPU
are those of all processes of the server, PostgreSQL's with them.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from bench.catalogue import PORT
from bench.download_site import GIB, Site, cpu_s, running, setting, wait_for
from bench.report import line

SIZE = setting("UPLOAD_BYTES", GIB, 64 << 20)
SMALL = setting("UPLOAD_FILES", 200, 20)
SMALL_SIZE = 100 * 1024
ROUNDS = 3
NGINX_PORT, PLAIN_PORT = PORT + 1, PORT + 2
NGINX = """
load_module modules/ngx_http_dav_module.so;
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; client_max_body_size 0;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; root {folder}; location / {{ dav_methods PUT; }} }}
}}
"""


def uploads() -> None:
    """Gibibytes per second and CPU seconds per gibibyte of one large file; milliseconds of a small one."""
    with TemporaryDirectory(dir=os.environ.get("BENCH_SCRATCH")) as scratch:
        folder = Path(scratch)
        large, small = folder / "large", folder / "small"
        block = os.urandom(1 << 20)
        with large.open("wb") as out:
            for _ in range(SIZE >> 20):
                out.write(block)
        small.write_bytes(block[:SMALL_SIZE])
        with running(folder / "home") as site:
            ours = _Ours(site)
            measured = {
                "put": _measured(lambda: ours.put(large), site.process),
                "tus": _measured(lambda: ours.tus(large), site.process),
            }
            small_ms = {
                "put": _milliseconds(lambda: ours.put(small)),
                "tus": _milliseconds(lambda: ours.tus(small)),
            }
        peers = {"nginx": _nginx, "plain handler": _plain}
        for peer, start in peers.items():
            with start(folder / peer.replace(" ", "-")) as process:
                if process is None:
                    continue
                port = NGINX_PORT if start is _nginx else PLAIN_PORT
                theirs = _measured(lambda port=port: _curl_put(f"http://127.0.0.1:{port}/file", large), process)
                theirs_ms = _milliseconds(lambda port=port: _curl_put(f"http://127.0.0.1:{port}/small", small))
            for way, taken in measured.items():
                line(f"upload {way}", SIZE / GIB / taken.seconds, "GiB/s", peer, SIZE / GIB / theirs.seconds)
                cpu, their_cpu = taken.cpu * GIB / SIZE * 1000, theirs.cpu * GIB / SIZE * 1000
                line(f"upload {way}, CPU per GiB", cpu, "ms", peer, max(their_cpu, 1.0))
                line(f"upload {way} of 100 KiB", small_ms[way], "ms", peer, theirs_ms)


class _Ours:
    """Files for one dataset, each under a name of its own."""

    def __init__(self, site: Site) -> None:
        facility = {"name": "uploads", "investigation": site.investigation, "type": site.dataset_type}
        self._site = site
        self._dataset = site.write({"Dataset": facility})
        self._format = site.write({"DatafileFormat": {"name": "F", "version": "1", "facility": {"id": 1}}})
        self._files = 0

    def put(self, file: Path) -> None:
        """By the call of the data service."""
        self._files += 1
        query = f"datasetId={self._dataset}&datafileFormatId={self._format}&name=f{self._files}"
        _curl_put(f"{self._site.url}/ids/put?{query}&sessionId={self._site.session}", file)

    def tus(self, file: Path) -> None:
        """By tus: begun and finished in one request."""
        self._files += 1
        said = {"name": f"f{self._files}", "datasetId": str(self._dataset)}
        metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in said.items())
        headers = {
            "Authorization": f"Bearer {self._site.session}",
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(file.stat().st_size),
            "Upload-Metadata": metadata,
            "Content-Type": "application/offset+octet-stream",
        }
        _curl_put(f"{self._site.url}/uploads", file, "-X", "POST", *_headers(headers))


def _headers(headers: dict[str, str]) -> list[str]:
    return [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]


def _curl_put(address: str, file: Path, *more: str) -> None:
    command = ["curl", "-sSf", "-o", os.devnull, "-H", "Expect:", *more, "-T", str(file), address]
    subprocess.run(command, check=True)


@dataclass(frozen=True, slots=True)
class Taken:
    """The best of some rounds, in seconds."""

    seconds: float
    cpu: float


def _measured(send: Callable[[], None], process: int) -> Taken:
    rounds = []
    for _ in range(ROUNDS):
        cpu, started = cpu_s(process), perf_counter()
        send()
        rounds.append(Taken(perf_counter() - started, cpu_s(process) - cpu))
    return Taken(min(each.seconds for each in rounds), min(each.cpu for each in rounds))


def _milliseconds(send: Callable[[], None]) -> float:
    """The median, with the start of curl that is in all of them."""
    taken = []
    for _ in range(SMALL):
        started = perf_counter()
        send()
        taken.append((perf_counter() - started) * 1000)
    return sorted(taken)[len(taken) // 2]


@contextlib.contextmanager
def _nginx(folder: Path) -> Iterator[int | None]:
    """A running nginx that stores what is sent; None where it is not installed."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(program).exists():
        print("nginx is not installed: no comparison with it", flush=True)
        yield None
        return
    folder.mkdir()
    folder.chmod(0o777)  # as root, nginx stores as another user
    config = folder / "nginx.conf"
    text = NGINX.format(folder=folder, port=NGINX_PORT)
    built_in = "http_dav_module" in subprocess.run([program, "-V"], capture_output=True, text=True, check=True).stderr
    config.write_text(text.partition(";")[2] if built_in else text)
    process = subprocess.Popen([program, "-p", str(folder), "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{NGINX_PORT}/nginx.conf")
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def _plain(folder: Path) -> Iterator[int | None]:
    folder.mkdir()
    environment = {**os.environ, "PEER_FOLDER": str(folder)}
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(PLAIN_PORT), "--no-log"]
    process = subprocess.Popen([*command, "bench.upload_peer:app"], env=environment)
    try:
        wait_for(f"http://127.0.0.1:{PLAIN_PORT}/nothing")
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)
