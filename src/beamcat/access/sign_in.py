"""What every way to sign in is made of: its promise, its errors, and where people may come from.

The texts of the errors are those of ICAT's plugins (ICAT specification I).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Protocol

from beamcat.errors import SessionError


class WrongCredentials(SessionError):
    """The credentials were looked at and refused: what counts as guessing (`login_protection`)."""


@dataclass(frozen=True, slots=True)
class CredentialKey:
    """One thing to type at login. `hide` says not to echo it, `pattern` is the regular expression it has to match."""

    name: str
    hide: bool = False
    pattern: str | None = None


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
    expose: bool = False


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


def with_mechanism(mechanism: str, username: str) -> str:
    """`db` and `ann` make `db/ann`; without a mechanism the user name stays as it is."""
    return f"{mechanism}/{username}" if mechanism else username


def storable(text: str) -> bool:
    """Whether PostgreSQL can hold the text: it has no NUL and no half surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def username_and_password(credentials: Mapping[str, str]) -> tuple[str, str]:
    """Both, or `SessionError` naming the one that is missing."""
    for key in ("username", "password"):
        if not credentials.get(key):
            raise SessionError(f"{key} cannot be null or empty.")
    return credentials["username"], credentials["password"]


def no_match() -> WrongCredentials:
    """The refusal that does not say which of the two is wrong."""
    return WrongCredentials("The username and password do not match")
