"""May this caller do that to these objects? One query per entity type and operation (ICAT specification E.3, E.4)."""

from __future__ import annotations

from collections.abc import Collection

from beamcat.access.rules import Operation
from beamcat.catalogue.writing import Writing
from beamcat.errors import Forbidden
from beamcat.model import Entity
from beamcat.query.rights import Extent, Readable
from beamcat.query.run import run_statement


async def denied(writing: Writing, operation: Operation, entity: Entity, ids: Collection[int]) -> set[int]:
    """Those of the ids for which no rule lets the caller do it.

    An id that does not exist is denied unless everything is allowed.
    """
    extent = writing.rulebook.applicable(writing.caller, entity, operation)
    return set(ids) - await _allowed(writing, entity, ids, extent)


async def denied_member(writing: Writing, entity: Entity, member: str, ids: Collection[int]) -> set[int]:
    """Those of the ids for which no rule for this member alone lets the caller update it (section E.7)."""
    extent = writing.rulebook.attribute_rules(writing.caller, entity, member)
    return set(ids) - await _allowed(writing, entity, ids, extent)


def sees_any_of(writing: Writing, operation: Operation, entity: Entity, written: Collection[str]) -> bool:
    """Whether the rules for it may look at other objects of the entities that are `written` in the same call."""
    extent = writing.rulebook.applicable(writing.caller, entity, operation)
    return not isinstance(extent, Extent) and not writing.memory.entities_seen(entity, extent).isdisjoint(written)


def sees_any_for_member(writing: Writing, entity: Entity, member: str, written: Collection[str]) -> bool:
    """The same for updating one member."""
    extent = writing.rulebook.attribute_rules(writing.caller, entity, member)
    return not isinstance(extent, Extent) and not writing.memory.entities_seen(entity, extent).isdisjoint(written)


def refusal(operation: Operation, entity: Entity, offset: int | None) -> Forbidden:
    """The error for an operation that no rule allows."""
    return Forbidden(f"{operation.name} access to this {entity.name} is not allowed.", offset)


async def _allowed(writing: Writing, entity: Entity, ids: Collection[int], extent: Readable) -> set[int]:
    if extent is Extent.EVERYTHING or not ids:
        return set(ids)
    if extent is Extent.NOTHING:
        return set()
    statement = writing.memory.statement(entity, extent)
    return {row[0] for row in await run_statement(writing.connection, statement, writing.caller, list(ids))}
