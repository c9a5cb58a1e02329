"""The test suite of python-icat 1.7.0: fetched, prepared, and run unmodified against a running Beamcat."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path
from xml.etree import ElementTree

from tests.alone import alone

VERSION = "1.7.0"
SECTIONS = {
    "simple": {"root": "root", "useroffice": "useroffice", "ingest": "dataingest", "idsreader": "idsreader"},
    "db": {name: name for name in ("acord", "ahau", "jbotu", "jdoe", "nbour", "rbeck")},
}
"""Authenticator -> section of the client's configuration -> user."""
LONGEST_S = 900
WITHOUT_PLUGINS = ("cacheprovider", "asyncio", "timeout", "xdist", "hypothesispytest", "schemathesis")
"""Plugins of this project that the suite knows nothing of."""


def fetch(cache: Path) -> Path:
    """The source distribution, from the package index or from the cache."""
    cache.mkdir(parents=True, exist_ok=True)
    archive = cache / f"python_icat-{VERSION}.tar.gz"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
    with alone(cache):
        if not archive.exists():
            _run([*command, "--dest", str(cache), f"python-icat=={VERSION}"], cache)
    return archive


def prepare(archive: Path, folder: Path, url: str) -> Path:
    """Unpack the distribution, build the data of its tests, and point them at the server; the folder of its tests."""
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    root = folder / f"python-icat-{VERSION}"
    _run([sys.executable, "setup.py", "--quiet", "build", "build_test"], root)
    sections = (
        f"[{section}]\nurl = {url}/ICATService/ICAT?wsdl\nidsurl = {url}/ids\n"
        f"auth = {auth}\nusername = {user}\npassword = secret\n"
        for auth, users in SECTIONS.items()
        for section, user in users.items()
    )
    (root / "tests" / "data" / "icat.cfg").write_text("\n".join(sections))
    return root / "tests"


def run(tests: Path, scratch: Path) -> dict[str, str]:
    """The outcome of every test, by its name such as `test_06_query::test_query_limit`."""
    report = scratch / "report.xml"
    command = [sys.executable, "-m", "pytest", "--quiet", "--tb=short", f"--junit-xml={report}", str(tests)]
    for plugin in WITHOUT_PLUGINS:
        command += ["-p", f"no:{plugin}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ICAT_", "PYTEST_"))}
    # the client keeps descriptions of servers among its temporary files
    environment["TMPDIR"] = str(scratch)
    with (scratch / "suite.log").open("w") as log:
        subprocess.run(
            command, cwd=tests.parent, env=environment, stdout=log, stderr=log, timeout=LONGEST_S, check=False
        )
    return outcomes(report)


def outcomes(report: Path) -> dict[str, str]:
    """What a report in JUnit's form says of each test: passed, failed or skipped."""
    found: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname', '').rpartition('.')[2]}::{case.get('name')}"
        kinds = {child.tag for child in case}
        outcome = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        if found.get(name, "passed") == "passed":
            found[name] = outcome
    return found


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
