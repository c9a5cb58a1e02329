"""Mails about finished downloads, to a real mail server (data service specification, C.6)."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.store.requests.conftest import Facility
from tests.store.requests.mail_server import MailServer

ADDRESS = "ann@example.org"


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    started = MailServer()
    yield started
    started.stop()


@pytest.fixture
def chosen(mail_server: MailServer, request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    mail: dict[str, Any] = {"enabled": True, "host": "127.0.0.1", "sender": "Data <data@example.org>", "timeout_s": 5}
    if request.cls is TestWithAPassword:
        certificate, context = certified(tmp_path)
        mail |= {"host": "localhost", "security": "starttls", "ca_file": certificate}
        mail |= {"username": "beamcat", "password": "right", "port": mail_server.start(context, "right")}
    else:
        mail["port"] = mail_server.start()
    return {"mail": mail}


async def complete(facility: Facility, **more: Any) -> int:
    identifier = await facility.request(email=ADDRESS, **more)
    await facility.turn()
    facility.restore()
    await facility.turn()
    return identifier


async def post(facility: Facility) -> bool:
    assert facility.requests.posting is not None
    await facility.site.value("WITH due AS (UPDATE download_mail SET due = now()) SELECT 1")
    return await facility.requests.posting.send()


async def is_sent(facility: Facility, identifier: int) -> bool:
    return (await facility.requests.downloads.find(identifier)).email_sent


async def test_one_mail_is_sent(facility: Facility, mail_server: MailServer) -> None:
    identifier = await complete(facility, file_name="données")
    assert not await is_sent(facility, identifier)
    assert await post(facility)
    assert not await post(facility)
    (mail,) = mail_server.mails
    assert mail["To"] == ADDRESS
    assert mail["From"] == "Data <data@example.org>"
    assert mail["Subject"] == "Your download données is ready"
    prepared = (await facility.requests.downloads.find(identifier)).prepared
    url = f"http://127.0.0.1:8080/ids/getData?preparedId={prepared}&outname=donn%C3%A9es"
    assert url in mail.get_content()
    assert await is_sent(facility, identifier)


async def test_a_server_that_is_away_is_waited_for(facility: Facility, mail_server: MailServer) -> None:
    identifier = await complete(facility)
    mail_server.answer = "451 later"
    assert await post(facility)
    assert mail_server.tries == 1
    assert not await facility.requests.posting.send()  # type: ignore[union-attr]
    mail_server.answer = "250 taken"
    assert await post(facility)
    assert [mail["To"] for mail in mail_server.mails] == [ADDRESS]
    assert await is_sent(facility, identifier)


async def test_a_mail_that_is_refused_is_not_sent_again(facility: Facility, mail_server: MailServer) -> None:
    identifier = await complete(facility)
    mail_server.answer = "550 no such mailbox"
    assert await post(facility)
    assert not await post(facility)
    assert not await is_sent(facility, identifier)
    assert await facility.mails() == []


async def test_a_mail_is_given_up_after_some_days(facility: Facility, mail_server: MailServer) -> None:
    identifier = await complete(facility)
    mail_server.answer = "451 later"
    await facility.site.value("WITH old AS (UPDATE download SET completed = now() - interval '73 hours') SELECT 1")
    assert await post(facility)
    assert not await post(facility)
    assert not await is_sent(facility, identifier)


async def test_a_mail_that_was_taken_as_the_sender_died_is_known_again(
    facility: Facility, mail_server: MailServer
) -> None:
    await complete(facility)
    assert await post(facility)
    first = mail_server.mails[0]["Message-ID"]
    await facility.site.value(
        "WITH lost AS (INSERT INTO download_mail (download_id, custom_value, due) SELECT id, '', now() FROM download)"
        " SELECT 1"
    )
    assert await post(facility)
    assert [mail["Message-ID"] for mail in mail_server.mails] == [first, first]


class TestWithAPassword:
    async def test_it_goes_over_a_protected_connection(self, facility: Facility, mail_server: MailServer) -> None:
        identifier = await complete(facility)
        assert await post(facility)
        assert [mail["To"] for mail in mail_server.mails] == [ADDRESS]
        assert await is_sent(facility, identifier)


def certified(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for localhost, and the context of a server that has it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "mail.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = folder / "mail.key"
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, private)
    return file, context
