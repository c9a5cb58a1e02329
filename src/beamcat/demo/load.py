"""Fills a running server with the example facility, through the calls any client could make.

Each call is one transaction. Before a kind of object is created, those that are there already are asked for: a load
that was interrupted is finished by the next one without duplicates. The last object created is a job of the loader
itself; where it is found nothing is done but to put back real files that are missing. Then the datasets that belong on
tape are sent there, of which another job of the loader tells.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from beamcat.demo.client import IcatClient, signed_in
from beamcat.demo.datasets import DemoDataset, Stored, dataset_record
from beamcat.demo.examples import ON_TAPE
from beamcat.demo.facility import Demo, build_demo
from beamcat.demo.files import write_files
from beamcat.demo.known import JOB_INPUTS_QUERY, PUBLISHED_QUERY, RULES_QUERY, VOCABULARY, Known, key_of
from beamcat.demo.objects import SEED, Record, Ref, count_objects, ref
from beamcat.demo.results import collection_record, job_input_record, job_output_record
from beamcat.demo.settings import PASSWORD, ROOT
from beamcat.demo.visits import investigation_record
from beamcat.demo.vocabulary import LOADER

OBJECTS_PER_CALL = 2500
"""Objects, nested ones counted, that one call creates."""
DATASETS_PER_QUESTION = 200
"""Datasets whose sources are asked for at a time."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did. `objects` counts what it created, nested objects included: 0 when all was there."""

    objects: int
    seconds: float


async def load_demo(
    base_url: str,
    home: Path,
    console: Console | None = None,
    *,
    scale: float = 1.0,
    instruments: Collection[str] | None = None,
) -> Loaded:
    """Load the example facility into the server at `base_url`, with its real files below `home`.

    Progress is shown on `console`; without one the load is silent. A `scale` below 1 makes a smaller facility, and so
    does loading the visits of some `instruments` only. Raises `LoadFailed` when the server refuses a call or goes away,
    and `OSError` when the disk is full: start again.
    """
    begun = time.monotonic()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%"),
        TimeElapsedColumn(),
        console=console or Console(quiet=True),
        transient=True,
    ) as progress:
        async with signed_in(base_url, ROOT, PASSWORD) as client:
            demo = await asyncio.to_thread(build_demo, scale, instruments)
            load = _Load(client, demo, progress)
            done = await load.done()
            wanted = demo.datasets if Done.ON_TAPE not in done else [d for d in demo.datasets if not d.on_tape]
            files = asyncio.create_task(asyncio.to_thread(write_files, home, wanted))
            try:
                if Done.LOADED not in done:
                    await load.everything(files)
            finally:
                await files
            if Done.ON_TAPE not in done:
                await load.send_to_tape()
    return Loaded(load.created, time.monotonic() - begun)


class Done(Enum):
    """What an earlier load has done: the end of the arguments of the job that tells of it."""

    LOADED = ""
    ON_TAPE = ", on tape"


class _Load:
    """One run of the loader."""

    def __init__(self, client: IcatClient, demo: Demo, progress: Progress) -> None:
        self.created = 0
        self._client = client
        self._demo = demo
        self._known = Known()
        self._progress = progress
        # the datasets, with everything in them, are about all the work there is
        self._task = progress.add_task("Loading Meridian Light Source", total=len(demo.datasets))

    async def done(self) -> set[Done]:
        """What earlier loads have done."""
        await self._known.ask(self._client, "Job")
        return {each for each in Done if self._marker(each) in self._known}

    async def everything(self, files: asyncio.Task[dict[str, Stored]]) -> None:
        """Create what is missing, in the order in which objects refer to each other."""
        demo = self._demo
        await self._ensure("Facility", [demo.facility])
        for entity in VOCABULARY:
            await self._known.ask(self._client, entity)
        for entity, records in demo.people_and_rules():
            await self._ensure(entity, records, RULES_QUERY if entity == "Rule" else None)
        await self._ensure("Investigation", [investigation_record(visit) for visit in demo.visits])
        await self._known.ask(self._client, "Sample")
        await self._known.ask(self._client, "Dataset")
        elsewhere = [dataset for dataset in demo.datasets if not dataset.has_files]
        await self._datasets(elsewhere, {})
        await self._datasets([dataset for dataset in demo.datasets if dataset.has_files], await files)
        await self._results()
        await self._create("Job", [self._job(Done.LOADED)])

    async def send_to_tape(self) -> None:
        """Send the datasets that belong on tape there, first the one that is talked of, where the server has tapes."""
        if not await self._client.has_tapes():
            return
        await self._known.ask(self._client, "Dataset")
        await self._known.ask(self._client, "Application")
        datasets = sorted((d for d in self._demo.datasets if d.on_tape), key=lambda d: d.key != ON_TAPE.key)
        ids = [self._known[ref("Dataset", *dataset.key)] for dataset in datasets]
        for some in filter(None, (ids[:1], ids[1:])):
            await self._client.send_to_tape(some)
        await self._client.write([{"Job": self._known.resolved(self._job(Done.ON_TAPE))}])

    def _marker(self, done: Done) -> Ref:
        return ref("Job", f"{SEED}, {self._demo.extent}{done.value}")

    def _job(self, done: Done) -> Record:
        return {"application": ref("Application", *LOADER), "arguments": self._marker(done).key[0]}

    async def _datasets(self, datasets: list[DemoDataset], stored: dict[str, Stored]) -> None:
        """Datasets with their datafiles: first those that were measured, then what was computed from them."""
        missing = [dataset for dataset in datasets if ref("Dataset", *dataset.key) not in self._known]
        self._progress.advance(self._task, len(datasets) - len(missing))
        measured = [dataset for dataset in missing if dataset.source is None]
        computed = [dataset for dataset in missing if dataset.source is not None]
        for some in (*_chunks(measured), *_chunks(computed)):
            await self._ask_for_source_files(some)
            records = [dataset_record(dataset, stored, self._demo.source_file(dataset)) for dataset in some]
            await self._create("Dataset", records)

    async def _ask_for_source_files(self, datasets: list[DemoDataset]) -> None:
        files = [file for dataset in datasets if (file := self._demo.source_file(dataset)) is not None]
        if not files:
            return
        sources = {self._known[ref("Dataset", *file.key[:2])]: file for file in files}
        ids = ", ".join(map(str, sources))
        names = ", ".join(f"'{file.key[2]}'" for file in files)
        where = f"o.dataset.id IN ({ids}) AND o.name IN ({names})"
        query = f"SELECT o.dataset.id, o.name, o.id FROM Datafile o WHERE {where} ORDER BY o.id"  # noqa: S608 (ICAT's)
        for dataset_id, name, number in await self._client.rows(query):
            self._known.add(Ref("Datafile", (*sources[dataset_id].key[:2], name)), number)

    async def _results(self) -> None:
        demo = self._demo
        await self._ensure("DataCollection", [job_input_record(job) for job in demo.jobs], JOB_INPUTS_QUERY)
        missing = [job_output_record(job) for job in demo.jobs if ref("Job", job.arguments) not in self._known]
        await self._create("DataCollection", missing)
        published = [collection_record(visit) for visit in demo.published]
        await self._ensure("DataCollection", published, PUBLISHED_QUERY)
        await self._ensure("Study", demo.studies)

    async def _ensure(self, entity: str, records: list[Record], query: str | None = None) -> None:
        """Create those of `records` that are not in the catalogue yet; `query` tells what is."""
        await self._known.ask(self._client, entity, query)
        await self._create(entity, [record for record in records if key_of(entity, record) not in self._known])

    async def _create(self, entity: str, records: list[Record]) -> None:
        for batch, count in _batches(records):
            numbers = await self._client.write([{entity: self._known.resolved(record)} for record in batch])
            for record, number in zip(batch, numbers, strict=True):
                self._known.add(key_of(entity, record), number)
            self.created += count
            if entity == "Dataset":
                self._progress.advance(self._task, len(batch))


def _chunks(datasets: list[DemoDataset]) -> Iterator[list[DemoDataset]]:
    for start in range(0, len(datasets), DATASETS_PER_QUESTION):
        yield datasets[start : start + DATASETS_PER_QUESTION]


def _batches(records: list[Record]) -> Iterator[tuple[list[Record], int]]:
    """Records for one call each, with the number of objects in them."""
    batch: list[Record] = []
    count = 0
    for record in records:
        batch.append(record)
        count += count_objects(record)
        if count >= OBJECTS_PER_CALL:
            yield batch, count
            batch, count = [], 0
    if batch:
        yield batch, count
