from __future__ import annotations

import pytest

from beamcat.access.login_protection import LoginProtection
from beamcat.config import LoginProtectionSettings
from beamcat.database.pool import Database
from beamcat.errors import TooManyAttempts

from .clock import Clock

HERE, THERE = "192.0.2.7", "198.51.100.3"
SETTINGS = LoginProtectionSettings(
    max_failures_per_user=3, max_failures_per_user_everywhere=6, max_failures_per_address=5, window_minutes=15
)


@pytest.fixture
def protection(database: Database, clock: Clock) -> LoginProtection:
    return LoginProtection(database, SETTINGS, clock.now)


async def fail(protection: LoginProtection, username: str, address: str, times: int = 1) -> None:
    for _ in range(times):
        await protection.failed(await protection.check("db", username, address))


async def rows(database: Database) -> int:
    async with database.connection() as conn:
        row = await (await conn.execute("SELECT count(*) FROM login_failure")).fetchone()
    assert row is not None
    return int(row[0])


async def test_an_account_has_to_wait_after_too_many_failures(protection: LoginProtection, clock: Clock) -> None:
    await fail(protection, "ann", HERE)
    clock.advance(minutes=5)
    await fail(protection, "ann", HERE, 2)
    with pytest.raises(TooManyAttempts) as refused:
        await protection.check("db", "ann", HERE)
    assert refused.value.retry_after_s == 600
    assert refused.value.message == "Too many failed logins; try again in 600 s"
    clock.advance(minutes=10)
    await protection.check("db", "ann", HERE)


async def test_others_and_other_addresses_need_not_wait(protection: LoginProtection) -> None:
    await fail(protection, "ann", HERE, 3)
    await protection.check("db", "bob", HERE)
    await protection.check("db", "ann", THERE)
    await protection.check("simple", "ann", HERE)


async def test_the_spelling_of_a_name_does_not_help(protection: LoginProtection) -> None:
    for username in ("ann", "Ann", "ANN"):
        await fail(protection, username, HERE)
    with pytest.raises(TooManyAttempts):
        await protection.check("db", "aNN", HERE)


async def test_an_address_that_tries_many_accounts_has_to_wait(protection: LoginProtection) -> None:
    for n in range(5):
        await fail(protection, f"user{n}", HERE)
    with pytest.raises(TooManyAttempts):
        await protection.check("db", "somebody", HERE)
    await protection.check("db", "somebody", THERE)


async def test_an_account_tried_from_many_addresses_has_to_wait_everywhere(protection: LoginProtection) -> None:
    for n in range(6):
        await fail(protection, "ann", f"203.0.113.{n}")
    with pytest.raises(TooManyAttempts):
        await protection.check("db", "ann", THERE)
    await protection.check("db", "bob", THERE)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
async def test_an_ipv6_customer_counts_as_one_address(
    protection: LoginProtection, one: str, other: str, same: bool
) -> None:
    await fail(protection, "ann", one, 3)
    if same:
        with pytest.raises(TooManyAttempts):
            await protection.check("db", "ann", other)
    else:
        await protection.check("db", "ann", other)


async def test_a_success_forgets_the_failures_of_the_account_but_not_of_the_address(
    protection: LoginProtection,
) -> None:
    await fail(protection, "ann", HERE, 2)
    await protection.succeeded(await protection.check("db", "ann", HERE))
    await fail(protection, "ann", HERE, 2)
    await protection.check("db", "ann", HERE)
    await fail(protection, "bob", HERE)
    with pytest.raises(TooManyAttempts):
        await protection.check("db", "carol", HERE)


async def test_a_success_without_failures_writes_nothing(protection: LoginProtection, database: Database) -> None:
    attempt = await protection.check("db", "ann", HERE)
    assert not attempt.failed_before
    await protection.succeeded(attempt)
    assert await rows(database) == 0


async def test_all_workers_count_together(database: Database, clock: Clock, protection: LoginProtection) -> None:
    await fail(protection, "ann", HERE, 2)
    other = LoginProtection(database, SETTINGS, clock.now)
    await fail(other, "ann", HERE)
    for worker in (protection, other):
        with pytest.raises(TooManyAttempts):
            await worker.check("db", "ann", HERE)


async def test_waiting_is_not_made_longer_by_trying(protection: LoginProtection, database: Database) -> None:
    await fail(protection, "ann", HERE, 3)
    before = await rows(database)
    for _ in range(5):
        with pytest.raises(TooManyAttempts):
            await protection.check("db", "ann", HERE)
    assert await rows(database) == before


async def test_failures_that_no_longer_count_are_removed(
    protection: LoginProtection, database: Database, clock: Clock
) -> None:
    await fail(protection, "ann", HERE, 2)
    clock.advance(minutes=14)
    await fail(protection, "bob", HERE)
    assert await rows(database) == 9
    clock.advance(minutes=1)
    assert await protection.prune() == 6
    clock.advance(minutes=16)
    await fail(protection, "carol", HERE)
    assert await rows(database) == 3


async def test_neither_names_nor_addresses_are_kept_in_clear(protection: LoginProtection, database: Database) -> None:
    await fail(protection, "ann-who-typed-her-password-here \ud800\0", HERE)
    async with database.connection() as conn:
        subjects = [row[0] for row in await (await conn.execute("SELECT subject FROM login_failure")).fetchall()]
    assert len(subjects) == len(set(subjects)) == 3
    assert not any("ann" in subject or "192" in subject or len(subject) != 32 for subject in subjects)
