"""All rules as an administrator sees them: with the groups they are for, those that are no longer valid included."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from beamcat.access.caller import Caller
from beamcat.access.rulebook import Rulebook, RuleRow
from beamcat.access.rulebooks import read_caller
from beamcat.access.rules import CompiledRule, Operation, compile_rule
from beamcat.database.pool import Connection
from beamcat.errors import BeamcatError, NoSuchObject
from beamcat.model import Attribute, Entity, Relation, icat_entity
from beamcat.query.rights import RuleQuery

_RULES = """
SELECT r.id, r.grouping_id, g.name, r.crud_flags, r.what, r.bean
  FROM rule r
  LEFT JOIN grouping g ON g.id = r.grouping_id
 ORDER BY r.id
"""
_PUBLIC_STEPS = "SELECT origin, field FROM public_step ORDER BY origin, field"
_GROUPS = "SELECT name FROM grouping WHERE id = ANY(%s::bigint[]) ORDER BY name"


@dataclass(frozen=True, slots=True)
class Group:
    """A `Grouping` that rules are for."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A rule as it was written. `group` None: it is for everybody.

    `rule` is None when its text is not valid (any more), and `problem` says why: such a rule allows nothing.
    `entity` is the name of the entity it speaks of, None when that cannot be told.
    """

    id: int
    group: Group | None
    crud_flags: str
    what: str
    entity: str | None
    rule: CompiledRule | None
    problem: str | None = None

    def allows(self, entity: Entity, operation: Operation) -> bool:
        """Whether the rule is about this operation on objects of this entity, or on a member of them."""
        return self.rule is not None and self.rule.entity is entity and self.rule.allows(operation)

    def is_for(self, caller: Caller) -> bool:
        """Whether the caller is among those whom the rule is for."""
        return self.group is None or self.group.id in caller.groups

    @property
    def group_id(self) -> int | None:
        """The id of the group; None when the rule is for everybody."""
        return None if self.group is None else self.group.id

    @property
    def is_public(self) -> bool:
        """Whether it makes its entity a public table: everybody reads all of it, and may follow every step to it."""
        rule = self.rule
        return self.group is None and rule is not None and not rule.restricted and rule.allows(Operation.READ)

    @property
    def query(self) -> RuleQuery:
        """The rule for the compiler. Only for valid ones."""
        assert self.rule is not None
        return RuleQuery(self.rule.entity, self.rule.query)


@dataclass(frozen=True, slots=True)
class StoredRules:
    """Every rule by id, every public step, and the rulebook they make, as they were at one moment."""

    rules: tuple[StoredRule, ...]
    public_steps: tuple[tuple[str, str], ...]
    rulebook: Rulebook

    def about(self, entity: Entity, operation: Operation) -> tuple[StoredRule, ...]:
        """The valid rules about this operation on this entity, whomever they are for."""
        return tuple(rule for rule in self.rules if rule.allows(entity, operation))

    def steps_to(self, entity: Entity) -> list[tuple[Entity, Relation]]:
        """The public steps that end at objects of the entity: where they start, and the relation they follow."""
        found: list[tuple[Entity, Relation]] = []
        for origin_name, field in self.public_steps:
            origin = icat_entity(origin_name)
            relation = origin.members[field]
            if not isinstance(relation, Attribute) and relation.target == entity.name:
                found.append((origin, relation))
        return found

    def select(
        self, *, entity: str | None = None, group: str | None = None, caller: Caller | None = None
    ) -> tuple[StoredRule, ...]:
        """The rules about an entity, for a group, or those that are for a caller.

        Raises `BadParameter` for an entity that does not exist.
        """
        wanted = None if entity is None else icat_entity(entity).name
        return tuple(
            rule
            for rule in self.rules
            if (wanted is None or rule.entity == wanted)
            and (group is None or (rule.group is not None and rule.group.name == group))
            and (caller is None or rule.is_for(caller))
        )


@dataclass(frozen=True, slots=True)
class KnownUser:
    """Somebody rules are asked about: the caller, and the names of the groups. `in_catalogue`: there is a `User`."""

    caller: Caller
    groups: tuple[str, ...]

    @property
    def in_catalogue(self) -> bool:
        """Whether there is a `User` of that name. Without one there are no groups, and `:user` finds nobody."""
        return self.caller.user_id is not None


async def read_rules(connection: Connection) -> StoredRules:
    """The rules and public steps. Compiling thousands of them takes a moment, in which others are served."""
    rows = await (await connection.execute(_RULES)).fetchall()
    steps = await (await connection.execute(_PUBLIC_STEPS)).fetchall()
    rules = await asyncio.to_thread(_compiled, rows)
    book = Rulebook([RuleRow(rule.id, rule.group_id, rule.rule) for rule in rules], steps)
    return StoredRules(rules, tuple((origin, field) for origin, field in steps), book)


async def read_user(connection: Connection, name: str, root_user_names: Collection[str]) -> KnownUser:
    """The user of that name (as in sessions, `db/ann`) with the groups; it need not be one the catalogue knows."""
    caller = await read_caller(connection, name, root_user_names)
    groups = await (await connection.execute(_GROUPS, (list(caller.groups),))).fetchall()
    return KnownUser(caller, tuple(row[0] for row in groups))


async def check_group(connection: Connection, name: str) -> None:
    """Raise `NoSuchObject` unless there is a `Grouping` of that name."""
    found = await connection.execute("SELECT FROM grouping WHERE name = %s", (name,))
    if await found.fetchone() is None:
        raise NoSuchObject(f"there is no grouping {name}")


def _compiled(rows: list[tuple[int, int | None, str | None, str, str, str | None]]) -> tuple[StoredRule, ...]:
    known: dict[tuple[str, str], tuple[CompiledRule | None, str | None]] = {}
    rules = []
    for identifier, group_id, group_name, flags, what, bean in rows:
        if (flags, what) not in known:
            known[flags, what] = _compile(flags, what)
        rule, problem = known[flags, what]
        group = None if group_id is None or group_name is None else Group(group_id, group_name)
        entity = bean if rule is None else rule.entity.name
        rules.append(StoredRule(identifier, group, flags, what, entity, rule, problem))
    return tuple(rules)


def _compile(flags: str, what: str) -> tuple[CompiledRule | None, str | None]:
    try:
        return compile_rule(flags, what), None
    except BeamcatError as error:
        return None, error.message
