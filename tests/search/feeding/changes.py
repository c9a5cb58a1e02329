"""Random changes of a small facility, through the catalogue: objects of every sort that documents hold something of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Any

from beamcat.database.naming import column_name, quoted, table_name
from beamcat.errors import AlreadyExists, NoSuchObject
from beamcat.model import ENTITIES, Attribute, Entity, Kind, ToOne
from tests.catalogue.site import ROOT, Site

WEIGHTS: Mapping[str, int] = {
    "Instrument": 1,
    "FacilityCycle": 1,
    "Technique": 1,
    "SampleType": 1,
    "User": 2,
    "Investigation": 3,
    "InvestigationInstrument": 3,
    "InvestigationFacilityCycle": 2,
    "InvestigationUser": 3,
    "InvestigationParameter": 2,
    "Keyword": 2,
    "Publication": 2,
    "Sample": 4,
    "SampleParameter": 3,
    "Dataset": 6,
    "DatasetInstrument": 3,
    "DatasetTechnique": 4,
    "DatasetParameter": 3,
    "Datafile": 8,
    "DatafileParameter": 4,
    "DataCollection": 1,
    "DataPublication": 2,
    "DataPublicationUser": 3,
    "Subject": 2,
}
"""What is changed, and how often."""
OPERATIONS = {"create": 12, "update": 10, "delete": 3, "clone": 1}
NAMES = ("iron", "gold", "Fe2O3", "scan_1", "scan_2", "scan_3")
MOMENTS = ("2024-03-01T00:00:00.000Z", "2025-06-15T12:30:00.500Z")
KINDS = ("NUMERIC", "STRING", "DATE_AND_TIME")


class Facility:
    """A site with a facility, and somebody who changes things there at random."""

    def __init__(self, site: Site, seed: int) -> None:
        self._site, self._random = site, Random(seed)
        self._facility = self._number = self._doubled = 0
        self._kinds: dict[int, str] = {}
        self.done: dict[str, int] = {}

    async def found(self) -> None:
        """Make what everything else needs."""
        self._facility = await self._site.make("Facility", name="LILS")
        for entity in ("InvestigationType", "DatasetType", "DataPublicationType"):
            await self._site.make(entity, name="usual", facility=self._facility)
        await self._site.make("DatafileFormat", name="HDF5", version="1", facility=self._facility)
        applies = {f"applicableTo{of}": True for of in ("Investigation", "Sample", "Dataset", "Datafile")}
        for kind in KINDS:
            members: dict[str, Any] = {"name": kind.lower(), "units": "K", "valueType": kind, **applies}
            self._kinds[await self._site.make("ParameterType", facility=self._facility, **members)] = kind

    async def furnish(self) -> None:
        """Make one of everything."""
        for entity in WEIGHTS:
            with suppress(AlreadyExists):
                await self._create(ENTITIES[entity])

    async def double(self) -> None:
        """Two of everything, each with all that it may have and belonging to the newest of the others."""
        for self._doubled in range(2):
            for entity in WEIGHTS:
                await self._create(ENTITIES[entity], complete=True)

    async def rewrite(self, entity: Entity) -> None:
        """Give all attributes of an object new values."""
        identifier = min(await self._ids(entity.name))
        if entity.parameter_of is not None:
            values = {"dateTimeValue": f"{2000 + self._fresh()}-03-01T00:00:00.000Z"}
        else:
            values = {attribute.name: self._new(attribute) for attribute in _settable(entity)}
        await self._site.write([{entity.name: {"id": identifier, **values}}])

    async def move(self, entity: Entity, relation: ToOne) -> None:
        """Have an object belong to another one."""
        column, table = quoted(column_name(relation)), quoted(table_name(entity))
        ((identifier, before),) = await self._site.rows(f"SELECT id, {column} FROM {table} ORDER BY id LIMIT 1")
        other = next(id_ for id_ in await self._ids(relation.target) if id_ != before)
        await self._site.write([{entity.name: {"id": identifier, relation.name: {"id": other}}}])

    async def remove(self, entity: Entity) -> None:
        """Delete the oldest of an entity."""
        await self._site.delete((entity.name, min(await self._ids(entity.name))))

    async def change(self) -> None:
        """One change, which may also turn out to be impossible."""
        operation = self._one_of(OPERATIONS)
        entity = ENTITIES[self._one_of(WEIGHTS)]
        try:
            match operation:
                case "create":
                    await self._create(entity)
                case "update":
                    await self._update(entity)
                case "delete":
                    await self._delete(entity)
                case _:
                    await self._clone()
        except (AlreadyExists, NoSuchObject):
            return
        self.done[operation] = self.done.get(operation, 0) + 1

    async def _create(self, entity: Entity, *, complete: bool = False) -> None:
        members: dict[str, Any] = {}
        for relation in entity.to_one:
            target = await self._newest(relation) if complete else await self._some(relation)
            if target is None and relation.required:
                return
            members[relation.name] = None if target is None else {"id": target}
        if entity.parameter_of is not None:
            members.update(self._parameter_value(members["type"]["id"]))
        else:
            value = self._new if complete else self._value
            members.update({attribute.name: value(attribute) for attribute in _settable(entity)})
        given = {name: value for name, value in members.items() if value is not None}
        if entity.name == "Dataset" and self._random.random() < 0.3:
            given["datafiles"] = [{"name": name, "fileSize": self._random.randrange(99)} for name in NAMES[:3]]
        await self._site.write([{entity.name: given}])

    async def _update(self, entity: Entity) -> None:
        ids = await self._ids(entity.name)
        if not ids:
            return
        chosen = self._random.sample(ids, min(len(ids), self._random.choice((1, 1, 2))))
        changed: list[Attribute | ToOne] = [*_settable(entity)]
        if entity.parameter_of is None:
            changed += entity.to_one
        else:
            changed = [relation for relation in entity.to_one if relation.name == entity.parameter_of]
        if not changed:
            return
        members: dict[str, Any] = {}
        for member in self._random.sample(changed, min(len(changed), self._random.choice((1, 1, 3)))):
            if isinstance(member, ToOne):
                target = await self._some(member)
                if target is None and member.required:
                    return
                members[member.name] = None if target is None else {"id": target}
            else:
                members[member.name] = self._value(member)
        await self._site.write([{entity.name: {"id": id_, **members}} for id_ in chosen])

    async def _delete(self, entity: Entity) -> None:
        ids = await self._ids(entity.name)
        if ids:
            chosen = self._random.sample(ids, min(len(ids), self._random.choice((1, 1, 2))))
            await self._site.delete(*((entity.name, id_) for id_ in chosen))

    async def _clone(self) -> None:
        name = self._random.choice(("Investigation", "Dataset", "Sample"))
        if ids := await self._ids(name):
            keys = {"name": f"copy {self._random.randrange(9)}"}
            await self._site.catalogue.clone(ROOT, ENTITIES[name], self._random.choice(ids), keys)

    async def _newest(self, relation: ToOne) -> int:
        """What came last; a parameter type that has not been used by this one's owner, which may be moved."""
        if relation.target == "ParameterType":
            return [*self._kinds][-1 - self._doubled]
        return max(await self._ids(relation.target))

    async def _some(self, relation: ToOne) -> int | None:
        """Something a relation may lead to; now and then nothing, where that is allowed."""
        if not relation.required and self._random.random() < 0.4:
            return None
        ids = await self._ids(relation.target)
        return self._random.choice(ids) if ids else None

    async def _ids(self, entity: str) -> list[int]:
        return [row[0] for row in await self._site.rows(f"SELECT id FROM {quoted(table_name(ENTITIES[entity]))}")]

    def _parameter_value(self, parameter_type: int) -> dict[str, Any]:
        match self._kinds[parameter_type]:
            case "NUMERIC":
                return {"numericValue": self._random.choice((0, 1.5, -3e10))}
            case "STRING":
                return {"stringValue": self._random.choice(NAMES)}
            case _:
                return {"dateTimeValue": self._random.choice(MOMENTS)}

    def _fresh(self) -> int:
        self._number += 1
        return self._number

    def _new(self, attribute: Attribute) -> Any:
        """A value that nothing has had before."""
        match attribute.kind:
            case Kind.STRING:
                return f"word{self._fresh()}"
            case Kind.BOOLEAN:
                return self._fresh() % 2 == 0
            case Kind.DATETIME:
                return f"{2000 + self._fresh() % 1000}-03-01T00:00:00.000Z"
            case _:
                return self._fresh()

    def _value(self, attribute: Attribute) -> Any:
        if not attribute.required and self._random.random() < 0.3 and attribute.kind is not Kind.BOOLEAN:
            return None
        match attribute.kind:
            case Kind.STRING:
                return self._random.choice(NAMES)
            case Kind.LONG | Kind.INTEGER:
                return self._random.randrange(1000)
            case Kind.DOUBLE:
                return self._random.choice((0.5, 2.25))
            case Kind.BOOLEAN:
                return self._random.random() < 0.5
            case Kind.DATETIME:
                return self._random.choice(MOMENTS)
            case _:
                raise AssertionError(attribute)

    def _one_of(self, weights: Mapping[str, int]) -> str:
        return self._random.choices(list(weights), list(weights.values()))[0]


def _settable(entity: Entity) -> Sequence[Attribute]:
    """What one may write: not the values of parameters, whose kind must fit the type."""
    if entity.parameter_of is not None:
        return [attribute for attribute in entity.attributes if attribute.name == "error"]
    return [attribute for attribute in entity.attributes if attribute.kind is not Kind.ENUM]
