"""Who is kept out: the table, and what a worker knows of it. It looks once a second, so every worker feels a change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network
from typing import Literal
from uuid import UUID

from beamcat.database.pool import Database
from beamcat.errors import BadParameter, NoSuchObject
from beamcat.observability.logs import logger
from beamcat.protection.clients import Address

LOOK_EVERY_S = 0.5
"""How often a worker looks at the table."""

Kind = Literal["user", "network", "prepared"]

_HOLDING = "SELECT kind, subject FROM block WHERE expires IS NULL OR expires > now()"
_LIST = """
SELECT kind, subject, reason, created, created_by, expires FROM block ORDER BY created, kind, subject
"""
_ADD = """
INSERT INTO block (kind, subject, reason, created, created_by, expires) VALUES (%s, %s, %s, now(), %s, %s)
    ON CONFLICT (kind, subject) DO UPDATE
   SET reason = excluded.reason, created = excluded.created, created_by = excluded.created_by,
       expires = excluded.expires
"""
_REMOVE = "DELETE FROM block WHERE kind = %s AND subject = %s"


@dataclass(frozen=True, slots=True)
class Block:
    """One who is kept out, why, and by whom; until it `expires`, if it does."""

    kind: Kind
    subject: str
    reason: str
    created: datetime
    created_by: str
    expires: datetime | None


async def add_block(
    database: Database, kind: Kind, subject: str, *, reason: str, by: str, expires: datetime | None
) -> str:
    """Keep somebody out, or change why and until when; the subject as it is kept."""
    subject = canonical(kind, subject)
    async with database.connection() as connection:
        await connection.execute(_ADD, (kind, subject, reason, by, expires))
    return subject


async def remove_block(database: Database, kind: Kind, subject: str) -> str:
    """Let somebody in again. Raises `NoSuchObject` when nobody keeps them out."""
    subject = canonical(kind, subject)
    async with database.connection() as connection:
        if (await connection.execute(_REMOVE, (kind, subject))).rowcount == 0:
            raise NoSuchObject(f"there is no block of the {kind} {subject}")
    return subject


async def list_blocks(database: Database) -> list[Block]:
    """All of them, oldest first; those that are over as well."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_LIST)).fetchall()
    return [Block(*row) for row in rows]


def canonical(kind: Kind, subject: str) -> str:
    """The one form in which a subject is kept. Raises `BadParameter` for what is none."""
    try:
        match kind:
            case "user":
                if not subject.strip() or "\0" in subject:
                    raise ValueError(subject)
                return subject
            case "network":
                return str(ip_network(subject, strict=False))
            case "prepared":
                return str(UUID(subject))
    except ValueError:
        forms = {"user": "a user name", "network": "an address or a network", "prepared": "the id of a download"}
        raise BadParameter(f"{subject!r} is not {forms[kind]}") from None


class Blocks:
    """What a worker knows: `look` again now and then."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: frozenset[tuple[str, str]] = frozenset()
        self._masks: dict[tuple[int, int], set[int]] = {}
        self.edition = 0
        """Grows with every change."""

    async def look(self) -> None:
        """Read the table."""
        async with self._database.connection() as connection:
            held = frozenset(await (await connection.execute(_HOLDING)).fetchall())
        if held == self._held:
            return
        for kind, subject in held - self._held:
            logger().warning("blocked from now on", kind=kind, subject=subject)
        for kind, subject in self._held - held:
            logger().warning("blocked no longer", kind=kind, subject=subject)
        self._masks = _masks([subject for kind, subject in held if kind == "network"])
        self._held = held
        self.edition += 1

    def has(self, kind: Kind, subject: str) -> bool:
        """Whether a user or a prepared download is kept out."""
        return (kind, subject) in self._held

    def has_address(self, address: Address | None) -> bool:
        """Whether an address is in a network that is kept out."""
        if address is None or not self._masks:
            return False
        number = int(address)
        return any(
            version == address.version and number >> shift in networks
            for (version, shift), networks in self._masks.items()
        )


def _masks(networks: Sequence[str]) -> dict[tuple[int, int], set[int]]:
    """Networks by version and the bits that do not count: a look is as quick for thousands of them."""
    masks: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    for text in networks:
        network = ip_network(text)
        shift = network.max_prefixlen - network.prefixlen
        masks[network.version, shift].add(int(network.network_address) >> shift)
    return dict(masks)
