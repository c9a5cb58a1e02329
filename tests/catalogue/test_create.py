"""Creation, as SOAP and REST ask for it (ICAT specification F.1 to F.3, F.5; vectors 18 to 22, 26)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from beamcat.access.rules import Operation
from beamcat.catalogue.drafts import Change, Draft, Reference
from beamcat.errors import AlreadyExists, BadParameter, Forbidden, NoSuchObject, TooLarge, ValidationFailed
from beamcat.model import ENTITIES
from tests.catalogue.conftest import World
from tests.catalogue.site import ROOT, Site


def draft(entity: str, **members: object) -> Draft:
    """A draft; lists are children, references and None of relations go where they belong."""
    it = Draft(ENTITIES[entity])
    for name, value in members.items():
        if isinstance(value, list):
            it.to_many[name] = value
        elif isinstance(value, Reference):
            it.to_one[name] = value
        else:
            it.values[name] = value  # type: ignore[assignment]
    return it


def reference(entity: str, identifier: int) -> Reference:
    return Reference(ENTITIES[entity], identifier)


async def test_an_object_gets_an_id_and_says_who_made_it_when(site: Site) -> None:
    before = datetime.now(UTC)
    identifier = await site.catalogue.create(ROOT, draft("Facility", name="LILS"))
    ((create_id, create_time, mod_id, mod_time),) = await site.rows(
        "SELECT create_id, create_time, mod_id, mod_time FROM facility WHERE id = %s", identifier
    )
    assert create_id == mod_id == "simple/root"
    assert create_time == mod_time
    assert abs((create_time - before).total_seconds()) < 60
    assert create_time.microsecond % 1000 == 0


async def test_a_second_facility_of_the_same_name_is_refused(site: Site) -> None:
    await site.catalogue.create(ROOT, draft("Facility", name="TestDuplicates"))
    with pytest.raises(AlreadyExists, match=r"^Facility exists with name = 'TestDuplicates'$") as caught:
        await site.catalogue.create(ROOT, draft("Facility", name="TestDuplicates"))
    assert caught.value.offset is None


async def test_repetition_in_a_list_is_found_at_the_later_place_and_nothing_stays(site: Site) -> None:
    facilities = [draft("Facility", name=name) for name in ("One", "Two", "Three", "Two", "One")]
    with pytest.raises(AlreadyExists, match=r"^Facility exists with name = 'Two'$") as caught:
        await site.catalogue.create_many(ROOT, facilities)
    assert caught.value.offset == 3
    assert await site.value("SELECT count(*) FROM facility") == 0


async def test_a_clash_with_the_database_is_found_at_its_place(site: Site, world: World) -> None:
    types = [draft("DatasetType", name=n, facility=reference("Facility", world.facility)) for n in ("a", "b", "GQ")]
    with pytest.raises(AlreadyExists) as caught:
        await site.catalogue.create_many(ROOT, types)
    assert caught.value.message == f"DatasetType exists with facility = 'id:{world.facility}', name = 'GQ'"
    assert caught.value.offset == 2
    assert await site.value("SELECT count(*) FROM dataset_type") == 1


async def test_of_several_faults_the_first_element_counts(site: Site) -> None:
    await site.make("Facility", name="there")
    with pytest.raises(ValidationFailed) as invalid:
        await site.catalogue.create_many(ROOT, [draft("Facility"), draft("Facility", name="there")])
    assert invalid.value.offset == 0
    with pytest.raises(AlreadyExists) as taken:
        await site.catalogue.create_many(ROOT, [draft("Facility", name="there"), draft("Facility")])
    assert taken.value.offset == 0


async def test_soap_looks_at_uniqueness_first_and_rest_at_validity(site: Site) -> None:
    await site.make("Facility", name="there")
    with pytest.raises(AlreadyExists):
        await site.catalogue.create(ROOT, draft("Facility", name="there", url="x" * 256))
    with pytest.raises(ValidationFailed, match=r"^Facility: url cannot have length > 255$"):
        await site.write({"Facility": {"name": "there", "url": "x" * 256}})


async def test_children_come_with_their_parent_and_point_to_it(site: Site) -> None:
    inner = [draft("Datafile", name="f1", fileSize=3), draft("Datafile", name="f2")]
    facility = await site.make("Facility", name="F")
    kind = await site.make("InvestigationType", name="it", facility=facility)
    dataset_type = await site.make("DatasetType", name="dt", facility=facility)
    investigation = draft(
        "Investigation",
        name="I",
        visitId="1",
        title="t",
        facility=reference("Facility", facility),
        type=reference("InvestigationType", kind),
        datasets=[draft("Dataset", name="D", type=reference("DatasetType", dataset_type), datafiles=inner)],
        keywords=[draft("Keyword", name="k")],
    )
    identifier = await site.catalogue.create(ROOT, investigation)
    assert await site.rows(
        "SELECT f.name, f.investigation_id, d.investigation_id, d.file_count, d.file_size, d.complete "
        "FROM datafile f JOIN dataset d ON d.id = f.dataset_id ORDER BY f.name"
    ) == [("f1", identifier, identifier, 2, 3, False), ("f2", identifier, identifier, 2, 3, False)]
    assert await site.rows("SELECT name, investigation_id FROM keyword") == [("k", identifier)]


async def test_defaults_fill_what_is_absent_and_an_explicit_null_stays(site: Site, world: World) -> None:
    await site.make("Datafile", name="absent", dataset=world.dataset)
    await site.make("Datafile", name="null", dataset=world.dataset, fileSize=None)
    sizes = await site.rows("SELECT name, file_size FROM datafile WHERE name IN ('absent', 'null') ORDER BY name")
    assert sizes == [("absent", 0), ("null", None)]


async def test_counters_that_clients_send_are_ignored(site: Site, world: World) -> None:
    new = await site.make("Dataset", name="n", investigation=world.a, type=world.dataset_type, fileCount=9, fileSize=9)
    assert await site.rows("SELECT file_count, file_size FROM dataset WHERE id = %s", new) == [(0, 0)]
    await site.change("Dataset", world.dataset, fileCount=99, fileSize=99)
    counts = await site.rows("SELECT file_count, file_size FROM dataset WHERE id = %s", world.dataset)
    assert counts == [(2, 12)]


async def test_nulls_are_found_before_lengths_in_alphabetical_order(site: Site) -> None:
    facility = reference("Facility", await site.make("Facility", name="F"))
    for members, message in (
        ({}, "Investigation: facility cannot be null."),
        ({"name": "x" * 300, "facility": facility}, "Investigation: title cannot be null."),
    ):
        with pytest.raises(ValidationFailed) as caught:
            await site.catalogue.create(ROOT, draft("Investigation", **members))
        assert caught.value.message == message


async def test_the_length_limit_is_the_last_length_that_fits(site: Site) -> None:
    await site.make("Facility", name="é" * 255)
    with pytest.raises(ValidationFailed, match=r"^Facility: name cannot have length > 255$"):
        await site.make("Facility", name="é" * 256)


async def test_a_reference_to_nothing_is_not_found_at_its_place(site: Site, world: World) -> None:
    for entity, members in (
        ("Datafile", [{"name": "a", "dataset": {"id": world.dataset}}, {"name": "b", "dataset": {"id": 12345}}]),
        (
            "Dataset",
            [
                {"name": "a", "investigation": {"id": world.a}, "type": {"id": world.dataset_type}},
                {"name": "b", "investigation": {"id": 12345}, "type": {"id": world.dataset_type}},
            ],
        ),
    ):
        with pytest.raises(NoSuchObject, match=r"\[id:12345\] not found\.$") as caught:
            await site.write([{entity: each} for each in members])
        assert caught.value.offset == 1
    assert await site.value("SELECT count(*) FROM datafile") == 2


async def test_the_second_facility_without_a_name_is_refused(site: Site) -> None:
    with pytest.raises(ValidationFailed, match=r"^Facility: name cannot be null\.$") as caught:
        await site.write('[{"Facility":{"name":"W"}},{"Facility":{}}]')
    assert caught.value.offset == 1
    assert await site.value("SELECT count(*) FROM facility") == 0


async def test_equal_children_clash(site: Site) -> None:
    with pytest.raises(
        AlreadyExists, match=r"^InvestigationType exists with name = 'c', facility = 'id:\d+'$"
    ) as caught:
        await site.write({"Facility": {"name": "P", "investigationTypes": [{"name": "c"}, {"name": "c"}]}})
    assert caught.value.offset == 0


async def test_ids_come_in_the_order_of_the_list_whatever_the_mixture(site: Site, world: World) -> None:
    ids = await site.write(
        [
            {"Datafile": {"name": "z", "dataset": {"id": world.dataset}}},
            {"Facility": {"name": "G"}},
            {"Datafile": {"name": "a", "dataset": {"id": world.other_dataset}}},
        ]
    )
    assert await site.value("SELECT name FROM datafile WHERE id = %s", ids[0]) == "z"
    assert await site.value("SELECT name FROM facility WHERE id = %s", ids[1]) == "G"
    assert await site.value("SELECT name FROM datafile WHERE id = %s", ids[2]) == "a"


async def test_an_empty_list_creates_nothing(site: Site) -> None:
    assert await site.catalogue.create_many(ROOT, []) == []
    assert await site.write([]) == []


async def test_moments_are_cut_to_the_millisecond(site: Site) -> None:
    facility = reference("Facility", await site.make("Facility", name="F"))
    moment = datetime(2026, 5, 4, 3, 2, 1, 999_999, tzinfo=UTC)
    await site.catalogue.create(ROOT, draft("FacilityCycle", name="c", facility=facility, startDate=moment))
    assert await site.value("SELECT start_date FROM facility_cycle") == moment.replace(microsecond=999_000)


async def test_text_with_a_nul_is_refused_wherever_it_comes_from(site: Site) -> None:
    with pytest.raises(BadParameter):
        await site.write('{"Facility":{"name":"a\\u0000b"}}')
    with pytest.raises(BadParameter):
        await site.catalogue.create(ROOT, draft("Facility", name="a\0b"))
    with pytest.raises(BadParameter):
        await site.catalogue.create_many(ROOT, [draft("Facility", name=f"a\0{n}") for n in range(20)])
    with pytest.raises(BadParameter):
        await site.catalogue.create(ROOT, draft("Facility", name="\ud800"))


async def test_numbers_that_do_not_fit_are_refused(site: Site, world: World) -> None:
    for count in (1, 20):
        dataset = reference("Dataset", world.dataset)
        files = [draft("Datafile", name=str(n), fileSize=2**63, dataset=dataset) for n in range(count)]
        with pytest.raises(BadParameter):
            await site.catalogue.create_many(ROOT, files)
    with pytest.raises(BadParameter):
        await site.change("Datafile", world.datafile, fileSize=2**63 - 1)  # the sum does not fit


async def test_own_entities_cannot_be_written(site: Site) -> None:
    account = draft("Account", name="x", passwordHash="y")
    for attempt in (
        lambda: site.catalogue.create(ROOT, account),
        lambda: site.catalogue.update(ROOT, Change(ENTITIES["Account"], 1, account)),
        lambda: site.catalogue.write(ROOT, [Change(ENTITIES["Account"], 1, account)]),
        lambda: site.catalogue.delete(ROOT, [reference("Account", 1)]),
        lambda: site.catalogue.clone(ROOT, ENTITIES["Account"], 1, {}),
    ):
        with pytest.raises(BadParameter, match=r"^Account is not an ICAT entity$"):
            await attempt()


async def test_too_many_objects_are_refused(database: object) -> None:
    site = Site(database, max_objects_per_write=3)  # type: ignore[arg-type]
    assert len(await site.catalogue.create_many(ROOT, [draft("Facility", name=str(n)) for n in range(3)])) == 3
    children = [draft("InvestigationType", name=str(n)) for n in range(3)]
    with pytest.raises(TooLarge):
        await site.catalogue.create(ROOT, draft("Facility", name="F", investigationTypes=children))


async def test_concurrent_creation_in_one_dataset_counts_every_file(site: Site, world: World) -> None:
    async def batch(number: int) -> None:
        files = [
            {"Datafile": {"name": f"{number}-{n}", "dataset": {"id": world.dataset}, "fileSize": 1}} for n in range(50)
        ]
        await site.write(files)

    await asyncio.gather(*(batch(number) for number in range(6)))
    counts = await site.rows("SELECT file_count, file_size FROM dataset WHERE id = %s", world.dataset)
    assert counts == [(302, 312)]


async def test_of_concurrent_equals_one_wins_and_the_others_are_told(site: Site) -> None:
    results = await asyncio.gather(*(site.make("Facility", name="same") for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(result, int) for result in results) == 1
    assert sum(isinstance(result, AlreadyExists) for result in results) == 7


async def test_creation_needs_a_rule_that_matches_the_new_object(site: Site, world: World) -> None:
    ann = await site.user("db/ann")
    await site.rules(("C", "SELECT ds FROM Dataset ds JOIN ds.investigation i WHERE i.name = 'A'"))
    types = {"type": world.dataset_type}
    assert await site.make("Dataset", ann, name="mine", investigation=world.a, **types)
    with pytest.raises(Forbidden, match=r"^CREATE access to this Dataset is not allowed\.$") as caught:
        await site.make("Dataset", ann, name="not mine", investigation=world.b, **types)
    assert caught.value.offset == 0
    assert await site.value("SELECT count(*) FROM dataset WHERE name = 'not mine'") == 0


async def test_soap_does_not_ask_for_rights_on_children_and_rest_does(site: Site, world: World) -> None:
    ann = await site.user("db/ann")
    await site.rules(("C", "Dataset"))
    dataset = draft(
        "Dataset",
        name="mine",
        investigation=reference("Investigation", world.a),
        type=reference("DatasetType", world.dataset_type),
        datafiles=[draft("Datafile", name="f")],
    )
    assert await site.catalogue.create(ann, dataset)
    body = {"name": "m2", "investigation": {"id": world.a}, "type": {"id": world.dataset_type}}
    with pytest.raises(Forbidden, match=r"^CREATE access to this Datafile is not allowed\.$"):
        await site.write({"Dataset": {**body, "datafiles": [{"name": "f"}]}}, ann)
    await site.rules(("C", "Datafile"))
    assert await site.write({"Dataset": {**body, "datafiles": [{"name": "f"}]}}, ann)


async def test_a_refusal_before_another_fault_comes_first(site: Site, world: World) -> None:
    ann = await site.user("db/ann")
    await site.rules(("C", "SELECT ds FROM Dataset ds WHERE ds.investigation.name = 'A'"))
    common = {"type": {"id": world.dataset_type}}
    good = {"Dataset": {"name": "g", "investigation": {"id": world.a}, **common}}
    denied = {"Dataset": {"name": "d", "investigation": {"id": world.b}, **common}}
    invalid = {"Dataset": {"investigation": {"id": world.a}, **common}}
    with pytest.raises(Forbidden) as forbidden:
        await site.write([good, denied, invalid], ann)
    assert forbidden.value.offset == 1
    with pytest.raises(ValidationFailed) as failed:
        await site.write([good, invalid, denied], ann)
    assert failed.value.offset == 1


async def test_objects_are_not_allowed_because_of_each_other(site: Site, world: World) -> None:
    ann = await site.user("db/ann")
    bob = await site.make("User", name="db/bob")
    others = (
        "SELECT iu FROM InvestigationUser iu JOIN iu.investigation i JOIN i.investigationUsers other "
        "WHERE other.id <> iu.id AND other.role = 'PI'"
    )
    await site.rules(("C", others))

    def member(user: int | None, role: str) -> dict[str, object]:
        return {"InvestigationUser": {"user": {"id": user}, "investigation": {"id": world.a}, "role": role}}

    with pytest.raises(Forbidden) as caught:
        await site.write([member(ann.user_id, "PI"), member(bob, "PI")], ann)
    assert caught.value.offset == 0
    await site.write(member(bob, "PI"))
    await site.write([member(ann.user_id, "PI"), member(ann.user_id, "LC")], ann)


async def test_is_access_allowed_tries_a_creation_and_takes_it_back(site: Site, world: World) -> None:
    ann = await site.user("db/ann")
    await site.rules(("C", "SELECT i FROM Investigation i WHERE i.name = 'mine'"))

    def investigation(name: str) -> Draft:
        return draft(
            "Investigation",
            name=name,
            visitId="1",
            title="t",
            facility=reference("Facility", world.facility),
            type=reference("InvestigationType", world.investigation_type),
        )

    allowed = site.catalogue.is_access_allowed
    assert await allowed(ann, Operation.CREATE, investigation("mine"))
    assert not await allowed(ann, Operation.CREATE, investigation("other"))
    assert await site.value("SELECT count(*) FROM investigation") == 2
    with pytest.raises(ValidationFailed, match=r"^Investigation: facility cannot be null\.$") as caught:
        await allowed(ann, Operation.CREATE, draft("Investigation", name="x"))
    assert caught.value.offset is None
    with pytest.raises(AlreadyExists):
        await allowed(ann, Operation.CREATE, investigation("A"))


async def test_is_access_allowed_says_no_for_what_is_not_there(site: Site, world: World) -> None:
    ann = await site.user("db/ann")
    await site.rules(("RD", "SELECT d FROM Dataset d WHERE d.investigation.name = 'A'"))
    allowed = site.catalogue.is_access_allowed
    assert await allowed(ann, Operation.DELETE, reference("Dataset", world.dataset))
    assert not await allowed(ann, Operation.UPDATE, reference("Dataset", world.dataset))
    assert not await allowed(ann, Operation.DELETE, reference("Dataset", world.other_dataset))
    assert not await allowed(ann, Operation.DELETE, reference("Dataset", -1))
