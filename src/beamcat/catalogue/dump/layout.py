"""What a written dump looks like: the order of the tables and the columns of each, derived from the model.

Follows the ICAT specification, G.2 and G.6. Where an object refers to another one, the unique key of that one is
written instead of its id, so that a dump fits any catalogue; an object that has no unique key is given a label.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache

from beamcat.model import BASE_ATTRIBUTES, ENTITIES, ICAT_ENTITIES, Attribute, Entity, Kind, ToOne

VERSION = "1.0"
"""The version of the format."""

NULL = "NULL"
FILLER = "NA"
"""What stands in the remaining columns of a reference that leads nowhere."""

_TABLES = (
    "User",
    "Grouping",
    "UserGroup",
    "Rule",
    "PublicStep",
    "Facility",
    "DatafileFormat",
    "Application",
    "Instrument",
    "InvestigationType",
    "DatasetType",
    "ParameterType",
    "SampleType",
    "Investigation",
    "Sample",
    "Dataset",
    "Datafile",
    "FacilityCycle",
    "DataCollection",
    "DataCollectionDatafile",
    "DataCollectionDataset",
    "DataCollectionInvestigation",
    "DataCollectionParameter",
    "DatafileParameter",
    "DatasetParameter",
    "InvestigationParameter",
    "Job",
    "Keyword",
    "Technique",
    "DatasetTechnique",
    "PermissibleStringValue",
    "Publication",
    "RelatedDatafile",
    "SampleParameter",
    "Shift",
    "Study",
    "DataPublicationType",
    "DataPublication",
    "Subject",
    "DataPublicationDate",
    "DataPublicationUser",
    "Affiliation",
    "RelatedItem",
    "FundingReference",
    "DataPublicationFunding",
    "InvestigationFunding",
    "InvestigationUser",
    "InvestigationGroup",
    "StudyInvestigation",
    "InvestigationInstrument",
    "InstrumentScientist",
    "DatasetInstrument",
    "InvestigationFacilityCycle",
)
TABLES = tuple(ICAT_ENTITIES[name] for name in _TABLES)
"""The entities in the order of a dump: each after those it refers to."""

STAMPS: tuple[Attribute, ...] = tuple(sorted(BASE_ATTRIBUTES[1:], key=lambda attribute: attribute.name))
"""Who made and changed an object, and when: `createId`, `createTime`, `modId`, `modTime`."""


class Attributes(Enum):
    """Whether a dump says who made and changed the objects (G.5)."""

    USER = "user"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Label:
    """The label of the row itself, or (in a reference) that of another one."""


@dataclass(frozen=True, slots=True)
class KeyReference:
    """A reference to one object by what identifies it: its attributes, further references, or a label."""

    relation: ToOne
    key: tuple[Attribute | KeyReference | Label, ...]

    @property
    def width(self) -> int:
        """How many columns it takes."""
        return sum(part.width if isinstance(part, KeyReference) else 1 for part in self.key)

    @property
    def null(self) -> str:
        """What is written when the reference leads nowhere."""
        return ",".join([NULL, *[FILLER] * (self.width - 1)])


Column = Label | Attribute | KeyReference


@cache
def columns_of(entity: Entity, attributes: Attributes) -> tuple[Column, ...]:
    """The columns in which an object of `entity` is written."""
    label = () if entity.unique else (Label(),)
    stamps = STAMPS if attributes is Attributes.ALL else ()
    members: list[Attribute | ToOne] = [*entity.attributes, *entity.to_one]
    members.sort(key=lambda member: member.name)
    return (*label, *stamps, *(_key(member) if isinstance(member, ToOne) else member for member in members))


def _key(relation: ToOne) -> KeyReference:
    target = ENTITIES[relation.target]
    if not target.unique:
        return KeyReference(relation, (Label(),))
    members = [target.fields[name] for name in sorted(target.unique)]
    return KeyReference(
        relation,
        tuple(
            _key(member) if isinstance(member, ToOne) else member
            for member in members
            if isinstance(member, Attribute | ToOne)
        ),
    )


def header(entity: Entity, attributes: Attributes) -> str:
    """The line above the rows of an entity."""
    numbers = iter(range(10_000))
    return f"{entity.name}({_written(columns_of(entity, attributes), numbers)})"


def _written(columns: tuple[Column, ...], numbers: Iterator[int]) -> str:
    parts = []
    for column in columns:
        if isinstance(column, KeyReference):
            parts.append(f"{column.relation.name}({_written(column.key, numbers)})")
        else:
            parts.append(f"{'?' if isinstance(column, Label) else column.name}:{next(numbers)}")
    return ",".join(parts)


SELECTING = frozenset({Kind.STRING, Kind.INTEGER})
"""The kinds of attributes that a reference may select by."""
