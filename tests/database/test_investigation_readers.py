"""Who reaches which investigation is what the links say, whatever happens to them at the same time."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import Any

from psycopg import AsyncConnection, errors

from beamcat.database.pool import Database
from tests.database.rows import BASE, add, add_facility, add_investigation, every

READERS = """
WITH kept AS (SELECT user_id, investigation_id, path, count FROM investigation_reader),
     defined AS (SELECT user_id, investigation_id, path, count FROM investigation_reader_source)
(TABLE kept EXCEPT ALL TABLE defined) UNION ALL (TABLE defined EXCEPT ALL TABLE kept)"""


async def readers(conn: AsyncConnection[Any]) -> set[tuple[int, int, str, int]]:
    assert await every(conn, READERS) == []
    return set(await every(conn, "SELECT user_id, investigation_id, path, count FROM investigation_reader"))


async def add_people(conn: AsyncConnection[Any], number: int) -> None:
    await add_facility(conn)
    for n in range(1, number + 1):
        await add(conn, "user", name=f"db/user{n}")
        await add(conn, "grouping", name=f"group{n}")
        await add(conn, "instrument", name=f"instrument{n}", facility_id=1)
        await add_investigation(conn, f"I{n}")


async def test_each_role_of_a_user_counts(database: Database) -> None:
    async with database.connection() as conn:
        await add_people(conn, 2)
        for role in ("PI", "CO"):
            await add(conn, "investigation_user", user_id=1, investigation_id=2, role=role)
        assert await readers(conn) == {(1, 2, "user", 2)}
        await conn.execute("UPDATE investigation_user SET investigation_id = 1 WHERE role = 'CO'")
        assert await readers(conn) == {(1, 2, "user", 1), (1, 1, "user", 1)}
        await conn.execute("DELETE FROM investigation_user WHERE role = 'PI'")
        assert await readers(conn) == {(1, 1, "user", 1)}


async def test_scientists_of_an_instrument_reach_its_investigations(database: Database) -> None:
    async with database.connection() as conn:
        await add_people(conn, 2)
        await add(conn, "instrument_scientist", user_id=1, instrument_id=1)
        assert await readers(conn) == set()
        await add(conn, "investigation_instrument", investigation_id=2, instrument_id=1)
        assert await readers(conn) == {(1, 2, "instrument", 1)}
        await add(conn, "investigation_instrument", investigation_id=2, instrument_id=2)
        await add(conn, "instrument_scientist", user_id=1, instrument_id=2)
        assert await readers(conn) == {(1, 2, "instrument", 2)}
        await conn.execute("DELETE FROM instrument WHERE id = 1")
        assert await readers(conn) == {(1, 2, "instrument", 1)}
        await conn.execute('DELETE FROM "user" WHERE id = 1')
        assert await readers(conn) == set()


async def test_members_of_a_group_reach_its_investigations(database: Database) -> None:
    async with database.connection() as conn:
        await add_people(conn, 2)
        await add(conn, "investigation_group", investigation_id=2, grouping_id=1, role="team")
        await add(conn, "user_group", user_id=1, grouping_id=1)
        assert await readers(conn) == {(1, 2, "group", 1)}
        await conn.execute("UPDATE user_group SET user_id = 2")
        assert await readers(conn) == {(2, 2, "group", 1)}
        await conn.execute('DELETE FROM "grouping"')
        assert await readers(conn) == set()


async def test_deleting_a_facility_leaves_no_reader_by_what_was_its_own(database: Database) -> None:
    async with database.connection() as conn:
        await add_people(conn, 3)
        for n in (1, 2, 3):
            await add(conn, "instrument_scientist", user_id=n, instrument_id=1)
            await add(conn, "investigation_instrument", investigation_id=n, instrument_id=1)
            await add(conn, "investigation_user", user_id=n, investigation_id=1, role="x")
        assert len(await readers(conn)) == 12
        await conn.execute("DELETE FROM facility")
        assert await readers(conn) == set()


async def test_the_table_can_be_rebuilt_from_nothing(database: Database) -> None:
    async with database.connection() as conn:
        await add_people(conn, 2)
        await add(conn, "investigation_user", user_id=1, investigation_id=2, role="PI")
        await conn.execute("UPDATE investigation_reader SET count = 5, user_id = 77")
        await conn.execute("SELECT rebuild_investigation_readers()")
        assert await readers(conn) == {(1, 2, "user", 1)}


async def test_many_changes_at_once_leave_the_table_as_defined(database: Database) -> None:
    people = 5
    async with database.connection() as conn:
        await add_people(conn, people)
    chosen = random.Random(3)
    links = {
        "investigation_user": ("user_id", "investigation_id", "role"),
        "investigation_instrument": ("investigation_id", "instrument_id"),
        "instrument_scientist": ("user_id", "instrument_id"),
        "investigation_group": ("grouping_id", "investigation_id", "role"),
        "user_group": ("user_id", "grouping_id"),
    }

    async def change(conn: AsyncConnection[Any]) -> None:
        for _ in range(2):
            table, columns = chosen.choice(list(links.items()))
            values = [chosen.choice("ab") if c == "role" else chosen.randint(1, people) for c in columns]
            match chosen.randrange(4):
                case 0 | 1:
                    names = ", ".join((*BASE, *columns))
                    marks = ", ".join(["%s"] * (len(BASE) + len(columns)))
                    await conn.execute(
                        f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING",
                        [*BASE.values(), *values],
                    )
                case 2:
                    await conn.execute(f"DELETE FROM {table} WHERE {columns[0]} = %s", values[:1])
                case _:
                    with suppress(errors.UniqueViolation):  # the transaction goes on as if the update had never been
                        async with conn.transaction():
                            await conn.execute(
                                f"UPDATE {table} SET {columns[0]} = %s WHERE {columns[1]} = %s AND id %% 2 = 0",
                                values[:2],
                            )

    async def replace_an_instrument_or_group(conn: AsyncConnection[Any]) -> None:
        which, table = chosen.randint(1, people), chosen.choice(["instrument", "grouping"])
        await conn.execute(f'DELETE FROM "{table}" WHERE id = %s', (which,))
        extra = {"facility_id": 1} if table == "instrument" else {}
        await add(conn, table, id=which, name=f"{table}{which}", **extra)

    async def many_changes() -> None:
        for turn in range(40):
            # What it links may have been deleted meanwhile, or two may replace the same one.
            with suppress(errors.ForeignKeyViolation, errors.UniqueViolation):
                await database.run(replace_an_instrument_or_group if turn % 10 == 9 else change)

    await asyncio.gather(*(many_changes() for _ in range(6)))
    async with database.connection() as conn:
        assert await readers(conn)


async def test_the_rulebook_version_grows_once_per_transaction(database: Database) -> None:
    async def version() -> int:
        async with database.connection() as conn:
            return int((await every(conn, "SELECT version FROM rulebook_version"))[0])

    before = await version()
    async with database.transaction() as conn:
        await add(conn, "user", name="db/ann")
        await add(conn, "grouping", name="staff")
        await add(conn, "user_group", user_id=1, grouping_id=1)
    assert await version() == before + 1
    async with database.connection() as conn:
        await conn.execute("""UPDATE "user" SET full_name = 'Ann'""")
        assert await version() == before + 1
        await add(conn, "rule", crud_flags="R", what="Facility")
        assert await version() == before + 2
        await add(conn, "public_step", origin="Dataset", field="investigation")
        await conn.execute("DELETE FROM user_group")
    assert await version() == before + 4
