"""Sends SIGKILL to processes of a running Beamcat, and looks for those that stay behind."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from tests.running import Beamcat

VICTIM_WITHIN_S = 60.0
"""How long to look for a victim: it may be dead already, and about to come back."""
BUSY_WITHIN_S = 0.5
"""How long to look for a backend at work, before an idle one will do."""

AT_REST = ("idle", "startup", "authentication")
"""What a backend's title ends with while it does nothing for anybody."""

KINDS = ("worker", "postmaster", "backend", "auxiliary", "parent", "everything")
"""`parent` leaves PostgreSQL behind; `everything` is as if the machine had stopped, its disks apart."""
ENDS_THE_SERVER = ("parent", "everything")

AUXILIARIES = ("checkpointer", "background writer", "walwriter", "autovacuum launcher")


def kill(beamcat: Beamcat, kind: str, chance: random.Random) -> str:
    """Kill something of that kind; what it was. Raises `AssertionError` when there is none for too long."""
    deadline = time.monotonic() + VICTIM_WITHIN_S
    begun = time.monotonic()
    while True:
        victims = _victims(beamcat, kind, idle_too=time.monotonic() - begun > BUSY_WITHIN_S)
        if kind != "everything":
            victims = chance.sample(victims, min(len(victims), 1))
        killed = [title for pid, title in victims if _kill(pid)]
        if killed:
            return killed[0] if len(killed) == 1 else f"all {len(killed)} processes"
        assert time.monotonic() < deadline, f"no {kind} to kill for {VICTIM_WITHIN_S} s"
        time.sleep(0.002)


def processes_of(home: Path, parents: set[int]) -> dict[int, str]:
    """All processes that belong to the home, zombies apart: `parents`, their workers, PostgreSQL; with their titles."""
    return {pid: title for pid, title in _processes() if pid in parents or _belongs_to(pid, home)}


def _victims(beamcat: Beamcat, kind: str, *, idle_too: bool) -> list[tuple[int, str]]:
    match kind:
        case "worker":
            return [(pid, "a worker") for pid in beamcat.workers()]
        case "parent":
            return [(beamcat.process.pid, "the parent")]
        case "everything":
            return list(processes_of(beamcat.home, {beamcat.process.pid}).items())
    data = beamcat.home / "postgres" / "data"
    of_postgres = [(pid, title) for pid, title in _processes() if _cwd(pid) == data]
    match kind:
        case "postmaster":
            return [(pid, "the postmaster") for pid, title in of_postgres if "-D" in title.split()]
        case "auxiliary":
            return [(p, title) for p, title in of_postgres if title.removeprefix("postgres: ").startswith(AUXILIARIES)]
        case "backend":
            backends = [(p, title) for p, title in of_postgres if title.startswith("postgres: beamcat ")]
            return backends if idle_too else [(p, title) for p, title in backends if not title.endswith(AT_REST)]
    raise ValueError(kind)


def _processes() -> Iterator[tuple[int, str]]:
    """Process ids and command lines; PostgreSQL's processes say there what they do. Without zombies."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                title = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                if title:
                    yield int(entry.name), title


def _belongs_to(pid: int, home: Path) -> bool:
    """Workers know the home from their environment, PostgreSQL's processes work in it."""
    cwd = _cwd(pid)
    if cwd is not None and cwd.is_relative_to(home / "postgres"):
        return True
    try:
        return os.fsencode(home / "run" / "metrics") in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


def _cwd(pid: int) -> Path | None:
    try:
        return Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return None


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
