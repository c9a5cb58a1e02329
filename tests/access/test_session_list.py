"""Sessions as an administrator sees and ends them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from beamcat.access.session_list import (
    FINGERPRINT_DIGITS,
    AuthenticatorSessions,
    count_sessions,
    end_all_sessions,
    end_session,
    end_sessions_of,
    list_sessions,
)
from beamcat.database.pool import Database
from beamcat.errors import BadParameter, NoSuchObject

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


async def sign_in(database: Database, user: str, *, minutes: int = 120, number: int = 0) -> str:
    """The id of a session that began some minutes ago."""
    session_id = f"00000000-0000-0000-0000-{number:012x}"
    began = NOW - timedelta(minutes=number)
    async with database.connection() as conn:
        await conn.execute(
            "INSERT INTO session (id, user_name, mechanism, created, expires) VALUES (%s, %s, %s, %s, %s)",
            (session_id, user, user.partition("/")[0], began, began + timedelta(minutes=minutes)),
        )
    return session_id


def fingerprint(session_id: str) -> str:
    return sha256(session_id.encode()).hexdigest()


async def listed(database: Database, user: str | None = None, most: int = 10) -> list[str]:
    found = await list_sessions(database, NOW, {"anon"}, user, most)
    assert found.count >= len(found.sessions)
    return [session.user_name for session in found.sessions]


async def test_live_sessions_are_listed_youngest_first_without_their_ids(database: Database) -> None:
    session_id = await sign_in(database, "db/ann", number=1)
    await sign_in(database, "anon/anon", number=2)
    await sign_in(database, "db/bob", number=30, minutes=29)
    found = await list_sessions(database, NOW, {"anon"}, None, 10)
    ann, anon = found.sessions
    assert (ann.user_name, ann.authenticator, ann.shared) == ("db/ann", "db", False)
    assert (ann.since, ann.expires) == (NOW - timedelta(minutes=1), NOW + timedelta(minutes=119))
    assert (anon.user_name, anon.shared) == ("anon/anon", True)
    assert ann.fingerprint == fingerprint(session_id)[:FINGERPRINT_DIGITS]
    assert await listed(database, "db/ann") == ["db/ann"]
    assert (await listed(database, most=1), found.count) == (["db/ann"], 2)


async def test_live_sessions_are_counted_by_authenticator(database: Database) -> None:
    for number, user in enumerate(("db/ann", "db/ann", "db/bob", "anon/anon")):
        await sign_in(database, user, number=number)
    await sign_in(database, "ldap/old", number=30, minutes=29)
    assert await count_sessions(database, NOW, {"anon"}) == (
        AuthenticatorSessions("anon", 1, 1, True),
        AuthenticatorSessions("db", 3, 2, False),
    )


async def test_a_user_or_everybody_is_signed_out(database: Database) -> None:
    for number, user in enumerate(("db/ann", "db/ann", "db/bob", "anon/anon")):
        await sign_in(database, user, number=number)
    assert await end_sessions_of(database, "db/ann") == 2
    assert await listed(database) == ["db/bob", "anon/anon"]
    assert await end_all_sessions(database) == 2
    assert await listed(database) == []


async def test_one_session_is_ended_by_the_beginning_of_its_fingerprint(database: Database) -> None:
    ids = [await sign_in(database, "db/ann", number=number) for number in range(3)]
    assert await end_session(database, fingerprint(ids[1])[:8]) == "db/ann"
    assert {session.fingerprint for session in (await list_sessions(database, NOW, (), None, 10)).sessions} == {
        fingerprint(ids[number])[:FINGERPRINT_DIGITS] for number in (0, 2)
    }
    with pytest.raises(NoSuchObject):
        await end_session(database, fingerprint(ids[1])[:8])
    for wrong in ("", "abc", "%%%%", ids[0]):
        with pytest.raises(BadParameter, match="digits"):
            await end_session(database, wrong)
    assert len(await listed(database)) == 2


async def test_a_beginning_that_several_share_ends_none_of_them(database: Database) -> None:
    for number in range(700):  # 65 536 beginnings of four digits: some are shared among 700
        await sign_in(database, "db/ann", number=number, minutes=10_000)
    found = (await list_sessions(database, NOW, (), None, 1000)).sessions
    beginnings = [session.fingerprint[:4] for session in found]
    shared = next(beginning for beginning in beginnings if beginnings.count(beginning) > 1)
    with pytest.raises(BadParameter, match="2 sessions have"):
        await end_session(database, shared)
    assert len(await listed(database, most=1000)) == 700
