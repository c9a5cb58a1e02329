"""A PostgreSQL of our own in the home, for those who have none.

Every Beamcat process that needs it holds a shared lock on `<home>/postgres/users.lock`. Whoever finds the server dead
starts it, under `start.lock`; whoever finds it alive, perhaps left behind by a Beamcat that was killed, uses it. The
last one to leave stops it. Nobody owns it, so nothing has to be taken over.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from beamcat.config import DatabaseSettings
from beamcat.database import cluster as files
from beamcat.database import postmaster
from beamcat.database.cluster import ROLE, SUPERUSER, Cluster, ServerFailed

log = logging.getLogger(__name__)

SPARE_CONNECTIONS = 24
"""Connections beyond those of the workers: the commands of an administrator, PostgreSQL's own."""

WATCH_S = 0.25
"""How often `watch` looks after the server."""

LOCK_POLL_S = 0.05


class EmbeddedPostgres:
    """The server in a home. `with EmbeddedPostgres(home, settings) as server: ... server.url`.

    `workers` says for how many workers there must be connections. `options` are settings of PostgreSQL that win over
    Beamcat's choices. Changes take effect when the server is started next.
    """

    def __init__(
        self,
        home: Path,
        settings: DatabaseSettings,
        *,
        workers: int = 1,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.cluster: Cluster = files.cluster_of(home, settings)
        self._settings = settings
        self._connections = workers * settings.connections + SPARE_CONNECTIONS
        self._options = dict(options or {})
        self._users: int | None = None
        self._child: int | None = None

    @property
    def url(self) -> str:
        """How to connect: a URL that PostgreSQL's client library understands. Contains the password."""
        password = self.cluster.password.read_text()
        return f"postgresql://{ROLE}:{password}@/{ROLE}?host={quote(str(self.cluster.socket_folder), safe='')}"

    def start(self) -> None:
        """Start the server, or use the one that runs. Returns when it takes connections.

        Raises `ServerFailed` with the end of the server's log; then nothing is left running by this call.
        """
        if self._users is not None:
            return
        self.cluster.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        deadline = time.monotonic() + self._settings.start_timeout_s
        with self._starting(deadline):
            self._users = _locked(self.cluster.folder / "users.lock", fcntl.LOCK_SH, deadline)
            try:
                self._prepare()
                self._start_server(deadline)
            except BaseException:
                self._leave()
                raise

    def stop(self) -> None:
        """Leave the server; the last one stops it, and waits until none of its processes is left."""
        if self._users is None:
            return
        with self._starting(time.monotonic() + self._settings.start_timeout_s):
            self._leave()

    def ensure_running(self) -> None:
        """Start the server again if it has died. Raises `ServerFailed`."""
        self._reap()
        if postmaster.running_postmaster(self.cluster) is not None:
            return
        deadline = time.monotonic() + self._settings.start_timeout_s
        with self._starting(deadline):
            self._child = postmaster.start(self.cluster, deadline) or self._child

    async def watch(self) -> None:
        """Keep the server running until this is cancelled. A failed restart is logged and tried again."""
        while True:
            await asyncio.sleep(WATCH_S)
            try:
                await asyncio.to_thread(self.ensure_running)
            except ServerFailed as error:
                log.error("the embedded PostgreSQL does not come back: %s", error.message)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def _prepare(self) -> None:
        """Write the files. New settings reach a server left behind by a killed Beamcat only if nobody else uses it."""
        files.prepare(self.cluster)
        text = files.configuration(self.cluster, self._settings, self._connections, self._options)
        if not self._is_alone():
            return
        if files.write_configuration(self.cluster, text):
            postmaster.stop(self.cluster)

    def _leave(self) -> None:
        """Give up the lock, and stop the server if nobody else holds it. Called under `start.lock`."""
        if self._users is None:
            return
        try:
            if self._is_alone():
                postmaster.stop(self.cluster)
                files.remove_socket_folder(self.cluster)
        finally:
            os.close(self._users)
            self._users = None
            self._reap()

    def _reap(self) -> None:
        """A dead child of ours must not stay a zombie."""
        if self._child is not None and postmaster.exit_code(self._child) is not None:
            self._child = None

    def _is_alone(self) -> bool:
        """Whether no other process uses the server. The lock is kept shared either way."""
        assert self._users is not None
        try:
            fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(self._users, fcntl.LOCK_SH)  # a failed conversion may have lost it
            return False
        fcntl.flock(self._users, fcntl.LOCK_SH)
        return True

    @contextlib.contextmanager
    def _starting(self, deadline: float) -> Iterator[None]:
        """Starting, stopping, coming and going happen one at a time."""
        held = _locked(self.cluster.folder / "start.lock", fcntl.LOCK_EX, deadline)
        try:
            yield
        finally:
            os.close(held)

    def _start_server(self, deadline: float) -> None:
        """Start the server and make the database; again, when the server dies or loses a process meanwhile."""
        while True:
            self._child = postmaster.start(self.cluster, deadline) or self._child
            try:
                self._make_database()
            except psycopg.OperationalError as error:
                if postmaster.is_ready(self.cluster):
                    raise ServerFailed(f"the embedded PostgreSQL does not work: {error}") from error
            else:
                return

    def _make_database(self) -> None:
        """Make Beamcat's role and database if they are missing."""
        password = self.cluster.password.read_text()
        host = str(self.cluster.socket_folder)
        with psycopg.connect(host=host, user=SUPERUSER, password=password, dbname="postgres", autocommit=True) as conn:
            if conn.execute("SELECT FROM pg_roles WHERE rolname = %s", (ROLE,)).fetchone() is None:
                conn.execute(
                    sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(sql.Identifier(ROLE), password)
                )
            if conn.execute("SELECT FROM pg_database WHERE datname = %s", (ROLE,)).fetchone() is None:
                conn.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(ROLE)))


def _locked(path: Path, kind: int, deadline: float) -> int:
    """An open file that holds the lock; closing it gives the lock back. Raises `ServerFailed` at the deadline."""
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    while True:
        try:
            fcntl.flock(held, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(held)
                raise ServerFailed(f"another Beamcat holds {path} for too long") from None
            time.sleep(LOCK_POLL_S)
        else:
            return held
