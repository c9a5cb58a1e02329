"""Random rules, users and objects: an explanation says what the server does, and what the rules mean."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random
from typing import TYPE_CHECKING

import pytest

from beamcat.access.explain import Explanation, OperationVerdict, Standing, explain
from beamcat.access.reach import Part, reaches, reaching
from beamcat.access.readers import Audience, Readers, readers
from beamcat.access.rulebooks import Rulebooks
from beamcat.access.rules import Operation
from beamcat.catalogue.catalogue import Catalogue
from beamcat.catalogue.drafts import Reference
from beamcat.config import CatalogueSettings, Settings
from beamcat.database.pool import Database
from beamcat.model import ENTITIES, ICAT_ENTITIES

from .engine import ask, examples, parsed
from .facility_rules import RuledFacility, entities_to_ask, ruled_facility
from .rules import READERS
from .world import SIZES, USERS, Thing

if TYPE_CHECKING:
    from conftest import TestServer

FACILITIES = 3
OBJECTS = 40
MOST = 1000


@pytest.fixture(scope="module", params=range(FACILITIES))
async def facility(request: pytest.FixtureRequest, server: TestServer, template: str) -> AsyncIterator[RuledFacility]:
    name = server.create(template)
    async with Database(server.url(name), server.settings) as database:
        yield await ruled_facility(database, 100 + request.param)
    server.drop(name)


def some_thing(facility: RuledFacility, rng: Random, reader: str) -> Thing:
    while True:
        ruled = [rule.entity for rule in facility.rules]
        name = rng.choice([*ruled, *entities_to_ask(facility.readers[reader])])
        if facility.world.all(name):
            return rng.choice(facility.world.all(name))


def oracle_allows(facility: RuledFacility, reader: str, thing: Thing, letter: str, member: str | None = None) -> bool:
    allowed = facility.readers[reader].allowed(thing.entity.name, letter, member)
    return allowed == "everything" if isinstance(allowed, str) else thing.id in allowed


async def explained(facility: RuledFacility, thing: Thing, reader: str) -> Explanation:
    return await explain(facility.database, (), thing.entity, thing.id, reader)


async def test_a_verdict_is_that_of_the_server_and_of_the_oracle_and_its_rules_account_for_it(
    facility: RuledFacility,
) -> None:
    settings = CatalogueSettings()
    catalogue = Catalogue(facility.database, Rulebooks(facility.database, settings), Settings(catalogue=settings))
    rng = Random(f"explain/{facility.seed}")
    seen: set[tuple[bool, Standing]] = set()
    for number in range(examples(OBJECTS)):
        reader = READERS[number % len(READERS)]
        thing = some_thing(facility, rng, reader)
        caller = facility.callers[reader]
        subject = Reference(thing.entity, thing.id)
        told = await explained(facility, thing, reader)
        for verdict in told.operations:
            where = f"{verdict.operation.name} of {thing.entity.name} {thing.id} for {reader}"
            assert verdict.problem is None, where
            assert verdict.allowed == oracle_allows(facility, reader, thing, verdict.operation.value), where
            if verdict.operation is not Operation.CREATE:
                may = await catalogue.is_access_allowed(caller, verdict.operation, subject)
                assert verdict.allowed == may, where
            by = [each for each in verdict.rules if each.rule.rule and each.rule.rule.attribute is None]
            assert verdict.allowed == any(each.standing is Standing.ALLOWS for each in by), where
            seen |= {(verdict.allowed, each.standing) for each in verdict.rules}
            check_each_rule(facility, verdict, thing, reader)
        found = await ask(
            facility.engine,
            parsed(f"SELECT x.id FROM {thing.entity.name} x WHERE x.id = {thing.id}"),
            facility.rulebook.rights(caller),
            caller,
        )
        assert bool(found.rows) == told.operations[0].allowed
    assert {standing for _, standing in seen} >= {Standing.ALLOWS, Standing.DOES_NOT_HOLD, Standing.NEITHER}


def check_each_rule(facility: RuledFacility, verdict: OperationVerdict, thing: Thing, reader: str) -> None:
    """Every rule about the operation is told, with the standing that the oracle gives it."""
    rules = [(n, rule) for n, rule in enumerate(facility.rules, 1) if rule.entity == thing.entity.name]
    about = {n: rule for n, rule in rules if verdict.operation.value in rule.flags}
    assert {each.rule.id for each in verdict.rules} == set(about)
    permissions = facility.readers[reader]
    for each in verdict.rules:
        rule = about[each.rule.id]
        member = rule.grouping is None or rule.grouping in permissions.groups()
        holds = not rule.restricted or thing.id in {found.id for found in permissions._selected(rule)}
        expected = {
            (True, True): Standing.ALLOWS,
            (True, False): Standing.DOES_NOT_HOLD,
            (False, True): Standing.NOT_A_MEMBER,
            (False, False): Standing.NEITHER,
        }[member, holds]
        assert each.standing is expected, f"rule {each.rule.id} for {reader}: {rule.what}"
    if verdict.operation is Operation.UPDATE and not verdict.allowed:
        names = {rule.attribute for rule in about.values() if rule.attribute is not None}
        allowed = {name for name in names if oracle_allows(facility, reader, thing, "U", name)}
        assert set(verdict.members) == allowed


async def test_the_readers_of_an_object_are_those_who_may_read_it(facility: RuledFacility) -> None:
    rng = Random(f"readers/{facility.seed}")
    seen: set[Audience] = set()
    some = 0
    for number in range(examples(OBJECTS)):
        thing = some_thing(facility, rng, READERS[number % len(READERS)])
        told = await readers(facility.database, ["simple/root"], thing.entity, thing.id, most=MOST)
        seen |= {each.audience for each in told.rules}
        found = {name for name in USERS if told.everybody} | named(told)
        expected = {name for name in USERS if oracle_allows(facility, name, thing, "R")}
        assert found == expected, f"{thing.entity.name} {thing.id}"
        assert Audience.UNKNOWN not in seen
        some += 0 < len(expected) < len(USERS)
    assert seen >= {Audience.USERS, Audience.NOBODY}
    assert some > OBJECTS / 10


def named(told: Readers) -> set[str]:
    for each in told.rules:
        assert each.count == len(each.users)
    return {user.name for each in told.rules for user in each.users}


async def test_what_a_user_reaches_is_what_a_search_finds(facility: RuledFacility) -> None:
    for reader in (READERS[0], READERS[-1]):
        start = await reaching(facility.database, (), reader)
        told = {each.entity.name: each async for each in reaches(facility.database, start, most=3)}
        assert told.keys() == ICAT_ENTITIES.keys()
        for name in SIZES:
            readable = facility.readers[reader].readable(name)
            part, total = {
                "everything": (Part.EVERYTHING, len(facility.world.all(name))),
                "nothing": (Part.NOTHING, 0),
            }.get(str(readable), (Part.SOME, len(readable)))
            each = told[name]
            assert (each.part, each.count, each.more) == (part, min(total, 3), total > 3), name
            wanted = {rule.what for rule in facility.readers[reader].applicable(ENTITIES[name].name)}
            assert {rule.what for rule in each.rules} == wanted
