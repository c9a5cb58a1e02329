"""Downloads that have been prepared: frozen selections, kept in the database, so that every worker can serve them.

A prepared download is what was readable when it was made, whatever is added later (data service specification, A.6.4).
Its id is a capability: whoever has it may fetch the data.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from beamcat.database.pool import Connection, Database
from beamcat.errors import BeamcatError, ErrorKind
from beamcat.protection.visits import current_visit
from beamcat.store.archives.archive import Layout, Measured, Measuring, Runs
from beamcat.store.archives.tar import Tar
from beamcat.store.archives.zip_framed import ZipFramed
from beamcat.store.archives.zip_stored import ZipStored
from beamcat.store.freezing import Freezing
from beamcat.store.frozen import Run, unpacked
from beamcat.store.measuring import Findings, Looking, layout_for
from beamcat.store.selection import Selected

RUNS_KEPT = 32
"""Runs that a worker keeps unpacked."""
LAYOUTS: dict[str, Layout] = {layout.version: layout for layout in (ZipStored(), ZipFramed(), Tar())}

_MAKE = """
INSERT INTO prepared (id, user_name, created, form, zip, compress, files, runs, renamed, datasets)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_KEEP_RUN = "INSERT INTO prepared_run (prepared_id, number, packed) VALUES (%s, %s, %s)"
_CHANGE_RUN = "UPDATE prepared_run SET packed = %s WHERE prepared_id = %s AND number = %s"
_FIND = """
SELECT id, user_name, created, form, zip, compress, files, runs, renamed, datasets, layout, etag, size, newest,
       run_entries, run_bodies, run_records, mismatched, mismatched_count,
       CASE WHEN s.prepared_id IS NULL THEN false WHEN s.gone THEN true END
  FROM prepared LEFT JOIN prepared_shrunk s ON s.prepared_id = id WHERE id = %s
"""
_MEASURED = """
UPDATE prepared
   SET layout = %s, etag = %s, size = %s, newest = %s, run_entries = %s, run_bodies = %s, run_records = %s,
       mismatched = %s, mismatched_count = %s, measured = now()
 WHERE id = %s
"""
_LOCK = "SELECT layout FROM prepared WHERE id = %s FOR NO KEY UPDATE"
_RUN = "SELECT packed FROM prepared_run WHERE prepared_id = %s AND number = %s"
_SIZE = "SELECT coalesce(sum(file_size), 0)::bigint FROM datafile WHERE id = ANY(%s::bigint[])"
_LOCK_SHRUNK = "SELECT gone FROM prepared_shrunk WHERE prepared_id = %s FOR UPDATE"
_LACKS = """
SELECT EXISTS (SELECT FROM unnest(%s::bigint[]) AS w (id) WHERE NOT EXISTS (SELECT FROM datafile f WHERE f.id = w.id))
"""
_GONE = "UPDATE prepared_shrunk SET gone = true WHERE prepared_id = %s"
_WHOLE = "DELETE FROM prepared_shrunk WHERE prepared_id = %s"
_OLD = """
DELETE FROM prepared WHERE id IN (SELECT id FROM prepared ORDER BY created DESC, id OFFSET %s)
"""


class NotPrepared(BeamcatError):
    """There is no prepared download of that id, or no longer."""

    kind = ErrorKind.NOT_FOUND


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared download. `archive` is None until it has been measured, and for a single plain file."""

    id: UUID
    user_name: str
    created: datetime
    form: str
    """`file`, `zip` or `tar`."""
    zip: bool
    compress: bool
    files: int
    runs: int
    renamed: int
    datasets: Sequence[int]
    archive: Measured | None
    newest: int
    mismatched: Sequence[int]
    mismatched_count: int
    shrunk: bool | None
    """Whether a datafile of it has been deleted from the catalogue; None where nobody has looked yet."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be prepared, for whom. `form` is `file`, `zip` or `tar`."""

    user_name: str
    form: str
    zip: bool
    compress: bool = False


class PreparedDownloads:
    """Keeps prepared downloads."""

    def __init__(self, database: Database, *, most: int) -> None:
        self._database = database
        self._most = most
        self._runs: OrderedDict[tuple[UUID, int], Run] = OrderedDict()

    async def freeze(self, order: Order, selected: Selected, freezing: Freezing) -> UUID:
        """Write a selection down; the id of the download. All of it is kept, or nothing."""
        identifier, files, runs = uuid4(), 0, 0
        async with self._database.transaction() as connection:
            async for run in freezing.runs(selected):
                await connection.execute(_KEEP_RUN, (identifier, runs, run.packed()))
                files, runs = files + len(run), runs + 1
            datasets = sorted(selected.datasets)
            made = (identifier, order.user_name, datetime.now(UTC), order.form, order.zip, order.compress)
            await connection.execute(_MAKE, (*made, files, runs, freezing.renamed, datasets))
        return identifier

    async def find(self, identifier: UUID) -> Prepared:
        """The download of that id; `NotPrepared` when there is none."""
        async with self._database.connection() as connection:
            row = await (await connection.execute(_FIND, (identifier,))).fetchone()
        visit = current_visit()
        if row is None:
            if visit is not None:
                visit.stranger()
            raise NotPrepared(f"there is no prepared download {identifier}, or no longer")
        if visit is not None:
            visit.holder(identifier, row[1])
        *known, layout, etag, size, newest, entries, bodies, records, mismatched, count, shrunk = row
        archive = None
        if layout is not None:
            archive = Measured(LAYOUTS[layout], Runs(tuple(entries), tuple(bodies), tuple(records)), size, etag)
        return Prepared(*[*known, archive, newest or 0, mismatched or (), count or 0, shrunk])

    async def run(self, prepared: UUID, number: int) -> Run:
        """A run of a download. Workers keep the latest."""
        key = (prepared, number)
        if key in self._runs:
            self._runs.move_to_end(key)
            return self._runs[key]
        async with self._database.connection() as connection:
            row = await (await connection.execute(_RUN, key)).fetchone()
        if row is None:
            raise NotPrepared(f"there is no prepared download {prepared} any longer")
        self._keep(key, run := unpacked(row[0]))
        return run

    async def ids(self, prepared: Prepared) -> AsyncIterator[list[int]]:
        """The datafiles of a download, some thousand at a time."""
        for number in range(prepared.runs):
            yield (await self.run(prepared.id, number)).ids.tolist()

    async def has_shrunk(self, prepared: Prepared) -> bool:
        """Whether a datafile of a download has been deleted from the catalogue."""
        if prepared.shrunk is not None:
            return prepared.shrunk
        async with self._database.transaction() as connection:
            row = await (await connection.execute(_LOCK_SHRUNK, (prepared.id,))).fetchone()
            if row is None or row[0]:
                return row is not None
            async for ids in self.ids(prepared):
                if await (await connection.execute(_LACKS, (ids,))).fetchone() == (True,):
                    await connection.execute(_GONE, (prepared.id,))
                    return True
            await connection.execute(_WHOLE, (prepared.id,))
        return False

    async def catalogued_size(self, prepared: Prepared) -> int:
        """Bytes of the files as the catalogue has them now; those that it has no longer count nothing."""
        size = 0
        async for ids in self.ids(prepared):
            async with self._database.connection() as connection:
                row = await (await connection.execute(_SIZE, (ids,))).fetchone()
            size += 0 if row is None else row[0]
        return size

    async def measure(
        self,
        prepared: Prepared,
        looking: Looking,
        *,
        accept: Callable[[Findings], bool] = lambda _: True,
        again: bool = False,
    ) -> Findings:
        """Look at the files in the storage and write down what the archive is like.

        It is not written down when files are absent, and when `accept` says no to what was found. What has been written
        down by somebody else meanwhile stays, unless it is to be done `again`; then nothing is found.
        """
        forms: list[Layout] = [Tar()] if prepared.form == "tar" else [ZipStored(), ZipFramed()]
        measured = {layout.version: Measuring(layout) for layout in forms}
        async with self._database.transaction() as connection:
            row = await (await connection.execute(_LOCK, (prepared.id,))).fetchone()
            if row is None:
                raise NotPrepared(f"there is no prepared download {prepared.id} any longer")
            if row[0] is not None and not again:
                return looking.findings
            for number in range(prepared.runs):
                run = await looking.look(await self.run(prepared.id, number))
                await connection.execute(_CHANGE_RUN, (run.packed(), prepared.id, number))
                for measuring in measured.values():
                    measuring.add(run.entries)
                self._runs.pop((prepared.id, number), None)
            findings = looking.findings
            if findings.absent_count == 0 and accept(findings):
                archive = measured[layout_for(prepared.form, findings).version].done()
                await self._write_down(connection, prepared.id, archive, findings)
        return findings

    async def forget_old(self) -> int:
        """Remove downloads beyond the newest that are kept; how many."""
        async with self._database.connection() as connection:
            return (await connection.execute(_OLD, (self._most,))).rowcount

    async def _write_down(
        self, connection: Connection, identifier: UUID, archive: Measured, findings: Findings
    ) -> None:
        runs = archive.runs
        starts = (list(runs.entries), list(runs.bodies), list(runs.records))
        said = (archive.layout.version, archive.etag, archive.size, findings.newest, *starts)
        await connection.execute(_MEASURED, (*said, findings.mismatched, findings.mismatched_count, identifier))

    def _keep(self, key: tuple[UUID, int], run: Run) -> None:
        self._runs[key] = run
        while len(self._runs) > RUNS_KEPT:
            self._runs.popitem(last=False)
