"""From rules to what has to be asked of the database, and of the documents.

Each alternative of a rule is followed along its relations for as long as documents hold ids of what lies there:
"datafiles of datasets of investigations of which the caller is a user" comes to a set of investigations. What is said
of the object itself becomes a condition on fields of its document, or a set of its own ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from beamcat.model import Entity, icat_entity
from beamcat.query.rights import RuleQuery
from beamcat.query.rule_shapes import shorten
from beamcat.search.question import Has
from beamcat.search.rights.held import Held, Way, held, is_branched, is_sure, leads_somewhere
from beamcat.search.rights.own_fields import Made, own_predicate
from beamcat.search.rights.splitting import alternatives, factors, through_many
from beamcat.search.rights.statements import Reading, reading

SHARED_SETS = 8
"""Sets of ids on one field that do not depend on the caller are kept apart, up to so many."""


@dataclass(frozen=True)
class Fields:
    """A condition on the documents alone."""

    made: Made


@dataclass(frozen=True)
class Ids:
    """The field holds one of the ids that are read; when these cannot be had, `otherwise` lets through no less."""

    field: Held
    reading: Reading
    otherwise: Plan


@dataclass(frozen=True)
class Every:
    """All parts."""

    parts: tuple[Plan, ...]


@dataclass(frozen=True)
class Either:
    """Any part."""

    parts: tuple[Plan, ...]


Plan = Fields | Ids | Every | Either

ALL = Every(())
"""All documents."""


def planned(entity: str, rules: Sequence[RuleQuery], most: int) -> Plan:
    """The plan for documents of `entity` that any of the rules allows; sets have at most `most` ids."""
    planner = _Planner(entity, most)
    found: list[Plan] = []
    for rule in rules:
        plan = planner.rule(rule, ())
        assert plan is not None  # there is always the id of the document
        found += plan.parts if isinstance(plan, Either) else [plan]
    return Either(tuple(_together(found, most)))


class _Planner:
    """Plans for documents of one entity."""

    def __init__(self, entity: str, most: int) -> None:
        self.documents = entity
        self.most = most

    def rule(self, rule: RuleQuery, way: Way) -> Plan | None:
        """The plan for a rule about what lies at the end of the way; None: documents do not hold enough for it."""
        some = alternatives(rule)
        if some is None:
            return self._ids(rule, way, ALL)
        found = [self._alternative(each, way) for each in some]
        known = [plan for plan in found if plan is not None]
        return either(known) if len(known) == len(found) else None

    def _alternative(self, rule: RuleQuery, way: Way) -> Plan | None:
        parts = factors(rule)
        if not parts:
            return self._anything(way)
        found = [self._factor(part, way) for part in parts]
        known = [plan for plan in found if plan is not None]
        # where a way is branched, all has to hold for the same one of several objects
        if len(known) == len(found) and (len(found) == 1 or not is_branched(self.documents, way)):
            return every(known)
        return self._ids(rule, way, every(known))

    def _factor(self, rule: RuleQuery, way: Way) -> Plan | None:
        if not way:
            own = own_predicate(rule)
            if own is not None:
                return Fields(own)
        shorter = shorten(rule)
        relation, further = (shorter.relation.name, shorter.rule) if shorter is not None else (None, rule)
        if relation is None:
            through = through_many(rule)
            if through is None:
                return None
            relation, further = through[0].name, through[1]
        onward = (*way, relation)
        return self.rule(further, onward) if leads_somewhere(self.documents, onward) else None

    def _ids(self, rule: RuleQuery, way: Way, otherwise: Plan) -> Plan | None:
        field = held(self.documents, way)
        return None if field is None else Ids(field, reading(rule.entity, (rule,), self.most), otherwise)

    def _anything(self, way: Way) -> Plan | None:
        if is_sure(self.documents, way):
            return ALL
        field = held(self.documents, way)
        return None if field is None else Fields(lambda now: Has(field.field))


def every(parts: Sequence[Plan]) -> Plan:
    """All parts."""
    return parts[0] if len(parts) == 1 else Every(tuple(parts))


def either(parts: Iterable[Plan]) -> Plan:
    """Any part; alternatives of alternatives are alternatives."""
    flat = [each for part in parts for each in (part.parts if isinstance(part, Either) else (part,))]
    return flat[0] if len(flat) == 1 else Either(tuple(flat))


def _together(plans: Iterable[Plan], most: int) -> list[Plan]:
    """Alternatives on the same field are read by one statement, but for what all callers share."""
    sets: dict[tuple[str, bool], list[Ids]] = {}
    rest: list[Plan] = []
    for plan in plans:
        if isinstance(plan, Ids):
            sets.setdefault((plan.field.field, plan.reading.asks_for_the_caller), []).append(plan)
        else:
            rest.append(plan)
    for (_, callers_own), some in sets.items():
        different = list({each.reading.statement: each for each in some}.values())
        rest += [_one(different, most)] if callers_own or len(different) > SHARED_SETS else different
    return rest


def _one(sets: Sequence[Ids], most: int) -> Ids:
    if len(sets) == 1:
        return sets[0]
    rules = tuple(rule for each in sets for rule in each.reading.rules)
    entity: Entity = icat_entity(sets[0].reading.entity.name)
    return Ids(sets[0].field, reading(entity, rules, most), either([each.otherwise for each in sets]))
