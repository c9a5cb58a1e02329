"""Why somebody may do something to an object, who may read it, and what a user may read."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from beamcat.access.explain import Explanation, OperationVerdict, Reason, Standing, explain
from beamcat.access.reach import Part, reaches, reaching
from beamcat.access.readers import Audience, Reader, RuleReaders, readers
from beamcat.access.rules import Operation
from beamcat.access.stored_rules import read_rules
from beamcat.database.pool import Database
from beamcat.errors import NoSuchObject
from beamcat.model import ICAT_ENTITIES
from tests.catalogue.site import Site

DATASET, INVESTIGATION = ICAT_ENTITIES["Dataset"], ICAT_ENTITIES["Investigation"]
MINE = "Dataset <-> Investigation <-> InvestigationUser <-> User [name = :user]"
NINE = [f"r{number}" for number in range(9)]
SLOW = (
    f"SELECT ds FROM Dataset ds, {', '.join(f'Rule {r}' for r in NINE)} WHERE {' + '.join(f'{r}.id' for r in NINE)} < 0"
)
"""Asks for every nine of the rules."""


@pytest.fixture
async def site(database: Database) -> Site:
    return Site(database)


@pytest.fixture
async def dataset(site: Site) -> int:
    """The id of a dataset of an investigation of db/ann's. db/ann and db/bob are in the group staff."""
    facility = await site.make("Facility", name="F")
    kind = await site.make("InvestigationType", name="T", facility=facility)
    dataset_kind = await site.make("DatasetType", name="raw", facility=facility)
    investigation = await site.make(
        "Investigation", name="I", visitId="1", title="", facility=facility, type=kind, doi="10.1/x"
    )
    for name in ("db/ann", "db/bob", "db/cid"):
        await site.user(name, *(("staff",) if name != "db/cid" else ()))
    await site.make("User", name="db/dan", fullName="Dan D.")
    ann = await site.value("""SELECT id FROM "user" WHERE name = 'db/ann'""")
    await site.make("InvestigationUser", user=ann, investigation=investigation, role="PI")
    return await site.make("Dataset", name="ds", investigation=investigation, type=dataset_kind)


async def asked(site: Site, dataset: int, user: str) -> Mapping[Operation, OperationVerdict]:
    told = await explain(site.database, ["simple/root"], DATASET, dataset, user)
    return {verdict.operation: verdict for verdict in told.operations}


def standings(verdict: OperationVerdict) -> list[tuple[str, Standing]]:
    return [(each.rule.what, each.standing) for each in verdict.rules]


async def test_every_rule_about_it_is_told_with_what_the_user_lacks(site: Site, dataset: int) -> None:
    await site.rules(("R", MINE), ("CUD", "Dataset [name = 'other']"), ("R", "Investigation"))
    await site.rules(("R", "Dataset"), ("R", "Dataset [name = 'other']"), group="staff")
    ann, cid = await asked(site, dataset, "db/ann"), await asked(site, dataset, "db/cid")
    assert (ann[Operation.READ].allowed, ann[Operation.READ].reason) == (True, Reason.RULES)
    assert standings(ann[Operation.READ]) == [
        (MINE, Standing.ALLOWS),
        ("Dataset", Standing.ALLOWS),
        ("Dataset [name = 'other']", Standing.DOES_NOT_HOLD),
    ]
    assert (cid[Operation.READ].allowed, cid[Operation.READ].reason) == (False, Reason.NO_RULE)
    assert standings(cid[Operation.READ]) == [
        ("Dataset", Standing.NOT_A_MEMBER),
        (MINE, Standing.DOES_NOT_HOLD),
        ("Dataset [name = 'other']", Standing.NEITHER),
    ]
    assert standings(cid[Operation.DELETE]) == [("Dataset [name = 'other']", Standing.DOES_NOT_HOLD)]
    assert not cid[Operation.DELETE].allowed


async def test_a_root_user_and_a_public_table_are_reasons_of_their_own(site: Site, dataset: int) -> None:
    await site.rules(("R", "Dataset"))
    root, nobody = await asked(site, dataset, "simple/root"), await asked(site, dataset, "nobody")
    assert {verdict.allowed for verdict in root.values()} == {True}
    assert {verdict.reason for verdict in root.values()} == {Reason.ROOT}
    assert (nobody[Operation.READ].allowed, nobody[Operation.READ].reason) == (True, Reason.PUBLIC_TABLE)
    assert (nobody[Operation.DELETE].allowed, nobody[Operation.DELETE].reason) == (False, Reason.NO_RULE)


async def test_members_that_may_be_updated_alone_are_named(site: Site, dataset: int) -> None:
    await site.rules(
        ("U", "SELECT ds.description FROM Dataset ds JOIN ds.investigation i WHERE i.doi = '10.1/x'"),
        ("U", "SELECT ds.doi FROM Dataset ds WHERE ds.name = 'other'"),
    )
    verdict = (await asked(site, dataset, "db/ann"))[Operation.UPDATE]
    assert (verdict.allowed, verdict.members) == (False, ("description",))


async def test_a_public_step_is_told_with_an_object_that_leads_there(site: Site, dataset: int) -> None:
    async def told(user: str) -> Explanation:
        return await explain(site.database, [], DATASET, dataset, user)

    await site.make("PublicStep", origin="Investigation", field="datasets")
    await site.make("PublicStep", origin="Datafile", field="dataset")
    await site.rules(("R", "Investigation"), group="staff")
    investigation = await site.value("SELECT id FROM investigation")
    steps = {(s.origin, s.field): s.via for s in (await told("db/ann")).steps}
    assert steps == {("Investigation", "datasets"): investigation, ("Datafile", "dataset"): None}
    assert {step.via for step in (await told("db/cid")).steps} == {None}


async def test_a_rule_that_fails_is_named_and_nothing_is_allowed_as_the_server_has_it(site: Site, dataset: int) -> None:
    await site.rules(("R", "SELECT ds FROM Dataset ds WHERE 1 / (ds.id - ds.id) = 1"), ("CR", "Dataset [name = 'x']"))
    verdicts = await asked(site, dataset, "db/ann")
    read, create = verdicts[Operation.READ], verdicts[Operation.CREATE]
    assert read.problem is not None
    assert "division by zero" in read.problem
    assert not read.allowed
    assert [standing for _, standing in standings(read)] == [Standing.DOES_NOT_HOLD, Standing.FAILED]
    assert create.problem is None


async def test_a_slow_rule_is_stopped_and_the_others_are_told(site: Site, dataset: int) -> None:
    for _ in range(30):
        await site.rules(("D", "Facility"))
    await site.rules(("R", SLOW), ("R", MINE))
    told = await explain(site.database, [], DATASET, dataset, "db/ann", seconds=1)
    by_rule = {each.rule.what: each for each in told.operations[0].rules}
    assert by_rule[MINE].standing is Standing.ALLOWS
    slow = by_rule[SLOW]
    assert (slow.standing, slow.problem) == (Standing.FAILED, "it takes too long")
    assert slow.elapsed_ms > 900


async def test_what_is_not_there_cannot_be_explained(site: Site, dataset: int) -> None:
    with pytest.raises(NoSuchObject, match=r"Dataset\[id:999\] not found"):
        await explain(site.database, [], DATASET, 999, "simple/root")
    with pytest.raises(NoSuchObject):
        await readers(site.database, [], DATASET, 999)


async def who(site: Site, dataset: int, most: int = 20) -> Mapping[str, RuleReaders]:
    return {each.rule.what: each for each in (await readers(site.database, [], DATASET, dataset, most=most)).rules}


async def test_who_may_read_it_is_found_by_each_rule(site: Site, dataset: int) -> None:
    not_mine = (
        "SELECT ds FROM Dataset ds WHERE ds.investigation.id NOT IN"
        " (SELECT iu.investigation.id FROM InvestigationUser iu WHERE iu.user.name = :user)"
    )
    await site.rules(("R", MINE), ("R", "Dataset [name = 'ds']"), ("R", "Dataset [name = 'x']"), ("CUD", "Dataset"))
    await site.rules(("R", "Dataset"), ("R", not_mine), group="staff")
    found = await who(site, dataset)
    told = {what: (each.audience, [user.name for user in each.users]) for what, each in found.items()}
    assert told == {
        MINE: (Audience.USERS, ["db/ann"]),
        "Dataset [name = 'ds']": (Audience.EVERYBODY, []),
        "Dataset [name = 'x']": (Audience.NOBODY, []),
        "Dataset": (Audience.MEMBERS, ["db/ann", "db/bob"]),
        not_mine: (Audience.USERS, ["db/bob"]),
    }


async def test_of_many_users_only_some_are_named_and_the_others_counted(site: Site, dataset: int) -> None:
    await site.rules(("R", "SELECT ds FROM Dataset ds WHERE :user LIKE 'db/%'"))
    (found,) = (await who(site, dataset, most=2)).values()
    assert (found.count, [user.name for user in found.users]) == (4, ["db/ann", "db/bob"])
    (everybody,) = (await who(site, dataset)).values()
    assert everybody.users[-1] == Reader("db/dan", "Dan D.")


async def test_counting_what_a_user_reads_stops_at_a_number_and_at_a_time(site: Site, dataset: int) -> None:
    for _ in range(30):
        await site.rules(("D", "Facility"))
    await site.rules(("R", "User"), ("R", MINE), ("R", SLOW.replace("Dataset ds", "Facility ds")))
    start = await reaching(site.database, [], "db/ann")
    assert start.user.groups == ("staff",)
    found = {each.entity.name: each async for each in reaches(site.database, start, most=2, seconds=1)}
    user, own, slow, nothing = (found[name] for name in ("User", "Dataset", "Facility", "Job"))
    assert (user.part, user.count, user.more) == (Part.EVERYTHING, 2, True)
    assert (own.part, own.count, own.more) == (Part.SOME, 1, False)
    assert (slow.part, slow.count, slow.problem is None) == (Part.SOME, None, False)
    assert (nothing.part, nothing.count, nothing.rules) == (Part.NOTHING, 0, ())


async def test_a_stored_rule_that_is_no_longer_valid_is_listed_with_the_reason(site: Site, dataset: int) -> None:
    await site.rules(("R", "Dataset"), ("R", "Investigation"))
    await site.rows("UPDATE rule SET what = 'Datasett' WHERE what = 'Dataset' RETURNING id")
    async with site.database.snapshot() as connection:
        rules = await read_rules(connection)
    (broken,) = rules.select(entity="Dataset")
    assert broken.problem is not None
    assert "Datasett" in broken.problem
    assert [rule.what for rule in rules.select(entity="Investigation")] == ["Investigation"]
