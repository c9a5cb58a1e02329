"""How much there is at the facility, for a reader: counted once for everybody who reads it, and kept for minutes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from beamcat.access.caller import Caller
from beamcat.catalogue.search import Searches
from beamcat.catalogue.summaries import Counted, Summaries

KEPT_S = 300.0
READERS_KEPT = 100
COUNTED = 10_000_000
"""Datasets are counted up to here."""
TECHNIQUES = 6
"""The most frequent techniques, which are told by name."""


@dataclass(frozen=True, slots=True)
class Technique:
    """A technique and how many datasets were measured with it."""

    id: int
    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Figures:
    """How much there is. `at` is when that was, in seconds of the process's clock."""

    at: float
    datasets: Counted
    publications: int
    instruments: int
    techniques: Sequence[Technique]
    all_techniques: int


class FigureBook:
    """Figures by the name of the reader. Old ones are told while new ones are being counted."""

    def __init__(self, searches: Searches, summaries: Summaries) -> None:
        self._searches = searches
        self._summaries = summaries
        self._known: dict[str, Figures] = {}
        self._counting: dict[str, asyncio.Task[Figures]] = {}

    async def figures(self, reader: Caller, patience_s: float | None = None) -> Figures | None:
        """How much `reader` may read; None when that is not known after `patience_s`: the counting then goes on."""
        known = self._known.get(reader.name)
        if known is not None and monotonic() - known.at < KEPT_S:
            return known
        counting = self._counting.get(reader.name)
        if counting is None:
            counting = self._counting[reader.name] = asyncio.create_task(self._count(reader))
            counting.add_done_callback(lambda done: self._keep(reader.name, done))
        if known is not None:
            return known
        done, _ = await asyncio.wait([counting], timeout=patience_s)
        return counting.result() if done else None

    def _keep(self, name: str, done: asyncio.Task[Figures]) -> None:
        del self._counting[name]
        if done.cancelled() or done.exception() is not None:
            return
        if len(self._known) >= READERS_KEPT:
            self._known.pop(next(iter(self._known)))
        self._known[name] = done.result()

    async def _count(self, reader: Caller) -> Figures:
        datasets = await self._summaries.count(reader, "SELECT ds.id, ds.fileSize FROM Dataset ds", COUNTED)
        publications = await self._summaries.count(reader, "SELECT p.id, p.id FROM DataPublication p", COUNTED)
        instruments = await self._summaries.count(reader, "SELECT i.id, i.id FROM Instrument i", COUNTED)
        groups = await self._summaries.tally(
            reader, "SELECT dt.technique.id, ds.id FROM Dataset ds JOIN ds.datasetTechniques dt", COUNTED
        )
        first = {int(group.value): group.number for group in groups[:TECHNIQUES]}
        names = await self._searches.search(
            reader, f"SELECT t.id, t.name FROM Technique t WHERE t.id IN ({', '.join(map(str, first)) or '0'})"
        )
        techniques = [Technique(int(str(row[0])), str(row[1]), first[int(str(row[0]))]) for row in names.rows]
        techniques.sort(key=lambda technique: -technique.number)
        return Figures(monotonic(), datasets, publications.number, instruments.number, techniques, len(groups))
