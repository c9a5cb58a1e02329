"""Documents say what the catalogue holds, and nothing that they do not declare."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beamcat.database.pool import Database
from beamcat.search.documents import DOCUMENTS
from beamcat.search.documents.making import made
from beamcat.search.fields import Kind
from tests.catalogue.site import Site

SIGNATURE = "0123456789ABCDEF" * 4


@pytest.fixture
async def site(database: Database) -> Site:
    return Site(database)


async def documents(site: Site, entity: str) -> dict[int, dict[str, Any]]:
    """All documents of an entity, read by a range and by their ids alike."""
    async with site.database.connection() as connection:
        of = DOCUMENTS[entity]
        by_range = [json.loads(one) async for some in made(connection, of.of_range(0, 1000)) for one in some]
        ids = [document["id"] for document in by_range]
        assert ids == sorted(ids)
        by_ids = [json.loads(one) async for some in made(connection, of.of_ids(ids)) for one in some]
    assert by_ids == by_range
    return {document["id"]: document for document in by_range}


async def investigation(site: Site, **members: Any) -> tuple[int, int]:
    """A facility and an investigation in it."""
    facility = await site.make("Facility", name="LILS")
    kind = await site.make("InvestigationType", name="experiment", facility=facility)
    members = {"name": "HC-1", "visitId": "1-1", "title": "Rust on a Ford", **members}
    return facility, await site.make("Investigation", facility=facility, type=kind, **members)


@pytest.mark.parametrize("entity", DOCUMENTS)
def test_every_declared_field_has_a_value_and_the_other_way_round(entity: str) -> None:
    documents = DOCUMENTS[entity]
    assert {*documents.values, "digest"} == set(documents.type.fields)
    assert set(documents.type.asked) <= set(documents.type.fields)
    assert all(name == field.name for name, field in documents.type.fields.items())
    assert not [f.name for f in documents.type.fields.values() if f.counted and f.kind not in {Kind.ID, Kind.CODE}]


async def test_an_investigation_with_all_that_belongs_to_it(site: Site) -> None:
    facility, inv = await investigation(
        site, summary="Why", doi="10.1/x", startDate="2024-03-01T00:00:00Z", releaseDate="2027-03-01T00:00:00Z"
    )
    instrument = await site.make("Instrument", name="ID21", facility=facility)
    await site.make("InvestigationInstrument", investigation=inv, instrument=instrument)
    user = await site.make("User", name="db/ann", fullName="Ann Äbi")
    await site.make("InvestigationUser", investigation=inv, user=user, role="PI")
    kind = await site.make("SampleType", name="metal", molecularFormula="Fe", facility=facility)
    sample = await site.make("Sample", name="door\\left\n", investigation=inv, type=kind)
    await site.make("Keyword", name="rust", investigation=inv)
    await site.make("Publication", fullReference="Ann, 2025", doi="10.2/y", investigation=inv)
    heat = await site.make(
        "ParameterType",
        name="temperature",
        units="K",
        valueType="NUMERIC",
        facility=facility,
        applicableToInvestigation=True,
        applicableToSample=True,
    )
    await site.make("InvestigationParameter", investigation=inv, type=heat, numericValue=293.5)
    await site.make("SampleParameter", sample=sample, type=heat, numericValue=10)
    dataset_type = await site.make("DatasetType", name="raw", facility=facility)
    dataset = await site.make("Dataset", name="ds", investigation=inv, type=dataset_type)
    technique = await site.make("Technique", name="XANES")
    await site.make("DatasetTechnique", dataset=dataset, technique={"id": technique})
    document = (await documents(site, "Investigation"))[inv]
    assert {name: document[name] for name in document if name not in {"end", "type", "size", "count", "digest"}} == {
        "id": inv,
        "name": "HC-1",
        "visit_id": "1-1",
        "title": "Rust on a Ford",
        "summary": "Why",
        "doi": "10.1/x",
        "start": 1_709_251_200_000,
        "date": 1_709_251_200_000,
        "release": 1_803_859_200_000,
        "facility": facility,
        "instruments": [instrument],
        "techniques": [technique],
        "people": ["Ann Äbi"],
        "samples": [sample],
        "sample_names": ["door\\left\n"],
        "sample_types": [kind],
        "sample_parameter_types": [heat],
        "keywords": ["rust"],
        "keyword": ["rust"],
        "publications": ["Ann, 2025"],
        "publication_dois": ["10.2/y"],
        "numbers": {str(heat): 293.5},
        "parameter_types": [heat],
    }


async def test_dates_that_are_not_given_are_those_of_the_record(site: Site) -> None:
    _, inv = await investigation(site)
    document = (await documents(site, "Investigation"))[inv]
    created = await site.value("SELECT (extract(epoch FROM create_time) * 1000)::bigint FROM investigation")
    assert document["start"] == document["date"] == created
    assert "release" not in document


async def test_a_dataset_speaks_of_its_sample_and_its_investigation(site: Site) -> None:
    facility, inv = await investigation(site)
    instrument = await site.make("Instrument", name="ID21", facility=facility)
    await site.make("InvestigationInstrument", investigation=inv, instrument=instrument)
    sample = await site.make("Sample", name="door", investigation=inv)
    kind = await site.make("DatasetType", name="raw", facility=facility)
    ds = await site.make("Dataset", name="scan", investigation=inv, type=kind, sample=sample, location="/data/1")
    document = (await documents(site, "Dataset"))[ds]
    expected = {
        "name": "scan",
        "location": "/data/1",
        "investigation": inv,
        "investigation_name": "HC-1",
        "investigation_title": "Rust on a Ford",
        "visit_id": "1-1",
        "sample": sample,
        "sample_name": "door",
        "investigation_instruments": [instrument],
        "complete": 0,
        "facility": facility,
    }
    assert {name: document.get(name) for name in expected} == expected
    assert "instruments" not in document


async def test_paths_are_those_that_people_know(site: Site) -> None:
    facility, inv = await investigation(site)
    kind = await site.make("DatasetType", name="raw", facility=facility)
    ds = await site.make("Dataset", name="scan", investigation=inv, type=kind)
    given = {
        "a.nxs": ("/data/id21/a.nxs", ["/data/id21/a.nxs"]),
        "raw/b.nxs": (f"{inv}/{ds}/12345678-1234-1234-1234-123456789012", ["raw/b.nxs"]),
        "raw/c.nxs": (f"{inv}/{ds}/12345678-1234-1234-1234-123456789012 {SIGNATURE}", ["raw/c.nxs"]),
        "d.nxs": (f"/data/id21/x.nxs {SIGNATURE}", ["/data/id21/x.nxs", "d.nxs"]),
        "e.nxs": (None, ["e.nxs"]),
        "f.nxs": (r"C:\data\f.nxs", [r"C:\data\f.nxs"]),
    }
    for name, (location, _) in given.items():
        await site.make("Datafile", dataset=ds, name=name, **({"location": location} if location else {}))
    found = {document["name"]: document for document in (await documents(site, "Datafile")).values()}
    assert {name: document["path"] for name, document in found.items()} == {n: path for n, (_, path) in given.items()}
    assert {document["investigation"] for document in found.values()} == {inv}


async def test_numbers_that_json_cannot_hold_are_left_out(site: Site) -> None:
    facility, inv = await investigation(site)
    kind = await site.make("DatasetType", name="raw", facility=facility)
    ds = await site.make("Dataset", name="scan", investigation=inv, type=kind)
    flags = {"facility": facility, "applicableToDataset": True, "units": "1"}
    types = [
        await site.make("ParameterType", name=name, valueType=value, **flags)
        for name, value in (("a", "NUMERIC"), ("b", "NUMERIC"), ("c", "STRING"), ("d", "DATE_AND_TIME"))
    ]
    await site.make("DatasetParameter", dataset=ds, type=types[0], numericValue=1e-300)
    await site.make("DatasetParameter", dataset=ds, type=types[1], numericValue=2)
    await site.make("DatasetParameter", dataset=ds, type=types[2], stringValue='"\x7f\t')
    await site.make("DatasetParameter", dataset=ds, type=types[3], dateTimeValue="1970-01-01T00:00:01Z")
    async with site.database.connection() as connection:
        await connection.execute("UPDATE dataset_parameter SET numeric_value = 'NaN' WHERE type_id = %s", (types[1],))
    document = (await documents(site, "Dataset"))[ds]
    assert document["numbers"] == {str(types[0]): 1e-300}
    assert document["strings"] == {str(types[2]): '"\x7f\t'}
    assert document["moments"] == {str(types[3]): 1000}
    assert document["parameter_types"] == types


async def test_a_publication_tells_who_made_it(site: Site) -> None:
    facility, _ = await investigation(site)
    collection = await site.make("DataCollection")
    publication = await site.make(
        "DataPublication", title="Rust", pid="10.5/z", facility=facility, content={"id": collection}, subject="metals"
    )
    user = await site.make("User", name="db/ann", fullName="Ann Abi")
    await site.make(
        "DataPublicationUser", publication={"id": publication}, user=user, contributorType="Creator", orderKey="1"
    )
    document = (await documents(site, "DataPublication"))[publication]
    assert document["people"] == ["Ann Abi"]
    assert document["subject"] == ["metals"]
    assert document["content"] == collection
    instrument = await site.make("Instrument", name="ID21", fullName="Nanoprobe", facility=facility, type="microscope")
    assert (await documents(site, "Instrument"))[instrument]["kind"] == "microscope"
