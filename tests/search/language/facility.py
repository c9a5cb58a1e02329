"""A small facility in memory: its small tables, and other documents that answer with what they were told to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from beamcat.search.documents import DOCUMENTS
from beamcat.search.language.lookups import Found, ParameterType, ValueKind
from beamcat.search.language.meaning import Asked, NameTest, Table, Understood
from beamcat.search.language.naming import fits
from beamcat.search.language.reading import BOX, LUCENE, Language, Manner, read
from beamcat.search.language.settling import settled
from beamcat.search.language.synonyms import Synonyms, read_synonyms
from beamcat.search.question import Predicate
from beamcat.search.units import Units, shared_units

ROWS: Mapping[Table, Mapping[int, Mapping[str, str]]] = {
    Table.INSTRUMENT: {1: {"name": "ID21", "fullName": "X-ray microscopy beamline"}, 2: {"name": "SANS2D"}},
    Table.TECHNIQUE: {
        10: {"name": "x-ray absorption spectroscopy", "pid": "PaNET01196"},
        11: {"name": "neutron imaging"},
    },
    Table.INVESTIGATION_TYPE: {20: {"name": "calibration"}, 21: {"name": "experiment"}},
    Table.DATASET_TYPE: {25: {"name": "raw"}, 26: {"name": "processed"}},
    Table.FACILITY_CYCLE: {30: {"name": "2024_1"}},
    Table.DATAFILE_FORMAT: {40: {"name": "NeXus"}},
    Table.SAMPLE_TYPE: {50: {"name": "rust"}},
    Table.FACILITY: {60: {"name": "Example Light Source"}},
    Table.PARAMETER_TYPE: {70: {"name": "temperature"}, 71: {"name": "energy"}},
    Table.INVESTIGATION_OF_USER: {500: {"name": "db/anna"}},
    Table.INVESTIGATION_OF_PERSON: {501: {"fullName": "Anna Weiss", "orcidId": "0000-0002-1825-0097"}},
}
TYPES = (
    ParameterType(70, "temperature", "K", ValueKind.NUMERIC),
    ParameterType(71, "energy", "eV", ValueKind.NUMERIC),
    ParameterType(72, "temperature", "degC", ValueKind.NUMERIC),
    ParameterType(73, "scan_type", "", ValueKind.STRING),
    ParameterType(74, "calibrated", "", ValueKind.DATE_AND_TIME),
    ParameterType(75, "flux", "widgets", ValueKind.NUMERIC),
)


class MemoryLookups:
    async def find(self, asked: Collection[Asked]) -> Mapping[Asked, Found]:
        return {one: self._found(one) for one in asked}

    async def parameter_types(self, tests: Collection[NameTest]) -> Mapping[NameTest, Sequence[ParameterType]]:
        return {test: [known for known in TYPES if fits(test, known.name)] for test in tests}

    def _found(self, asked: Asked) -> Found:
        rows = {
            key: row["name"] if "name" in row else row["fullName"]
            for key, row in ROWS.get(asked.table, {}).items()
            if any(fits(asked.test, text) for member, text in row.items() if asked.member in (None, member))
        }
        return Found(tuple(rows), tuple(rows.values()))


@dataclass
class MemoryDocuments:
    """Answers `answer` to everything, and keeps what it was asked."""

    answer: Sequence[int] = (7, 8)
    asked: list[tuple[str, Predicate, str | None]] = field(default_factory=list)

    async def ids(self, entity: str, predicate: Predicate, member: str | None = None) -> Sequence[int]:
        self.asked.append((entity, predicate, member))
        return list(self.answer)


def units() -> Units:
    return shared_units("")


@cache
def language() -> Language:
    return Language({name: documents.type for name, documents in DOCUMENTS.items()}, units())


@cache
def with_synonyms() -> Language:
    return Language(language().documents, units(), read_synonyms([]))


async def understood(
    text: str,
    entity: str = "Investigation",
    manner: Manner = LUCENE,
    others: MemoryDocuments | None = None,
    known: Language | None = None,
) -> Understood:
    known = known or language()
    return await settled(read(text, entity, known, manner), entity, known, MemoryLookups(), others or MemoryDocuments())


async def asked(
    text: str,
    entity: str = "Investigation",
    manner: Manner = LUCENE,
    others: MemoryDocuments | None = None,
    known: Language | None = None,
) -> Predicate:
    return (await understood(text, entity, manner, others, known)).predicate


__all__ = ["BOX", "LUCENE", "MemoryDocuments", "MemoryLookups", "Synonyms", "asked", "language", "understood"]
