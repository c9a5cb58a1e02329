"""What was meant -> what is asked: small tables, parameter types and other documents are asked, each once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from beamcat.errors import BadParameter
from beamcat.search.fields import DocumentType, Kind
from beamcat.search.language.lookups import NOTHING_FOUND, Found, Lookups, OtherDocuments, ParameterType, ValueKind
from beamcat.search.language.meaning import (
    All,
    Any,
    Ask,
    Asked,
    Elsewhere,
    Exactly,
    Handling,
    Like,
    LookUp,
    Meaning,
    NameTest,
    Note,
    NumberTest,
    OfParameter,
    Reading,
    Together,
    Understood,
    Weighing,
    Without,
    WordSimilar,
    WordsLike,
)
from beamcat.search.language.naming import fits
from beamcat.search.language.reading import Language
from beamcat.search.language.text_fields import all_of, in_field
from beamcat.search.language.tree import Phrase, Term
from beamcat.search.question import (
    AllOf,
    AnyOf,
    Between,
    Everything,
    Has,
    Not,
    Nothing,
    OneOf,
    Predicate,
    Same,
    Weighted,
    Word,
    WordLike,
)
from beamcat.search.units import does_not_fit, same_as

MOST_QUESTIONS = 16
"""Questions to other documents for one text."""
_SHOWN = 3
"""Names that are told of what was found."""


async def settled(
    reading: Reading, entity: str, language: Language, lookups: Lookups, others: OtherDocuments
) -> Understood:
    """The reading as a predicate on the documents of the entity, and what became of each piece of the text.

    Raises `BadParameter` where the reading needs a parameter type that is not there, or one in other units.
    """
    leaves = list(_leaves(reading.meaning))
    asked = {leaf.asked for leaf in leaves if isinstance(leaf, LookUp)}
    tests = {leaf.name for leaf in leaves if isinstance(leaf, OfParameter)}
    settling = _Settling(
        language,
        others,
        await lookups.find(asked) if asked else {},
        await lookups.parameter_types(tests) if tests else {},
        reading.text,
    )
    predicate = await settling.predicate(reading.meaning, entity)
    return Understood(predicate, tuple(dict.fromkeys((*reading.notes, *settling.notes))))


@dataclass
class _Settling:
    """One meaning on its way to a predicate."""

    language: Language
    others: OtherDocuments
    found: Mapping[Asked, Found]
    types: Mapping[NameTest, Sequence[ParameterType]]
    text: str
    notes: list[Note] = field(default_factory=list)
    answered: dict[tuple[str, Predicate, str | None], Sequence[int]] = field(default_factory=dict)

    async def predicate(self, meaning: Meaning, entity: str) -> Predicate:
        match meaning:
            case Ask(predicate):
                return predicate
            case All(parts):
                return _every([await self.predicate(part, entity) for part in parts])
            case Any(parts):
                return _some([await self.predicate(part, entity) for part in parts])
            case Without(part):
                return _negated(await self.predicate(part, entity))
            case Weighing(part, factor):
                inner = await self.predicate(part, entity)
                return inner if isinstance(inner, Nothing) else Weighted(inner, factor)
            case LookUp():
                return self._looked_up(meaning)
            case OfParameter():
                return await self._of_parameter(meaning, entity)
            case Elsewhere(key, other, part, theirs):
                inner = await self.predicate(part, other)
                if isinstance(inner, Nothing):
                    return inner
                ids = await self._ids(other, inner, theirs)
                return OneOf(key, ids) if ids else Nothing()
            case _:
                assert_never(meaning)

    async def _ids(self, entity: str, predicate: Predicate, member: str | None) -> Sequence[int]:
        question = (entity, predicate, member)
        if question not in self.answered:
            if len(self.answered) == MOST_QUESTIONS:
                raise BadParameter(
                    f"The search text asks for more than {MOST_QUESTIONS} things of what the objects belong to; put"
                    " those of one field together, as in title:(a OR b)"
                )
            self.answered[question] = tuple(await self.others.ids(*question))
        return self.answered[question]

    def _looked_up(self, look_up: LookUp) -> Predicate:
        found = self.found.get(look_up.asked, NOTHING_FOUND)
        table = look_up.asked.table.value
        if not found.ids:
            if not look_up.alternative:
                self._note(Handling.NOTHING, look_up, f"there is no {table} that is called so")
            return Nothing()
        if found.names and look_up.span.end:
            more = ", ..." if len(found.names) > _SHOWN else ""
            self._note(Handling.LOOKED_UP, look_up, f"{table}: {', '.join(found.names[:_SHOWN])}{more}")
        return OneOf(look_up.field, found.ids)

    async def _of_parameter(self, wanted: OfParameter, entity: str) -> Predicate:
        types = [
            known
            for known in self.types.get(wanted.name, ())
            if wanted.units is None or fits(wanted.units, known.units)
        ]
        if not types:
            why = f"there is no parameter that is called '{wanted.written}'"
            if wanted.needed:
                raise BadParameter(why)
            if wanted.otherwise is not None:
                self._note(Handling.IGNORED, wanted, f"{why}: these are words")
                return await self.predicate(wanted.otherwise, entity)
            self._note(Handling.NOTHING, wanted, why)
            return Nothing()
        predicates = [self._of_type(wanted, known, self.language.documents[entity]) for known in types]
        found = [predicate for predicate in predicates if predicate is not None]
        if found:
            units = sorted({known.units for known in types if known.units})
            self._note(
                Handling.PARAMETER, wanted, f"{wanted.written} ({', '.join(units)})" if units else wanted.written
            )
        else:
            problem = _no_fit(wanted, types)
            if wanted.needed:
                raise problem
            self._note(Handling.NOTHING, wanted, problem.message)
        return _some(found)

    def _of_type(self, wanted: OfParameter, known: ParameterType, document: DocumentType) -> Predicate | None:
        """The condition on values of one type; none if it cannot hold for it."""
        kinds = {
            ValueKind.NUMERIC: Kind.NUMBERS,
            ValueKind.STRING: Kind.STRINGS,
            ValueKind.DATE_AND_TIME: Kind.MOMENTS,
        }
        held = next((name for name, one in document.fields.items() if one.kind is kinds[known.kind]), None)
        if held is None:
            return None
        if wanted.number is None and wanted.moment is None and wanted.text is None:
            return Has(held, known.id)
        match known.kind:
            case ValueKind.NUMERIC:
                return None if wanted.number is None else self._between(held, wanted.number, known)
            case ValueKind.DATE_AND_TIME:
                when = wanted.moment
                if when is None:
                    return None
                return Between(held, when.low, when.high, when.includes_low, when.includes_high, known.id)
            case ValueKind.STRING:
                return None if wanted.text is None else _string(document, held, wanted.text, known.id)

    def _between(self, held: str, test: NumberTest, known: ParameterType) -> Predicate | None:
        low, high = test.low, test.high
        if test.unit is not None and test.unit != known.units.strip():
            low = None if low is None else self.language.units.convert(low, test.unit, known.units)
            high = None if high is None else self.language.units.convert(high, test.unit, known.units)
            if (low is None) != (test.low is None) or (high is None) != (test.high is None):
                return None
            # what was lost in conversion neither lets the bounds in nor keeps them out
            low = None if low is None else same_as(low)[0 if test.includes_low else 1]
            high = None if high is None else same_as(high)[1 if test.includes_high else 0]
        elif low is not None and low == high:
            low, high = same_as(low)
        return Between(held, low, high, test.includes_low, test.includes_high, known.id)

    def _note(self, handling: Handling, leaf: LookUp | OfParameter, what: str) -> None:
        self.notes.append(Note(handling, leaf.span, self.text[leaf.span.start : leaf.span.end], what))


def _leaves(meaning: Meaning) -> Iterator[Meaning]:
    match meaning:
        case All(parts) | Any(parts):
            for part in parts:
                yield from _leaves(part)
        case Without(part) | Weighing(part, _):
            yield from _leaves(part)
        case Elsewhere(_, _, part):
            yield from _leaves(part)
        case OfParameter():
            yield meaning
            if meaning.otherwise is not None:
                yield from _leaves(meaning.otherwise)
        case _:
            yield meaning


def _string(document: DocumentType, held: str, test: NameTest, key: int) -> Predicate | None:
    match test:
        case Exactly(text):
            return Same(held, text, key)
        case Together(words):
            return in_field(document.fields[held], Phrase(" ".join(words)), key=key)
        case WordsLike(patterns):
            return all_of(
                [WordLike(held, one, key) if "*" in one or "?" in one else Word(held, one, key) for one in patterns]
            )
        case WordSimilar(word, _):
            return Word(held, word, key)
        case Like(pattern):
            return in_field(document.fields[held], _term(pattern), key=key)
        case _:
            assert_never(test)


def _term(pattern: str) -> Term:
    """A pattern of a whole text as a word with stars."""
    characters: list[str] = []
    wild: list[int] = []
    rest = iter(pattern)
    for character in rest:
        if character in "*?":
            wild.append(len(characters))
        characters.append(next(rest, "\\") if character == "\\" else character)
    return Term("".join(characters), tuple(wild))


def _no_fit(wanted: OfParameter, types: Collection[ParameterType]) -> BadParameter:
    numeric = [known.units for known in types if known.kind is ValueKind.NUMERIC]
    if wanted.number is not None and wanted.number.unit is not None and numeric:
        return does_not_fit(wanted.written, wanted.number.unit, numeric)
    kinds = {
        ValueKind.NUMERIC: "numbers, such as 20 or 20 K",
        ValueKind.STRING: "texts",
        ValueKind.DATE_AND_TIME: "dates, such as 2024-03-05",
    }
    return BadParameter(f"the values of '{wanted.written}' are {' or '.join(sorted({kinds[t.kind] for t in types}))}")


def _every(parts: list[Predicate]) -> Predicate:
    if any(isinstance(part, Nothing) for part in parts):
        return Nothing()
    held = [part for part in parts if not isinstance(part, Everything)]
    if not held:
        return Everything()
    if all(isinstance(part, Not) for part in held):
        return AllOf((Everything(), *held))
    return held[0] if len(held) == 1 else AllOf(tuple(held))


def _some(parts: list[Predicate]) -> Predicate:
    held = [part for part in parts if not isinstance(part, Nothing)]
    if any(isinstance(part, Everything) for part in held):
        return Everything()
    return Nothing() if not held else held[0] if len(held) == 1 else AnyOf(tuple(held))


def _negated(part: Predicate) -> Predicate:
    match part:
        case Nothing():
            return Everything()
        case Everything():
            return Nothing()
        case _:
            return Not(part)
