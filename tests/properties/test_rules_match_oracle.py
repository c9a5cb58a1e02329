"""Random rule sets, readers and questions: no row too many and none too few.

Each seed is a world with its rules, stored as Rule objects; BEAMCAT_EXAMPLES is the number of questions per world.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random
from typing import TYPE_CHECKING

import pytest

from beamcat.access.caller import Caller
from beamcat.access.rules import Operation
from beamcat.database.pool import Database
from beamcat.errors import BeamcatError, Forbidden, NoSuchObject
from beamcat.model import ENTITIES
from beamcat.query.compile import compile_allowed, compile_get
from beamcat.query.parse import parse_get
from beamcat.query.result import Record
from beamcat.query.rights import Extent, Rights
from beamcat.query.run import Engine, run_statement

from .answers import canonical_record, disagreement
from .compare import Unclear
from .engine import LIMITS, MAX_ENTITIES, UNWATCHED, RuleRights, ask, caller_of, examples, oracle_rule, parsed
from .evaluate import TooMuch
from .facility_rules import RuledFacility, entities_to_ask, is_clear, ruled_facility
from .oracle import OracleRule, Permissions, canonical, expected_answer, steps_from
from .queries import QueryWriter
from .rules import READERS, RuleText, RuleWriter
from .values import Variable
from .world import SIZES, Thing, World, load, make_world

if TYPE_CHECKING:
    from conftest import TestServer

FACILITIES = 12
QUESTIONS = 250
WORLDS = 3
RULES = 400
PAGES = 600


@pytest.fixture(scope="module", params=range(FACILITIES))
async def facility(request: pytest.FixtureRequest, server: TestServer, template: str) -> AsyncIterator[RuledFacility]:
    """A facility of its own for each seed; the tests only read."""
    name = server.create(template)
    async with Database(server.url(name), server.settings) as database:
        yield await ruled_facility(database, request.param)
    server.drop(name)


async def test_every_reader_gets_what_the_rules_allow(facility: RuledFacility) -> None:
    wrong: list[str] = []
    compared = 0
    questions = examples(QUESTIONS)
    for number in range(questions):
        reader = READERS[number % len(READERS)]
        permissions = facility.readers[reader]
        writer = QueryWriter(
            Random(f"{facility.seed}/{number}"),
            facility.world,
            number % 3,
            entities_to_ask(permissions),
            conditioned=0.35,
        )
        text = writer.search()
        caller = facility.callers[reader]
        for rights in (facility.rulebook.rights(caller), RuleRights(permissions)):
            try:
                query = parsed(text)
                expected = expected_answer(facility.world, query, permissions)
                difference = disagreement(expected, await ask(facility.engine, query, rights, caller, text))
            except (Unclear, TooMuch):
                break
            except BeamcatError as error:
                difference = f"refused: {error.message}"
            compared += 1
            if difference is not None:
                wrong.append(_report(facility, f"{facility.seed}/{number}", reader, rights, text, difference))
    assert not wrong, f"{len(wrong)} of {compared} answers differ\n" + "\n".join(wrong[:4])
    assert compared > questions, f"only {compared // 2} of {questions} questions prove anything"


@pytest.mark.parametrize("seed", range(WORLDS))
async def test_a_single_rule_opens_what_it_selects(database: Database, seed: int) -> None:
    world = make_world(2000 + seed)
    async with database.transaction() as conn:
        await load(world, conn)
    engine = Engine(database, UNWATCHED, MAX_ENTITIES)
    callers = {reader: caller_of(world, reader) for reader in READERS}
    wrong: list[str] = []
    selective = 0
    rules = examples(RULES)
    for number in range(rules):
        rng = Random(f"rule/{seed}/{number}")
        rule = oracle_rule(RuleText(None, "R", RuleWriter(rng, world, number % 4).what()))
        if not is_clear(world, rule):
            continue
        for reader in rng.sample(READERS, 2):
            permissions = Permissions(world, [rule], reader)
            extent = RuleRights(permissions).readable(ENTITIES[rule.entity])
            everything = [thing.id for thing in world.all(rule.entity)]
            readable = permissions.readable(rule.entity)
            wanted = everything if isinstance(readable, str) else sorted(readable)
            async with database.connection() as conn:
                statement = compile_allowed(ENTITIES[rule.entity], extent)
                rows = await run_statement(conn, statement, callers[reader], everything)
            found = sorted(row[0] for row in rows)
            if found != wanted:
                wrong.append(f"{seed}/{number}: {rule.what}\n  for {reader}: {found} instead of {wanted}")
            selective += 0 < len(wanted) < len(everything)
            text = QueryWriter(rng, world, number % 3, [rule.entity], conditioned=0.2).search()
            difference = await _difference(world, permissions, engine, callers[reader], text)
            if difference is not None:
                wrong.append(f"{seed}/{number}: {rule.what}\n  for {reader}: {text}\n  {difference}")
    assert not wrong, f"{len(wrong)} differences\n" + "\n".join(wrong[:4])
    assert selective > rules / 3, f"only {selective} of {rules} rules open a part"


async def test_a_sorted_page_is_cut_from_what_all_rules_open_together(database: Database) -> None:
    world = make_world(3000)
    async with database.transaction() as conn:
        await load(world, conn)
    engine = Engine(database, UNWATCHED, MAX_ENTITIES)
    rng = Random("pages")
    rules: dict[str, list[OracleRule]] = {}
    for number in range(300):
        writer = RuleWriter(rng, world, 1)
        rule = oracle_rule(RuleText(None, "R", writer.usual() if number % 3 else writer.what()))
        if rule.restricted and is_clear(world, rule):
            rules.setdefault(rule.entity, []).append(rule)
    overlaps = 0
    for number in range(examples(PAGES)):
        entity = ENTITIES[rng.choice(sorted(rules))]
        some = rng.sample(rules[entity.name], min(len(rules[entity.name]), rng.choice((2, 2, 3, 4))))
        reader = rng.choice(READERS)
        permissions = Permissions(world, some, reader)
        each = [Permissions(world, [rule], reader).readable(entity.name) for rule in some]
        overlaps += sum(map(len, each)) > len(set().union(*each))
        names = ["id", "createTime", "modId", *(attribute.name for attribute in entity.attributes)]
        keys = ", ".join(f"x.{rng.choice(names)}{rng.choice(('', ' DESC'))}" for _ in range(2))
        joined = f" JOIN x.{rng.choice(entity.to_one).name} y" if entity.to_one and number % 2 else ""
        selected = rng.choice(("x", "x", "x.id", "x.id, x.createTime"))
        limit = f"{rng.choice((0, 0, 1, 3))}, {rng.choice((1, 2, 5, 50))}"
        text = f"SELECT {selected} FROM {entity.name} x{joined} ORDER BY {keys} LIMIT {limit}"
        difference = await _difference(world, permissions, engine, caller_of(world, reader), text)
        told = "\n".join(rule.what for rule in some)
        assert difference is None, f"{number}: {text} for {reader}: {difference}\n{told}"
    assert overlaps > examples(PAGES) / 20


async def _difference(world: World, permissions: Permissions, engine: Engine, caller: Caller, text: str) -> str | None:
    query = parsed(text)
    try:
        expected = expected_answer(world, query, permissions)
    except (Unclear, TooMuch):
        return None
    return disagreement(expected, await ask(engine, query, RuleRights(permissions), caller, text))


def _report(facility: RuledFacility, number: str, reader: str, rights: Rights, text: str, difference: str) -> str:
    permissions = facility.readers[reader]
    rules = [rule for name in SIZES for rule in permissions.applicable(name) if name in text + difference]
    lines = "\n".join(f"    {rule.entity}: {rule.what}" for rule in rules)
    return f"seed {number}, {reader}, {type(rights).__name__}: {text}\n  {difference}\n  rules:\n{lines}"


async def test_a_single_object_is_given_only_to_those_who_may_read_it(facility: RuledFacility) -> None:
    rng = Random(f"get/{facility.seed}")
    given = refused = 0
    for number in range(examples(QUESTIONS)):
        reader = READERS[number % len(READERS)]
        permissions = facility.readers[reader]
        entity = ENTITIES[rng.choice(entities_to_ask(permissions))]
        thing = rng.choice(facility.world.all(entity.name) or [None])
        identifier = 999_999 if thing is None or rng.random() < 0.05 else thing.id
        include = QueryWriter(rng, facility.world, 1).include(Variable("x", entity))
        outcome = await _got(facility, f"{entity.name} x INCLUDE {include}", identifier, reader)
        expected = _expected_get(facility, f"{entity.name} x INCLUDE {include}", thing, identifier, reader)
        assert outcome == expected, f"{reader} gets {entity.name} x INCLUDE {include} with id {identifier}"
        given += isinstance(outcome, tuple)
        refused += outcome is Forbidden
    assert given
    assert refused


async def _got(facility: RuledFacility, text: str, identifier: int, reader: str) -> object:
    caller = facility.callers[reader]
    plan = compile_get(parse_get(text, LIMITS), facility.rulebook.rights(caller), MAX_ENTITIES)
    try:
        record: Record = await facility.engine.get(plan, identifier, caller, text)
    except (Forbidden, NoSuchObject) as error:
        return type(error)
    return canonical_record(record)


def _expected_get(facility: RuledFacility, text: str, thing: Thing | None, identifier: int, reader: str) -> object:
    if thing is None or thing.id != identifier:
        return NoSuchObject
    permissions = facility.readers[reader]
    if not permissions.may_read(thing):
        return Forbidden
    include = parse_get(text, LIMITS).include
    steps = None if include is None else steps_from(thing.entity, "X", include)
    return canonical(thing, steps, permissions)


async def test_each_operation_is_allowed_on_the_objects_the_rules_select(facility: RuledFacility) -> None:
    asked = {(rule.entity, letter, rule.attribute) for rule in facility.rules for letter in rule.flags}
    for name, letter, attribute in sorted(asked, key=str):
        entity = ENTITIES[name]
        everything = [thing.id for thing in facility.world.all(name)]
        for reader in READERS:
            caller = facility.callers[reader]
            if attribute is None:
                extent = facility.rulebook.applicable(caller, entity, Operation(letter))
            else:
                extent = facility.rulebook.attribute_rules(caller, entity, attribute)
            if extent is Extent.NOTHING:
                found: list[int] = []
            else:
                async with facility.database.connection() as conn:
                    rows = await run_statement(conn, compile_allowed(entity, extent), caller, everything)
                found = sorted(row[0] for row in rows)
            expected = facility.readers[reader].allowed(name, letter, attribute)
            wanted = {"everything": everything, "nothing": []}[expected] if isinstance(expected, str) else expected
            assert found == sorted(wanted), f"{letter} of {name}.{attribute} for {reader}"


async def test_a_root_user_gets_everything_under_any_rules(facility: RuledFacility) -> None:
    root = Caller("simple/root", root=True)
    nobody = facility.callers[READERS[-1]]
    for name in SIZES:
        query = parsed(f"SELECT x.id FROM {name} x")
        everything = [thing.id for thing in facility.world.all(name)]
        readable = facility.readers[nobody.name].readable(name)
        for caller, wanted in (
            (root, everything),
            (nobody, {"everything": everything, "nothing": []}[readable] if isinstance(readable, str) else readable),
        ):
            answer = await ask(facility.engine, query, facility.rulebook.rights(caller), caller)
            assert [row[0] for row in answer.rows] == sorted(wanted)
