"""`ann`, `db/ann` and `ldap/ann`: whom an administrator means."""

from __future__ import annotations

import pytest

from beamcat.access.user_names import Named, named, new_account
from beamcat.config import AuthenticatorSettings, Settings
from beamcat.errors import BadParameter


def settings(**mechanisms: str | None) -> Settings:
    """Settings with authenticators of kind `db`, and an anonymous one."""
    ways = {name: AuthenticatorSettings(kind="db", mechanism=mechanism) for name, mechanism in mechanisms.items()}
    return Settings(authenticator={**ways, "anon": AuthenticatorSettings(kind="anon")})


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("ann", Named("ann", ("db/ann",))),
        ("db/ann", Named("ann", ("db/ann",))),
        ("ldap/ann", Named(None, ("ldap/ann",))),
        ("anon/anon", Named(None, ("anon/anon",))),
    ],
)
def test_a_name_with_another_mechanism_has_no_account(name: str, found: Named) -> None:
    assert named(settings(db=None), name) == found


def test_an_account_signs_in_by_every_authenticator_of_its_kind() -> None:
    assert named(settings(db=None, uo="users"), "ann") == Named("ann", ("db/ann", "users/ann"))
    assert named(settings(db=None, uo="users"), "users/ann") == Named("ann", ("db/ann", "users/ann"))
    assert named(settings(), "ann") == Named("ann", ())
    assert named(settings(db=""), "ann") == Named("ann", ("ann",))


def test_a_new_account_is_for_one_user_name() -> None:
    assert new_account(settings(uo="users"), "ann", None) == Named("ann", ("users/ann",))
    assert new_account(settings(uo="users"), "users/ann", None) == Named("ann", ("users/ann",))
    assert new_account(settings(db=""), "ann", None) == Named("ann", ("ann",))
    assert new_account(settings(db=None, more="db"), "ann", None) == Named("ann", ("db/ann",))
    several = settings(db=None, uo="users")
    assert new_account(several, "ann", "uo") == Named("ann", ("users/ann",))
    assert new_account(several, "db/ann", None) == Named("ann", ("db/ann",))


@pytest.mark.parametrize(
    ("mechanisms", "name", "mnemonic", "words"),
    [
        ({}, "ann", None, "kind `db`"),
        ({"db": None, "uo": "users"}, "ann", None, "say by --authenticator which one: db, uo"),
        ({"db": None}, "ann", "ldap", "ldap is no authenticator of kind `db`; there is db"),
        ({"db": None}, "ldap/ann", None, "--no-password"),
    ],
)
def test_what_cannot_become_an_account_is_refused(
    mechanisms: dict[str, str | None], name: str, mnemonic: str | None, words: str
) -> None:
    with pytest.raises(BadParameter, match=words):
        new_account(settings(**mechanisms), name, mnemonic)
