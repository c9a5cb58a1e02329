"""The data service's interface, by the checklist of the specification (data service specification, G.1 to G.5)."""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
import re
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from beamcat.store.digests.hasher import Hasher
from tests.doors.ids.conftest import UNKNOWN, Facility, put

Z1 = "020ef16b82eaa4fa2b3c5c43f8a0f170ad010f81f68b551d1db39724604b5853"
T1 = "6b3a048e968b402743759533f0c679c4f4ac1be84c7697701663755171dc458a"
CODES = {400: "BadRequestException", 403: "InsufficientPrivilegesException", 404: "NotFoundException",
         405: "NotImplementedException", 412: "BadRequestException", 416: "BadRequestException",
         501: "NotImplementedException"}  # fmt: skip


def told(answer: Any, status: int) -> dict[str, str]:
    """The body of an error, which has its two members in order and is ASCII."""
    assert answer.status_code == status, answer.text
    assert answer.content.isascii()
    body = answer.json()
    assert list(body) == ["code", "message"]
    assert body["code"] == CODES[status]
    assert answer.headers["content-type"] == "application/json"
    return dict(body)


# -- G.1 ----------------------------------------------------------------------------------------------------


async def test_what_the_service_says_of_itself(facility: Facility) -> None:
    http = facility.http
    ping = await http.get("/ids/ping")
    assert (ping.status_code, ping.content) == (200, b"IdsOK")
    assert ping.headers["access-control-allow-origin"] == "*"
    assert (await http.get("/ids/version")).json()["version"] == "2.1.1"
    assert (await http.get("/ids/getApiVersion")).text == "2.1.1"
    assert (await http.get("/ids/getIcatUrl")).text == "http://beamcat"
    assert (await http.get("/ids/isReadOnly")).text == "false"
    assert (await http.get("/ids/isTwoLevel")).text == "false"


async def test_what_there_is_not(facility: Facility) -> None:
    told(await facility.http.get("/ids/nosuch"), 404)
    told(await facility.http.get("/ids/ping/"), 404)
    answer = await facility.http.post("/ids/ping")
    told(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_browsers_may_ask(facility: Facility) -> None:
    answer = await facility.http.options("/ids/getData")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "Range" in answer.headers["access-control-allow-headers"]


async def test_the_status_of_the_service_is_for_administrators(facility: Facility) -> None:
    told(await facility.get("getServiceStatus", sessionId=facility.stranger), 403)
    status = (await facility.get("getServiceStatus")).json()
    assert status == {"opsQueue": [], "lockCount": 0, "locks": [], "failures": [], "lockedIds": []}


# -- G.2 ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "parameters", "status"),
    [
        ("getSize", {"sessionId": "bad", "datasetIds": "ds"}, 400),
        ("getSize", {"sessionId": None, "datasetIds": "ds"}, 400),
        ("getSize", {"sessionId": UNKNOWN, "datasetIds": "ds"}, 403),
        ("getSize", {"sessionId": UNKNOWN.upper(), "datasetIds": "ds"}, 400),
        ("getData", {"sessionId": "stranger", "datafileIds": "df1,df2"}, 403),
        ("getSize", {"datafileIds": "1,x"}, 400),
        ("getSize", {"datafileIds": ""}, 400),
        ("getSize", {"datafileIds": "99999999999999999999"}, 400),
        ("getSize", {"datafileIds": "56300"}, 404),
        ("getSize", {"datafileIds": "56300,56400"}, 404),
        ("getStatus", {"datasetIds": "ds,9999999"}, 404),
        ("getSize", {"datafileIds": "nowhere"}, 404),
        ("isPrepared", {"preparedId": UNKNOWN}, 404),
        ("isPrepared", {"preparedId": "bad"}, 400),
        ("isPrepared", {}, 400),
        ("getSize", {"investigationIds": "99999"}, 404),
        ("getData", {"datafileIds": "df1", "format": "rar"}, 400),
    ],
)
async def test_what_is_refused(facility: Facility, call: str, parameters: dict[str, Any], status: int) -> None:
    if parameters.get("sessionId") == "stranger":
        parameters = {**parameters, "sessionId": facility.stranger}
    told(await facility.get(call, **parameters), status)


async def test_sizes(facility: Facility) -> None:
    for parameters, size in (
        ({"datasetIds": "empty"}, "0"),
        ({"datasetIds": " ds , ds2 "}, "167"),
        ({"investigationIds": "inv", "datafileIds": "df1,df2"}, "167"),
        ({"datafileIds": "df1"}, "11"),
        ({}, "0"),
    ):
        answer = await facility.get("getSize", **parameters)
        assert (answer.status_code, answer.text) == (200, size)
        assert (await facility.post("getSize", **parameters)).text == size


async def test_the_status_is_no_secret(facility: Facility) -> None:
    for parameters in ({"datasetIds": "ds"}, {"datafileIds": "df1"}, {"datasetIds": "empty"}):
        assert (await facility.get("getStatus", sessionId=None, **parameters)).text == "ONLINE"
    told(await facility.get("getStatus", sessionId=None, datafileIds="99999"), 404)


async def test_errors_are_ascii(facility: Facility) -> None:
    body = told(await facility.get("getSize", datafileIds="é"), 400)
    assert "é" in body["message"]


# -- G.3 ----------------------------------------------------------------------------------------------------


async def test_what_is_prepared_can_be_fetched_by_whoever_has_its_id(facility: Facility) -> None:
    prepared = await facility.prepare(datafileIds="df1")
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", prepared)
    assert (await facility.get("isPrepared", preparedId=prepared, zip="true")).text == "true"
    ids = await facility.get("getDatafileIds", preparedId=prepared)
    assert ids.text == f'{{"zip":false,"compress":false,"ids":[{facility.ids["df1"]}]}}'
    answer = await facility.get("getData", preparedId=prepared, sessionId="bad", outname="x.nxs")
    assert answer.content == b"hello world"
    assert (await facility.get("getStatus", preparedId=prepared)).text == "ONLINE"
    assert (await facility.get("getPercentageComplete", preparedId=prepared)).text == "UNKNOWN"


async def test_what_is_prepared_stays_as_it_is(facility: Facility) -> None:
    prepared = await facility.prepare(datasetIds="ds", datafileIds="df1", compress="TRUE")
    before = (await facility.get("getDatafileIds", preparedId=prepared)).json()
    assert before == {"zip": True, "compress": True, "ids": [facility.ids["df1"], facility.ids["df2"]]}
    first = await facility.get("getData", preparedId=prepared)
    later = put(facility.base, "1/2/later", b"later")
    dataset = {"id": facility.ids["ds"]}
    await facility.icat.write({"Datafile": {"name": "later", "dataset": dataset, **later}})
    assert (await facility.get("getDatafileIds", preparedId=prepared)).json() == before
    again = await facility.get("getData", preparedId=prepared)
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    assert (await facility.get("getSize", preparedId=prepared)).text == "63"
    await facility.icat.write({"Datafile": {"id": facility.ids["df1"], "fileSize": 12}})
    assert (await facility.get("getSize", preparedId=prepared)).text == "64"


async def test_nothing_can_be_prepared_and_fetched(facility: Facility) -> None:
    prepared = await facility.prepare()
    answer = await facility.get("getData", preparedId=prepared)
    assert answer.content == b"PK\x05\x06" + bytes(18)


@pytest.mark.parametrize("ids_settings", [{"ids": {"prepared_count": 2}}])
async def test_the_oldest_are_forgotten(facility: Facility) -> None:
    first, *others = [await facility.prepare(datafileIds="df1") for _ in range(3)]
    told(await facility.get("getData", preparedId=first), 404)
    for prepared in others:
        assert (await facility.get("getData", preparedId=prepared)).status_code == 200


@pytest.mark.parametrize("ids_settings", [{"ids": {"max_files_per_selection": 2, "max_bytes_per_selection": 70}}])
async def test_a_selection_may_be_too_large(facility: Facility) -> None:
    assert "2 files" in told(await facility.post("prepareData", investigationIds="inv"), 400)["message"]
    assert "70 bytes" in told(await facility.post("prepareData", datasetIds="ds2"), 400)["message"]


# -- G.4 ----------------------------------------------------------------------------------------------------


async def test_one_file_as_it_is(facility: Facility) -> None:
    for more in ({}, {"compress": "true"}):
        answer = await facility.get("getData", datafileIds="df1", **more)
        assert (answer.status_code, answer.content) == (200, b"hello world")
        assert answer.headers["content-length"] == "11"
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["accept-ranges"] == "bytes"
        assert answer.headers["content-disposition"] == 'attachment; filename="df1.nxs"'
        assert "transfer-encoding" not in answer.headers


async def test_the_golden_archives(facility: Facility) -> None:
    answer = await facility.get("getData", datafileIds="df1", zip="true")
    assert hashlib.sha256(answer.content).hexdigest() == Z1
    assert answer.headers["content-length"] == "183"
    tar = await facility.get("getData", datafileIds="df1", format="tar")
    assert hashlib.sha256(tar.content).hexdigest() == T1
    again = await facility.get("getData", datafileIds="df1", zip="true")
    assert again.headers["etag"] == answer.headers["etag"]


async def test_archives_hold_the_files_and_nothing_else(facility: Facility) -> None:
    for parameters, names in (
        ({"datasetIds": "empty"}, []),
        ({"datasetIds": "ds"}, ["a/df1.nxs", "df2.dat"]),
        ({"datafileIds": "df1,df2"}, ["a/df1.nxs", "df2.dat"]),
    ):
        answer = await facility.get("getData", **parameters)
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert [name.removeprefix("ids/FAC/inv/1-1/ds/") for name in archive.namelist()] == names
            assert archive.testzip() is None


@pytest.mark.parametrize(
    ("outname", "name"), [("x", "x.zip"), ("x.zip", "x.zip"), ("x.ZIP", "x.ZIP.zip"), ("a/b", "b.zip")]
)
async def test_archives_are_named_as_asked(facility: Facility, outname: str, name: str) -> None:
    answer = await facility.get("getData", datasetIds="ds", outname=outname)
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'


async def test_archives_without_a_name_have_the_time(facility: Facility) -> None:
    said = (await facility.get("getData", datasetIds="ds")).headers["content-disposition"]
    assert re.fullmatch(r'attachment; filename="\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d\.zip"', said)


async def test_no_name_breaks_a_header(facility: Facility) -> None:
    answer = await facility.get("getData", datafileIds="df1", outname='é"\r\nSet-Cookie: x\\y')
    said = answer.headers["content-disposition"]
    assert "set-cookie" not in answer.headers
    assert said.startswith('attachment; filename="y"')
    answer = await facility.get("getData", datafileIds="df1", outname='Messung "é".nxs')
    assert "filename*=UTF-8''Messung%20%22%C3%A9%22.nxs" in answer.headers["content-disposition"]
    assert 'filename="Messung __' in answer.headers["content-disposition"]


async def test_what_is_not_in_the_storage_is_told(facility: Facility) -> None:
    (facility.base / "1/2/b").unlink()
    assert "1/2/b" in told(await facility.get("getData", datasetIds="ds"), 404)["message"]
    prepared = await facility.prepare(datasetIds="ds")
    told(await facility.get("getData", preparedId=prepared), 404)
    put(facility.base, "1/2/b", b"x" * 52)
    assert (await facility.get("getData", preparedId=prepared)).status_code == 200


async def test_the_size_of_an_entry_is_that_of_its_bytes(facility: Facility) -> None:
    put(facility.base, "1/2/b", b"x" * 60)
    answer = await facility.get("getData", datasetIds="ds")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.infolist()[1].file_size == 60
    prepared = await facility.prepare(datasetIds="ds")
    assert (await facility.get("getData", preparedId=prepared)).content == answer.content
    status = (await facility.get("getDeliveryStatus", preparedId=prepared)).json()
    assert status["sizeMismatch"] == [facility.ids["df2"]]


async def test_a_dataset_is_an_archive_whatever_is_in_it(facility: Facility) -> None:
    dataset = {"id": facility.ids["empty"]}
    await facility.icat.write({"Datafile": {"name": "only", "dataset": dataset, **put(facility.base, "8/1", b"only")}})
    answer = await facility.get("getData", datasetIds="empty")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["ids/FAC/inv/1-1/empty/only"]


async def test_two_datafiles_at_one_location_are_both_delivered(facility: Facility) -> None:
    location = put(facility.base, "1/2/a", b"hello world")
    dataset = {"id": facility.ids["ds"]}
    await facility.icat.write({"Datafile": {"name": "again", "dataset": dataset, **location}})
    answer = await facility.get("getData", datasetIds="ds")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert [archive.read(name) for name in archive.namelist()] == [b"hello world", b"x" * 52, b"hello world"]


@pytest.mark.parametrize("ids_settings", [{"catalogue": {"max_entities": 2, "root_user_names": ("simple/root",)}}])
async def test_an_investigation_may_have_more_datasets_than_one_answer_of_the_catalogue(facility: Facility) -> None:
    ids = (await facility.get("getDatafileIds", investigationIds="inv")).json()["ids"]
    assert ids == [facility.ids[name] for name in ("df1", "df2", "df3", "df4")]


# -- G.5 ----------------------------------------------------------------------------------------------------


async def test_ranges(facility: Facility) -> None:
    whole = (await facility.get("getData", datafileIds="df1", zip="true")).content

    async def part(header: str, **headers: str) -> Any:
        asked = {"Range": header, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await facility.get("getData", headers=asked, datafileIds="df1", zip="true")

    for header, first, stop in (
        ("bytes=20-", 20, 183),
        ("bytes=0-99", 0, 100),
        ("bytes=0-", 0, 183),
        ("bytes=-22", 161, 183),
        ("bytes=67-77", 67, 78),
        ("bytes=100-9999", 100, 183),
    ):
        answer = await part(header)
        assert answer.status_code == 206
        assert answer.headers["content-range"] == f"bytes {first}-{stop - 1}/183"
        assert answer.headers["content-length"] == str(stop - first)
        assert answer.content == whole[first:stop]
    unsatisfiable = await part("bytes=183-")
    told(unsatisfiable, 416)
    assert unsatisfiable.headers["content-range"] == "bytes */183"
    told(await part("bytes=-10-"), 400)
    assert (await part("items=0-5")).status_code == 200
    several = await part("bytes=0-0,182-182")
    assert several.status_code == 206
    assert several.headers["content-type"].startswith("multipart/byteranges; boundary=")
    assert int(several.headers["content-length"]) == len(several.content)
    assert several.content.count(b"Content-Range: ") == 2
    told(await part("bytes=" + ",".join(f"{n}-{n}" for n in range(100))), 400)
    assert b"".join([(await part(f"bytes={at}-{at}")).content for at in range(183)]) == whole


async def test_conditions(facility: Facility) -> None:
    async def ask(**headers: str) -> Any:
        asked = {name.replace("_", "-"): value for name, value in headers.items()}
        return await facility.get("getData", headers=asked, datafileIds="df1", zip="true")

    plain = await ask()
    tag = plain.headers["etag"]
    assert plain.headers["last-modified"] == "Sat, 09 Oct 2010 05:00:00 GMT"
    assert (await ask(Range="bytes=20-", If_Range=tag)).status_code == 206
    assert (await ask(Range="bytes=20-", If_Range='"other"')).status_code == 200
    assert (await ask(Range="bytes=20-", If_Range=f"W/{tag}")).status_code == 200
    unchanged = await ask(If_None_Match=tag)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["etag"] == tag
    told(await ask(If_Match='"other"'), 412)


async def test_a_head_tells_everything_and_sends_nothing(facility: Facility) -> None:
    parameters = facility.named({"datafileIds": "df1", "zip": "true"})
    for headers in ({}, {"Range": "bytes=5-9"}):
        answer = await facility.http.head("/ids/getData", params=parameters, headers=headers)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-length"] == "183"
        assert answer.headers["etag"].startswith('"z1-')


async def test_windows_of_a_larger_archive(facility: Facility) -> None:
    chance = random.Random(2)
    dataset = {"id": facility.ids["ds"]}
    files = [
        {"Datafile": {"name": f"n{n:03}", "dataset": dataset,
                      **put(facility.base, f"9/{n}", chance.randbytes(chance.choice([0, 5, 70_000])))}}
        for n in range(120)
    ]  # fmt: skip
    assert (await facility.icat.write(files)).status_code == 200
    prepared = await facility.prepare(datasetIds="ds")
    whole = (await facility.get("getData", preparedId=prepared)).content
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 122
    for _ in range(60):
        first = chance.randrange(len(whole))
        last = min(len(whole) - 1, first + chance.choice([0, 1000, 300_000]))
        answer = await facility.get("getData", headers={"Range": f"bytes={first}-{last}"}, preparedId=prepared)
        assert answer.content == whole[first : last + 1]


UNTRUSTED = {"catalogue_checksums_are_crc32": False}


@pytest.mark.parametrize("ids_settings", [{"ids": {**UNTRUSTED, "hash_at_once_bytes": 60}}])
async def test_without_known_checksums_a_download_begins_at_once(facility: Facility) -> None:
    answer = await facility.get("getData", datasetIds="ds")
    assert answer.headers["etag"].startswith('"zd1-')
    assert int(answer.headers["content-length"]) == len(answer.content)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None


@pytest.mark.parametrize("ids_settings", [{"ids": UNTRUSTED}])
async def test_few_bytes_without_known_checksums_are_read_before(facility: Facility) -> None:
    answer = await facility.get("getData", datafileIds="df1", zip="true")
    assert hashlib.sha256(answer.content).hexdigest() == Z1


@pytest.mark.parametrize("ids_settings", [{"ids": UNTRUSTED}])
async def test_what_is_prepared_is_ready_when_its_checksums_are_known(
    facility: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on = asyncio.Event()
    fill = Hasher.fill

    async def later(*arguments: Any) -> Any:
        await may_go_on.wait()
        return await fill(*arguments)

    await facility.icat.write({"Datafile": {"id": facility.ids["df1"], "checksum": f"md5:{'0' * 32}"}})
    monkeypatch.setattr(Hasher, "fill", later)
    prepared = await facility.prepare(datafileIds="df1", zip="true")
    began = time.monotonic()
    assert (await facility.get("isPrepared", preparedId=prepared)).text == "false"
    assert time.monotonic() - began < 1
    may_go_on.set()
    while (await facility.get("isPrepared", preparedId=prepared)).text != "true":
        await asyncio.sleep(0.01)
    answer = await facility.get("getData", preparedId=prepared)
    assert hashlib.sha256(answer.content).hexdigest() == Z1


@pytest.mark.parametrize("ids_settings", [{"ids": UNTRUSTED}])
async def test_who_does_not_wait_for_checksums_gets_the_same_bytes_ever_after(
    facility: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on = asyncio.Event()
    fill = Hasher.fill

    async def later(*arguments: Any) -> Any:
        await may_go_on.wait()
        return await fill(*arguments)

    monkeypatch.setattr(Hasher, "fill", later)
    prepared = await facility.prepare(datasetIds="ds")
    assert (await facility.get("isPrepared", preparedId=prepared)).text == "false"
    first = await facility.get("getData", preparedId=prepared)
    assert first.headers["etag"].startswith('"zd1-')
    may_go_on.set()
    assert (await facility.get("isPrepared", preparedId=prepared)).text == "true"
    again = await facility.get("getData", preparedId=prepared)
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])


@pytest.mark.parametrize("ids_settings", [{"ids": {**UNTRUSTED, "hash_before_ready_bytes": 10}}])
async def test_what_is_too_large_to_be_read_before_is_ready_as_it_is(facility: Facility) -> None:
    prepared = await facility.prepare(datasetIds="ds")
    while (await facility.get("isPrepared", preparedId=prepared)).text != "true":
        await asyncio.sleep(0.01)
    assert (await facility.get("getData", preparedId=prepared)).headers["etag"].startswith('"zd1-')


async def test_what_has_been_deleted_since_cannot_be_fetched(facility: Facility) -> None:
    kept, shrunk = await facility.prepare(datafileIds="df2"), await facility.prepare(datasetIds="ds")
    assert (await facility.get("getData", preparedId=shrunk)).status_code == 200
    await facility.icat.delete({"Datafile": {"id": facility.ids["df1"]}})
    for _ in range(2):
        assert "deleted" in told(await facility.get("getData", preparedId=shrunk), 404)["message"]
        assert (await facility.get("getData", preparedId=kept)).content == b"x" * 52


# -- G.7 on one level ---------------------------------------------------------------------------------------


async def test_nothing_is_moved_on_one_level(facility: Facility) -> None:
    for call in ("archive", "restore", "write"):
        told(await facility.post(call, datasetIds="ds"), 501)
    answer = await facility.post("reset", datasetIds="ds")
    assert (answer.status_code, answer.content) == (204, b"")


def test_the_golden_digests_are_those_of_the_layout_tests() -> None:
    source = (Path(__file__).parents[2] / "store/archives/test_layouts.py").read_text()
    assert Z1 in source
    assert T1 in source
