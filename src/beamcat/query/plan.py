"""A compiled question: SQL, the shape of its rows, and what is fetched along with them."""

from __future__ import annotations

from dataclasses import dataclass

from beamcat.database.naming import quoted, table_name
from beamcat.model import Entity, Relation, ToMany, ToOne
from beamcat.query.result import Column, stored_attributes
from beamcat.query.scope import Table
from beamcat.query.sql import Statement


@dataclass(frozen=True, slots=True)
class IncludePlan:
    """One relation that is brought along: a statement over the ids of all objects it starts from.

    A row holds the stored attributes of the target, then the foreign keys its own includes need, then, for a to-many
    relation, the id of the object it belongs to. `key` is the position of the foreign key in the rows of the origin,
    for a to-one relation. `statement` is None when the caller may read nothing of the target.
    """

    relation: Relation
    entity: Entity
    key: int | None
    statement: Statement | None
    includes: tuple[IncludePlan, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """Where one column of the answer lies in a row: an entity takes `width` cells, a value takes one."""

    first: int
    width: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A search, ready to run for every caller with the same rights. `statement` None: the answer is empty."""

    statement: Statement | None
    columns: tuple[Column, ...]
    parts: tuple[Part, ...]
    includes: tuple[IncludePlan, ...]


@dataclass(frozen=True, slots=True)
class GetPlan:
    """One object by id. The last cell of its row says whether the caller may read it."""

    entity: Entity
    statement: Statement
    includes: tuple[IncludePlan, ...]


def entity_columns(table: Table, foreign_keys: tuple[ToOne, ...]) -> list[str]:
    """The SQL columns of an object: stored attributes, then the foreign keys that are needed."""
    stored = [table.column(attribute) for attribute in stored_attributes(table.entity)]
    return [*stored, *(table.column(relation) for relation in foreign_keys)]


def to_one_relations(relations: tuple[Relation, ...]) -> tuple[ToOne, ...]:
    """Those of the relations that are kept as foreign keys, in order."""
    return tuple(relation for relation in relations if isinstance(relation, ToOne))


def back_reference(relation: ToMany, target: Table) -> str:
    """SQL of the foreign key on `target` that makes it a member of the to-many relation."""
    back = target.entity.fields[relation.by]
    assert isinstance(back, ToOne)
    return target.column(back)


def table_sql(table: Table) -> str:
    """The table with its alias, as it stands in FROM."""
    return f"{quoted(table_name(table.entity))} {table.alias}"
