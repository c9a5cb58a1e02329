"""Texts of a record that its readers may change, where the rules let them: with what was before, and a way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response

from beamcat.catalogue.drafts import Reference
from beamcat.catalogue.value_changes import ChangedMeanwhile
from beamcat.errors import NoSuchObject, ValidationFailed
from beamcat.model import ENTITIES
from beamcat.portal import reading
from beamcat.portal.details.history import word_of
from beamcat.portal.page import Asking, Page
from beamcat.portal.reading import Thing

MEMBERS: Mapping[str, tuple[str, ...]] = {
    "Investigation": ("title", "summary"),
    "Dataset": ("description",),
    "Sample": ("name", "pid"),
    "Instrument": ("fullName", "description", "url"),
    "DataPublication": ("title", "description", "subject"),
}
"""What can be changed on pages. Names by which data are addressed are not among it."""
PATHS = {
    "Investigation": "/investigations",
    "Dataset": "/datasets",
    "Sample": "/samples",
    "Instrument": "/instruments",
    "DataPublication": "/publications",
}
LONG = 255
"""Longer texts get a field of several lines."""


@dataclass(frozen=True, slots=True)
class Editable:
    """A text of a record, with whether this visitor may change it."""

    member: str
    word: str
    value: str
    allowed: bool
    length: int
    required: bool

    @property
    def is_long(self) -> bool:
        """Whether it needs several lines."""
        return self.length > LONG


@dataclass(frozen=True, slots=True)
class Undo:
    """A change that was just made, and can be taken back."""

    member: str
    word: str
    before: str
    after: str


async def editable(asking: Asking, thing: Thing) -> dict[str, Editable]:
    """The texts of a record by member."""
    entity = ENTITIES[thing.entity]
    members = MEMBERS[thing.entity]
    allowed: frozenset[str] = frozenset()
    if asking.visitor.signed_in:
        allowed = await asking.core.catalogue.updatable(asking.visitor.person, Reference(entity, thing.id), members)
    attributes = {attribute.name: attribute for attribute in entity.attributes}
    return {
        name: Editable(
            name,
            word_of(asking, name),
            getattr(thing, name) or "",
            name in allowed,
            attributes[name].length or LONG,
            attributes[name].required,
        )
        for name in members
    }


async def undo_of(asking: Asking, thing: Thing) -> Undo | None:
    """How the change that the address names can be taken back, if it was the visitor's and is still the last one."""
    member = asking.query.get("changed", "")
    if member not in MEMBERS.get(thing.entity, ()) or not asking.visitor.signed_in:
        return None
    person = asking.visitor.person
    for happened in await asking.core.histories.of(person, thing.entity, thing.id, 20):
        for value in happened.values:
            if value.member == member:
                if happened.user != person.name or (value.after or "") != (getattr(thing, member) or ""):
                    return None
                return Undo(member, word_of(asking, member), value.before or "", value.after or "")
    return None


def _page(entity: str) -> Page:
    path = f"{PATHS[entity]}/{{id}}/edit"

    async def edit(asking: Asking) -> Response:
        """POST .../edit: change one text, if it is still what the visitor saw."""
        person = asking.visitor.person
        thing = await reading.find(asking, entity, asking.id_of())
        form = await asking.form()
        member = form.get("member", "")
        if member not in MEMBERS[entity]:
            raise NoSuchObject("There is no such text to change")
        text, seen = _lines(form.get("value", "")), _lines(form.get("was", ""))
        field = (await editable(asking, thing))[member]
        problem = ""
        if field.required and not text:
            problem = asking.visitor.words("details.edit.required", what=field.word)
        elif len(text) > field.length:
            problem = asking.visitor.words("details.edit.too_long", most=field.length, n=len(text))
        back = f"{PATHS[entity]}/{thing.id}"
        if not problem:
            try:
                await asking.core.catalogue.change_texts(
                    person, Reference(ENTITIES[entity], thing.id), {member: text or None}, {member: seen or None}
                )
                return asking.go(back, changed=member)
            except ChangedMeanwhile:
                problem = asking.visitor.words("details.edit.meanwhile", what=field.word)
            except ValidationFailed as error:
                problem = error.message
        return await asking.render(
            "details/edit.html",
            status=409 if seen != field.value else 422,
            field=field,
            typed=text,
            back=back,
            problem=problem,
        )

    return Page(path, edit, "edit", "POST")


def _lines(text: str) -> str:
    """A text of a form, whose lines end with CR LF, as it is kept."""
    return text.replace("\r\n", "\n").strip()


PAGES = tuple(_page(entity) for entity in MEMBERS)
