"""Words that stand alone: in which fields, under which other names, and as names of what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from beamcat.search.fields import DocumentType, Kind
from beamcat.search.language import conditions, names
from beamcat.search.language.meaning import (
    Any,
    Ask,
    Asked,
    Exactly,
    LookUp,
    Meaning,
    NameTest,
    Table,
    Together,
)
from beamcat.search.language.synonyms import Others, Synonyms
from beamcat.search.language.text_fields import Text, any_of, in_field
from beamcat.search.language.tree import NOWHERE, Clause, Fuzzy, Phrase, Span, Term
from beamcat.search.question import Everything, Predicate, Weighted
from beamcat.search.tokens import words

LIGHT = frozenset(
    (
        *("a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "if", "in", "into", "is", "it", "no", "not"),
        *("of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to", "using"),
        *("via", "was", "were", "will", "with"),
    )
)
"""Words that are not looked for where others stand beside them. As they are written for an element, they are."""

_ORCID = re.compile(r"(?:https?://orcid\.org/)?([0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}[0-9X])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Free:
    """What a word means, and under which other names it is looked for."""

    meaning: Meaning
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """Words up to, not including, `stop` that together have other names."""

    stop: int
    others: Others


def meaning(document: DocumentType, synonyms: Synonyms, text: Text) -> Free | None:
    """A word, phrase or pattern in any field, or as the name of something; none if there is nothing to look for."""
    if isinstance(text, Term) and text.wild and text.text in ("*", "*:*"):
        return Free(Ask(Everything()))
    others = synonyms.others([text.text]) if _is_plain(text) else None
    itself = others is None or others.itself
    parts: list[Meaning] = []
    if itself:
        parts += _in_fields(document, text)
        test = conditions.texts(text)
        if test is not None and words(text.text):
            parts += _as_names(document, test, text.span)
        parts += _as_orcid(document, text)
    if others is not None:
        parts += under_other_names(document, others)
    if not parts:
        return None
    also = () if others is None else tuple(map(" ".join, others.names))
    return Free(parts[0] if len(parts) == 1 else Any(tuple(parts)), also)


def under_other_names(document: DocumentType, others: Others) -> list[Meaning]:
    """The other names in any field, or as names of something."""
    parts: list[Meaning] = []
    for name in others.names:
        parts += _in_fields(document, Phrase(" ".join(name)), codes=False)
        parts += _as_names(document, Together(name), NOWHERE)
    return parts


def light_ones(clauses: Sequence[Clause]) -> frozenset[int]:
    """The places of words that are nearly everywhere: none of them, if nothing else is asked for."""
    light = {at for at, clause in enumerate(clauses) if not clause.required and _is_light(clause)}
    return frozenset(light) if len(light) < len(clauses) else frozenset()


def run_at(clauses: Sequence[Clause], at: int, synonyms: Synonyms) -> Run | None:
    """The longest run of plain words from there that has other names, of two words or more."""
    texts: list[str] = []
    for clause in clauses[at : at + synonyms.longest]:
        if clause.required or not isinstance(clause.part, Term) or clause.part.wild:
            break
        texts.append(clause.part.text)
    while len(texts) > 1:
        if (others := synonyms.others(texts)) is not None:
            return Run(at + len(texts), others)
        texts.pop()
    return None


def _is_plain(text: Text) -> bool:
    match text:
        case Term(_, wild):
            return not wild
        case Phrase(_, apart):
            return apart == 0
        case Fuzzy():
            return False


def _is_light(clause: Clause) -> bool:
    """`in` is, and `The`; `In` and `As`, so written, are elements."""
    if not isinstance(clause.part, Term) or clause.part.wild:
        return False
    text = clause.part.text
    return text.lower() in LIGHT and (text.islower() or text.isupper() or len(text) > 2) and text not in ("I", "W")


def _in_fields(document: DocumentType, text: Text, *, codes: bool = True) -> list[Meaning]:
    found: list[Predicate] = []
    for name in document.asked:
        field = document.fields[name]
        predicate = in_field(field, text) if codes or field.kind is not Kind.CODE else None
        if predicate is not None:
            found.append(predicate if field.weight == 1 else Weighted(predicate, field.weight))
    predicate = any_of(found)
    return [] if predicate is None else [Ask(predicate)]


def _as_names(document: DocumentType, test: NameTest, span: Span) -> list[Meaning]:
    if isinstance(test, Together) and all(word in LIGHT or len(word) == 1 for word in test.words):
        return []
    return [
        LookUp(field, Asked(table, test), span, alternative=True)
        for field in document.fields
        if field in names.FREE and (table := names.table_of(document.entity, field)) is not None
    ]


def _as_orcid(document: DocumentType, text: Text) -> list[Meaning]:
    match = _ORCID.fullmatch(text.text)
    field = names.INVESTIGATION_IDS.get(document.entity)
    if match is None or field is None:
        return []
    asked = Asked(Table.INVESTIGATION_OF_PERSON, Exactly(match[1].upper()), "orcidId")
    return [LookUp(field, asked, text.span, alternative=True)]
