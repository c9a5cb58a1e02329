"""Tokens: how they are made, found, and come to their end."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql

from beamcat.access import tokens
from beamcat.access.authenticators import build_authenticators
from beamcat.access.caller import EVERY_SCOPE, Caller, Scope
from beamcat.access.login_protection import LoginProtection
from beamcat.access.sessions import LONGEST_MINUTES, REMEMBERED_S, Sessions
from beamcat.access.tokens import KEPT, Purpose, is_token
from beamcat.config import DatabaseSettings, Settings, TokenSettings
from beamcat.database.pool import Database
from beamcat.errors import AlreadyExists, BadParameter, BeamcatError, Forbidden, NoSuchObject, SessionError
from beamcat.observability.logs import without_tokens

from .clock import Clock

YEAR = TokenSettings()
ENDLESS = TokenSettings(longest_days=0)
MALFORMED = "The token is not whole: it is beamcat_ and 43 letters, digits, - and _"
UNKNOWN = "The token is unknown: it was revoked, or is one of another server"


def worker(database: Database, clock: Clock) -> Sessions:
    settings = Settings()
    protection = LoginProtection(database, settings.login_protection, clock.now)
    sign_ins = build_authenticators(settings, database)
    return Sessions(database, settings.catalogue, sign_ins, protection, clock=clock.now, ticks=clock.ticks)


@pytest.fixture
async def sessions(database: Database, clock: Clock) -> AsyncIterator[Sessions]:
    opened = worker(database, clock)
    yield opened
    await opened.close()


@pytest.fixture
async def other_worker(database_url: str, database_settings: DatabaseSettings, clock: Clock) -> AsyncIterator[Sessions]:
    """Another worker, with its own connections."""
    async with Database(database_url, database_settings) as connections:
        opened = worker(connections, clock)
        yield opened
        await opened.close()


class Maker:
    """Makes tokens of `db/ann` that are good for 90 days, unless told otherwise."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def __call__(
        self,
        name: str = "notebook",
        user_name: str = "db/ann",
        *scopes: Scope,
        settings: TokenSettings = YEAR,
        **expiry: datetime | None,
    ) -> str:
        now = self._clock.now()
        expires = expiry.get("expires", now + timedelta(days=90))
        purpose = Purpose(user_name, name, frozenset(scopes) or EVERY_SCOPE, expires)
        return await tokens.make(self._database, settings, purpose, now)


@pytest.fixture
def make(database: Database, clock: Clock) -> Maker:
    return Maker(database, clock)


async def message_of(call: Any, kind: type[BeamcatError] = SessionError) -> str:
    with pytest.raises(kind) as refused:
        await call
    return refused.value.message


async def rows(database: Database) -> list[tuple[Any, ...]]:
    """Every stored token with the transaction of its latest version: any write shows."""
    async with database.connection() as conn:
        return await (await conn.execute("SELECT name, used, xmin::text FROM api_token ORDER BY id")).fetchall()


async def test_a_token_is_random_and_stands_for_its_user(sessions: Sessions, make: Maker, clock: Clock) -> None:
    made = {await make(name) for name in ("a", "b", "c")}
    assert len(made) == 3
    for token in made:
        assert re.fullmatch(r"beamcat_[A-Za-z0-9_-]{43}", token)
        session = await sessions.find(token)
        assert (session.user_name, session.scopes) == ("db/ann", EVERY_SCOPE)
        assert session.expires == clock.now() + timedelta(days=90)
        assert await sessions.caller_name(token) == "db/ann"


async def test_a_token_has_the_scopes_it_was_made_with(sessions: Sessions, make: Maker) -> None:
    for scope in Scope:
        assert (await sessions.find(await make(scope, "db/ann", scope))).scopes == {scope}


async def test_a_token_may_be_made_for_any_user_name(sessions: Sessions, make: Maker) -> None:
    for user_name in ("ldap/ann", "simple/root", "ann", "oidc/Ännchen von Tharau"):
        assert await sessions.caller_name(await make("t", user_name)) == user_name


async def test_only_a_digest_is_stored(database: Database, sessions: Sessions, make: Maker) -> None:
    token = await make()
    await sessions.find(token)
    await sessions.close()
    async with database.connection() as conn:
        row = await (await conn.execute("SELECT digest FROM api_token")).fetchone()
        assert row is not None
        assert row[0] == hashlib.sha256(token.encode()).digest()
        tables = await (await conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).fetchall()
        assert ("api_token",) in tables
        for (table,) in tables:
            statement = sql.SQL("SELECT count(*) FROM {t} WHERE strpos({t}::text, %s) > 0").format(
                t=sql.Identifier(table)
            )
            for secret in (token, token.removeprefix(tokens.PREFIX), token.encode().hex()):
                assert await (await conn.execute(statement, (secret,))).fetchone() == (0,)


async def test_names_are_unique_for_each_user(make: Maker) -> None:
    await make("notebook")
    message = await message_of(make("notebook"), AlreadyExists)
    assert message == "db/ann has a token named notebook already; revoke it, or choose another name"
    await make("notebook", "db/bob")


async def test_unusable_names_are_refused(make: Maker) -> None:
    for name in ("", " ", " a", "a ", "a\nb", "\0", "x" * 256, "\x1b[31m", "\ud800"):
        assert "printable characters" in await message_of(make(name), BadParameter)
        assert "printable characters" in await message_of(make("notebook", name), BadParameter)


async def test_a_token_needs_a_scope(database: Database, clock: Clock) -> None:
    purpose = Purpose("db/ann", "useless", frozenset(), clock.now() + timedelta(days=1))
    message = await message_of(tokens.make(database, YEAR, purpose, clock.now()), BadParameter)
    assert message == "a token has at least one scope of read, write"


async def test_the_database_keeps_to_the_scopes_too(database: Database, make: Maker) -> None:
    await make()
    async with database.connection() as conn:
        for scopes in ([], ["all"], ["read", "all"]):
            with pytest.raises(psycopg.errors.CheckViolation):
                await conn.execute("UPDATE api_token SET scopes = %s", (scopes,))


async def test_an_expiry_lies_ahead_but_not_too_far(make: Maker, clock: Clock) -> None:
    now = clock.now()
    too_far = "a token expires at most 366 days ahead (tokens.longest_days), by 2027-03-02 08:00 UTC"
    assert await message_of(make(expires=now), BadParameter) == "the expiry of a token lies in the future"
    assert await message_of(make(expires=now + timedelta(days=366, seconds=1)), BadParameter) == too_far
    assert await message_of(make(expires=None), BadParameter) == too_far
    await make(expires=now + timedelta(days=366))


async def test_a_site_may_allow_tokens_that_do_not_expire(sessions: Sessions, make: Maker, clock: Clock) -> None:
    assert "future" in await message_of(make("past", settings=ENDLESS, expires=clock.now()), BadParameter)
    await make("far", settings=ENDLESS, expires=clock.now() + timedelta(days=100_000))
    token = await make("endless", settings=ENDLESS, expires=None)
    assert await sessions.remaining_minutes(token) == LONGEST_MINUTES == 100 * 365 * 24 * 60
    clock.advance(minutes=LONGEST_MINUTES)
    assert await sessions.caller_name(token) == "db/ann"


async def test_a_token_says_how_long_it_is_good(sessions: Sessions, make: Maker, clock: Clock) -> None:
    token = await make()
    clock.advance(minutes=30.5)
    assert await sessions.remaining_minutes(token) == 90 * 24 * 60 - 30.5


async def test_a_token_expires(sessions: Sessions, make: Maker, clock: Clock) -> None:
    token = await make(expires=clock.now() + timedelta(minutes=10))
    clock.advance(minutes=9.999)
    assert await sessions.caller_name(token) == "db/ann"
    clock.advance(minutes=0.001)
    for call in (sessions.caller_name, sessions.remaining_minutes, sessions.refresh, sessions.logout):
        assert await message_of(call(token)) == "The token has expired on 2026-03-01 08:10 UTC"


async def test_refreshing_and_logging_out_succeed_and_change_nothing(
    database: Database, sessions: Sessions, make: Maker
) -> None:
    token = await make()
    await sessions.find(token)
    await sessions.close()
    before, left = await rows(database), await sessions.remaining_minutes(token)
    await sessions.refresh(token)
    await sessions.logout(token)
    await sessions.close()
    assert await rows(database) == before
    assert await sessions.remaining_minutes(token) == left


async def test_a_revoked_token_is_unknown_to_every_worker_within_a_second(
    database: Database, sessions: Sessions, other_worker: Sessions, make: Maker, clock: Clock
) -> None:
    revoked, other = await make("revoked"), await make("other")
    for each in (sessions, other_worker):
        assert await each.caller_name(revoked) == "db/ann"
    await tokens.revoke(database, "db/ann", "revoked")
    clock.advance(seconds=REMEMBERED_S)
    for each in (sessions, other_worker):
        for call in (each.caller_name, each.remaining_minutes, each.refresh, each.logout):
            assert await message_of(call(revoked)) == UNKNOWN
        assert await each.caller_name(other) == "db/ann"


async def test_only_a_token_that_is_there_can_be_revoked(database: Database, make: Maker) -> None:
    await make("notebook")
    for user_name, name in (("db/ann", "other"), ("db/bob", "notebook"), ("ann", "notebook")):
        message = await message_of(tokens.revoke(database, user_name, name), NoSuchObject)
        assert message == f"{user_name} has no token named {name}"
    await tokens.revoke(database, "db/ann", "notebook")
    await make("notebook")


SPOILED = (
    "beamcat_",
    "beamcat_x",
    "{}x",
    "{} ",
    " {}",
    "{}\n",
    '"{}"',
    "Bearer {}",
    "{}\0",
    "\ud800{}",
    "x" * 200 + "{}",
)


async def test_a_token_that_is_not_whole_is_refused_without_repeating_it(sessions: Sessions, make: Maker) -> None:
    token = await make()
    for spoiled in SPOILED:
        for call in (sessions.caller_name, sessions.remaining_minutes, sessions.refresh, sessions.logout):
            assert await message_of(call(spoiled.format(token))) == MALFORMED


async def test_a_token_in_other_letters_is_refused_without_repeating_it(sessions: Sessions, make: Maker) -> None:
    token = await make()
    assert await message_of(sessions.find(token.upper())) == MALFORMED
    assert await message_of(sessions.find(tokens.PREFIX + token.removeprefix(tokens.PREFIX).swapcase())) == UNKNOWN


async def test_a_long_text_that_is_no_session_id_is_not_repeated(sessions: Sessions) -> None:
    secret = "eyJhbGciOiJSUzI1NiJ9." * 20
    message = await message_of(sessions.find(secret))
    assert message == f"Unable to find user by sessionid: a text of {len(secret)} characters"


async def test_whatever_is_made_is_known_for_a_token_and_left_out_of_texts(make: Maker) -> None:
    for number in range(20):
        token = await make(str(number))
        assert is_token(token)
        assert without_tokens(f"sessionId={token}&x=1") == "sessionId=beamcat_***&x=1"
        assert without_tokens(token[:40]) == "beamcat_***"
    assert without_tokens("beamcat_requests_in_progress") == "beamcat_requests_in_progress"


async def test_a_busy_token_is_read_once_a_second(
    database: Database, sessions: Sessions, make: Maker, clock: Clock
) -> None:
    token = await make()
    await sessions.find(token)
    await sessions.close()
    clock.advance(seconds=1)
    before = database.statistics().get("requests_num", 0)
    for _ in range(100):
        await sessions.caller_name(token)
    await sessions.close()
    assert database.statistics().get("requests_num", 0) == before + 1


async def test_the_latest_use_is_noted_once_a_minute(
    database: Database, sessions: Sessions, other_worker: Sessions, make: Maker, clock: Clock
) -> None:
    token = await make()
    assert [used for _, used, _ in await rows(database)] == [None]
    first = clock.now()
    changes = set()
    for _ in range(6):
        for each in (sessions, other_worker):
            await each.find(token)
            await each.close()
        changes.update(await rows(database))
        clock.advance(seconds=9)
    assert [used for _, used, _ in changes] == [first]
    clock.advance(seconds=6)
    await sessions.find(token)
    await sessions.close()
    assert [used for _, used, _ in await rows(database)] == [first + timedelta(minutes=1)]
    (token_listed,) = await tokens.list_tokens(database)
    assert token_listed.used == first + timedelta(minutes=1)


async def test_a_use_that_cannot_be_noted_does_not_disturb(
    database: Database, sessions: Sessions, make: Maker, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    token = await make()
    async with database.connection() as conn:
        await conn.execute("ALTER TABLE api_token ADD CONSTRAINT untouched CHECK (used IS NULL)")
    assert await sessions.caller_name(token) == "db/ann"
    await sessions.close()
    assert [used for _, used, _ in await rows(database)] == [None]
    written = "".join(capsys.readouterr())
    assert "the use of a token is not noted" in written
    assert token not in written


async def test_a_use_waits_for_nobody_and_nobody_waits_for_it(
    database: Database, sessions: Sessions, make: Maker, clock: Clock
) -> None:
    token = await make()
    async with database.transaction() as conn:
        await conn.execute("SELECT FROM api_token FOR UPDATE")  # whoever writes has to wait for this
        for _ in range(20):
            assert await sessions.caller_name(token) == "db/ann"
            clock.advance(seconds=1)
    await sessions.close()
    assert [used is not None for _, used, _ in await rows(database)] == [True]


async def test_tokens_are_listed_by_user_and_name(database: Database, make: Maker, clock: Clock) -> None:
    await make("b", "db/ann", Scope.READ)
    await make("a", "db/bob", settings=ENDLESS, expires=None)
    await make("a", "db/ann")
    listed = await tokens.list_tokens(database)
    assert [(each.user_name, each.name) for each in listed] == [("db/ann", "a"), ("db/ann", "b"), ("db/bob", "a")]
    assert [each.scopes for each in listed] == [EVERY_SCOPE, {Scope.READ}, EVERY_SCOPE]
    assert [each.expires for each in listed] == [clock.now() + timedelta(days=90)] * 2 + [None]
    assert {each.created for each in listed} == {clock.now()}
    assert await tokens.list_tokens(database, "db/bob") == listed[2:]
    assert await tokens.list_tokens(database, "db/eve") == ()


async def test_an_expired_token_is_listed_for_a_month_and_then_removed(
    database: Database, sessions: Sessions, make: Maker, clock: Clock
) -> None:
    await make("short", expires=clock.now() + timedelta(minutes=1))
    await make("long", expires=clock.now() + timedelta(days=60))
    await make("endless", settings=ENDLESS, expires=None)

    async def pruned() -> dict[str, bool]:
        await sessions.prune()
        return {each.name: each.has_expired(clock.now()) for each in await tokens.list_tokens(database)}

    assert await pruned() == {"endless": False, "long": False, "short": False}
    clock.advance(minutes=1)
    assert await pruned() == {"endless": False, "long": False, "short": True}
    clock.advance(seconds=KEPT.total_seconds() - 1)
    assert await pruned() == {"endless": False, "long": False, "short": True}
    clock.advance(seconds=1)
    assert await pruned() == {"endless": False, "long": False}


async def test_a_token_is_no_login(sessions: Sessions, make: Maker) -> None:
    await sessions.find(await make())
    assert not await sessions.is_logged_in("db/ann")
    assert await sessions.counts() == ()


async def test_it_is_known_whether_a_user_is_in_the_catalogue(database: Database) -> None:
    async with database.connection() as conn:
        await conn.execute(
            'INSERT INTO "user" (create_id, create_time, mod_id, mod_time, name) VALUES (%s, now(), %s, now(), %s)',
            ("x", "x", "db/ann"),
        )
    assert await tokens.is_known(database, "db/ann")
    assert not await tokens.is_known(database, "ann")


@pytest.mark.parametrize("scope", list(Scope))
def test_a_caller_has_every_scope_unless_told_otherwise(scope: Scope) -> None:
    Caller("db/ann").require(scope)
    with pytest.raises(Forbidden, match=f"The token has not the scope '{scope}', which this call needs."):
        Caller("simple/root", root=True, scopes=EVERY_SCOPE - {scope}).require(scope)
