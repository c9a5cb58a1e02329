"""Copies of objects and all below them (ICAT specification F.8)."""

from __future__ import annotations

import hashlib

import pytest

from beamcat.database.pool import Database
from beamcat.errors import AlreadyExists, BadParameter, Forbidden, NoSuchObject, ValidationFailed
from beamcat.model import ENTITIES
from tests.catalogue.conftest import World
from tests.catalogue.site import ROOT, Site

DATASET = ENTITIES["Dataset"]
INVESTIGATION = ENTITIES["Investigation"]


async def test_a_clone_has_all_values_and_its_own_children(site: Site, world: World) -> None:
    await site.change("Dataset", world.dataset, description="d", complete=True, startDate="2026-01-02T03:04:05.678Z")
    kind = await site.make(
        "ParameterType",
        name="t",
        units="K",
        valueType="NUMERIC",
        facility=world.facility,
        applicableToDatafile=True,
        applicableToDataset=True,
    )
    await site.make("DatasetParameter", dataset=world.dataset, type=kind, numericValue=1.5)
    await site.make("DatafileParameter", datafile=world.datafile, type=kind, numericValue=2.5)
    new = await site.catalogue.clone(ROOT, DATASET, world.dataset, {"name": "copy"})
    copied = "SELECT description, complete, start_date::text, type_id, investigation_id FROM dataset WHERE id = %s"
    assert await site.rows(copied, new) == await site.rows(copied, world.dataset)
    assert await site.rows(
        "SELECT name, file_size, investigation_id, create_id FROM datafile WHERE dataset_id = %s ORDER BY name", new
    ) == [("df1", 5, world.a, "simple/root"), ("df2", 7, world.a, "simple/root")]
    assert await site.rows("SELECT numeric_value FROM dataset_parameter WHERE dataset_id = %s", new) == [(1.5,)]
    assert await site.rows(
        "SELECT p.numeric_value FROM datafile_parameter p JOIN datafile f ON f.id = p.datafile_id "
        "WHERE f.dataset_id = %s",
        new,
    ) == [(2.5,)]
    assert await site.rows("SELECT file_count, file_size FROM dataset WHERE id = %s", new) == [(2, 12)]
    assert await site.rows("SELECT file_count, file_size FROM investigation WHERE id = %s", world.a) == [(4, 24)]


async def test_what_is_reached_on_two_ways_is_copied_once(site: Site, world: World) -> None:
    sample = await site.make("Sample", name="s", investigation=world.a)
    await site.change("Dataset", world.dataset, sample=sample)
    await site.make("RelatedDatafile", sourceDatafile=world.datafile, destDatafile=world.second_datafile, relation="r")
    new = await site.catalogue.clone(ROOT, INVESTIGATION, world.a, {"name": "C", "visitId": "2"})
    ((dataset, dataset_sample, sample_investigation),) = await site.rows(
        "SELECT d.id, s.id, s.investigation_id FROM dataset d JOIN sample s ON s.id = d.sample_id "
        "WHERE d.investigation_id = %s",
        new,
    )
    assert dataset != world.dataset
    assert dataset_sample != sample
    assert sample_investigation == new
    assert await site.rows(
        "SELECT a.dataset_id, b.dataset_id FROM related_datafile r JOIN datafile a ON a.id = r.source_datafile_id "
        "JOIN datafile b ON b.id = r.dest_datafile_id WHERE r.source_datafile_id <> %s",
        world.datafile,
    ) == [(dataset, dataset)]
    assert await site.rows("SELECT DISTINCT investigation_id FROM datafile WHERE dataset_id = %s", dataset) == [(new,)]
    counts = "SELECT file_count, file_size FROM investigation WHERE id = %s"
    assert await site.rows(counts, new) == await site.rows(counts, world.a) == [(2, 12)]


async def test_a_key_that_is_taken_is_refused(site: Site, world: World) -> None:
    with pytest.raises(AlreadyExists) as caught:
        await site.catalogue.clone(ROOT, DATASET, world.dataset, {})
    assert caught.value.message == f"Dataset exists with investigation = 'id:{world.a}', name = 'ds1'"
    sample = await site.make("Sample", name="s", investigation=world.a)
    await site.change("Dataset", world.dataset, sample=sample)
    with pytest.raises(AlreadyExists, match=r"^Dataset exists with "):
        await site.catalogue.clone(ROOT, ENTITIES["Sample"], sample, {"name": "copy"})
    assert await site.value("SELECT count(*) FROM sample") == 1


async def test_keys_are_attributes_of_the_constraint(site: Site, world: World) -> None:
    for keys in ({"description": "x"}, {"investigation": "1"}, {"nothing": "x"}, {"name": 5}, {"name": None}):
        with pytest.raises(BadParameter):
            await site.catalogue.clone(ROOT, DATASET, world.dataset, keys)  # type: ignore[arg-type]
    with pytest.raises(ValidationFailed, match=r"^Dataset: name cannot have length > 255$"):
        await site.catalogue.clone(ROOT, DATASET, world.dataset, {"name": "x" * 256})
    with pytest.raises(NoSuchObject, match=r"^Dataset:-1$"):
        await site.catalogue.clone(ROOT, DATASET, -1, {"name": "x"})


async def test_reading_all_sources_and_creating_all_copies_must_be_allowed(site: Site, world: World) -> None:
    ann = await site.user("db/ann")

    async def attempt() -> int:
        return await site.catalogue.clone(ann, DATASET, world.dataset, {"name": "copy"})

    for flags, what, refusal in (
        ("R", "Dataset", "READ access to this Dataset"),
        ("R", "SELECT f FROM Datafile f WHERE f.name = 'df1'", "READ access to this Datafile"),
        ("R", "SELECT f FROM Datafile f WHERE f.name = 'df2'", "READ access to this Datafile"),
        ("C", "Dataset", "CREATE access to this Dataset"),
        ("C", "Datafile", "CREATE access to this Datafile"),
    ):
        with pytest.raises(Forbidden, match=f"^{refusal} is not allowed"):
            await attempt()
        await site.rules((flags, what))
    assert await site.value("SELECT count(*) FROM dataset") == 2
    assert await attempt()


async def test_signed_locations_are_signed_for_the_copy(database: Database) -> None:
    site = Site(database, key="wombat")
    facility = await site.make("Facility", name="F")
    kind = await site.make("InvestigationType", name="it", facility=facility)
    dataset_type = await site.make("DatasetType", name="dt", facility=facility)
    visit = await site.make("Investigation", name="I", visitId="1", title="t", facility=facility, type=kind)
    dataset = await site.make("Dataset", name="D", investigation=visit, type=dataset_type)
    await site.make("Datafile", name="signed", dataset=dataset, location="1/2/a b 0123")
    await site.make("Datafile", name="unsigned", dataset=dataset, location="1/2/c")
    await site.make("Datafile", name="nowhere", dataset=dataset)
    new = await site.catalogue.clone(ROOT, DATASET, dataset, {"name": "copy"})
    rows = await site.rows("SELECT id, location FROM datafile WHERE dataset_id = %s ORDER BY name", new)
    (_, nowhere), (signed_id, signed), (_, unsigned) = rows
    digest = hashlib.sha256(f"{signed_id}1/2/a bwombat".encode()).hexdigest().upper()
    assert (nowhere, signed, unsigned) == (None, f"1/2/a b {digest}", "1/2/c")


async def test_without_a_key_locations_stay_as_they_are(site: Site, world: World) -> None:
    await site.change("Datafile", world.datafile, location="1/2/a 0123")
    new = await site.catalogue.clone(ROOT, DATASET, world.dataset, {"name": "copy"})
    assert await site.value("SELECT location FROM datafile WHERE dataset_id = %s AND name = 'df1'", new) == "1/2/a 0123"
