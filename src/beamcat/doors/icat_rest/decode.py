"""From the JSON of ICAT's REST interface to what the catalogue is asked to write or delete.

Follows the ICAT specification, sections B.6 and F.5: the texts of the errors are part of the protocol, two swapped
ones included. `offset` is the index of the top-level element at fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

import orjson

from beamcat.catalogue.drafts import Change, Draft, Element, Reference, Value
from beamcat.errors import BadParameter, BeamcatError, TooLarge
from beamcat.model import BASE_ATTRIBUTES, ENTITIES, Attribute, Entity, Kind, ToMany, ToOne, icat_entity

MOST_QUOTED = 2000
"""Characters of a client's JSON that an error repeats."""

LARGEST = {Kind.LONG: 2**63 - 1, Kind.INTEGER: 2**31 - 1}

_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_BASE = frozenset(attribute.name for attribute in BASE_ATTRIBUTES)

Reader = Callable[[Any], Value]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may hold: `nesting` JSON objects and arrays inside each other, and `objects` to write."""

    nesting: int
    objects: int


def decode_write(text: str, limits: Limits) -> list[Element]:
    """The elements of `POST entityManager`: a `Draft` per object to create, a `Change` per object with an id.

    `BadParameter` for what is not well formed, `TooLarge` beyond the limits; both with the offset.
    """
    parsed = _parse(text, offset=0)
    elements = parsed if isinstance(parsed, list) else [parsed]
    decoder = _Decoder(limits, nul_possible="\\u0000" in text)
    decoded: list[Element] = []
    offset = 0
    try:
        for offset, element in enumerate(elements):  # noqa: B007 the handler below needs it
            decoded.append(decoder.element(element))
    except BeamcatError as error:
        error.offset = offset
        raise
    return decoded


def decode_delete(text: str, limits: Limits) -> list[Reference]:
    """The objects that `DELETE entityManager` names. Errors as for writing, with the texts of section B.6."""
    parsed = _parse(text, offset=None)
    elements = parsed if isinstance(parsed, list) else [parsed]
    if len(elements) > limits.objects:
        raise TooLarge(f"attempt to delete more than {limits.objects} objects in one call")
    return [_to_delete(element, offset) for offset, element in enumerate(elements)]


def _to_delete(element: object, offset: int) -> Reference:
    if not isinstance(element, dict) or len(element) != 1:
        raise BadParameter(f"entity must have one keyword followed by its values in json {_json(element)}", offset)
    ((name, body),) = element.items()
    entity = icat_entity(name)
    if not isinstance(body, dict):
        raise BadParameter(f"Unexpected array found in JSON {_json(body)}", offset)
    if "id" not in body:
        raise BadParameter(f"entity must have the id value specified in json {_json(element)}", offset)
    if len(body) != 1:
        raise BadParameter(f"entity must have only the id value specified in json {_json(element)}", offset)
    try:
        return Reference(entity, _identifier(body["id"]))
    except BadParameter as error:
        error.offset = offset
        raise


def _parse(text: str, offset: int | None) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        shown = text.encode(errors="replace").decode()  # half a surrogate pair could not be sent back
        raise BadParameter(f"{error} in json {_quoted(shown)}", offset) from None


def _json(value: object) -> str:
    return _quoted(orjson.dumps(value).decode())


def _quoted(text: str) -> str:
    return text if len(text) <= MOST_QUOTED else f"{text[:MOST_QUOTED]}..."


def _identifier(value: object) -> int:
    if type(value) is not int or abs(value) > LARGEST[Kind.LONG]:
        raise BadParameter(f"Badly formatted id: {_json(value)}")
    return value


@dataclass(frozen=True, slots=True)
class _Plan:
    """How to read the members of one entity.

    `direct` says which JSON type is taken as it is; whatever else an attribute may be is for its reader.
    """

    direct: dict[str, Any]
    readers: dict[str, Reader]
    to_one: dict[str, Entity]
    to_many: dict[str, Entity]


@cache
def _plan(entity: Entity) -> _Plan:
    members = entity.members.values()
    related = [m for m in members if not isinstance(m, Attribute) and ENTITIES[m.target].icat]
    return _Plan(
        direct={a.name: {Kind.STRING: str, Kind.BOOLEAN: bool}[a.kind] for a in entity.attributes if a.kind in _DIRECT},
        readers={a.name: partial(_READERS[a.kind], entity, a) for a in entity.attributes},
        to_one={m.name: ENTITIES[m.target] for m in related if isinstance(m, ToOne)},
        to_many={m.name: ENTITIES[m.target] for m in related if isinstance(m, ToMany)},
    )


class _Decoder:
    """Reads the elements of one request: counts its objects, and makes one `Reference` of equal ones."""

    def __init__(self, limits: Limits, *, nul_possible: bool) -> None:
        self._limits = limits
        self._nul_possible = nul_possible
        self._objects = 0
        self._references: dict[tuple[str, int], Reference] = {}

    def element(self, element: object) -> Element:
        if not isinstance(element, dict) or len(element) != 1:
            raise BadParameter(f"Entity must have one keyword followed by its values in json {_json(element)}")
        ((name, body),) = element.items()
        entity = icat_entity(name)
        if not isinstance(body, dict):
            raise BadParameter(f"Unexpected array found in JSON {_json(body)}")
        if "id" not in body:
            return self._draft(entity, body, 3)
        return Change(entity, _identifier(body.pop("id")), self._draft(entity, body, 3))

    def _draft(self, entity: Entity, body: dict[str, Any], depth: int) -> Draft:
        """The members of `body`, whose id has been taken out. `depth`: JSON objects and arrays it is within."""
        self._count(depth)
        plan = _plan(entity)
        direct = plan.direct
        draft = Draft(entity, {}, {}, {})
        values = draft.values
        for name, value in body.items():
            if type(value) is direct.get(name):
                values[name] = value
            elif name in plan.readers:
                values[name] = plan.readers[name](value)
            elif name in plan.to_one:
                draft.to_one[name] = self._reference(plan.to_one[name], value, depth + 1)
            elif name in plan.to_many:
                draft.to_many[name] = self._children(plan.to_many[name], value, depth + 1)
            elif name in _BASE:
                raise BadParameter(f"Field {name} is kept by the server and cannot be set in {entity.name}")
            else:
                raise BadParameter(f"Field {_quoted(name)} not found in {entity.name}")
        if self._nul_possible:
            _refuse_nul(entity, values)
        return draft

    def _reference(self, target: Entity, value: object, depth: int) -> Reference | None:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise BadParameter(f"Badly formatted relationship object {_json(value)}")
        if "id" not in value:
            raise BadParameter(f"One to many related objects should not have the id value set: {_json(value)}")
        identifier = _identifier(value["id"])
        if len(value) > 1:
            changes = {name: member for name, member in value.items() if name != "id"}
            return Reference(target, identifier, self._draft(target, changes, depth))
        key = (target.name, identifier)
        known = self._references.get(key)
        if known is None:
            known = self._references[key] = Reference(target, identifier)
        return known

    def _children(self, target: Entity, value: object, depth: int) -> list[Draft]:
        if not isinstance(value, list):
            raise BadParameter(f"Badly formatted relationship object {_json(value)}")
        children = []
        for child in value:
            if not isinstance(child, dict):
                raise BadParameter(f"Badly formatted relationship object {_json(child)}")
            if "id" in child:
                raise BadParameter(f"Many to one related objects should have the id value set: {_json(child)}")
            children.append(self._draft(target, child, depth + 1))
        return children

    def _count(self, depth: int) -> None:
        self._objects += 1
        if self._objects > self._limits.objects:
            raise TooLarge(f"attempt to write more than {self._limits.objects} objects in one call")
        if depth > self._limits.nesting:
            raise TooLarge(f"the JSON is nested more than {self._limits.nesting} levels deep")


def _refuse_nul(entity: Entity, values: dict[str, Value]) -> None:
    for name, value in values.items():
        if isinstance(value, str) and "\0" in value:
            raise BadParameter(f"Field {name} must not contain the character U+0000 in {entity.name}")


def _string(entity: Entity, attribute: Attribute, value: object) -> Value:
    if value is None or isinstance(value, str):
        return value
    raise BadParameter(f"Field {attribute.name} must be a string in {entity.name}")


def _whole_number(entity: Entity, attribute: Attribute, value: object) -> Value:
    if value is None:
        return None
    largest = LARGEST[attribute.kind]
    if type(value) is not int or not -largest - 1 <= value <= largest:
        raise BadParameter(
            f"Field {attribute.name} must be an integer of {largest.bit_length() + 1} bits in {entity.name}"
        )
    return value


def _double(entity: Entity, attribute: Attribute, value: object) -> Value:
    if value is None or type(value) is float:
        return value
    if type(value) is not int:
        raise BadParameter(f"Field {attribute.name} must be a number in {entity.name}")
    return float(value)


def _boolean(entity: Entity, attribute: Attribute, value: object) -> Value:
    if value is None or isinstance(value, bool):
        return value
    raise BadParameter(f"Field {attribute.name} must be true or false in {entity.name}")


def _moment(entity: Entity, attribute: Attribute, value: object) -> Value:
    if value is None:
        return None
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            parsed = datetime.fromisoformat(value)
            return parsed if value.endswith("Z") else parsed.astimezone(UTC)
        except (ValueError, OverflowError):  # no such day, or before the year 1 in UTC
            pass
    raise BadParameter(f"Badly formatted date {_json(value)}")


def _enumerated(entity: Entity, attribute: Attribute, value: object) -> Value:
    if value is None:
        return None
    enumeration = attribute.enumeration
    assert enumeration is not None
    if isinstance(value, str) and value.upper() in enumeration.values:
        return value.upper()
    raise BadParameter(f"Field {attribute.name} must be in [{', '.join(enumeration.values)}] for {entity.name}")


_DIRECT = (Kind.STRING, Kind.BOOLEAN)
_READERS: dict[Kind, Callable[[Entity, Attribute, object], Value]] = {
    Kind.STRING: _string,
    Kind.LONG: _whole_number,
    Kind.INTEGER: _whole_number,
    Kind.DOUBLE: _double,
    Kind.BOOLEAN: _boolean,
    Kind.DATETIME: _moment,
    Kind.ENUM: _enumerated,
}
