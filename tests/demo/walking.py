"""Everything in the example facility, one object at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count

from beamcat.demo.datasets import Stored, dataset_record
from beamcat.demo.facility import Demo
from beamcat.demo.objects import Record
from beamcat.demo.results import collection_record, job_input_record, job_output_record
from beamcat.demo.visits import investigation_record
from beamcat.model import ICAT_ENTITIES, Entity, ToMany


def records_of(demo: Demo, stored: dict[str, Stored]) -> list[tuple[str, Record]]:
    """What the loader creates, by entity."""
    return [
        ("Facility", demo.facility),
        *((entity, record) for entity, records in demo.people_and_rules() for record in records),
        *(("Investigation", investigation_record(visit)) for visit in demo.visits),
        *(("Dataset", dataset_record(d, stored, demo.source_file(d))) for d in demo.datasets),
        *(("DataCollection", job_input_record(job)) for job in demo.jobs),
        *(("DataCollection", job_output_record(job)) for job in demo.jobs),
        *(("DataCollection", collection_record(visit)) for visit in demo.published),
        *(("Study", record) for record in demo.studies),
    ]


@dataclass(frozen=True)
class Inside:
    """Stands for the parent of a nested object, so that unique keys can be compared."""

    number: int


def walk(entity: Entity, record: Record, numbers: Iterator[int]) -> Iterator[tuple[Entity, Record]]:
    """Every object with its entity; a nested one has its parent in it."""
    yield entity, record
    parent = Inside(next(numbers))
    for name, value in record.items():
        member = entity.members[name]
        if isinstance(member, ToMany):
            for nested in value:
                yield from walk(ICAT_ENTITIES[member.target], {member.by: parent, **nested}, numbers)


def every(top_level: Iterable[tuple[str, Record]]) -> Iterator[tuple[Entity, Record]]:
    numbers = count()
    for name, record in top_level:
        yield from walk(ICAT_ENTITIES[name], record, numbers)
