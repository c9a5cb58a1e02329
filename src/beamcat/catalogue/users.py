"""People made known to the catalogue, and taken out of it, by an administrator.

A user is a `User` of the catalogue and, for the `db` authenticator, an account. The `User` is made first and with all
its memberships, the account last: whoever is stopped in between does the same again, which makes what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from beamcat.access.accounts import COMMAND_LINE, Ended, has_account, insert_account, new_password, remove_account
from beamcat.access.caller import Caller
from beamcat.access.user_names import Named
from beamcat.catalogue.catalogue import Catalogue
from beamcat.catalogue.drafts import Change, Draft, Element, Reference
from beamcat.database.naming import column_name, quoted
from beamcat.database.pool import Database
from beamcat.errors import AlreadyExists, NoSuchObject
from beamcat.model import ICAT_ENTITIES, Attribute

ADMINISTRATOR = Caller(COMMAND_LINE, root=True)
"""As whom the command line writes to the catalogue."""

USER = ICAT_ENTITIES["User"]
_MEMBERSHIP = ICAT_ENTITIES["UserGroup"]
_GROUPING = ICAT_ENTITIES["Grouping"]


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of a new user: attributes of `User` by their names, and the groupings to be a member of."""

    attributes: dict[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Stored:
    """A `User` that is there already: the attributes a new one would get, and the ids of the groupings."""

    id: int
    attributes: dict[str, str | None]
    groups: frozenset[int]


async def add_user(database: Database, catalogue: Catalogue, name: Named, person: Person, password: str | None) -> None:
    """Make the `User` with its memberships and, with a password, the account. What is there already is completed.

    Nothing is made when something is wrong: `AlreadyExists` when there is nothing left to make, or when the `User` is
    there and differs from what is said; `NoSuchObject` for an unknown grouping; `BadParameter` for an unusable name or
    password.
    """
    (user_name,) = name.users
    stored_password = None
    if password is not None and name.account is not None:
        stored_password = await new_password(name.account, password)
        if await has_account(database, name.account):
            raise AlreadyExists(
                f"there is an account {name.account} already; `beamcat user passwd` changes its password"
            )
    groups = await _group_ids(database, person.groups)
    steps = _steps(user_name, person, groups, await _stored(database, user_name, person))
    if steps:
        await catalogue.write(ADMINISTRATOR, steps)
    elif stored_password is None:
        raise AlreadyExists(f"there is a User {user_name} already")
    if stored_password is not None and name.account is not None:
        await insert_account(database, name.account, stored_password)


async def remove_user(database: Database, catalogue: Catalogue, name: Named, *, with_user: bool) -> tuple[Ended, int]:
    """Take account, sessions and tokens of a user, and with `with_user` the `User`s themselves; how many of these.

    With a `User` goes everything that belongs to it. Raises `NoSuchObject` when there is nothing to take.
    """
    found = await _user_ids(database, name.users)
    ended = await remove_account(database, name.account, name.users)
    if with_user and found:
        await catalogue.delete(ADMINISTRATOR, [Reference(USER, identifier) for identifier in found])
    elif not ended.anything:
        raise NoSuchObject(_nothing_of(name, known=bool(found)))
    return ended, len(found) if with_user else 0


def _nothing_of(name: Named, *, known: bool) -> str:
    whom = " or ".join(name.users) or name.account
    if known:
        return f"{whom} has no account, sessions or tokens; --with-user removes the User"
    return f"there is no account {name.account}" if name.account else f"there is no user {whom}"


def _steps(user_name: str, person: Person, groups: dict[str, int], stored: _Stored | None) -> Sequence[Element]:
    """What is to be written to have the person in the catalogue."""
    if stored is None:
        members = [Draft(_MEMBERSHIP, to_one={"grouping": _grouping(group)}) for group in groups.values()]
        return [Draft(USER, {"name": user_name, **person.attributes}, to_many={"userGroups": members})]
    for attribute, value in person.attributes.items():
        if stored.attributes[attribute] not in {None, value}:
            raise AlreadyExists(
                f"there is a User {user_name} already, and its {attribute} is {stored.attributes[attribute]}"
            )
    missing = {name: value for name, value in person.attributes.items() if stored.attributes[name] is None}
    steps: list[Element] = [Change(USER, stored.id, Draft(USER, dict(missing)))] if missing else []
    user = Reference(USER, stored.id)
    steps += [
        Draft(_MEMBERSHIP, to_one={"user": user, "grouping": _grouping(group)})
        for group in groups.values()
        if group not in stored.groups
    ]
    return steps


def _grouping(identifier: int) -> Reference:
    return Reference(_GROUPING, identifier)


async def _group_ids(database: Database, names: Sequence[str]) -> dict[str, int]:
    async with database.connection() as conn:
        cursor = await conn.execute("SELECT name, id FROM grouping WHERE name = ANY(%s::text[])", (list(names),))
        found: dict[str, int] = dict(await cursor.fetchall())
    missing = sorted(set(names) - found.keys())
    if missing:
        raise NoSuchObject(f"there is no grouping {', '.join(missing)}; nothing was made")
    return found


async def _user_ids(database: Database, names: Sequence[str]) -> list[int]:
    async with database.connection() as conn:
        cursor = await conn.execute('SELECT id FROM "user" WHERE name = ANY(%s::text[]) ORDER BY id', (list(names),))
        return [row[0] for row in await cursor.fetchall()]


async def _stored(database: Database, user_name: str, person: Person) -> _Stored | None:
    names = list(person.attributes)
    columns = [f"u.{quoted(_column(name))}" for name in names]
    groups = "ARRAY(SELECT m.grouping_id FROM user_group m WHERE m.user_id = u.id)"
    async with database.connection() as conn:
        cursor = await conn.execute(
            f'SELECT {", ".join(["u.id", groups, *columns])} FROM "user" u WHERE u.name = %s', (user_name,)
        )
        row = await cursor.fetchone()
    if row is None:
        return None
    identifier, member_of, *values = row
    return _Stored(identifier, dict(zip(names, values, strict=True)), frozenset(member_of))


def _column(name: str) -> str:
    member = USER.fields[name]
    assert isinstance(member, Attribute)
    return column_name(member)
