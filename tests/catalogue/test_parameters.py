"""What parameter types, rules and public steps ask of what is written (ICAT specification E.2, F.1)."""

from __future__ import annotations

import pytest

from beamcat.errors import BadParameter, NoSuchObject, ValidationFailed
from tests.catalogue.conftest import World
from tests.catalogue.site import Site


async def parameter_type(site: Site, world: World, name: str, value_type: str, **members: object) -> int:
    return await site.make(
        "ParameterType", name=name, units="u", valueType=value_type, facility=world.facility, **members
    )


@pytest.mark.parametrize(
    ("entity", "owner", "shown"),
    [
        ("InvestigationParameter", "investigation", "an Investigation"),
        ("DatasetParameter", "dataset", "a Dataset"),
        ("DatafileParameter", "datafile", "a Datafile"),
        ("SampleParameter", "sample", "a Sample"),
        ("DataCollectionParameter", "dataCollection", "a DataCollection"),
    ],
)
async def test_a_type_applies_where_it_says(site: Site, world: World, entity: str, owner: str, shown: str) -> None:
    owners = {
        "investigation": world.a,
        "dataset": world.dataset,
        "datafile": world.datafile,
        "sample": await site.make("Sample", name="s", investigation=world.a),
        "dataCollection": await site.make("DataCollection"),
    }
    useless = await parameter_type(site, world, "UselessString", "STRING")
    with pytest.raises(ValidationFailed) as caught:
        await site.make(entity, **{owner: owners[owner]}, type=useless, stringValue="x")
    assert caught.value.message == f"Parameter of type UselessString is not applicable to {shown}"
    await site.change("ParameterType", useless, **{f"applicableTo{owner[0].upper()}{owner[1:]}": True})
    assert await site.make(entity, **{owner: owners[owner]}, type=useless, stringValue="x")


async def test_a_parameter_needs_a_type(site: Site, world: World) -> None:
    with pytest.raises(ValidationFailed, match=r"^Type of parameter is not set$"):
        await site.make("DatasetParameter", dataset=world.dataset)
    with pytest.raises(NoSuchObject, match=r"^ParameterType\[id:99\] not found\.$"):
        await site.make("DatasetParameter", dataset=world.dataset, type=99)


async def test_enforced_numbers_stay_within_their_limits(site: Site, world: World) -> None:
    limits = {"enforced": True, "applicableToDataset": True, "minimumNumericValue": 50, "maximumNumericValue": 73.4}
    kind = await parameter_type(site, world, "temp", "NUMERIC", **limits)
    with pytest.raises(ValidationFailed, match=r"^Parameter of type temp has value 40\.0 < 50\.0$"):
        await site.make("DatasetParameter", dataset=world.dataset, type=kind, numericValue=40)
    parameter = await site.make("DatasetParameter", dataset=world.dataset, type=kind, numericValue=60)
    with pytest.raises(ValidationFailed, match=r"^Parameter of type temp has value 30\.0 < 50\.0$"):
        await site.change("DatasetParameter", parameter, numericValue=30)
    with pytest.raises(ValidationFailed, match=r"^Parameter of type temp has value 80\.5 > 73\.4$"):
        await site.change("DatasetParameter", parameter, numericValue=80.5)
    await site.change("DatasetParameter", parameter, numericValue=70)
    with pytest.raises(ValidationFailed):
        await site.change("DatasetParameter", parameter, numericValue=None)
    assert await site.value("SELECT numeric_value FROM dataset_parameter") == 70


async def test_enforced_words_are_those_permitted(site: Site, world: World) -> None:
    kind = await parameter_type(site, world, "mode", "STRING", enforced=True, applicableToDataset=True)
    parameter = await site.make("DatasetParameter", dataset=world.dataset, type=kind, stringValue="anything")
    await site.write([{"PermissibleStringValue": {"value": v, "type": {"id": kind}}} for v in ("fast", "slow")])
    with pytest.raises(
        ValidationFailed, match=r"^Parameter of type mode has value medium not in allowed set \[fast, slow\]$"
    ):
        await site.change("DatasetParameter", parameter, stringValue="medium")
    await site.change("DatasetParameter", parameter, stringValue="slow")


async def test_parameters_below_new_objects_are_checked_too(site: Site, world: World) -> None:
    kind = await parameter_type(site, world, "x", "NUMERIC")
    body = {"name": "n", "investigation": {"id": world.a}, "type": {"id": world.dataset_type}}
    with pytest.raises(ValidationFailed, match=r"is not applicable to a Dataset$") as caught:
        await site.write([{"Dataset": {**body, "parameters": [{"type": {"id": kind}, "numericValue": 1}]}}])
    assert caught.value.offset == 0


async def test_enumerations_take_any_case_and_no_other_word(site: Site, world: World) -> None:
    kind = await parameter_type(site, world, "p", "numeric")
    assert await site.value("SELECT value_type FROM parameter_type WHERE id = %s", kind) == "NUMERIC"
    with pytest.raises(
        BadParameter, match=r"^Field valueType must be in \[DATE_AND_TIME, NUMERIC, STRING\] for ParameterType$"
    ):
        await parameter_type(site, world, "q", "COMPLEX")
    await site.make("Study", name="s", status="New")
    assert await site.value("SELECT status FROM study") == "NEW"


async def test_public_steps_name_a_relation(site: Site) -> None:
    with pytest.raises(BadParameter, match=r"^Applicatio is not an ICAT entity$"):
        await site.make("PublicStep", origin="Applicatio", field="jobs")
    with pytest.raises(BadParameter, match=r"^Field value Jobs does not implement a relationship from Application$"):
        await site.make("PublicStep", origin="Application", field="Jobs")
    step = await site.make("PublicStep", origin="Application", field="jobs")
    with pytest.raises(BadParameter, match=r"^Field value name does not implement"):
        await site.change("PublicStep", step, field="name")
    await site.change("PublicStep", step, field="facility")


async def test_rules_are_compiled_when_written(site: Site) -> None:
    rule = await site.make("Rule", crudFlags=" r", what="Dataset <-> Investigation [name = 'A']")
    compiled = "SELECT crud_flags, what, bean, attribute, c, r, u, d, restricted FROM rule WHERE id = %s"
    assert await site.rows(compiled, rule) == [
        ("R", "Dataset <-> Investigation [name = 'A']", "Dataset", None, False, True, False, False, True)
    ]
    await site.change("Rule", rule, what="SELECT s.name FROM Sample s", crudFlags="u")
    assert await site.rows(compiled, rule) == [
        ("U", "SELECT s.name FROM Sample s", "Sample", "name", False, False, True, False, False)
    ]
    with pytest.raises(BadParameter, match=r"^Attribute selection in rules is only allowed for Update$"):
        await site.change("Rule", rule, crudFlags="UD")
    with pytest.raises(BadParameter, match=r"^CRUD value RX contains X$"):
        await site.make("Rule", crudFlags="RX", what="Dataset")
    with pytest.raises(BadParameter, match=r"^'what' must not be null$"):
        await site.make("Rule", crudFlags="R")
    with pytest.raises(ValidationFailed):
        await site.make("Rule", what="Dataset")


async def test_a_rule_is_in_force_for_the_next_call(site: Site, world: World) -> None:
    await site.user("db/ann", "curators")
    ann = await site.rulebooks.caller("db/ann")
    await site.rules(("U", "Dataset"), group="curators")
    await site.change("Dataset", world.dataset, ann, name="x")
    await site.delete(("Rule", await site.value("SELECT id FROM rule")))
    from beamcat.errors import Forbidden

    with pytest.raises(Forbidden):
        await site.change("Dataset", world.dataset, ann, name="y")
