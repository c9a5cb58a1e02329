"""The main storage on an object store, and the archive in one."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import obstore
import pytest
from obstore.store import S3Store

from beamcat.config import S3StorageSettings
from beamcat.errors import BadParameter, Unavailable, ValidationFailed
from beamcat.store.storage.contract import HasUrls, MainStorage, StorageFull
from beamcat.store.storage.immediate import ImmediateArchive
from beamcat.store.storage.s3 import S3Storage
from beamcat.testing.storage import (
    DATASET,
    DIGITS,
    LARGE,
    ArchiveStorageContract,
    MainStorageContract,
    broken,
    content,
    pieces,
)
from tests.store.storage.s3_server import refusal, running_s3, settings, way_to

MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, Any]]:
    if other := os.environ.get("BEAMCAT_TEST_S3"):
        yield json.loads(other)
    else:
        with running_s3() as moto:
            yield moto


class TestS3Storage(MainStorageContract):
    breaks_off_after = 12_000_000

    @pytest.fixture
    def storage(self, server: dict[str, Any]) -> MainStorage:
        return S3Storage(settings(server, part_mebibytes=5, read_ahead_mebibytes=4))


class TestS3Archive(ArchiveStorageContract):
    @pytest.fixture
    def storage(self, server: dict[str, Any]) -> ImmediateArchive:
        return ImmediateArchive(S3Storage(settings(server)))


@pytest.fixture
def storage(server: dict[str, Any]) -> S3Storage:
    return S3Storage(settings(server, part_mebibytes=5))


async def test_locations_are_keys_letter_by_letter(server: dict[str, Any]) -> None:
    chosen = settings(server)
    storage = S3Storage(chosen)
    names = ["a b", "ü", "a%20b", "%2e%2e", "a+b&c=d?e#f;g,h", "[x]{y}^`|\\<>\"'", "~", "*", " ", "x" * 255, "a/b/c"]
    for name in names:
        await storage.put_at(f"k/{name}", pieces(name.encode()))
    there = obstore.list(store_of(server), prefix=chosen.prefix).collect()
    assert {entry["path"] for entry in there} == {f"{chosen.prefix}/k/{name}" for name in names}
    for name in names:
        assert await content(storage, f"k/{name}") == name.encode()
    for location in ("new\nline", "tab\t", "del\x7f", "x" * 1024):
        with pytest.raises(BadParameter):
            await storage.put_at(location, pieces(DIGITS))
    assert (await storage.put(DATASET, "../any name", pieces(DIGITS))).startswith("1/2/")


async def test_a_large_file_goes_up_in_parts_and_is_checked(server: dict[str, Any]) -> None:
    content_sent = os.urandom(12 * MEBIBYTE)
    async with way_to(server["endpoint"]) as way:
        storage = S3Storage(settings({**server, "endpoint": way.endpoint}, part_mebibytes=5))
        await storage.put_at("large", pieces(content_sent))
        assert sum("partNumber=" in request for request in way.requests) == 3
        assert await content(storage, "large") == content_sent
        way.requests.clear()
        await storage.put_at("small", pieces(content_sent[: 5 * MEBIBYTE]))
        assert [request.split()[0] for request in way.requests] == ["PUT"]


async def test_parts_grow_with_the_size_that_is_told(server: dict[str, Any]) -> None:
    async with way_to(server["endpoint"]) as way:
        storage = S3Storage(settings({**server, "endpoint": way.endpoint}, part_mebibytes=5))
        await storage.put_at("large", pieces(LARGE, LARGE), 10_000 * 8 * MEBIBYTE)
        assert sum("partNumber=" in request for request in way.requests) == 2


async def test_more_than_ten_thousand_parts_are_refused_beforehand(
    storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beamcat.store.storage.s3_upload.MOST_PARTS", 2)
    with pytest.raises(ValidationFailed, match="part_mebibytes"):
        await storage.put_at("large", pieces(bytes(11 * MEBIBYTE)))
    assert await storage.stat(["large"]) == [None]


async def test_nothing_of_an_upload_that_is_given_up_stays_in_the_store(server: dict[str, Any]) -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield bytes(11 * MEBIBYTE)
        begun.set()
        await asyncio.Event().wait()

    async with way_to(server["endpoint"]) as way:
        storage = S3Storage(settings({**server, "endpoint": way.endpoint}, part_mebibytes=5))
        with pytest.raises(ConnectionResetError):
            await storage.put_at("broken", broken(12_000_000))
        upload = asyncio.create_task(storage.put_at("cancelled", endless()))
        await begun.wait()
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload
        assert len(begun_uploads(way.requests)) == 2
        assert aborted_uploads(way.requests) == 2


def test_a_process_that_is_killed_in_an_upload_leaves_nothing_to_be_seen(server: dict[str, Any]) -> None:
    code = (
        "import asyncio, json, sys\n"
        "from beamcat.config import S3StorageSettings; from beamcat.store.storage.s3 import S3Storage\n"
        "async def pieces():\n"
        "    for _ in range(30): yield bytes(1 << 20)\n"
        "    print('begun', flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "settings = S3StorageSettings(**json.loads(sys.argv[1]))\n"
        "asyncio.run(S3Storage(settings).put_at('file', pieces()))\n"
    )
    chosen = {"kind": "s3", "prefix": f"killed/{os.getpid()}", "part_mebibytes": 5, **server}
    with subprocess.Popen([sys.executable, "-c", code, json.dumps(chosen)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"begun\n"
        writer.kill()
    assert asyncio.run(S3Storage(S3StorageSettings.model_validate(chosen)).stat(["file"])) == [None]


async def test_a_store_without_room_is_told_and_keeps_no_parts(server: dict[str, Any]) -> None:
    async with way_to(server["endpoint"]) as way:
        storage = S3Storage(settings({**server, "endpoint": way.endpoint}, part_mebibytes=5, retry_s=0.2))
        for refused in (
            refusal("403 Forbidden", "QuotaExceeded"),
            refusal("507 Insufficient Storage", "XMinioStorageFull"),
        ):
            way.requests.clear()
            way.instead = {r"^PUT .*/small": refused, r"^PUT .*partNumber=2": refused}
            with pytest.raises(StorageFull, match="no room"):
                await storage.put_at("small", pieces(DIGITS))
            with pytest.raises(StorageFull, match="no room"):
                await storage.put_at("large", pieces(*[bytes(MEBIBYTE)] * 30))
            assert len(begun_uploads(way.requests)) == aborted_uploads(way.requests) == 1


async def test_requests_are_under_way_while_a_piece_is_taken(server: dict[str, Any]) -> None:
    async with way_to(server["endpoint"]) as way:
        storage = S3Storage(settings({**server, "endpoint": way.endpoint}, read_ahead_mebibytes=8))
        await storage.put_at("large", pieces(bytes(20 * MEBIBYTE)))
        way.requests.clear()
        reading = storage.read("large", 0, 20 * MEBIBYTE)
        assert len(await anext(reading)) == MEBIBYTE
        async with asyncio.timeout(20):
            while len(way.requests) < 4:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        asked = [request.rpartition("=")[2].split("-") for request in way.requests]
        assert sorted((int(first), int(last) + 1 - int(first)) for first, last in asked) == [
            (0, MEBIBYTE),
            (MEBIBYTE, MEBIBYTE),
            (2 * MEBIBYTE, 2 * MEBIBYTE),
            (4 * MEBIBYTE, 2 * MEBIBYTE),
        ]
        await reading.aclose()  # type: ignore[attr-defined]


async def test_a_small_range_costs_one_request(server: dict[str, Any]) -> None:
    async with way_to(server["endpoint"]) as way:
        storage = S3Storage(settings({**server, "endpoint": way.endpoint}))
        await storage.put_at("file", pieces(LARGE))
        way.requests.clear()
        assert await content(storage, "file", 1000, 2000) == LARGE[1000:2000]
        assert [request.rpartition(" ")[2] for request in way.requests] == ["bytes=1000-1999"]


async def test_a_file_that_is_replaced_is_not_mixed_with_the_new_one(storage: S3Storage) -> None:
    await storage.put_at("file", pieces(bytes(30 * MEBIBYTE)))
    reading = storage.read("file", 0, 30 * MEBIBYTE)
    await anext(reading)
    await storage.put_at("file", pieces(b"\1" * (30 * MEBIBYTE)))
    with pytest.raises(Unavailable, match="replaced"):
        assert not any([any(piece) async for piece in reading])


async def test_an_answer_that_breaks_off_is_asked_for_again_or_told(server: dict[str, Any]) -> None:
    async with way_to(server["endpoint"]) as way:
        patient = settings({**server, "endpoint": way.endpoint}, read_ahead_mebibytes=4, retry_s=20)
        await S3Storage(patient).put_at("file", pieces(LARGE))
        way.cut_after = 800_000
        assert await content(S3Storage(patient), "file") == LARGE
        way.cut_after = 50
        with pytest.raises(Unavailable):
            await content(S3Storage(patient.model_copy(update={"retry_s": 0.2})), "file")


async def test_many_files_of_a_folder_are_known_by_few_requests(server: dict[str, Any]) -> None:
    async with way_to(server["endpoint"]) as way:
        storage = S3Storage(settings({**server, "endpoint": way.endpoint}))
        names = [f"1/2/{number:03}é" for number in range(60)]
        await asyncio.gather(*(storage.put_at(name, pieces(name.encode())) for name in names))
        await storage.put_at("1/2/other", pieces(LARGE, LARGE))
        await storage.put_at("1/21", pieces(DIGITS))
        way.requests.clear()
        listed = await storage.stat([*names, "1/2/not-there", "1/21"])
        assert len(way.requests) == 2
        assert listed[-2:] == [None, *await storage.stat(["1/21"])]
        assert listed[:5] == await storage.stat(names[:5])
        assert [stat.size for stat in listed[:60] if stat] == [len(name.encode()) for name in names]
        large = await storage.stat(["1/2/other"])
        assert (await storage.stat([*names, "1/2/other"]))[-1:] == large


async def test_a_folder_with_much_else_in_it_is_not_listed_to_its_end(
    server: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beamcat.store.storage.s3.LISTED_FROM", -300)
    storage = S3Storage(settings(server))
    names = [f"1/2/{number:03}" for number in range(10)]
    await asyncio.gather(*(storage.put_at(name, pieces(name.encode())) for name in names))
    sizes = [stat and stat.size for stat in await storage.stat([*names[2:8], "1/2/not-there"])]
    assert sizes == [7] * 6 + [None]


async def test_a_store_that_does_not_answer_is_unavailable_and_never_empty(server: dict[str, Any]) -> None:
    storage = S3Storage(settings({**server, "endpoint": "http://127.0.0.1:9"}, retry_s=0.1))
    began = time.monotonic()
    with pytest.raises(Unavailable, match="cannot be reached"):
        await storage.stat([f"n/{number}" for number in range(3000)])
    with pytest.raises(Unavailable):
        await content(storage, "file")
    with pytest.raises(Unavailable):
        await storage.put_at("file", pieces(DIGITS))
    with pytest.raises(Unavailable):
        await storage.delete(["file"])
    assert time.monotonic() - began < 20


async def test_a_bucket_that_is_not_there_is_not_an_empty_one(server: dict[str, Any]) -> None:
    storage = S3Storage(settings({**server, "bucket": "no-such-bucket"}))
    with pytest.raises(Unavailable, match="no bucket no-such-bucket"):
        await storage.stat(["file"])
    with pytest.raises(Unavailable, match="no bucket"):
        await content(storage, "file")
    with pytest.raises(Unavailable, match="no bucket"):
        await storage.put_at("file", pieces(DIGITS))
    with pytest.raises(Unavailable, match="no bucket"):
        await storage.delete(["file"])


async def test_a_wrong_secret_is_told_without_it(server: dict[str, Any]) -> None:
    storage = S3Storage(settings({**server, "secret_access_key": "not this one"}))
    for call in (storage.put_at("file", pieces(DIGITS)), storage.stat(["file"]), content(storage, "file")):
        with pytest.raises(Unavailable, match="does not let Beamcat into") as raised:
            await call
        assert "not this one" not in str(raised.value)
        assert server["endpoint"] not in str(raised.value)


async def test_thousands_are_deleted_with_few_requests(server: dict[str, Any]) -> None:
    async with way_to(server["endpoint"]) as way:
        storage = S3Storage(settings({**server, "endpoint": way.endpoint}))
        await storage.put_at("n/7", pieces(DIGITS))
        way.requests.clear()
        await storage.delete([f"n/{number}" for number in range(2001)])
        assert len(way.requests) == 3
        assert await storage.stat(["n/7"]) == [None]


async def test_a_url_gives_the_bytes_to_whoever_has_it() -> None:
    with running_s3(signatures=False) as server:
        hidden = S3Storage(settings(server))
        assert isinstance(hidden, HasUrls)
        assert await hidden.url("a b/é", timedelta(minutes=1)) is None
        public = server["endpoint"].replace("127.0.0.1", "localhost")
        storage = S3Storage(settings(server, public_endpoint=public))
        await storage.put_at("a b/é", pieces(DIGITS))
        url = await storage.url("a b/é", timedelta(minutes=1))
        assert url is not None
        assert url.startswith(f"{public}/")
        assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == ["60"]
        async with httpx.AsyncClient(trust_env=False) as client:
            part = await client.get(url, headers={"Range": "bytes=3-5"})
            assert (part.status_code, part.content) == (206, b"345")
        with pytest.raises(BadParameter):
            await storage.url("../other", timedelta(minutes=1))
        lasting = await storage.url("a b/é", timedelta(days=30))
        assert parse_qs(urlsplit(str(lasting)).query)["X-Amz-Expires"] == ["604800"]


def store_of(server: dict[str, Any]) -> S3Store:
    """The bucket, without Beamcat."""
    return S3Store(
        server["bucket"],
        endpoint=server["endpoint"],
        access_key_id=server["access_key_id"],
        secret_access_key=server["secret_access_key"],
        client_options={"allow_http": True},
    )


def begun_uploads(requests: list[str]) -> list[str]:
    return [request for request in requests if request.startswith("POST ") and "?uploads" in request]


def aborted_uploads(requests: list[str]) -> int:
    return sum(request.startswith("DELETE ") and "uploadId=" in request for request in requests)
