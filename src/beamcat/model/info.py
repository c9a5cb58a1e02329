"""What an entity consists of, as ICAT's `getEntityInfo` tells it.

Plain data for clients that build themselves from it (python-icat, DataGateway) and for the reference pages.
Types carry the names ICAT uses: `String`, `Long`, `Integer`, `Double`, `boolean`, `Date`, the name of an
enumeration, or the entity a relation leads to.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import assert_never

from beamcat.errors import BadParameter
from beamcat.model import BASE_ATTRIBUTES, ICAT_ENTITIES, PARAMETER, Entity
from beamcat.model.declare import Attribute, Kind, Member, ToMany, ToOne

BASE = "EntityBaseBean"
"""ICAT's name for what every entity has."""

TYPE_NAMES = {
    Kind.STRING: "String",
    Kind.LONG: "Long",
    Kind.INTEGER: "Integer",
    Kind.DOUBLE: "Double",
    Kind.BOOLEAN: "boolean",
    Kind.DATETIME: "Date",
}
"""ICAT's names of the kinds; an enumeration goes by its own name."""


class RelType(Enum):
    """Whether a member is a plain value, leads to one object, or to many."""

    ATTRIBUTE = "ATTRIBUTE"
    ONE = "ONE"
    MANY = "MANY"


@dataclass(frozen=True, slots=True)
class EntityField:
    """One member. `string_length` is in characters and None for all but strings; base attributes report none."""

    name: str
    type: str
    rel_type: RelType
    not_nullable: bool
    string_length: int | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class EntityInfo:
    """An entity: its fields in code point order, and at most one constraint, in the order ICAT reports it."""

    class_comment: str
    fields: tuple[EntityField, ...]
    constraints: tuple[tuple[str, ...], ...]


def entity_names() -> tuple[str, ...]:
    """The names of the ICAT entities, in code point order. Abstract ones are not listed."""
    return tuple(sorted(ICAT_ENTITIES))


def entity_info(name: str) -> EntityInfo:
    """What the entity of that name consists of; `Parameter` and `EntityBaseBean` are answered too.

    Raises `BadParameter` when there is none. ICAT specification: getEntityInfo.
    """
    if name == BASE:
        return EntityInfo("What every entity has", _fields(()), ())
    entity = PARAMETER if name == PARAMETER.name else ICAT_ENTITIES.get(name)
    if entity is None:
        raise BadParameter(f"{name} is not an ICAT entity")
    return describe(entity)


def describe(entity: Entity) -> EntityInfo:
    """What the entity consists of, Beamcat's own entities included."""
    return EntityInfo(entity.comment, _fields(entity.members.values()), (entity.unique,) if entity.unique else ())


def _fields(members: Iterable[Member]) -> tuple[EntityField, ...]:
    every = (*map(_base_field, BASE_ATTRIBUTES), *map(_field, members))
    return tuple(sorted(every, key=lambda field: field.name))


def _base_field(attribute: Attribute) -> EntityField:
    type_name = TYPE_NAMES[attribute.kind]
    return EntityField(attribute.name, type_name, RelType.ATTRIBUTE, False, None, attribute.comment or None)


def _field(member: Member) -> EntityField:
    comment = member.comment or None
    match member:
        case Attribute():
            type_name = member.enumeration.name if member.enumeration else TYPE_NAMES[member.kind]
            return EntityField(member.name, type_name, RelType.ATTRIBUTE, member.required, member.length, comment)
        case ToOne():
            return EntityField(member.name, member.target, RelType.ONE, member.required, None, comment)
        case ToMany():
            return EntityField(member.name, member.target, RelType.MANY, False, None, comment)
        case _:
            assert_never(member)
