"""The running server process of a data folder: is it alive, start it, stop it, clear what a killed one left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from beamcat.database.cluster import Cluster, ServerFailed, environment

POLL_S = 0.02
FAST_STOP_S = 60.0
"""How long a fast shutdown (with its checkpoint) may take before the server is stopped at once."""
ORPHAN_S = 5.0
"""How long processes of a dead postmaster may take to obey before they are killed."""
LARGEST_LOG_BYTES = 16 * 2**20
TAIL_BYTES = 4096

TRANSIENT = ('lock file "postmaster.pid" already exists', "pre-existing shared memory block")
"""Starting again helps against these: something of a killed server is about to go."""


def running_postmaster(cluster: Cluster) -> int | None:
    """The process id of the postmaster that serves the data folder; None when there is none, or only a zombie."""
    lines = _pid_file(cluster)
    if not lines or not lines[0].isdigit():
        return None
    pid = int(lines[0])
    return pid if _works_in(pid, cluster.data) else None


def is_ready(cluster: Cluster) -> bool:
    """Whether the postmaster is alive and takes connections."""
    return running_postmaster(cluster) is not None and _status(cluster) == "ready"


def start(cluster: Cluster, deadline: float) -> subprocess.Popen[bytes] | None:
    """Start the server and wait until it takes connections; None when it runs already.

    `deadline` is on the monotonic clock; recovery after a crash may need minutes. Raises `ServerFailed` with the end
    of the server's log. The caller holds the lock that keeps others from starting it too.
    """
    process = None
    while not is_ready(cluster):
        if process is not None and process.poll() is not None:
            _assert_transient(cluster, process.returncode)
            process = None
        if process is None and running_postmaster(cluster) is None:
            _clear_remains(cluster)
            process = _spawn(cluster)
        if time.monotonic() > deadline:
            raise ServerFailed(
                f"PostgreSQL did not become ready in time; the end of {cluster.log}:\n{log_tail(cluster)}"
            )
        time.sleep(POLL_S)
    return process


def stop(cluster: Cluster) -> None:
    """Stop the server: connections are ended, everything is written. Returns when no process of it is left."""
    pid = running_postmaster(cluster)
    if pid is None:
        return
    for number, patience_s in ((signal.SIGINT, FAST_STOP_S), (signal.SIGQUIT, ORPHAN_S), (signal.SIGKILL, ORPHAN_S)):
        _signal(pid, number)
        if _wait_until_gone(cluster, pid, patience_s):
            break
    _clear_remains(cluster)


def log_tail(cluster: Cluster) -> str:
    """The last lines of the server's log."""
    if not cluster.log.exists():
        return ""
    with cluster.log.open("rb") as file:
        file.seek(max(0, cluster.log.stat().st_size - TAIL_BYTES))
        return file.read().decode(errors="replace")


def processes_of(data: Path) -> Iterator[int]:
    """The processes that work in the data folder: the postmaster and its children. Zombies do not count."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _works_in(int(entry.name), data):
            yield int(entry.name)


def _spawn(cluster: Cluster) -> subprocess.Popen[bytes]:
    if cluster.log.exists() and cluster.log.stat().st_size > LARGEST_LOG_BYTES:
        cluster.log.replace(cluster.log.with_suffix(".log.1"))
    with os.fdopen(os.open(cluster.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
        # A session of its own: Ctrl-C on the terminal reaches Beamcat, which then stops the server in order.
        return subprocess.Popen(  # noqa: S603
            cluster.command("postgres", "-D", str(cluster.data)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(),
            cwd=cluster.folder,
            start_new_session=True,
        )


def _assert_transient(cluster: Cluster, returncode: int) -> None:
    tail = log_tail(cluster)
    last_words = "\n".join(tail.splitlines()[-5:])
    if not any(words in last_words for words in TRANSIENT):
        raise ServerFailed(f"PostgreSQL ended with code {returncode}; the end of {cluster.log}:\n{tail}")


def _clear_remains(cluster: Cluster) -> None:
    """End what a killed postmaster left: children busy with a question, and a pid file that names a zombie.

    PostgreSQL's children notice the death of their parent only between two steps of work, and it takes a zombie
    for a living server.
    """
    deadline = time.monotonic() + ORPHAN_S
    while orphans := list(processes_of(cluster.data)):
        for pid in orphans:
            _signal(pid, signal.SIGQUIT if time.monotonic() < deadline else signal.SIGKILL)
        time.sleep(POLL_S)
    lines = _pid_file(cluster)
    if lines and lines[0].isdigit() and _is_zombie(int(lines[0])):
        (cluster.data / "postmaster.pid").unlink(missing_ok=True)


def _wait_until_gone(cluster: Cluster, pid: int, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while _works_in(pid, cluster.data):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def _pid_file(cluster: Cluster) -> list[str]:
    """The lines of postmaster.pid: process id, data folder, start, port, socket folder, address, memory, status."""
    try:
        return (cluster.data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _status(cluster: Cluster) -> str:
    lines = _pid_file(cluster)
    return lines[7].strip() if len(lines) > 7 else ""


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == folder
    except OSError:  # gone, a zombie, or somebody else's
        return False


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
