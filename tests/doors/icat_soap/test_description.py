"""WSDL and schema, as ICAT's clients read them (ICAT specification C.1 to C.3, C.8)."""

from __future__ import annotations

import httpx
import pytest
from lxml import etree

from beamcat.doors.icat_soap.description import schema
from beamcat.doors.icat_soap.names import ENTITY_OF_TYPE
from beamcat.model import ICAT_ENTITIES
from tests.doors.icat_soap.client import PATH, Icat, Opened, settings_for

XS = "{http://www.w3.org/2001/XMLSchema}"
ROOT = etree.fromstring(schema())
TYPES = {found.get("name"): found for found in ROOT.findall(f"{XS}complexType")}


def elements(type_name: str) -> list[tuple[str | None, str | None, str | None, str | None]]:
    return [
        (e.get("name"), e.get("type"), e.get("minOccurs"), e.get("maxOccurs"))
        for e in TYPES[type_name].iter(f"{XS}element")
    ]


def test_the_schema_is_one() -> None:
    assert etree.XMLSchema(ROOT) is not None


def test_every_entity_has_a_type() -> None:
    assert len(ENTITY_OF_TYPE) == len(ICAT_ENTITIES) == 53
    assert set(ENTITY_OF_TYPE) <= set(TYPES)
    assert "fieldSet" in TYPES


def test_a_type_lists_its_members_in_order() -> None:
    assert elements("keyword") == [
        ("investigation", "tns:investigation", "0", None),
        ("name", "xs:string", "0", None),
    ]
    names = [name for name, *_ in elements("dataset")]
    assert names == sorted(names, key=str)
    assert ("complete", "xs:boolean", None, None) in elements("dataset")
    assert ("datafiles", "tns:datafile", "0", "unbounded") in elements("dataset")
    assert elements("datasetParameter") == [("dataset", "tns:dataset", "0", None)]
    assert [name for name, *_ in elements("parameter")][-2:] == ["stringValue", "type"]


async def test_the_address_is_the_one_the_client_called(shared: Icat) -> None:
    for host in ("beamcat", "icat.example.org:8181", "[::1]:80"):
        text = (await shared.http.get(f"{PATH}?wsdl", headers={"host": host})).text
        assert f'location="http://{host}{PATH}"' in text
        assert f'schemaLocation="http://{host}{PATH}?xsd=1"' in text


async def test_a_strange_host_is_refused(shared: Icat) -> None:
    answer = await shared.http.get(f"{PATH}?wsdl", headers={"host": 'x"><evil/>'})
    assert answer.status_code == 500
    assert "<evil" not in answer.text


async def test_a_stranger_cannot_set_the_forwarded_host(shared: Icat) -> None:
    text = (await shared.http.get(f"{PATH}?wsdl", headers={"x-forwarded-host": "evil.example.org"})).text
    assert "evil" not in text


async def test_a_trusted_proxy_tells_the_address(database_url: str) -> None:
    settings = settings_for(database_url, trusted_proxies=("127.0.0.0/8",))
    headers = {"x-forwarded-for": "192.0.2.1", "x-forwarded-host": "icat.example.org", "x-forwarded-proto": "https"}
    async with Opened(settings) as icat:
        text = (await icat.http.get(f"{PATH}?wsdl", headers=headers)).text
    assert f'location="https://icat.example.org{PATH}"' in text


async def test_the_settings_tell_the_address(database_url: str) -> None:
    async with Opened(settings_for(database_url, public_url="https://icat.example.org/")) as icat:
        text = (await icat.http.get(f"{PATH}?wsdl")).text
    assert f'location="https://icat.example.org{PATH}"' in text


@pytest.mark.parametrize("asked", ["xsd=1", "xsd", "XSD=1"])
async def test_the_schema_is_served(shared: Icat, asked: str) -> None:
    answer: httpx.Response = await shared.http.get(f"{PATH}?{asked}")
    assert etree.fromstring(answer.content).get("targetNamespace") == "http://icatproject.org"
