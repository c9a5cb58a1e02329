"""What the storage says of frozen files: sizes, versions, checksums; and with that, what an archive of them is like.

The size of an entry is that of its bytes, whatever the catalogue says (data service specification, E.1.6).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from beamcat.store.archives.archive import Layout, Measured, Measuring
from beamcat.store.archives.entries import UNKNOWN_CRC, Entries, Integers
from beamcat.store.archives.tar import Tar
from beamcat.store.archives.zip_framed import ZipFramed
from beamcat.store.archives.zip_stored import ZipStored
from beamcat.store.digests.values import FileVersion
from beamcat.store.frozen import NOT_SAID, Run
from beamcat.store.storage.contract import MainStorage, Stat

KnownCrcs = Callable[[Sequence[FileVersion], Sequence[str]], Awaitable[Integers]]
"""The CRC-32s of files, by what the storage and the catalogue say of them; `UNKNOWN_CRC` where nobody knows it."""


@dataclass(slots=True)
class Findings:
    """What came out while files were looked at."""

    files: int = 0
    size: int = 0
    """Bytes of all files together."""
    absent: list[str] = field(default_factory=list)
    """Locations at which the storage holds nothing; at most `MOST_TOLD`."""
    absent_count: int = 0
    mismatched: list[int] = field(default_factory=list)
    """Datafiles whose size is not that of the catalogue; at most `MOST_TOLD`."""
    mismatched_count: int = 0
    unknown: int = 0
    """Files without a known CRC-32."""
    unknown_size: int = 0
    """Bytes of those."""
    newest: int = 0
    """The latest time of a file, in seconds since 1970."""


MOST_TOLD = 1000
"""Files that are named one by one when something is found about them."""


class Looking:
    """Looks at frozen files in the storage, run after run."""

    def __init__(self, storage: MainStorage, known_crcs: KnownCrcs) -> None:
        self.findings = Findings()
        self._storage = storage
        self._known_crcs = known_crcs

    async def look(self, run: Run) -> Run:
        """The run with what the storage says of its files now; those that are absent keep what was written down."""
        stats = await self._storage.stat(run.locations)
        present = [place for place, stat in enumerate(stats) if stat is not None]
        found = [stat for stat in stats if stat is not None]
        crcs = np.full(len(run), UNKNOWN_CRC, np.int64)
        versions = [
            FileVersion(run.locations[place], stat.size, stat.etag) for place, stat in zip(present, found, strict=True)
        ]
        crcs[present] = await self._known_crcs(versions, [run.checksums[place] for place in present])
        sizes = run.entries.sizes.copy()
        sizes[present] = [stat.size for stat in found]
        etags = [b"" if stat is None else stat.etag.encode() for stat in stats]
        self._note(run, stats, sizes, crcs)
        entries = Entries(run.entries.names, sizes, crcs, run.entries.times, etags)
        return replace(run, entries=entries)

    def _note(self, run: Run, stats: Sequence[Stat | None], sizes: Integers, crcs: Integers) -> None:
        findings = self.findings
        findings.files += len(run)
        findings.size += int(np.maximum(sizes, 0).sum())
        absent = [location for location, stat in zip(run.locations, stats, strict=True) if stat is None]
        findings.absent_count += len(absent)
        findings.absent += absent[: MOST_TOLD - len(findings.absent)]
        mismatched = run.ids[(sizes != run.entries.sizes) & (run.entries.sizes != NOT_SAID)].tolist()
        findings.mismatched_count += len(mismatched)
        findings.mismatched += mismatched[: MOST_TOLD - len(findings.mismatched)]
        unknown = crcs == UNKNOWN_CRC
        findings.unknown += int(unknown.sum())
        findings.unknown_size += int(sizes[unknown].sum())
        if len(run):
            findings.newest = max(findings.newest, int(run.entries.times.max()))


def layout_for(form: str, findings: Findings) -> Layout:
    """The layout of an archive in that form, `zip` or `tar`, of these files: one that all can be known of."""
    if form == "tar":
        return Tar()
    return ZipFramed() if findings.unknown else ZipStored()


class InMemory:
    """The runs of an archive that is small enough to be kept by a worker."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs

    async def load(self, number: int) -> Run:
        """A run, by its number."""
        return self._runs[number]

    def measured(self, layout: Layout) -> Measured:
        """The archive of these runs."""
        measuring = Measuring(layout)
        for run in self._runs:
            measuring.add(run.entries)
        return measuring.done()
