"""Signing in against a real LDAP server."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest
from ldap3 import MODIFY_ADD, MODIFY_DELETE

from beamcat.access.authenticators import Authenticator, WrongCredentials, build_authenticators
from beamcat.config import LdapAuthenticatorSettings, Settings
from beamcat.database.pool import Database
from beamcat.errors import InternalError, SessionError, Unavailable

from .directory import Directory

HERE = "192.0.2.7"
PRINCIPAL = "uid=%,ou=people,dc=example,dc=org"
PEOPLE = "ou=people,dc=example,dc=org"
GROUPS = "ou=groups,dc=example,dc=org"
BY_PRINCIPAL = {"principal": PRINCIPAL}
BY_SEARCH = {"bind_dn": "cn=reader,dc=example,dc=org", "bind_password": "reader-secret", "search_base": PEOPLE}
ODD = "o, dd+name (x)*"


def ldap(database: Database, directory: Directory, **more: Any) -> Authenticator:
    chosen = {"kind": "ldap", "url": directory.url, "ca_file": directory.ca_file, "timeout_s": 5, **more}
    built = build_authenticators(Settings(authenticator={"ldap": LdapAuthenticatorSettings(**chosen)}), database)
    return built["ldap"].authenticator


async def sign_in(authenticator: Authenticator, username: str, password: str) -> str:
    return await authenticator.authenticate({"username": username, "password": password}, HERE)


async def memberships(database: Database) -> set[tuple[str, str]]:
    statement = """
    SELECT u.name, g.name FROM user_group m JOIN "user" u ON u.id = m.user_id JOIN grouping g ON g.id = m.grouping_id
    """
    async with database.connection() as conn:
        return {(user, group) for user, group in await (await conn.execute(statement)).fetchall()}


async def make_groupings(database: Database, *names: str) -> None:
    async with database.connection() as conn:
        for name in names:
            await conn.execute(
                "INSERT INTO grouping (create_id, create_time, mod_id, mod_time, name)"
                " VALUES ('a', now(), 'a', now(), %s)",
                (name,),
            )


@pytest.mark.parametrize("way", [BY_PRINCIPAL, BY_SEARCH], ids=["principal", "search"])
async def test_the_right_password_lets_in_and_a_wrong_one_does_not(
    database: Database, directory: Directory, way: dict[str, str]
) -> None:
    authenticator = ldap(database, directory, **way)
    assert await sign_in(authenticator, "ann", "sunshine") == "ldap/ann"
    assert await sign_in(authenticator, ODD, "odd") == f"ldap/{ODD}"
    for username, password in [("ann", "rain"), ("nobody", "sunshine"), ("bob", "sunshine")]:
        with pytest.raises(WrongCredentials, match=r"^The username and password do not match$"):
            await sign_in(authenticator, username, password)


@pytest.mark.parametrize("way", [BY_PRINCIPAL, BY_SEARCH], ids=["principal", "search"])
@pytest.mark.parametrize(
    "username",
    ["*", "a*", "ann)(uid=*", "*)(uid=ann", "ann,ou=people,dc=example,dc=org", "ann\0", "\ud800", "", " ", "x" * 5000],
)
async def test_no_trick_in_the_name_finds_somebody_else(
    database: Database, directory: Directory, way: dict[str, str], username: str
) -> None:
    with pytest.raises(SessionError):
        await sign_in(ldap(database, directory, **way), username, "sunshine")


@pytest.mark.parametrize("password", ["", "\0", "sunshine\0"])
async def test_an_empty_password_is_no_way_in(database: Database, directory: Directory, password: str) -> None:
    for way in (BY_PRINCIPAL, BY_SEARCH):
        with pytest.raises(SessionError):
            await sign_in(ldap(database, directory, **way), "ann", password)


async def test_ldaps_is_encrypted_from_the_start(database: Database, directory: Directory) -> None:
    authenticator = ldap(database, directory, url=directory.tls_url, **BY_PRINCIPAL)
    assert await sign_in(authenticator, "ann", "sunshine") == "ldap/ann"


async def test_a_server_with_a_certificate_of_somebody_else_gets_no_password(
    database: Database, directory: Directory
) -> None:
    for url in (directory.url, directory.tls_url):
        for trusted in (directory.home / "other.pem", None):
            with pytest.raises(Unavailable):
                await sign_in(ldap(database, directory, url=url, ca_file=trusted, **BY_PRINCIPAL), "ann", "sunshine")


async def test_a_certificate_for_another_host_is_refused(database: Database, directory: Directory) -> None:
    other = directory.unnamed_url
    with pytest.raises(InternalError, match="confidentialityRequired"):  # it is there, and answers
        await sign_in(ldap(database, directory, url=other, start_tls=False, **BY_PRINCIPAL), "ann", "sunshine")
    with pytest.raises(Unavailable) as refused:
        await sign_in(ldap(database, directory, url=other, **BY_PRINCIPAL), "ann", "sunshine")
    assert "certificate is not valid for '127.0.0.2'" in str(refused.value.__cause__)


async def test_without_encryption_the_directory_itself_may_refuse(database: Database, directory: Directory) -> None:
    with pytest.raises(InternalError, match="confidentialityRequired"):
        await sign_in(ldap(database, directory, start_tls=False, **BY_PRINCIPAL), "ann", "sunshine")


async def test_the_user_name_can_come_from_an_attribute(database: Database, directory: Directory) -> None:
    for way in (BY_SEARCH, {**BY_PRINCIPAL, "search_base": PEOPLE}):
        authenticator = ldap(database, directory, name_attribute="employeeNumber", **way)
        assert await sign_in(authenticator, "ann", "sunshine") == "ldap/E-1001"
        with pytest.raises(InternalError, match="has no attribute employeeNumber"):
            await sign_in(authenticator, "bob", "rain")


@pytest.mark.parametrize(("case", "name"), [("keep", "ldap/Ann"), ("lower", "ldap/ann"), ("upper", "ldap/ANN")])
async def test_the_case_of_the_user_name_is_folded(
    database: Database, directory: Directory, case: str, name: str
) -> None:
    assert await sign_in(ldap(database, directory, case=case, **BY_PRINCIPAL), "Ann", "sunshine") == name


async def test_a_wrong_password_of_the_searching_account_is_our_fault(database: Database, directory: Directory) -> None:
    authenticator = ldap(database, directory, **{**BY_SEARCH, "bind_password": "wrong"})
    with pytest.raises(InternalError, match="invalidCredentials"):
        await sign_in(authenticator, "ann", "sunshine")


async def test_memberships_follow_the_directory(database: Database, directory: Directory) -> None:
    await make_groupings(database, "science", "operation", "by-hand")
    more = {
        "search_base": PEOPLE,
        "group_base": GROUPS,
        "groups": {"scientists": "science", "operators": "operation", "ghosts": "no such grouping"},
    }
    authenticator = ldap(database, directory, **BY_PRINCIPAL, **more)
    await sign_in(authenticator, "ann", "sunshine")
    await sign_in(authenticator, "bob", "rain")
    await sign_in(authenticator, ODD, "odd")
    everybody = {
        ("ldap/ann", "science"),
        ("ldap/ann", "operation"),
        ("ldap/bob", "operation"),
        (f"ldap/{ODD}", "science"),
    }
    assert await memberships(database) == everybody
    async with database.connection() as conn:
        await conn.execute(
            "INSERT INTO user_group (create_id, create_time, mod_id, mod_time, user_id, grouping_id)"
            " SELECT 'a', now(), 'a', now(), u.id, g.id FROM \"user\" u, grouping g"
            " WHERE u.name = 'ldap/bob' AND g.name = 'by-hand'"
        )
    operators = "cn=operators,ou=groups,dc=example,dc=org"
    directory.change(operators, {"memberUid": [(MODIFY_DELETE, ["bob"])]})
    try:
        await sign_in(authenticator, "bob", "rain")
    finally:
        directory.change(operators, {"memberUid": [(MODIFY_ADD, ["bob"])]})
    assert await memberships(database) == everybody - {("ldap/bob", "operation")} | {("ldap/bob", "by-hand")}


async def test_a_refused_login_changes_no_membership_and_an_unchanged_one_writes_nothing(
    database: Database, directory: Directory
) -> None:
    await make_groupings(database, "science")
    more = {"search_base": PEOPLE, "group_base": GROUPS, "groups": {"scientists": "science"}}
    authenticator = ldap(database, directory, **BY_PRINCIPAL, **more)
    with pytest.raises(WrongCredentials):
        await sign_in(authenticator, "ann", "rain")
    assert await memberships(database) == set()
    await sign_in(authenticator, "ann", "sunshine")

    async def state() -> list[tuple[Any, ...]]:
        async with database.connection() as conn:
            statement = "SELECT version, (SELECT array_agg(xmin::text) FROM user_group) FROM rulebook_version"
            return await (await conn.execute(statement)).fetchall()

    before = await state()
    await sign_in(authenticator, "ann", "sunshine")
    assert await state() == before


async def test_a_directory_that_is_away_or_silent_is_unavailable(database: Database, directory: Directory) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        url = f"ldap://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Unavailable):
            await sign_in(ldap(database, directory, url=url, **BY_PRINCIPAL), "ann", "sunshine")
        silent.listen()
        started = time.monotonic()
        with pytest.raises(Unavailable):
            await sign_in(ldap(database, directory, url=url, timeout_s=0.5, **BY_PRINCIPAL), "ann", "sunshine")
        assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://x"},
        {"principal": None},
        {"principal": "cn=admin"},
        {"search_filter": "(uid=ann)"},
        {"name_attribute": "mail"},
        {"groups": {"a": "b"}},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        LdapAuthenticatorSettings.model_validate({"kind": "ldap", "url": "ldap://x", **BY_PRINCIPAL, **wrong})
