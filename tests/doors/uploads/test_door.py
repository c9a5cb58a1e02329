"""The protocol, step by step (https://tus.io/protocols/resumable-upload, version 1.0.0)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import zlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from beamcat.doors.uploads.answers import STATUSES
from beamcat.errors import ErrorKind
from tests.doors.ids.conftest import UNKNOWN
from tests.doors.uploads.conftest import Tus, encoded, stored

DATA = b"hello world"


def told(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    return str(answer.json()["detail"])


def test_every_kind_of_error_has_its_status() -> None:
    assert set(STATUSES) == set(ErrorKind)


async def test_the_server_says_what_it_can_do(tus: Tus) -> None:
    answer = await tus.ask("OPTIONS", "/uploads", Tus_Resumable="", Authorization="")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-extension"] == "creation,creation-with-upload,checksum,termination,expiration"
    assert int(answer.headers["tus-max-size"]) == 1 << 44
    assert "sha1" in answer.headers["tus-checksum-algorithm"].split(",")
    assert "Upload-Offset" in answer.headers["access-control-expose-headers"]


async def test_a_file_comes_in_by_and_by(tus: Tus) -> None:
    before = stored(tus.facility)
    url = await tus.begin(len(DATA), description="d", doi="10.1/x", datafileModTime=42000)
    assert await tus.offset(url) == 0
    assert (await tus.patch(url, 0, DATA[:4])).headers["upload-offset"] == "4"
    assert await tus.offset(url) == 4
    known = {path for path in stored(tus.facility) - before if not path.startswith(".uploads/")}
    assert known == set()
    answer = await tus.patch(url, 4, DATA[4:])
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(len(DATA)))
    assert await tus.offset(url) == len(DATA)
    datafile = await tus.datafile(answer.headers["upload-datafile-id"])
    assert (datafile["fileSize"], datafile["checksum"]) == (11, "d4a1185")
    assert (datafile["description"], datafile["doi"]) == ("d", "10.1/x")
    assert datafile["datafileModTime"] == "1970-01-01T00:00:42.000Z"
    assert tus.bytes_of(datafile) == DATA
    assert stored(tus.facility) - before == {datafile["location"]}
    data = await tus.facility.get("getData", datafileIds=datafile["id"])
    assert data.content == DATA
    again = await tus.patch(url, len(DATA), b"")
    assert (again.status_code, again.headers["upload-datafile-id"]) == (204, str(datafile["id"]))


async def test_an_upload_tells_of_itself(tus: Tus) -> None:
    url = await tus.begin(11, name="new.nxs", datafileModTime=42000)
    head = await tus.ask("HEAD", url)
    assert head.headers["upload-length"] == "11"
    assert head.headers["cache-control"] == "no-store"
    assert head.headers["upload-expires"].endswith("GMT")
    said = encoded(name="new.nxs", datasetId=tus.facility.ids["ds"], datafileModTime=42000)
    assert head.headers["upload-metadata"] == said
    await tus.patch(url, 0, DATA[:4])
    (listed,) = [each for each in await tus.unfinished() if each["name"] == "new.nxs"]
    assert (listed["name"], listed["size"], listed["offset"]) == ("new.nxs", 11, 4)
    assert (listed["datasetId"], listed["datafileModTime"]) == (tus.facility.ids["ds"], 42000)
    assert listed["url"] == f"http://beamcat{url}"
    assert (await tus.ask("GET", url)).json() == listed
    await tus.patch(url, 4, DATA[4:])
    assert "new.nxs" not in [each["name"] for each in await tus.unfinished()]
    assert (await tus.ask("GET", url)).json()["datafileId"] > 0


async def test_a_file_may_come_with_its_creation(tus: Tus) -> None:
    answer = await tus.create(11, content=DATA)
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "11")
    assert tus.bytes_of(await tus.datafile(answer.headers["upload-datafile-id"])) == DATA
    begun = await tus.create(11, content=DATA[:5], name="other")
    assert (begun.status_code, begun.headers["upload-offset"]) == (201, "5")
    url = begun.headers["location"].removeprefix("http://beamcat")
    answer = await tus.patch(url, 5, DATA[5:])
    assert tus.bytes_of(await tus.datafile(answer.headers["upload-datafile-id"])) == DATA


async def test_an_empty_file_needs_no_bytes(tus: Tus) -> None:
    answer = await tus.create(0)
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "0")
    assert tus.bytes_of(await tus.datafile(answer.headers["upload-datafile-id"])) == b""


async def test_a_dataset_can_be_named(tus: Tus) -> None:
    before = int((await tus.facility.get("getSize", datasetIds="ds2")).text)
    answer = await tus.create(11, content=DATA, datasetId=None, dataset="FAC/inv/1-1/ds2")
    datafile = await tus.datafile(answer.headers["upload-datafile-id"])
    assert (await tus.facility.get("getSize", datasetIds="ds2")).text == str(before + 11)
    assert tus.bytes_of(datafile) == DATA
    for wrong in ("FAC/inv/1-1", "FAC/inv/1-1/nothing", "FAC/inv/1-1/ds2/df3.dat", ""):
        answer = await tus.create(11, datasetId=None, dataset=wrong, name="x")
        assert answer.status_code in {400, 404}, wrong


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        ({"name": None}, 400),
        ({"datasetId": None}, 400),
        ({"datasetId": "x"}, 400),
        ({"datasetId": "99999"}, 404),
        ({"datafileFormatId": "99999"}, 404),
        ({"name": "df2.dat"}, 400),
        ({"name": "x" * 300}, 400),
        ({"datafileModTime": "yesterday"}, 400),
        ({"datafileModTime": "9" * 18}, 400),
        ({"digest": "sha-256=short"}, 400),
        ({"digest": "md5=x"}, 400),
    ],
)
async def test_what_cannot_become_a_datafile_is_refused_at_once(
    tus: Tus, metadata: dict[str, Any], status: int
) -> None:
    before = await tus.unfinished()
    told(await tus.create(11, **metadata), status)
    assert await tus.unfinished() == before


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload_Length": ""}, 400),
        ({"Upload_Length": "-1"}, 400),
        ({"Upload_Length": "9" * 18}, 413),
        ({"Upload_Length": "9" * 30}, 400),
        ({"Upload_Metadata": "name !"}, 400),
        ({"Upload_Metadata": "name YQ==,name YQ=="}, 400),
        ({"Upload_Metadata": "name " + "A" * 20_000}, 400),
        ({"Upload_Length": "", "Upload_Defer_Length": "1"}, 400),
        ({"Tus_Resumable": "0.2.2"}, 412),
        ({"Tus_Resumable": ""}, 412),
        ({"Authorization": ""}, 401),
        ({"Authorization": f"Bearer {UNKNOWN}"}, 401),
    ],
)
async def test_requests_that_are_not_right_are_told_so(tus: Tus, headers: dict[str, str], status: int) -> None:
    usual = {"Upload_Length": "11", "Upload_Metadata": encoded(name="x", datasetId=tus.facility.ids["ds"])}
    answer = await tus.ask("POST", "/uploads", **{**usual, **headers})
    told(answer, status)
    assert ("tus-version" in answer.headers) == (status == 412)


async def test_bytes_have_to_follow_those_that_are_there(tus: Tus) -> None:
    url = await tus.begin(11)
    await tus.patch(url, 0, DATA[:4])
    for offset in (0, 5, 11):
        answer = await tus.patch(url, offset, b"x")
        told(answer, 409)
        assert answer.headers["upload-offset"] == "4"
    told(await tus.patch(url, 4, DATA), 413)
    told(await tus.ask("PATCH", url, content=b"x", Upload_Offset="4"), 415)
    told(await tus.ask("PATCH", url, content=b"x", Content_Type="application/offset+octet-stream"), 400)
    told(await tus.ask("PUT", url), 405)
    assert await tus.offset(url) == 4
    assert (await tus.patch(url, 4, DATA[4:])).status_code == 204


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        ("sha1", hashlib.sha1(DATA).digest()),
        ("sha256", hashlib.sha256(DATA).digest()),
        ("md5", hashlib.md5(DATA).digest()),
        ("crc32", zlib.crc32(DATA).to_bytes(4)),
    ],
)
async def test_the_bytes_of_a_request_are_checked(tus: Tus, algorithm: str, digest: bytes) -> None:
    url = await tus.begin(11)
    text = f"{algorithm} {base64.b64encode(digest).decode()}"
    told(await tus.patch(url, 0, b"hello_world", Upload_Checksum=text), 460)
    assert await tus.offset(url) == 0
    answer = await tus.patch(url, 0, DATA, Upload_Checksum=text)
    assert answer.status_code == 204, answer.text
    assert tus.bytes_of(await tus.datafile(answer.headers["upload-datafile-id"])) == DATA


async def test_checksums_nobody_knows_are_refused(tus: Tus) -> None:
    url = await tus.begin(11)
    told(await tus.patch(url, 0, DATA, Upload_Checksum="rot13 YQ=="), 400)
    told(await tus.patch(url, 0, DATA, Upload_Checksum="sha1 !"), 400)
    before, unfinished = stored(tus.facility), await tus.unfinished()
    wrong = {"Upload_Checksum": f"md5 {base64.b64encode(bytes(16)).decode()}"}
    told(await tus.create(11, content=DATA, headers=wrong, name="x"), 460)
    assert await tus.unfinished() == unfinished
    assert stored(tus.facility) == before


def ways_to_say(digest: bytes) -> list[str]:
    text = base64.b64encode(digest).decode()
    return [f"sha-256={digest.hex()}", f"SHA-256={text}", f"md5=:x:, sha-256=:{text}:"]


async def test_the_digest_of_the_whole_is_checked_before_there_is_a_datafile(tus: Tus) -> None:
    right, wrong = hashlib.sha256(DATA).digest(), hashlib.sha256(b"other").digest()
    size = (await tus.facility.get("getSize", datasetIds="ds")).text
    before = stored(tus.facility)
    url = await tus.begin(11, digest=f"sha-256={wrong.hex()}")
    await tus.patch(url, 0, DATA[:5])
    assert "SHA-256" in told(await tus.patch(url, 5, DATA[5:]), 460)
    told(await tus.ask("GET", url), 404)
    told(await tus.create(11, content=DATA, digest=f"sha-256={wrong.hex()}"), 460)
    url = await tus.begin(11)
    told(await tus.patch(url, 0, DATA, Repr_Digest=ways_to_say(wrong)[2]), 460)
    assert stored(tus.facility) == before
    assert (await tus.facility.get("getSize", datasetIds="ds")).text == size
    for said in ways_to_say(right):
        answer = await tus.create(11, content=DATA, digest=said)
        assert answer.status_code == 201, answer.text
    url = await tus.begin(11)
    assert (await tus.patch(url, 0, DATA, Repr_Digest=ways_to_say(right)[2])).status_code == 204


async def test_an_upload_can_be_given_up(tus: Tus) -> None:
    before = stored(tus.facility)
    url = await tus.begin(11)
    await tus.patch(url, 0, DATA[:5])
    assert (await tus.ask("DELETE", url)).status_code == 204
    told(await tus.ask("GET", url), 404)
    told(await tus.patch(url, 5, DATA[5:]), 404)
    assert (await tus.ask("HEAD", url)).status_code == 404
    assert stored(tus.facility) == before


async def test_old_proxies_may_carry_methods_in_a_header(tus: Tus) -> None:
    url = await tus.begin(11)
    headers = {"Upload_Offset": "0", "Content_Type": "application/offset+octet-stream"}
    answer = await tus.ask("POST", url, content=DATA[:4], X_HTTP_Method_Override="PATCH", **headers)
    assert answer.headers["upload-offset"] == "4"
    assert (await tus.ask("POST", url, X_HTTP_Method_Override="DELETE")).status_code == 204
    told(await tus.ask("POST", url), 405)


async def test_strangers_neither_see_nor_touch_an_upload(tus: Tus) -> None:
    url = await tus.begin(11)
    stranger = Tus(tus.facility, tus.facility.stranger)
    assert (await stranger.ask("HEAD", url)).status_code == 404
    told(await stranger.patch(url, 0, DATA), 404)
    told(await stranger.ask("DELETE", url), 404)
    assert await stranger.unfinished() == []
    told(await stranger.create(11), 403)
    assert await tus.offset(url) == 0


async def test_rights_are_looked_at_again_at_the_end(own: Tus) -> None:
    entities = ("Dataset", "Investigation", "Facility")
    rules: list[dict[str, Any]] = [{"Rule": {"crudFlags": "R", "what": entity}} for entity in entities]
    rules.append({"Rule": {"crudFlags": "C", "what": "Datafile"}})
    ids = (await own.facility.icat.write(rules)).json()
    await asyncio.sleep(1.1)
    ann = Tus(own.facility, own.facility.stranger)
    url = await ann.begin(11)
    await ann.patch(url, 0, DATA[:5])
    await own.facility.icat.delete([{"Rule": {"id": ids[-1]}}])
    await asyncio.sleep(1.1)
    before = {path for path in stored(own.facility) if not path.startswith(".uploads/")}
    told(await ann.patch(url, 5, DATA[5:]), 403)
    assert {path for path in stored(own.facility) if not path.startswith(".uploads/")} == before
    assert await ann.offset(url) == 10  # the last byte is acknowledged by the datafile
    await own.facility.icat.write(rules[-1])
    await asyncio.sleep(1.1)
    answer = await ann.patch(url, 10, DATA[10:])
    assert answer.status_code == 204, answer.text
    assert own.bytes_of(await own.datafile(answer.headers["upload-datafile-id"])) == DATA


async def test_one_request_at_a_time_writes_to_an_upload(tus: Tus) -> None:
    url = await tus.begin(11)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield DATA[:5]
        begun.set()
        await go_on.wait()
        yield DATA[5:]

    first = asyncio.create_task(tus.patch(url, 0, slow()))
    await begun.wait()
    second = await tus.patch(url, 0, DATA)
    told(second, 423)
    assert int(second.headers["retry-after"]) > 0
    told(await tus.ask("DELETE", url), 423)
    go_on.set()
    answer = await first
    assert answer.status_code == 204, answer.text
    assert tus.bytes_of(await tus.datafile(answer.headers["upload-datafile-id"])) == DATA


@pytest.mark.parametrize("wanted", [{"uploads": {"max_bytes": 10, "max_per_user": 2}}])
async def test_there_are_limits(own: Tus) -> None:
    assert (await own.ask("OPTIONS", "/uploads")).headers["tus-max-size"] == "10"
    told(await own.create(11), 413)
    urls = [await own.begin(10, name=f"file{number}") for number in range(2)]
    assert "2 uploads" in told(await own.create(10), 400)
    await own.patch(urls[0], 0, DATA[:10])
    assert (await own.create(10)).status_code == 201


@pytest.mark.parametrize("wanted", [{"ids": {"read_only": True}}])
async def test_nothing_comes_in_where_it_may_not(own: Tus) -> None:
    told(await own.create(11), 501)


@pytest.mark.parametrize("wanted", [{"uploads": {"idle_timeout_s": 0.2}}])
async def test_what_came_before_a_pause_that_is_too_long_is_kept(own: Tus) -> None:
    url = await own.begin(11)

    async def stalls() -> AsyncIterator[bytes]:
        yield DATA[:5]
        await asyncio.sleep(1)
        yield DATA[5:]

    told(await own.patch(url, 0, stalls()), 504)
    assert await own.offset(url) == 5
    assert (await own.patch(url, 5, DATA[5:])).status_code == 204


@pytest.mark.parametrize("wanted", [{"store": {"key": "wombat"}}])
async def test_locations_are_signed(own: Tus) -> None:
    answer = await own.create(11, content=DATA)
    data = await own.facility.get("getData", datafileIds=answer.headers["upload-datafile-id"])
    assert data.content == DATA
