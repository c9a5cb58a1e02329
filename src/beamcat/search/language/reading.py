"""What a text means for the documents of one entity.

Words without a field are looked for in all fields of text, under their other names, and in the small tables whose ids
are in the documents. A name before a colon is a field, a field of something related, or a parameter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from beamcat.errors import BadParameter
from beamcat.search.fields import DocumentType, Kind
from beamcat.search.language import conditions, free_words, names
from beamcat.search.language.conditions import Leaf
from beamcat.search.language.meaning import (
    All,
    Any,
    Ask,
    Asked,
    Elsewhere,
    Handling,
    LookUp,
    Meaning,
    Note,
    OfParameter,
    Reading,
    Table,
    Weighing,
    Without,
)
from beamcat.search.language.meaning import Exactly as ExactName
from beamcat.search.language.names import Called, Key, Own, Through
from beamcat.search.language.parsing import parse
from beamcat.search.language.scanning import Limits
from beamcat.search.language.synonyms import Synonyms
from beamcat.search.language.text_fields import TEXT_KINDS, in_field, is_exactly
from beamcat.search.language.tree import (
    And,
    Boosted,
    Clause,
    Clauses,
    Compared,
    Fuzzy,
    Named,
    Node,
    Not,
    Or,
    Phrase,
    Range,
    Span,
    Term,
)
from beamcat.search.question import Between, Everything, Has, Nothing, OneOf, Predicate
from beamcat.search.units import Units

_BEFORE_AND_AFTER = {"before": "<", "until": "<=", "since": ">=", "after": ">="}
"""Names that are conditions on the date."""
_FLAGS = {"true": 1, "yes": 1, "false": 0, "no": 0}
_INTEGER = re.compile(r"[0-9]{1,18}")


class Operator(Enum):
    """What things side by side, without an operator between them, are."""

    ANY = "OR"
    """Any of them is enough, and more of them count more: Lucene's way."""
    ALL = "AND"
    """All of them have to be there, but for words such as `the`: the way of search boxes."""


class Unknown(Enum):
    """What a name is that is neither a field nor a parameter."""

    REFUSE = "refuse"
    """An error."""
    NOTHING = "nothing"
    """A condition that nothing fulfils, as in Lucene."""
    WORDS = "words"
    """A word like others, and so is what stands behind it."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a text is read. A reader that is not strict takes for words what it cannot understand."""

    operator: Operator
    strict: bool
    unknown: Unknown


LUCENE = Manner(Operator.ANY, strict=True, unknown=Unknown.NOTHING)
"""For the interfaces of ICAT."""
BOX = Manner(Operator.ALL, strict=False, unknown=Unknown.WORDS)
"""For a search box."""
BOX_ANY = Manner(Operator.ANY, strict=False, unknown=Unknown.WORDS)
"""For a search box once more, when nothing has all of the words."""


@dataclass(frozen=True)
class Language:
    """What a text is read with."""

    documents: Mapping[str, DocumentType]
    units: Units
    synonyms: Synonyms = field(default_factory=Synonyms)
    limits: Limits = field(default_factory=Limits)


def read(text: str, entity: str, language: Language, manner: Manner = BOX) -> Reading:
    """What the text asks of the documents of an entity; nothing in it: everything.

    Raises `BadParameter` for a text beyond the limits and, in a strict manner, for one that is malformed.
    """
    tree, reader = _parsed(text, entity, language, manner)
    meaning = None if tree is None else reader.meaning(tree, reader.free)
    return Reading(meaning or Ask(Everything()), tuple(reader.notes), text)


def read_for(name: str, text: str, entity: str, language: Language, manner: Manner = LUCENE) -> Meaning:
    """What the text asks of one field, or of one of something related; nothing in it: everything."""
    tree, reader = _parsed(text, entity, language, manner)
    meaning = None if tree is None else reader.named(name, tree, Span(0, len(text)))
    return meaning or Ask(Everything())


def _parsed(text: str, entity: str, language: Language, manner: Manner) -> tuple[Node | None, _Reader]:
    parsed = parse(text, language.limits, strict=manner.strict, is_unit=language.units.follows)
    notes = [Note(Handling.IGNORED, one.span, text[one.span.start : one.span.end], one.why) for one in parsed.ignored]
    return parsed.tree, _Reader(text, entity, language, manner, notes)


class _Reader:
    """Reads the tree of one text for one entity."""

    def __init__(self, text: str, entity: str, language: Language, manner: Manner, notes: list[Note]) -> None:
        self.notes = notes
        self._text = text
        self._entity = entity
        self._language = language
        self._manner = manner
        self._document = language.documents[entity]
        self._groups = 0

    def meaning(self, node: Node, leaf: Callable[[Leaf], Meaning | None]) -> Meaning | None:
        """What a node means, where `leaf` says what words and conditions do; none: nothing that can be asked."""
        match node:
            case Named(name, part, span):
                return self.named(name, part, span)
            case Boosted(part, factor):
                inner = self.meaning(part, leaf)
                return None if inner is None else Weighing(inner, factor)
            case Not(part):
                inner = self.meaning(part, leaf)
                return None if inner is None else Without(inner)
            case And(parts):
                return _all([self.meaning(part, leaf) for part in parts])
            case Or(parts):
                return _any([self.meaning(part, leaf) for part in parts])
            case Clauses(clauses):
                self._groups += 1
                meaning = self._side_by_side(clauses, leaf)
                self._groups -= 1
                return meaning
            case Term() | Phrase() | Fuzzy() | Range() | Compared():
                return leaf(node)

    # Without a field.

    def free(self, leaf: Leaf) -> Meaning | None:
        """Words in any field."""
        if isinstance(leaf, Range | Compared):
            return self._refuse("a condition needs a name before it", leaf.span)
        found = free_words.meaning(self._document, self._language.synonyms, leaf)
        if found is None:
            self._note(Handling.IGNORED, leaf.span, "there is nothing in it that can be looked for")
            return None
        if found.also:
            self._note(Handling.SYNONYM, leaf.span, "also: " + ", ".join(found.also))
        return found.meaning

    def _side_by_side(self, clauses: tuple[Clause, ...], leaf: Callable[[Leaf], Meaning | None]) -> Meaning | None:
        """Lucene's rules: what is marked must, or must not, be there; of the rest any or all, as the manner has it."""
        every = self._manner.operator is Operator.ALL
        required: list[Meaning | None] = []
        plain: list[Meaning | None] = []
        light = free_words.light_ones(clauses) if leaf == self.free else frozenset()
        at = 0
        while at < len(clauses):
            run = free_words.run_at(clauses, at, self._language.synonyms) if leaf == self.free else None
            if run is not None:
                (required if every else plain).append(self._run(clauses[at : run.stop], run))
                at = run.stop
                continue
            clause = clauses[at]
            if at in light and isinstance(clause.part, Term):
                self._note(Handling.IGNORED, clause.part.span, "a word that is nearly everywhere")
            else:
                meaning = self.meaning(clause.part, leaf)
                must = every or clause.required or isinstance(clause.part, Not)
                (required if must else plain).append(meaning)
            at += 1
        return self._together(required, plain)

    def _run(self, clauses: tuple[Clause, ...], run: free_words.Run) -> Meaning | None:
        """Several words that have another name together."""
        each = [self.meaning(clause.part, self.free) for clause in clauses] if run.others.itself else []
        together = _all(each) if self._manner.operator is Operator.ALL else _any(each)
        other = free_words.under_other_names(self._document, run.others)
        first, last = clauses[0].part, clauses[-1].part
        assert isinstance(first, Term)
        assert isinstance(last, Term)
        span = Span(first.span.start, last.span.end)
        self._note(Handling.SYNONYM, span, "also: " + ", ".join(map(" ".join, run.others.names)))
        return _any([together, *other])

    def _together(self, required: list[Meaning | None], plain: list[Meaning | None]) -> Meaning | None:
        must, may = _all(required), _any(plain)
        if must is None or may is None or all(isinstance(part, Without) for part in required if part is not None):
            return _all([may, must])
        # what may be there besides only counts in ranking: within parentheses, too little to ask everything twice
        return must if self._groups > 1 else Any((must, All((must, may))))

    # With a name.

    def named(self, name: str, part: Node, span: Span) -> Meaning | None:
        """What is asked of a field, of something related, or of a parameter."""
        noted = len(self.notes)
        operator = _BEFORE_AND_AFTER.get(name.lower())
        if operator is not None and isinstance(part, Term | Phrase) and "date" in self._document.fields:
            self._note(Handling.FIELD, span, name)
            return self._own(("date",), Compared(operator, part.text, span=span), name, span)
        match names.target(self._language.documents, self._entity, name):
            case Own(fields):
                meaning = self.meaning(part, lambda leaf: self._own(fields, leaf, name, span))
            case Called(fields, table, member):
                meaning = self.meaning(part, lambda leaf: self._called(fields, table, member, leaf, span))
            case Key(key):
                meaning = self.meaning(part, lambda leaf: self._key(key, leaf, name, span))
            case Through(key, entity, theirs_name, theirs):
                other = _Reader(self._text, entity, self._language, self._manner, [])
                inner = other.named(theirs_name, part, span)
                self.notes += [note for note in other.notes if note.handling is not Handling.FIELD]
                meaning = None if inner is None else Elsewhere(key, entity, inner, theirs, span)
            case None:
                if not any(known.kind is Kind.NUMBERS for known in self._document.fields.values()):
                    return self._unknown(name, span)
                return self.meaning(part, lambda leaf: self._parameter(name, leaf, span))
        refused = any(note.handling is Handling.IGNORED and note.span == span for note in self.notes[noted:])
        if meaning is not None and not refused:
            self._note(Handling.FIELD, span, name)
        return meaning

    def _own(self, fields: tuple[str, ...], leaf: Leaf, name: str, span: Span) -> Meaning | None:
        kinds = [self._document.fields[held].kind for held in fields]
        if isinstance(leaf, Compared) and leaf.operator == "=" and leaf.unit and kinds[0] is not Kind.AMOUNT:
            # `visit:12 K`: what looked like a unit is a word
            behind = Term(leaf.unit, span=leaf.span)
            return _all([self._own(fields, Term(leaf.value, span=leaf.span), name, span), self.free(behind)])
        predicates = [self._of_field(held, leaf) for held in fields]
        found = [Ask(predicate) for predicate in predicates if predicate is not None]
        return _any([*found]) or self._refuse(_what_it_takes(name, kinds[0], fields[0]), span)

    def _of_field(self, name: str, leaf: Leaf) -> Predicate | None:
        held = self._document.fields[name]
        if isinstance(leaf, Term) and leaf.text == "*" and leaf.wild:
            return Has(name)
        if held.kind is Kind.MOMENT:
            return conditions.moment(name, leaf)
        if held.kind is Kind.AMOUNT:
            return conditions.amount(name, leaf)
        if held.kind not in TEXT_KINDS:
            return None
        match leaf:
            case Compared("=", value):
                return is_exactly(held, value)
            case Compared() | Range():
                return None
            case _:
                return in_field(held, leaf, named=True)

    def _called(
        self, fields: tuple[str, ...], table: Table, member: str | None, leaf: Leaf, span: Span
    ) -> Meaning | None:
        if isinstance(leaf, Term) and leaf.text == "*" and leaf.wild:
            return _any([Ask(Has(key)) for key in fields])
        test = conditions.texts(leaf)
        if test is None:
            return self._refuse(f"a {table.value} is asked for by its name", span)
        return _any([LookUp(key, Asked(table, test, member), span) for key in fields])

    def _key(self, key: str, leaf: Leaf, name: str, span: Span) -> Meaning | None:
        match leaf:
            case Term(text, ()) | Phrase(text, 0) | Compared("=", text, None):
                value = int(text) if _INTEGER.fullmatch(text) else _FLAGS.get(text.lower())
                if value is not None:
                    return Ask(OneOf(key, (value,)))
            case Range() if key != "id":
                test = conditions.numbers(leaf)
                if test is not None and test.unit is None:
                    return Ask(Between(key, test.low, test.high, test.includes_low, test.includes_high))
            case Term("*"):
                return Ask(Has(key))
        return self._refuse(f"{name} is a number", span)

    def _parameter(self, name: str, leaf: Leaf, span: Span) -> Meaning | None:
        anything = isinstance(leaf, Term) and leaf.text == "*" and leaf.wild
        tests = conditions.Tests(None, None, None) if anything else conditions.tests(leaf)
        if not anything and tests == conditions.Tests(None, None, None):
            return self._refuse(f"'{name}' is compared with a number, a date or a text", span)
        return OfParameter(
            ExactName(name),
            tests.number,
            tests.moment,
            tests.text,
            otherwise=self._as_words(span) if self._manner.unknown is Unknown.WORDS else None,
            needed=self._manner.unknown is Unknown.REFUSE,
            written=name,
            span=span,
        )

    def _unknown(self, name: str, span: Span) -> Meaning | None:
        known = ", ".join(names.known_names(self._document))
        why = f"there is no field '{name}'; there are {known}"
        if self._manner.unknown is Unknown.NOTHING:
            self._note(Handling.NOTHING, span, why)
            return Ask(Nothing())
        if self._manner.unknown is Unknown.REFUSE:
            raise self._error(why, span)
        return self._refuse(why, span)

    # What cannot be understood.

    def _refuse(self, why: str, span: Span) -> Meaning | None:
        """Raises, or takes it for words."""
        if self._manner.strict:
            raise self._error(why, span)
        self._note(Handling.IGNORED, span, why)
        return self._as_words(span)

    def _as_words(self, span: Span) -> Meaning | None:
        pieces = re.findall(r"[^\s:<>=()\[\]{}\"^~\\]+", self._text[span.start : span.end])
        words = [Term(piece, span=span) for piece in pieces[: self._language.limits.max_terms]]
        found = [free_words.meaning(self._document, self._language.synonyms, word) for word in words]
        together = _all if self._manner.operator is Operator.ALL else _any
        return together([one.meaning for one in found if one is not None])

    def _error(self, why: str, span: Span) -> BadParameter:
        near = self._text[max(0, span.start - 10) : span.start + 20]
        return BadParameter(f"Cannot read the search text at character {span.start + 1}, near '{near}': {why}")

    def _note(self, handling: Handling, span: Span, what: str) -> None:
        self.notes.append(Note(handling, span, self._text[span.start : span.end], what))


def _what_it_takes(name: str, kind: Kind, field: str) -> str:
    match kind:
        case Kind.MOMENT:
            return f"{name} is a date, such as 2024, 2024-03, 2024-03-05 or 2024-03..2024-05"
        case Kind.AMOUNT if field == "size":
            return f"{name} is a number of bytes, or of kB, MB, GB, TB"
        case Kind.AMOUNT:
            return f"{name} is a number"
        case Kind.CODE:
            return f"{name} is asked for as it is, or by its beginning and a star"
        case _:
            return f"{name} is text: it is asked for by words, a phrase or a pattern"


def _all(parts: list[Meaning | None]) -> Meaning | None:
    held = tuple(part for part in parts if part is not None)
    return None if not held else held[0] if len(held) == 1 else All(held)


def _any(parts: list[Meaning | None]) -> Meaning | None:
    held = tuple(part for part in parts if part is not None)
    return None if not held else held[0] if len(held) == 1 else Any(held)
