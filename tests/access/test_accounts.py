"""Accounts of the `db` authenticator, as an administrator keeps them."""

from __future__ import annotations

import pytest

from beamcat.access.accounts import LONGEST_NAME, add_account, list_accounts, remove_account, set_password
from beamcat.access.authenticators import SignIn, WrongCredentials, build_authenticators
from beamcat.config import AuthenticatorSettings, Settings
from beamcat.database.pool import Database
from beamcat.errors import AlreadyExists, BadParameter, NoSuchObject


@pytest.fixture
def db(database: Database) -> SignIn:
    settings = Settings(authenticator={"db": AuthenticatorSettings(kind="db")})
    return build_authenticators(settings, database)["db"]


async def sign_in(db: SignIn, name: str, password: str) -> str:
    return await db.authenticator.authenticate({"username": name, "password": password}, "192.0.2.1")


async def test_who_has_an_account_can_sign_in_with_its_password_only(database: Database, db: SignIn) -> None:
    await add_account(database, "ann", "first")
    assert await sign_in(db, "ann", "first") == "db/ann"
    with pytest.raises(WrongCredentials):
        await sign_in(db, "ann", "second")


async def test_a_new_password_replaces_the_old_one(database: Database, db: SignIn) -> None:
    await add_account(database, "ann", "first")
    await set_password(database, "ann", "second")
    assert await sign_in(db, "ann", "second") == "db/ann"
    with pytest.raises(WrongCredentials):
        await sign_in(db, "ann", "first")


async def test_a_removed_account_is_gone(database: Database, db: SignIn) -> None:
    await add_account(database, "ann", "first")
    await remove_account(database, "ann")
    assert await list_accounts(database) == ()
    with pytest.raises(WrongCredentials):
        await sign_in(db, "ann", "first")


async def test_accounts_are_listed_by_name(database: Database) -> None:
    for name in ("bob", "ann"):
        await add_account(database, name, "word")
    await set_password(database, "ann", "other")
    ann, bob = await list_accounts(database)
    assert (ann.name, bob.name) == ("ann", "bob")
    assert ann.changed > ann.created
    assert bob.changed == bob.created
    assert ann.created.utcoffset() is not None


async def test_a_name_is_given_once(database: Database, db: SignIn) -> None:
    await add_account(database, "ann", "first")
    with pytest.raises(AlreadyExists):
        await add_account(database, "ann", "second")
    assert await sign_in(db, "ann", "first") == "db/ann"


async def test_what_is_not_there_cannot_be_changed_or_removed(database: Database) -> None:
    with pytest.raises(NoSuchObject):
        await set_password(database, "nobody", "word")
    assert not (await remove_account(database, "nobody", ["db/nobody"])).anything


@pytest.mark.parametrize("name", ["", " ann", "ann ", "a\nb", "a\0b", "x" * (LONGEST_NAME + 1)])
async def test_an_unusable_name_is_refused(database: Database, name: str) -> None:
    with pytest.raises(BadParameter):
        await add_account(database, name, "word")
    assert await list_accounts(database) == ()


async def test_an_empty_password_is_refused(database: Database) -> None:
    with pytest.raises(BadParameter):
        await add_account(database, "ann", "")
    assert await list_accounts(database) == ()
