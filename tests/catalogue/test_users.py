"""Users made and removed by an administrator: all of it, or nothing, or what is missing."""

from __future__ import annotations

import pytest

from beamcat.access.accounts import add_account, has_account
from beamcat.access.user_list import list_users
from beamcat.access.user_names import Named
from beamcat.catalogue.users import Person, add_user, remove_user
from beamcat.errors import AlreadyExists, BadParameter, NoSuchObject, ValidationFailed
from tests.catalogue.site import Site

ANN = Named("ann", ("db/ann",))
LDAP_ANN = Named(None, ("ldap/ann",))


async def add(site: Site, name: Named, *groups: str, password: str | None = "word", **attributes: str) -> None:
    await add_user(site.database, site.catalogue, name, Person(attributes, groups), password)


async def remove(site: Site, name: Named, *, with_user: bool = False) -> tuple[bool, int, int, int]:
    ended, users = await remove_user(site.database, site.catalogue, name, with_user=with_user)
    return ended.account, ended.sessions, ended.tokens, users


async def known(site: Site, name: str = "db/ann") -> dict[str, list[str]]:
    """The full names of the users of that name (at most one), with their groups."""
    found = await list_users(site.database, ["db"], name, 10)
    return {user.full_name or "": list(user.groups) for user in found.users if user.in_catalogue}


@pytest.fixture
async def groups(site: Site) -> None:
    await site.make("Grouping", name="staff")
    await site.make("Grouping", name="curators")


async def test_a_new_user_has_an_account_and_its_groups(site: Site, groups: None) -> None:
    await add(site, ANN, "staff", "curators", fullName="Ann A.", email="a@example.org")
    assert await known(site) == {"Ann A.": ["curators", "staff"]}
    assert await has_account(site.database, "ann")
    assert await site.rows('SELECT email, create_id FROM "user"') == [("a@example.org", "beamcat")]


async def test_a_user_of_another_authenticator_has_no_account(site: Site, groups: None) -> None:
    await add(site, LDAP_ANN, "staff", password=None)
    assert await known(site, "ldap/ann") == {"": ["staff"]}
    assert await site.rows("SELECT name FROM account") == []


@pytest.mark.parametrize(
    ("name", "group", "password", "email", "error"),
    [
        (ANN, "staf", "word", "", NoSuchObject),
        (ANN, "staff", "", "", BadParameter),
        (Named("a\nb", ("db/a\nb",)), "staff", "word", "", BadParameter),
        (ANN, "staff", "word", "x" * 256, ValidationFailed),
    ],
)
async def test_nothing_is_made_when_something_is_wrong(
    site: Site, groups: None, name: Named, group: str, password: str, email: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await add(site, name, group, password=password, email=email)
    assert await site.rows('SELECT name FROM "user"') == []
    assert await site.rows("SELECT name FROM account") == []


async def test_a_second_try_makes_what_is_missing(site: Site, groups: None) -> None:
    await add(site, ANN, password=None)
    await add(site, ANN, "staff", password=None, fullName="Ann A.")
    assert await known(site) == {"Ann A.": ["staff"]}
    await add(site, ANN, "staff", "curators", fullName="Ann A.")
    assert await known(site) == {"Ann A.": ["curators", "staff"]}
    assert await has_account(site.database, "ann")
    with pytest.raises(AlreadyExists, match="there is an account ann already"):
        await add(site, ANN, "staff")
    with pytest.raises(AlreadyExists, match="there is a User db/ann already"):
        await add(site, ANN, "staff", password=None)


async def test_a_user_who_differs_is_left_alone(site: Site, groups: None) -> None:
    await add(site, ANN, password=None, fullName="Ann A.")
    with pytest.raises(AlreadyExists, match=r"its fullName is Ann A\."):
        await add(site, ANN, "staff", fullName="Ann B.")
    assert await known(site) == {"Ann A.": []}
    assert not await has_account(site.database, "ann")


async def test_the_account_goes_and_the_user_stays(site: Site, groups: None) -> None:
    await add(site, ANN, "staff", fullName="Ann A.")
    for name in ("db/ann", "db/ann", "db/bob"):
        await site.rows(
            "INSERT INTO session VALUES (gen_random_uuid(), %s, 'db', now(), now() + '1 hour') RETURNING id", name
        )
    await site.rows(
        "INSERT INTO api_token (digest, user_name, name, scopes, created)"
        " VALUES (sha256('x'), 'db/ann', 'x', '{read}', now()), (sha256('y'), 'db/bob', 'x', '{read}', now())"
        " RETURNING id"
    )
    assert await remove(site, ANN) == (True, 2, 1, 0)
    assert await known(site) == {"Ann A.": ["staff"]}
    assert (
        await site.rows("SELECT user_name FROM session UNION ALL SELECT user_name FROM api_token") == [("db/bob",)] * 2
    )
    with pytest.raises(NoSuchObject, match="--with-user"):
        await remove(site, ANN)
    assert await remove(site, ANN, with_user=True) == (False, 0, 0, 1)
    assert await known(site) == {}
    with pytest.raises(NoSuchObject, match="there is no account ann"):
        await remove(site, ANN, with_user=True)


async def test_users_and_accounts_are_listed_together_and_found_by_part_of_a_name(site: Site, groups: None) -> None:
    await add(site, ANN, "staff", fullName="Ann A.")
    await add(site, LDAP_ANN, password=None, fullName="Zed_Z")
    await add_account(site.database, "old", "word")
    await site.rows(
        "INSERT INTO session VALUES (gen_random_uuid(), 'db/old', 'db', now(), now() + '1 hour') RETURNING id"
    )

    async def found(pattern: str | None, most: int = 10) -> list[str]:
        return [user.name for user in (await list_users(site.database, ["db"], pattern, most)).users]

    ann, old, _ = (await list_users(site.database, ["db"], None, 10)).users
    assert (ann.has_account, ann.in_catalogue, ann.groups, ann.last_sign_in) == (True, True, ("staff",), None)
    assert (old.name, old.has_account, old.in_catalogue) == ("db/old", True, False)
    assert old.last_sign_in is not None
    assert await found("AnN") == ["db/ann", "ldap/ann"]
    assert await found("zed_") == ["ldap/ann"]
    assert await found("e__z") == []
    assert await found("*/ann") == ["db/ann", "ldap/ann"]
    assert await found("ann*") == ["db/ann"]
    assert await found(None, most=1) == ["db/ann"]
    assert (await list_users(site.database, ["db"], None, 1)).count == 3
