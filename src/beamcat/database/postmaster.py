"""The running server process of a data folder: is it alive, start it, stop it, clear what a killed one left behind."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from psycopg import pq
from psycopg.conninfo import make_conninfo

from beamcat.database.cluster import PORT, SUPERUSER, Cluster, ServerFailed, environment

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
    return running_postmaster(cluster) is not None and _status(cluster) == "ready" and _takes_connections(cluster)


def start(cluster: Cluster, deadline: float) -> int | None:
    """Start the server, wait until it takes connections, return its process id; None when it runs already.

    `deadline` is on the monotonic clock; recovery after a crash may need minutes. Raises `ServerFailed` with the end
    of the server's log. The caller holds the lock that keeps others from starting it too.
    """
    child = None
    while not is_ready(cluster):
        if child is not None and (code := exit_code(child)) is not None:
            _assert_transient(cluster, code)
            child = None
        if child is None and running_postmaster(cluster) is None:
            _clear_remains(cluster)
            child = _spawn(cluster)
        if time.monotonic() > deadline:
            raise ServerFailed(
                f"PostgreSQL did not become ready in time; the end of {cluster.log}:\n{log_tail(cluster)}"
            )
        time.sleep(POLL_S)
    return child


def exit_code(child: int) -> int | None:
    """How the server we started ended, None while it lives. Asking keeps it from staying a zombie; ask once."""
    try:
        ended, status = os.waitpid(child, os.WNOHANG)
    except ChildProcessError:  # somebody else has asked
        return 0
    return os.waitstatus_to_exitcode(status) if ended else None


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


def _spawn(cluster: Cluster) -> int:
    if cluster.log.exists() and cluster.log.stat().st_size > LARGEST_LOG_BYTES:
        cluster.log.replace(cluster.log.with_suffix(".log.1"))
    command = cluster.command("postgres", "-D", str(cluster.data))
    # Not `subprocess`: the server may outlive this process, for others use it. It gets a session of its own, for
    # Ctrl-C on the terminal is meant for Beamcat, which then stops the server in order.
    return os.posix_spawn(
        command[0],
        command,
        environment(),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(cluster.log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigmask=[],
        setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGPIPE],
    )


def _assert_transient(cluster: Cluster, returncode: int) -> None:
    tail = log_tail(cluster)
    last_words = "\n".join(tail.splitlines()[-5:])
    if not any(words in last_words for words in TRANSIENT):
        raise ServerFailed(f"PostgreSQL ended with code {returncode}; the end of {cluster.log}:\n{tail}")


def _clear_remains(cluster: Cluster) -> None:
    """End what a killed postmaster left: children busy with a question, and the files that name it.

    PostgreSQL's children notice the death of their parent only between two steps of work, and PostgreSQL takes a
    zombie, or whoever got the same process id since, for a living server. A server we cannot see, as in another
    container, still answers on the socket: then nothing is touched.
    """
    if _answers(cluster):
        raise ServerFailed(
            f"a PostgreSQL that is not visible from here, in another container perhaps, uses {cluster.data}"
        )
    deadline = time.monotonic() + ORPHAN_S
    while orphans := list(processes_of(cluster.data)):
        for pid in orphans:
            _signal(pid, signal.SIGQUIT if time.monotonic() < deadline else signal.SIGKILL)
        time.sleep(POLL_S)
    for file in (cluster.data / "postmaster.pid", cluster.socket.with_name(f"{cluster.socket.name}.lock")):
        file.unlink(missing_ok=True)


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


def _takes_connections(cluster: Cluster) -> bool:
    """Whether a client would be let in. After the crash of a backend the file says "ready" during the recovery, too."""
    address = make_conninfo(
        host=str(cluster.socket_folder), port=PORT, user=SUPERUSER, dbname="postgres", connect_timeout=5
    )
    return pq.PGconn.ping(address.encode()) == pq.Ping.OK


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == folder
    except OSError:  # gone, a zombie, or somebody else's
        return False


def _answers(cluster: Cluster) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(os.fsencode(cluster.socket))
        except OSError:
            return False
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
