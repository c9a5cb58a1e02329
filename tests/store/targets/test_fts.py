"""FTS as a target: its jobs, what they are together, and what they mean for a request (F.2, F.3, checks 140, 141)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from beamcat.config import FtsTargetSettings
from beamcat.errors import Unavailable
from beamcat.store.targets.contract import Begun, Order, Person, SourceFile, State
from beamcat.store.targets.fts import FtsTarget
from beamcat.store.targets.fts_rest import FtsRefuses
from beamcat.store.targets.fts_states import roll_up
from beamcat.testing.fts import Fts, Shelf, running_fts, running_shelf
from beamcat.testing.targets import (
    ANN,
    CONTENT,
    ORDER,
    Look,
    Make,
    Sources,
    TargetContract,
    batch_of,
    brought,
    ended,
    published,
)


@pytest.fixture
def fts() -> Iterator[Fts]:
    with running_fts() as running:
        yield running


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    """A storage to copy from and to."""
    with running_shelf() as running:
        yield running


def settings(fts: Fts, shelf: Shelf, **more: Any) -> FtsTargetSettings:
    destinations = {"home": {"url": f"{shelf.url}/users/${{user}}"}}
    given = {"kind": "fts", "url": fts.url, "destinations": destinations, "source_url": f"{shelf.url}/store", **more}
    return FtsTargetSettings.model_validate(given)


class TestFts(TargetContract):
    removes = False

    @pytest.fixture
    def make(self, fts: Fts, shelf: Shelf, sources: Sources) -> Make:
        for file in sources.files:
            shelf.files[f"/store/{file.location}"] = CONTENT[file.name]
        return lambda: FtsTarget("fts", settings(fts, shelf))

    @pytest.fixture
    def look(self, shelf: Shelf) -> Look:
        async def look(order: Order, file: SourceFile) -> bytes | None:
            return shelf.files.get(f"/users/ann/1-1/{order.id}/{file.name}")

        return look

    async def take_away(self, sources: Sources, file: SourceFile) -> None:
        self.shelf.files.pop(f"/store/{file.location}")

    @pytest.fixture(autouse=True)
    def _shelf(self, shelf: Shelf) -> None:
        self.shelf = shelf


@pytest.mark.parametrize(
    ("states", "together"),
    [
        (["FINISHED", "FINISHED"], "FINISHED"),
        (["FAILED"], "FAILED"),
        (["CANCELED", "CANCELED"], "CANCELED"),
        (["FINISHED", "FAILED"], "FINISHEDDIRTY"),
        (["FINISHED", "CANCELED"], "FINISHEDDIRTY"),
        (["FINISHEDDIRTY"], "FINISHEDDIRTY"),
        (["ARCHIVING", "ACTIVE", "FINISHED"], "ACTIVE"),
        (["ACTIVE", "STAGING"], "STAGING"),
        (["READY", "SUBMITTED"], "SUBMITTED"),
        (["ACTIVE", "SOMETHING"], "UNKNOWN"),
        ([], "FINISHED"),
    ],
)
def test_what_jobs_are_together(states: list[str], together: str) -> None:
    assert roll_up(states) == together


def files(count: int, shelf: Shelf) -> list[SourceFile]:
    """Files at the source, without a storage of ours."""
    found = []
    for number in range(count):
        content = f"{number}".encode()
        shelf.files[f"/store/1/{number}"] = content
        name = f"FAC/inv/1-1/ds/{number}"
        found.append(SourceFile(number, name, f"1/{number}", len(content), "v", None, f"{shelf.url}/none"))
    return found


async def test_a_job_says_all_that_fts_needs(fts: Fts, shelf: Shelf) -> None:
    (file,) = files(1, shelf)
    fts.wishes.going.clear()
    target = FtsTarget("fts", settings(fts, shelf, priority=4, activity="recall", strict_copy=True, retry=2))
    job = await target.begin(batch_of(target, ORDER, [replace(file, adler32=0x320032, name="a b/é#1")]))
    assert job == str(uuid5(uuid5(UUID("01874efb-4735-4595-bc9c-591aef8240c9"), "beamcat"), "beamcat-key-of-7-0-0"))
    (submitted,) = fts.jobs[job].files
    assert submitted.asked == {
        "sources": [f"{shelf.url}/store/1/0"],
        "destinations": [f"{shelf.url}/users/ann/1-1/7/a%20b/%C3%A9%231"],
        "checksum": "ADLER32:00320032",
        "filesize": 1,
        "metadata": {"datafile": 0},
        "activity": "recall",
    }
    wanted = {"verify_checksum": "target", "overwrite": True, "retry": 2, "priority": 4, "strict_copy": True}
    assert wanted.items() <= fts.jobs[job].params.items()


async def test_a_job_whose_answer_is_lost_is_found_again(fts: Fts, shelf: Shelf) -> None:
    found = files(3, shelf)
    target = FtsTarget("fts", settings(fts, shelf))
    fts.wishes.lose_next_answer = True
    with pytest.raises(Unavailable):
        await target.begin(batch_of(target, ORDER, found))
    _, progress = await brought(target, ORDER, found)
    assert progress.state is State.DONE
    assert len(fts.jobs) == 1
    await brought(target, replace(ORDER, key="another"), found)
    assert len(fts.jobs) == 2


async def test_jobs_are_polled_together(fts: Fts, shelf: Shelf) -> None:
    found = files(10, shelf)
    target = FtsTarget("fts", settings(fts, shelf, polled_at_once=4))
    batches = [batch_of(target, ORDER, [file], number) for number, file in enumerate(found)]
    fts.wishes.going.clear()
    begun = [Begun(batch, await target.begin(batch)) for batch in batches]
    fts.requests.clear()
    told = await target.poll(begun)
    assert {progress.detail for progress in told} == {"SUBMITTED"}
    assert len(fts.requests) == 3
    fts.wishes.going.set()
    assert {(await ended(target, each)).state for each in begun} == {State.DONE}


async def test_only_failed_files_are_told_of_a_dirty_job(fts: Fts, shelf: Shelf) -> None:
    found = files(5, shelf)
    fts.wishes.fail = lambda source, attempt: "TRANSFER [28] No space left" if source.endswith("/3") else None
    target = FtsTarget("fts", settings(fts, shelf))
    _, progress = await brought(target, ORDER, found)
    assert progress.state is State.DONE
    assert [(each.datafile, each.reason, each.final) for each in progress.failed] == [
        (3, "TRANSFER [28] No space left", False)
    ]
    assert (progress.files_done, progress.bytes_done) == (4, 4)


async def test_wrong_bytes_are_noticed_by_the_checksum(fts: Fts, shelf: Shelf) -> None:
    good, bad = files(2, shelf)
    target = FtsTarget("fts", settings(fts, shelf))
    _, progress = await brought(target, ORDER, [replace(good, adler32=zlib.adler32(b"0")), replace(bad, adler32=1)])
    assert [(each.datafile, each.reason) for each in progress.failed] == [(1, "TRANSFER [5] CHECKSUM MISMATCH")]


async def test_a_job_that_somebody_cancels_is_not_tried_again(fts: Fts, shelf: Shelf) -> None:
    found = files(2, shelf)
    fts.wishes.going.clear()
    target = FtsTarget("fts", settings(fts, shelf))
    batch = batch_of(target, ORDER, found)
    begun = Begun(batch, await target.begin(batch))
    await target.cancel(ORDER, [begun.ticket])
    fts.wishes.going.set()
    progress = await ended(target, begun)
    assert progress.state is State.CANCELED
    assert [failure.final for failure in progress.failed] == [True, True]
    assert shelf.puts == []


async def test_a_job_that_fts_has_forgotten_has_failed(fts: Fts, shelf: Shelf) -> None:
    target = FtsTarget("fts", settings(fts, shelf))
    batches = [batch_of(target, ORDER, files(1, shelf), number) for number in range(2)]
    begun = [Begun(batch, await target.begin(batch)) for batch in batches]
    await ended(target, begun[1])
    fts.jobs.pop(begun[0].ticket)
    for asked in (begun, begun[:1]):
        assert (await target.poll(asked))[0].state is State.FAILED


async def test_destinations_are_for_those_who_may_choose_them(fts: Fts, shelf: Shelf) -> None:
    destinations = {
        "home": {"url": f"{shelf.url}/users/${{user}}"},
        "group": {"url": f"{shelf.url}/groups", "groupings": ["users"]},
        "staff": {"url": f"{shelf.url}/staff", "users": ["simple/bob"]},
    }
    target = FtsTarget("fts", settings(fts, shelf, destinations=destinations))

    async def refused(**more: Any) -> str | None:
        refusal = await target.check(replace(ORDER, **more))
        return None if refusal is None else refusal.reason

    stranger = Person("simple/eve", "E", None, frozenset())
    assert await refused() == "destination is required; there is home, group"
    assert await refused(destination="group") is None
    assert await refused(destination="staff") == "you may not have data sent to staff; there is home, group"
    assert await refused(destination="nowhere") == "you may not have data sent to nowhere; there is home, group"
    assert await refused(person=stranger) is None
    assert await refused(person=stranger, destination="group") == "you may not have data sent to group; there is home"
    access = await published(target, replace(ORDER, destination="group"), [], [])
    assert (access.shown, access.expires) == (f"{shelf.url}/groups/1-1/7", None)
    odd = replace(ORDER, person=replace(ANN, name="simple/.."), destination="home", visit="..")
    assert (await published(target, odd, [], [])).shown == f"{shelf.url}/users/_/_/7"


async def test_tokens_go_where_they_belong_and_nowhere_else(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with running_fts(token="to-fts") as fts, running_shelf(token="to-storage") as shelf:
        destinations = {"home": {"url": f"{shelf.url}/users", "token": "to-storage"}}
        chosen = settings(fts, shelf, destinations=destinations, token="to-fts", source_token="to-storage")
        target = FtsTarget("fts", chosen)
        _, progress = await brought(target, ORDER, files(2, shelf))
        assert (progress.state, progress.failed) == (State.DONE, ())
        wrong = FtsTarget("fts", settings(fts, shelf, token="wrong-token"))
        with pytest.raises(Unavailable, match="FTS answers 403: Invalid credentials") as raised:
            await wrong.begin(batch_of(wrong, ORDER, files(1, shelf)))
        written = "".join(capfd.readouterr()) + str(raised.value) + repr(chosen) + chosen.model_dump_json()
        for secret in ("to-fts", "to-storage", "wrong-token"):
            assert secret not in written


def certificate(tmp_path: Path, *, hours: float = 1000) -> Path:
    """A certificate with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "beamcat.example.org")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=hours))
        .sign(key, hashes.SHA256())
    )
    none = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, none)
    file = tmp_path / "certificate.pem"
    file.write_bytes(made.public_bytes(pem) + private)
    return file


async def test_a_proxy_is_delegated_when_fts_has_none_that_lasts(fts: Fts, shelf: Shelf, tmp_path: Path) -> None:
    chosen = settings(fts, shelf, client_certificate=certificate(tmp_path, hours=10))
    now = datetime.now(UTC)
    for ends, proxies in ((None, 1), (now + timedelta(hours=1), 2), (now + timedelta(hours=20), 2)):
        fts.proxy_ends = ends.strftime("%Y-%m-%dT%H:%M:%S") if ends else None
        target = FtsTarget("fts", chosen)
        for key in ("a", "b"):
            await target.begin(batch_of(target, replace(ORDER, key=f"{key}{ends}"), files(1, shelf)))
        assert len(fts.proxies) == proxies
    proxy, issuer = x509.load_pem_x509_certificates(fts.proxies[0])
    proxy.verify_directly_issued_by(issuer)
    assert proxy.subject.rdns[:-1] == issuer.subject.rdns
    assert proxy.not_valid_after_utc == issuer.not_valid_after_utc
    information = proxy.extensions.get_extension_for_oid(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.14"))
    assert information.critical
    assert b"PRIVATE" not in fts.proxies[0]


async def test_what_fts_refuses_is_no_use_to_try_again(fts: Fts, shelf: Shelf) -> None:
    target = FtsTarget("fts", settings(fts, shelf))
    for answer, error in (((400, {"message": "bad"}), FtsRefuses), ((503, {"message": "busy"}), Unavailable)):
        fts.wishes.instead = [answer]
        with pytest.raises(error, match=answer[1]["message"]):
            await target.begin(batch_of(target, ORDER, files(1, shelf)))
    fts.wishes.instead = [(200, b"<html>")]
    with pytest.raises(Unavailable, match="no JSON"):
        await target.begin(batch_of(target, ORDER, files(1, shelf)))


async def test_an_fts_that_is_away_is_told(shelf: Shelf) -> None:
    with running_fts() as fts:
        gone = settings(fts, shelf)
    target = FtsTarget("fts", gone)
    with pytest.raises(Unavailable, match="does not answer"):
        await target.begin(batch_of(target, ORDER, files(1, shelf)))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"destinations": {}}, "at least 1 item"),
        ({"destinations": {"a": {"url": "file:///tmp"}}}, "destination is a URL"),
        ({"token": "a", "client_certificate": "/a.pem"}, "not by both"),
        ({"client_key": "/a.pem"}, "belongs to a client_certificate"),
        ({"batch_files": 1001}, "less than or equal to 1000"),
        ({"url": "fts.example.org"}, "https://"),
    ],
)
def test_settings_that_do_not_fit_are_refused(given: dict[str, Any], message: str) -> None:
    known = {"kind": "fts", "url": "https://fts.example.org:8446", "destinations": {"a": {"url": "davs://a/b"}}}
    with pytest.raises(ValidationError, match=message):
        FtsTargetSettings.model_validate({**known, **given})


def test_a_certificate_that_is_not_there_is_told(tmp_path: Path) -> None:
    chosen = FtsTargetSettings.model_validate(
        {
            "kind": "fts",
            "url": "https://fts.example.org:8446",
            "destinations": {"a": {"url": "davs://a/b"}},
            "client_certificate": tmp_path / "missing.pem",
        }
    )
    with pytest.raises(Unavailable, match="cannot be read"):
        FtsTarget("fts", chosen)
