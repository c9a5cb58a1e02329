"""Links by which somebody shows a selection of data to people without an account (portal specification, h 55).

Whoever has the key of a share sees what its owner may read at that moment, and of that nothing but the selection. The
key is shown once, when the share is made; the table `share` holds its SHA-256. It ends at a moment that is set from the
beginning, or when its owner revokes it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from psycopg.types.json import Jsonb

from beamcat.database.pool import Database
from beamcat.errors import BadParameter, BeamcatError, ErrorKind, NoSuchObject, ValidationFailed

RANDOM_BYTES = 32
LONGEST_NAME = 255
"""In characters."""
MOST_SHARED = 10_000
"""Things of one share."""
MOST_PER_OWNER = 1000
"""Shares of one person that have not ended."""
KEPT = timedelta(days=365)
"""How long a share that has ended is listed."""

_KEY = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_COLUMNS = "id, key_digest, owner, name, selection, blinded, created, expires, revoked, uses, last_used"
_INSERT = f"""
INSERT INTO share (key_digest, owner, name, selection, blinded, created, expires)
SELECT %(digest)s, %(owner)s, %(name)s, %(selection)s, %(blinded)s, %(now)s, %(expires)s
 WHERE (SELECT count(*) FROM share WHERE owner = %(owner)s AND revoked IS NULL AND expires > %(now)s) < %(most)s
RETURNING {_COLUMNS}
"""
_FIND = f"SELECT {_COLUMNS} FROM share WHERE key_digest = %s"
_BY_ID = f"SELECT {_COLUMNS} FROM share WHERE id = %s"
_SOME = f"SELECT {_COLUMNS} FROM share WHERE id = ANY(%s::bigint[]) ORDER BY id"
_LIST = f"SELECT {_COLUMNS} FROM share WHERE owner = %s AND expires > %s ORDER BY id DESC"
_REVOKE = "UPDATE share SET revoked = coalesce(revoked, %s) WHERE id = %s AND owner = %s"
_NOTE_USE = "UPDATE share SET uses = uses + 1, last_used = %s WHERE id = %s"


class Ended(BeamcatError):
    """The share has expired, or was revoked."""

    kind = ErrorKind.NOT_FOUND

    def __init__(self) -> None:
        super().__init__("This link has ended; ask whoever gave it to you for another one")


@dataclass(frozen=True, slots=True)
class Selection:
    """What is shared, by ids."""

    investigations: tuple[int, ...] = ()
    datasets: tuple[int, ...] = ()
    datafiles: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.investigations) + len(self.datasets) + len(self.datafiles)


@dataclass(frozen=True, slots=True)
class Share:
    """A share as it is stored. A `blinded` one shows no names of people."""

    id: int
    digest: bytes = field(repr=False)
    owner: str
    name: str
    selection: Selection
    blinded: bool
    created: datetime
    expires: datetime
    revoked: datetime | None
    uses: int
    last_used: datetime | None

    def has_ended(self, now: datetime) -> bool:
        """Whether it shows nothing any more."""
        return self.revoked is not None or self.expires <= now


@dataclass(frozen=True, slots=True)
class Offer:
    """What is to be shared: by whom, what, and until when."""

    owner: str
    name: str
    selection: Selection
    expires: datetime
    blinded: bool = False


class Shares:
    """Keeps shares. None may last longer than `longest`."""

    def __init__(self, database: Database, longest: timedelta) -> None:
        self._database = database
        self.longest = longest

    async def make(self, offer: Offer, now: datetime) -> tuple[Share, str]:
        """A new share and its key, which cannot be shown again.

        Whether the owner may read what is shared is for the caller to see to, and is asked again at every use. Raises
        `BadParameter`, and `ValidationFailed` for too much, or for too long.
        """
        self._check(offer, now)
        key = secrets.token_urlsafe(RANDOM_BYTES)
        selection = offer.selection
        values: Mapping[str, Any] = {
            "digest": digest_of(key),
            "owner": offer.owner,
            "name": offer.name.strip(),
            "selection": Jsonb(
                {
                    "investigations": list(selection.investigations),
                    "datasets": list(selection.datasets),
                    "datafiles": list(selection.datafiles),
                }
            ),
            "blinded": offer.blinded,
            "now": now,
            "expires": offer.expires,
            "most": MOST_PER_OWNER,
        }
        async with self._database.connection() as connection:
            row = await (await connection.execute(_INSERT, values)).fetchone()
        if row is None:
            raise ValidationFailed(f"you may have {MOST_PER_OWNER} links at a time; revoke some that are not needed")
        return _share(row), key

    async def open(self, key: str, now: datetime) -> Share:
        """The share of a key. Raises `NoSuchObject` when there is none, and `Ended`."""
        row = None
        if _KEY.fullmatch(key):
            async with self._database.connection() as connection:
                row = await (await connection.execute(_FIND, (digest_of(key),))).fetchone()
        if row is None:
            raise NoSuchObject("There is nothing at this address")
        return _living(_share(row), now)

    async def reopen(self, identifier: int, person: str, proof: str, now: datetime) -> Share:
        """The share that a person has opened before, by what `proof_of` made of it then; or that is their own.

        Raises what `open` does.
        """
        async with self._database.connection() as connection:
            row = await (await connection.execute(_BY_ID, (identifier,))).fetchone()
        if row is None:
            raise NoSuchObject("There is nothing at this address")
        share = _share(row)
        if share.owner != person and not compare_digest(proof_of(share, person), proof):
            raise NoSuchObject("There is nothing at this address")
        return _living(share, now)

    async def some(self, ids: Sequence[int]) -> list[Share]:
        """The shares with these ids, as far as there are such, ended or not."""
        async with self._database.connection() as connection:
            return [_share(row) for row in await (await connection.execute(_SOME, (list(ids),))).fetchall()]

    async def of(self, owner: str, now: datetime) -> list[Share]:
        """What somebody shares, the newest first; with what has ended within a year."""
        async with self._database.connection() as connection:
            return [_share(row) for row in await (await connection.execute(_LIST, (owner, now - KEPT))).fetchall()]

    async def revoke(self, identifier: int, owner: str, now: datetime) -> None:
        """End a share at once. Raises `NoSuchObject` unless it is the owner's."""
        async with self._database.connection() as connection:
            if (await connection.execute(_REVOKE, (now, identifier, owner))).rowcount == 0:
                raise NoSuchObject("You have no such link")

    async def note_use(self, share: Share, now: datetime) -> None:
        """Somebody has opened it."""
        async with self._database.connection() as connection:
            await connection.execute(_NOTE_USE, (now, share.id))

    def _check(self, offer: Offer, now: datetime) -> None:
        name = offer.name.strip()
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise BadParameter(f"a link has a name of 1 to {LONGEST_NAME} printable characters")
        if not 0 < len(offer.selection) <= MOST_SHARED:
            raise ValidationFailed(f"a link shows 1 to {MOST_SHARED} things; share whole visits instead of their parts")
        if not now < offer.expires <= now + self.longest:
            raise ValidationFailed(f"a link ends within {self.longest.days} days, and not in the past")


def digest_of(key: str) -> bytes:
    """What is stored of a key: 256 random bits need no slower digest."""
    return sha256(key.encode("ascii")).digest()


def proof_of(share: Share, person: str) -> str:
    """What shows, later, that a person has had the key. It opens nothing for anybody else, and is not the key."""
    return sha256(b"beamcat share\0" + share.digest + person.encode()).hexdigest()


def _living(share: Share, now: datetime) -> Share:
    if share.has_ended(now):
        raise Ended
    return share


def _share(row: Sequence[Any]) -> Share:
    identifier, digest, owner, name, selection, *rest = row
    chosen = Selection(*(tuple(selection.get(kind, ())) for kind in ("investigations", "datasets", "datafiles")))
    return Share(identifier, bytes(digest), owner, name, chosen, *rest)
