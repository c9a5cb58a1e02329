"""Homes with an empty catalogue in them: made once in a test run, and copied for each server that wants one.

Making a cluster and its tables takes two seconds of a core, a copy takes a tenth of one.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

from beamcat.config import DatabaseSettings
from beamcat.database.embedded import EmbeddedPostgres
from beamcat.database.schema import initialise

VARIABLE = "BEAMCAT_TESTS_PREPARED"
"""Names the folder that all processes of a run share. Without it every server makes what it needs."""


def prepare(home: Path) -> None:
    """Put the files of an embedded PostgreSQL with an empty catalogue into a home that has none."""
    shared = os.environ.get(VARIABLE)
    if shared is None or (home / "postgres").exists():
        return
    home.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "--archive", str(_prepared(Path(shared)) / "postgres"), str(home / "postgres")], check=True)


def _prepared(folder: Path) -> Path:
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = folder.with_suffix(".unfinished")
            settings = DatabaseSettings()
            with EmbeddedPostgres(unfinished, settings, options={"fsync": "off"}) as server:
                initialise(server.url, settings)
            unfinished.rename(folder)
    return folder
