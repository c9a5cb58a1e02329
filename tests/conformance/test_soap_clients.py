"""Clients of the SOAP interface that read its description: zeep, and suds through python-icat."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import icat
import pytest
import zeep
import zeep.exceptions

from tests.conformance.conftest import PASSWORD, Running

NAMESPACE = "{http://icatproject.org}"


@pytest.fixture
def python_icat(
    running_server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[icat.client.Client]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # suds keeps descriptions among the temporary files
    client = icat.client.Client(f"{running_server.url}/ICATService/ICAT?wsdl")
    client.login("simple", {"username": "root", "password": PASSWORD})
    yield client
    client.logout()


def test_zeep_signs_in_creates_searches_and_is_told_of_faults(running_server: Running) -> None:
    client: Any = zeep.Client(f"{running_server.url}/ICATService/ICAT?wsdl")
    service = client.service
    entries = [{"key": "username", "value": "root"}, {"key": "password", "value": PASSWORD}]
    session = service.login("simple", {"entry": entries})
    assert service.getUserName(session) == "simple/root"
    assert 119 < service.getRemainingMinutes(session) <= 120
    name = f"zeep {uuid4()}"
    facility = client.get_type(f"{NAMESPACE}facility")
    created = service.create(session, facility(name=name, daysUntilRelease=5))
    (found,) = service.search(session, f"SELECT f FROM Facility f WHERE f.id = {created}")
    assert (found.name, found.daysUntilRelease, found.createId) == (name, 5, "simple/root")
    assert found.createTime.utcoffset() is not None
    (row,) = service.search(session, f"SELECT f.id, f.url FROM Facility f WHERE f.id = {created}")
    assert row.fields[0] == created
    with pytest.raises(zeep.exceptions.Fault, match="Facility exists with name") as caught:
        service.create(session, facility(name=name))
    (detail,) = caught.value.detail
    assert (detail.findtext("type"), detail.findtext("offset")) == ("OBJECT_ALREADY_EXISTS", "-1")
    service.delete(session, facility(id=created))
    assert service.search(session, f"SELECT f FROM Facility f WHERE f.id = {created}") in (None, [])
    service.logout(session)


def test_python_icat_changes_an_object_it_has_read(python_icat: icat.client.Client) -> None:
    facility = python_icat.new("Facility", name=f"suds {uuid4()}", url="http://a")
    facility.create()
    (read,) = python_icat.search(f"SELECT f FROM Facility f WHERE f.id = {facility.id} INCLUDE 1")
    read.url = None
    read.update()
    (again,) = python_icat.search(f"SELECT f.id, f.url, f.name FROM Facility f WHERE f.id = {facility.id}")
    assert again == (facility.id, None, facility.name)
    with pytest.raises(icat.ICATObjectExistsError):
        python_icat.new("Facility", name=facility.name).create()
    python_icat.delete(read)
    assert python_icat.search(f"SELECT f FROM Facility f WHERE f.id = {facility.id}") == []
