"""The processes of a server: started, killed, stopped."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest

from beamcat.serve.listening import CannotServe, listen, url_of
from tests.running import Beamcat, eventually, is_gone

pytestmark = pytest.mark.slow

SECRET = "a-secret-nobody-may-see"
SETTINGS = f"""
[authenticator.simple]
kind = "simple"
users = {{ root = "{SECRET}" }}

[catalogue]
root_user_names = ["simple/root"]

[server]
sleep_enabled = true
"""


def start(home: Path, *options: str, first_start: bool = False) -> Beamcat:
    return Beamcat(home, *options, config=SETTINGS, search=True, first_start=first_start)


@pytest.fixture(scope="module")
def beamcat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beamcat]:
    running = start(tmp_path_factory.mktemp("serve") / "home", "--port", "0", "--workers", "2", first_start=True)
    yield running
    workers, postmaster = running.workers(), running.postmaster()
    assert running.stop() == 0
    assert all(is_gone(pid) for pid in [*workers, postmaster])


def test_it_serves_icat_with_as_many_workers_as_asked_for(beamcat: Beamcat) -> None:
    assert beamcat.http.get("/icat/version").json() == {"version": "6.2.0"}
    assert beamcat.http.get("/readyz").status_code == 200
    assert len(beamcat.workers()) == 2
    session = beamcat.login("root", SECRET)
    form = {"sessionId": session, "entities": '{"Facility":{"name":"F"}}'}
    assert len(beamcat.http.post("/icat/entityManager", data=form).json()) == 1


def test_workers_may_open_as_many_files_as_the_system_allows(beamcat: Beamcat) -> None:
    for worker in beamcat.workers():
        limits = Path(f"/proc/{worker}/limits").read_text().splitlines()
        (soft, hard) = next(line.split()[3:5] for line in limits if line.startswith("Max open files"))
        assert soft == hard


def test_thousands_of_clients_that_say_nothing_keep_nobody_waiting(beamcat: Beamcat) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    many = min(5_000, hard // 4)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    address = (beamcat.http.base_url.host, beamcat.http.base_url.port)
    with contextlib.ExitStack() as silent:
        for _ in range(many):
            silent.enter_context(socket.create_connection(address))
        assert httpx.get(f"{beamcat.http.base_url}/healthz", timeout=10).status_code == 200
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_query_of_64_kib_fits_into_the_url(beamcat: Beamcat) -> None:
    query = "SELECT f.name FROM Facility f WHERE f.name IN (" + ",".join(["'x'"] * 6_480) + ")"
    path = f"/icat/entityManager?sessionId={beamcat.login('root', SECRET)}&query={quote(query)}"
    assert 64_500 < len(path) < 65_535  # what the URI type of the HTTP library can hold
    address = urlsplit(beamcat.url)
    assert address.hostname is not None
    connection = HTTPConnection(address.hostname, address.port, timeout=60)  # httpx does not ask for so much
    connection.request("GET", path)
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"[]")
    connection.close()


def test_a_body_above_the_limit_is_answered_while_it_is_being_sent(beamcat: Beamcat) -> None:
    body = b"entities=" + b"x" * (65 * 2**20)
    form = {"content-type": "application/x-www-form-urlencoded"}
    with httpx.Client(base_url=beamcat.url, timeout=60, trust_env=False) as http:
        answer = http.post("/icat/entityManager", content=body, headers=form)
    assert (answer.status_code, answer.json()["code"]) == (413, "BAD_PARAMETER")


def test_the_metrics_are_summed_over_the_workers(beamcat: Beamcat) -> None:
    for _ in range(20):
        with httpx.Client(base_url=beamcat.url, trust_env=False) as http:
            http.get("/icat/properties")
    counted = 'beamcat_requests_total{door="icat_rest",operation="properties",status="200"} 20.0'
    assert {counted in httpx.get(beamcat.url + "/metrics", trust_env=False).text for _ in range(6)} == {True}


def test_secrets_are_neither_on_a_command_line_nor_in_an_environment_nor_in_the_log(beamcat: Beamcat) -> None:
    session = beamcat.login("root", SECRET)
    beamcat.http.get("/icat/entityManager", params={"sessionId": session, "query": "SELECT f FROM Facility f"})
    beamcat.http.get(f"/icat/session/{session}")
    password = (beamcat.home / "postgres" / "password").read_text()
    for pid in [beamcat.process.pid, *beamcat.workers()]:
        shown = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
        assert SECRET.encode() not in shown
        assert password.encode() not in shown
    log = beamcat.log.read_text()
    assert '"operation":"session"' in log
    for secret in (SECRET, password, session):
        assert secret not in log


def test_a_killed_worker_is_replaced_and_nobody_is_turned_away(beamcat: Beamcat) -> None:
    before = beamcat.workers()

    def ask(_: int) -> int:
        with httpx.Client(base_url=beamcat.url, timeout=60, trust_env=False) as http:
            return http.get("/icat/version").status_code

    for pid in before:
        os.kill(pid, signal.SIGKILL)
    with ThreadPoolExecutor(8) as many:
        assert set(many.map(ask, range(40))) == {200}
    eventually(lambda: len(beamcat.workers()) == 2)
    assert not set(beamcat.workers()) & set(before)


def test_workers_killed_again_and_again_are_still_replaced(beamcat: Beamcat) -> None:
    for _ in range(4):
        for pid in eventually(beamcat.workers):
            os.kill(pid, signal.SIGKILL)
        assert httpx.get(beamcat.url + "/icat/version", timeout=60, trust_env=False).status_code == 200
    assert beamcat.process.poll() is None


def test_a_killed_postgresql_comes_back(beamcat: Beamcat) -> None:
    session = beamcat.login("root", SECRET)
    before = beamcat.postmaster()
    os.kill(before, signal.SIGKILL)
    parameters = {"sessionId": session, "query": "SELECT COUNT(f) FROM Facility f"}
    pid_file = beamcat.home / "postgres" / "data" / "postmaster.pid"
    # backends of the dead server may answer for another moment, and there is a moment without the file
    eventually(lambda: pid_file.exists() and pid_file.read_text().split("\n")[0] not in {"", str(before)})
    eventually(lambda: beamcat.http.get("/icat/entityManager", params=parameters).status_code == 200)
    assert beamcat.http.get("/readyz").status_code == 200


def test_a_second_server_in_the_same_home_or_on_the_same_port_says_why_not(beamcat: Beamcat, tmp_path: Path) -> None:
    port = beamcat.url.rsplit(":", 1)[1]
    for options, words in [
        (("--home", str(beamcat.home), "--port", "0"), f"another Beamcat (process {beamcat.process.pid}) serves"),
        (("--home", str(tmp_path), "--port", port), f"port {port} on 127.0.0.1 is taken"),
    ]:
        second = subprocess.run(
            [sys.executable, "-m", "beamcat", "serve", *options],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert second.returncode == 1
        assert second.stderr.startswith("beamcat: ")
        assert words in second.stderr
        assert len(second.stderr.splitlines()) == 1
    assert beamcat.http.get("/readyz").status_code == 200


def test_commands_work_while_it_serves(beamcat: Beamcat) -> None:
    def run(*arguments: str, password: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "beamcat", "user", *arguments, "--home", str(beamcat.home)]
        return subprocess.run(command, input=password, capture_output=True, text=True, check=False, timeout=60)

    def may_sign_in(password: str) -> bool:
        wanted = {"plugin": "db", "credentials": [{"username": "ann"}, {"password": password}]}
        with_db = beamcat.http.post("/icat/session", data={"json": json.dumps(wanted)})
        return with_db.status_code == 200

    # The configuration of the fixture offers `simple` only; the accounts are there all the same.
    assert run("add", "ann", password="first\n").stdout == "ann can sign in now, as db/ann.\n"
    again = run("add", "ann", password="first\n")
    assert again.returncode == 1
    assert again.stderr.startswith("beamcat: there is an account ann already")
    assert "ann" in run("list").stdout
    assert run("passwd", "ann", password="second\n").returncode == 0
    assert run("remove", "ann").returncode == 0
    gone = run("remove", "ann")
    assert gone.returncode == 1
    assert gone.stderr.startswith("beamcat: db/ann has no account")
    assert not may_sign_in("second")


def test_a_request_in_progress_is_finished_before_the_end_and_what_was_written_stays(tmp_path: Path) -> None:
    first = start(tmp_path / "home", "--port", "0")
    form = {"sessionId": first.login("root", SECRET), "entities": '{"Facility":{"name":"kept"}}'}
    assert first.http.post("/icat/entityManager", data=form).status_code == 200
    postmaster, workers = first.postmaster(), first.workers()
    with ThreadPoolExecutor(1) as other:
        slow = other.submit(httpx.get, first.url + "/icat/sleep/2", timeout=30, trust_env=False)
        time.sleep(0.5)
        assert first.stop(signal.SIGINT) == 0
        assert slow.result().status_code == 200
    assert all(is_gone(pid) for pid in [*workers, postmaster])

    second = start(tmp_path / "home", "--port", "0")
    workers = second.workers()
    parameters = {"sessionId": second.login("root", SECRET), "query": "SELECT f.name FROM Facility f"}
    assert second.http.get("/icat/entityManager", params=parameters).json() == ["kept"]

    # A killed parent takes its workers along, even one that only starts, and the next one finds home, port and
    # database free.
    os.kill(workers[0], signal.SIGKILL)
    workers = eventually(lambda: set(second.workers()) - set(workers))
    assert second.stop(signal.SIGKILL) == -signal.SIGKILL
    third = start(tmp_path / "home", "--port", second.url.rsplit(":", 1)[1])
    postmaster = third.postmaster()
    parameters["sessionId"] = third.login("root", SECRET)
    assert third.http.get("/icat/entityManager", params=parameters).json() == ["kept"]
    assert all(is_gone(pid) for pid in workers)
    assert third.stop() == 0
    assert is_gone(postmaster)


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "http://127.0.0.1:"), ("::1", "http://[::1]:")])
def test_any_free_port_of_an_address(host: str, shown: str) -> None:
    try:
        listener = listen(host, 0)
    except CannotServe:
        if host == "127.0.0.1":
            raise
        pytest.skip("this machine has no IPv6")
    with listener:
        assert url_of(listener).startswith(shown)
        with pytest.raises(CannotServe, match="is taken"):
            listen(host, listener.getsockname()[1])


def test_an_address_that_is_not_ours() -> None:
    with pytest.raises(CannotServe, match=r"cannot listen on 192\.0\.2\.1"):
        listen("192.0.2.1", 0)
