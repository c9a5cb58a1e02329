"""Making prepared downloads ready beside the requests: what their archives are like, and the checksums these need.

An archive is measured as soon as its files are there, so that its first byte need not wait for that. The usual ZIP file
needs the CRC-32 of all files; where some are not known the files are read (data service specification, E.1.7). Nothing
of this is lost with a process that is killed: what was computed is kept, and the next question for the download goes
on with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

import numpy as np

from beamcat.database.pool import Database
from beamcat.errors import BeamcatError
from beamcat.observability.logs import logger
from beamcat.store.archives.entries import UNKNOWN_CRC
from beamcat.store.digests.hasher import Hasher
from beamcat.store.digests.values import FileVersion
from beamcat.store.frozen import Run
from beamcat.store.measuring import Findings, Looking
from beamcat.store.prepared import NotPrepared, Prepared, PreparedDownloads

BUDGET_S = 0.5
"""How long a question whether a download is ready waits for the answer to become yes."""
AT_ONCE = 4
"""Downloads that a worker makes ready at a time."""
_TRY = "SELECT pg_try_advisory_lock(%s)"


class Readying:
    """Makes prepared downloads ready. ZIP files with more than `most` bytes without a checksum are, as they are."""

    def __init__(
        self, database: Database, prepared: PreparedDownloads, looking: Callable[[], Looking], hasher: Hasher, most: int
    ) -> None:
        self._database = database
        self._prepared = prepared
        self._looking = looking
        self._hasher = hasher
        self._most = most
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[UUID, asyncio.Task[bool]] = {}

    def begin(self, prepared: Prepared, *, again: bool = False) -> asyncio.Task[bool]:
        """Make it ready, if nobody does so yet; `again` when its files have become others since it was."""
        task = self._tasks.get(prepared.id)
        if task is None:
            task = self._tasks[prepared.id] = asyncio.create_task(self._logged(prepared, again=again))
            task.add_done_callback(lambda _: self._tasks.pop(prepared.id, None))
        return task

    async def is_ready(self, prepared: Prepared, *, again: bool = False) -> bool:
        """Whether it can be fetched as it will stay, which may be so in a moment."""
        if prepared.archive is not None and not again:
            return True
        try:
            return await asyncio.wait_for(asyncio.shield(self.begin(prepared, again=again)), BUDGET_S)
        except TimeoutError:
            return False

    async def measure(self, prepared: Prepared, *, again: bool = False) -> Findings:
        """See at once what the archive is like, with the checksums that are known by now."""
        return await self._prepared.measure(prepared, self._looking(), again=again)

    async def learn(self, runs: Sequence[Run]) -> None:
        """Compute the CRC-32s that are not known of files that have been looked at."""
        for run in runs:
            await self._hasher.fill(_without_crc(run))

    async def close(self) -> None:
        """Let go of what goes on."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._hasher.close()

    async def _logged(self, prepared: Prepared, *, again: bool) -> bool:
        try:
            async with self._turns:
                return await self._make_ready(prepared, again=again)
        except NotPrepared:
            return True  # forgotten meanwhile; whoever asks is told so
        except BeamcatError as error:
            logger().warning("a download is not ready yet; the next question for it tries again", error=error.message)
        except Exception:
            logger().exception("a download is not ready yet; the next question for it tries again")
        return False

    async def _make_ready(self, prepared: Prepared, *, again: bool) -> bool:
        """Whether there is nothing more to be done: with files that are absent there is not."""
        findings = await self._prepared.measure(prepared, self._looking(), accept=self._is_fine(prepared), again=again)
        if findings.absent_count or self._is_fine(prepared)(findings):
            return True
        async with self._database.own_connection() as connection:
            if await (await connection.execute(_TRY, (prepared.id.int % 2**63,))).fetchone() != (True,):
                return False  # another worker is at it
            for number in range(prepared.runs):
                await self.learn([await self._prepared.run(prepared.id, number)])
            await self.measure(prepared, again=again)
        return True

    def _is_fine(self, prepared: Prepared) -> Callable[[Findings], bool]:
        """Whether an archive of these files need not wait for checksums."""
        if prepared.form != "zip":
            return lambda _: True
        return lambda findings: not findings.unknown or findings.unknown_size > self._most


def _without_crc(run: Run) -> list[FileVersion]:
    """The files of a run whose CRC-32 is not known."""
    entries = run.entries
    places = np.flatnonzero(entries.crcs == UNKNOWN_CRC).tolist()
    return [
        FileVersion(run.locations[place], int(entries.sizes[place]), entries.etags[place].decode())
        for place in places
        if entries.etags[place]
    ]
