"""Ways to sign in: each turns credentials into a user name (ICAT specification I).

`build_authenticators` makes the ones that the settings name. Those that Beamcat has by itself are here; `ldap`, `oidc`
and `icat` have their own modules, which are imported where they are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from pydantic import SecretStr

from beamcat.access.passwords import Passwords
from beamcat.access.sign_in import (
    USERNAME_AND_PASSWORD,
    AllowedNetworks,
    Authenticator,
    CredentialKey,
    SignIn,
    WrongCredentials,
    no_match,
    storable,
    username_and_password,
    with_mechanism,
)
from beamcat.config import (
    AnyAuthenticatorSettings,
    AuthenticatorSettings,
    IcatAuthenticatorSettings,
    LdapAuthenticatorSettings,
    OidcAuthenticatorSettings,
    Settings,
)
from beamcat.database.pool import Database

__all__ = [
    "ANONYMOUS",
    "AllowedNetworks",
    "AnonymousAuthenticator",
    "Authenticator",
    "CredentialKey",
    "DatabaseAuthenticator",
    "SignIn",
    "SimpleAuthenticator",
    "WrongCredentials",
    "build_authenticators",
    "storable",
    "with_mechanism",
]

ANONYMOUS = "anon"
"""The user of every anonymous login, before the mechanism is put in front."""


def build_authenticators(settings: Settings, database: Database) -> dict[str, SignIn]:
    """The authenticators of the settings by mnemonic, in their order.

    Raises `ValueError` for a network that is none.
    """
    passwords = Passwords()
    return {
        mnemonic: SignIn(
            mnemonic,
            _build(mnemonic, chosen, database, passwords),
            friendly=chosen.friendly,
            admin=chosen.admin,
            expose=chosen.expose,
        )
        for mnemonic, chosen in settings.authenticator.items()
    }


def _build(
    mnemonic: str, settings: AnyAuthenticatorSettings, database: Database, passwords: Passwords
) -> Authenticator:
    mechanism = mnemonic if settings.mechanism is None else settings.mechanism
    networks = AllowedNetworks(mnemonic, settings.networks)
    match settings:
        case LdapAuthenticatorSettings():
            from beamcat.access.ldap import LdapAuthenticator

            return LdapAuthenticator(mechanism, networks, settings, database)
        case OidcAuthenticatorSettings():
            from beamcat.access.oidc import OidcAuthenticator

            return OidcAuthenticator(mechanism, networks, settings)
        case IcatAuthenticatorSettings():
            from beamcat.access.icat import IcatAuthenticator

            return IcatAuthenticator(mnemonic, networks, settings)
        case AuthenticatorSettings(kind="simple"):
            return SimpleAuthenticator(mechanism, networks, settings.users, passwords)
        case AuthenticatorSettings(kind="db"):
            return DatabaseAuthenticator(mechanism, networks, database, passwords)
        case AuthenticatorSettings():
            return AnonymousAuthenticator(mechanism, networks)
        case _:
            assert_never(settings)


class SimpleAuthenticator:
    """Users listed in the settings, with plain or hashed passwords."""

    shares_session = False

    def __init__(
        self, mechanism: str, networks: AllowedNetworks, users: Mapping[str, SecretStr], passwords: Passwords
    ) -> None:
        self._mechanism = mechanism
        self._networks = networks
        self._users = users
        self._passwords = passwords

    def description(self) -> tuple[CredentialKey, ...]:
        """User name and password."""
        return USERNAME_AND_PASSWORD

    async def authenticate(self, credentials: Mapping[str, str], address: str) -> str:
        """The user of these credentials."""
        username, password = username_and_password(credentials)
        self._networks.check(address)
        stored = self._users.get(username)
        if not await self._passwords.verify(password, None if stored is None else stored.get_secret_value()):
            raise no_match()
        return with_mechanism(self._mechanism, username)


class DatabaseAuthenticator:
    """Accounts in the database. A password kept in an older format becomes an argon2 hash at the next login."""

    shares_session = False

    def __init__(self, mechanism: str, networks: AllowedNetworks, database: Database, passwords: Passwords) -> None:
        self._mechanism = mechanism
        self._networks = networks
        self._database = database
        self._passwords = passwords

    def description(self) -> tuple[CredentialKey, ...]:
        """User name and password."""
        return USERNAME_AND_PASSWORD

    async def authenticate(self, credentials: Mapping[str, str], address: str) -> str:
        """The user of these credentials."""
        username, password = username_and_password(credentials)
        self._networks.check(address)
        stored = await self._password_hash(username)
        if not await self._passwords.verify(password, stored) or stored is None:
            raise no_match()
        better = await self._passwords.upgraded(password, stored)
        if better is not None:
            await self._replace(username, stored, better)
        return with_mechanism(self._mechanism, username)

    async def _password_hash(self, username: str) -> str | None:
        if not storable(username):
            return None
        async with self._database.connection() as conn:
            cursor = await conn.execute("SELECT password_hash FROM account WHERE name = %s", (username,))
            row = await cursor.fetchone()
        return None if row is None else str(row[0])

    async def _replace(self, username: str, old: str, new: str) -> None:
        async with self._database.connection() as conn:
            await conn.execute(  # a password changed meanwhile stays
                "UPDATE account SET password_hash = %s WHERE name = %s AND password_hash = %s", (new, username, old)
            )


class AnonymousAuthenticator:
    """Everybody, as the same user."""

    shares_session = True

    def __init__(self, mechanism: str, networks: AllowedNetworks) -> None:
        self._mechanism = mechanism
        self._networks = networks

    def description(self) -> tuple[CredentialKey, ...]:
        """Nothing to type."""
        return ()

    async def authenticate(self, credentials: Mapping[str, str], address: str) -> str:
        """The anonymous user; whatever credentials are sent do not matter."""
        self._networks.check(address)
        return with_mechanism(self._mechanism, ANONYMOUS)
