"""Brokers told of changes and calls by a real server, as ICAT tells them (ICAT specification H)."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import zeep
from pydantic import ValidationError

from beamcat.config import CallSettings, NotificationSettings, Settings, load_settings
from beamcat.database.outbox import ChangeKind, Origin
from beamcat.errors import ValidationFailed
from beamcat.events.calls import GROUPS, Call
from beamcat.events.event import Event
from beamcat.events.messages import Message, message_of
from beamcat.events.notifications import ChangeNotifier, check_notifications
from tests.conformance.client import IcatError, Session, sign_in
from tests.conftest import TestServer
from tests.running import Beamcat, eventually

from .listening import AmqpListener, Listener, Received, StompListener
from .rabbitmq import PASSWORD, RabbitMQ

ROOTS_PASSWORD = "root's own"
ENTITIES = '{ Facility = "CUD", InvestigationType = "CUD", DatasetType = "U", Grouping = "C" }'
EVERYTHING = '["READ", "WRITE", "SESSION"]'

CONFIG = """
[catalogue]
root_user_names = ["simple/root"]

[authenticator.simple]
kind = "simple"
users = {{ root = "{roots_password}" }}

[database]
url = "{database}"

[notifications.main]
url = "{amqp}"
exchange = "main"
entities = {entities}
log = {everything}
timeout_s = 5

[notifications.mirror]
url = "{stomp}"
destination = "/topic/mirror"
log_destination = "/topic/mirror.log"
entities = {entities}
log = {everything}
timeout_s = 5

[notifications.all]
url = "{amqp}"
exchange = "all"
entities = {entities}
origins = ["call", "below", "import", "sign-in"]

[notifications.secure]
url = "{amqps}"
ca_file = "{ca_file}"
exchange = "secure"
entities = {{ Grouping = "C" }}

[notifications.secure-mirror]
url = "{stomps}"
ca_file = "{ca_file}"
destination = "/topic/secure"
entities = {{ Grouping = "C" }}

[notifications.wrong]
url = "{wrong}"
entities = {{ Grouping = "C" }}

[notifications.wrong-mirror]
url = "{wrong_mirror}"
entities = {{ Grouping = "C" }}
"""
READERS = {
    *(
        f"notifications-{name}"
        for name in ("main", "mirror", "all", "secure", "secure-mirror", "wrong", "wrong-mirror")
    ),
    "calls-main",
    "calls-mirror",
}

numbers = itertools.count()


@dataclass(frozen=True)
class Facility:
    """A server that tells the brokers, and its database."""

    beamcat: Beamcat
    database: str
    rabbitmq: RabbitMQ

    def root(self) -> Session:
        return sign_in(self.beamcat.http, "simple", username="root", password=ROOTS_PASSWORD)

    def positions(self) -> dict[str, int]:
        """How far each reader has come."""
        with psycopg.connect(self.database) as conn:
            return dict(conn.execute("SELECT name, position FROM event_reader").fetchall())

    def newest(self) -> int | None:
        """The position of the newest event; None while one waits for a position."""
        with psycopg.connect(self.database) as conn:
            row = conn.execute(
                "SELECT coalesce(max(position), 0) FROM event HAVING NOT EXISTS (SELECT FROM event_inbox)"
            ).fetchone()
        return None if row is None else int(row[0])

    def is_told(self) -> bool:
        """Whether the brokers that can be told have been told of everything."""
        newest, positions = self.newest(), self.positions()
        return newest is not None and all(
            position >= newest
            for reader, position in positions.items()
            if reader.startswith("notif") and "wrong" not in reader
        )


@pytest.fixture(scope="module")
def facility(
    rabbitmq: RabbitMQ, server: TestServer, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Facility]:
    name = server.create(template)
    config = CONFIG.format(
        roots_password=ROOTS_PASSWORD,
        database=server.url(name),
        entities=ENTITIES,
        everything=EVERYTHING,
        ca_file=rabbitmq.ca_file,
        wrong=rabbitmq.url("amqp", password="wr0ng"),
        wrong_mirror=rabbitmq.url("stomp", password="wr0ng"),
        **{protocol: rabbitmq.url(protocol) for protocol in ("amqp", "amqps", "stomp", "stomps")},
    )
    beamcat = Beamcat(tmp_path_factory.mktemp("notifications") / "home", "--port", "0", config=config)
    running = Facility(beamcat, server.url(name), rabbitmq)
    eventually(lambda: running.positions().keys() >= READERS)
    yield running
    assert beamcat.stop() == 0, beamcat.log.read_text()[-4000:]
    assert "unforeseen" not in beamcat.log.read_text()
    server.drop(name)


async def listen(facility: Facility, broker: str, *, log: bool = False) -> Listener:
    """A new listener of one of the brokers of `CONFIG`, when all that was before is told."""
    eventually(facility.is_told)
    rabbitmq = facility.rabbitmq
    queue = f"notifications-{next(numbers)}"
    if broker in {"mirror", "secure-mirror"}:
        topic = broker.removesuffix("-mirror")
        return await StompListener.open(rabbitmq, queue, destination=f"/topic/{topic}{'.log' if log else ''}")
    keys = ("log.*",) if log else ("Facility.*", "InvestigationType.*", "Grouping.C")
    return await AmqpListener.open(rabbitmq, queue, *keys, exchange=broker)


@pytest.fixture
async def listeners(facility: Facility) -> AsyncIterator[list[Listener]]:
    """Those of `main` and `mirror`, who are told the same."""
    opened = [await listen(facility, broker) for broker in ("main", "mirror")]
    yield opened
    for listener in opened:
        await listener.close()


def end(root: Session) -> int:
    """The id of a new `Grouping`: its message comes after those of all that was done before."""
    return root.create("Grouping", name=f"the end {next(numbers)}")


async def told(listener: Listener, last: int) -> list[Received]:
    """All messages up to that of `end`."""
    received: list[Received] = []
    while not received or received[-1].body != {"entity": "Grouping", "operation": "C", "id": last}:
        received += await listener.take(1)
    return received[:-1]


def form(changes: Sequence[tuple[str, str, int]]) -> list[tuple[dict[str, str], dict[str, Any], str, bool]]:
    """What ICAT tells of these changes."""
    told = []
    for entity, operation, number in changes:
        properties = {"entity": entity, "operation": operation}
        told.append((properties, {**properties, "id": number}, "application/json", True))
    return told


def parts(received: Sequence[Received]) -> list[tuple[dict[str, str], dict[str, Any], str, bool]]:
    return [(each.properties, each.body, each.content_type, each.persistent) for each in received]


def in_any_order(received: Received) -> tuple[str, str, int]:
    [fact] = facts([received])
    return fact


def facts(received: Sequence[Received]) -> list[tuple[str, str, int]]:
    return [(each.body["entity"], each.body["operation"], each.body["id"]) for each in received]


async def test_rest_calls_announce_every_object_they_create_or_change_and_name_for_deletion(
    facility: Facility, listeners: list[Listener]
) -> None:
    root = facility.root()
    every = await listen(facility, "all")
    nested = {"investigationTypes": [{"name": "a"}, {"name": "b"}], "datasetTypes": [{"name": "c"}]}
    created = root.create("Facility", name=f"rest {next(numbers)}", **nested)
    (a, b) = root.search(f"SELECT t.id FROM InvestigationType t WHERE t.facility.id = {created} ORDER BY t.name")
    changes = [
        {"Facility": {"id": created, "url": "http://here"}},
        {"InvestigationType": {"id": a, "description": "A"}},
    ]
    assert root.write(changes) == []
    copy = root.clone("Facility", created, {"name": f"copy {next(numbers)}"})
    copies = root.search(f"SELECT t.id FROM InvestigationType t WHERE t.facility.id = {copy} ORDER BY t.id")
    root.delete(("InvestigationType", b))
    root.delete(("Facility", created))
    last = end(root)
    expected = [
        ("Facility", "C", created),
        ("InvestigationType", "C", a),
        ("InvestigationType", "C", b),
        ("Facility", "U", created),
        ("InvestigationType", "U", a),
        ("Facility", "C", copy),
        *(("InvestigationType", "C", each) for each in copies),
        ("InvestigationType", "D", b),
        ("Facility", "D", created),
    ]
    assert len(copies) == 2
    for listener in listeners:
        received = await told(listener, last)
        assert parts(sorted(received, key=in_any_order)) == form(sorted(expected))
    below = ("InvestigationType", "D", a)
    assert sorted(facts(await told(every, last))) == sorted([*expected, below])
    await every.close()


async def test_soap_calls_announce_what_they_name_and_not_what_is_below(
    facility: Facility, listeners: list[Listener]
) -> None:
    client: Any = zeep.Client(f"{facility.beamcat.url}/ICATService/ICAT?wsdl")
    entries = [{"key": "username", "value": "root"}, {"key": "password", "value": ROOTS_PASSWORD}]
    session = client.service.login("simple", {"entry": entries})
    types = {name: client.get_type(f"{{http://icatproject.org}}{name}") for name in ("facility", "investigationType")}
    every = await listen(facility, "all")

    def a_facility(**members: Any) -> Any:
        return types["facility"](name=f"soap {next(numbers)}", **members)

    created = client.service.create(
        session, a_facility(investigationTypes=[types["investigationType"](name=name) for name in "xy"])
    )
    many = client.service.createMany(session, [a_facility(), a_facility()])
    client.service.update(session, types["facility"](id=created, name=f"soap {next(numbers)}"))
    client.service.deleteMany(session, [types["facility"](id=number) for number in many])
    root = facility.root()
    last = end(root)
    expected = [
        ("Facility", "C", created),
        *(("Facility", "C", number) for number in many),
        ("Facility", "U", created),
        *(("Facility", "D", number) for number in many),
    ]
    for listener in listeners:
        assert parts(await told(listener, last)) == form(expected)
    below = root.search(f"SELECT t.id FROM InvestigationType t WHERE t.facility.id = {created}")
    assert len(below) == 2
    assert sorted(facts(await told(every, last))) == sorted(
        [*expected, *(("InvestigationType", "C", number) for number in below)]
    )
    await every.close()


async def test_imports_are_announced_only_to_whom_the_settings_say_so(
    facility: Facility, listeners: list[Listener]
) -> None:
    root = facility.root()
    every = await listen(facility, "all")
    name = f"imported {next(numbers)}"
    order = json.dumps({"sessionId": root.id, "duplicate": "THROW", "attributes": "USER"})
    dump = f'1.0\n\nFacility(name:0)\n"{name}"\n'
    sent = root.http.post("/icat/port", data={"json": order}, files={"file": ("dump", dump)})
    assert sent.status_code == httpx.codes.NO_CONTENT, sent.text
    [imported] = root.search(f"SELECT f.id FROM Facility f WHERE f.name = '{name}'")
    last = end(root)
    for listener in listeners:
        assert await told(listener, last) == []
    assert facts(await told(every, last)) == [("Facility", "C", imported)]
    await every.close()


@pytest.mark.parametrize("broker", ["main", "mirror"])
async def test_successful_calls_are_announced_with_icats_members_and_without_secrets(
    facility: Facility, broker: str
) -> None:
    listener = await listen(facility, broker, log=True)
    before = datetime.now(UTC).timestamp() * 1000
    root = facility.root()
    name = f"calls {next(numbers)}"
    number = root.create("Facility", name=name)
    found = f"SELECT f FROM Facility f WHERE f.name = '{name}'"
    root.search(found)
    root.search(f"SELECT f.name FROM Facility f WHERE f.name = '{name}'")
    root.get("Facility", number)
    with pytest.raises(IcatError):
        root.search("SELECT x FROM Nothing x")
    with pytest.raises(IcatError):
        sign_in(root.http, "simple", username="root", password="not root's")
    copy = root.clone("Facility", number, {"name": f"calls {next(numbers)}"})
    root.delete(("Facility", copy), ("Facility", number))
    root.http.put(f"/icat/session/{root.id}").raise_for_status()
    root.http.delete(f"/icat/session/{root.id}").raise_for_status()
    received: list[Received] = []
    while not received or received[-1].properties["operation"] != "logout":
        received += [each for each in await listener.take(1) if int(each.properties["start"]) >= before - 1]
    user, about = {"userName": "simple/root"}, {"entityName": "Facility", "entityId": number}
    names = f"SELECT f.name FROM Facility f WHERE f.name = '{name}'"
    assert [(each.properties["operation"], each.body) for each in received] == [
        ("login", user),
        ("write", user | about),
        ("search", user | about | {"query": found}),
        ("search", user | {"query": names}),
        ("get", user | about | {"query": "Facility"}),
        ("write", user | about | {"entityId": copy}),
        ("delete", user | about | {"entityId": copy}),
        ("refresh", user),
        ("logout", user),
    ]
    for each in received:
        assert each.properties.keys() == {"operation", "ip", "millis", "start"}
        assert each.properties["ip"] == "127.0.0.1"
        assert 0 <= int(each.properties["millis"]) < 60_000
        assert int(each.properties["start"]) < before + 600_000
        assert not any(secret in str(each) for secret in (root.id, ROOTS_PASSWORD, "not root's"))
    await listener.close()


@pytest.mark.parametrize("broker", ["secure", "secure-mirror"])
async def test_brokers_are_told_over_tls(facility: Facility, broker: str) -> None:
    listener = await listen(facility, broker)
    last = end(facility.root())
    assert facts(await listener.take(1)) == [("Grouping", "C", last)]
    await listener.close()


async def test_a_wrong_password_is_in_the_log_in_clear_words_and_holds_up_nobody_else(
    facility: Facility, listeners: list[Listener]
) -> None:
    last = end(facility.root())
    for listener in listeners:
        assert await told(listener, last) == []
    for protocol in ("amqp", "stomp"):
        refusal = f"the broker {protocol}://localhost:{facility.rabbitmq.ports[protocol]} refuses the login of beamcat"
        eventually(lambda refusal=refusal: refusal in facility.beamcat.log.read_text())
    log = facility.beamcat.log.read_text()
    assert "notifications-wrong" in log
    assert "wr0ng" not in log
    assert PASSWORD not in log


async def test_what_happens_while_the_broker_is_away_is_told_in_order_when_it_is_back(
    facility: Facility, listeners: list[Listener]
) -> None:
    root = facility.root()
    for listener in listeners:
        await listener.close()
    facility.rabbitmq.stop()
    try:
        made = [root.create("Facility", name=f"outage {next(numbers)}") for _ in range(60)]
        eventually(lambda: 'beamcat_event_reader_lag{reader="notifications-main"} 60.0' in metrics(facility))
    finally:
        facility.rabbitmq.start()
    last = end(root)
    for listener in listeners:
        await listener.reconnect()
        once = list(dict.fromkeys(facts(await told(listener, last))))
        assert once == [("Facility", "C", number) for number in made]


def metrics(facility: Facility) -> str:
    return facility.beamcat.http.get("/metrics").text


async def test_every_object_is_told_of_when_a_worker_is_killed_while_it_tells(
    facility: Facility, listeners: list[Listener]
) -> None:
    root = facility.root()
    before = eventually(facility.newest)
    made = root.write([{"Grouping": {"name": f"killed {next(numbers)}"}} for _ in range(5000)])
    received = [await listener.take(100) for listener in listeners]
    [worker] = facility.beamcat.workers()
    os.kill(worker, signal.SIGKILL)
    positions = facility.positions()
    assert positions["notifications-main"] <= before or positions["notifications-mirror"] <= before
    last = eventually(lambda: try_to_end(facility))
    for listener, first in zip(listeners, received, strict=True):
        assert set(facts(first + await told(listener, last))) == {("Grouping", "C", number) for number in made}


def try_to_end(facility: Facility) -> int | None:
    """As `end`, when the server answers again."""
    try:
        return end(facility.root())
    except httpx.TransportError:
        return None


class Notebook:
    """A broker that writes down what it is told."""

    def __init__(self) -> None:
        self.batches: list[list[Message]] = []

    async def publish(self, messages: Sequence[Message]) -> None:
        self.batches.append(list(messages))

    async def close(self) -> None: ...


EVENT = Event(
    7, datetime.now(UTC), "db/ann", "-", "Dataset", ChangeKind.CREATED, Origin.CALL, ((1, 1234), (2000, 2000))
)


async def test_a_large_event_is_told_in_batches_one_message_per_object() -> None:
    notebook = Notebook()
    settings = NotificationSettings(url="amqp://host", entities={"Dataset": "C"})
    unheard = [replace(EVENT, entity="Datafile"), replace(EVENT, operation=ChangeKind.UPDATED)]
    await ChangeNotifier("main", settings, notebook).handle([*unheard, EVENT, replace(EVENT, position=8)])
    assert [len(batch) for batch in notebook.batches] == [500, 500, 500, 500, 470]
    messages = [message for batch in notebook.batches for message in batch]
    assert [json.loads(message.body)["id"] for message in messages] == [*range(1, 1235), 2000] * 2
    assert len({message.id for message in messages}) == 2470
    assert {message.routing_key for message in messages} == {"Dataset.C"}


CALL = Call(3, datetime.now(UTC), 1.6, "icat_rest", "search", "ok", "db/ann", "192.0.2.7", "-", None, None, "x")


def test_only_successful_calls_of_the_groups_that_were_asked_for_are_messages() -> None:
    assert message_of(CALL, ["READ"]) is not None
    assert message_of(CALL, ["WRITE", "SESSION"]) is None
    assert message_of(replace(CALL, outcome="FORBIDDEN"), ["READ"]) is None


def test_calls_that_icat_does_not_announce_are_no_messages() -> None:
    every = {operation: message_of(replace(CALL, operation=operation), set(GROUPS.values())) for operation in GROUPS}
    told = {operation: message.properties["operation"] for operation, message in every.items() if message}
    same = ("login", "logout", "refresh", "get", "search", "create", "createMany", "update", "delete", "write")
    assert told == {operation: operation for operation in same} | {"clone": "write"}


def test_times_of_calls_are_whole_milliseconds() -> None:
    message = message_of(CALL, ["READ"])
    assert message is not None
    start = int(CALL.started.timestamp() * 1000)
    assert message.properties["millis"] == 2
    assert abs(int(message.properties["start"]) - start) <= 1


def given(**more: Any) -> Settings:
    return Settings(notifications={"main": {"url": "amqp://host", **more}}, **{})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"entities": {"Dataset": "CX"}}, "Dataset = 'CX': give letters of CUD"),
        ({"entities": {"Dataset": ""}}, "give letters of CUD"),
        ({"url": "http://host"}, "amqp://, amqps://, stomp:// or stomps:// and a host"),
        ({"url": "amqp://"}, "and a host"),
        ({"url": "amqp://ann:s?cret@host"}, "and a host"),
        ({"url": "amqp://ann:secret@host/?heartbeat=1"}, "ends with the virtual host"),
        ({"url": "amqp://host:port"}, "and a host"),
        ({"log": ["EVERYTHING"]}, "'READ', 'WRITE' or 'SESSION'"),
        ({"exchange": ""}, "pattern"),
        ({"queue": "icat"}, "Extra inputs are not permitted"),
    ],
)
def test_a_setting_wrongly_written_is_said(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as error:
        given(**wrong)
    assert said in str(error.value)


def test_a_broker_has_a_plain_name() -> None:
    with pytest.raises(ValidationError, match="a name consists of letters, digits, - and _"):
        Settings(notifications={"a b": {"url": "amqp://host"}})


def test_an_unknown_entity_and_calls_that_are_not_recorded_are_said() -> None:
    check_notifications(given(entities={"Dataset": "CUD"}, log=["READ"]))
    with pytest.raises(ValidationFailed, match=r"notifications\.main\.entities: no entity Datset"):
        check_notifications(given(entities={"Datset": "C"}))
    with pytest.raises(ValidationFailed, match=r"notifications\.main\.log: calls\.record has no READ"):
        check_notifications(given(log=["READ"]).model_copy(update={"calls": CallSettings(record=("WRITE",))}))


def test_the_server_does_not_start_with_an_unknown_entity(tmp_path: Path) -> None:
    config = tmp_path / "beamcat.toml"
    config.write_text('[notifications.main]\nurl = "amqp://ann:secret@host"\nentities = { Datset = "C" }\n')
    command = [sys.executable, "-m", "beamcat", "serve", "--config", str(config), "--home", str(tmp_path / "home")]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert tried.returncode == 1
    assert tried.stderr == "beamcat: the settings are not right: notifications.main.entities: no entity Datset\n"


def test_the_password_of_a_broker_is_not_shown(tmp_path: Path) -> None:
    config = tmp_path / "beamcat.toml"
    config.write_text('[notifications.main]\nurl = "amqp://ann:sunshine@host"\n')
    assert "sunshine" not in repr(load_settings(config))
