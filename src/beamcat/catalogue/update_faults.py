"""What is wrong with the new values of existing objects (ICAT specification F.1, F.4, F.5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from beamcat.catalogue.drafts import Draft
from beamcat.catalogue.faults import Fault, Rank, nothing_there
from beamcat.catalogue.lookups import missing
from beamcat.catalogue.parameter_values import parameter_problem, parameter_rules, type_not_set
from beamcat.catalogue.rights_rows import check_public_step, derived_rule_values
from beamcat.catalogue.rows import is_enumerated, must_not_be_null, not_enumerated, too_long
from beamcat.catalogue.stored import Stored, checked_together
from beamcat.database.pool import Connection
from beamcat.errors import BeamcatError
from beamcat.model import ENTITIES, Attribute, Entity, Kind, ToMany

Named = tuple[int, int, Draft]
"""The index of the client's element, the id of the object, and the members it is to have."""


async def value_faults(
    connection: Connection, entity: Entity, updates: Sequence[Named], stored: dict[int, Stored]
) -> list[Fault]:
    """The first fault of each sort, except clashes of keys, which the database finds. All objects are in `stored`."""
    faults = await _dangling(connection, entity, updates)
    if checked_together(entity):
        faults += await _special(connection, entity, updates, stored)
    for offset, _, draft in updates:
        error = _invalid(entity, draft)
        if error is not None:
            faults.append(Fault(offset, Rank.VALIDITY, error))
            break
    return faults


async def _dangling(connection: Connection, entity: Entity, updates: Sequence[Named]) -> list[Fault]:
    faults = []
    for relation in entity.to_one:
        target = ENTITIES[relation.target]
        named = [(offset, draft.to_one.get(relation.name)) for offset, _, draft in updates]
        pointed = [(offset, reference.id) for offset, reference in named if reference is not None]
        absent = await missing(connection, target, {identifier for _, identifier in pointed})
        faults += [
            Fault(offset, Rank.REFERENCE, nothing_there(target, key)) for offset, key in pointed if key in absent
        ]
    return faults


async def _special(
    connection: Connection, entity: Entity, updates: Sequence[Named], stored: dict[int, Stored]
) -> list[Fault]:
    """What parameter types say of parameters; what the compiler says of rules and the model of public steps."""
    after = [(offset, _after(stored[key], draft)) for offset, key, draft in updates]
    if entity.parameter_of is not None:
        return await _parameter_faults(connection, entity, after)
    return list(_rights_faults(entity, after))


def _after(before: Stored, draft: Draft) -> Stored:
    pointed = {name: None if target is None else target.id for name, target in draft.to_one.items()}
    return {**before, **draft.values, **pointed}


async def _parameter_faults(connection: Connection, entity: Entity, after: Sequence[tuple[int, Stored]]) -> list[Fault]:
    rules = await parameter_rules(connection, entity, {values["type"] for _, values in after} - {None})
    for offset, values in after:
        error: BeamcatError | None = None
        if values["type"] is None:
            error = type_not_set()
        elif values["type"] in rules:  # else it points at nothing, which is another fault
            rule = rules[values["type"]]
            numeric, string = values["numericValue"], values["stringValue"]
            error = parameter_problem(entity, rule, numeric, string, check_applicable=False)
        if error is not None:
            return [Fault(offset, Rank.SPECIAL, error)]
    return []


def _rights_faults(entity: Entity, after: Sequence[tuple[int, Stored]]) -> Iterator[Fault]:
    for offset, values in after:
        try:
            if entity.name == "Rule":
                derived_rule_values(values["crudFlags"], values["what"])
            else:
                check_public_step(values["origin"], values["field"])
        except BeamcatError as error:
            yield Fault(offset, Rank.SPECIAL, error)
            return


def _invalid(entity: Entity, draft: Draft) -> BeamcatError | None:
    """The first named member that must not be null, else the first that is too long, in alphabetical order."""
    named: dict[str, Any] = {**draft.values, **draft.to_one}
    lengths = []
    for name in sorted(named):
        member = entity.members[name]
        assert not isinstance(member, ToMany)
        value = named[name]
        is_flag = isinstance(member, Attribute) and member.kind is Kind.BOOLEAN
        if value is None and member.required and not is_flag:
            return must_not_be_null(entity, name)
        if isinstance(member, Attribute) and value is not None:
            if member.length is not None and len(value) > member.length:
                lengths.append((name, member.length))
            if not is_enumerated(member, value):
                return not_enumerated(entity, member)
    return too_long(entity, *lengths[0]) if lengths else None
