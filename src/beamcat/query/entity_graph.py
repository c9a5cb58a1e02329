"""The ways between entities that the concise syntax leaves to the server to find (ICAT specification D.9)."""

from __future__ import annotations

from beamcat.errors import BadParameter
from beamcat.model import Entity, Relation, ToMany, icat_entity
from beamcat.query.tree import FromPath, IncludeStep, Path, Source


def variable_of(entity: Entity) -> str:
    """The identification variable of an entity: its name, upper-cased, with `$`."""
    return f"{entity.name}$".upper()


def joins(first: Entity, others: tuple[Entity, ...]) -> list[Source]:
    """Inner joins from the first entity to each of the others, along the only way there is."""
    wanted = {first, *others}
    reached = {first}
    joins: list[Source] = []

    def follow(before: Entity | None, here: Entity) -> None:
        for relation in _relations(here):
            there = icat_entity(relation.target)
            if there not in wanted or there is before:
                continue
            if there in reached:
                raise _loop(before, here, there)
            reached.add(there)
            joins.append(FromPath(Path(variable_of(here), (relation.name,)), variable_of(there)))
            follow(here, there)

    follow(None, first)
    missing = [entity.name for entity in others if entity not in reached]
    if missing:
        raise BadParameter(f"Unable to reach {', '.join(missing)}")
    return joins


def include_steps(first: Entity, wanted: tuple[Entity, ...]) -> list[IncludeStep]:
    """The relations to follow to every wanted entity; behind a to-one relation only further to-one relations."""
    reached = {first}
    steps: list[IncludeStep] = []

    def follow(before: Entity | None, here: Entity, variable: str, relations: tuple[Relation, ...]) -> None:
        for relation in relations:
            there = icat_entity(relation.target)
            if (there not in wanted and there is not first) or there is before:
                continue
            if there in reached:
                raise _loop(before, here, there, " in list of INCLUDES.")
            reached.add(there)
            alias = f"{there.name}_$".upper()
            steps.append(IncludeStep(Path(variable, (relation.name,)), alias))
            follow(here, there, alias, _relations(there) if isinstance(relation, ToMany) else there.to_one)

    follow(None, first, variable_of(first), _relations(first))
    missing = [entity.name for entity in wanted if entity not in reached]
    if missing:
        raise BadParameter(f"Unable to reach {', '.join(missing)} in list of INCLUDES.")
    return steps


def _relations(entity: Entity) -> tuple[Relation, ...]:
    return (*entity.to_one, *entity.to_many)


def _loop(before: Entity | None, here: Entity, there: Entity, where: str = "") -> BadParameter:
    way = " -> ".join(entity.name for entity in (before, here, there) if entity is not None)
    return BadParameter(
        f"Can't have loop in graph of entities. '{there.name}' was encountered twice following {way}{where}"
    )
