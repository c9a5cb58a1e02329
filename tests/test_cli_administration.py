"""`beamcat user`, `rule` and `sessions`: what administrators type, on a real catalogue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.command import Command, Outcome, one_line
from tests.running import Beamcat, eventually

DUMP = """1.0

User(name:0,fullName:1)
"db/ann","Ann A."
"db/bob",NULL

Grouping(name:0)
"staff"

UserGroup(user(name:0),grouping(name:1))
"db/ann","staff"

Facility(name:0)
"F"
"G"

Rule(crudFlags:0,what:1,grouping(name:2))
"R","Facility [name = 'F']",NULL
"R","InvestigationType",NULL
"CRUD","Facility","staff"

PublicStep(origin:0,field:1)
"Instrument","facility"
"""
F, OPEN, WHOLE = 1, 1, 3
"""The ids of the facility F, of its rule, and of the rule for staff."""


@pytest.fixture
def beamcat(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    return Command(monkeypatch, capsys, tmp_path)


@pytest.fixture
def catalogue(beamcat: Command, monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path) -> str:
    """The URL of a catalogue with two users and three rules."""
    monkeypatch.setenv("BEAMCAT_DATABASE__URL", database_url)
    monkeypatch.setenv("BEAMCAT_CATALOGUE__ROOT_USER_NAMES", '["simple/root"]')
    dump = tmp_path / "small.icat"
    dump.write_text(DUMP)
    loaded = beamcat("import", str(dump))
    assert loaded.status == 0, loaded.err
    return database_url


def records(outcome: Outcome) -> list[dict[str, Any]]:
    assert outcome.status == 0, outcome.err
    return [json.loads(line) for line in outcome.out.splitlines()]


def sign_in(url: str, *users: str) -> None:
    """Sessions as they are stored."""
    with psycopg.connect(url, autocommit=True) as conn:
        for user in users:
            conn.execute(
                "INSERT INTO session (id, user_name, mechanism, created, expires)"
                " VALUES (gen_random_uuid(), %s, %s, now(), now() + '1 hour')",
                (user, user.partition("/")[0]),
            )


# user


def test_users_are_made_changed_listed_and_removed(beamcat: Command, catalogue: str) -> None:
    made = beamcat("user", "add", "eve", "--full-name", "Eve [E]", "--group", "staff", typed="first\n")
    assert made == Outcome(0, "eve can sign in now, as db/eve.\n", "")
    assert "there is an account eve already" in one_line(beamcat("user", "add", "eve", typed="first\n"))
    assert "there is no grouping stuff" in one_line(beamcat("user", "add", "x", "--group", "stuff", typed="y\n"))
    assert "characters" in one_line(beamcat("user", "add", "x", typed="\n"))
    assert "Eve [E]" in beamcat("user", "list").out
    (eve,) = records(beamcat("user", "list", "eve", "--json"))
    assert eve == {
        "name": "db/eve",
        "fullName": "Eve [E]",
        "account": True,
        "inCatalogue": True,
        "groups": ["staff"],
        "lastSignIn": None,
    }
    sign_in(catalogue, "db/eve", "db/eve", "db/ann")
    changed = beamcat("user", "passwd", "eve", typed="second\n")
    assert changed.out == "eve has a new password. Sessions ended: 2.\n"
    assert "there is no account x" in one_line(beamcat("user", "passwd", "x", typed="y\n"))
    assert "another authenticator" in one_line(beamcat("user", "passwd", "ldap/x", typed="y\n"))
    gone = beamcat("user", "remove", "eve")
    assert gone.out == "Removed: the account eve. Sessions ended: 0. Tokens removed: 0.\n"
    assert "--with-user" in one_line(beamcat("user", "remove", "eve"))
    assert len(records(beamcat("sessions", "list", "--json"))) == 1


def test_a_new_password_says_which_tokens_go_on(beamcat: Command, catalogue: str) -> None:
    beamcat("user", "add", "ann", typed="first\n")
    token = beamcat("token", "add", "db/ann", "--name", "x", "--scope", "read", "--expires", "1d")
    assert token.status == 0, token.err
    assert "Tokens that go on: 1." in beamcat("user", "passwd", "ann", typed="second\n").out
    assert "Tokens removed: 1." in beamcat("user", "remove", "ann").out


def test_a_user_is_taken_out_of_the_catalogue_only_when_that_is_meant(beamcat: Command, catalogue: str) -> None:
    assert beamcat("user", "remove", "bob", "--with-user", typed="n\n").status == 1
    assert len(records(beamcat("user", "list", "bob", "--json"))) == 1
    assert "the User" in beamcat("user", "remove", "bob", "--with-user", typed="y\n").out
    assert records(beamcat("user", "list", "bob", "--json")) == []
    assert beamcat("user", "remove", "ann", "--with-user", "--yes").status == 0


def test_users_of_other_authenticators_need_their_whole_name(beamcat: Command, catalogue: str) -> None:
    assert "such as ldap/x" in one_line(beamcat("user", "add", "x", "--no-password"))
    assert "--no-password" in one_line(beamcat("user", "add", "ldap/x", typed="y\n"))
    made = beamcat("user", "add", "ldap/x", "--no-password", "--group", "staff")
    assert made.out == "ldap/x is known to the catalogue.\n"


def test_an_account_needs_an_authenticator_that_asks_for_it(beamcat: Command, catalogue: str, tmp_path: Path) -> None:
    file = tmp_path / "beamcat.toml"
    file.write_text('[authenticator.anon]\nkind = "anon"\n')
    assert "kind `db`" in one_line(beamcat("user", "add", "x", "--config", str(file), typed="y\n"))
    file.write_text('[authenticator.a]\nkind = "db"\n[authenticator.b]\nkind = "db"\n')
    assert "--authenticator" in one_line(beamcat("user", "add", "x", "--config", str(file), typed="y\n"))
    made = beamcat("user", "add", "x", "--authenticator", "b", "--config", str(file), typed="y\n")
    assert made.out == "x can sign in now, as b/x.\n"


def test_a_long_list_is_cut_and_says_so(beamcat: Command, catalogue: str) -> None:
    sign_in(catalogue, "db/ann", "db/bob")
    for command in (["user", "list"], ["rule", "list"], ["sessions", "list"]):
        cut = beamcat(*command, "--most", "1")
        assert cut.status == 0
        assert "more; --most shows more of them" in cut.err, command
        assert beamcat(*command).err == ""


# rule


def test_rules_are_listed_in_words_and_as_written(beamcat: Command, catalogue: str) -> None:
    listed = beamcat("rule", "list").out
    assert "Members of staff may create, read, update and delete all facilities." in listed
    assert "Facility [name = 'F']" in listed
    assert "Instrument: facility" in listed
    assert "simple/root" in listed
    assert listed.index("InvestigationType") > listed.index("Facility")
    by_group = beamcat("rule", "list", "--by", "group").out
    assert by_group.index("everybody") < by_group.index("staff")


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        (["--entity", "Facility"], [1, 3]),
        (["--group", "staff"], [3]),
        (["--user", "db/ann"], [1, 2, 3]),
        (["--user", "db/bob"], [1, 2]),
        (["--user", "db/bob", "--entity", "Facility"], [1]),
    ],
)
def test_rules_are_filtered(beamcat: Command, catalogue: str, filters: list[str], ids: list[int]) -> None:
    found = records(beamcat("rule", "list", "--json", *filters))
    assert [record["id"] for record in found] == ids
    assert {record["kind"] for record in found} == {"rule"}


def test_the_whole_list_for_machines_has_steps_and_root_users(beamcat: Command, catalogue: str) -> None:
    found = records(beamcat("rule", "list", "--json"))
    assert [record["kind"] for record in found] == ["rule"] * 3 + ["public step", "root user"]
    assert [record.get("public") for record in found[:3]] == [False, True, False]


def test_what_is_asked_wrongly_is_said_in_one_line(beamcat: Command, catalogue: str) -> None:
    assert "there is no grouping stuff" in one_line(beamcat("rule", "list", "--group", "stuff"))
    assert "facility is not an ICAT entity" in one_line(beamcat("rule", "list", "--entity", "facility"))
    assert "Facility[id:99] not found" in one_line(beamcat("rule", "explain", "Facility", "99"))
    assert beamcat("rule", "explain", "Facility").status == 2
    assert beamcat("rule", "explain").status == 2


def test_it_is_explained_what_a_user_may_do_to_an_object(beamcat: Command, catalogue: str) -> None:
    told = beamcat("rule", "explain", "Facility", "2", "--user", "db/bob").out
    assert "READ Facility 2: not allowed" in told
    assert f"rule {WHOLE} would allow it to members of staff: not a member" in told
    assert f"rule {OPEN} is for this user, but not about this object" in told
    (verdicts,) = records(beamcat("rule", "explain", "Facility", "2", "--user", "db/ann", "--json"))
    assert verdicts["user"] == {"name": "db/ann", "root": False, "inCatalogue": True, "groups": ["staff"]}
    read = verdicts["operations"][0]
    assert (read["operation"], read["allowed"], read["reason"]) == ("READ", True, "rules")
    assert [(rule["id"], rule["standing"]) for rule in read["rules"]] == [(WHOLE, "allows"), (OPEN, "does not hold")]
    assert "allowed, to a root user" in beamcat("rule", "explain", "Facility", "2", "--user", "simple/root").out
    assert "has no User db/x" in beamcat("rule", "explain", "Facility", "1", "--user", "db/x").out


def test_it_is_explained_who_may_read_an_object(beamcat: Command, catalogue: str) -> None:
    told = beamcat("rule", "explain", "Facility", "2").out
    assert f"rule {WHOLE}: members of staff (1): db/ann (Ann A.)" in told
    assert f"rules that open it to nobody: {OPEN}" in told
    assert "root users: simple/root" in told
    assert f"rule {OPEN}: everybody" in beamcat("rule", "explain", "Facility", str(F)).out
    (found,) = records(beamcat("rule", "explain", "Facility", str(F), "--json"))
    assert found["everybody"] is True
    assert found["publicSteps"] == [{"origin": "Instrument", "field": "facility"}]


def test_it_is_explained_what_a_user_may_read(beamcat: Command, catalogue: str) -> None:
    told = beamcat("rule", "explain", "--user", "db/bob").out
    assert "Nothing of: affiliations, applications, " in told
    (found,) = records(beamcat("rule", "explain", "--user", "db/bob", "--json"))
    parts = {each["entity"]: (each["part"], each["count"]) for each in found["entities"]}
    assert (parts["Facility"], parts["InvestigationType"], parts["Dataset"]) == (
        ("some", 1),
        ("everything", 0),
        ("nothing", 0),
    )
    assert "all, 2" in beamcat("rule", "explain", "--user", "db/ann").out


# sessions


def test_sessions_are_listed_counted_and_ended(beamcat: Command, catalogue: str) -> None:
    sign_in(catalogue, "db/ann", "db/ann", "db/bob", "anon/anon")
    with psycopg.connect(catalogue) as conn:
        ids = [str(row[0]) for row in conn.execute("SELECT id FROM session")]
    listed = beamcat("sessions", "list")
    assert "shared" in listed.out
    found = records(beamcat("sessions", "list", "--json"))
    assert sorted(each["user"] for each in found) == ["anon/anon", "db/ann", "db/ann", "db/bob"]
    assert not any(id in listed.out or id in json.dumps(found) for id in ids)
    counts = {each["authenticator"]: each for each in records(beamcat("sessions", "list", "--summary", "--json"))}
    assert (counts["db"]["sessions"], counts["db"]["users"], counts["anon"]["shared"]) == (3, 2, True)
    assert "db" in beamcat("sessions", "list", "--summary").out
    assert beamcat("sessions", "end", "--user", "db/ann").out == "Sessions ended: 2.\n"
    (bob,) = records(beamcat("sessions", "list", "--user", "db/bob", "--json"))
    ended = beamcat("sessions", "end", "--fingerprint", bob["fingerprint"])
    assert ended.out == f"The session {bob['fingerprint']} of db/bob is ended.\n"
    assert "no session" in one_line(beamcat("sessions", "end", "--fingerprint", bob["fingerprint"]))
    assert beamcat("sessions", "end").status == 2
    assert beamcat("sessions", "end", "--all", "--user", "db/ann").status == 2
    assert beamcat("sessions", "end", "--all").out == "Sessions ended: 1.\n"


@pytest.fixture
def running(tmp_path: Path, database_url: str) -> Iterator[Beamcat]:
    config = (
        f'[database]\nurl = "{database_url}"\n[authenticator.db]\nkind = "db"\n[authenticator.anon]\nkind = "anon"\n'
    )
    server = Beamcat(tmp_path / "server", "--port", "0", "--workers", "2", config=config)
    yield server
    server.stop()


def test_a_running_server_feels_ended_sessions_and_a_changed_password(
    beamcat: Command, running: Beamcat, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.setenv("BEAMCAT_DATABASE__URL", database_url)

    def asked(plugin: str, *credentials: dict[str, str]) -> httpx.Response:
        wanted = {"plugin": plugin, "credentials": list(credentials)}
        return running.http.post("/icat/session", data={"json": json.dumps(wanted)})

    def session(password: str) -> str:
        answer = asked("db", {"username": "ann"}, {"password": password})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["sessionId"])

    def is_over(session_id: str) -> bool:
        """Whether no worker knows it: a new connection each time finds one or the other."""
        answers = [httpx.get(f"{running.url}/icat/session/{session_id}", trust_env=False) for _ in range(6)]
        return {answer.status_code for answer in answers} == {403}

    assert beamcat("user", "add", "ann", typed="first\n").status == 0
    first = session("first")
    assert not is_over(first)
    assert beamcat("user", "passwd", "ann", typed="second\n").out.endswith("Sessions ended: 1.\n")
    eventually(lambda: is_over(first))
    assert asked("db", {"username": "ann"}, {"password": "first"}).status_code == 403
    second, shared = session("second"), str(asked("anon").json()["sessionId"])
    assert beamcat("sessions", "end", "--all").status == 0
    eventually(lambda: is_over(second) and is_over(shared))
    again = str(asked("anon").json()["sessionId"])
    assert running.http.get(f"/icat/session/{again}").status_code == 200
    assert beamcat("user", "remove", "ann").status == 0
    assert asked("db", {"username": "ann"}, {"password": "second"}).status_code == 403
