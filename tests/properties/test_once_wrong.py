"""Questions that were answered wrongly once, found by the random ones and kept by name."""

from __future__ import annotations

import pytest

from beamcat.database.pool import Database
from beamcat.query.rights import EveryRight, Rights
from beamcat.query.run import Engine

from .answers import disagreement
from .engine import MAX_ENTITIES, UNWATCHED, RuleRights, ask, caller_of, oracle_rule, parsed
from .oracle import Expected, Permissions, expected_answer
from .rules import RuleText
from .world import load, make_world

READER = "db/ann"


async def _checked(database: Database, text: str, *rules: str) -> Expected:
    """The expected answer, after the engine has given it too. Without rules the reader has every right."""
    world = make_world(0)
    async with database.transaction() as conn:
        await load(world, conn)
    engine = Engine(database, UNWATCHED, MAX_ENTITIES)
    oracle_rules = [oracle_rule(RuleText(None, "R", what)) for what in rules]
    permissions = Permissions(world, oracle_rules, READER, root=not rules)
    rights: Rights = RuleRights(permissions) if rules else EveryRight()
    expected = expected_answer(world, parsed(text), permissions)
    answer = await ask(engine, parsed(text), rights, caller_of(world, READER), text)
    assert disagreement(expected, answer) is None
    return expected


async def test_postgresql_merges_no_self_joins(database: Database) -> None:
    text = (
        "SELECT i.facility.name FROM Instrument i JOIN i.investigationInstruments l JOIN l.instrument.facility f"
        " WHERE f.id = (SELECT MAX(x.id) FROM Facility x WHERE x.id = 0 - i.id)"
    )
    assert (await _checked(database, text)).total == 0
    assert (await _checked(database, text.replace("0 - i.id", "i.facility.id"))).total > 0


@pytest.mark.parametrize(
    "text",
    [
        # a null is neither a member nor no member
        "SELECT d.id FROM Dataset d JOIN d.investigation i WHERE d.sample NOT MEMBER OF i.samples",
        # x.rel.id is the foreign key: rows without the relation stay, whatever else is selected
        "SELECT COUNT(d.name), AVG(d.sample.id), COUNT(d) FROM Dataset d",
        "SELECT MOD(s.type.id, 7), s.pid, s.investigation.id FROM Sample s",
        "SELECT d.sample.id, COUNT(d.id) FROM Dataset d GROUP BY d.sample.id",
        # ... also of the thing one groups by
        "SELECT d.type.id, d.type.name, COUNT(d) FROM Dataset d GROUP BY d.type ORDER BY d.type.id DESC",
        # what a LEFT JOIN does not find is null, not an object without attributes
        "SELECT p FROM Study s LEFT JOIN s.studyInvestigations p",
        "SELECT DISTINCT i FROM InvestigationType t LEFT JOIN t.investigations i INCLUDE i.datasets d, d.datafiles",
        # INCLUDE starts from the selected path
        "SELECT d.investigation FROM Dataset d INCLUDE d.investigation.type, d.investigation.samples s, s.type",
        "SELECT f.investigations FROM Facility f INCLUDE f.investigations.datasets",
    ],
)
async def test_the_rows_are_those_of_the_plain_evaluation(database: Database, text: str) -> None:
    assert (await _checked(database, text)).total > 0


@pytest.mark.parametrize(
    "rule",
    [
        "SELECT x FROM DatafileFormat x WHERE COALESCE(x.type, 'none') <> 'such'",
        "SELECT x FROM DatafileFormat x WHERE NOT EXISTS (SELECT f FROM Facility f WHERE f.name = x.createId)",
        "SELECT x FROM DatafileFormat x WHERE x.facility IS NOT NULL OR x.facility IS NULL",
    ],
)
async def test_a_rule_never_opens_what_a_left_join_did_not_find(database: Database, rule: str) -> None:
    text = "SELECT y.name FROM Datafile d LEFT JOIN d.datafileFormat y"
    restricted = await _checked(database, text, rule)
    everything = await _checked(database, text, "DatafileFormat")
    assert 0 < restricted.total < everything.total
