from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from pydantic import SecretStr

from beamcat.access.authenticators import build_authenticators
from beamcat.access.login_protection import LoginProtection
from beamcat.access.sessions import REMEMBERED_S, SessionCount, Sessions
from beamcat.config import AuthenticatorSettings, CatalogueSettings, LoginProtectionSettings, Settings
from beamcat.database.pool import Database
from beamcat.errors import SessionError, TooManyAttempts

from .clock import Clock

HERE = "192.0.2.7"
ANN = {"username": "ann", "password": "sunshine"}
BOB = {"username": "bob", "password": "sunshine"}
WRONG = {"username": "ann", "password": "rain"}
SETTINGS = Settings(
    authenticator={
        "db": AuthenticatorSettings(kind="simple", users={"ann": SecretStr("sunshine"), "bob": SecretStr("sunshine")}),
        "anon": AuthenticatorSettings(kind="anon"),
    },
    catalogue=CatalogueSettings(session_lifetime_minutes=120),
    login_protection=LoginProtectionSettings(max_failures_per_user=3),
)
UNKNOWN = "27df74b2-3897-4f4e-95b0-2a55aeadb77b"


def worker(database: Database, clock: Clock) -> Sessions:
    protection = LoginProtection(database, SETTINGS.login_protection, clock.now)
    sign_ins = build_authenticators(SETTINGS, database)
    return Sessions(database, SETTINGS.catalogue, sign_ins, protection, clock=clock.now, ticks=clock.ticks)


@pytest.fixture
def sessions(database: Database, clock: Clock) -> Sessions:
    return worker(database, clock)


@pytest.fixture
async def other_worker(database_url: str, database: Database, clock: Clock) -> AsyncIterator[Sessions]:
    """Another worker, with its own connections."""
    async with Database(database_url, SETTINGS.database) as connections:
        yield worker(connections, clock)


async def rows(database: Database, condition: str = "true") -> int:
    async with database.connection() as conn:
        row = await (await conn.execute(f"SELECT count(*) FROM session WHERE {condition}")).fetchone()
    assert row is not None
    return int(row[0])


async def contents(database: Database) -> list[tuple[object, ...]]:
    """Every stored session with the place and the transaction of its latest version: any write shows."""
    async with database.connection() as conn:
        statement = "SELECT id, ctid::text, xmin::text, xmax::text, expires FROM session ORDER BY id"
        return await (await conn.execute(statement)).fetchall()


async def message_of(call: object) -> str:
    with pytest.raises(SessionError) as refused:
        await call  # type: ignore[misc]
    return refused.value.message


async def test_a_login_gives_a_random_session_id_for_the_life_time(sessions: Sessions, clock: Clock) -> None:
    session_id = await sessions.login("db", ANN, HERE)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", session_id)
    assert await sessions.caller_name(session_id) == "db/ann"
    assert await sessions.remaining_minutes(session_id) == 120
    clock.advance(minutes=30.5)
    assert await sessions.remaining_minutes(session_id) == 89.5


async def test_a_user_may_hold_several_sessions(sessions: Sessions) -> None:
    first, second = [await sessions.login("db", ANN, HERE) for _ in range(2)]
    assert first != second
    await sessions.logout(first)
    assert await sessions.caller_name(second) == "db/ann"


@pytest.mark.parametrize(("plugin", "shown"), [("typo", "typo"), ("", ""), (None, "null")])
async def test_an_unknown_plugin_is_refused(sessions: Sessions, plugin: str | None, shown: str) -> None:
    assert await message_of(sessions.login(plugin, ANN, HERE)) == f"Authenticator mnemonic {shown} not recognised"


async def test_wrong_credentials_make_no_session(sessions: Sessions, database: Database) -> None:
    assert await message_of(sessions.login("db", WRONG, HERE)) == "The username and password do not match"
    assert await rows(database) == 0


@pytest.mark.parametrize("session_id", ["", None])
async def test_a_session_id_is_needed(sessions: Sessions, session_id: str | None) -> None:
    for call in (sessions.caller_name, sessions.remaining_minutes, sessions.refresh, sessions.logout):
        assert await message_of(call(session_id)) == "Session Id cannot be null or empty."


@pytest.mark.parametrize("session_id", [UNKNOWN, "wibble", "\0", "\ud800", "'", UNKNOWN + " ", UNKNOWN + "\n"])
async def test_an_unknown_session_is_refused(sessions: Sessions, session_id: str) -> None:
    for call in (sessions.caller_name, sessions.remaining_minutes, sessions.refresh, sessions.logout):
        assert await message_of(call(session_id)) == f"Unable to find user by sessionid: {session_id}"


async def test_other_spellings_of_a_session_id_are_unknown(sessions: Sessions) -> None:
    session_id = await sessions.login("db", ANN, HERE)
    for spelling in (session_id.upper(), "{" + session_id + "}", session_id.replace("-", "")):
        if spelling != session_id:
            assert "Unable to find user" in await message_of(sessions.caller_name(spelling))


async def test_a_session_expires_at_the_end_of_its_life_time(sessions: Sessions, clock: Clock) -> None:
    session_id = await sessions.login("db", ANN, HERE)
    clock.advance(minutes=119.999)
    assert await sessions.caller_name(session_id) == "db/ann"
    clock.advance(minutes=0.001)
    for call in (sessions.caller_name, sessions.remaining_minutes):
        assert await message_of(call(session_id)) == f"Session id:{session_id} has expired"


async def test_a_refresh_gives_the_full_life_time_again(sessions: Sessions, clock: Clock) -> None:
    session_id = await sessions.login("db", ANN, HERE)
    clock.advance(minutes=119)
    await sessions.refresh(session_id)
    assert await sessions.remaining_minutes(session_id) == 120
    clock.advance(minutes=119)
    assert await sessions.caller_name(session_id) == "db/ann"


async def test_a_refresh_revives_an_expired_session_until_it_is_removed(sessions: Sessions, clock: Clock) -> None:
    revived, removed = [await sessions.login("db", ANN, HERE) for _ in range(2)]
    clock.advance(minutes=121)
    assert "has expired" in await message_of(sessions.caller_name(revived))
    await sessions.refresh(revived)
    assert await sessions.remaining_minutes(revived) == 120
    assert await sessions.prune() == 1
    for call in (sessions.refresh, sessions.logout, sessions.caller_name):
        assert await message_of(call(removed)) == f"Unable to find user by sessionid: {removed}"
    assert await sessions.caller_name(revived) == "db/ann"


async def test_an_expired_session_can_be_logged_out_of(sessions: Sessions, clock: Clock, database: Database) -> None:
    session_id = await sessions.login("db", ANN, HERE)
    clock.advance(minutes=121)
    await sessions.logout(session_id)
    assert await rows(database) == 0


async def test_after_a_logout_the_session_is_unknown_at_once(sessions: Sessions) -> None:
    session_id = await sessions.login("db", ANN, HERE)
    await sessions.caller_name(session_id)
    await sessions.logout(session_id)
    for call in (sessions.caller_name, sessions.refresh, sessions.logout):
        assert await message_of(call(session_id)) == f"Unable to find user by sessionid: {session_id}"


async def test_a_logout_is_felt_in_other_workers_within_a_second(
    sessions: Sessions, other_worker: Sessions, clock: Clock
) -> None:
    session_id = await sessions.login("db", ANN, HERE)
    assert await other_worker.caller_name(session_id) == "db/ann"
    await sessions.logout(session_id)
    clock.advance(seconds=REMEMBERED_S)
    assert "Unable to find user" in await message_of(other_worker.caller_name(session_id))


async def test_a_refresh_is_felt_in_other_workers_within_a_second(
    sessions: Sessions, other_worker: Sessions, clock: Clock
) -> None:
    session_id = await sessions.login("db", ANN, HERE)
    clock.advance(minutes=110)
    assert await other_worker.remaining_minutes(session_id) == 10
    await sessions.refresh(session_id)
    clock.advance(seconds=REMEMBERED_S)
    assert await other_worker.remaining_minutes(session_id) == pytest.approx(120 - 1 / 60)


async def test_sessions_survive_a_restart(sessions: Sessions, database: Database, clock: Clock) -> None:
    session_id = await sessions.login("db", ANN, HERE)
    assert await worker(database, clock).caller_name(session_id) == "db/ann"


async def test_an_active_session_is_read_once_a_second(sessions: Sessions, database: Database, clock: Clock) -> None:
    session_id = await sessions.login("db", ANN, HERE)
    before = database.statistics().get("requests_num", 0)
    for _ in range(100):
        await sessions.caller_name(session_id)
    assert database.statistics().get("requests_num", 0) == before + 1
    clock.advance(seconds=1)
    await sessions.caller_name(session_id)
    assert database.statistics().get("requests_num", 0) == before + 2


async def test_is_logged_in_counts_stored_sessions_by_name(sessions: Sessions, clock: Clock) -> None:
    session_id = await sessions.login("db", ANN, HERE)
    assert await sessions.is_logged_in("db/ann")
    for name in ("db/bob", "ann", "", "\0", "\ud800"):
        assert not await sessions.is_logged_in(name)
    clock.advance(minutes=121)
    assert await sessions.is_logged_in("db/ann")
    await sessions.logout(session_id)
    assert not await sessions.is_logged_in("db/ann")


async def test_sessions_are_counted_by_authenticator(sessions: Sessions, clock: Clock) -> None:
    await sessions.login("db", ANN, HERE)
    clock.advance(minutes=121)
    await sessions.login("db", BOB, HERE)
    await sessions.login("anon", {}, HERE)
    assert await sessions.counts() == (SessionCount("anon", 1, 0), SessionCount("db", 1, 1))


async def test_guessing_ends_before_the_password_is_looked_at(sessions: Sessions, clock: Clock) -> None:
    for _ in range(3):
        await message_of(sessions.login("db", WRONG, HERE))
    with pytest.raises(TooManyAttempts) as refused:
        await sessions.login("db", ANN, HERE)
    assert refused.value.retry_after_s == 15 * 60
    await sessions.login("db", ANN, "198.51.100.3")
    await sessions.login("db", BOB, HERE)
    clock.advance(minutes=15)
    await sessions.login("db", ANN, HERE)


async def test_guessing_many_passwords_at_once_does_not_help(sessions: Sessions) -> None:
    guesses = [sessions.login("db", WRONG, HERE) for _ in range(30)]
    results = await asyncio.gather(*guesses, return_exceptions=True)
    assert sum(isinstance(result, SessionError) for result in results) <= 3 + 3
    assert sum(isinstance(result, TooManyAttempts) for result in results) >= 24


async def test_incomplete_credentials_are_not_guesses(sessions: Sessions) -> None:
    for _ in range(5):
        await message_of(sessions.login("db", {"username": "ann"}, HERE))
    await sessions.login("db", ANN, HERE)


async def test_anonymous_visitors_share_one_session_and_write_nothing(
    sessions: Sessions, other_worker: Sessions, database: Database
) -> None:
    first = await sessions.login("anon", {}, HERE)
    await other_worker.login("anon", {}, HERE)
    before = await contents(database)
    before_requests = database.statistics().get("requests_num", 0)
    for _ in range(5000):
        await sessions.login("anon", {}, HERE)
        await other_worker.login("anon", {}, HERE)
    assert database.statistics().get("requests_num", 0) <= before_requests + 1
    assert await contents(database) == before
    assert len(before) == 1
    assert await sessions.caller_name(first) == "anon/anon"
    async with database.connection() as conn:
        row = await (await conn.execute("SELECT count(*) FROM login_failure")).fetchone()
    assert row == (0,)


async def test_workers_that_start_together_agree_on_one_anonymous_session(
    database: Database, clock: Clock, sessions: Sessions
) -> None:
    workers = [worker(database, clock) for _ in range(6)]
    ids = await asyncio.gather(*(each.login("anon", {}, HERE) for each in workers for _ in range(5)))
    assert await rows(database) == 1
    assert {await sessions.caller_name(each) for each in ids} == {"anon/anon"}


async def test_every_visitor_has_an_id_that_nobody_else_has_or_can_make(
    sessions: Sessions, other_worker: Sessions, database: Database
) -> None:
    ids = [await each.login("anon", {}, HERE) for each in (sessions, other_worker) for _ in range(20)]
    assert len(set(ids)) == 40
    for each in ids:
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", each)
        assert await other_worker.caller_name(each) == "anon/anon"
        assert await other_worker.remaining_minutes(each) == 120
    (stored,) = [str(row[0]) for row in await contents(database)]
    assert stored not in ids
    assert await sessions.anonymous(HERE) == stored
    for place in (0, 7, -1):
        digits = list(ids[0])
        digits[place] = "0" if digits[place] != "0" else "1"
        await message_of(sessions.find("".join(digits)))
    for each in ids[:2]:
        await sessions.logout(each)
        await sessions.refresh(each)
        assert await sessions.caller_name(each) == "anon/anon"


async def test_anonymous_sessions_are_few_and_always_have_half_their_life_before_them(
    sessions: Sessions, other_worker: Sessions, database: Database, clock: Clock
) -> None:
    for second in range(0, 3600, 20):
        visited = (sessions, other_worker)[second // 20 % 2]
        session_id = await visited.login("anon", {}, HERE)
        assert await visited.remaining_minutes(session_id) >= 60
        clock.advance(seconds=20)
    assert await rows(database) <= 13


async def test_a_visitor_who_logs_out_does_not_throw_out_the_others(sessions: Sessions, database: Database) -> None:
    session_id = await sessions.login("anon", {}, HERE)
    before = await contents(database)
    await sessions.logout(session_id)
    assert await contents(database) == before
    assert await sessions.caller_name(session_id) == "anon/anon"


async def test_refreshing_a_shared_session_writes_once_in_a_while(
    sessions: Sessions, other_worker: Sessions, database: Database, clock: Clock
) -> None:
    session_id = await sessions.login("anon", {}, HERE)
    clock.advance(minutes=100)
    await sessions.refresh(session_id)
    assert await sessions.remaining_minutes(session_id) == 120
    before = await contents(database)
    for _ in range(20):
        clock.advance(seconds=10)
        await sessions.refresh(session_id)
        await other_worker.refresh(session_id)
    assert await contents(database) == before
    assert await sessions.remaining_minutes(session_id) > 115
    clock.advance(minutes=3)
    await sessions.refresh(session_id)
    assert await sessions.remaining_minutes(session_id) == 120


async def test_an_anonymous_session_that_was_removed_is_replaced_within_a_second(
    sessions: Sessions, database: Database, clock: Clock
) -> None:
    first = await sessions.login("anon", {}, HERE)
    async with database.connection() as conn:
        await conn.execute("DELETE FROM session")
    clock.advance(seconds=REMEMBERED_S)
    second = await sessions.login("anon", {}, HERE)
    assert second != first
    assert await sessions.caller_name(second) == "anon/anon"


async def test_an_expired_anonymous_session_is_removed_like_any_other(
    sessions: Sessions, database: Database, clock: Clock
) -> None:
    await sessions.login("anon", {}, HERE)
    clock.advance(minutes=121)
    assert await sessions.prune() == 1
    assert await rows(database) == 0
    assert await sessions.remaining_minutes(await sessions.login("anon", {}, HERE)) == 120


async def test_the_other_users_sessions_are_never_shared(sessions: Sessions) -> None:
    assert len({await sessions.login("db", ANN, HERE) for _ in range(3)}) == 3


async def test_what_is_stored_is_what_was_asked_for(sessions: Sessions, database: Database, clock: Clock) -> None:
    session_id = await sessions.login("db", ANN, HERE)
    session = await sessions.find(session_id)
    assert (session.user_name, session.plugin) == ("db/ann", "db")
    assert session.expires == clock.now() + timedelta(minutes=120)


async def test_no_session_id_is_logged(
    sessions: Sessions, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    ids = [await sessions.login("db", ANN, HERE), await sessions.login("anon", {}, HERE)]
    for session_id in ids:
        await sessions.refresh(session_id)
        await sessions.logout(session_id)
        await message_of(sessions.login("db", WRONG, HERE))
    written = caplog.text + "".join(capfd.readouterr())
    assert not any(secret in written for secret in (*ids, "sunshine", "rain"))
