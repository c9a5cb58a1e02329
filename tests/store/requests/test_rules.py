"""Rules of requests that need no database: parts, priorities, transports, addresses, mails."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from pydantic import ValidationError

from beamcat.config import DownloadMailSettings, DownloadQueueSettings, DownloadSettings, TransportSettings
from beamcat.errors import BadParameter
from beamcat.store.requests.downloads import Download, DownloadStatus
from beamcat.store.requests.items import Kind, Portion, Reference
from beamcat.store.requests.mails import human, mail_about, tokens_of
from beamcat.store.requests.priorities import Standing, decide
from beamcat.store.requests.submitting import checked_address, part_name, parts
from beamcat.store.requests.transports import may_use


@pytest.mark.parametrize(
    ("files", "packed"),
    [
        ([100, 100, 100], [[100], [100], [100]]),
        ([50, 50, 50], [[50, 50], [50]]),
        ([1, 500, 1], [[1], [500], [1]]),
        ([500], [[500]]),
        ([0, 0, 100, 0], [[0, 0, 100, 0]]),
        ([], []),
    ],
)
def test_datasets_are_packed_in_order_and_never_split(files: list[int], packed: list[list[int]]) -> None:
    portions = [Portion(Reference(Kind.DATASET, number), count, count) for number, count in enumerate(files)]
    found = parts(portions, 100)
    assert [[portion.files for portion in part] for part in found] == packed
    assert [portion for part in found for portion in part] == portions


def test_parts_sort_by_their_names() -> None:
    assert part_name("x", 1, 3) == "x_part_1_of_3"
    assert part_name("x", 7, 120) == "x_part_007_of_120"


QUEUE = DownloadQueueSettings(
    default_priority=9,
    users={"simple/root": 1, "simple/mallory": 0},
    groupings={"staff": 4, "banned": 0},
    instrument_scientists={"I1": 2},
    instrument_scientist=3,
    investigation_users={"PI": 5},
    investigation_user=6,
    authenticators={"anon": 0, "db": 7},
)


@pytest.mark.parametrize(
    ("name", "standing", "priority"),
    [
        ("simple/root", Standing(groups=("staff",)), 1),
        ("simple/mallory", Standing(groups=("staff",)), 0),
        ("db/ann", Standing(groups=("staff", "other")), 4),
        ("db/ann", Standing(groups=("staff",), instruments=("I1",)), 2),
        ("db/ann", Standing(instruments=("I2",), roles=("PI",)), 3),
        ("db/ann", Standing(roles=("PI", "user")), 5),
        ("db/ann", Standing(roles=("user",)), 6),
        ("db/ann", Standing(groups=("banned",)), 0),
        ("db/ann", Standing(groups=("banned",), roles=("PI",)), 5),
        ("db/ann", Standing(groups=("other",)), 7),
        ("anon/anon", Standing(), 0),
        ("ldap/ann", Standing(), 9),
    ],
)
def test_the_best_that_a_user_is_decides(name: str, standing: Standing, priority: int) -> None:
    assert decide(QUEUE, name, standing) == priority


def test_nobody_may_queue_unless_the_settings_say_so() -> None:
    assert decide(DownloadQueueSettings(), "simple/root", Standing(groups=("staff",), roles=("PI",))) == 0


def test_members_of_its_groups_may_use_a_transport_before_anything_else() -> None:
    staff, both = TransportSettings(groupings=("staff",)), {"staff"}
    assert may_use(TransportSettings(), "anon/anon", set())
    assert may_use(staff, "db/ann", both)
    assert not may_use(staff, "db/ann", {"users"})
    not_anon = TransportSettings(disallowed_authenticators=("anon",))
    assert may_use(not_anon, "db/ann", set())
    assert not may_use(not_anon, "anon/anon", set())
    assert may_use(TransportSettings(groupings=("staff",), disallowed_authenticators=("db",)), "db/ann", both)


@pytest.mark.parametrize("address", ["x", "a@b c", "a@b\nBcc: c@d", "a@", "@b", "<a@b>", "a@b,c@d", "a@b..c", "é@b"])
def test_what_is_no_address_gets_no_mail(address: str) -> None:
    with pytest.raises(BadParameter):
        checked_address(address)


def test_addresses() -> None:
    assert checked_address(" ann.o'neil+x@mail.example.org ") == "ann.o'neil+x@mail.example.org"
    assert checked_address("") is None


DOWNLOAD = Download(
    id=7,
    facility="FAC",
    owner="db/ann",
    user_name="db/ann",
    full_name="Änn ${size}",
    transport="https",
    file_name="my data & more/ü",
    email="ann@example.org",
    email_sent=False,
    status=DownloadStatus.COMPLETE,
    priority=0,
    size=1_234_567,
    two_level=False,
    compress=False,
    prepared=UUID(int=5),
    created=datetime(2026, 1, 2, tzinfo=UTC),
    completed=datetime(2026, 1, 3, tzinfo=UTC),
    is_deleted=False,
    deleted=None,
    problem=None,
    items=(),
)


def test_a_mail_says_where_the_data_are() -> None:
    mail = mail_about(DOWNLOAD, "", DownloadSettings(), "https://data.example.org")
    text = mail.get_content()
    tokens = tokens_of(DOWNLOAD, "", "https://data.example.org/")
    assert tokens["downloadUrl"] in text
    assert tokens["resumeCommand"] in text
    assert "Dear Änn ${size}," in text
    assert "1.2 MB" in text
    assert mail["To"] == "ann@example.org"
    assert mail["Subject"] == "Your download my data & more/ü is ready"
    asked = urlsplit(tokens["downloadUrl"])
    assert asked.path == "/ids/getData"
    assert parse_qs(asked.query) == {"preparedId": [str(UUID(int=5))], "outname": ["my data & more/ü"]}
    assert "curl -C - -o 'my data & more_ü.zip' 'https://" in tokens["resumeCommand"]


def test_the_same_mail_has_the_same_message_id() -> None:
    first, again = (mail_about(DOWNLOAD, "", DownloadSettings(), "http://x")["Message-ID"] for _ in range(2))
    other = mail_about(replace(DOWNLOAD, id=8), "", DownloadSettings(), "http://x")["Message-ID"]
    assert first == again != other


def test_a_transport_has_its_own_words() -> None:
    globus = TransportSettings(
        mail_body="At ${customValue}, ${email}. ${unknown}", ids_url="https://globus.example.org"
    )
    mail = mail_about(
        replace(DOWNLOAD, transport="globus"), "share 12", DownloadSettings(transport={"globus": globus}), ""
    )
    assert mail.get_content() == "At share 12, ann@example.org. ${unknown}\n"


def test_a_mail_has_one_subject_whatever_a_file_is_called() -> None:
    evil = replace(DOWNLOAD, file_name="x\r\nBcc: all@example.org")
    mail = mail_about(evil, "", DownloadSettings(), "http://x")
    assert mail["Bcc"] is None
    assert "\r\nBcc" not in mail.as_bytes().decode().partition("\r\n\r\n")[0]


@pytest.mark.parametrize(
    ("size", "text"),
    [(-1, "unknown size"), (999, "999 bytes"), (1000, "1.0 kB"), (999_999, "1.0 MB"), (5 * 10**15, "5.0 PB")],
)
def test_sizes_for_people(size: int, text: str) -> None:
    assert human(size) == text


def test_a_password_is_not_sent_in_the_open() -> None:
    with pytest.raises(ValidationError, match="only with security"):
        DownloadMailSettings(username="beamcat", password="secret")  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="belong together"):
        DownloadMailSettings(username="beamcat", security="tls")
