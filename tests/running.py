"""`beamcat serve` as a process of its own, for tests that start, kill and stop it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.prepared import prepare

PATIENCE_S = 90
NO_SEARCH = {"BEAMCAT_SEARCH__ENGINE": "none"}
NO_PORTAL = {"BEAMCAT_PORTAL__ENABLED": "false", "BEAMCAT_VIEWING__THUMBNAILS": "false"}


class Beamcat:
    """A running `beamcat serve`. `config` is the text of its settings file, `options` go on its command line.

    Without `search` and `portal` it has neither, and starts sooner. A new home gets an empty catalogue made before,
    unless this is about the `first_start`, or the settings name a database. Made again on the same home, it is what an
    administrator does after a crash.
    """

    def __init__(
        self,
        home: Path,
        *options: str,
        config: str,
        search: bool = False,
        portal: bool = False,
        first_start: bool = False,
    ) -> None:
        if not first_start and "[database]\nurl" not in config:
            prepare(home)
        self.home = home
        self.log = home.with_suffix(".log")
        file = home.with_suffix(".toml")
        file.write_text(config)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "beamcat", "serve", "--config", str(file), "--home", str(home), *options],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
                env={**os.environ, **({} if search else NO_SEARCH), **({} if portal else NO_PORTAL)},
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith("Beamcat is ready at "):
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            raise AssertionError(f"beamcat serve did not become ready: {line}\n{self.log.read_text()[-4000:]}")
        self.url = line.split()[-1]
        self.http = httpx.Client(base_url=self.url, timeout=60, trust_env=False)

    def workers(self) -> list[int]:
        """The process ids of the workers that live."""
        processes = (path for path in Path("/proc").iterdir() if path.name.isdecimal())
        return sorted(int(process.name) for process in processes if self._is_worker(process))

    def _is_worker(self, process: Path) -> bool:
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return b"beamcat.serve.worker" in command and str(self.process.pid).encode() in command

    def login(self, username: str, password: str) -> str:
        """The id of a new session."""
        wanted = {"plugin": "simple", "credentials": [{"username": username}, {"password": password}]}
        answer = self.http.post("/icat/session", data={"json": json.dumps(wanted)})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["sessionId"])

    def postmaster(self) -> int:
        """The process id of the embedded PostgreSQL."""
        return int((self.home / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0])

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal that ends it, and wait for that; its exit status."""
        self.http.close()
        self.process.send_signal(number)
        try:
            status = self.process.wait(PATIENCE_S)
        finally:
            assert self.process.stdout is not None
            self.process.stdout.close()
        return status


def eventually(what: Callable[[], Any]) -> Any:
    """What `what` returns once that is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not (result := what()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return result


def is_gone(pid: int) -> bool:
    """Whether there is no such process any more. A zombie is gone."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True
