"""The searches that users keep.

A search belongs to the name of its user (`db/ann`), as tokens do: it needs no `User` in the catalogue, and stays when
one is made anew; `beamcat user remove` takes the searches of a user along with tokens and sessions. What is told of
it is always told with the rights that this name has at that moment.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from beamcat.access.caller import Caller, Scope
from beamcat.config import SavedSearchSettings
from beamcat.database.pool import Connection, Database
from beamcat.errors import AlreadyExists, BadParameter, Forbidden, NoSuchObject, ValidationFailed
from beamcat.search.saved.due import Tell
from beamcat.search.saved.durable import LONGEST, from_json, kept, to_json
from beamcat.search.wanted import Wanted
from beamcat.store.requests.submitting import checked_address

LONGEST_NAME = 200
"""In characters."""
KEY_PREFIX = "beamcat_feed_"
"""By which people, and the log, know the key of a feed when they see one."""
KEY_BYTES = 32

COLUMNS = (
    "id, owner, name, wanted, tell, email, feed_key IS NOT NULL, stop_key, created, changed, revision, looked,"
    " failures, problem"
)
"""What `saved_search_of` makes a search of."""

_LIST = f"SELECT {COLUMNS} FROM saved_search WHERE owner = %s ORDER BY id"  # noqa: S608 - columns of ours
_FIND = f"SELECT {COLUMNS} FROM saved_search WHERE id = %s"  # noqa: S608
_COUNT = "SELECT count(*) FROM saved_search WHERE owner = %s"
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('saved_search ' || %s, 0))"
_INSERT = f"""
INSERT INTO saved_search (owner, name, wanted, tell, email, stop_key, created, changed, next_look)
VALUES (%(owner)s, %(name)s, %(wanted)s, %(tell)s, %(email)s, %(stop_key)s, now(), now(),
        CASE WHEN %(tell)s <> 'never' THEN now() END)
    ON CONFLICT (owner, name) DO NOTHING
RETURNING {COLUMNS}
"""  # noqa: S608
_CHANGE = f"""
UPDATE saved_search
   SET name = %(name)s, wanted = %(wanted)s, tell = %(tell)s, email = %(email)s, changed = now(),
       revision = revision + 1, failures = 0, problem = NULL,
       next_look = CASE WHEN %(tell)s <> 'never' THEN now() END
 WHERE id = %(id)s AND NOT EXISTS (SELECT FROM saved_search o
                                    WHERE o.owner = %(owner)s AND o.name = %(name)s AND o.id <> %(id)s)
RETURNING {COLUMNS}
"""  # noqa: S608
_FORGET = (
    "DELETE FROM saved_search_memory WHERE search_id = %s",
    "DELETE FROM saved_search_match WHERE search_id = %s",
    "DELETE FROM saved_search_mail WHERE search_id = %s",
)
_SILENCE = (
    "DELETE FROM saved_search_mail WHERE search_id = %s",
    "UPDATE saved_search_match SET state = 'told' WHERE search_id = %s AND state <> 'told'",
)
_REMOVE = "DELETE FROM saved_search WHERE id = %s"
_SET_KEY = "UPDATE saved_search SET feed_key = %s, changed = now(), revision = revision + 1 WHERE id = %s"
_BY_KEY = f"SELECT {COLUMNS} FROM saved_search WHERE id = %s AND feed_key = %s"  # noqa: S608
_STOP = """
UPDATE saved_search SET tell = 'never', next_look = NULL, changed = now(), revision = revision + 1
 WHERE id = %s AND stop_key = %s
RETURNING name
"""
_IS_STOP = "SELECT name FROM saved_search WHERE id = %s AND stop_key = %s"
_ADDRESS = 'SELECT email FROM "user" WHERE name = %s'


@dataclass(frozen=True, slots=True)
class SavedSearch:
    """A search as it is kept.

    `email` is the address that the user has given, none: that of the catalogue. `problem` is why it could not be looked
    for the last time; none: it could.
    """

    id: int
    owner: str
    name: str
    content: dict[str, Any]
    tell: Tell
    email: str | None
    has_feed: bool
    stop_key: UUID
    created: datetime
    changed: datetime
    revision: int
    looked: datetime | None
    failures: int
    problem: str | None

    @property
    def wanted(self) -> Wanted:
        """What is looked for. Raises `ValidationFailed` when it cannot be read any longer."""
        return from_json(self.content)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user wants of a search."""

    name: str
    wanted: Wanted
    tell: Tell = Tell.NEVER
    email: str | None = None


class SavedSearches:
    """Keeps searches. `mails`: whether mails can be sent at all."""

    def __init__(self, database: Database, settings: SavedSearchSettings, *, mails: bool) -> None:
        self._database = database
        self._settings = settings
        self._mails = mails

    async def list_owned(self, caller: Caller) -> list[SavedSearch]:
        """The caller's searches, in the order in which they were made."""
        async with self._database.connection() as connection:
            rows = await (await connection.execute(_LIST, (caller.name,))).fetchall()
        return [saved_search_of(row) for row in rows]

    async def owned(self, caller: Caller, identifier: int) -> SavedSearch:
        """A search of the caller. Raises `NoSuchObject` for one of somebody else, too."""
        async with self._database.connection() as connection:
            row = await (await connection.execute(_FIND, (identifier,))).fetchone()
        if row is None or row[1] != caller.name:
            raise NoSuchObject("there is no such saved search, or it is not yours")
        return saved_search_of(row)

    async def create(self, caller: Caller, wish: Wish) -> SavedSearch:
        """Keep a search.

        Raises `BadParameter` for what cannot be kept, `AlreadyExists` when the caller has one of that name, and
        `ValidationFailed` when there would be too many.
        """
        values = await self._checked(caller, wish)
        async with self._database.transaction() as connection:
            await connection.execute(_LOCK, (caller.name,))
            count = await (await connection.execute(_COUNT, (caller.name,))).fetchone()
            if count is None or count[0] >= self._settings.max_per_user:
                most = self._settings.max_per_user
                raise ValidationFailed(f"you have {most} saved searches, which is the most there may be; remove some")
            row = await (await connection.execute(_INSERT, {**values, "stop_key": uuid4()})).fetchone()
        if row is None:
            raise _taken(wish.name)
        return saved_search_of(row)

    async def change(self, caller: Caller, identifier: int, wish: Wish) -> SavedSearch:
        """Change a search. When something else is looked for, what is found by then is not new.

        The same when somebody is told again who was not. Raises as `create`, and `NoSuchObject`.
        """
        before = await self.owned(caller, identifier)
        values = {**await self._checked(caller, wish), "id": identifier}
        async with self._database.transaction() as connection:
            row = await (await connection.execute(_CHANGE, values)).fetchone()
            if row is None:
                raise _taken(wish.name)
            changed = saved_search_of(row)
            if changed.content != before.content or (before.tell is Tell.NEVER and not before.has_feed):
                await _execute(connection, _FORGET, identifier)
            elif changed.tell is Tell.NEVER or before.tell is Tell.NEVER:
                await _execute(connection, _SILENCE, identifier)
        return changed

    async def remove(self, caller: Caller, identifier: int) -> None:
        """Forget a search. Raises `NoSuchObject`."""
        caller.require(Scope.WRITE)
        await self.owned(caller, identifier)
        async with self._database.connection() as connection:
            await connection.execute(_REMOVE, (identifier,))

    async def new_feed_key(self, caller: Caller, identifier: int) -> str:
        """A new key for the feed, which cannot be shown again; the former one is no longer one."""
        caller.require(Scope.WRITE)
        before = await self.owned(caller, identifier)
        key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
        async with self._database.transaction() as connection:
            await connection.execute(_SET_KEY, (_digest(key), identifier))
            if not before.has_feed and before.tell is Tell.NEVER:
                await _execute(connection, _FORGET, identifier)
        return key

    async def revoke_feed_key(self, caller: Caller, identifier: int) -> None:
        """There is no feed any longer."""
        caller.require(Scope.WRITE)
        await self.owned(caller, identifier)
        async with self._database.connection() as connection:
            await connection.execute(_SET_KEY, (None, identifier))

    async def of_feed(self, identifier: int, key: str) -> SavedSearch:
        """The search of a feed. Raises `NoSuchObject` unless the key is that of the feed."""
        async with self._database.connection() as connection:
            row = await (await connection.execute(_BY_KEY, (identifier, _digest(key)))).fetchone()
        if row is None:
            raise NoSuchObject("there is no such feed, or its key was revoked")
        return saved_search_of(row)

    async def name_of_stop(self, identifier: int, stop_key: UUID) -> str:
        """The name of the search whose mails can be refused by this key. Raises `NoSuchObject`."""
        return await self._by_stop_key(_IS_STOP, identifier, stop_key)

    async def stop(self, identifier: int, stop_key: UUID) -> str:
        """Send no more mails about a search; its name. Whoever has the key from a mail may say so.

        Raises `NoSuchObject`; saying it twice is no error.
        """
        name = await self._by_stop_key(_STOP, identifier, stop_key)
        async with self._database.transaction() as connection:
            await _execute(connection, _SILENCE, identifier)
        return name

    async def address(self, search: SavedSearch) -> str | None:
        """Where mails about it go at the moment; none: nobody knows."""
        return await self._address(search.owner, search.email)

    async def _by_stop_key(self, statement: str, identifier: int, stop_key: UUID) -> str:
        async with self._database.connection() as connection:
            row = await (await connection.execute(statement.encode(), (identifier, stop_key))).fetchone()
        if row is None:
            raise NoSuchObject("there is no such saved search any longer")
        return str(row[0])

    async def _address(self, owner: str, given: str | None) -> str | None:
        if given is not None and self._settings.any_address:
            return given
        async with self._database.connection() as connection:
            row = await (await connection.execute(_ADDRESS, (owner,))).fetchone()
        try:
            return None if row is None else checked_address(row[0])
        except BadParameter:
            return None

    async def _checked(self, caller: Caller, wish: Wish) -> dict[str, Any]:
        caller.require(Scope.WRITE)
        if not wish.name or wish.name != wish.name.strip() or len(wish.name) > LONGEST_NAME:
            raise BadParameter(f"the name of a search has 1 to {LONGEST_NAME} characters, no blanks around it")
        if not wish.name.isprintable():
            raise BadParameter("the name of a search has only characters that can be printed")
        if wish.email is not None and not self._settings.any_address:
            raise Forbidden("mails go to the address that the catalogue has for you; you cannot give another one")
        email = checked_address(wish.email)
        if wish.tell is not Tell.NEVER:
            if not self._mails:
                raise BadParameter("this facility sends no mails about searches; take the feed")
            if await self._address(caller.name, email) is None:
                raise BadParameter("the catalogue has no e-mail address for you; take the feed, or ask the user office")
        content = json.dumps(to_json(kept(wish.wanted)))
        if len(content) > LONGEST:
            raise BadParameter("this search is too long to be kept")
        return {
            "owner": caller.name,
            "name": wish.name,
            "wanted": content,
            "tell": wish.tell.value,
            "email": email,
        }


def saved_search_of(row: tuple[Any, ...]) -> SavedSearch:
    """The search in a row with these `COLUMNS`, read by a text cursor."""
    identifier, owner, name, content, tell, *rest = row
    return SavedSearch(identifier, owner, name, content, Tell(tell), *rest)


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()


def _taken(name: str) -> AlreadyExists:
    return AlreadyExists(f"you have a saved search named {name} already; choose another name")


async def _execute(connection: Connection, statements: tuple[str, ...], identifier: int) -> None:
    for statement in statements:
        await connection.execute(statement.encode(), (identifier,))
