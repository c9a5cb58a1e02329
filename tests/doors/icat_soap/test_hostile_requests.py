"""Requests that are no SOAP, or more than the limits allow: each is a clear fault of the client, told in few words.

What `test_hostile.py` shows of declarations, elements, bytes and values is not repeated here.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from lxml import etree

from beamcat.doors.icat_soap.faults import fault
from beamcat.doors.icat_soap.request import MOST_NAMESPACES
from beamcat.errors import BadParameter
from tests.doors.icat_soap.client import PATH, SERVER, Fault, Icat, Opened, bean, enveloped, returned, settings_for
from tests.doors.icat_soap.conftest import TestServer

SESSION = "<ns1:getUserName><sessionId>{}</sessionId></ns1:getUserName>"
UTF_16 = '<?xml version="1.0" encoding="UTF-16"?>'
LONG = "x" * 45_000
LONGEST_ANSWER_BYTES = 10_000
SOAP_1_2 = "http://www.w3.org/2003/05/soap-envelope"


@dataclass(frozen=True)
class Case:
    """A request, and what its fault says."""

    body: bytes
    message: str
    code: str = "S:Client"
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "text/xml"})


def text(content: str, before: str = "", encoding: str = "utf-8") -> bytes:
    return enveloped(content, before).encode(encoding)


def header(content_type: str) -> dict[str, str]:
    return {"content-type": content_type}


def created(content: str) -> bytes:
    return text(f"<ns1:create><sessionId>SESSION</sessionId>{content}</ns1:create>")


NESTED = "<investigations><datasets><datafiles><name>x</name></datafiles></datasets></investigations>"
NAMESPACES = "".join(f' xmlns:p{number}="urn:{number}"' for number in range(4000))
ATTACHED = b"--b\r\nContent-Type: text/xml\r\n\r\n<a/>\r\n--b\r\nContent-Type: image/png\r\n\r\n\0\r\n--b--\r\n"

CASES = {
    # limits
    "objects nested too deeply": Case(
        created(bean("facility", NESTED)), "the objects are nested more than 3 levels deep", "S:Server"
    ),
    "too many elements, closed at once": Case(text("<a/>" * 5001), "at most 5000 XML elements", "S:Server"),
    "too many namespaces": Case(
        created("").replace(b"<ns1:create>", f"<ns1:create{NAMESPACES}>".encode()),
        f"at most {MOST_NAMESPACES} namespaces",
        "S:Server",
    ),
    "an element name of 45 000 characters": Case(text(f"<ns1:{LONG}/>"), "There is no operation x"),
    "a namespace of 45 000 characters": Case(text(f'<a xmlns="{LONG}"/>'), "There is no operation {x"),
    "a type of 900 000 characters": Case(
        created(f'<bean xsi:type="{LONG * 20}"/>'), "does not name an ICAT entity", "S:Server"
    ),
    # encodings
    "latin-1, said to be UTF-8": Case(
        text(SESSION.format("é"), '<?xml version="1.0" encoding="UTF-8"?>', "latin-1"), "The request is not utf-8"
    ),
    "UTF-8, said to be UTF-16": Case(text(SESSION.format("x"), UTF_16), "not well-formed"),
    "an odd number of bytes in UTF-16": Case(text("", UTF_16, "utf-16") + b"x", "The request is not utf-16"),
    "half a surrogate pair in UTF-16": Case(
        b"\xff\xfe" + "<a>\udc00</a>".encode("utf-16-le", "surrogatepass"), "The request is not utf-16"
    ),
    "half a surrogate pair in UTF-8": Case(b"<a>\xed\xa0\x80</a>", "The request is not utf-8"),
    "UTF-32": Case(text("", "", "utf-32-le"), "not well-formed"),
    "UTF-7 in the declaration": Case(
        text("", '<?xml version="1.0" encoding="UTF-7"?>'), "The encoding utf-7 is not supported"
    ),
    "an unknown encoding in the header": Case(
        text(""), "The encoding klingon is not supported", headers=header("text/xml; charset=Klingon")
    ),
    "compressed": Case(
        gzip.compress(text("")), "The request is not utf-8", headers={"content-encoding": "gzip", **header("text/xml")}
    ),
    # characters
    "NUL": Case(text(SESSION.format("\0")), "not well-formed"),
    "a control character": Case(text(SESSION.format("\x01")), "not well-formed"),
    "U+FFFE": Case(text(SESSION.format("\ufffe")), "not well-formed"),
    **{
        f"the reference {reference}": Case(text(SESSION.format(reference)), "not well-formed")
        for reference in ("&#0;", "&#x1;", "&#xB;", "&#xD800;", "&#xFFFE;", "&#x110000;", "&#99999999999;", "&#x;")
    },
    "a control character in XML 1.1": Case(text(SESSION.format("&#1;"), '<?xml version="1.1"?>'), "not well-formed"),
    # messages
    "nothing": Case(b"", "not well-formed"),
    "JSON": Case(b'{"sessionId": "x"}', "not well-formed"),
    "a form": Case(b"json=%7B%7D", "not well-formed", headers=header("application/x-www-form-urlencoded")),
    "attachments": Case(
        ATTACHED, "not one with attachments", headers=header('Multipart/Related; boundary="b"; type="text/xml"')
    ),
    "two envelopes": Case(text("") * 2, "not well-formed"),
    "SOAP 1.2": Case(
        enveloped("<ns1:getVersion/>").replace("http://schemas.xmlsoap.org/soap/envelope/", SOAP_1_2).encode(),
        "not a SOAP 1.1 envelope",
        "S:VersionMismatch",
        header("application/soap+xml; charset=utf-8"),
    ),
    "an envelope of no namespace": Case(
        b"<Envelope><Body><getVersion/></Body></Envelope>", "not a SOAP 1.1 envelope", "S:VersionMismatch"
    ),
    "another element": Case(b"<html/>", "not a SOAP 1.1 envelope"),
    "a body of no namespace": Case(
        enveloped("<ns1:getVersion/>").replace("SOAP-ENV:Body", "Body").encode(), "The body of the envelope is empty"
    ),
    "an empty body": Case(text(" <!-- nothing --> "), "The body of the envelope is empty"),
    "an operation of no namespace": Case(text("<getVersion/>"), "operations are in the namespace"),
    "an operation of another namespace": Case(
        text('<getVersion xmlns="http://icatproject.org/"/>'), "operations are in the namespace"
    ),
    "parameters that are qualified": Case(
        text("<ns1:getUserName><ns1:sessionId>SESSION</ns1:sessionId></ns1:getUserName>"),
        "Session Id cannot be null or empty.",
        "S:Server",
    ),
}


@pytest.fixture(scope="module")
async def strict(server: TestServer, template: str) -> AsyncIterator[Icat]:
    """A client signed in as administrator, of a server that takes objects nested three levels deep."""
    name = server.create(template)
    async with Opened(settings_for(server.url(name), max_nesting=3)) as client:
        await client.login("root")
        yield client
    server.drop(name)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_what_is_no_soap_or_too_much_is_a_clear_fault(strict: Icat, case: Case) -> None:
    body = case.body.replace(b"SESSION", strict.session.encode())
    started = time.perf_counter()
    answer = await strict.http.post(PATH, content=body, headers=case.headers)
    assert time.perf_counter() - started < 5
    with pytest.raises(Fault) as caught:
        returned(answer)
    assert case.message in caught.value.message
    assert caught.value.code == case.code
    assert caught.value.kind in {"BAD_PARAMETER", "SESSION"}
    assert len(answer.content) < LONGEST_ANSWER_BYTES


@pytest.mark.parametrize(
    ("encoding", "before", "content_type"),
    [
        ("utf-16", UTF_16, "text/xml"),
        ("utf-16", "", "text/xml; charset=utf-16"),
        ("utf-16", "", "text/xml; charset=utf-8"),
        ("utf-16-le", UTF_16, "text/xml"),
        ("utf-16-be", UTF_16, "text/xml"),
        ("utf-16-le", "", "text/xml; charset=UTF-16LE"),
        ("utf-16-be", "", "text/xml; charset=UTF-16"),
        ("latin-1", '<?xml version="1.0" encoding="ISO-8859-1"?>', "text/xml"),
        ("latin-1", "", 'text/xml; charset="iso-8859-1"'),
        ("cp1252", "<?xml version='1.0' encoding='windows-1252'?>", "text/xml"),
        ("utf-8", "", ""),
        ("utf-8", '<?xml version="1.0" encoding="ISO-8859-1"?>', "text/xml; charset=utf-8"),
    ],
)
async def test_a_request_is_read_in_its_encoding(strict: Icat, encoding: str, before: str, content_type: str) -> None:
    body = text(SESSION.format("é"), before, encoding)
    with pytest.raises(Fault) as caught:
        returned(await strict.http.post(PATH, content=body, headers=header(content_type)))
    assert caught.value.message == "Unable to find user by sessionid: é"


async def test_every_message_that_ends_too_early_is_a_fault(strict: Icat) -> None:
    whole = text(SESSION.format(strict.session), '<?xml version="1.0"?>')
    assert [each.text for each in returned(await strict.post(whole))] == ["simple/root"]
    for end in range(len(whole)):
        with pytest.raises(Fault) as caught:
            returned(await strict.post(whole[:end]))
        assert (caught.value.code, caught.value.kind) == ("S:Client", "BAD_PARAMETER")


async def test_a_body_without_a_length_is_read_up_to_the_limit(strict: Icat) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b" " * 2**16

    answer = await strict.http.post(PATH, content=endless(), headers=header("text/xml"))
    with pytest.raises(Fault, match="at most 1048576 bytes"):
        returned(answer)
    assert taken <= SERVER["max_request_bytes"] // 2**16 + 2


async def test_every_bean_may_declare_a_namespace_of_its_own(strict: Icat) -> None:
    beans = (
        f'<beans xmlns:p{n}="http://icatproject.org" xsi:type="p{n}:facility"><name>n{n}</name></beans>'
        for n in range(MOST_NAMESPACES + 1)
    )
    assert len(await strict.call("createMany", "".join(beans))) == MOST_NAMESPACES + 1


async def test_characters_that_xml_cannot_hold_are_replaced_in_answers(strict: Icat) -> None:
    name = "a\x01b\x0bc\x1fd\ufffee\uffff \t\n\r]]>&<é\U0001f600"
    form = {"sessionId": strict.session, "entities": json.dumps([{"Facility": {"name": name, "fullName": name}}])}
    made = await strict.http.post("/icat/entityManager", data=form)
    (identifier,) = made.json()
    readable = "a\ufffdb\ufffdc\ufffdd\ufffde\ufffd \t\n\r]]>&<é\U0001f600"
    (whole,) = await strict.search(f"SELECT f FROM Facility f WHERE f.id = {identifier}")
    assert whole.findtext("name") == whole.findtext("fullName") == readable
    (row,) = await strict.search(f"SELECT f.name, f.id FROM Facility f WHERE f.id = {identifier}")
    assert row[0].text == readable
    (again,) = await strict.call("get", f"<query>Facility</query><primaryKey>{identifier}</primaryKey>")
    assert again.findtext("name") == readable


def test_a_fault_repeats_what_xml_cannot_hold_replaced_and_cut() -> None:
    told = etree.fromstring(fault(BadParameter("a\x01<b>\ud800" + "x" * 10_000), "id").encode())
    assert told.findtext(".//faultstring") == told.findtext(".//message") == "a\ufffd<b>\ufffd" + "x" * 3994 + "..."


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_other_methods_tell_nothing_of_the_inside(strict: Icat, method: str) -> None:
    answer = await strict.http.request(method, PATH)
    assert answer.status_code == (200 if method in {"GET", "HEAD"} else 405)
    assert len(answer.content) < 100


MEMORY = """
import resource, sys
from beamcat.doors.icat_soap.request import NotSoap, read_operation, read_text
from beamcat.errors import TooLarge

def highest():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

body = sys.stdin.buffer.read()
before = highest()
try:
    read_operation(read_text(body, "text/xml"), 100_000)
except (NotSoap, TooLarge) as refused:
    print(highest() - before, str(refused)[:100])
"""
BOMB = "".join(f'<!ENTITY {n} "{f"&{p};" * 50}">' for p, n in zip("abcdefgh", "bcdefghi", strict=True))


REFUSED = {
    "bomb": lambda: text("&i;", f'<!DOCTYPE x [<!ENTITY a "{"ha" * 1000}">{BOMB}]>'),
    "elements": lambda: text("<a/>" * 4_000_000),
    "open elements": lambda: text("<a>" * 4_000_000),
    "attributes": lambda: text("<a" + " a=''" * 3_000_000 + "/>"),
    "references": lambda: text("<a>" + "&lt;" * 4_000_000 + "</a>"),
    "text": lambda: text("<a>" + "x" * 16_000_000 + "</a>"),
    "comments": lambda: text("<!-- -->" * 2_000_000),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_is_refused_costs_little_more_memory_than_its_size(body: Callable[[], bytes], tmp_path: Path) -> None:
    file = tmp_path / "body"
    file.write_bytes(body())
    with file.open("rb") as stream:
        command = [sys.executable, "-c", MEMORY]
        done = subprocess.run(command, stdin=stream, capture_output=True, text=True, check=True, timeout=30)
    grown, _, message = done.stdout.partition(" ")
    assert message, "it was not refused"
    assert int(grown) < 4 * file.stat().st_size + 2**24
