"""Who may read one object, by each rule: everybody, the members of a group, or users found by the rule's condition.

A rule that asks for the caller is put to the database for all users at once, its own SQL with the caller's name and id
replaced by the columns of `user`: one statement per rule, whatever its shape.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from psycopg import errors

from beamcat.access.caller import Caller
from beamcat.access.explain import SECONDS, check_there, held, limit_seconds
from beamcat.access.rules import Operation
from beamcat.access.stored_rules import StoredRule, read_rules
from beamcat.database.pool import Connection, Database
from beamcat.errors import BeamcatError, TimedOut
from beamcat.model import Entity
from beamcat.query.asked import asks_for_the_caller, compile_users
from beamcat.query.compile import compile_allowed
from beamcat.query.rights import Extent, Readable
from beamcat.query.run import run_statement

NAMED_AT_MOST = 20
"""Users of one rule whose names are told; the others are counted."""

_NOBODY = Caller("")


class Audience(Enum):
    """To whom a rule opens an object."""

    EVERYBODY = "everybody"
    """Whoever has a session, anonymous ones too."""
    MEMBERS = "members"
    """Every member of the rule's group."""
    USERS = "users"
    """Those users, and members of the rule's group, for whom its condition holds."""
    NOBODY = "nobody"
    UNKNOWN = "unknown"
    """The database could not tell: `problem` says why."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A user of the catalogue."""

    name: str
    full_name: str | None


@dataclass(frozen=True, slots=True)
class RuleReaders:
    """To whom one rule opens the object: the first of the users by name, and how many there are.

    Users without a `User` in the catalogue are not counted.
    """

    rule: StoredRule
    audience: Audience
    users: tuple[Reader, ...] = ()
    count: int = 0
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Readers:
    """Who may read an object. `steps` are the public steps that lead to it, as (origin, field)."""

    entity: Entity
    id: int
    everybody: bool
    root_user_names: tuple[str, ...]
    rules: tuple[RuleReaders, ...]
    steps: tuple[tuple[str, str], ...]


async def readers(
    database: Database,
    root_user_names: Collection[str],
    entity: Entity,
    identifier: int,
    *,
    most: int = NAMED_AT_MOST,
    seconds: float = SECONDS,
) -> Readers:
    """Who may read the object, rule by rule; at most `most` users of each are named.

    A rule that takes longer than `seconds` is left open. Raises `NoSuchObject` when there is no such object.
    """
    async with database.snapshot() as connection:
        await limit_seconds(connection, seconds)
        await check_there(connection, entity, identifier)
        rules = await read_rules(connection)
        found = [await _readers_of(connection, rule, identifier, most) for rule in rules.about(entity, Operation.READ)]
    found.sort(key=lambda each: (list(Audience).index(each.audience), each.rule.id))
    return Readers(
        entity,
        identifier,
        any(each.audience is Audience.EVERYBODY for each in found),
        tuple(sorted(root_user_names)),
        tuple(found),
        tuple((origin.name, relation.name) for origin, relation in rules.steps_to(entity)),
    )


async def _readers_of(connection: Connection, rule: StoredRule, identifier: int, most: int) -> RuleReaders:
    assert rule.rule is not None
    allowed: Readable = (rule.query,) if rule.rule.restricted else Extent.EVERYTHING
    statement = compile_allowed(rule.rule.entity, allowed)
    try:
        if asks_for_the_caller(statement):
            return await _users(connection, rule, allowed, identifier, most)
        if not await held(connection, statement, _NOBODY, identifier):
            return RuleReaders(rule, Audience.NOBODY)
        if rule.group is None:
            return RuleReaders(rule, Audience.EVERYBODY)
        return await _users(connection, rule, Extent.EVERYTHING, identifier, most)
    except BeamcatError as error:
        return RuleReaders(rule, Audience.UNKNOWN, problem=error.message)


async def _users(
    connection: Connection, rule: StoredRule, allowed: Readable, identifier: int, most: int
) -> RuleReaders:
    assert rule.rule is not None
    statement = compile_users(rule.rule.entity, allowed, rule.group_id, most)
    try:
        async with connection.transaction():
            rows = await run_statement(connection, statement, _NOBODY, [identifier])
    except errors.QueryCanceled as error:
        raise TimedOut("it takes too long") from error
    if not rows:
        return RuleReaders(rule, Audience.NOBODY)
    audience = Audience.MEMBERS if allowed is Extent.EVERYTHING else Audience.USERS
    return RuleReaders(rule, audience, tuple(Reader(name, full) for name, full, _ in rows), rows[0][2])
