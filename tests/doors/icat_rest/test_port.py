"""Dumps over HTTP: what is asked for, what is sent, and what is refused (ICAT specification B.10)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.doors.icat_rest.conftest import Icat

DUMP = """# made by hand
1.0

Facility(name:0, daysUntilRelease:1)
"Source", 90

InvestigationType(facility(name:0), name:1)
"Source", "experiment"
"""


async def export(icat: Icat, **order: Any) -> httpx.Response:
    text = json.dumps({"sessionId": icat.session, **order})
    return await icat.http.get("/icat/port", params={"json": text})


async def load(icat: Icat, dump: str, file_name: str = "dump", **order: Any) -> httpx.Response:
    text = json.dumps({"sessionId": icat.session, **order})
    return await send(icat, ("json", None, text), ("file", file_name, dump))


async def send(icat: Icat, *sent: tuple[str, str | None, str]) -> httpx.Response:
    body = ""
    for name, file_name, content in sent:
        shown = f'; name="{name}"' + ("" if file_name is None else f'; filename="{file_name}"')
        body += f"--edge\r\nContent-Disposition: form-data{shown}\r\nContent-Type: text/plain\r\n\r\n{content}\r\n"
    body += "--edge--\r\n"

    async def pieces() -> AsyncIterator[bytes]:
        content = body.encode()
        for start in range(0, len(content), 7):
            yield content[start : start + 7]

    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    return await icat.http.post("/icat/port", content=pieces(), headers=headers)


async def test_a_dump_goes_in_and_comes_out(icat: Icat) -> None:
    answer = await load(icat, DUMP)
    assert (answer.status_code, answer.content) == (204, b"")
    answer = await export(icat, query="InvestigationType INCLUDE Facility")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["content-disposition"] == 'attachment; filename="icat.export"'
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.text == (
        "# ICAT Export file written by simple/root\n1.0\n\n"
        "Facility(daysUntilRelease:0,description:1,fullName:2,name:3,url:4)\n"
        '90,NULL,NULL,"Source",NULL\n\n'
        "InvestigationType(description:0,facility(name:1),name:2)\n"
        'NULL,"Source","experiment"\n'
    )
    everything = await export(icat, attributes="all")
    assert everything.text.count("\n\n") == 53


async def test_a_query_that_finds_no_objects_is_answered_with_204(icat: Icat) -> None:
    await load(icat, DUMP)
    for query in ("Facility [name = 'x']", "COUNT(Facility)", "SELECT f.name FROM Facility f"):
        answer = await export(icat, query=query)
        assert (answer.status_code, answer.content) == (204, b"")


async def test_an_empty_file_name_is_a_file_and_several_files_are_read_in_turn(icat: Icat) -> None:
    order = json.dumps({"sessionId": icat.session, "duplicate": "Check", "attributes": "user"})
    answer = await send(icat, ("json", None, order), ("file", "", DUMP), ("another", "b", DUMP))
    assert answer.status_code == 204
    assert (await icat.ask("Facility.name")).json() == ["Source"]


async def test_an_error_names_the_line(icat: Icat) -> None:
    assert (await load(icat, DUMP)).status_code == 204
    answer = await load(icat, DUMP)
    assert answer.status_code == 412
    assert answer.json() == {
        "code": "OBJECT_ALREADY_EXISTS",
        "message": "Facility exists with name = 'Source' at line 5",
        "offset": 5,
    }


async def test_what_the_order_gets_wrong_is_said(icat: Icat) -> None:
    async def problem(answer: httpx.Response) -> tuple[int, str, str]:
        told = answer.json()
        return answer.status_code, told["code"], told["message"]

    bad = (400, "BAD_PARAMETER")
    assert await problem(await load(icat, DUMP, color="red")) == (*bad, "color is not an expected key in the json")
    assert await problem(await load(icat, DUMP, query="x")) == (*bad, "query is not an expected key in the json")
    wrong = await problem(await load(icat, DUMP, duplicate="maybe"))
    assert wrong == (*bad, "maybe is not a valid value for 'duplicate'")
    wrong = await problem(await load(icat, DUMP, attributes="none"))
    assert wrong == (*bad, "none is not a valid value for 'attributes'")
    wrong = await problem(await export(icat, attributes="none"))
    assert wrong == (*bad, "none is not a valid value for 'attributes'")
    assert await problem(await export(icat, duplicate="throw")) == (
        *bad,
        "duplicate is not an expected key in the json",
    )
    assert await problem(await icat.http.get("/icat/port")) == (*bad, "json must not be null")
    assert await problem(await send(icat, ("file", "x", DUMP))) == (*bad, "json must not be null")
    assert await problem(await send(icat, ("x", None, "y"))) == (*bad, "Form field 'x' is not recognised")
    order = json.dumps({"sessionId": icat.session})
    assert await problem(await send(icat, ("json", None, order))) == (*bad, "No file was sent")
    plain = await icat.http.post("/icat/port", data={"json": order})
    assert await problem(plain) == (*bad, "Multipart content expected")
    broken = await icat.http.post(
        "/icat/port", content=b"--edge\r\nContent", headers={"Content-Type": "multipart/form-data; boundary=edge"}
    )
    assert (await problem(broken))[:2] == bad
    assert (await icat.ask("Facility")).json() == []


async def test_nothing_goes_in_or_out_without_a_session(icat: Icat) -> None:
    icat.session = "nonsense"
    for answer in (await load(icat, DUMP), await export(icat), await export(icat, query="Facility")):
        assert (answer.status_code, answer.json()["code"]) == (403, "SESSION")


@pytest.mark.parametrize("attributes", ["USER", "ALL"])
async def test_only_root_users_import_with_all_attributes(icat: Icat, attributes: str) -> None:
    await icat.write({"Rule": {"crudFlags": "C", "what": "Facility"}})
    await icat.login("simple", {"username": "ann"}, {"password": "pw"})
    answer = await load(icat, '1.0\n\nFacility(name:0)\n"Source"\n', attributes=attributes)
    if attributes == "USER":
        assert answer.status_code == 204
    else:
        assert answer.status_code == 403
        assert answer.json() == {
            "code": "INSUFFICIENT_PRIVILEGES",
            "message": "Only root users may import with Attributes.ALL",
        }
