"""Beans and parameters of a SOAP request, decoded (ICAT specification C.4).

As lenient as the Java binding that clients are used to: an unknown element is ignored, of a single-valued element given
twice the last counts, an unknown enumerated value is null, an empty number is null and an empty flag false, and a date
without a zone is in the one of the settings, and without a time at midnight. An empty date is refused: the npm package
soap writes every `Date` so, and null would lose what the user gave.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache, partial

from beamcat.catalogue.drafts import Change, Draft, Reference, Value
from beamcat.doors.icat_soap.names import ENTITY_OF_TYPE, NAMESPACE, XSI, inherited_members, own_members
from beamcat.doors.icat_soap.request import Element
from beamcat.errors import BadParameter, BeamcatError, NoSuchObject, TooLarge
from beamcat.model import ICAT_ENTITIES, Attribute, Entity, Kind, ToMany, ToOne

LARGEST = {Kind.LONG: 2**63 - 1, Kind.INTEGER: 2**31 - 1}

_TYPE = f"{{{XSI}}}type"
_NIL = f"{{{XSI}}}nil"
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_DATE_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d):(\d\d:\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_DOUBLE = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|NaN|[+-]?INF", re.ASCII)
_TRUE, _FALSE = {"true", "1"}, {"false", "0", ""}

Reader = Callable[[str], Value]


@dataclass(frozen=True, slots=True)
class Terms:
    """How a request is read: at most `nesting` objects inside each other, and `objects` to write; dates in `zone`."""

    nesting: int
    objects: int
    zone: tzinfo = UTC


@dataclass(frozen=True, slots=True)
class _Plan:
    readers: dict[str, Reader]
    to_one: dict[str, Entity]
    to_many: dict[str, Entity]


@cache
def _plan(entity: Entity, zone: tzinfo) -> _Plan:
    members = (*inherited_members(entity), *own_members(entity))
    return _Plan(
        readers={m.name: _reader(entity, m, zone) for m in members if isinstance(m, Attribute)},
        to_one={m.name: ICAT_ENTITIES[m.target] for m in members if isinstance(m, ToOne)},
        to_many={m.name: ICAT_ENTITIES[m.target] for m in members if isinstance(m, ToMany)},
    )


def _reader(entity: Entity, attribute: Attribute, zone: tzinfo) -> Reader:
    if attribute.kind is Kind.DATETIME:
        return partial(_moment, entity, attribute, zone)
    return partial(_READERS[attribute.kind], entity, attribute)


def text_of(operation: Element, name: str) -> str | None:
    """The text of a parameter; None when it is absent or nil."""
    text = None
    for found in operation.iterchildren(name):
        text = _text(found)
    return text


def long_of(operation: Element, name: str) -> int:
    """A parameter that is a 64-bit integer; 0 when it is absent, as in Java."""
    text = text_of(operation, name)
    return 0 if text is None else _whole(name, text, LARGEST[Kind.LONG]) or 0


def credentials_of(operation: Element) -> dict[str, str]:
    """The entries of the parameter `credentials`; one without a key or a value is ignored."""
    pairs = ((text_of(entry, "key"), text_of(entry, "value")) for entry in operation.iterfind("credentials/entry"))
    return {key: value for key, value in pairs if key is not None and value is not None}


def bean_of(operation: Element) -> Element:
    """The parameter `bean`; `BadParameter` without one."""
    found = operation.findall("bean")
    if not found or _is_nil(found[-1]):
        raise BadParameter("bean cannot be null")
    return found[-1]


def drafts_of(beans: list[Element], terms: Terms) -> list[Draft]:
    """Objects to create, with everything below them. Ids and base attributes that are sent do not matter (F.2)."""
    decoder = _Decoder(terms)
    drafts = []
    for offset, bean in enumerate(beans):
        try:
            drafts.append(decoder.draft(entity_of(bean), bean, 1))
        except BeamcatError as error:
            error.offset = offset
            raise
    return drafts


def change_of(bean: Element, terms: Terms) -> Change:
    """An object to update with all its attributes and to-one relations; what is below it is not looked at (F.4)."""
    entity = entity_of(bean)
    return Change(entity, identifier_of(bean), _Decoder(terms).draft(entity, bean, 1, below=False))


def references_of(beans: list[Element], terms: Terms) -> list[Reference]:
    """Existing objects by their ids; whatever else was sent is ignored (F.6). Errors carry the offset."""
    if len(beans) > terms.objects:
        raise TooLarge(f"attempt to delete more than {terms.objects} objects in one call")
    references = []
    for offset, bean in enumerate(beans):
        try:
            entity, identifier = entity_of(bean), identifier_of(bean)
            if identifier is None:
                raise NoSuchObject(f"{entity.name} has null primary key.")
        except BeamcatError as error:
            error.offset = offset
            raise
        references.append(Reference(entity, identifier))
    return references


def entity_of(bean: Element) -> Entity:
    """The entity that `xsi:type` names; `BadParameter` when there is none.

    A prefix that is bound to nothing stands for ICAT's namespace: the npm package soap sends objects back with the
    prefix of the answer they came in.
    """
    prefix, _, name = (bean.get(_TYPE) or "").strip().rpartition(":")
    namespace = bean.nsmap.get(prefix or None, NAMESPACE if prefix else None)
    entity = ENTITY_OF_TYPE.get(name) if namespace == NAMESPACE else None
    if entity is None:
        raise BadParameter(f"xsi:type '{(bean.get(_TYPE) or '')[:100]}' of {bean.tag} does not name an ICAT entity")
    return entity


def identifier_of(bean: Element) -> int | None:
    """The id of an object; None without one."""
    text = None
    for member in bean:  # quicker than asking for one name
        if member.tag == "id":
            text = _text(member)
    return None if text is None else _whole("id", text, LARGEST[Kind.LONG])


class _Decoder:
    """Reads the beans of one request and counts their objects. Equal references become one."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._objects = 0
        self._references: dict[tuple[str, int], Reference] = {}

    def draft(self, entity: Entity, bean: Element, depth: int, *, below: bool = True) -> Draft:
        """The members of a bean that is within `depth` - 1 others."""
        self._count(depth)
        plan = _plan(entity, self._terms.zone)
        draft = Draft(entity, {}, {}, {})
        for member in bean:
            name = str(member.tag)
            reader = plan.readers.get(name)
            if reader is not None:
                text = _text(member)
                draft.values[name] = None if text is None else reader(text)
            elif name in plan.to_one:
                draft.to_one[name] = self._reference(entity, name, plan.to_one[name], member)
            elif below and name in plan.to_many and not _is_nil(member):
                child = self.draft(plan.to_many[name], member, depth + 1)
                draft.to_many.setdefault(name, []).append(child)
        return draft

    def _reference(self, entity: Entity, name: str, target: Entity, member: Element) -> Reference | None:
        if _is_nil(member):
            return None
        identifier = identifier_of(member)
        if identifier is None:
            raise BadParameter(f"{entity.name}: {name} refers to an object without id")
        key = (target.name, identifier)
        known = self._references.get(key)
        if known is None:
            known = self._references[key] = Reference(target, identifier)
        return known

    def _count(self, depth: int) -> None:
        self._objects += 1
        if self._objects > self._terms.objects:
            raise TooLarge(f"attempt to write more than {self._terms.objects} objects in one call")
        if depth > self._terms.nesting:
            raise TooLarge(f"the objects are nested more than {self._terms.nesting} levels deep")


def _is_nil(element: Element) -> bool:
    return bool(element.attrib) and (element.get(_NIL) or "").strip() in _TRUE


def _text(element: Element) -> str | None:
    """All of the text, CDATA sections joined; None for a nil element."""
    return None if _is_nil(element) else element.text or ""


def _whole(name: str, text: str, largest: int) -> int | None:
    text = text.strip()
    if not text:
        return None
    number = int(text) if _WHOLE.fullmatch(text) else None
    if number is None or not -largest - 1 <= number <= largest:
        raise BadParameter(f"{name} must be an integer of {largest.bit_length() + 1} bits, not '{text[:100]}'")
    return number


def _string(_entity: Entity, _attribute: Attribute, text: str) -> Value:
    return text


def _whole_number(entity: Entity, attribute: Attribute, text: str) -> Value:
    return _whole(f"Field {attribute.name} of {entity.name}", text, LARGEST[attribute.kind])


def _double(entity: Entity, attribute: Attribute, text: str) -> Value:
    text = text.strip()
    if not text:
        return None
    if not _DOUBLE.fullmatch(text):
        raise BadParameter(f"Field {attribute.name} of {entity.name} must be a number, not '{text[:100]}'")
    return float(text)


def _boolean(entity: Entity, attribute: Attribute, text: str) -> Value:
    text = text.strip()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise BadParameter(f"Field {attribute.name} of {entity.name} must be true or false, not '{text[:100]}'")


def _enumerated(_entity: Entity, attribute: Attribute, text: str) -> Value:
    assert attribute.enumeration is not None
    return text.strip() if text.strip() in attribute.enumeration.values else None


def _moment(entity: Entity, attribute: Attribute, zone: tzinfo, text: str) -> Value:
    text = text.strip()
    moment = date_time(text, zone)
    if moment is None:
        hint = "" if text else "; leave the element out for null"
        raise BadParameter(f"Field {attribute.name} of {entity.name} must be a dateTime, not '{text[:100]}'{hint}")
    return moment


def date_time(text: str, zone: tzinfo = UTC) -> datetime | None:
    """An xs:dateTime in UTC; None for what is none, or not in the years 1 to 9999.

    One without a zone is local time of `zone`: the first of two that read the same, and one that clocks skip as if they
    had not been set yet (`fold` 0). A date alone is the beginning of its day.
    """
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        return None
    day, hour, rest, fraction, offset = found.groups()
    if offset and hour and hour != "24" and (fraction is None or len(fraction) in {3, 6}):
        return _instant(text, UTC)  # nearly all that clients send: three times as quick as what follows
    midnight = hour == "24" and rest == "00:00" and not (fraction or "").strip("0")
    written = f"{day}T{'00' if midnight else hour or '00'}:{rest or '00:00'}.{(fraction or '0')[:6]:0<6}{offset or ''}"
    return _instant(written, zone, timedelta(days=midnight))


def _instant(written: str, zone: tzinfo, later: timedelta = timedelta()) -> datetime | None:
    try:
        moment = datetime.fromisoformat(written) + later
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


_READERS: dict[Kind, Callable[[Entity, Attribute, str], Value]] = {
    Kind.STRING: _string,
    Kind.LONG: _whole_number,
    Kind.INTEGER: _whole_number,
    Kind.DOUBLE: _double,
    Kind.BOOLEAN: _boolean,
    Kind.ENUM: _enumerated,
}
"""Readers of the kinds that need no zone."""
