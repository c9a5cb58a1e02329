"""What a facility records: the ICAT 6.2 schema and Beamcat's own entities, declared once by subject.

Everything that speaks of entities (tables, query names, JSON, XML, reference pages) is derived from
`ENTITIES`. Code points order the members, as ICAT does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from beamcat.errors import BadParameter
from beamcat.model import (
    access,
    collections,
    data,
    facility,
    investigations,
    own,
    parameters,
    publications,
    samples,
)
from beamcat.model.declare import (
    Attribute,
    Declaration,
    Enumeration,
    Kind,
    Member,
    Relation,
    ToMany,
    ToOne,
    datetime,
    long,
    text,
)

__all__ = [
    "BASE_ATTRIBUTES",
    "ENTITIES",
    "ENUMERATIONS",
    "ICAT_ENTITIES",
    "PARAMETER",
    "Attribute",
    "Entity",
    "Enumeration",
    "Kind",
    "Member",
    "Relation",
    "ToMany",
    "ToOne",
    "icat_entity",
]

SUBJECTS = (facility, investigations, samples, data, parameters, collections, publications, access, own)

BASE_ATTRIBUTES: tuple[Attribute, ...] = (
    long("id", comment="number given by the server"),
    text("createId", comment="user who created the object"),
    datetime("createTime", comment="when the object was created"),
    text("modId", comment="user who last changed the object"),
    datetime("modTime", comment="when the object was last changed"),
)
"""What every entity has, kept by the server; in the order in which they are shown."""


@dataclass(frozen=True, slots=True, eq=False)
class Entity:
    """One entity of the model, with every member derived. Entities are compared by identity.

    `members` holds everything but the base attributes, by name, in code point order, hidden ones left out.
    `fields` holds all that a condition may name: base attributes, members and hidden attributes.
    """

    name: str
    comment: str
    attributes: tuple[Attribute, ...]
    to_one: tuple[ToOne, ...]
    to_many: tuple[ToMany, ...]
    hidden: tuple[Attribute, ...]
    unique: tuple[str, ...]
    parameter_of: str | None
    icat: bool
    members: Mapping[str, Member]
    fields: Mapping[str, Member]

    @property
    def key_relations(self) -> tuple[ToOne, ...]:
        """The relations that are part of the unique constraint: they say where an object belongs."""
        return tuple(relation for relation in self.to_one if relation.name in self.unique)

    def __repr__(self) -> str:
        return f"<Entity {self.name}>"


def _ends_elsewhere(name: str, declarations: Iterable[Declaration]) -> tuple[ToMany, ...]:
    return tuple(
        ToMany(member.inverse, declaration.name, member.name, declaration.comment)
        for declaration in declarations
        for member in declaration.members
        if isinstance(member, ToOne) and member.target == name
    )


def _derive(declaration: Declaration, declarations: Iterable[Declaration]) -> Entity:
    own_members = sorted(declaration.members, key=lambda member: member.name)
    attributes = tuple(m for m in own_members if isinstance(m, Attribute) and not m.hidden)
    hidden = tuple(m for m in own_members if isinstance(m, Attribute) and m.hidden)
    to_one = tuple(m for m in own_members if isinstance(m, ToOne))
    to_many = tuple(sorted(_ends_elsewhere(declaration.name, declarations), key=lambda m: m.name))
    shown: list[Member] = [*attributes, *to_one, *to_many]
    shown.sort(key=lambda member: member.name)
    every: list[Member] = [*BASE_ATTRIBUTES, *shown, *hidden]
    return Entity(
        name=declaration.name,
        comment=declaration.comment,
        attributes=attributes,
        to_one=to_one,
        to_many=to_many,
        hidden=hidden,
        unique=declaration.unique,
        parameter_of=declaration.parameter_of,
        icat=declaration.icat,
        members=MappingProxyType({m.name: m for m in shown}),
        fields=MappingProxyType({m.name: m for m in every}),
    )


def _derive_all() -> dict[str, Entity]:
    declarations = sorted((d for subject in SUBJECTS for d in subject.ENTITIES), key=lambda d: d.name)
    return {declaration.name: _derive(declaration, declarations) for declaration in declarations}


ENTITIES: Mapping[str, Entity] = MappingProxyType(_derive_all())
"""Every entity by name, ICAT's and Beamcat's own."""

ICAT_ENTITIES: Mapping[str, Entity] = MappingProxyType({n: e for n, e in ENTITIES.items() if e.icat})
"""The 53 entities of the ICAT 6.2 schema, by name, in code point order."""

ENUMERATIONS: Mapping[str, Enumeration] = MappingProxyType(
    {e.name: e for e in (parameters.ParameterValueType, investigations.StudyStatus)}
)

PARAMETER: Entity = _derive(
    Declaration("Parameter", "What all parameter entities share", parameters.SHARED_MEMBERS, (), None, icat=True),
    (),
)
"""The abstract parent of the parameter entities. Not listed, but ICAT clients ask what it consists of."""


def icat_entity(name: str) -> Entity:
    """The ICAT entity of that name; `BadParameter` when there is none."""
    try:
        return ICAT_ENTITIES[name]
    except KeyError:
        raise BadParameter(f"{name} is not an ICAT entity") from None
