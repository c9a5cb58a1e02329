"""The whole example facility as plain data, before it is loaded anywhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

from beamcat.demo.datasets import DemoDataset, datasets_of
from beamcat.demo.objects import Record, Ref, ref
from beamcat.demo.people import group_records, scientist_records, user_records
from beamcat.demo.results import DemoJob, is_published, jobs_of, study_records
from beamcat.demo.rules import rule_records, step_records
from beamcat.demo.visits import Visit, funding_records, make_visits, sample_type_records
from beamcat.demo.vocabulary import facility_record, technique_records


@dataclass(frozen=True)
class Demo:
    """The example facility. The same `extent` gives the same facility, down to every name and size."""

    extent: str
    visits: tuple[Visit, ...]
    datasets: tuple[DemoDataset, ...]

    @property
    def facility(self) -> Record:
        """The facility with the words it defines."""
        return facility_record(sample_type_records())

    def people_and_rules(self) -> Iterator[tuple[str, list[Record]]]:
        """What needs no investigation: entity and records, in an order in which they can be created."""
        yield "Technique", technique_records()
        yield "FundingReference", funding_records()
        yield "User", user_records()
        yield "Grouping", group_records()
        yield "InstrumentScientist", scientist_records()
        yield "PublicStep", step_records()
        yield "Rule", rule_records()

    @cached_property
    def jobs(self) -> tuple[DemoJob, ...]:
        """The jobs that made the processed data."""
        return jobs_of(self.datasets)

    @property
    def published(self) -> tuple[Visit, ...]:
        """The visits whose data are published with a DOI."""
        return tuple(visit for visit in self.visits if is_published(visit))

    @property
    def studies(self) -> list[Record]:
        """The studies."""
        return study_records(self.visits)

    @cached_property
    def _datasets_by_key(self) -> dict[tuple[str, str], DemoDataset]:
        return {dataset.key: dataset for dataset in self.datasets}

    def source_file(self, dataset: DemoDataset) -> Ref | None:
        """The datafile that processing of `dataset` began with; None for one that was measured."""
        if dataset.source is None:
            return None
        source = self._datasets_by_key[dataset.visit.visit_id, dataset.source]
        return ref("Datafile", *source.key, source.files[0].name)


def build_demo(scale: float = 1.0, instruments: Collection[str] | None = None) -> Demo:
    """The example facility; for tests a smaller one: a `scale` below 1, or the visits of some `instruments` only."""
    visits = make_visits(scale, instruments)
    extent = f"scale {scale}" if instruments is None else f"scale {scale} at {', '.join(sorted(instruments))}"
    return Demo(extent, visits, tuple(dataset for visit in visits for dataset in datasets_of(visit, scale)))
