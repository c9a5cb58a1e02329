"""Who is asking, as far as limits go: a user, whoever has the id of a prepared download, or a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from beamcat.access.authenticators import ANONYMOUS
from beamcat.access.sign_in import with_mechanism
from beamcat.config import AuthenticatorSettings, ProtectionSettings, Settings
from beamcat.config.protection import AnonymousLimits, SignedInLimits, StaffLimits
from beamcat.protection.buckets import Rate

REMEMBERED = 20_000
"""Addresses whose networks a worker remembers."""

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Limits = AnonymousLimits | SignedInLimits | StaffLimits


class Standing(Enum):
    """How much is given to a client."""

    ANONYMOUS = auto()
    SIGNED_IN = auto()
    STAFF = auto()


@dataclass(frozen=True, slots=True)
class Client:
    """One to whom limits apply, under a key: `user db/ann`, `prepared UUID`, `network 192.0.2.0/24`."""

    key: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from: the network that counts, and whether nothing is limited there."""

    client: Client
    address: Address | None
    exempt: bool


class Origins:
    """Says where requests come from."""

    def __init__(self, settings: ProtectionSettings) -> None:
        self._prefixes = {4: settings.ipv4_prefix, 6: settings.ipv6_prefix}
        self._exempt = [ip_network(network, strict=False) for network in settings.exempt]
        self._known: dict[str, Origin] = {}

    def of(self, text: str) -> Origin:
        """That of an address; what is none is one place of its own."""
        known = self._known.get(text)
        if known is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            known = self._known[text] = self._read(text)
        return known

    def _read(self, text: str) -> Origin:
        address = parsed(text)
        if address is None:
            return Origin(Client("network unknown", Standing.ANONYMOUS), None, exempt=False)
        network = ip_network((address, self._prefixes[address.version]), strict=False)
        exempt = any(address in each for each in self._exempt)
        return Origin(Client(f"network {network}", Standing.ANONYMOUS), address, exempt)


class Users:
    """Says of users how much is given to them, by their names."""

    def __init__(self, settings: Settings) -> None:
        own = settings.protection
        self.staff_groupings: Sequence[str] = own.staff_groupings
        self._staff = frozenset((*settings.catalogue.root_user_names, *own.staff_users))
        self._anonymous = frozenset((*own.anonymous_users, *anonymous_users(settings)))

    def standing(self, name: str) -> Standing:
        """That of a user; of the members of staff's groups it is not known here that they are staff."""
        if name in self._anonymous:
            return Standing.ANONYMOUS
        return Standing.STAFF if name in self._staff else Standing.SIGNED_IN


def anonymous_users(settings: Settings) -> list[str]:
    """The users of authenticators that let everybody in, as these name them."""
    names = []
    for mnemonic, chosen in settings.authenticator.items():
        if isinstance(chosen, AuthenticatorSettings) and chosen.kind == "anon":
            names.append(with_mechanism(mnemonic if chosen.mechanism is None else chosen.mechanism, ANONYMOUS))
    return names


def limits_of(settings: ProtectionSettings, standing: Standing) -> Limits:
    """What is given to clients of this standing."""
    match standing:
        case Standing.ANONYMOUS:
            return settings.anonymous
        case Standing.SIGNED_IN:
            return settings.signed_in
        case Standing.STAFF:
            return settings.staff


def rate_of(limits: Limits) -> Rate | None:
    """How many requests may be made; None: any number."""
    return Rate(limits.requests_per_s, limits.burst) if limits.requests_per_s else None


def parsed(text: str) -> Address | None:
    """An address; one of IPv4 that is written as one of IPv6 is one of IPv4. None for what is none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped
