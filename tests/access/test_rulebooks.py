from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from beamcat.access.rulebooks import Rulebooks
from beamcat.access.rules import Operation
from beamcat.config import CatalogueSettings, DatabaseSettings
from beamcat.database.pool import Connection, Database
from beamcat.errors import Unavailable
from beamcat.model import ICAT_ENTITIES, Entity
from beamcat.query.rights import Extent

from .clock import Clock

DATASET = ICAT_ENTITIES["Dataset"]
DATAFILE = ICAT_ENTITIES["Datafile"]
INVESTIGATION = ICAT_ENTITIES["Investigation"]
SETTINGS = CatalogueSettings(root_user_names=("simple/root", "db/ghost"))
BASE = "'simple/root', now(), 'simple/root', now()"


async def insert(conn: Connection, statement: str, *values: object) -> int:
    row = await (await conn.execute(f"{statement} RETURNING id", values)).fetchone()
    assert row is not None
    return int(row[0])


class Facility:
    """Writes users, groups and rules straight into the database, each in its own transaction."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def user(self, name: str, *groups: int) -> int:
        async with self.database.transaction() as conn:
            user = await insert(
                conn, f'INSERT INTO "user" (create_id, create_time, mod_id, mod_time, name) VALUES ({BASE}, %s)', name
            )
            for group in groups:
                await self.join(conn, user, group)
        return user

    async def join(self, conn: Connection, user: int, group: int) -> None:
        await insert(
            conn,
            "INSERT INTO user_group (create_id, create_time, mod_id, mod_time, user_id, grouping_id)"
            f" VALUES ({BASE}, %s, %s)",
            user,
            group,
        )

    async def group(self, name: str) -> int:
        async with self.database.connection() as conn:
            return await insert(
                conn,
                f'INSERT INTO "grouping" (create_id, create_time, mod_id, mod_time, name) VALUES ({BASE}, %s)',
                name,
            )

    async def rule(self, flags: str, what: str, group: int | None = None) -> int:
        async with self.database.connection() as conn:
            return await insert(
                conn,
                "INSERT INTO rule (create_id, create_time, mod_id, mod_time, crud_flags, what, grouping_id)"
                f" VALUES ({BASE}, %s, %s, %s)",
                flags,
                what,
                group,
            )

    async def public_step(self, origin: str, field: str) -> int:
        async with self.database.connection() as conn:
            return await insert(
                conn,
                f"INSERT INTO public_step (create_id, create_time, mod_id, mod_time, origin, field)"
                f" VALUES ({BASE}, %s, %s)",
                origin,
                field,
            )

    async def execute(self, statement: str, *values: object) -> None:
        async with self.database.connection() as conn:
            await conn.execute(statement, values)


@pytest.fixture
def facility(database: Database) -> Facility:
    return Facility(database)


@pytest.fixture
def rulebooks(database: Database, clock: Clock) -> Rulebooks:
    return Rulebooks(database, SETTINGS, clock.ticks)


@pytest.fixture
async def other_worker(
    database_url: str, database_settings: DatabaseSettings, clock: Clock
) -> AsyncIterator[Rulebooks]:
    async with Database(database_url, database_settings) as connections:
        yield Rulebooks(connections, SETTINGS, clock.ticks)


async def may_read(rulebooks: Rulebooks, name: str, entity: Entity) -> bool:
    caller = await rulebooks.caller(name)
    return (await rulebooks.current()).rights(caller).readable(entity) is not Extent.NOTHING


async def test_without_rules_only_root_may_read(rulebooks: Rulebooks) -> None:
    assert not await may_read(rulebooks, "db/ann", DATASET)
    assert await may_read(rulebooks, "simple/root", DATASET)


async def test_a_caller_has_the_groups_of_the_user_of_that_name(rulebooks: Rulebooks, facility: Facility) -> None:
    admins, curators = await facility.group("admins"), await facility.group("curators")
    ann = await facility.user("db/ann", admins, curators)
    bob = await facility.user("db/bob")
    root = await facility.user("simple/root", admins)
    caller = await rulebooks.caller("db/ann")
    assert (caller.name, caller.root, caller.user_id) == ("db/ann", False, ann)
    assert caller.groups == {admins, curators}
    assert (await rulebooks.caller("db/bob")).user_id == bob
    assert (await rulebooks.caller("db/bob")).groups == frozenset()
    assert (await rulebooks.caller("simple/root")).root
    assert (await rulebooks.caller("simple/root")).user_id == root


async def test_a_caller_need_not_be_a_user(rulebooks: Rulebooks, facility: Facility) -> None:
    await facility.rule("R", "Dataset")
    caller = await rulebooks.caller("anon/anon")
    assert (caller.root, caller.user_id, caller.groups) == (False, None, frozenset())
    assert (await rulebooks.caller("db/ghost")).root
    assert await may_read(rulebooks, "anon/anon", DATASET)
    assert not await may_read(rulebooks, "anon/anon", DATAFILE)


async def test_a_rule_of_a_group_is_for_its_members(rulebooks: Rulebooks, facility: Facility) -> None:
    admins = await facility.group("admins")
    await facility.user("db/ann", admins)
    await facility.user("db/bob")
    await facility.rule("CR", "Dataset", admins)
    assert await may_read(rulebooks, "db/ann", DATASET)
    assert not await may_read(rulebooks, "db/bob", DATASET)
    book = await rulebooks.current()
    assert book.applicable(await rulebooks.caller("db/ann"), DATASET, Operation.CREATE) is Extent.EVERYTHING
    assert book.applicable(await rulebooks.caller("db/bob"), DATASET, Operation.CREATE) is Extent.NOTHING
    assert book.public_tables == set()


async def test_a_rule_of_a_group_without_members_is_for_nobody(rulebooks: Rulebooks, facility: Facility) -> None:
    empty = await facility.group("empty")
    await facility.rule("R", "Dataset", empty)
    await facility.user("db/ann")
    assert not await may_read(rulebooks, "db/ann", DATASET)
    assert not await may_read(rulebooks, "anon/anon", DATASET)


async def test_public_steps_and_tables_are_read(rulebooks: Rulebooks, facility: Facility) -> None:
    await facility.rule("R", "DatasetType")
    await facility.rule("C", "Datafile")
    await facility.public_step("Dataset", "investigation")
    book = await rulebooks.current()
    assert book.public_tables == {"DatasetType"}
    assert book.public_steps == {("Dataset", "investigation")}
    rights = book.rights(await rulebooks.caller("anon/anon"))
    public = [relation.name for relation in DATASET.to_one if rights.step_is_public(DATASET, relation)]
    assert public == ["investigation", "type"]


async def test_a_stored_rule_that_is_not_valid_allows_nothing_and_breaks_nothing(
    rulebooks: Rulebooks, facility: Facility
) -> None:
    await facility.rule("R", "SELECT ds FROM Dataset ds WHERE ds.wasRemoved = 1")
    await facility.rule("X", "Dataset")
    await facility.rule("R", "rubbish (")
    await facility.rule("R", "Datafile")
    assert not await may_read(rulebooks, "db/ann", DATASET)
    assert await may_read(rulebooks, "db/ann", DATAFILE)


@pytest.mark.parametrize("change", ["rule", "rule text", "rule removed", "public step", "membership", "group removed"])
async def test_every_change_holds_in_every_worker_within_a_second(
    rulebooks: Rulebooks, other_worker: Rulebooks, facility: Facility, clock: Clock, change: str
) -> None:
    group = await facility.group("group")
    user = await facility.user("db/ann")
    member = await facility.user("db/member", group)
    for_group = await facility.rule("R", "Dataset", group)
    for_all = await facility.rule("R", "DatasetType")

    async def state(worker: Rulebooks) -> tuple[object, ...]:
        book = await worker.current()
        callers = [await worker.caller(name) for name in ("db/ann", "db/member")]
        return (book.public_steps, book.public_tables, *(book.rights(caller).key.everything for caller in callers))

    before = await state(rulebooks)
    assert await state(other_worker) == before
    match change:
        case "rule":
            await facility.rule("R", "Investigation")
        case "rule text":
            await facility.execute("UPDATE rule SET what = 'Datafile' WHERE id = %s", for_all)
        case "rule removed":
            await facility.execute("DELETE FROM rule WHERE id = %s", for_group)
        case "public step":
            await facility.public_step("Dataset", "type")
        case "membership":
            async with facility.database.transaction() as conn:
                await facility.join(conn, user, group)
        case "group removed":
            await facility.execute('DELETE FROM "grouping" WHERE id = %s', group)
    assert member
    rulebooks.expire()
    after = await state(rulebooks)
    assert after != before
    clock.advance(seconds=0.999)
    assert await state(other_worker) == before
    clock.advance(seconds=0.001)
    assert await state(other_worker) == after


async def test_rules_of_a_transaction_hold_after_its_commit_only(
    rulebooks: Rulebooks, database: Database, clock: Clock
) -> None:
    async with database.transaction() as conn:
        await insert(
            conn,
            "INSERT INTO rule (create_id, create_time, mod_id, mod_time, crud_flags, what)"
            f" VALUES ({BASE}, 'R', 'Dataset')",
        )
        assert not await may_read(rulebooks, "db/ann", DATASET)
        clock.advance(seconds=1)
        assert not await may_read(rulebooks, "db/ann", DATASET)
    rulebooks.expire()
    assert await may_read(rulebooks, "db/ann", DATASET)


async def test_a_rollback_changes_nothing(rulebooks: Rulebooks, database: Database) -> None:
    book = await rulebooks.current()
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as conn:
            await conn.execute(
                "INSERT INTO rule (create_id, create_time, mod_id, mod_time, crud_flags, what)"
                f" VALUES ({BASE}, 'R', 'Dataset')"
            )
            raise ZeroDivisionError
    rulebooks.expire()
    assert await rulebooks.current() is book


async def test_the_database_is_asked_once_a_second(
    rulebooks: Rulebooks, database: Database, facility: Facility, clock: Clock
) -> None:
    await facility.rule("R", "Dataset")
    await may_read(rulebooks, "db/ann", DATASET)
    before = database.statistics()["requests_num"]
    for _ in range(100):
        await may_read(rulebooks, "db/ann", DATASET)
    assert database.statistics()["requests_num"] == before
    clock.advance(seconds=1)
    await asyncio.gather(*(may_read(rulebooks, "db/ann", DATASET) for _ in range(20)))
    assert database.statistics()["requests_num"] == before + 2


async def test_a_new_user_leaves_the_rulebook_and_what_was_compiled_for_it(
    rulebooks: Rulebooks, facility: Facility, clock: Clock
) -> None:
    await facility.rule("R", "Dataset [name = :user]")
    book = await rulebooks.current()
    key = book.rights(await rulebooks.caller("db/ann")).key
    ann = await facility.user("db/ann")
    clock.advance(seconds=1)
    assert await rulebooks.current() is book
    caller = await rulebooks.caller("db/ann")
    assert caller.user_id == ann
    assert book.rights(caller).key == key


async def test_a_change_that_comes_in_while_the_rules_are_read_is_not_missed(
    rulebooks: Rulebooks, database: Database, facility: Facility
) -> None:
    async with database.transaction() as conn:
        await conn.execute("LOCK TABLE public_step IN ACCESS EXCLUSIVE MODE")
        reading = asyncio.create_task(may_read(rulebooks, "db/ann", DATASET))
        async with database.connection() as other, asyncio.timeout(10):
            waiting = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'public_step'::regclass"
            while await (await other.execute(waiting)).fetchone() is None:
                await asyncio.sleep(0.01)
        await facility.rule("R", "Dataset")
        rulebooks.expire()
    assert not await reading
    assert await may_read(rulebooks, "db/ann", DATASET)


async def test_thousands_of_rules_for_groups_are_read_in_a_moment(rulebooks: Rulebooks, facility: Facility) -> None:
    async with facility.database.connection() as conn:
        await conn.execute(
            'INSERT INTO "grouping" (create_id, create_time, mod_id, mod_time, name)'
            f" SELECT {BASE}, 'g' || n FROM generate_series(1, 2000) n"
        )
        await conn.execute(
            "INSERT INTO rule (create_id, create_time, mod_id, mod_time, crud_flags, what, grouping_id)"
            f" SELECT {BASE}, 'R', what, id FROM \"grouping\", unnest(ARRAY['Dataset <-> Investigation [id = 1]',"
            " 'Datafile <-> Dataset <-> Investigation [id = 1]']) what"
        )
    group = await facility.group("mine")
    await facility.user("db/ann", group)
    await facility.rule("R", "Investigation", group)
    async with asyncio.timeout(5):
        assert await may_read(rulebooks, "db/ann", INVESTIGATION)
    assert not await may_read(rulebooks, "db/ann", DATASET)


async def test_a_database_that_is_not_initialised_is_told_apart(rulebooks: Rulebooks, facility: Facility) -> None:
    await facility.execute("DELETE FROM rulebook_version")
    with pytest.raises(Unavailable, match="has not been initialised"):
        await rulebooks.current()
