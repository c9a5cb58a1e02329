"""Names of the SOAP interface: namespaces, and the XML types of the entities (ICAT specification C.1, C.3)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from beamcat.model import ENUMERATIONS, ICAT_ENTITIES, PARAMETER, Entity, Kind, Member

NAMESPACE = "http://icatproject.org"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
XS = "http://www.w3.org/2001/XMLSchema"

BASE_ELEMENTS = ("createId", "createTime", "id", "modId", "modTime")
"""What every entity begins with, in the order of the schema."""

SIMPLE_TYPES = {
    Kind.STRING: "xs:string",
    Kind.LONG: "xs:long",
    Kind.INTEGER: "xs:int",
    Kind.DOUBLE: "xs:double",
    Kind.BOOLEAN: "xs:boolean",
    Kind.DATETIME: "xs:dateTime",
}
"""XML types of the kinds; an enumeration has a type of its own."""


def type_name(name: str) -> str:
    """The XML type of an entity or an enumeration: `Dataset` is `dataset`."""
    return name[0].lower() + name[1:]


ENTITY_OF_TYPE: Mapping[str, Entity] = MappingProxyType({type_name(n): e for n, e in ICAT_ENTITIES.items()})
"""Entities by their XML types."""

TYPE_OF_VALUE: Mapping[str, str] = MappingProxyType(
    {value: f"ns2:{type_name(e.name)}" for e in ENUMERATIONS.values() for value in e.values}
)
"""XML types of enumerated values: no value is in two enumerations."""


def inherited_members(entity: Entity) -> tuple[Member, ...]:
    """What the entity has from the abstract type `parameter`, in the order of the schema; nothing for most."""
    if entity.parameter_of is None:
        return ()
    return tuple(entity.members[name] for name in PARAMETER.members)


def own_members(entity: Entity) -> tuple[Member, ...]:
    """What the type of the entity declares itself, in the order of the schema. Beamcat's own entities stay unseen."""
    inherited = set(PARAMETER.members) if entity.parameter_of is not None else set()
    members = (member for name, member in entity.members.items() if name not in inherited)
    return tuple(m for m in members if not hasattr(m, "target") or m.target in ICAT_ENTITIES)
