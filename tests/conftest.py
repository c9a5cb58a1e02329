"""What all tests share: one PostgreSQL per run, and a fresh catalogue for each test that wants one."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import structlog
from psycopg import sql
from xdist.scheduler import LoadFileScheduling

from beamcat.config import DatabaseSettings
from beamcat.database.embedded import EmbeddedPostgres
from beamcat.database.pool import Database
from beamcat.database.schema import initialise
from tests import memory, prepared

FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "deadlock_timeout": "100ms",
    "scram_iterations": "1",
}
"""Tests lose nothing when the machine loses power."""

DROP_WITHIN_S = 20

UNDERTAKER = """
import os, pathlib, signal, sys
sys.stdin.read()
pid_file = pathlib.Path(sys.argv[1])
if pid_file.exists():
    os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGQUIT)
"""
"""Stops the server of a test run that was killed: its standard input ends with the run."""


@dataclass(frozen=True)
class TestServer:
    """The PostgreSQL of this run."""

    __test__ = False

    server: EmbeddedPostgres
    settings: DatabaseSettings
    numbers: Iterator[int]

    def url(self, name: str) -> str:
        """The URL of another database on this server."""
        return urlsplit(self.server.url)._replace(path=f"/{name}").geturl()

    def create(self, template: str | None = None) -> str:
        """The name of a new database."""
        name = f"test_{next(self.numbers)}"
        copied = (
            sql.SQL(" TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(template)) if template else sql.SQL("")
        )
        with psycopg.connect(self.server.url, autocommit=True) as conn:
            conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)) + copied)
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected. A worker of autovacuum, which we may not end, is waited for.

        One that cannot go stays until the server goes: every process of the server has to agree, and one that sends
        to a client does not while the client, such as an application that other tests share, waits for this thread.
        """
        statement = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
        with psycopg.connect(self.server.url, autocommit=True) as conn:
            conn.execute(f"SET statement_timeout = '{DROP_WITHIN_S}s'")
            for _ in range(300):
                with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
                    with contextlib.suppress(psycopg.errors.QueryCanceled):
                        conn.execute(statement)
                    return
                time.sleep(0.1)
            conn.execute(statement)


BROWSER = "tests/browser/"
SUITE = "tests/conformance/test_python_icat_suite.py"


class OneBrowser(LoadFileScheduling):
    """Tests are shared by files, but all tests in a browser stay together: they share one example facility.

    python-icat's own suite, whose tests have time limits, runs after them and not beside them.
    """

    def _split_scope(self, nodeid: str) -> str:
        return BROWSER if nodeid.startswith((BROWSER, SUITE)) else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneBrowser:
    """How processes share the tests."""
    return OneBrowser(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """The folders of tests are in memory, unless `--basetemp` says where. Processes of one run share it."""
    if config.option.basetemp is None and (folder := memory.folder_of_this_run()) is not None:
        config.option.basetemp = str(folder)
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that nobody waits for one of them at the end.

    Of several tests with one name, processes that share the work would run one.
    """
    alike = [name for name, number in Counter(item.nodeid for item in items).items() if number > 1]
    if alike:
        raise pytest.UsageError(f"several tests are called {', '.join(alike)}")
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (not item.nodeid.startswith((BROWSER, SUITE)), item.path not in slow))


@pytest.fixture(scope="session", autouse=True)
def home_of_this_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a test does not give a home of its own leaves nothing in the checkout."""
    mine = tmp_path_factory.getbasetemp()
    shared = mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(prepared.VARIABLE, str(shared / "prepared"))
        patch.setenv("BEAMCAT_HOME", str(tmp_path_factory.mktemp("beamcat")))
        yield


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """A test that sets up logging sets it up for itself alone: its stream is closed when it ends."""
    before, handlers = structlog.get_config(), logging.getLogger().handlers[:]
    yield
    structlog.configure(**before)
    logging.getLogger().handlers = handlers


@pytest.fixture(scope="session")
def database_settings() -> DatabaseSettings:
    return DatabaseSettings()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, database_settings: DatabaseSettings) -> Iterator[TestServer]:
    home = tmp_path_factory.mktemp("home")
    with EmbeddedPostgres(home, database_settings, options=FAST) as running:
        undertaker = subprocess.Popen(
            [sys.executable, "-c", UNDERTAKER, str(running.cluster.data / "postmaster.pid")],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        yield TestServer(running, database_settings, itertools.count())
    undertaker.communicate()


@pytest.fixture(scope="session")
def template(server: TestServer) -> str:
    """The name of a database that holds an empty catalogue."""
    name = server.create()
    initialise(server.url(name), server.settings)
    return name


@pytest.fixture
def database_url(server: TestServer, template: str) -> Iterator[str]:
    """The URL of an empty catalogue for one test."""
    name = server.create(template)
    yield server.url(name)
    server.drop(name)


@pytest.fixture
async def database(database_url: str, database_settings: DatabaseSettings) -> AsyncIterator[Database]:
    """An empty catalogue for one test, opened."""
    async with Database(database_url, database_settings) as opened:
        yield opened


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds `pyproject.toml`."""
    return Path(__file__).parent.parent
