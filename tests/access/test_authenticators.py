from __future__ import annotations

from collections.abc import Mapping

import pytest
from pydantic import SecretStr

from beamcat.access.authenticators import (
    AnonymousAuthenticator,
    CredentialKey,
    DatabaseAuthenticator,
    SimpleAuthenticator,
    WrongCredentials,
    build_authenticators,
)
from beamcat.access.passwords import Passwords
from beamcat.config import AuthenticatorSettings, Settings
from beamcat.database.pool import Database
from beamcat.errors import SessionError

HERE = "192.0.2.7"
SHA512 = "$6$beamcat$Z5BihQg3GExMSRZ5/WS0Pp3NXcFWHdJX7jcQa4NdmB88Evp5FFx4OWOmTzvgRgfp/TpemQEPgsBSRUrh0nQyY."
NO_MATCH = "The username and password do not match"


def credentials(username: str, password: str) -> Mapping[str, str]:
    return {"username": username, "password": password}


def settings(**authenticators: AuthenticatorSettings) -> Settings:
    return Settings(authenticator=authenticators)


async def add_account(database: Database, name: str, stored: str) -> None:
    async with database.connection() as conn:
        await conn.execute(
            "INSERT INTO account (create_id, create_time, mod_id, mod_time, name, password_hash)"
            " VALUES ('simple/root', now(), 'simple/root', now(), %s, %s)",
            (name, stored),
        )


async def stored_hash(database: Database, name: str) -> str:
    async with database.connection() as conn:
        row = await (await conn.execute("SELECT password_hash FROM account WHERE name = %s", (name,))).fetchone()
    assert row is not None
    return str(row[0])


async def test_they_come_in_the_order_of_the_settings_with_their_labels(database: Database) -> None:
    chosen = settings(
        uo=AuthenticatorSettings(kind="db", friendly="User office"),
        simple=AuthenticatorSettings(kind="simple", admin=True),
        anon=AuthenticatorSettings(kind="anon"),
    )
    built = build_authenticators(chosen, database)
    assert [(s.mnemonic, s.friendly, s.admin) for s in built.values()] == [
        ("uo", "User office", False),
        ("simple", None, True),
        ("anon", None, False),
    ]
    assert [type(sign_in.authenticator) for sign_in in built.values()] == [
        DatabaseAuthenticator,
        SimpleAuthenticator,
        AnonymousAuthenticator,
    ]
    assert [sign_in.authenticator.shares_session for sign_in in built.values()] == [False, False, True]
    typed = (CredentialKey("username"), CredentialKey("password", hide=True))
    assert [sign_in.authenticator.description() for sign_in in built.values()] == [typed, typed, ()]


async def test_simple_lets_in_whom_the_settings_list(database: Database) -> None:
    users = {"root": SecretStr("sunshine"), "reader": SecretStr(SHA512)}
    chosen = settings(simple=AuthenticatorSettings(kind="simple", users=users))
    simple = build_authenticators(chosen, database)["simple"].authenticator
    assert await simple.authenticate(credentials("root", "sunshine"), HERE) == "simple/root"
    assert await simple.authenticate(credentials("reader", "sunshine"), HERE) == "simple/reader"
    for username, password in [("root", "rain"), ("reader", SHA512), ("nobody", "sunshine"), ("Root", "sunshine")]:
        with pytest.raises(WrongCredentials) as refused:
            await simple.authenticate(credentials(username, password), HERE)
        assert refused.value.message == NO_MATCH


async def test_db_lets_in_whom_the_account_table_lists(database: Database) -> None:
    db = build_authenticators(settings(db=AuthenticatorSettings(kind="db")), database)["db"].authenticator
    await add_account(database, "ann", await Passwords().make("sunshine"))
    assert await db.authenticate(credentials("ann", "sunshine"), HERE) == "db/ann"
    for username, password in [("ann", "rain"), ("bob", "sunshine"), ("ann\0", "sunshine"), ("\ud800", "sunshine")]:
        with pytest.raises(WrongCredentials) as refused:
            await db.authenticate(credentials(username, password), HERE)
        assert refused.value.message == NO_MATCH


@pytest.mark.parametrize("older", ["sunshine", SHA512], ids=["plain", "sha512"])
async def test_an_account_in_an_older_format_is_upgraded_by_a_login_that_succeeds(
    database: Database, older: str
) -> None:
    db = build_authenticators(settings(db=AuthenticatorSettings(kind="db")), database)["db"].authenticator
    await add_account(database, "ann", older)
    with pytest.raises(WrongCredentials):
        await db.authenticate(credentials("ann", "rain"), HERE)
    assert await stored_hash(database, "ann") == older
    await db.authenticate(credentials("ann", "sunshine"), HERE)
    upgraded = await stored_hash(database, "ann")
    assert upgraded.startswith("$argon2id$")
    assert await db.authenticate(credentials("ann", "sunshine"), HERE) == "db/ann"
    assert await stored_hash(database, "ann") == upgraded


async def test_anon_lets_in_everybody_as_one_user(database: Database) -> None:
    anon = build_authenticators(settings(anon=AuthenticatorSettings(kind="anon")), database)["anon"].authenticator
    assert await anon.authenticate({}, HERE) == "anon/anon"
    assert await anon.authenticate(credentials("ann", "rain"), HERE) == "anon/anon"


@pytest.mark.parametrize(("mechanism", "name"), [(None, "uo/ann"), ("db", "db/ann"), ("", "ann")])
async def test_the_mechanism_is_put_in_front_of_the_user_name(
    database: Database, mechanism: str | None, name: str
) -> None:
    chosen = AuthenticatorSettings(kind="simple", mechanism=mechanism, users={"ann": SecretStr("sunshine")})
    built = build_authenticators(settings(uo=chosen), database)
    assert await built["uo"].authenticator.authenticate(credentials("ann", "sunshine"), HERE) == name


@pytest.mark.parametrize("kind", ["simple", "db"])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "username cannot be null or empty."),
        ({"username": "", "password": "x"}, "username cannot be null or empty."),
        ({"username": "ann"}, "password cannot be null or empty."),
        ({"username": "ann", "password": ""}, "password cannot be null or empty."),
    ],
)
async def test_incomplete_credentials_are_refused(
    database: Database, kind: str, given: dict[str, str], message: str
) -> None:
    chosen = AuthenticatorSettings.model_validate({"kind": kind})
    with pytest.raises(SessionError) as refused:
        await build_authenticators(settings(x=chosen), database)["x"].authenticator.authenticate(given, HERE)
    assert refused.value.message == message
    assert not isinstance(refused.value, WrongCredentials)


@pytest.mark.parametrize("kind", ["simple", "db", "anon"])
async def test_networks_say_where_one_may_sign_in_from(database: Database, kind: str) -> None:
    chosen = AuthenticatorSettings.model_validate(
        {"kind": kind, "networks": ("192.0.2.0/29", "2001:db8::/32"), "users": {"ann": "sunshine"}}
    )
    await add_account(database, "ann", "sunshine")
    authenticator = build_authenticators(settings(x=chosen), database)["x"].authenticator
    for address in ("192.0.2.7", "2001:db8::1", "::ffff:192.0.2.1"):
        assert (await authenticator.authenticate(credentials("ann", "sunshine"), address)).startswith("x/an")
    for address in ("192.0.2.8", "2001:db9::1", "::ffff:192.0.2.9", "", "unknown"):
        with pytest.raises(SessionError) as refused:
            await authenticator.authenticate(credentials("ann", "sunshine"), address)
        assert refused.value.message == f"authn.x does not allow log in from your IP address {address}"
        assert not isinstance(refused.value, WrongCredentials)


async def test_a_network_that_is_none_stops_the_start(database: Database) -> None:
    with pytest.raises(ValueError, match="host bits"):
        build_authenticators(settings(anon=AuthenticatorSettings(kind="anon", networks=("192.0.2.1/24",))), database)
