"""The example facility dumped, wiped and ingested again, as an administrator does it with python-icat's own commands.

`python -m tests.conformance.demo_round_trip` does so with the whole facility, says how long each command takes, and
ends with 1 when a dump differs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path

from beamcat.demo.load import load_demo
from beamcat.demo.settings import PASSWORD
from tests.running import Beamcat

FORMATS = ("XML", "YAML")
WRITTEN_AT = re.compile(rb"# Date: .*|\s*<date>.*</date>")
"""The line of a dump that says when it was written, in YAML and in XML: nothing else may differ."""
LONGEST_S = 7200

SETTINGS = f"""
[catalogue]
root_user_names = ["simple/root"]

[authenticator.simple]
kind = "simple"
users = {{ root = "{PASSWORD}" }}

[database]
embedded_shared_buffers = "256MB"
"""


class Tools:
    """python-icat's commands, set up for the administrator of one server. `folder` is for files of their own."""

    def __init__(self, url: str, folder: Path) -> None:
        self._config = folder / "icat.cfg"
        self._config.write_text(
            f"[root]\nurl = {url}/ICATService/ICAT?wsdl\nauth = simple\nusername = root\npassword = {PASSWORD}\n"
        )
        self._config.chmod(0o600)
        # the client keeps descriptions of servers among its temporary files
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("ICAT_")}
        self._environment["TMPDIR"] = str(folder)

    def run(self, command: str, *options: str) -> float:
        """Run `icatdump`, `icatingest` or `wipeicat`; the seconds it took. What it complains about is an error."""
        program = [sys.executable, str(Path(sys.executable).with_name(f"{command}.py"))]
        started = time.perf_counter()
        done = subprocess.run(
            [*program, "-c", str(self._config), "-s", "root", *options],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
        assert done.returncode == 0, f"{command} {done.stderr[-4000:]}"
        assert not re.search("WARNING|ERROR", done.stderr), f"{command} {done.stderr[-4000:]}"
        return time.perf_counter() - started

    def dump(self, form: str, file: Path) -> float:
        """Write a dump; the seconds it took."""
        return self.run("icatdump", "--format", form, "--outputfile", str(file))

    def ingest(self, form: str, file: Path) -> float:
        """Read a dump; the seconds it took."""
        return self.run("icatingest", "--format", form, "--inputfile", str(file))

    def wipe(self) -> float:
        """Delete everything; the seconds it took."""
        return self.run("wipeicat")


@contextmanager
def demo_server(folder: Path, scale: float, instruments: Collection[str] | None = None) -> Iterator[Beamcat]:
    """A server with the example facility, or a part of it. It has to stop cleanly."""
    beamcat = Beamcat(folder / "home", "--port", "0", config=SETTINGS)
    try:
        asyncio.run(load_demo(beamcat.url, folder / "home", scale=scale, instruments=instruments))
        yield beamcat
    finally:
        assert beamcat.stop() == 0


def differences(one: Path, other: Path) -> list[tuple[bytes, bytes]]:
    """The lines in which two dumps differ, the moment of their writing left out."""
    with one.open("rb") as first, other.open("rb") as second:
        return [
            (was, now)
            for was, now in zip_longest(first, second, fillvalue=b"")
            if was != now and not (WRITTEN_AT.match(was) and WRITTEN_AT.match(now))
        ]


def main() -> int:
    """Dump, wipe, ingest and dump again; 1 when something differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="below 1 for a smaller facility")
    parser.add_argument("--format", choices=FORMATS, action="append", dest="formats", help="one only, not both")
    parser.add_argument("--folder", type=Path, help="an empty folder to keep everything in")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder: Path = arguments.folder or Path(temporary)
        with demo_server(folder, arguments.scale) as beamcat:
            return _round_trips(Tools(beamcat.url, folder), folder, arguments.formats or FORMATS)


def _round_trips(tools: Tools, folder: Path, forms: Sequence[str]) -> int:
    wrong = 0
    for form in forms:
        before, after = folder / f"before.{form.lower()}", folder / f"after.{form.lower()}"
        print(f"{form}: dumped in {tools.dump(form, before):.0f} s", end="", flush=True)
        print(f" ({before.stat().st_size / 1e6:.1f} MB), wiped in {tools.wipe():.0f} s", end="", flush=True)
        print(f", ingested in {tools.ingest(form, before):.0f} s", end="", flush=True)
        print(f", dumped again in {tools.dump(form, after):.0f} s", end="", flush=True)
        found = differences(before, after)
        print(f": {len(found)} lines differ" if found else ": the same, byte by byte", flush=True)
        for was, now in found[:10]:
            print(f"  {was!r}\n  {now!r}")
        wrong += len(found)
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
