"""A client of the SOAP interface that reads its description: the npm package soap, unmodified."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from beamcat.doors.icat_soap.signatures import SIGNATURES
from tests.conformance.conftest import PASSWORD, Running
from tests.conformance.node_client import NodeClient, NodeFault, node_client


class Icat:
    """The client with a session."""

    def __init__(self, client: NodeClient, name: str) -> None:
        self.client = client
        entries = [{"key": "username", "value": name}, {"key": "password", "value": PASSWORD}]
        self.session = client.call("login", plugin="simple", credentials={"entry": entries})

    def call(self, operation: str, **arguments: Any) -> Any:
        return self.client.call(operation, sessionId=self.session, **arguments)

    def search(self, query: str) -> Any:
        return self.call("search", query=query)


def bean(entity: str, **members: Any) -> dict[str, Any]:
    """An object as this client wants it: `tns` is the prefix it takes from the description."""
    return {"attributes": {"xsi:type": f"tns:{entity}"}, **members}


@pytest.fixture(scope="module")
def client(running_server: Running) -> Iterator[NodeClient]:
    with node_client(f"{running_server.url}/ICATService/ICAT?wsdl") as made:
        yield made


@pytest.fixture(scope="module")
def icat(client: NodeClient) -> Icat:
    return Icat(client, "root")


@pytest.fixture
def facility(icat: Icat) -> Iterator[int]:
    identifier = icat.call("create", bean=bean("facility", name=f"node {uuid4()}", daysUntilRelease=5))
    yield identifier
    icat.call("delete", bean=bean("facility", id=identifier))


@pytest.fixture
def investigation(icat: Icat, facility: int) -> int:
    kind = icat.call("create", bean=bean("investigationType", name="t", facility={"id": facility}))
    made: int = icat.call(
        "create",
        bean=bean(
            "investigation",
            name="i",
            visitId="1",
            title="T & <é>",
            startDate="2025-03-12T11:40:26.120Z",
            facility={"id": facility},
            type={"id": kind},
            keywords=[{"name": "a"}, {"name": "b"}],
        ),
    )
    return made


def fault_of(icat: Icat, operation: str, **arguments: Any) -> dict[str, str]:
    with pytest.raises(NodeFault) as caught:
        icat.call(operation, **arguments)
    assert caught.value.detail["message"] in caught.value.message
    return caught.value.detail


def test_it_finds_every_operation_in_the_description(client: NodeClient) -> None:
    assert set(client.operations) == set(SIGNATURES)
    assert client.call("getApiVersion") == client.call("getVersion") == "6.2.0"
    assert len(client.call("getEntityNames")) == 53
    assert "simple" in [each["mnemonic"] for each in client.call("getAuthenticatorInfo")]


def test_a_session_is_refreshed_and_ends(client: NodeClient) -> None:
    icat = Icat(client, "ann")
    assert icat.call("getUserName") == "simple/ann"
    assert 119 < icat.call("getRemainingMinutes") <= 120
    assert icat.call("refresh") is None
    assert icat.call("logout") is None
    told = fault_of(icat, "getUserName")
    assert (told["type"], told["offset"]) == ("SESSION", "-1")


def test_it_reads_what_an_entity_consists_of(icat: Icat) -> None:
    info = icat.client.call("getEntityInfo", beanName="Investigation")
    assert info["constraints"] == [{"fieldNames": ["facility", "name", "visitId"]}]
    fields = {field["name"]: field for field in info["fields"]}
    assert len(fields) == 30
    assert fields["title"].items() >= {"notNullable": True, "relType": "ATTRIBUTE", "stringLength": 255}.items()
    told = fault_of(icat, "getEntityInfo", beanName="Nothing")
    assert (told["type"], told["message"]) == ("BAD_PARAMETER", "Nothing is not an ICAT entity")


def test_it_creates_an_object_with_all_below_it_and_finds_it(icat: Icat, facility: int, investigation: int) -> None:
    query = f"SELECT i FROM Investigation i WHERE i.id = {investigation} INCLUDE i.keywords, i.facility"
    (found,) = icat.search(query)
    assert found["attributes"] == {"xsi:type": "ns2:investigation"}
    assert (found["id"], found["title"], found["fileCount"]) == (investigation, "T & <é>", 0)
    assert found["startDate"] == "2025-03-12T11:40:26.120Z"
    assert [keyword["name"] for keyword in found["keywords"]] == ["a", "b"]
    assert (found["facility"]["id"], found["facility"]["daysUntilRelease"]) == (facility, 5)
    assert "type" not in found


def test_it_finds_values_and_rows_of_values(icat: Icat, facility: int, investigation: int) -> None:
    of_it = f"FROM Investigation i WHERE i.id = {investigation}"
    (value,) = icat.search(f"SELECT i.id {of_it}")
    assert value == {"attributes": {"xsi:type": "xs:long"}, "$value": str(investigation)}
    (row,) = icat.search(f"SELECT i.name, i.doi, i.startDate, i.facility {of_it}")
    name, doi, start, of_row = row["fields"]
    assert (name["$value"], doi, start["$value"]) == ("i", None, "2025-03-12T11:40:26.120Z")
    assert (start["attributes"]["xsi:type"], of_row["id"]) == ("xs:dateTime", facility)
    assert icat.search("SELECT i FROM Investigation i WHERE i.id = 0") is None


def test_it_creates_many_and_is_told_which_is_at_fault(icat: Icat, investigation: int) -> None:
    of_it = {"id": investigation}
    beans = [bean("keyword", name=name, investigation=of_it) for name in ("x", "y")]
    made = icat.call("createMany", beans=beans)
    assert icat.search(f"SELECT k.id FROM Keyword k WHERE k.name = 'y' AND k.investigation.id = {investigation}") == [
        {"attributes": {"xsi:type": "xs:long"}, "$value": str(made[1])}
    ]
    beans = [bean("keyword", name=name, investigation=of_it) for name in ("z", "y")]
    told = fault_of(icat, "createMany", beans=beans)
    assert (told["type"], told["offset"]) == ("OBJECT_ALREADY_EXISTS", "1")
    icat.call("deleteMany", beans=[bean("keyword", id=each) for each in made])
    assert icat.search(f"SELECT COUNT(k) FROM Keyword k WHERE k.id IN ({made[0]}, {made[1]})")[0]["$value"] == "0"


def test_it_sends_back_an_object_it_has_got(icat: Icat, investigation: int) -> None:
    query = "Investigation INCLUDE 1"
    got = icat.call("get", query=query, primaryKey=investigation)
    assert got["attributes"] == {"xsi:type": "ns2:investigation"}  # it does not bind this prefix when it sends it back
    icat.call("update", bean={**got, "title": "new", "summary": "more"})
    icat.call("update", bean={**got, "title": "newer"})
    again = icat.call("get", query=query, primaryKey=investigation)
    assert (again["title"], again["startDate"], again["type"]["id"]) == ("newer", got["startDate"], got["type"]["id"])
    assert "summary" not in again
    told = fault_of(icat, "get", query=query, primaryKey=0)
    assert told["type"] == "NO_SUCH_OBJECT_FOUND"


def test_a_date_of_javascript_comes_empty_and_is_refused_rather_than_lost(icat: Icat, investigation: int) -> None:
    got = icat.call("get", query="Investigation INCLUDE 1", primaryKey=investigation)
    told = fault_of(icat, "update", bean={**got, "startDate": {"$date": "2025-03-12T11:40:26.120Z"}})
    assert told["type"] == "BAD_PARAMETER"
    assert "startDate of Investigation must be a dateTime, not ''" in told["message"]
    icat.call("update", bean={**got, "startDate": None})
    assert "startDate" not in icat.call("get", query="Investigation", primaryKey=investigation)


def test_it_learns_what_is_allowed(icat: Icat, client: NodeClient, facility: int) -> None:
    subject = bean("facility", id=facility)
    ann = Icat(client, "ann")
    for access in ("READ", "UPDATE", "DELETE"):
        assert icat.call("isAccessAllowed", bean=subject, accessType=access) is True
        assert ann.call("isAccessAllowed", bean=subject, accessType=access) is False
    assert fault_of(ann, "delete", bean=subject)["type"] == "INSUFFICIENT_PRIVILEGES"


def test_it_is_told_of_wrong_queries_and_objects(icat: Icat, facility: int) -> None:
    assert fault_of(icat, "search", query="SELECT x FROM Nothing x")["type"] == "BAD_PARAMETER"
    assert fault_of(icat, "create", bean=bean("facility"))["type"] == "VALIDATION"
    assert fault_of(icat, "create", bean={"name": "untyped"})["type"] == "BAD_PARAMETER"
    assert fault_of(icat, "create", bean=bean("keyword", investigation={"id": 0}, name="k"))["offset"] == "-1"
