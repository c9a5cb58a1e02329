"""What strangers may send: it is answered with a clear fault, within limits."""

from __future__ import annotations

import time

import pytest

from tests.doors.icat_soap.client import Fault, Icat, bean, enveloped, returned

CALL = "<ns1:getUserName><sessionId>{}</sessionId></ns1:getUserName>"
BOMB = (
    '<!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {n} "{f"&{p};" * 10}">' for p, n in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)
DECLARATIONS = {
    "entity bomb": BOMB,
    "external entity": '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    "parameter entity": '<!DOCTYPE x [<!ENTITY % a SYSTEM "http://127.0.0.1:9/x.dtd">%a;]>',
    "external subset": '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
    "after a comment": '<?xml version="1.0"?> <!-- c --> <?p i?>\n<!DOCTYPE x [<!ENTITY a "b">]>',
}


async def refused(icat: Icat, body: str | bytes, **headers: str) -> Fault:
    started = time.perf_counter()
    with pytest.raises(Fault) as caught:
        returned(await icat.post(body, **headers))
    assert time.perf_counter() - started < 5
    return caught.value


@pytest.mark.parametrize("declaration", DECLARATIONS.values(), ids=DECLARATIONS)
async def test_a_document_type_declaration_is_refused(shared: Icat, declaration: str) -> None:
    found = await refused(shared, enveloped(CALL.format("&i;"), declaration))
    assert found.kind == "BAD_PARAMETER"
    assert found.message == "A request must not have a document type declaration"


async def test_the_word_for_it_in_a_text_is_only_a_word(shared: Icat) -> None:
    query = "<query><![CDATA[Facility [name = '<!DOCTYPE x>']]]></query>"
    assert await shared.call("search", query) == []


async def test_an_unknown_entity_is_refused(shared: Icat) -> None:
    assert "not well-formed" in (await refused(shared, enveloped(CALL.format("&unknown;")))).message


async def test_deep_nesting_is_refused(shared: Icat) -> None:
    deep = "<a>" * 2000 + "</a>" * 2000
    assert (await refused(shared, enveloped(deep))).kind == "BAD_PARAMETER"


async def test_objects_within_objects_are_limited(shared: Icat) -> None:
    samples = "<datasets><sample/>" * 3 + "</datasets>" * 3
    assert await fault_kind(shared, bean("investigation", samples)) == "BAD_PARAMETER"
    many = "<datasets><name>x</name></datasets>" * 1001
    assert await fault_kind(shared, bean("investigation", many)) == "BAD_PARAMETER"


async def fault_kind(icat: Icat, sent: str) -> str:
    with pytest.raises(Fault) as caught:
        await icat.call("create", sent)
    return caught.value.kind


async def test_too_many_elements_or_attributes_or_bytes_are_refused(shared: Icat) -> None:
    many = "<a/>" * 20_000
    assert "at most 5000 XML elements" in (await refused(shared, enveloped(many))).message
    attributes = "".join(f" a{n}=''" for n in range(6000))
    assert "at most 5000 XML elements" in (await refused(shared, enveloped(f"<a{attributes}/>"))).message
    large = "x" * (2**20 + 1)
    assert "at most 1048576 bytes" in (await refused(shared, enveloped(large))).message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not XML",
        b"<",
        b"\xff\xfe<",
        b"<a/>",
        b"\x00" * 50,
        b"<?xml version='1.0' encoding='ebcdic'?><a/>",
        enveloped("").encode(),
        enveloped("<getVersion/>").encode(),
        enveloped("<ns1:getVersion>").encode(),
        enveloped("<ns1:getVersion/>").replace("soap/envelope/", "2003/05/soap-envelope").encode(),
        enveloped("<ns1:getVersion>&#0;</ns1:getVersion>").encode(),
        enveloped("<ns1:getVersion>\udcff</ns1:getVersion>").encode(errors="surrogateescape"),
    ],
)
async def test_what_is_no_soap_is_a_fault_of_the_client(shared: Icat, body: bytes) -> None:
    assert (await refused(shared, body)).kind == "BAD_PARAMETER"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "utf-8-sig"])
async def test_an_encoding_is_found_by_mark_header_or_declaration(shared: Icat, encoding: str) -> None:
    name = "utf-8" if encoding == "utf-8-sig" else encoding
    text = enveloped(CALL.format("é"), f'<?xml version="1.0" encoding="{name}"?>')
    found = await refused(shared, text.encode(encoding), **{"content-type": "text/xml"})
    assert found.message == "Unable to find user by sessionid: é"


async def test_a_header_that_must_be_understood_is_refused(shared: Icat) -> None:
    text = enveloped("<ns1:getVersion/>").replace(
        "<SOAP-ENV:Header/>", '<SOAP-ENV:Header><x SOAP-ENV:mustUnderstand="1"/></SOAP-ENV:Header>'
    )
    assert (await refused(shared, text)).code == "S:MustUnderstand"


@pytest.mark.parametrize("name", ["", "ns1:nothing", "nothing", "zz:facility", "ns1:session", "ns1:parameter"])
async def test_a_bean_of_no_entity_is_refused(shared: Icat, name: str) -> None:
    sent = f'<bean xsi:type="{name}" xmlns:zz="urn:z"><name>x</name></bean>'
    assert await fault_kind(shared, sent) == "BAD_PARAMETER"
    assert await fault_kind(shared, "<bean><name>x</name></bean>") == "BAD_PARAMETER"
    assert await fault_kind(shared, "") == "BAD_PARAMETER"


async def test_values_that_are_none_are_refused(shared: Icat) -> None:
    for sent in (
        bean("facility", "<name>x</name><daysUntilRelease>1.5</daysUntilRelease>"),
        bean("facility", "<name>x</name><daysUntilRelease>99999999999</daysUntilRelease>"),
        bean("dataset", "<complete>perhaps</complete>"),
        bean("dataset", "<startDate>yesterday</startDate>"),
        bean("dataset", "<startDate>2023-02-30T00:00:00Z</startDate>"),
        bean("datasetParameter", "<numericValue>many</numericValue>"),
        bean("dataset", "<investigation><name>x</name></investigation>"),
        bean("dataset", "<investigation><id>x</id></investigation>"),
    ):
        assert await fault_kind(shared, sent) == "BAD_PARAMETER"
