"""The FROM clause of one (sub)query: variables, joins, and the inner joins that paths imply (section D.4)."""

from __future__ import annotations

from dataclasses import dataclass

from beamcat.database.naming import column_name, quoted, table_name
from beamcat.errors import BadParameter
from beamcat.model import Attribute, Entity, Relation, ToMany, ToOne, icat_entity
from beamcat.query.sql import Parameters
from beamcat.query.tree import FromEntity, FromPath, Path, Source


@dataclass(frozen=True, slots=True)
class Table:
    """One occurrence of an entity's table in a statement."""

    entity: Entity
    alias: str

    @property
    def id(self) -> str:
        """SQL of the id."""
        return f"{self.alias}.id"

    def column(self, member: Attribute | ToOne) -> str:
        """SQL of an attribute or of a relation's foreign key."""
        return f"{self.alias}.{quoted(column_name(member))}"


def relation_of(entity: Entity, name: str) -> Relation:
    """The relation of that name; `BadParameter` when the entity has none."""
    member = entity.fields.get(name)
    if member is None or isinstance(member, Attribute):
        raise BadParameter(f"{entity.name} has no relationship field {name}")
    return member


def target_of(relation: Relation) -> Entity:
    """The entity at the other end."""
    return icat_entity(relation.target)


def link(origin: Table, relation: Relation, target: Table) -> str:
    """The SQL condition that ties `target` to `origin` along the relation."""
    if isinstance(relation, ToOne):
        return f"{target.id} = {origin.column(relation)}"
    back = target.entity.fields[relation.by]
    assert isinstance(back, ToOne)
    return f"{target.column(back)} = {origin.id}"


class Scope:
    """Variables and joins of one (sub)query, within those of the query around it.

    Joins are gathered while paths are resolved; `from_sql` and `links` are read last.
    """

    def __init__(self, parameters: Parameters, parent: Scope | None = None) -> None:
        self.parameters = parameters
        self.parent = parent
        self.variables: dict[str, Table] = {}
        self.links: list[str] = []
        """Conditions that tie the first tables to an outer query; they belong into WHERE."""
        self._items: list[str] = []
        self._joined: dict[tuple[str, str], Table] = {}

    # -- declaring ---------------------------------------------------------------------------------

    def declare(self, source: Source) -> None:
        """Add one source of the FROM clause."""
        if isinstance(source, FromEntity):
            self._bind(source.variable, self.add_table(icat_entity(source.entity)))
        else:
            self._declare_path(source)

    def bind_outside(self, variable: str, table: Table) -> None:
        """Let `variable` stand for a table of the statement around this (sub)query."""
        self._bind(variable, table)

    def add_table(self, entity: Entity) -> Table:
        """A new occurrence of the entity, not tied to anything yet."""
        table = Table(entity, self.parameters.alias())
        text = f"{quoted(table_name(entity))} {table.alias}"
        self._items.append(f"CROSS JOIN {text}" if self._items else text)
        return table

    def _declare_path(self, source: FromPath) -> None:
        table = self.variable(source.path.variable, "FROM")
        *through, last = source.path.steps
        for step in through:
            relation = relation_of(table.entity, step)
            if source.left or isinstance(relation, ToMany):
                table = self._join(table, relation, left=source.left)
            else:
                table = self.join_once(table, relation)
        relation = relation_of(table.entity, last)
        joined = self._join(table, relation, left=source.left)
        if isinstance(relation, ToOne) and not source.left:
            self._joined.setdefault((table.alias, relation.name), joined)
        self._bind(source.variable, joined)

    def _bind(self, variable: str, table: Table) -> None:
        if variable in self.variables:
            raise BadParameter(f"JPQL indentification variable {variable}has already been defined in the FROM clause")
        self.variables[variable] = table

    def _join(self, origin: Table, relation: Relation, *, left: bool) -> Table:
        target = Table(target_of(relation), self.parameters.alias())
        text = f"{quoted(table_name(target.entity))} {target.alias}"
        condition = link(origin, relation, target)
        if self._items:
            self._items.append(f"{'LEFT ' if left else ''}JOIN {text} ON {condition}")
        else:
            # the first source of a subquery is a path of an outer variable
            self._items.append(text)
            self.links.append(condition)
        return target

    # -- resolving ---------------------------------------------------------------------------------

    def variable(self, name: str, clause: str) -> Table:
        """The table a variable stands for, here or further out."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.variables:
                return scope.variables[name]
            scope = scope.parent
        where = "is not defined." if clause == "FROM" else "is not defined in the FROM clause."
        raise BadParameter(f"idVar '{name}' referenced in the {clause} clause {where}")

    def joined(self, origin: Table, relation: ToOne) -> Table | None:
        """The table of an inner join along this to-one relation, when there is one already."""
        found = self._joined.get((origin.alias, relation.name))
        return found or (self.parent.joined(origin, relation) if self.parent else None)

    def join_once(self, origin: Table, relation: Relation) -> Table:
        """The target of an inner join along the relation; paths that share a beginning share the join."""
        key = (origin.alias, relation.name)
        if key not in self._joined:
            self._joined[key] = self._join(origin, relation, left=False)
        return self._joined[key]

    def owner(self, path: Path, clause: str) -> Table:
        """The table of the last but one step of a path: to-one relations up to there are joined."""
        table = self.variable(path.variable, clause)
        for step in path.steps[:-1]:
            member = table.entity.fields.get(step)
            if member is None:
                raise BadParameter(f"{table.entity.name} has no field {step}")
            if not isinstance(member, ToOne):
                raise BadParameter(f"{path}: {step} of {table.entity.name} is not a relation to one entity")
            table = self.join_once(table, member)
        return table

    @property
    def from_sql(self) -> str:
        """The FROM clause with its keyword; empty when everything stands outside."""
        return f" FROM {' '.join(self._items)}" if self._items else ""
