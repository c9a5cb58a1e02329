"""Protection from robots and floods: how much of everything one client may have (data service specification, E.7)."""

from __future__ import annotations

from ipaddress import ip_network

from pydantic import Field, field_validator

from beamcat.config.section import Section


class AnonymousLimits(Section):
    """What is given to those who have not signed in, by the network they come from."""

    requests_per_s: float = Field(20.0, ge=0)
    """Requests a second, in the long run; 0: any number."""
    burst: int = Field(200, ge=1)
    """Requests at once, after a pause."""
    responses: int = Field(16, ge=0, le=10_000)
    """Answers with data at a time; 0: any number."""
    bytes_per_day: int = Field(2 * 10**12, ge=0)
    """Bytes of data a day, from midnight to midnight in UTC; 0: any number. The first answer of a day may have more."""
    restore_bytes_per_day: int = Field(100 * 10**9, ge=0)
    """Bytes a day that are brought back from the archive; 0: any number."""
    restores: int = Field(10, ge=0)
    """Units that are brought back, or wait for that, at a time; 0: any number."""


class SignedInLimits(Section):
    """What is given to a user who has signed in, and to whoever has the id of a download that such a user prepared."""

    requests_per_s: float = Field(200.0, ge=0)
    """Requests a second, in the long run; 0: any number."""
    burst: int = Field(2000, ge=1)
    """Requests at once, after a pause."""
    responses: int = Field(16, ge=0, le=10_000)
    """Answers with data at a time; 0: any number."""
    bytes_per_day: int = Field(0, ge=0)
    """Bytes of data a day; 0: any number."""
    restore_bytes_per_day: int = Field(2 * 10**12, ge=0)
    """Bytes a day that are brought back from the archive, of investigations that the user is no member of; 0: any
    number."""
    restores: int = Field(0, ge=0)
    """Units that are brought back, or wait for that, at a time; 0: any number."""


class MemberLimits(Section):
    """What is given to a user besides, of investigations that the user is a member of."""

    restore_bytes_per_day: int = Field(50 * 10**12, ge=0)
    """Bytes a day that are brought back from the archive; 0: any number."""


class StaffLimits(Section):
    """What is given to staff: root users, and those of `staff_users` and `staff_groupings`."""

    requests_per_s: float = Field(0.0, ge=0)
    """Requests a second, in the long run; 0: any number."""
    burst: int = Field(2000, ge=1)
    """Requests at once, after a pause."""
    responses: int = Field(0, ge=0, le=10_000)
    """Answers with data at a time; 0: any number."""
    bytes_per_day: int = Field(0, ge=0)
    """Bytes of data a day; 0: any number."""
    restore_bytes_per_day: int = Field(0, ge=0)
    """Bytes a day that are brought back from the archive; 0: any number."""
    restores: int = Field(0, ge=0)
    """Units that are brought back, or wait for that, at a time; 0: any number."""


class RobotsSettings(Section):
    """What search engines and other robots are told at `/robots.txt` (RFC 9309)."""

    enabled: bool = True
    """Whether there is such a page."""
    add: tuple[str, ...] = ()
    """Lines to add, such as `User-agent: SomeBot` and `Disallow: /`."""

    @field_validator("add")
    @classmethod
    def _each_is_one_line(cls, lines: tuple[str, ...]) -> tuple[str, ...]:
        if any(not line.isprintable() for line in lines):
            raise ValueError("each of them is one line")
        return lines


class ProtectionSettings(Section):
    """How robots and floods are kept from hurting others."""

    enabled: bool = True
    """Whether anything is limited. Blocks hold in any case."""
    exempt: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    """Addresses or networks of which nothing is limited but what is blocked, such as those of beamlines. Behind a proxy
    the address of the client counts, as far as `server.trusted_proxies` names the proxy."""
    ipv4_prefix: int = Field(24, ge=8, le=32)
    """Addresses of IPv4 that agree in so many bits are one client, unless somebody signs in."""
    ipv6_prefix: int = Field(56, ge=16, le=128)
    """Addresses of IPv6 that agree in so many bits are one client, unless somebody signs in."""
    unproven_per_s: float = Field(200.0, gt=0)
    """Requests a second of one network, beyond those of `anonymous`, whose session is looked up to see whose they are.
    Those of users who have signed in do not count."""
    unproven_burst: int = Field(2000, ge=1)
    """Such requests at once."""
    staff_users: tuple[str, ...] = ()
    """Users, such as `db/ann`, who are staff, besides the root users."""
    staff_groupings: tuple[str, ...] = ()
    """Names of groups whose members are staff."""
    anonymous_users: tuple[str, ...] = ()
    """Users who stand for everybody, such as `anon/anon` of a plugin, besides those of authenticators of kind
    `anon`."""
    anonymous: AnonymousLimits = AnonymousLimits()
    signed_in: SignedInLimits = SignedInLimits()
    members: MemberLimits = MemberLimits()
    staff: StaffLimits = StaffLimits()
    robots: RobotsSettings = RobotsSettings()

    @field_validator("exempt")
    @classmethod
    def _networks_are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            try:
                ip_network(network, strict=False)
            except ValueError:
                raise ValueError(f"{network} is no address or network, such as 192.0.2.0/24") from None
        return networks
