"""Which entities hang below which.

Deleting or cloning an object takes along everything below it (ICAT specification A.3, F.6, F.8). Relations between
entity types form no circle, so there is an order in which every to-one target comes before what points at it.
"""

from __future__ import annotations

from collections.abc import Container
from functools import cache

from beamcat.model import ENTITIES, Entity, ToOne


@cache
def parents_first() -> tuple[Entity, ...]:
    """Every entity, after all those its to-one relations lead to."""
    ordered: dict[str, Entity] = {}

    def place(entity: Entity) -> None:
        if entity.name not in ordered:
            for relation in entity.to_one:
                place(ENTITIES[relation.target])
            ordered[entity.name] = entity

    for entity in ENTITIES.values():
        place(entity)
    return tuple(ordered.values())


@cache
def below(entity: Entity) -> tuple[Entity, ...]:
    """The entities whose objects go with an object of `entity`, parents first; `entity` itself is the first."""
    reached = {entity.name}
    cascade = [entity]
    for candidate in parents_first():
        if candidate is not entity and any(relation.target in reached for relation in candidate.to_one):
            reached.add(candidate.name)
            cascade.append(candidate)
    return tuple(cascade)


def relations_within(entity: Entity, reached: Container[str]) -> tuple[ToOne, ...]:
    """The to-one relations of `entity` that lead to one of the `reached` entities, by name."""
    return tuple(relation for relation in entity.to_one if relation.target in reached)
