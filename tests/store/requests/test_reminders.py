"""Mails about downloads that have come to a stop, to a real mail server (data service specification, E.4.3)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from beamcat.store.deliveries.counting import Account, Note
from beamcat.store.deliveries.table import DeliveryTable
from beamcat.store.requests.downloads import Delivered, Download
from tests.store.requests.conftest import Facility
from tests.store.requests.mail_server import MailServer

SIZE = 40_000_000
HOUR = 3600.0


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    started = MailServer()
    yield started
    started.stop()


@pytest.fixture
def more() -> dict[str, Any]:
    """Settings of the section `downloads.mail`."""
    return {}


@pytest.fixture
def chosen(mail_server: MailServer, more: dict[str, Any]) -> dict[str, Any]:
    mail = {"enabled": True, "host": "127.0.0.1", "sender": "data@example.org", "port": mail_server.start()}
    return {"mail": {**mail, **more}}


async def begun(facility: Facility, *arrived: tuple[int, int], ago_s: float, dataset: int = 0) -> Download:
    """A complete download of which these bytes have arrived, the last of them a while ago; its mail is sent."""
    identifier = await facility.request(dataset, email="ann@example.org", file_name="my data")
    await facility.turn()
    facility.restore()
    await facility.turn()
    await post(facility)
    download = await facility.requests.downloads.find(identifier)
    assert download.prepared is not None
    await deliver(facility, download.prepared, *arrived, ago_s=ago_s)
    return download


async def deliver(facility: Facility, prepared: UUID, *arrived: tuple[int, int], ago_s: float) -> None:
    at = time.time() - ago_s
    account = Account(prepared, "db/ann", '"z1-a"', SIZE)
    note = Note(account, list(arrived), requests=1, sent=100, first_at=at - 60, last_at=at)
    await DeliveryTable(facility.site.database).add([note])


async def post(facility: Facility) -> None:
    assert facility.requests.posting is not None
    await facility.site.value("WITH due AS (UPDATE download_mail SET due = now()) SELECT 1")
    await facility.requests.posting.send()


async def test_who_has_come_to_a_stop_is_told_once_how_to_go_on(facility: Facility, mail_server: MailServer) -> None:
    download = await begun(facility, (0, 10_000_000), ago_s=2 * HOUR)
    assert await facility.requests.reminders.write() == [download.id]
    assert await facility.requests.reminders.write() == []
    await post(facility)
    ready, reminder = mail_server.mails
    assert reminder["To"] == "ann@example.org"
    assert reminder["Subject"] == "Your download my data has come to a stop"
    assert reminder["Message-ID"] != ready["Message-ID"]
    text = reminder.get_content().replace("\r\n", "\n")
    url = f"http://127.0.0.1:8080/ids/getData?preparedId={download.prepared}&outname=my%20data"
    assert "10.0 MB of 40 bytes of your download" in text  # of the size that the catalogue says
    assert f"\ncurl -C - -o 'my data.zip' '{url}'\n" in text
    assert f"\naria2c -c -x8 -s8 -k16M --retry-wait=60 --max-tries=0 -o 'my data.zip' '{url}'\n" in text
    assert f"\nbeamcat get --server http://127.0.0.1:8080 {download.prepared}\n" in text
    stop = f"http://127.0.0.1:8080/topcat/reminders/stop?preparedId={download.prepared}"
    assert reminder["List-Unsubscribe"] == f"<{stop}>"
    assert reminder["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert stop in text
    assert f"http://127.0.0.1:8080/ids/getMetalink?preparedId={download.prepared}" in ready.get_content()
    assert (await facility.requests.downloads.find(download.id)).email_sent


@pytest.mark.parametrize(
    ("arrived", "ago_s"),
    [((0, 10), 0.5 * HOUR), ((0, SIZE), 2 * HOUR), ((0, 10), 200 * HOUR)],
    ids=["still moving", "complete", "long ago"],
)
async def test_who_needs_no_reminder_gets_none(facility: Facility, arrived: tuple[int, int], ago_s: float) -> None:
    await begun(facility, arrived, ago_s=ago_s)
    assert await facility.requests.reminders.write() == []


async def test_who_has_fetched_it_again_and_in_full_is_not_reminded(facility: Facility) -> None:
    download = await begun(facility, (0, 10), ago_s=3 * HOUR)
    assert download.prepared is not None
    await deliver(facility, download.prepared, (10, SIZE), ago_s=2 * HOUR)
    assert await facility.requests.reminders.write() == []


async def test_who_wants_no_reminders_gets_none(facility: Facility) -> None:
    reminders = facility.requests.reminders
    first = await begun(facility, (0, 10), ago_s=2 * HOUR)
    assert await reminders.are_wanted(facility.ann)
    assert first.prepared is not None
    await reminders.refuse(first.prepared)
    assert not await reminders.are_wanted(facility.ann)
    assert await reminders.write() == []
    await reminders.want(facility.ann, value=True)
    assert await reminders.write() == [first.id]
    await reminders.want(facility.ann, value=False)
    await begun(facility, (0, 10), ago_s=2 * HOUR, dataset=1)
    assert await reminders.write() == []


@pytest.mark.parametrize("more", [{"remind": False}])
async def test_a_facility_may_send_none(facility: Facility) -> None:
    await begun(facility, (0, 10), ago_s=2 * HOUR)
    assert await facility.requests.reminders.write() == []


async def test_a_download_tells_how_much_of_it_has_arrived(facility: Facility) -> None:
    download = await begun(facility, (0, 10), (20, 25), ago_s=2 * HOUR)
    assert download.delivered == Delivered()
    found = await facility.requests.downloads.find(download.id)
    assert (found.delivered.bytes, found.delivered.complete) == (15, False)
    assert found.delivered.last_byte is not None
    assert download.prepared is not None
    await deliver(facility, download.prepared, (0, SIZE), ago_s=1)
    found = await facility.requests.downloads.find(download.id)
    assert (found.delivered.bytes, found.delivered.complete) == (SIZE, True)
