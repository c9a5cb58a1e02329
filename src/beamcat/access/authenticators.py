"""Ways to sign in: each turns credentials into a user name (ICAT specification I).

`build_authenticators` makes the ones that the settings name. The texts of the errors are those of ICAT's plugins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Protocol

from pydantic import SecretStr

from beamcat.access.passwords import Passwords
from beamcat.config import AuthenticatorSettings, Settings
from beamcat.database.pool import Database
from beamcat.errors import SessionError

ANONYMOUS = "anon"
"""The user of every anonymous login, before the mechanism is put in front."""


class WrongCredentials(SessionError):
    """The credentials were looked at and refused: what counts as guessing (`login_protection`)."""


@dataclass(frozen=True, slots=True)
class CredentialKey:
    """One thing to type at login. `hide` says not to echo it."""

    name: str
    hide: bool = False


USERNAME_AND_PASSWORD = (CredentialKey("username"), CredentialKey("password", hide=True))


class Authenticator(Protocol):
    """One way to sign in.

    Only `BeamcatError`s leave it: `WrongCredentials` when the credentials are not right, another `SessionError` when
    they are incomplete or the client may not sign in from where it is, `Unavailable` when a service behind it is away.
    It need not slow down guessing: that is done before it is asked.
    """

    @property
    def shares_session(self) -> bool:
        """Whether everybody who signs in is the same user without credentials, and may be given the same session."""
        ...

    def description(self) -> tuple[CredentialKey, ...]:
        """What to ask the user for, in order."""
        ...

    async def authenticate(self, credentials: Mapping[str, str], address: str) -> str:
        """The user name, with its mechanism, of whoever has these credentials and comes from this IP address."""
        ...


@dataclass(frozen=True, slots=True)
class SignIn:
    """An authenticator as it is offered: under its mnemonic, with the label and the hint shown to clients."""

    mnemonic: str
    authenticator: Authenticator
    friendly: str | None = None
    admin: bool = False


def build_authenticators(settings: Settings, database: Database) -> dict[str, SignIn]:
    """The authenticators of the settings by mnemonic, in their order.

    Raises `ValueError` for a network that is none.
    """
    passwords = Passwords()
    return {
        mnemonic: SignIn(
            mnemonic, _build(mnemonic, chosen, database, passwords), friendly=chosen.friendly, admin=chosen.admin
        )
        for mnemonic, chosen in settings.authenticator.items()
    }


def _build(mnemonic: str, settings: AuthenticatorSettings, database: Database, passwords: Passwords) -> Authenticator:
    mechanism = mnemonic if settings.mechanism is None else settings.mechanism
    networks = AllowedNetworks(mnemonic, settings.networks)
    match settings.kind:
        case "simple":
            return SimpleAuthenticator(mechanism, networks, settings.users, passwords)
        case "db":
            return DatabaseAuthenticator(mechanism, networks, database, passwords)
        case "anon":
            return AnonymousAuthenticator(mechanism, networks)


class AllowedNetworks:
    """Where people may sign in from. No network at all means everywhere."""

    def __init__(self, mnemonic: str, networks: tuple[str, ...]) -> None:
        self._mnemonic = mnemonic
        self._networks: list[IPv4Network | IPv6Network] = [ip_network(network) for network in networks]

    def check(self, address: str) -> None:
        """Raise `SessionError` for an address outside; one that cannot be read is outside too."""
        if self._networks and not self._holds(address):
            raise SessionError(f"authn.{self._mnemonic} does not allow log in from your IP address {address}")

    def _holds(self, address: str) -> bool:
        try:
            ip: IPv4Address | IPv6Address = ip_address(address)
        except ValueError:
            return False
        if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped  # a dual-stack socket reports IPv4 clients so
        return any(ip in network for network in self._networks)


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
        username, password = _username_and_password(credentials)
        self._networks.check(address)
        stored = self._users.get(username)
        if not await self._passwords.verify(password, None if stored is None else stored.get_secret_value()):
            raise _no_match()
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
        username, password = _username_and_password(credentials)
        self._networks.check(address)
        stored = await self._password_hash(username)
        if not await self._passwords.verify(password, stored) or stored is None:
            raise _no_match()
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


def with_mechanism(mechanism: str, username: str) -> str:
    """`db` and `ann` make `db/ann`; without a mechanism the user name stays as it is."""
    return f"{mechanism}/{username}" if mechanism else username


def storable(text: str) -> bool:
    """Whether PostgreSQL can hold the text: it has no NUL and no half surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _username_and_password(credentials: Mapping[str, str]) -> tuple[str, str]:
    for key in ("username", "password"):
        if not credentials.get(key):
            raise SessionError(f"{key} cannot be null or empty.")
    return credentials["username"], credentials["password"]


def _no_match() -> WrongCredentials:
    return WrongCredentials("The username and password do not match")
