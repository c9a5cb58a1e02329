"""What callers may see of documents: the shapes it takes, and its limits."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from beamcat.access.caller import Caller, Scope
from beamcat.errors import BadParameter, Forbidden
from beamcat.search.documents import DOCUMENTS
from beamcat.search.fields import Kind
from beamcat.search.question import AllOf, AnyOf, Between, Everything, Has, Not, Nothing, OneOf
from beamcat.search.rights import Allowed, sets
from beamcat.search.rights.held import IDS, OWN, held
from tests.search.rights.desk import (
    MADE,
    MADE_BY,
    NOW_MS,
    OWN_DATASETS,
    OWN_FILES,
    OWN_INVESTIGATIONS,
    PUBLIC,
    Desk,
    plain,
)


@pytest.mark.parametrize("entity", DOCUMENTS)
def test_fields_that_are_relied_on_are_declared(entity: str) -> None:
    fields = DOCUMENTS[entity].type.fields
    for way, name in IDS[entity].items():
        if way:
            field = held(entity, way)
            assert field is not None
            assert fields[name].kind is Kind.ID
            assert fields[name].several is field.several
    assert set(OWN[entity].values()) <= set(fields)


async def test_root_sees_everything_and_who_has_no_rule_nothing(desk: Desk) -> None:
    assert await desk.allowed("Datafile", "simple/root") == Allowed(Everything(), exact=True)
    assert await desk.allowed("Datafile", "anon/anon") == Allowed(Nothing(), exact=True)
    await desk.rules("Datafile")
    assert await desk.allowed("Datafile", "anon/anon") == Allowed(Everything(), exact=True)


async def test_a_token_that_may_not_read_may_not_search(desk: Desk) -> None:
    ann = await desk.rulebooks.caller("db/ann")
    with pytest.raises(Forbidden, match="scope 'read'"):
        await desk.rights.allowed(replace(ann, scopes=frozenset({Scope.WRITE})), "Dataset")
    with pytest.raises(Forbidden):
        await desk.rights.allowed(Caller("simple/root", root=True, scopes=frozenset()), "Dataset")


async def test_what_has_no_documents_cannot_be_searched_for(desk: Desk) -> None:
    await desk.rules("SELECT u FROM User u WHERE u.name = :user")
    with pytest.raises(BadParameter, match="User cannot be searched for"):
        await desk.allowed("User")


async def test_members_of_a_team_see_the_files_of_their_investigations(desk: Desk) -> None:
    await desk.rules(OWN_INVESTIGATIONS, OWN_DATASETS, OWN_FILES)
    first, second, _ = desk.investigations
    assert await desk.predicate("Investigation") == OneOf("id", (first,))
    assert await desk.predicate("Dataset") == OneOf("investigation", (first,))
    assert await desk.predicate("Datafile") == OneOf("investigation", (first,))
    assert await desk.predicate("Datafile", "db/bob") == OneOf("investigation", (second,))
    assert await desk.predicate("Datafile", "db/nobody") == Nothing()


async def test_scientists_see_the_investigations_at_their_instruments_by_these(desk: Desk) -> None:
    facility = await desk.site.value("SELECT id FROM facility")
    instrument = await desk.site.make("Instrument", name="ID21", facility=facility)
    await desk.site.make(
        "InstrumentScientist", instrument=instrument, user={"id": (await desk.rulebooks.caller("db/ann")).user_id}
    )
    at = "investigationInstruments ii JOIN ii.instrument x JOIN x.instrumentScientists s WHERE s.user.name = :user"
    await desk.rules(
        f"SELECT i FROM Investigation i JOIN i.{at} AND i.id > 0",
        f"SELECT i FROM Investigation i JOIN i.{at}",
        f"SELECT d FROM Dataset d JOIN d.investigation i JOIN i.{at}",
    )
    assert await desk.predicate("Investigation") == OneOf("instruments", (instrument,))
    assert await desk.predicate("Dataset") == OneOf("investigation_instruments", (instrument,))
    assert await desk.predicate("Dataset", "db/bob") == Nothing()


async def test_what_is_public_by_a_date_of_its_own_needs_no_ids(desk: Desk) -> None:
    await desk.rules(PUBLIC, "SELECT d FROM Dataset d WHERE d.complete = TRUE AND d.sample IS NULL")
    public = Between("release", None, NOW_MS, includes_high=False)
    assert await desk.predicate("Investigation") == public
    assert await desk.predicate("Dataset") == AllOf((OneOf("complete", (1,)), Not(Has("sample"))))
    desk.seconds = 0.5
    assert await desk.predicate("Investigation") == replace(public, high=NOW_MS + 500)
    assert desk.database.transactions == 0


async def test_rules_about_the_same_thing_are_read_together(desk: Desk) -> None:
    through_group = "JOIN i.investigationGroups g JOIN g.grouping.userGroups m WHERE m.user.name = :user"
    named = f"{OWN_INVESTIGATIONS} AND i.name = 'HC-1'"
    await desk.rules(OWN_INVESTIGATIONS, f"SELECT i FROM Investigation i {through_group}", named, PUBLIC)
    public = Between("release", None, NOW_MS, includes_high=False)
    assert await desk.predicate("Investigation") == AnyOf((public, OneOf("id", (desk.investigations[0],))))
    assert desk.database.transactions == 1


async def test_an_alternative_keeps_the_joins_of_the_rule(desk: Desk) -> None:
    first, _, released = desk.investigations
    await desk.rules(f"{OWN_INVESTIGATIONS} OR i.releaseDate < CURRENT_TIMESTAMP")
    assert await desk.predicate("Investigation") == OneOf("id", (first,)), "nobody is a user of what is released"
    bob = (await desk.rulebooks.caller("db/bob")).user_id
    await desk.site.make("InvestigationUser", user={"id": bob}, investigation=released, role="x")
    desk.seconds = 1
    assert await desk.predicate("Investigation") == AnyOf((OneOf("id", (first,)), OneOf("id", (released,))))
    assert await desk.predicate("Investigation", "db/nobody") == OneOf("id", (released,))


async def test_two_conditions_hold_for_the_same_sample(desk: Desk) -> None:
    site, (first, second, _) = desk.site, desk.investigations
    kinds = [await site.make("SampleType", name=name, molecularFormula=name, facility=1) for name in ("Fe", "Co")]
    flags = {"units": "K", "valueType": "NUMERIC", "applicableToSample": True}
    heat = await site.make("ParameterType", name="heat", facility=1, **flags)
    for investigation, kind in ((first, kinds[0]), (second, kinds[1])):
        warm = await site.make("Sample", name="warm", investigation=investigation, type=kind)
        await site.make("Sample", name="cold", investigation=investigation, type=kinds[0])
        await site.make("SampleParameter", sample=warm, type=heat, numericValue=1)
    joined = "JOIN i.samples s JOIN s.type t JOIN s.parameters p JOIN p.type h"
    await desk.rules(f"SELECT i FROM Investigation i {joined} WHERE t.name = 'Fe' AND h.name = 'heat'")
    assert await desk.predicate("Investigation") == OneOf("id", (first,))
    await desk.rules("SELECT i FROM Investigation i JOIN i.samples s JOIN s.type t WHERE t.name = 'Co'")
    desk.seconds = 1
    assert await desk.predicate("Investigation") == AnyOf((OneOf("sample_types", (kinds[1],)), OneOf("id", (first,))))


async def test_most_of_everything_is_all_but_the_rest(desk: Desk) -> None:
    desk.use(ids=1)
    await desk.rules("SELECT d FROM Dataset d WHERE d.investigation.name <> 'HC-2'")
    assert await desk.predicate("Dataset") == Not(OneOf("investigation", (desk.investigations[1],)))
    await desk.site.change("Investigation", desk.investigations[1], name="HC-9")
    desk.seconds = 1
    assert await desk.predicate("Dataset") == Everything()


async def test_all_but_some_samples_does_not_open_what_has_no_sample(desk: Desk) -> None:
    desk.use(ids=1)
    samples = [
        await desk.site.make("Sample", name=name, investigation=desk.investigations[0]) for name in ("a", "b", "c")
    ]
    await desk.rules("SELECT d FROM Dataset d JOIN d.sample s WHERE s.name <> 'b'")
    assert await desk.predicate("Dataset") == AllOf((Has("sample"), Not(OneOf("sample", (samples[1],)))))


async def test_too_many_ids_leave_what_else_the_rule_says(desk: Desk) -> None:
    desk.use(ids=1)
    for number in range(4):
        for dataset in desk.datasets[:1]:
            await desk.site.make("Datafile", dataset=dataset, name=f"{number}.log")
    await desk.rules(f"{OWN_FILES} AND f.name LIKE '%.log'", "SELECT d FROM Dataset d WHERE d.id IN (1, 2)")
    allowed = await desk.allowed("Datafile")
    assert not allowed.exact
    assert plain(allowed.predicate) == OneOf("investigation", (desk.investigations[0],))
    assert (await desk.allowed("Datafile", "db/nobody")) == Allowed(Nothing(), exact=True)


async def test_too_many_ids_and_nothing_else_leave_everything_to_be_checked(desk: Desk) -> None:
    desk.use(ids=1)
    for number in range(4):
        await desk.site.make("Datafile", dataset=desk.datasets[0], name=f"{number}.log")
    await desk.rules("SELECT f FROM Datafile f WHERE f.name LIKE '%.log'")
    assert await desk.allowed("Datafile") == Allowed(Everything(), exact=False)
    read = desk.database.transactions
    await desk.site.make("Datafile", dataset=desk.datasets[0], name="more.log")
    desk.seconds = sets.FAILED_LIFE_S - 1
    assert not (await desk.allowed("Datafile")).exact
    assert desk.database.transactions == read
    desk.seconds = sets.FAILED_LIFE_S
    await desk.allowed("Datafile")
    assert desk.database.transactions > read, "it is tried again after a while"


async def test_a_rule_that_takes_too_long_is_not_waited_for(desk: Desk) -> None:
    async with desk.database.connection() as conn:
        await conn.execute(
            f'INSERT INTO "user" ({MADE_BY}, name) SELECT {MADE}, n::text FROM generate_series(1, 300) n'
        )
    desk.use(statement_s=0.05)
    slow = "FROM Investigation i, User a, User b, User c WHERE CONCAT(a.name, b.name, c.name, i.name) = 'none'"
    await desk.rules(f"SELECT i {slow}", PUBLIC)
    started = asyncio.get_running_loop().time()
    assert await desk.allowed("Investigation") == Allowed(Everything(), exact=False)
    assert asyncio.get_running_loop().time() - started < 5
    read = desk.database.transactions
    assert await desk.allowed("Investigation") == Allowed(Everything(), exact=False)
    assert desk.database.transactions == read, "that it takes too long is remembered"


async def test_a_rule_that_fails_hides_nothing_from_the_check_of_each_hit(desk: Desk) -> None:
    await desk.rules("SELECT i FROM Investigation i WHERE 1 / (i.id - i.id) = 1")
    assert await desk.allowed("Investigation") == Allowed(Everything(), exact=False)


async def test_ids_are_in_order_however_many(desk: Desk) -> None:
    async with desk.database.connection() as conn:
        await conn.execute(
            f"INSERT INTO dataset (id, {MADE_BY}, name, complete, investigation_id, type_id)"
            f" SELECT n, {MADE}, 'n' || n, false, investigation_id, type_id"
            " FROM dataset, generate_series(1000, 11000) n WHERE dataset.id = %s",
            [desk.datasets[0]],
        )
    await desk.rules("SELECT d FROM Dataset d WHERE d.id > 1005 AND SIZE(d.datafiles) = 0 AND MOD(d.id, 3) = 0")
    allowed = await desk.allowed("Dataset")
    assert isinstance(allowed.predicate, OneOf)
    assert list(allowed.predicate.ids) == [number for number in range(1006, 11001) if number % 3 == 0]
