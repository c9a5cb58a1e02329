"""How much was measured, where and when, and how much of it is open."""

from __future__ import annotations

from datetime import UTC, datetime

from beamcat.catalogue.statistics import Active, Volume, active_users, volumes
from beamcat.database.pool import Database

EVER = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))

FACILITY = """
INSERT INTO facility (id, name, create_id, mod_id, create_time, mod_time) VALUES (1, 'F', '', '', now(), now());
INSERT INTO investigation_type (id, name, facility_id, create_id, mod_id, create_time, mod_time)
VALUES (1, 'proposal', 1, '', '', now(), now());
INSERT INTO instrument (id, name, facility_id, create_id, mod_id, create_time, mod_time)
VALUES (1, 'ML01', 1, '', '', now(), now()), (2, 'ML02', 1, '', '', now(), now());
INSERT INTO investigation (id, name, visit_id, title, start_date, release_date, file_count, file_size,
                           type_id, facility_id, create_id, mod_id, create_time, mod_time)
VALUES (1, 'a', '1', '', '2026-01-30', '2026-02-01', 2, 100, 1, 1, '', '', now(), now()),
       (2, 'b', '1', '', '2026-01-31', '2090-01-01', 3, 50, 1, 1, '', '', now(), now()),
       (3, 'c', '1', '', '2026-02-01', NULL, 1, 7, 1, 1, '', '', now(), now());
INSERT INTO investigation_instrument (id, investigation_id, instrument_id, create_id, mod_id, create_time, mod_time)
VALUES (1, 1, 1, '', '', now(), now()), (2, 2, 1, '', '', now(), now()), (3, 2, 2, '', '', now(), now());
"""


async def filled(database: Database) -> None:
    async with database.connection() as connection:
        for statement in FACILITY.split(";\n"):
            if statement.strip():
                await connection.execute(statement.encode())


async def test_volumes_by_month_instrument_and_type(database: Database) -> None:
    await filled(database)
    assert await volumes(database, "month", *EVER) == [Volume("2026-01", 2, 5, 150, 100), Volume("2026-02", 1, 1, 7, 0)]
    assert await volumes(database, "instrument", *EVER) == [
        Volume("ML01", 2, 5, 150, 100),
        Volume("ML02", 1, 3, 50, 0),
        Volume(None, 1, 1, 7, 0),
    ]
    assert await volumes(database, "type", *EVER) == [Volume("proposal", 3, 6, 157, 100)]
    february = datetime(2026, 2, 1, tzinfo=UTC)
    assert await volumes(database, "month", EVER[0], february) == [Volume("2026-01", 2, 5, 150, 100)]


async def test_who_was_active(database: Database) -> None:
    async with database.connection() as connection:
        columns = "started, duration_ms, door, operation, outcome, user_name, request_id"
        for month, user in (("01", "ann"), ("01", "ann"), ("01", "bob"), ("02", "ann"), ("02", None)):
            await connection.execute(
                f"INSERT INTO call ({columns}) VALUES (%s, 1, 'api', 'search', 'ok', %s, 'r')".encode(),
                (f"2026-{month}-10T00:00Z", user),
            )
    assert await active_users(database, *EVER) == [Active("2026-01", 2, 3), Active("2026-02", 1, 1)]
