"""What questions become: bound SQL, one statement per INCLUDE path, rights inside the question."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
import pytest

from beamcat.database.pool import Database
from beamcat.errors import BadParameter, Forbidden, NoSuchObject, ValidationFailed
from beamcat.model import Entity, Relation, icat_entity
from beamcat.observability.slow_queries import Watch
from beamcat.query.compile import compile_get, compile_search
from beamcat.query.parse import ParseLimits, parse_get, parse_rule, parse_search
from beamcat.query.plan import Plan
from beamcat.query.result import Answer, Record
from beamcat.query.rights import EveryRight, Extent, Readable, Rights, RuleQuery
from beamcat.query.run import Engine
from beamcat.query.sql import CallerValue

LIMITS = ParseLimits(max_length=2000, max_nesting=20, max_includes=10)


@dataclass(frozen=True)
class Ann:
    name: str = "db/ann"
    user_id: int | None = 1


class SomeRights:
    """Rights from rule texts; a step named `Entity.relation` is public."""

    def __init__(self, *rules: str, steps: tuple[str, ...] = (), everything: tuple[str, ...] = ()) -> None:
        self.rules = [parse_rule(rule, LIMITS) for rule in rules]
        self.steps = steps
        self.everything = everything

    def readable(self, entity: Entity) -> Readable:
        if entity.name in self.everything:
            return Extent.EVERYTHING
        found = tuple(RuleQuery(entity, rule.query) for rule in self.rules if icat_entity(rule.entity) is entity)
        return found or Extent.NOTHING

    def step_is_public(self, origin: Entity, relation: Relation) -> bool:
        return f"{origin.name}.{relation.name}" in self.steps or relation.target in self.everything


OWN = "SELECT i FROM Investigation i JOIN i.investigationUsers iu JOIN iu.user u WHERE u.name = :user"
OWN_DATASETS = (
    "SELECT d FROM Dataset d JOIN d.investigation i JOIN i.investigationUsers iu JOIN iu.user u WHERE u.name = :user"
)

BASE = "create_id, create_time, mod_id, mod_time"
BY = "'x', now(), 'x', now()"
WORLD = (
    f"INSERT INTO facility (name, {BASE}) VALUES ('F', {BY})",
    f"INSERT INTO investigation_type (facility_id, name, {BASE}) VALUES (1, 't', {BY})",
    f"INSERT INTO dataset_type (facility_id, name, {BASE}) VALUES (1, 'raw', {BY})",
    f"""INSERT INTO "user" (name, {BASE}) VALUES ('db/ann', {BY}), ('db/bob', {BY})""",
    f"""INSERT INTO investigation (facility_id, type_id, name, visit_id, title, {BASE})
        SELECT 1, 1, 'inv' || g, '1', 'title', {BY} FROM generate_series(1, 3) g""",
    f"INSERT INTO investigation_user (user_id, investigation_id, role, {BASE}) VALUES (1, 1, 'PI', {BY})",
    f"""INSERT INTO dataset (investigation_id, type_id, name, {BASE})
        SELECT 1 + g % 3, 1, 'ds' || g, {BY} FROM generate_series(1, 9) g""",
    f"INSERT INTO datafile (dataset_id, name, {BASE}) SELECT 1 + g % 9, 'df' || g, {BY} FROM generate_series(1, 18) g",
)


@pytest.fixture
async def engine(database: Database) -> Engine:
    async with database.connection() as connection:
        for statement in WORLD:
            await connection.execute(statement.encode())
    return Engine(database, Watch(1e9), max_entities=100)


def plan(text: str, rights: Rights | None = None) -> Plan:
    return compile_search(parse_search(text, LIMITS), rights or EveryRight(), 100)


async def ask(engine: Engine, text: str, rights: Rights | None = None) -> Answer:
    return await engine.search(plan(text, rights), Ann(), text)


def names(answer: Answer) -> list[object]:
    """The `name` of each dataset or investigation, which is the last but known value of its record."""
    found = []
    for (record,) in answer.rows:
        assert isinstance(record, Record)
        position = [a.name for a in record.entity.attributes].index("name") + 5
        found.append(record.values[position])
    return found


def test_no_text_of_a_client_is_in_the_sql() -> None:
    text = (
        "SELECT ds FROM Dataset ds WHERE ds.name LIKE 'mark$%' ESCAPE '$' AND ds.id IN (4711, 4712) OR ds.doi = '4713'"
    )
    statement = plan(text).statement
    assert statement is not None
    assert not any(mark in statement.sql for mark in ("mark", "471", "'$'"))
    assert {"mark$%", "$", 4711, 4712, "4713"} <= set(statement.params)


def test_one_plan_serves_everyone_to_whom_the_same_rules_apply() -> None:
    statement = plan("SELECT i FROM Investigation i", SomeRights(OWN)).statement
    assert statement is not None
    assert CallerValue.USER_ID in statement.params
    assert statement.bind("db/ann", 1) != statement.bind("db/bob", 2)


def test_the_rules_of_datafiles_and_datasets_meet_in_one_look_at_the_investigation() -> None:
    datafiles = OWN.replace(
        "SELECT i FROM Investigation i", "SELECT df FROM Datafile df JOIN df.dataset.investigation i"
    )
    rights = SomeRights(datafiles)
    statement = plan("SELECT df FROM Datafile df WHERE df.dataset.id = 1", rights).statement
    assert statement is not None
    assert "investigation_reader" in statement.sql
    assert '"user"' not in statement.sql
    assert '"investigation" ' not in statement.sql


async def test_a_question_shows_what_the_rules_allow_and_nothing_else(engine: Engine) -> None:
    rights = SomeRights(OWN, OWN_DATASETS)
    assert names(await ask(engine, "SELECT i FROM Investigation i", rights)) == ["inv1"]
    assert names(await ask(engine, "SELECT ds FROM Dataset ds", rights)) == ["ds3", "ds6", "ds9"]
    assert (await ask(engine, "SELECT COUNT(ds) FROM Dataset ds", rights)).rows == [(3,)]
    assert (await ask(engine, "SELECT ds.investigation.name FROM Dataset ds", rights)).rows == [("inv1",)] * 3
    assert len((await ask(engine, "SELECT ds FROM Dataset ds")).rows) == 9


async def test_without_a_rule_a_count_is_zero_and_anything_else_is_empty(engine: Engine) -> None:
    nothing = SomeRights()
    assert (await ask(engine, "SELECT COUNT(df) FROM Datafile df", nothing)).rows == [(0,)]
    assert (await ask(engine, "SELECT COUNT(df.id), MIN(df.id) FROM Datafile df", nothing)).rows == [(0, None)]
    assert (await ask(engine, "SELECT SUM(df.fileSize) FROM Datafile df", nothing)).rows == ()
    assert (await ask(engine, "SELECT df FROM Datafile df", nothing)).rows == ()
    assert (await ask(engine, "SELECT 1 FROM Datafile df", nothing)).rows == ()


async def test_includes_are_fetched_by_one_statement_each_and_only_what_may_be_read(engine: Engine) -> None:
    query = (
        "SELECT ds FROM Dataset ds WHERE ds.name IN ('ds1', 'ds3') INCLUDE ds.investigation, ds.datafiles d, ds.type"
    )
    compiled = plan(query)
    assert len(compiled.includes) == 3
    assert all(include.statement is not None for include in compiled.includes)
    everything = [row[0] for row in (await ask(engine, query)).rows]
    assert [sorted(record.related) for record in everything if isinstance(record, Record)] == [
        ["datafiles", "investigation", "type"]
    ] * 2
    rights = SomeRights(OWN, everything=("Dataset", "DatasetType"))
    some = [row[0] for row in (await ask(engine, query, rights)).rows]
    assert [sorted(record.related) for record in some if isinstance(record, Record)] == [
        ["type"],
        ["investigation", "type"],
    ]


async def test_a_public_step_shows_what_no_rule_allows(engine: Engine) -> None:
    query = "SELECT ds FROM Dataset ds WHERE ds.name = 'ds1' INCLUDE ds.investigation"
    for steps, shown in (((), []), (("Dataset.investigation",), ["investigation"])):
        ((record,),) = (await ask(engine, query, SomeRights(everything=("Dataset",), steps=steps))).rows
        assert isinstance(record, Record)
        assert list(record.related) == shown


async def test_too_many_objects_are_refused_whether_selected_or_included(engine: Engine, database: Database) -> None:
    small = Engine(database, Watch(1e9), max_entities=10)
    query = parse_search("SELECT df FROM Datafile df", LIMITS)
    with pytest.raises(ValidationFailed, match="attempt to process more than 10 entities"):
        await small.search(compile_search(query, EveryRight(), 10), Ann(), "")
    including = parse_search("SELECT ds FROM Dataset ds INCLUDE ds.type", LIMITS)
    with pytest.raises(ValidationFailed, match="attempt to return more than 10 entities"):
        await small.search(compile_search(including, EveryRight(), 10), Ann(), "")
    few = parse_search("SELECT df FROM Datafile df LIMIT 0, 10", LIMITS)
    assert len((await small.search(compile_search(few, EveryRight(), 10), Ann(), "")).rows) == 10


async def test_get_tells_what_is_missing_from_what_is_forbidden(engine: Engine) -> None:
    compiled = compile_get(parse_get("Investigation", LIMITS), SomeRights(OWN), 100)
    assert (await engine.get(compiled, 1, Ann(), "")).id == 1
    with pytest.raises(Forbidden, match="READ access to this Investigation is not allowed"):
        await engine.get(compiled, 2, Ann(), "")
    with pytest.raises(NoSuchObject, match=r"Investigation\[id:99\] not found."):
        await engine.get(compiled, 99, Ann(), "")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT SUM(ds.id / 0) FROM Dataset ds",
        "SELECT SQRT(0 - ds.id) FROM Dataset ds",
        "SELECT ds.name, COUNT(ds) FROM Dataset ds",
        "SELECT ds FROM Dataset ds WHERE ds.id = (SELECT d.id FROM Dataset d)",
        "SELECT ds FROM Dataset ds WHERE ds.id + 9223372036854775807 > 0",
    ],
)
async def test_a_question_that_cannot_be_answered_is_the_fault_of_the_question(engine: Engine, text: str) -> None:
    with pytest.raises(BadParameter):
        await ask(engine, text)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("SELECT ds.id FROM Dataset ds WHERE ds.id = '5'", [(5,)]),
        ("SELECT ds.id FROM Dataset ds WHERE ds.name <> 12 AND ds.id < 2", [(1,)]),
        ("SELECT ds.id FROM Dataset ds WHERE ds.createTime < '2011-01-01'", []),
        ("SELECT ds.id FROM Dataset ds WHERE ds.createTime > '2011-01-01 12:00:00' AND ds.id < 2", [(1,)]),
        ("SELECT ds.id FROM Dataset ds WHERE ds.complete = 'false' AND ds.id < 2", [(1,)]),
        ("SELECT null, MAX(i.id) FROM Investigation i", [(None, 3)]),
        ("SELECT DISTINCT i.facility.name FROM Investigation i", [("F",)]),
        ("SELECT ds.name FROM Dataset ds ORDER BY LENGTH(ds.name), ds.name DESC LIMIT 1, 2", [("ds8",), ("ds7",)]),
        ("SELECT d.sample.id FROM Dataset d WHERE d.id = 1", [(None,)]),
        ("SELECT d.sample.name FROM Dataset d WHERE d.id = 1", []),
    ],
)
async def test_types_meet_as_clients_mean_them(engine: Engine, text: str, rows: list[tuple[object, ...]]) -> None:
    assert list((await ask(engine, text)).rows) == rows


async def test_the_first_page_of_a_large_dataset_reads_an_index_and_sorts_nothing(
    engine: Engine, database: Database
) -> None:
    async with database.connection() as connection:
        await connection.execute(
            f"INSERT INTO datafile (dataset_id, name, datafile_mod_time, {BASE}) SELECT 1, 'big' || g,"
            f" now() - g * interval '1 s', {BY} FROM generate_series(1, 30000) g".encode()
        )
        await connection.execute("ANALYZE")
        datafiles = OWN.replace(
            "SELECT i FROM Investigation i", "SELECT df FROM Datafile df JOIN df.dataset.investigation i"
        )
        text = "SELECT df FROM Datafile df WHERE df.dataset.id = 1 ORDER BY df.datafileModTime DESC LIMIT 0, 50"
        statement = plan(text, SomeRights(datafiles)).statement
        assert statement is not None
        cursor = psycopg.AsyncRawCursor(connection)
        await cursor.execute(f"EXPLAIN {statement.sql}".encode(), statement.bind("db/ann", 1))
        explained = "\n".join(row[0] for row in await cursor.fetchall())
    assert "datafile_by_mod_time_idx" in explained
    assert "Sort" not in explained
    assert "Seq Scan on datafile" not in explained
