"""Where the folders of a test run are: in memory, where there is enough of it.

Every test has a database of a thousand files. On a disk's file system, making and removing them takes more than the
tests themselves: ext4 gives no inode out again for five seconds after it was freed, and looks through all of these for
each new file.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

MEMORY = Path("/dev/shm")
ENOUGH_BYTES = 6 * 2**30
"""A whole run holds some two gigabytes at a time."""
PREFIX = "beamcat-tests-"


def folder_of_this_run() -> Path | None:
    """A folder of its own for the run of this process, not made yet; None where memory holds too little."""
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ENOUGH_BYTES:
        return None
    _tidy()
    return MEMORY / f"{PREFIX}{os.getpid()}"


def _tidy() -> None:
    """Remove what runs have left that were killed."""
    for folder in MEMORY.glob(f"{PREFIX}*"):
        process = folder.name.removeprefix(PREFIX)
        if process.isdecimal() and not Path("/proc", process).exists():
            shutil.rmtree(folder, ignore_errors=True)
