"""Work that one process of a test run does, and the others wait for: packages that several test files need."""

from __future__ import annotations

import fcntl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Until the end of the block no other process is in such a block for this folder."""
    name = sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    with (Path(tempfile.gettempdir()) / f"beamcat-tests-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install_from_npm(folder: Path, package: str) -> None:
    """The packages of the folder's lock file, unless `package` is there."""
    with alone(folder):
        if not (folder / "node_modules" / package).is_dir():
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True)
