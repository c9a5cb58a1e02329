"""What is shown of something that was found: what it is, its state, and why it was found."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from beamcat.portal import reading
from beamcat.portal.lists.investigations import datasets_of, states_of
from beamcat.portal.page import Asking
from beamcat.portal.reading import Thing
from beamcat.portal.searching.kinds import BY_ENTITY, KindFound
from beamcat.portal.searching.notes import Named, Understanding, field_word, table_word
from beamcat.search.tokens import fold
from beamcat.search.wanted import FoundHit, Highlight, Piece
from beamcat.store.units.whereabouts import Whereabouts

MOST_WHY = 2
MOST_TAGS = 4
MOST_NAMES = 3
LONGEST_LEAD = 240
_ABOVE = "investigation.title"
"""Shown with what belongs to an investigation, and marked there."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INCLUDES: Mapping[str, tuple[str, ...]] = {
    "Investigation": (),
    "Dataset": ("investigation", "datasetTechniques.technique"),
    "Datafile": ("dataset.investigation",),
}
"""Entity -> what is read beside what search tells."""
_TITLES: Mapping[str, tuple[str, ...]] = {
    "Investigation": ("title", "name"),
    "Dataset": ("name",),
    "Datafile": ("name",),
    "Sample": ("name",),
    "Instrument": ("fullName", "name"),
    "DataPublication": ("title", "pid"),
}


_PLACES: Mapping[str, str] = {"online": "disk", "tape": "tape", "restoring": "refresh", "failed": "alert"}
"""Where data are -> the icon."""


@dataclass(frozen=True, slots=True)
class Why:
    """Where words stand: the field in words, and a passage of it in pieces."""

    field: str
    pieces: tuple[Piece, ...]
    cut_before: bool = False
    cut_after: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """A state: its name for colours, the word, the icon."""

    state: str
    word: str
    icon: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A hit as a page shows it.

    `lead` is a line of its text, `above` what it belongs to, with its address if that may be opened.
    """

    kind: KindFound
    id: int
    address: str
    title: tuple[Piece, ...]
    lead: str
    above: tuple[tuple[Piece, ...], str] | None
    meta: tuple[str, ...]
    tags: tuple[str, ...]
    states: tuple[State, ...]
    why: tuple[Why, ...]
    thumb: str
    basket: str


async def hits_told(asking: Asking, found: Sequence[FoundHit], understood: Understanding) -> list[Hit]:
    """The hits with all that is shown of them: one question to the catalogue for each kind."""
    beyond: dict[tuple[str, int], Thing] = {}
    for entity, includes in _INCLUDES.items():
        ids = [hit.id for hit in found if hit.entity == entity]
        if ids:
            include = f" INCLUDE {', '.join(f'it.{path}' for path in includes)}" if includes else ""
            listed = ", ".join(map(str, ids))
            query = f"SELECT it FROM {entity} it WHERE it.id IN ({listed}){include}"
            beyond |= {(entity, thing.id): thing for thing in await reading.things(asking, query)}
    pictures = await _pictures(asking, [thing for (entity, _), thing in beyond.items() if entity == "Investigation"])
    places = await _places(asking, found)
    told = []
    for hit in found:
        beside = _Beside(
            beyond.get((hit.entity, hit.id)),
            pictures.get(hit.id) if hit.entity == "Investigation" else None,
            places.get((hit.entity, hit.id)),
        )
        told.append(_Telling(asking, hit, beside, understood).hit())
    return told


@dataclass(frozen=True, slots=True)
class _Beside:
    """What is known of a hit beside what search tells: `picture` is a dataset whose picture stands for it."""

    thing: Thing | None = None
    picture: int | None = None
    place: Whereabouts | None = None


async def _pictures(asking: Asking, visits: Sequence[Thing]) -> Mapping[int, int]:
    if not visits:
        return {}
    found = await datasets_of(asking, asking.visitor.reader, visits)
    return {visit: datasets.first for visit, datasets in found.items()}


async def _places(asking: Asking, found: Sequence[FoundHit]) -> Mapping[tuple[str, int], Whereabouts]:
    """Where the data are; nothing with one level of storage, where all are online."""
    things = [(hit.entity, hit.id) for hit in found if hit.entity in {"Dataset", "Datafile"}]
    levels = asking.core.data.levels
    if not things or levels is None:
        return {}
    places = await levels.whereabouts([(entity.lower(), id_) for entity, id_ in things])
    return dict(zip(things, places, strict=True))


class _Telling:
    """Tells of one hit."""

    def __init__(self, asking: Asking, hit: FoundHit, beside: _Beside, understood: Understanding) -> None:
        self._asking, self._hit, self._beside, self._understood = asking, hit, beside, understood
        self._thing = beside.thing
        self._t, self._f, self._source = asking.visitor.words, asking.formatting, hit.source

    def hit(self) -> Hit:
        hit, kind = self._hit, BY_ENTITY[self._hit.entity]
        title_field = next((name for name in _TITLES[hit.entity] if hit.source.get(name)), "")
        title = str(hit.source.get(title_field, hit.id))
        thumb = hit.source.get(kind.thumb) if kind.thumb else self._beside.picture
        return Hit(
            kind,
            hit.id,
            kind.page.format(id=hit.id),
            self._of(title_field, title),
            self._lead(title),
            self._above(),
            tuple(filter(None, self._meta())),
            self._tags(),
            self._states(),
            self._why(title_field),
            f"/thumbnails/{thumb}" if thumb else "",
            f"{kind.in_basket} {hit.id}" if kind.in_basket else "",
        )

    def _of(self, field: str, text: str) -> tuple[Piece, ...]:
        """A text with what was found in that field marked."""
        return _marked(text, [one for one in self._hit.highlights if one.field == field])

    def _lead(self, title: str) -> str:
        """A line below the title, unless words were found in it: then it is told why."""
        if any(one.field in {"summary", "description"} for one in self._hit.highlights):
            return ""
        text = self._source.get("summary" if self._hit.entity == "Investigation" else "description", "")
        return "" if text == title else _shortened(str(text), LONGEST_LEAD)

    def _above(self) -> tuple[tuple[Piece, ...], str] | None:
        source = self._source
        match self._hit.entity:
            case "Dataset":
                title, id_ = source.get("investigation.title"), source.get("investigation.id")
                readable = self._thing is not None and self._thing.investigation is not None
                return (self._of(_ABOVE, str(title)), f"/investigations/{id_}" if readable else "") if title else None
            case "Datafile":
                name, id_ = source.get("dataset.name"), source.get("dataset.id")
                readable = self._thing is not None and self._thing.dataset is not None
                return ((Piece(str(name)),), f"/datasets/{id_}" if readable else "") if name else None
            case "Sample":
                title, id_ = source.get("investigation.title"), source.get("investigation.id")
                return (self._of(_ABOVE, str(title)), f"/investigations/{id_}") if title else None
            case _:
                return None

    def _meta(self) -> list[str]:
        source, f, t = self._source, self._f, self._t
        instruments = [str(one["instrument.name"]) for one in source.get("investigationinstrument", ())]
        size = f.size(source["fileSize"]) if source.get("fileSize") else ""
        count = source.get("fileCount")
        files = t("searching.files", n=count, number=f.number(count)) if count else ""
        where = ", ".join(instruments[:MOST_NAMES])
        match self._hit.entity:
            case "Investigation":
                return [source.get("visitId", ""), where, self._span(), files, size]
            case "Dataset":
                return [", ".join(self._techniques()[:2]), where, self._span(), files, size, source.get("visitId", "")]
            case "Datafile":
                return [source.get("datafileFormat.name", ""), self._date("date"), size, source.get("location", "")]
            case "Sample":
                return [source.get("type.name", ""), source.get("visitId", ""), source.get("pid", "")]
            case "Instrument":
                return [source.get("name", ""), source.get("type", ""), source.get("facility.name", "")]
            case _:
                people = [str(one["fullName"]) for one in source.get("datapublicationuser", ()) if "fullName" in one]
                more = t("searching.and_others") if len(people) > MOST_NAMES else ""
                return ["; ".join(people[:MOST_NAMES]) + more, self._date("date"), source.get("pid", "")]

    def _tags(self) -> tuple[str, ...]:
        """Samples, and parameters of data."""
        if self._hit.entity == "Investigation":
            samples = [str(one["sample.name"]) for one in self._source.get("sample", ()) if one.get("sample.name")]
            more = ["…"] if len(samples) > MOST_TAGS else []
            return tuple(samples[:MOST_TAGS] + more)
        asked = {what.rpartition(" (")[0] or what for _, what in self._understood.parameters}
        values = [(name, text) for name, text in self._parameters() if name not in asked]
        sample = self._source.get("sample.name")
        tags = [str(sample)] if sample and self._hit.entity == "Dataset" else []
        return tuple([*tags, *(f"{name} {text}" for name, text in values)][:MOST_TAGS])

    def _parameters(self) -> list[tuple[str, str]]:
        told: list[tuple[str, str]] = []
        for one in self._source.get(f"{self._hit.entity.lower()}parameter", ()):
            name, units = one.get("type.name"), one.get("type.units", "")
            unit = "" if units in {"", "1", "N/A"} else f" {units}"
            if name is not None and "numericValue" in one:
                told.append((str(name), f"{self._f.value(one['numericValue'])}{unit}"))
            elif name is not None and one.get("stringValue"):
                told.append((str(name), _shortened(str(one["stringValue"]), 40)))
        return told

    def _states(self) -> tuple[State, ...]:
        t = self._t
        states = []
        kind, name = self._t(f"searching.one.{BY_ENTITY[self._hit.entity].key}"), self._source.get("type.name")
        if self._hit.entity in {"Dataset", "Investigation"} and name and str(name).casefold() != kind.casefold():
            states.append(State("", str(name), ""))
        visit = _visit_of(self._hit.entity, self._thing)
        badges = () if visit is None else states_of(self._asking, visit)
        of_data = {"embargo", "open"}
        states += [
            State(badge.state, self._closed(visit) if badge.state == "embargo" else badge.text, badge.icon)
            for badge in badges
            if self._hit.entity == "Investigation" or badge.state in of_data
        ]
        place = self._beside.place
        if place is not None and self._source.get("fileCount"):
            word = place.word
            states.append(State(word, t(f"searching.place.{word}"), _PLACES[word]))
        return tuple(states)

    def _closed(self, visit: Thing | None) -> str:
        return "" if visit is None else self._t("searching.closed_until", date=self._f.date(visit.releaseDate))

    def _why(self, title_field: str) -> tuple[Why, ...]:
        """Where the words stand, but for the title, which is marked itself; or else what else made it a hit."""
        t = self._t
        found = [
            Why(field_word(t, one.field), pieces, before, after)
            for one in self._hit.highlights
            if one.field not in {title_field, _ABOVE}
            for pieces, before, after in list(zip(one.passages, one.cut_before, one.cut_after, strict=True))[:1]
        ]
        asked = {what.rpartition(" (")[0] or what for _, what in self._understood.parameters}
        found += [Why(name, (Piece(text, match=True),)) for name, text in self._parameters() if name in asked]
        found += [why for one in self._understood.named if (why := self._called(one)) is not None]
        return tuple(found[: MOST_WHY + 1] if len(found) <= MOST_WHY + 1 else found[:MOST_WHY])

    def _called(self, named: Named) -> Why | None:
        """It has something that is called as the text says."""
        asked = set(re.findall(r"[^\W_]+", fold(named.piece.partition(":")[2] or named.piece)))
        told = [
            name
            for name in self._names().get(named.table, ())
            if name in named.names or asked <= set(re.findall(r"[^\W_]+", fold(name)))
        ]
        if not told:
            return None
        return Why(table_word(self._t, named.table), (Piece(", ".join(dict.fromkeys(told)), match=True),))

    def _names(self) -> Mapping[str, Sequence[str]]:
        source = self._source
        instruments = [
            str(one[name])
            for one in source.get("investigationinstrument", ())
            for name in ("instrument.fullName",)
            if one.get(name)
        ]
        samples = [str(one["sample.type.name"]) for one in source.get("sample", ()) if one.get("sample.type.name")]
        return {
            "Technique": self._techniques(),
            "Instrument": instruments,
            "SampleType": [*samples, *_given(source, "sample.type.name")]
            + (_given(source, "type.name") if self._hit.entity == "Sample" else []),
            "DatasetType": _given(source, "type.name"),
            "InvestigationType": _given(source, "type.name"),
            "DatafileFormat": _given(source, "datafileFormat.name"),
        }

    def _techniques(self) -> list[str]:
        if self._hit.entity != "Dataset" or self._thing is None:
            return []
        return [str(link.technique.name) for link in self._thing.datasetTechniques if link.technique is not None]

    def _span(self) -> str:
        first, last = (_moment(self._source.get(name)) for name in ("startDate", "endDate"))
        return "" if first is None else self._f.span(first, last)

    def _date(self, name: str) -> str:
        found = _moment(self._source.get(name))
        return "" if found is None else self._f.date(found)


def _visit_of(entity: str, thing: Thing | None) -> Thing | None:
    """The investigation it belongs to, as far as it may be read."""
    if thing is None or entity == "Investigation":
        return thing
    visit = thing.investigation if entity == "Dataset" else thing.dataset and thing.dataset.investigation
    return visit if isinstance(visit, Thing) else None


def _given(source: Mapping[str, Any], name: str) -> list[str]:
    return [str(source[name])] if source.get(name) else []


def _moment(milliseconds: object) -> datetime | None:
    return _EPOCH + timedelta(milliseconds=milliseconds) if isinstance(milliseconds, int | float) else None


def _marked(text: str, highlights: Sequence[Highlight]) -> tuple[Piece, ...]:
    """All of a text, with what was found in its passages marked."""
    found = {
        piece.text
        for highlight in highlights
        for passage in highlight.passages
        for piece in passage
        if piece.match and piece.text.strip()
    }
    if not found:
        return (Piece(text),)
    pattern = "|".join(re.escape(one) for one in sorted(found, key=len, reverse=True))
    pieces = re.split(rf"(\b(?:{pattern})(?!\w))", text)
    return tuple(Piece(piece, match=bool(at % 2)) for at, piece in enumerate(pieces) if piece)


def _shortened(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[:most].rsplit(' ', 1)[0]} …"
