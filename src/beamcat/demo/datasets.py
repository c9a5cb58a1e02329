"""The datasets and datafiles of a visit.

The first datasets of a few visits have real files. Those of the oldest visit of each instrument go to tape once they
are in the catalogue, the others stay on disk. All other datasets are catalogue entries alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from beamcat.demo.objects import Record, Ref, instant, ref
from beamcat.demo.recipes import RECIPES, TAGS, Content, Planned, Values, raw_values, result_values
from beamcat.demo.visits import PI_LEADS, VISITOR_JOINS, DemoSample, Visit, parameter
from beamcat.demo.vocabulary import APPLICATIONS, FORMATS, INSTRUMENTS, UNITS

WITH_FILES = {*PI_LEADS, *VISITOR_JOINS, *((plan.name, number) for plan in INSTRUMENTS for number in (0, 2))}
"""Visits with real files, by instrument and place: those of the accounts, and two open ones of each instrument."""

RUNS_WITH_FILES = 2
"""Runs of these visits that have their files, with what was computed from them."""

PLACE_ON_TAPE = 0
"""Of each instrument, the visit whose files are on tape: its first one."""

APPLICATION_VERSIONS = dict(APPLICATIONS)

FileKey = tuple[str, str, str]
"""Visit, dataset and name of a datafile."""


@dataclass(frozen=True, slots=True)
class DemoFile:
    """A datafile. `size_bytes` is None for a real file: its size is the one it has on disk."""

    name: str
    content: Content
    created: datetime
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class DemoDataset:
    """A dataset. `source` names the raw dataset it was computed from."""

    visit: Visit
    name: str
    kind: str
    description: str
    sample: DemoSample | None
    first: datetime
    last: datetime
    values: Values
    files: tuple[DemoFile, ...]
    source: str | None = None
    has_files: bool = False

    @property
    def on_tape(self) -> bool:
        """Whether the real files of the dataset belong on tape."""
        return self.has_files and self.visit.place[1] == PLACE_ON_TAPE

    @property
    def key(self) -> tuple[str, str]:
        """Visit and name."""
        return self.visit.visit_id, self.name

    @property
    def location(self) -> str:
        """Folder of the dataset below the data folder: `ML07/2025-2/MX-2324-1/raw/nmc811A_rest_0003`."""
        visit = self.visit
        return f"{visit.instrument.name}/{visit.cycle.name}/{visit.visit_id}/{self.kind}/{self.name}"

    def file_location(self, file: DemoFile) -> str:
        """Path of a datafile below the data folder."""
        return f"{self.location}/{file.name}"


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of a real file: its size, and its CRC-32 as data services write it (hexadecimal)."""

    size_bytes: int
    checksum: str


def datasets_of(visit: Visit, scale: float = 1.0) -> tuple[DemoDataset, ...]:
    """The datasets of a visit in the order in which they were taken; fewer with a smaller `scale`."""
    recipe, draw = RECIPES[visit.instrument.name], visit.dice("datasets")
    runs = max(RUNS_WITH_FILES, round(draw.randint(*recipe.runs) * scale))
    energy = draw.choice(visit.instrument.energies) if visit.instrument.energies else None
    step = (visit.last - visit.first) / (runs + 2)
    made = [_calibration(visit, energy, step)]
    for run in range(1, runs + 1):
        raw = _raw(visit, run, energy, visit.first + run * step, step)
        made.append(raw)
        if run <= RUNS_WITH_FILES or draw.random() < recipe.processed:
            made.append(_processed(visit, run, energy, raw))
    return tuple(made)


def dataset_record(dataset: DemoDataset, stored: dict[str, Stored], source_file: Ref | None) -> Record:
    """The dataset with its datafiles. `stored` tells of real files by location.

    The first datafile is linked to `source_file`, the first one of the raw dataset it was computed from.
    """
    visit = dataset.visit
    files = [_file_record(dataset, number, file, stored) for number, file in enumerate(dataset.files)]
    if source_file is not None:
        files[0]["destDatafiles"] = [{"sourceDatafile": source_file, "relation": "processed"}]
    record: Record = {
        "investigation": ref("Investigation", visit.visit_id),
        "type": ref("DatasetType", dataset.kind),
        "name": dataset.name,
        "description": dataset.description,
        "complete": True,
        "location": dataset.location,
        "startDate": instant(dataset.first),
        "endDate": instant(dataset.last),
        "parameters": [parameter(name, value) for name, value in dataset.values.items()],
        "datasetInstruments": [{"instrument": ref("Instrument", visit.instrument.name)}],
        "datasetTechniques": [{"technique": ref("Technique", name)} for name in _techniques(dataset)],
        "datafiles": files,
    }
    if dataset.sample is not None:
        record["sample"] = ref("Sample", visit.visit_id, dataset.sample.name)
    return record


def _calibration(visit: Visit, energy: float | None, step: timedelta) -> DemoDataset:
    name, draw = "calibration_0000", visit.dice("calibration")
    standard = "Vanadium" if energy is None else draw.choice(("CeO₂", "LaB₆", "Silver behenate", "Empty holder"))
    kind = Content.CHOPPER if energy is None else Content.MASTER
    planned = [Planned("standard.nxs", kind), Planned("calibration.csv", Content.TABLE)]
    return DemoDataset(
        visit,
        name,
        "calibration",
        f"{standard}: distance, tilt and background",
        None,
        visit.first,
        visit.first + step / 2,
        raw_values(visit.instrument.name, energy, visit.subject.field.name, draw),
        _files(planned, visit.first, step / 2, None if visit.place in WITH_FILES else draw),
        has_files=visit.place in WITH_FILES,
    )


def _raw(visit: Visit, run: int, energy: float | None, first: datetime, step: timedelta) -> DemoDataset:
    draw = visit.dice("run", run)
    sample, tag = visit.samples[run % len(visit.samples)], draw.choice(TAGS[visit.subject.field.name])
    name = f"{sample.name.replace('-', '')}_{tag}_{run:04d}"
    if visit.instrument.name == "N05":
        name = f"MLN{int(visit.proposal.split('-')[1]) * 20 + run:05d}"
    has_files = visit.place in WITH_FILES and run <= RUNS_WITH_FILES
    planned = RECIPES[visit.instrument.name].raw(name, draw)
    length = step * draw.uniform(0.5, 0.9)
    return DemoDataset(
        visit,
        name,
        "raw",
        f"{sample.material.plural}, sample {sample.name}, {visit.subject.condition}: {tag}",
        sample,
        first,
        first + length,
        raw_values(visit.instrument.name, energy, visit.subject.field.name, draw),
        _files(planned, first, length, None if has_files else draw),
        has_files=has_files,
    )


def _processed(visit: Visit, run: int, energy: float | None, raw: DemoDataset) -> DemoDataset:
    recipe, draw = RECIPES[visit.instrument.name], visit.dice("processed", run)
    name = f"{raw.name}_{recipe.suffix}"
    length = min(timedelta(minutes=draw.randint(3, 90)), (visit.last - raw.last) / 2)
    planned = recipe.result(name, draw)
    program = f"{recipe.program} {APPLICATION_VERSIONS[recipe.program]}"
    return DemoDataset(
        visit,
        name,
        "processed",
        f"Computed from {raw.name} with {program}",
        raw.sample,
        raw.last,
        raw.last + length,
        {"software": program} | result_values(visit.instrument.name, energy, draw),
        _files(planned, raw.last, length, None if raw.has_files else draw),
        source=raw.name,
        has_files=raw.has_files,
    )


def _files(planned: list[Planned], first: datetime, length: timedelta, sizes: Random | None) -> tuple[DemoFile, ...]:
    """The planned files, written one after the other; without a generator for their sizes they are real."""
    step = length / (len(planned) + 1)
    return tuple(
        DemoFile(p.name, p.content, first + number * step, None if sizes is None else sizes.randint(*p.content.sizes))
        for number, p in enumerate(planned, start=1)
    )


def _file_record(dataset: DemoDataset, number: int, file: DemoFile, stored: dict[str, Stored]) -> Record:
    location = dataset.file_location(file)
    created = instant(file.created)
    record: Record = {
        "name": file.name,
        "location": location,
        "fileSize": file.size_bytes,
        "datafileFormat": ref("DatafileFormat", file.content.format, FORMATS[file.content.format][0]),
        "datafileCreateTime": created,
        "datafileModTime": created,
    }
    if file.size_bytes is None:
        record["fileSize"], record["checksum"] = stored[location].size_bytes, stored[location].checksum
    if number == 0 and dataset.kind == "raw" and "exposure_time" in dataset.values:
        record["description"] = "Open this file first: it describes the run and links to the others"
        record["parameters"] = [parameter("exposure_time", dataset.values["exposure_time"])]
    elif file.content is Content.FRAMES and dataset.visit.place[1] < 2:
        record["parameters"] = [_number(1 + 100 * (number - 1))]
    return record


def _number(first_frame: int) -> Record:
    return {"type": ref("ParameterType", "frame_number", UNITS["frame_number"]), "numericValue": float(first_frame)}


def _techniques(dataset: DemoDataset) -> tuple[str, ...]:
    usual, also = dataset.visit.instrument.techniques
    both = dataset.visit.dice("technique", dataset.source or dataset.name).random() < 0.25
    return (usual, also) if both else (usual,)
