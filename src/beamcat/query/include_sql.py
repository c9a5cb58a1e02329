"""INCLUDE: which relations are followed, and one statement for each of them (sections D.7 and E.5)."""

from __future__ import annotations

from dataclasses import dataclass, field

from beamcat.errors import BadParameter
from beamcat.model import Attribute, Entity, Relation, ToOne
from beamcat.query.condition_sql import where_sql
from beamcat.query.plan import IncludePlan, back_reference, entity_columns, table_sql
from beamcat.query.predicates import readable_condition
from beamcat.query.result import stored_attributes
from beamcat.query.rights import Extent, Readable, Rights
from beamcat.query.scope import Scope, Table, target_of
from beamcat.query.sql import CallerValue, Parameters, Statement
from beamcat.query.tree import Include


@dataclass(slots=True)
class _Branch:
    """The relations followed from one place of the tree."""

    entity: Entity
    followed: dict[str, tuple[Relation, _Branch]] = field(default_factory=dict)

    def follow(self, name: str) -> _Branch:
        member = self.entity.members.get(name)
        if member is None or isinstance(member, Attribute):
            raise BadParameter(f"Problem with INCLUDE clause: {name} is not a field of {self.entity.name}")
        if name in self.followed:
            raise BadParameter(f"INCLUDE clause contains redundant path to {name}")
        branch = _Branch(target_of(member))
        self.followed[name] = (member, branch)
        return branch


def compile_includes(
    include: Include | None, entity: Entity, variable: str, rights: Rights, most: int
) -> tuple[IncludePlan, ...]:
    """The plans of everything an INCLUDE clause brings along with the `entity` that `variable` stands for.

    No statement fetches more than `most` + 1 objects.
    """
    if include is None:
        return ()
    root = _Branch(entity)
    if include.to_one_relations:
        for relation in entity.to_one:
            root.follow(relation.name)
    branches = {variable: root}
    for step in include.steps:
        if step.path.variable not in branches:
            raise BadParameter(f"variable {step.path.variable} mentioned in INCLUDE clause is not defined")
        branch = branches[step.path.variable]
        for name in step.path.steps:
            branch = branch.follow(name)
        if step.variable is not None:
            if step.variable in branches:
                raise BadParameter(f"variable {step.variable} mentioned in INCLUDE clause is already defined")
            branches[step.variable] = branch
    return _plans(root, rights, most)


def foreign_keys(includes: tuple[IncludePlan, ...]) -> tuple[ToOne, ...]:
    """The foreign keys that the rows of an object must hold for its includes, in the order of their positions."""
    return tuple(plan.relation for plan in includes if isinstance(plan.relation, ToOne))


def _plans(branch: _Branch, rights: Rights, most: int) -> tuple[IncludePlan, ...]:
    plans: list[IncludePlan] = []
    position = len(stored_attributes(branch.entity))
    for relation, following in branch.followed.values():
        key = None
        if isinstance(relation, ToOne):
            key, position = position, position + 1
        nested = _plans(following, rights, most)
        public = rights.step_is_public(branch.entity, relation)
        readable = Extent.EVERYTHING if public else rights.readable(following.entity)
        statement = _statement(relation, following.entity, nested, readable, most)
        plans.append(IncludePlan(relation, following.entity, key, statement, nested))
    return tuple(plans)


def _statement(
    relation: Relation, entity: Entity, nested: tuple[IncludePlan, ...], readable: Readable, most: int
) -> Statement | None:
    if readable is Extent.NOTHING:
        return None
    parameters = Parameters()
    table = Table(entity, parameters.alias())
    columns = entity_columns(table, foreign_keys(nested))
    ids = parameters.bind(CallerValue.IDS, "bigint[]")
    if isinstance(relation, ToOne):
        conditions, order = [f"{table.id} = ANY({ids})"], ""
    else:
        owner = back_reference(relation, table)
        columns.append(owner)
        conditions = [f"{owner} = ANY({ids})"]
        order = f" ORDER BY {table.id} LIMIT {parameters.bind(most + 1, 'bigint')}"
    condition = readable_condition(table, readable, Scope(parameters))
    if condition is not None:
        conditions.append(condition)
    return parameters.statement(f"SELECT {', '.join(columns)} FROM {table_sql(table)}{where_sql(conditions)}{order}")
