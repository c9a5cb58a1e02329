"""Bytes in, and out of the storage (data service specification, G.6)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import zlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from beamcat.store.locations import signed
from tests.doors.ids.conftest import Facility
from tests.doors.ids.test_door import told


async def put(facility: Facility, content: Any = b"hello world", **parameters: Any) -> httpx.Response:
    usual = {"name": "new/df.nxs", "datasetIds": "ds", "format": "format", **parameters}
    named = facility.named({"sessionId": facility.session, **usual})
    named["datasetId"] = named.pop("datasetIds")
    if "format" in named:
        named["datafileFormatId"] = str(facility.ids.get(named.pop("format"), "x"))
    headers = parameters.get("headers") or {}
    named.pop("headers", None)
    return await facility.http.put("/ids/put", params=named, content=content, headers=headers)


def stored(facility: Facility) -> set[str]:
    return {str(path.relative_to(facility.base)) for path in facility.base.rglob("*") if path.is_file()}


async def datafile(facility: Facility, identifier: int) -> dict[str, Any]:
    rows = (await facility.icat.ask(f"SELECT f FROM Datafile f WHERE f.id = {identifier}")).json()
    return dict(rows[0]["Datafile"])


async def test_a_file_comes_in_and_goes_out_again(facility: Facility) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"hello "
        yield b"world"

    answer = await put(facility, chunks(), datafileModTime=42000, description="d", doi="10.1/x")
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert list(body) == ["id", "checksum", "location", "size"]
    assert (body["checksum"], body["size"]) == (zlib.crc32(b"hello world"), 11)
    found = await datafile(facility, body["id"])
    assert (found["checksum"], found["fileSize"], found["name"]) == ("d4a1185", 11, "new/df.nxs")
    assert (found["description"], found["doi"], found["location"]) == ("d", "10.1/x", body["location"])
    assert found["datafileModTime"] == "1970-01-01T00:00:42.000Z"
    assert "datafileCreateTime" not in found
    assert (facility.base / body["location"]).read_bytes() == b"hello world"
    data = await facility.get("getData", datafileIds=body["id"])
    assert data.content == b"hello world"
    archive = await facility.get("getData", datafileIds=body["id"], zip="true")
    assert archive.headers["etag"].startswith('"z1-')  # its checksum is known


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"name": None}, 400),
        ({"name": ""}, 400),
        ({"format": None}, 400),
        ({"format": "nonsense"}, 400),
        ({"datasetIds": "x1"}, 400),
        ({"datafileModTime": "yesterday"}, 400),
        ({"datafileModTime": "9" * 19}, 400),
        ({"datasetIds": "99999"}, 404),
        ({"sessionId": "bad"}, 400),
        ({"name": "df2.dat"}, 400),
        ({"headers": {"Content-Digest": "sha-256=:AAAA:"}}, 400),
        ({"headers": {"Repr-Digest": "sha-256=:!!:"}}, 201),
    ],
)
async def test_what_is_refused_leaves_nothing(facility: Facility, parameters: dict[str, Any], status: int) -> None:
    before = stored(facility)
    answer = await put(facility, **parameters)
    if status == 201:
        assert answer.status_code == 201
    else:
        told(answer, status)
        assert stored(facility) == before


async def test_strangers_put_nothing(facility: Facility) -> None:
    before = stored(facility)
    told(await put(facility, sessionId=facility.stranger), 403)
    assert stored(facility) == before
    await facility.icat.write(
        [{"Rule": {"crudFlags": "R", "what": entity}} for entity in ("Dataset", "Investigation", "Facility")]
    )
    await asyncio.sleep(1.1)
    told(await put(facility, sessionId=facility.stranger), 403)
    assert stored(facility) == before


async def test_digests_are_looked_at(facility: Facility) -> None:
    right = base64.b64encode(hashlib.sha256(b"hello world").digest()).decode()
    wrong = base64.b64encode(hashlib.sha256(b"hello").digest()).decode()
    before = stored(facility)
    told(await put(facility, headers={"Content-Digest": f"md5=:x:, sha-256=:{wrong}:"}), 400)
    assert stored(facility) == before
    answer = await put(facility, headers={"Content-Digest": f"sha-256=:{right}:"})
    assert answer.status_code == 201


@pytest.mark.parametrize("ids_settings", [{"ids": {"read_only": True}}])
async def test_nothing_changes_where_it_may_not(facility: Facility) -> None:
    assert (await facility.get("isReadOnly")).text == "true"
    told(await put(facility), 501)
    told(await facility.http.delete("/ids/delete", params=facility.named({"datafileIds": "df1"})), 501)


async def put_form(facility: Facility, *parts: tuple[str, Any]) -> httpx.Response:
    return await facility.http.post("/ids/put", files=list(parts))


def fields(facility: Facility, **more: str | None) -> list[tuple[str, Any]]:
    usual = {
        "sessionId": facility.session,
        "datasetId": str(facility.ids["ds"]),
        "datafileFormatId": str(facility.ids["format"]),
        "wrap": "false",
        **more,
    }
    return [(name, (None, value)) for name, value in usual.items() if value is not None]


async def test_a_file_comes_in_with_a_form(facility: Facility) -> None:
    content = bytes(3_000_000)
    answer = await put_form(facility, *fields(facility, description="d"), ("file", ("é.nxs", content)))
    assert answer.status_code == 201, answer.text
    found = await datafile(facility, answer.json()["id"])
    assert (found["name"], found["description"], found["fileSize"]) == ("é.nxs", "d", 3_000_000)
    answer = await put_form(facility, *fields(facility, name="named.nxs"), ("file", ("x", b"x")))
    assert (await datafile(facility, answer.json()["id"]))["name"] == "named.nxs"


async def test_forms_that_are_not_right_leave_nothing(facility: Facility) -> None:
    before, file = stored(facility), ("file", ("new", b"hello"))
    for parts in (
        fields(facility),
        [*fields(facility, unknown="x"), file],
        [*fields(facility, datasetId=None), file],
        [*fields(facility), file, file],
        [*fields(facility), file, ("name", (None, "late"))],
        [*fields(facility, description="x" * 100_000), file],
        [file, *fields(facility)],
    ):
        assert (await put_form(facility, *parts)).status_code in {400, 413}
    told(await put_form(facility, *fields(facility, sessionId=facility.stranger), file), 403)
    told(await facility.post("put", name="x"), 400)
    assert stored(facility) == before
    ended_early = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nhel'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    told(await facility.http.post("/ids/put", content=ended_early, headers=headers), 400)
    assert stored(facility) == before


@pytest.mark.parametrize("ids_settings", [{"store": {"key": "wombat"}}])
async def test_locations_are_signed(facility: Facility) -> None:
    answer = (await put(facility)).json()
    assert (await datafile(facility, answer["id"]))["location"] == signed(answer["id"], answer["location"], "wombat")
    assert (await facility.get("getData", datafileIds=answer["id"])).content == b"hello world"
    told(await facility.get("getData", datafileIds="df1"), 403)  # it was catalogued without


async def delete(facility: Facility, **parameters: Any) -> httpx.Response:
    return await facility.http.delete("/ids/delete", params=facility.named(parameters))


async def test_what_is_deleted_is_gone(facility: Facility) -> None:
    answer = await delete(facility, datafileIds="df3")
    assert (answer.status_code, answer.content) == (204, b"")
    told(await facility.get("getStatus", datafileIds="df3"), 404)
    assert "1/3/Person's file" not in stored(facility)
    assert (await delete(facility, datasetIds="ds2")).status_code == 204
    assert (await facility.get("getStatus", datasetIds="ds2")).text == "ONLINE"
    assert not (facility.base / "1/3").exists()
    assert (await facility.get("getSize", datasetIds="ds2")).text == "0"


async def test_strangers_delete_nothing(facility: Facility) -> None:
    before = stored(facility)
    told(await delete(facility, datafileIds="df1", sessionId=facility.stranger), 403)
    await facility.icat.write(
        [{"Rule": {"crudFlags": "R", "what": e}} for e in ("Datafile", "Dataset", "Investigation", "Facility")]
    )
    await asyncio.sleep(1.1)
    told(await delete(facility, datafileIds="df1", sessionId=facility.stranger), 403)
    assert stored(facility) == before
    assert (await facility.get("getData", datafileIds="df1")).content == b"hello world"


async def test_bytes_that_others_have_too_stay(facility: Facility) -> None:
    dataset = {"id": facility.ids["ds2"]}
    await facility.icat.write(
        [
            {"Datafile": {"name": "same", "dataset": dataset, "location": "1/2/a"}},
            {"Datafile": {"name": "longer", "dataset": dataset, "location": "1/2/bc"}},
            {"Datafile": {"name": "blank", "dataset": dataset, "location": "1/2/b c"}},
        ]
    )
    assert (await delete(facility, datasetIds="ds")).status_code == 204
    assert "1/2/a" in stored(facility)
    assert "1/2/b" not in stored(facility)
    data = await facility.get("getData", datasetIds="ds2")
    told(data, 404)  # the other two were never there


@pytest.mark.parametrize("ids_settings", [{"store": {"key": "wombat"}}])
async def test_bytes_that_others_have_too_stay_when_locations_are_signed(facility: Facility) -> None:
    first = (await put(facility, name="first")).json()
    query = f"SELECT f FROM Datafile f WHERE f.id = {first['id']}"
    copy = {"name": "Datafile", "id": str(first["id"]), "keys": '{"name": "copy"}', "sessionId": facility.session}
    clone = await facility.http.post("/icat/cloner", data=copy)
    assert clone.status_code == 200, clone.text
    assert (await delete(facility, datafileIds=first["id"])).status_code == 204
    assert first["location"] in stored(facility)
    assert (await facility.get("getData", datafileIds=clone.json()["id"])).content == b"hello world"
    assert (await facility.icat.ask(query)).json() == []
    assert (await delete(facility, datafileIds=clone.json()["id"])).status_code == 204
    assert first["location"] not in stored(facility)


async def test_nothing_to_delete(facility: Facility) -> None:
    assert (await delete(facility)).status_code == 204
    told(await delete(facility, datafileIds="99999"), 404)
