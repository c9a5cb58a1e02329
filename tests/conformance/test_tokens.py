"""Tokens on a running server with two workers, as scripts and instruments use them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import icat
import pytest

from beamcat.access import tokens
from beamcat.access.caller import EVERY_SCOPE, Scope
from beamcat.access.tokens import Purpose
from beamcat.cli.common import on_database, settings_of
from beamcat.config import TokenSettings
from beamcat.database.pool import Database
from tests.conformance.client import IcatError, Session
from tests.conformance.conftest import SETTINGS
from tests.running import Beamcat, eventually

CHATTY = f"""{SETTINGS}
[logging]
level = "debug"
format = "json"
slow_query_ms = 0
"""
NO_WRITE = "The token has not the scope 'write', which this call needs."
NO_READ = "The token has not the scope 'read', which this call needs."
FELT_AFTER_S = 1.1
"""A revocation is felt at the latest a second after its commit."""
QUERY = "SELECT COUNT(f) FROM Facility f"


@dataclass
class Site:
    """The server, and the tokens of `simple/root` that were ever made on it."""

    beamcat: Beamcat
    made: list[str]

    @property
    def config(self) -> Path:
        return self.beamcat.home.with_suffix(".toml")

    def on_database(self, work: Callable[[Database], Any]) -> Any:
        return on_database(settings_of(self.config, self.beamcat.home), work)

    def token(self, *scopes: Scope) -> Session:
        """A new token as a session."""
        now = datetime.now(UTC)
        purpose = Purpose("simple/root", str(uuid4()), frozenset(scopes) or EVERY_SCOPE, now + timedelta(hours=1))
        token = self.on_database(lambda database: tokens.make(database, TokenSettings(), purpose, now))
        self.made.append(token)
        return Session(self.beamcat.http, token)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`beamcat token ...` beside the running server."""
        where = ("--config", str(self.config), "--home", str(self.beamcat.home))
        return subprocess.run(
            [sys.executable, "-m", "beamcat", "token", *arguments, *where], capture_output=True, text=True, check=False
        )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """At its end no token stands in the log, which tells of every request and every question to the database."""
    beamcat = Beamcat(tmp_path_factory.mktemp("tokens") / "home", "--port", "0", "--workers", "2", config=CHATTY)
    opened = Site(beamcat, [])
    yield opened
    token = opened.token()
    token.search(f"SELECT f FROM Facility f WHERE f.name = '{token.id}'")
    beamcat.http.get("/icat/version", headers={"X-Request-ID": token.id})
    for written in ('"event":"request"', "WHERE f.name = 'beamcat_***'"):
        eventually(lambda written=written: written in beamcat.log.read_text())
    assert beamcat.stop() == 0
    log = beamcat.log.read_text()
    assert [token for token in opened.made if token[8:30] in log] == []
    assert "unforeseen" not in log


@pytest.fixture
def soap(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Session], icat.client.Client]]:
    """python-icat with a token in place of a session id."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # suds keeps descriptions among the temporary files
    clients: list[icat.client.Client] = []

    def client(token: Session) -> icat.client.Client:
        made = icat.client.Client(f"{site.beamcat.url}/ICATService/ICAT?wsdl")
        made.sessionId = token.id
        clients.append(made)
        return made

    yield client
    for each in clients:
        each.sessionId = None  # else it logs out when it is collected, perhaps after the server has gone


def refused(call: Callable[..., object], *arguments: object, **members: object) -> tuple[int, str, str]:
    with pytest.raises(IcatError) as error:
        call(*arguments, **members)
    return error.value.status, error.value.code, error.value.message


def test_a_token_is_taken_for_a_session_id(site: Site, soap: Callable[[Session], icat.client.Client]) -> None:
    token = site.token()
    facility = token.create("Facility", name="by REST")
    assert token.search(f"SELECT f.createId FROM Facility f WHERE f.id = {facility}") == ["simple/root"]
    about = token.http.get(f"/icat/session/{token.id}").json()
    assert about["userName"] == "simple/root"
    assert 58 < about["remainingMinutes"] <= 60
    client = soap(token)
    assert client.getUserName() == "simple/root"
    assert 58 < client.getRemainingMinutes() <= 60
    client.refresh()
    assert client.search(f"SELECT f.name FROM Facility f WHERE f.id = {facility}") == ["by REST"]
    made = client.new("Facility", name="by SOAP")
    made.create()
    client.delete(made)
    client.logout()
    assert token.http.put(f"/icat/session/{token.id}").status_code == 204
    assert token.http.delete(f"/icat/session/{token.id}").status_code == 204
    token.delete(("Facility", facility))


def test_a_token_or_a_session_id_may_be_in_a_header(site: Site) -> None:
    def curl(path: str, secret: str, *arguments: str) -> str:
        command = ["curl", "--silent", "--show-error", "-H", f"Authorization: Bearer {secret}", *arguments]
        ran = subprocess.run([*command, f"{site.beamcat.url}/icat/{path}"], capture_output=True, text=True, check=True)
        return ran.stdout

    session = site.beamcat.login("root", "not a secret")
    site.made.append(session)
    for secret in (site.token().id, session):
        (facility,) = json.loads(curl("entityManager", secret, "-d", 'entities={"Facility":{"name":"by header"}}'))
        dump = curl("port", secret, "--get", "--data-urlencode", 'json={"query":"Facility"}')
        assert "by header" in dump
        where = ("--get", "--data-urlencode", f"query=SELECT f.name FROM Facility f WHERE f.id = {facility}")
        assert json.loads(curl("entityManager", secret, *where)) == ["by header"]
        clone = ("-d", "name=Facility", "-d", f"id={facility}", "-d", 'keys={"name":"again"}')
        copy = json.loads(curl("cloner", secret, *clone))["id"]
        entities = json.dumps([{"Facility": {"id": each}} for each in (facility, copy)])
        assert not curl("entityManager", secret, "-X", "DELETE", "--get", "--data-urlencode", f"entities={entities}")
        assert not curl("port", secret, "-F", 'json={"duplicate":"IGNORE"}', "-F", "file=1.0;filename=dump")

    def ask(header: str, **parameters: str) -> httpx.Response:
        return site.beamcat.http.get(
            "/icat/entityManager", params={"query": QUERY, **parameters}, headers={"Authorization": header}
        )

    token = site.token().id
    for header in (f"bearer {token}", f"BEARER   {token}"):
        assert ask(header).status_code == 200
    for header in ("Bearer", "Basic dXNlcjpwYXNz", token):
        assert ask(header).json()["message"] == "Session Id cannot be null or empty."
    # the parameter goes first, be it wrong or empty
    assert ask(f"Bearer {token}", sessionId="wibble").json()["message"] == "Unable to find user by sessionid: wibble"
    assert ask(f"Bearer {token}", sessionId="").json()["message"] == "Session Id cannot be null or empty."
    assert ask("Bearer wibble", sessionId=token).status_code == 200


def test_a_token_to_read_with_cannot_write(site: Site, soap: Callable[[Session], icat.client.Client]) -> None:
    reader, writer = site.token(Scope.READ), site.token()
    facility = writer.create("Facility", name="kept")
    before = writer.search("SELECT f.id, f.name, f.modTime FROM Facility f")
    refusal = (403, "INSUFFICIENT_PRIVILEGES", NO_WRITE)
    assert refused(reader.create, "Facility", name="new") == refusal
    assert refused(reader.update, "Facility", facility, name="new") == refusal
    assert refused(reader.clone, "Facility", facility, {"name": "new"}) == refusal
    assert refused(reader.delete, ("Facility", facility)) == refusal
    client = soap(reader)
    new = client.new("Facility", name="new")
    with pytest.raises(icat.ICATPrivilegesError, match="scope 'write'"):
        new.create()
    (kept,) = client.search(f"SELECT f FROM Facility f WHERE f.id = {facility} INCLUDE 1")
    for access, allowed in (("READ", True), ("UPDATE", False), ("DELETE", False)):
        assert client.isAccessAllowed(kept, access) == allowed
    assert not client.isAccessAllowed(new, "CREATE")
    assert soap(writer).isAccessAllowed(new, "CREATE")
    assert writer.search("SELECT f.id, f.name, f.modTime FROM Facility f") == before
    writer.delete(("Facility", facility))


def test_a_token_to_write_with_cannot_read(site: Site, soap: Callable[[Session], icat.client.Client]) -> None:
    writer = site.token(Scope.WRITE)
    facility = writer.create("Facility", name="unseen")
    refusal = (403, "INSUFFICIENT_PRIVILEGES", NO_READ)
    assert refused(writer.search, QUERY) == refusal
    assert refused(writer.get, "Facility", facility) == refusal
    dump = site.beamcat.http.get("/icat/port", params={"json": json.dumps({"sessionId": writer.id})})
    assert (dump.status_code, dump.json()["message"]) == (403, NO_READ)
    client = soap(writer)
    with pytest.raises(icat.ICATPrivilegesError, match="scope 'read'"):
        client.search(QUERY)
    unseen = client.new("Facility", id=facility)
    assert not client.isAccessAllowed(unseen, "READ")
    assert client.isAccessAllowed(unseen, "DELETE")
    client.delete(unseen)


def status_of_each_worker(site: Site, token: Session) -> list[int]:
    """What a search is answered by every worker: the others are held while one answers."""
    workers = site.beamcat.workers()
    found = []
    for chosen in workers:
        others = [worker for worker in workers if worker != chosen]
        for other in others:
            os.kill(other, signal.SIGSTOP)
        try:
            parameters = {"query": QUERY, "sessionId": token.id}
            answer = httpx.get(f"{site.beamcat.url}/icat/entityManager", params=parameters, timeout=60, trust_env=False)
        finally:
            for other in others:
                os.kill(other, signal.SIGCONT)
        found.append(answer.status_code)
    return found


def test_tokens_are_made_listed_and_revoked_beside_a_running_server(site: Site) -> None:
    assert len(site.beamcat.workers()) == 2
    made = site.command("add", "simple/root", "--name", "beamline 7", "--scope", "read", "--expires", "90d")
    assert made.returncode == 0, made.stderr
    token = Session(site.beamcat.http, made.stdout.removesuffix("\n"))
    site.made.append(token.id)
    assert status_of_each_worker(site, token) == [200, 200]

    def is_used() -> bool:
        return any(
            each.name == "beamline 7" and each.used is not None
            for each in site.on_database(lambda database: tokens.list_tokens(database, "simple/root"))
        )

    eventually(is_used)
    gone = site.command("revoke", "simple/root", "beamline 7")
    assert gone.stdout == "The token beamline 7 of simple/root is revoked.\n"
    time.sleep(FELT_AFTER_S)
    assert status_of_each_worker(site, token) == [403, 403]
    assert refused(token.search, QUERY)[1:] == (
        "SESSION",
        "The token is unknown: it was revoked, or is one of another server",
    )


def test_an_expired_token_is_refused(site: Site) -> None:
    token = site.token()
    assert token.search(QUERY)

    async def expire(database: Database) -> None:
        async with database.connection() as conn:
            await conn.execute("UPDATE api_token SET expires = now() WHERE digest = %s", (tokens.digest_of(token.id),))

    site.on_database(expire)
    time.sleep(FELT_AFTER_S)
    status, code, message = refused(token.search, QUERY)
    assert (status, code) == (403, "SESSION")
    assert message.startswith("The token has expired on 2")


def test_no_message_repeats_a_token(site: Site, soap: Callable[[Session], icat.client.Client]) -> None:
    token = site.token().id
    http = site.beamcat.http
    spoiled = f"{token} "
    answers = [
        http.get("/icat/entityManager", params={"query": QUERY, "sessionId": spoiled}),
        http.get("/icat/entityManager", params={"query": QUERY}, headers={"Authorization": f"Bearer {token[:40]}"}),
        http.get(f"/icat/session/{spoiled}"),
        http.put(f"/icat/session/{token}x"),
        http.delete(f"/icat/session/{token.upper()}"),
        http.get("/icat/port", params={"json": json.dumps([{"sessionId": token}])}),
        http.get("/icat/port", params={"json": json.dumps({"sessionId": token, "query": f"'{token}'"})}),
        http.get("/icat/entityManager", params={"query": f"{token} f", "sessionId": token}),
        http.post("/icat/entityManager", data={"entities": f"{{{token}", "sessionId": token}),
        http.post("/icat/session", data={"json": json.dumps({"plugin": token})}),
        http.get("/icat/version", headers={"X-Request-ID": token}),
    ]
    assert [answer.status_code for answer in answers] == [403] * 5 + [400] * 4 + [403, 200]
    assert [answer.text for answer in answers if token[8:30].lower() in answer.text.lower()] == []
    with pytest.raises(icat.ICATSessionError) as error:
        soap(Session(http, spoiled)).search(QUERY)
    assert token[8:30] not in str(error.value)
