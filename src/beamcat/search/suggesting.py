"""What the text in a search box could go on to, while it is typed.

All of it is narrowed by what the caller may see: words stand in documents of the caller, and objects are named only to
who may read them.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Coroutine, Sequence
from typing import Any as Json

from beamcat.access.caller import Caller
from beamcat.search.asking import EntityWanted, ask
from beamcat.search.columns import SUGGESTED
from beamcat.search.fields import DocumentType
from beamcat.search.guide import fields_of
from beamcat.search.language.meaning import Table
from beamcat.search.language.names import Called, Own, target
from beamcat.search.language.reading import Language
from beamcat.search.language.tree import Named, Phrase, Term, written
from beamcat.search.parts import Parts
from beamcat.search.people import people_called
from beamcat.search.question import AnyOf, Begins, Predicate, Word, WordLike
from beamcat.search.tables import Entry
from beamcat.search.tokens import fold, words
from beamcat.search.wanted import Suggestion, SuggestionKind

MOST = 50
"""Suggestions that are told at once."""
LOOKED_AT = 200
"""The last characters of the text: a word that is longer has no suggestions."""
EACH = 6
"""Of one kind."""
SHORTEST_NAME = 2
"""Characters from which on investigations, samples and people are looked for."""
CHECKED_WITHIN = 50
"""Documents with a word of which one has to be readable, where the engine's rights are wider than the caller's."""
WITHIN_S = 2.0
"""Longest time for one kind of suggestion; one that takes longer is left out."""

_LAST = re.compile(r'(?:"[^"]*"|\S)*$')
_NAMED = re.compile(r'(?P<name>[^\W\d_][\w.]*)\s*:\s*"?(?P<rest>.*)', re.DOTALL)
_NAMES = (
    (Table.INSTRUMENT, SuggestionKind.INSTRUMENT, "instrument"),
    (Table.TECHNIQUE, SuggestionKind.TECHNIQUE, "technique"),
)

Found = Coroutine[Json, Json, list[Suggestion]]


class Suggesting:
    """The suggestions of one caller, for a search of these entities."""

    def __init__(self, parts: Parts, caller: Caller, language: Language, entities: Sequence[str]) -> None:
        self._parts, self._caller, self._language, self._entities = parts, caller, language, entities

    async def suggestions(self, text: str, most: int) -> list[Suggestion]:
        """What the last word could become, likely ones first."""
        most = max(0, min(most, MOST))
        match = _LAST.search(text[-LOOKED_AT:])
        last = "" if match is None else match[0].lstrip("+-(")
        if not last or not most:
            return []
        named = _NAMED.fullmatch(last)
        if named is not None and (found := await self._of_field(named["name"], named["rest"])):
            return found[:most]
        typed = last.lstrip('"')
        if not words(typed):
            return []
        kinds = await asyncio.gather(*(_in_time(one) for one in self._kinds(typed)))
        start = fold(typed)
        ranked = [
            (not fold(one.label).startswith(start), place, at, one)
            for at, kind in enumerate(kinds)
            for place, one in enumerate(kind)
        ]
        ranked.sort(key=lambda each: each[:3])
        return list({(one.kind, one.text): one for *_, one in ranked}.values())[:most]

    def _kinds(self, typed: str) -> list[Found]:
        found = [
            *(self._names(table, kind, field, typed) for table, kind, field in _NAMES),
            self._words(typed),
            self._fields(typed),
            self._parameters(typed),
        ]
        if len(typed) >= SHORTEST_NAME:
            found += [self._investigations(typed), self._samples(typed), self._people(typed)]
        return found

    async def _of_field(self, name: str, typed: str) -> list[Suggestion]:
        """Behind a colon: what the field can hold."""
        for entity in self._entities:
            match target(self._language.documents, entity, name):
                case Called(_, table, _):
                    kind = {table: kind for table, kind, _ in _NAMES}.get(table, SuggestionKind.WORD)
                    return await self._names(table, kind, name, typed)
                case Own(fields) if "people" in fields:
                    return await self._people(typed, name)
                case Own(fields):
                    document = self._language.documents[entity]
                    held = [one for one in fields if document.fields[one].kind in SUGGESTED and one in document.asked]
                    found = await self._words_of(entity, held, typed) if held and words(typed) else []
                    return [_word(SuggestionKind.WORD, word, f"{name}:{word}") for word in found]
                case _:
                    continue
        return []

    async def _names(self, table: Table, kind: SuggestionKind, field: str, typed: str) -> list[Suggestion]:
        rows = (await self._parts.tables.one(table)).beginning(typed, 4 * EACH)
        readable = await self._parts.readable.of(self._caller, table.value, [row.id for row in rows])
        return [_object(kind, table.value, row, field) for row in rows if row.id in readable][:EACH]

    async def _words(self, typed: str) -> list[Suggestion]:
        """Of datafiles, of which there are the most by far, only where nothing else is searched."""
        entities = [entity for entity in self._entities if entity != "Datafile"] or self._entities
        each = await asyncio.gather(*(self._words_of(entity, None, typed) for entity in entities))
        counted: dict[str, int] = {}
        for found in each:
            for place, word in enumerate(found):
                counted[word] = counted.get(word, 0) + EACH - place
        ranked = sorted(counted, key=lambda word: (-counted[word], word))
        return [_word(SuggestionKind.WORD, word, word) for word in ranked[:EACH]]

    async def _words_of(self, entity: str, fields: Sequence[str] | None, typed: str) -> list[str]:
        document = self._language.documents[entity]
        held = fields or [name for name in document.asked if document.fields[name].kind in SUGGESTED]
        # words of something else are suggested to who may read that
        own = [name for name in held if document.fields[name].owner is None]
        of_others = await asyncio.gather(*(self._words_of(*each, typed) for each in _owners(document, held)))
        found = await self._own_words(entity, own, typed) if own else []
        return list(dict.fromkeys([*found, *(word for each in of_others for word in each)]))

    async def _own_words(self, entity: str, held: Sequence[str], typed: str) -> list[str]:
        if entity not in self._parts.settings.entities:
            return []
        allowed = await self._parts.rights.allowed(self._caller, entity)
        start = words(typed)
        if len(start) != 1:  # what is typed is replaced as a whole
            return []
        found = await self._parts.engine.suggest(entity, held, start[0], allowed.predicate, EACH)
        if allowed.exact:
            return found
        kept = await asyncio.gather(*(self._is_seen(entity, held, word, allowed.predicate) for word in found))
        return [word for word, seen in zip(found, kept, strict=True) if seen]

    async def _is_seen(self, entity: str, fields: Sequence[str], word: str, allowed: Predicate) -> bool:
        match = AnyOf(tuple(Word(field, word) for field in fields))
        wanted = EntityWanted(entity, match, limit=1, fields=(), until=time.monotonic() + WITHIN_S / 2)
        return bool((await ask(self._parts, self._caller, wanted)).hits)

    async def _fields(self, typed: str) -> list[Suggestion]:
        start = typed.lower()
        known = {
            one.name: one.label
            for entity in self._entities
            for one in fields_of(self._language.documents[entity])
            if one.name.lower().startswith(start)
        }
        return [
            Suggestion(SuggestionKind.FIELD, f"{name}:", f"{name}: {label}") for name, label in sorted(known.items())
        ][:EACH]

    async def _parameters(self, typed: str) -> list[Suggestion]:
        rows = (await self._parts.tables.one(Table.PARAMETER_TYPE)).beginning(typed, 4 * EACH)
        readable = await self._parts.readable.of(self._caller, "ParameterType", [row.id for row in rows])
        found: dict[str, Suggestion] = {}
        for row in rows:
            name, unit = row.label, row.texts.get("units") or None
            if row.id in readable and name not in found:
                label = name if unit is None else f"{name} ({unit})"
                found[name] = Suggestion(SuggestionKind.PARAMETER, _quoted(name), label, "ParameterType", row.id, unit)
        return list(found.values())[:EACH]

    async def _investigations(self, typed: str) -> list[Suggestion]:
        match = AnyOf((Begins("name", typed), Begins("visit_id", typed)))
        return await self._objects(SuggestionKind.INVESTIGATION, "Investigation", match, ("name", "visitId", "title"))

    async def _samples(self, typed: str) -> list[Suggestion]:
        match = AnyOf((Begins("name", typed), WordLike("name", f"{words(typed)[-1]}*")))
        return await self._objects(SuggestionKind.SAMPLE, "Sample", match, ("name",))

    async def _objects(
        self, kind: SuggestionKind, entity: str, match: Predicate, fields: tuple[str, ...]
    ) -> list[Suggestion]:
        if entity not in self._parts.settings.entities:
            return []
        until = time.monotonic() + WITHIN_S / 2
        wanted = EntityWanted(entity, match, limit=EACH, fields=fields, until=until, count_up_to=0)
        hits = (await ask(self._parts, self._caller, wanted)).hits
        found: dict[str, Suggestion] = {}
        for hit, row in hits:
            name = str(row.source["name"])
            label = " - ".join(str(row.source[field]) for field in fields if field in row.source)
            found.setdefault(name, Suggestion(kind, _quoted(name), label, entity, hit.id))
        return list(found.values())

    async def _people(self, typed: str, field: str = "user") -> list[Suggestion]:
        rows = await people_called(self._parts, self._caller, typed, EACH) if len(typed) >= SHORTEST_NAME else []
        return [_object(SuggestionKind.PERSON, "User", row, field) for row in rows]


def completed(text: str, suggestion: str) -> str:
    """The text with a suggestion in the place of its last word; what marks that (`+`, `-`, `(`) stays."""
    match = _LAST.search(text[-LOOKED_AT:])
    last = "" if match is None else match[0].lstrip("+-(")
    return f"{text[: len(text) - len(last)]}{suggestion}"


async def _in_time(found: Found) -> list[Suggestion]:
    try:
        async with asyncio.timeout(WITHIN_S):
            return await found
    except TimeoutError:
        return []


def _owners(document: DocumentType, fields: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Of fields that hold words of something else, by its entity, the fields that it holds them in itself."""
    found: dict[str, list[str]] = {}
    for owner in filter(None, (document.fields[name].owner for name in fields)):
        found.setdefault(owner.entity, []).append(owner.field)
    return list(found.items())


def _word(kind: SuggestionKind, label: str, text: str) -> Suggestion:
    return Suggestion(kind, text, label)


def _object(kind: SuggestionKind, entity: str, row: Entry, field: str) -> Suggestion:
    full = row.texts.get("fullName")
    label = f"{row.label} - {full}" if full and full != row.label else row.label
    plain = re.fullmatch(r"[^\W_]+", row.label) is not None
    text = written(Named(field, Term(row.label) if plain else Phrase(row.label)))
    return Suggestion(kind, text, label, entity, row.id)


def _quoted(name: str) -> str:
    return written(Term(name)) if re.fullmatch(r"[\w.-]+", name) else written(Phrase(name))
