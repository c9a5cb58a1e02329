"""Changes of existing objects (ICAT specification E.7, E.8, F.4, F.5; vectors 24, 33, 34)."""

from __future__ import annotations

import asyncio

import pytest

from beamcat.catalogue.drafts import Change, Draft, Reference
from beamcat.errors import AlreadyExists, BadParameter, BeamcatError, Forbidden, NoSuchObject, ValidationFailed
from beamcat.model import ENTITIES
from tests.catalogue.conftest import World
from tests.catalogue.site import ROOT, Site

A_DATASETS = "SELECT ds FROM Dataset ds WHERE ds.investigation.name = 'A'"


async def test_an_update_changes_what_it_names_and_says_who_did(site: Site, world: World) -> None:
    await site.change("Investigation", world.a, summary="s", doi="d")
    curator = await site.user("db/curator")
    await site.rules(("U", "Investigation"))
    await site.change("Investigation", world.a, curator, doi=None, startDate="2026-01-02T03:04:05.678Z")
    ((summary, doi, start, create_id, mod_id, create_time, mod_time),) = await site.rows(
        "SELECT summary, doi, start_date::text, create_id, mod_id, create_time, mod_time "
        "FROM investigation WHERE id = %s",
        world.a,
    )
    assert (summary, doi, start) == ("s", None, "2026-01-02 03:04:05.678+00")
    assert (create_id, mod_id) == ("simple/root", "db/curator")
    assert mod_time > create_time


async def test_an_update_creates_nothing(site: Site, world: World) -> None:
    assert await site.write([{"Dataset": {"id": world.dataset, "description": "x"}}]) == []


async def test_a_required_relation_cannot_be_cleared(site: Site, world: World) -> None:
    with pytest.raises(ValidationFailed, match=r"^Investigation: type cannot be null\.$"):
        await site.change("Investigation", world.a, type=None)


async def test_a_null_flag_is_false(site: Site, world: World) -> None:
    await site.change("Dataset", world.dataset, complete=True)
    assert await site.value("SELECT complete FROM dataset WHERE id = %s", world.dataset)
    await site.change("Dataset", world.dataset, complete=None)
    assert not await site.value("SELECT complete FROM dataset WHERE id = %s", world.dataset)


async def test_lengths_and_nulls_are_checked(site: Site, world: World) -> None:
    with pytest.raises(ValidationFailed, match=r"^Dataset: description cannot have length > 255$"):
        await site.change("Dataset", world.dataset, description="x" * 256, doi="y" * 256)
    with pytest.raises(ValidationFailed, match=r"^Dataset: name cannot be null\.$"):
        await site.change("Dataset", world.dataset, description="x" * 256, name=None)


async def test_what_is_not_there_is_not_found_at_its_place(site: Site, world: World) -> None:
    with pytest.raises(NoSuchObject, match=r"^Dataset\[id:-1\] not found\.$") as caught:
        await site.write([{"Dataset": {"id": world.dataset, "name": "n"}}, {"Dataset": {"id": -1, "name": "m"}}])
    assert caught.value.offset == 1
    assert await site.value("SELECT name FROM dataset WHERE id = %s", world.dataset) == "ds1"
    with pytest.raises(NoSuchObject, match=r"^DatasetType\[id:77\] not found\.$"):
        await site.change("Dataset", world.dataset, type=77)


async def test_a_taken_key_is_refused_with_its_values(site: Site, world: World) -> None:
    with pytest.raises(AlreadyExists) as caught:
        await site.write(
            [
                {"Datafile": {"id": world.datafile, "name": "x"}},
                {"Datafile": {"id": world.second_datafile, "name": "x"}},
            ]
        )
    assert caught.value.message == f"Datafile exists with dataset = 'id:{world.dataset}', name = 'x'"
    assert caught.value.offset == 1
    assert await site.rows("SELECT name FROM datafile ORDER BY id") == [("df1",), ("df2",)]


async def test_names_can_be_handed_on_in_order(site: Site, world: World) -> None:
    await site.write(
        [{"Datafile": {"id": world.datafile, "name": "x"}}, {"Datafile": {"id": world.second_datafile, "name": "df1"}}]
    )
    assert await site.rows("SELECT name FROM datafile ORDER BY id") == [("x",), ("df1",)]


async def test_later_elements_see_earlier_ones(site: Site, world: World) -> None:
    (new,) = await site.write(
        [
            {"Datafile": {"id": world.datafile, "name": "moved away"}},
            {"Datafile": {"name": "df1", "dataset": {"id": world.dataset}}},
            {"Datafile": {"id": world.datafile, "name": "and again"}},
        ]
    )
    names = await site.rows("SELECT id, name FROM datafile ORDER BY id")
    assert names == [(world.datafile, "and again"), (world.second_datafile, "df2"), (new, "df1")]
    with pytest.raises(AlreadyExists) as caught:
        await site.write(
            [
                {"Datafile": {"id": world.datafile, "name": "df3"}},
                {"Datafile": {"name": "df3", "dataset": {"id": world.dataset}}},
            ]
        )
    assert caught.value.offset == 1


async def test_many_updates_are_few_statements(site: Site, world: World) -> None:
    files = [{"Datafile": {"name": f"n{n}", "dataset": {"id": world.dataset}}} for n in range(300)]
    ids = await site.write(files)
    await site.write([{"Datafile": {"id": i, "fileSize": 10, "name": f"m{i}"}} for i in ids])
    assert await site.value("SELECT count(*) FROM datafile WHERE name LIKE 'm%%' AND file_size = 10") == 300
    assert await site.value("SELECT file_size FROM dataset WHERE id = %s", world.dataset) == 3012


async def test_a_bare_reference_is_untouched_and_one_with_members_is_updated(site: Site, world: World) -> None:
    before = await site.value("SELECT mod_time FROM dataset_type WHERE id = %s", world.dataset_type)
    await asyncio.sleep(0.002)
    await site.change("Dataset", world.dataset, type=world.dataset_type)
    assert await site.value("SELECT mod_time FROM dataset_type WHERE id = %s", world.dataset_type) == before
    await site.write({"Dataset": {"id": world.dataset, "type": {"id": world.dataset_type, "description": "d"}}})
    ((description, mod_time),) = await site.rows("SELECT description, mod_time FROM dataset_type")
    assert description == "d"
    assert mod_time > before


async def test_a_reference_with_members_updates_on_creation_too(site: Site, world: World) -> None:
    type_with_description = {"id": world.dataset_type, "description": "d"}
    body = {"name": "n", "investigation": {"id": world.a}, "type": type_with_description}
    await site.write([{"Dataset": body}, {"Dataset": {**body, "name": "m"}}])
    assert await site.value("SELECT description FROM dataset_type") == "d"


async def test_a_reference_with_members_updates_from_below_too(site: Site, world: World) -> None:
    file_format = await site.make("DatafileFormat", name="nx", version="1", facility=world.facility)
    children = [{"name": "n", "datafileFormat": {"id": file_format, "description": "d"}}]
    await site.write({"Dataset": {"id": world.dataset, "datafiles": children}})
    assert await site.rows("SELECT description FROM datafile_format") == [("d",)]
    children = [{"name": "m", "datafileFormat": {"id": file_format, "description": "e"}}]
    body = {"name": "n", "investigation": {"id": world.a}, "type": {"id": world.dataset_type}, "datafiles": children}
    await site.write({"Dataset": body})
    assert await site.rows("SELECT description FROM datafile_format") == [("e",)]


async def test_a_referenced_object_needs_its_own_right(site: Site, world: World) -> None:
    ann = await site.user("db/ann")
    await site.rules(("U", "Dataset"))
    element = {"Dataset": {"id": world.dataset, "type": {"id": world.dataset_type, "description": "d"}}}
    with pytest.raises(Forbidden, match=r"^UPDATE access to this DatasetType is not allowed\.$"):
        await site.write(element, ann)
    await site.rules(("U", "SELECT t.description FROM DatasetType t"))
    await site.write(element, ann)
    assert await site.value("SELECT description FROM dataset_type") == "d"


async def test_children_of_an_update_are_created_below_it(site: Site, world: World) -> None:
    element = {"Dataset": {"id": world.dataset, "datafiles": [{"name": "new", "fileSize": 1}]}}
    assert await site.write(element) == []
    ((dataset, investigation),) = await site.rows(
        "SELECT dataset_id, investigation_id FROM datafile WHERE name = 'new'"
    )
    assert (dataset, investigation) == (world.dataset, world.a)
    ann = await site.user("db/ann")
    await site.rules(("U", "Dataset"))
    element["Dataset"]["datafiles"] = [{"name": "newer"}]
    with pytest.raises(Forbidden, match=r"^CREATE access to this Datafile is not allowed\.$"):
        await site.write(element, ann)
    await site.rules(("C", "Datafile"))
    await site.write(element, ann)


async def test_reading_is_not_updating(site: Site, world: World) -> None:
    ann = await site.user("db/ann")
    await site.rules(("R", "Dataset"))
    with pytest.raises(Forbidden, match=r"^UPDATE access to this Dataset is not allowed\.$") as caught:
        await site.change("Dataset", world.dataset, ann, name="x")
    assert caught.value.offset == 0
    await site.rules(("U", "Dataset"))
    await site.change("Dataset", world.dataset, ann, name="x")


async def test_the_first_element_without_right_is_named(site: Site, world: World) -> None:
    ann = await site.user("db/ann")
    await site.rules(("U", A_DATASETS))
    elements = [{"Dataset": {"id": key, "description": "x"}} for key in (world.dataset, world.other_dataset)]
    with pytest.raises(Forbidden) as caught:
        await site.write(elements, ann)
    assert caught.value.offset == 1
    assert await site.value("SELECT count(*) FROM dataset WHERE description = 'x'") == 0


async def test_rules_for_single_members(site: Site, world: World) -> None:
    ann = await site.user("db/ann")
    await site.rules(("CRD", "Investigation"), ("U", "SELECT x.doi FROM Investigation x"))
    await site.change("Investigation", world.a, ann, doi="d")
    refused = r"^UPDATE access to this Investigation is not allowed\.$"
    with pytest.raises(Forbidden, match=refused):
        await site.change("Investigation", world.a, ann, doi="e", releaseDate="2026-01-01T00:00:00.000Z")
    await site.rules(("U", "SELECT x.releaseDate FROM Investigation x WHERE x.name = 'A'"))
    await site.change("Investigation", world.a, ann, doi="e", releaseDate="2026-01-01T00:00:00.000Z")
    with pytest.raises(Forbidden, match=refused):
        await site.change("Investigation", world.b, ann, doi="e", releaseDate="2026-01-01T00:00:00.000Z")
    with pytest.raises(Forbidden, match=refused):
        await site.change("Investigation", world.a, ann, type=world.investigation_type)
    await site.rules(("U", "SELECT x.type FROM Investigation x"))
    await site.change("Investigation", world.a, ann, type=world.investigation_type)
    with pytest.raises(Forbidden, match=refused):
        await site.write({"Investigation": {"id": world.a, "doi": "f", "keywords": [{"name": "k"}]}}, ann)
    with pytest.raises(Forbidden, match=refused):  # whole objects need the whole right
        await site.catalogue.update(ann, Change(ENTITIES["Investigation"], world.a, Draft(ENTITIES["Investigation"])))


async def test_an_id_alone_needs_no_right(site: Site, world: World) -> None:
    nobody = await site.user("db/nobody")
    before = await site.value("SELECT mod_time FROM dataset WHERE id = %s", world.dataset)
    assert await site.write({"Dataset": {"id": world.dataset}}, nobody) == []
    assert await site.value("SELECT mod_time FROM dataset WHERE id = %s", world.dataset) == before
    with pytest.raises(NoSuchObject):
        await site.write({"Dataset": {"id": -1}}, nobody)


async def test_moving_needs_delete_before_and_create_after(site: Site, world: World) -> None:
    ann = await site.user("db/ann")
    await site.change("Dataset", world.dataset, name="to move")

    async def move() -> None:
        await site.change("Dataset", world.dataset, ann, investigation=world.b)

    await site.rules(("U", A_DATASETS))
    with pytest.raises(Forbidden, match=r"^DELETE access implied by UPDATE to this Dataset is not allowed\.$"):
        await move()
    await site.rules(("D", A_DATASETS))
    with pytest.raises(Forbidden, match=r"^CREATE access to this Dataset is not allowed\.$"):
        await move()
    assert await site.value("SELECT investigation_id FROM dataset WHERE id = %s", world.dataset) == world.a
    await site.rules(("C", "SELECT ds FROM Dataset ds WHERE ds.investigation.name = 'B'"))
    await move()
    assert await site.rows("SELECT DISTINCT investigation_id FROM datafile") == [(world.b,)]
    assert await site.rows("SELECT name, file_count FROM investigation ORDER BY name") == [("A", 0), ("B", 2)]


async def test_naming_where_an_object_already_belongs_is_no_move(site: Site, world: World) -> None:
    ann = await site.user("db/ann")
    await site.rules(("U", "Dataset"))
    await site.change("Dataset", world.dataset, ann, investigation=world.a, description="x")


async def test_soap_moving_has_its_own_words(site: Site, world: World) -> None:
    ann = await site.user("db/ann")
    await site.rules(("U", "Dataset"))
    draft = Draft(
        ENTITIES["Dataset"],
        {"name": "to move"},
        {
            "investigation": Reference(ENTITIES["Investigation"], world.b),
            "type": Reference(ENTITIES["DatasetType"], world.dataset_type),
        },
    )
    with pytest.raises(Forbidden, match=r"^DELETE access to this Dataset is not allowed\.$") as caught:
        await site.catalogue.update(ann, Change(ENTITIES["Dataset"], world.dataset, draft))
    assert caught.value.offset is None


async def test_a_whole_update_overwrites_everything(site: Site, world: World) -> None:
    await site.change("Dataset", world.dataset, description="d", complete=True)
    entity = ENTITIES["Dataset"]
    relations = {
        "investigation": Reference(ENTITIES["Investigation"], world.a),
        "type": Reference(ENTITIES["DatasetType"], world.dataset_type),
    }
    child = Draft(ENTITIES["Datafile"], {"name": "stale"})
    await site.catalogue.update(
        ROOT, Change(entity, world.dataset, Draft(entity, {"name": "n"}, dict(relations), {"datafiles": [child]}))
    )
    row = await site.rows(
        "SELECT name, description, complete, file_count, file_size FROM dataset WHERE id = %s", world.dataset
    )
    assert row == [("n", None, False, 2, 12)]
    with pytest.raises(ValidationFailed, match=r"^Dataset: investigation cannot be null\.$"):
        await site.catalogue.update(ROOT, Change(entity, world.dataset, Draft(entity, {"name": "n"})))
    with pytest.raises(NoSuchObject, match=r"^Dataset has null primary key\.$"):
        await site.catalogue.update(ROOT, Change(entity, None, Draft(entity)))
    with pytest.raises(NoSuchObject, match=r"^Dataset\[id:-5\] not found\.$"):
        await site.catalogue.update(ROOT, Change(entity, -5, Draft(entity, {"name": "n"}, relations)))
    datafile = Draft(ENTITIES["Datafile"], {"name": "df2"}, {"dataset": Reference(entity, world.dataset)})
    with pytest.raises(AlreadyExists) as caught:
        await site.catalogue.update(ROOT, Change(ENTITIES["Datafile"], world.datafile, datafile))
    assert caught.value.offset is None
    datafile.values["name"] = "df1"
    await site.catalogue.update(ROOT, Change(ENTITIES["Datafile"], world.datafile, datafile))
    assert await site.value("SELECT file_size FROM datafile WHERE id = %s", world.datafile) == 0


async def test_nothing_stays_of_a_list_that_fails(site: Site, world: World) -> None:
    with pytest.raises(BeamcatError) as caught:
        await site.write(
            [
                {"Facility": {"name": "new"}},
                {"Dataset": {"id": world.dataset, "name": "renamed"}},
                {"Dataset": {"id": world.dataset, "datafiles": [{"name": "child"}, {"name": "df1"}]}},
            ]
        )
    assert isinstance(caught.value, AlreadyExists)
    assert caught.value.offset == 2
    assert await site.value("SELECT count(*) FROM facility") == 1
    assert await site.value("SELECT name FROM dataset WHERE id = %s", world.dataset) == "ds1"
    assert await site.value("SELECT count(*) FROM datafile") == 2


async def test_concurrent_updates_of_the_same_objects_all_happen(site: Site, world: World) -> None:
    one, two = world.datafile, world.second_datafile

    async def update(number: int) -> None:
        ids = (one, two) if number % 2 else (two, one)
        await site.write([{"Datafile": {"id": i, "fileSize": number, "description": f"{number}"}} for i in ids])

    await asyncio.gather(*(update(number) for number in range(12)))
    sizes = await site.rows("SELECT file_size, description FROM datafile")
    assert sizes[0] == sizes[1]
    assert await site.value("SELECT file_size FROM dataset WHERE id = %s", world.dataset) == 2 * sizes[0][0]


async def test_a_moment_with_a_zone_is_the_same_moment(site: Site, world: World) -> None:
    await site.change("Dataset", world.dataset, startDate="2001-01-01T18:59:00.000+01:00")
    assert await site.value("SELECT start_date = '2001-01-01T17:59Z' FROM dataset WHERE id = %s", world.dataset)
    with pytest.raises(BadParameter, match=r'^Badly formatted date "2001"$'):
        await site.change("Dataset", world.dataset, startDate="2001")
