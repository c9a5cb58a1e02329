"""The tape library of the example facility: a folder, and the time that a robot takes.

Beamcat runs it as it would run the commands of a facility's own tape system: they are an archive storage of the kind
`commands`. It imports nothing of Beamcat, so that each command starts at once.

The library has one drive. Mounting takes a while, after which one unit after another is read; what is asked for while
it works comes after that.

    python tape.py FOLDER SECONDS put UNIT FILE
    python tape.py FOLDER SECONDS request|ready|release|delete LIST
    python tape.py FOLDER SECONDS read UNIT FILE
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import time
from pathlib import Path

DONE, WRONG_USE, NO_SUCH_UNIT, NOT_YET = 0, 64, 66, 75
"""Exit codes, as in sysexits.h."""
EACH = 0.2
"""Of the time for mounting, what a unit takes to be read."""


class Library:
    """The library in a folder; mounting a tape takes so many seconds."""

    def __init__(self, folder: Path, mount_s: float) -> None:
        self._units, self._recalled, self._drive = folder / "units", folder / "recalled", folder / "drive"
        self._mount_s = mount_s
        for each in (self._units, self._recalled):
            each.mkdir(parents=True, exist_ok=True)

    def put(self, unit: str, file: Path) -> int:
        """Write a unit; 0 when it is safe."""
        _place(self._units / unit, file)
        (self._recalled / unit).unlink(missing_ok=True)
        return DONE

    def request(self, units: list[str]) -> int:
        """Have units read, in that order."""
        with self._drive.open("a+") as drive:
            fcntl.flock(drive, fcntl.LOCK_EX)
            drive.seek(0)
            free_at = float(drive.read() or 0)
            for unit in units:
                if (self._units / unit).exists() and not (self._recalled / unit).exists():
                    free_at = max(free_at, time.time() + self._mount_s) + EACH * self._mount_s
                    _write(self._recalled / unit, str(free_at))
            drive.truncate(0)
            drive.write(str(free_at))
        return DONE

    def ready(self, units: list[str]) -> int:
        """Say how far each unit is, in lines of unit, tab, state, tab, seconds."""
        for unit in units:
            left_s = self._left_s(unit)
            if not (self._units / unit).exists():
                print(f"{unit}\tlost\tit is on no tape")
            elif left_s is None:
                print(f"{unit}\twaiting")
            else:
                print(f"{unit}\twaiting\t{left_s:.1f}" if left_s > 0 else f"{unit}\tready")
        return DONE

    def read(self, unit: str, file: Path) -> int:
        """Write what was read to a file."""
        source, left_s = self._units / unit, self._left_s(unit)
        if not source.exists():
            return NO_SUCH_UNIT
        if left_s is None or left_s > 0:
            return NOT_YET
        shutil.copyfile(source, file)
        return DONE

    def release(self, units: list[str]) -> int:
        """Forget what was read."""
        for unit in units:
            (self._recalled / unit).unlink(missing_ok=True)
        return DONE

    def delete(self, units: list[str]) -> int:
        """Remove units."""
        for unit in units:
            (self._recalled / unit).unlink(missing_ok=True)
            (self._units / unit).unlink(missing_ok=True)
        return DONE

    def _left_s(self, unit: str) -> float | None:
        try:
            return float((self._recalled / unit).read_text()) - time.time()
        except FileNotFoundError:
            return None


def main(arguments: list[str]) -> int:
    """Run one command; its exit code."""
    match arguments:
        case [folder, seconds, "put" | "read" as command, unit, file]:
            library = Library(Path(folder), float(seconds))
            return library.put(unit, Path(file)) if command == "put" else library.read(unit, Path(file))
        case [folder, seconds, "request" | "ready" | "release" | "delete" as command, listed]:
            library = Library(Path(folder), float(seconds))
            work = {
                "request": library.request,
                "ready": library.ready,
                "release": library.release,
                "delete": library.delete,
            }
            return work[command](Path(listed).read_text(encoding="utf-8").splitlines())
        case _:
            print(__doc__, file=sys.stderr)
            return WRONG_USE


def _place(target: Path, source: Path) -> None:
    """Copy a file: complete and on disk under its name, or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copyfile(source, unfinished)
    with unfinished.open("rb") as copied:
        os.fsync(copied.fileno())
    unfinished.replace(target)


def _write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    unfinished.write_text(text)
    unfinished.replace(target)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
