"""What callers may do: all rules and public steps as one frozen value (ICAT specification E.3 to E.7).

Two callers in the same groups, as far as rules care, get the same `CallerRights`; two callers for whom the same rules
hold get rights with equal keys, so compiled questions are shared between them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from types import MappingProxyType

from beamcat.access.caller import Caller
from beamcat.access.rules import CompiledRule, Operation
from beamcat.model import Entity, Relation
from beamcat.query.rights import Extent, Readable, RuleQuery

RIGHTS_REMEMBERED = 1024
"""Combinations of groups whose rights a rulebook keeps ready."""


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule as the database holds it. `rule` is None when its text no longer compiles: it allows nothing."""

    id: int
    grouping_id: int | None
    rule: CompiledRule | None


@dataclass(frozen=True, slots=True)
class RightsKey:
    """What compiled questions are shared by.

    The edition of the rulebook, the entities of which everything may be read, and the ids of the rules for the others.
    """

    root: bool = False
    edition: str = ""
    everything: frozenset[str] = frozenset()
    rules: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class CallerRights:
    """What a caller may read. Implements `query.rights.Rights`; equal and hashable by `key`."""

    key: RightsKey
    _readable: Mapping[Entity, Readable] = field(repr=False)
    _public_steps: frozenset[tuple[str, str]] = field(repr=False)
    _public_tables: frozenset[str] = field(repr=False)

    def readable(self, entity: Entity) -> Readable:
        """The objects of `entity` that the caller may read."""
        if self.key.root:
            return Extent.EVERYTHING
        return self._readable.get(entity, Extent.NOTHING)

    def step_is_public(self, origin: Entity, relation: Relation) -> bool:
        """Whether INCLUDE may follow `relation` without checking its targets: always for root."""
        return (
            self.key.root
            or relation.target in self._public_tables
            or (origin.name, relation.name) in self._public_steps
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CallerRights) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


class Rulebook:
    """All rules and public steps as they were at one moment. Never changes, apart from answers it keeps ready.

    `edition` names its content: two workers that read the same rules have the same edition.
    """

    def __init__(self, rows: Sequence[RuleRow], public_steps: Iterable[tuple[str, str]]) -> None:
        self.public_steps = frozenset(public_steps)
        self.edition = _edition(rows, self.public_steps)
        self._rules_of: dict[int | None, list[_Rule]] = {}
        for row in _folded(rows):
            self._rules_of.setdefault(row.grouping_id, []).append(row)
        self.public_tables = frozenset(
            row.rule.entity.name
            for row in self._rules_of.get(None, ())
            if row.rule.allows(Operation.READ) and not row.rule.restricted
        )
        self._ready: OrderedDict[frozenset[int], _Applicable] = OrderedDict()
        self._root_rights = CallerRights(RightsKey(root=True), MappingProxyType({}), frozenset(), frozenset())

    def rights(self, caller: Caller) -> CallerRights:
        """What the caller may read, for the compiler."""
        return self._root_rights if caller.root else self._applicable(caller).rights

    def applicable(self, caller: Caller, entity: Entity, operation: Operation) -> Readable:
        """The objects of `entity` on which the caller may do the operation (E.3, E.4)."""
        if caller.root:
            return Extent.EVERYTHING
        if operation is Operation.READ:
            return self._applicable(caller).rights.readable(entity)
        return self._applicable(caller).others.get((entity, operation, None), Extent.NOTHING)

    def attribute_rules(self, caller: Caller, entity: Entity, attribute: str) -> Readable:
        """The objects of `entity` of which the caller may update this member, by the rules for it alone (E.7).

        Rules for full updates are not among them: ask `applicable` first.
        """
        if caller.root:
            return Extent.EVERYTHING
        return self._applicable(caller).others.get((entity, Operation.UPDATE, attribute), Extent.NOTHING)

    def _applicable(self, caller: Caller) -> _Applicable:
        groups = frozenset(group for group in caller.groups if group in self._rules_of)
        ready = self._ready.get(groups)
        if ready is None:
            rules = [rule for group in (None, *groups) for rule in self._rules_of.get(group, ())]
            ready = self._ready[groups] = self._apply(sorted(rules, key=lambda rule: rule.position))
            if len(self._ready) > RIGHTS_REMEMBERED:
                self._ready.popitem(last=False)
        self._ready.move_to_end(groups)
        return ready

    def _apply(self, rules: Sequence[_Rule]) -> _Applicable:
        by_purpose: dict[_Purpose, dict[int, CompiledRule]] = {}
        for each in rules:
            for operation in Operation:
                if each.rule.allows(operation):
                    purpose = (each.rule.entity, operation, each.rule.attribute)
                    by_purpose.setdefault(purpose, {})[each.same_as] = each.rule
        extents = {purpose: _extent(same.values()) for purpose, same in by_purpose.items()}
        readable = {entity: extent for (entity, operation, _), extent in extents.items() if operation is Operation.READ}
        rights = CallerRights(
            self._key(readable, by_purpose),
            MappingProxyType(readable),
            self.public_steps,
            self.public_tables,
        )
        return _Applicable(rights, MappingProxyType(extents))

    def _key(
        self, readable: Mapping[Entity, Readable], by_purpose: Mapping[_Purpose, Mapping[int, CompiledRule]]
    ) -> RightsKey:
        restricted = [entity for entity, extent in readable.items() if extent is not Extent.EVERYTHING]
        return RightsKey(
            edition=self.edition,
            everything=frozenset(e.name for e, extent in readable.items() if extent is Extent.EVERYTHING),
            rules=frozenset(id for entity in restricted for id in by_purpose[entity, Operation.READ, None]),
        )


_Purpose = tuple[Entity, Operation, str | None]


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule that compiles. `same_as` is the first rule with its text; `position` sorts shorter texts first."""

    grouping_id: int | None
    rule: CompiledRule
    same_as: int
    position: tuple[int, str, int]


@dataclass(frozen=True, slots=True)
class _Applicable:
    rights: CallerRights
    others: Mapping[_Purpose, Readable]


def _folded(rows: Sequence[RuleRow]) -> list[_Rule]:
    """Rules with the same text get the same identity: a query per group would be asked over and over."""
    first: dict[str, int] = {}
    rules = []
    for row in sorted(rows, key=lambda row: row.id):
        if row.rule is not None:
            text = row.rule.what.strip()
            same_as = first.setdefault(text, row.id)
            rules.append(_Rule(row.grouping_id, row.rule, same_as, (len(text), text, row.id)))
    return rules


def _extent(rules: Iterable[CompiledRule]) -> Readable:
    queries = []
    for rule in rules:
        if not rule.restricted:
            return Extent.EVERYTHING
        queries.append(RuleQuery(rule.entity, rule.query))
    return tuple(queries)


def _edition(rows: Sequence[RuleRow], public_steps: frozenset[tuple[str, str]]) -> str:
    digest = blake2b(digest_size=16)
    for row in sorted(rows, key=lambda row: row.id):
        rule = row.rule and (row.rule.crud_flags, row.rule.what)
        digest.update(repr((row.id, row.grouping_id, rule)).encode())
    digest.update(repr(sorted(public_steps)).encode())
    return digest.hexdigest()
