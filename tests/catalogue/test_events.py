"""Every change writes its event, in the transaction that makes it."""

from __future__ import annotations

from typing import Any

import pytest

from beamcat.access.memberships import keep_memberships
from beamcat.access.rules import Operation
from beamcat.catalogue.drafts import Change, Draft, Reference
from beamcat.catalogue.dump.importing import Duplicate, Import, Order
from beamcat.config import Settings
from beamcat.errors import AlreadyExists, Forbidden
from beamcat.model import ENTITIES
from beamcat.observability.requests import CURRENT, ObservedRequest
from tests.catalogue.conftest import World
from tests.catalogue.site import ROOT, Site

Told = tuple[str, str, str, list[int]]


async def events(site: Site) -> list[Told]:
    """Entity, operation, origin and ids of what was recorded since the last call."""
    found = await site.rows(
        "WITH gone AS (DELETE FROM event_inbox RETURNING *) SELECT entity, operation, origin, "
        "(SELECT array_agg(n ORDER BY n) FROM unnest(ids) r, generate_series(lower(r), upper(r) - 1) n) "
        "FROM gone ORDER BY id"
    )
    return [(entity, operation, origin, ids) for entity, operation, origin, ids in found]


def draft(entity: str, to_many: dict[str, list[Draft]] | None = None, **members: Any) -> Draft:
    values = {name: value for name, value in members.items() if not isinstance(value, Reference)}
    to_one = {name: value for name, value in members.items() if isinstance(value, Reference)}
    return Draft(ENTITIES[entity], values, to_one, to_many or {})


def ref(entity: str, identifier: int) -> Reference:
    return Reference(ENTITIES[entity], identifier)


@pytest.fixture(autouse=True)
async def forget_the_setup(site: Site, world: World) -> None:
    await events(site)


async def test_rest_write_names_everything_it_creates_and_updates(site: Site, world: World) -> None:
    (dataset,) = await site.write(
        {
            "Dataset": {
                "name": "new",
                "investigation": {"id": world.a, "summary": "changed on the way"},
                "type": {"id": world.dataset_type},
                "datafiles": [{"name": "one"}, {"name": "two"}],
            }
        }
    )
    [(first,), (second,)] = await site.rows("SELECT id FROM datafile WHERE dataset_id = %s ORDER BY id", dataset)
    assert await events(site) == [
        ("Investigation", "U", "call", [world.a]),
        ("Dataset", "C", "call", [dataset]),
        ("Datafile", "C", "call", [first, second]),
    ]
    await site.write(
        [
            {"Datafile": {"id": first, "description": "x"}},
            {"Datafile": {"id": second, "description": "y"}},
            {"Dataset": {"id": dataset, "datafiles": [{"name": "three"}]}},
        ]
    )
    assert await events(site) == [
        ("Datafile", "U", "call", [first, second]),
        ("Dataset", "U", "call", [dataset]),
        ("Datafile", "C", "call", [second + 1]),
    ]


async def test_soap_names_what_is_on_top_and_not_what_is_below(site: Site, world: World) -> None:
    new = draft(
        "Dataset",
        {"datafiles": [draft("Datafile", name="one"), draft("Datafile", name="two")]},
        name="new",
        investigation=ref("Investigation", world.a),
        type=ref("DatasetType", world.dataset_type),
    )
    alone = draft("Datafile", name="three", dataset=ref("Dataset", world.dataset))
    dataset, third = await site.catalogue.create_many(ROOT, [new, alone])
    below = [row[0] for row in await site.rows("SELECT id FROM datafile WHERE dataset_id = %s ORDER BY id", dataset)]
    assert await events(site) == [
        ("Dataset", "C", "call", [dataset]),
        ("Datafile", "C", "call", [third]),
        ("Datafile", "C", "below", below),
    ]
    await site.catalogue.update(ROOT, Change(ENTITIES["Datafile"], third, alone))
    assert await events(site) == [("Datafile", "U", "call", [third])]


@pytest.mark.parametrize("by", ["root", "somebody"])
async def test_a_deletion_tells_of_everything_that_goes(site: Site, world: World, by: str) -> None:
    kind = await site.make(
        "ParameterType",
        name="t",
        units="K",
        valueType="NUMERIC",
        facility=world.facility,
        applicableToDatafile=True,
    )
    parameter = await site.make("DatafileParameter", datafile=world.datafile, type=kind, numericValue=1)
    collection = await site.make("DataCollection")
    member = await site.make("DataCollectionDatafile", datafile=world.second_datafile, dataCollection=collection)
    caller = ROOT
    if by == "somebody":
        caller = await site.user("db/ann")
        for entity in ("Investigation", "Dataset", "Datafile", "DatafileParameter", "DataCollectionDatafile"):
            await site.rules(("D", entity))
    await events(site)
    await site.delete(("Investigation", world.a), caller=caller)
    told = await events(site)
    assert sorted(told) == sorted(
        [
            ("DatafileParameter", "D", "below", [parameter]),
            ("DataCollectionDatafile", "D", "below", [member]),
            ("Datafile", "D", "below", [world.datafile, world.second_datafile]),
            ("Dataset", "D", "below", [world.dataset]),
            ("Investigation", "D", "call", [world.a]),
        ]
    )
    assert [entity for entity, *_ in told][-3:] == ["Datafile", "Dataset", "Investigation"]
    assert await site.value("SELECT count(*) FROM datafile") == 0
    assert await site.rows("SELECT file_count FROM investigation") == [(0,)]


async def test_what_is_deleted_twice_on_the_way_is_told_once(site: Site, world: World) -> None:
    await site.delete(("Datafile", world.second_datafile), ("Dataset", world.dataset))
    assert await events(site) == [
        ("Datafile", "D", "call", [world.second_datafile]),
        ("Datafile", "D", "below", [world.datafile]),
        ("Dataset", "D", "call", [world.dataset]),
    ]


async def test_a_clone_names_every_copy(site: Site, world: World) -> None:
    copy = await site.catalogue.clone(ROOT, ENTITIES["Investigation"], world.a, {"name": "copy"})
    dataset = await site.value("SELECT id FROM dataset WHERE investigation_id = %s", copy)
    files = [row[0] for row in await site.rows("SELECT id FROM datafile WHERE dataset_id = %s ORDER BY id", dataset)]
    assert await events(site) == [
        ("Investigation", "C", "call", [copy]),
        ("Dataset", "C", "call", [dataset]),
        ("Datafile", "C", "call", files),
    ]


async def test_an_import_says_that_it_is_one(site: Site, world: World) -> None:
    async def load(text: str, duplicate: Duplicate) -> None:
        async def pieces() -> Any:
            yield text.encode()

        reading = Import(site.database, site.catalogue, Settings(), Order(ROOT, duplicate))
        await reading.run(pieces())

    await load('1.0\n\nFacility(name:0,description:1)\n"X","new"\n"Y","new"\n', Duplicate.THROW)
    x, y = (row[0] for row in await site.rows("SELECT id FROM facility WHERE name IN ('X', 'Y') ORDER BY name"))
    assert await events(site) == [("Facility", "C", "import", [x, y])]
    await load('1.0\n\nFacility(name:0,description:1)\n"Y","other"\n"Z","new"\n', Duplicate.OVERWRITE)
    assert await events(site) == [("Facility", "U", "import", [y]), ("Facility", "C", "import", [y + 1])]


async def test_memberships_that_another_directory_decides_are_told(site: Site, world: World) -> None:
    one, two = [await site.make("Grouping", name=name) for name in ("one", "two")]
    assert one < two
    await events(site)
    await keep_memberships(site.database, "ldap/ann", ["one"], ["one", "two"])
    user = await site.value("SELECT id FROM \"user\" WHERE name = 'ldap/ann'")
    first = await site.value("SELECT id FROM user_group")
    assert await events(site) == [("User", "C", "sign-in", [user]), ("UserGroup", "C", "sign-in", [first])]
    await keep_memberships(site.database, "ldap/ann", ["two"], ["one", "two"])
    second = await site.value("SELECT id FROM user_group")
    assert await events(site) == [("UserGroup", "C", "sign-in", [second]), ("UserGroup", "D", "sign-in", [first])]
    await keep_memberships(site.database, "ldap/ann", ["two"], ["one", "two"])
    assert await events(site) == []


async def test_what_is_refused_rolled_back_or_only_asked_is_not_told(site: Site, world: World) -> None:
    with pytest.raises(AlreadyExists):
        await site.write(
            [{"Datafile": {"name": name, "dataset": {"id": world.dataset}}} for name in ("fine", "df1", "other")]
        )
    ann = await site.user("db/ann")
    await events(site)
    with pytest.raises(Forbidden):
        await site.delete(("Dataset", world.dataset), caller=ann)
    with pytest.raises(Forbidden):
        await site.make("Datafile", name="new", dataset=world.dataset, caller=ann)
    new = draft("Datafile", name="new", dataset=ref("Dataset", world.dataset))
    assert await site.catalogue.is_access_allowed(ROOT, Operation.CREATE, new)
    assert await site.catalogue.is_access_allowed(ROOT, Operation.DELETE, ref("Dataset", world.dataset))
    assert await events(site) == []


async def test_five_thousand_objects_of_one_call_are_one_row(site: Site, world: World) -> None:
    files = [{"Datafile": {"name": f"n{number}", "dataset": {"id": world.dataset}}} for number in range(5000)]
    ids = await site.write(files)
    assert await site.rows("SELECT entity, ids::text FROM event_inbox") == [
        ("Datafile", f"{{[{ids[0]},{ids[-1] + 1})}}")
    ]


async def test_an_event_says_who_when_and_by_which_request(site: Site, world: World) -> None:
    token = CURRENT.set(ObservedRequest("request-7"))
    try:
        await site.make("Facility", name="F2")
    finally:
        CURRENT.reset(token)
    [(at, user, request)] = await site.rows("SELECT at, user_name, request_id FROM event_inbox")
    assert (user, request) == ("simple/root", "request-7")
    assert at == await site.value("SELECT create_time FROM facility WHERE name = 'F2'")
