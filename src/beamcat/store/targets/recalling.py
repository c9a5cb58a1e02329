"""Where a unit is restored: its files are brought back from replicas, if that can be, before the archive is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from beamcat.store.frozen import Run
from beamcat.store.selection import Wanted
from beamcat.store.targets.sources import part_of
from beamcat.store.units.fingerprints import fingerprint
from beamcat.store.units.values import Outcome, Taken

if TYPE_CHECKING:
    from beamcat.store.units.operations import Places


class FileAt(Protocol):
    """A file of a run."""

    @property
    def run(self) -> Run:
        """The run."""
        ...

    @property
    def place(self) -> int:
        """Which of its files."""
        ...


async def dataset_from_replicas(places: Places, unit: Taken, runs: Sequence[Run]) -> Outcome | None:
    """How a dataset was brought back; None when it has to come from the archive."""
    if places.replicas is None or not await places.replicas.bring_all(unit.copied, runs):
        return None
    now, findings = await places.look(Wanted(datasets=(unit.id,)))
    if findings.absent_count:
        return None
    return Outcome(unit, True, unit.copy, fingerprint(now), unit.attempt, findings.size)


async def datafiles_from_replicas(places: Places, units: Sequence[Taken], files: Mapping[int, FileAt]) -> list[Taken]:
    """Those of the datafiles that were brought back."""
    if places.replicas is None:
        return []
    by_run: dict[int, tuple[Run, list[int]]] = {}
    for unit in units:
        file = files[unit.id]
        by_run.setdefault(id(file.run), (file.run, []))[1].append(file.place)
    runs = [part_of(run, at) for run, at in by_run.values()]
    brought = await places.replicas.bring_each({unit.id: unit.copied for unit in units}, runs)
    return [unit for unit in units if unit.id in brought]
