"""Whether files are what the catalogue says: their sizes and checksums (data service specification, A.10).

Files are read in the order of their datafiles' ids, from where the last check ended. On the way the table of digests is
filled, and compared: bytes that rot become others without a new time.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from beamcat.errors import BeamcatError
from beamcat.store.digests.reading import HashingReader, Told, Unread, untold
from beamcat.store.digests.sources import catalogued_crc
from beamcat.store.digests.table import DigestTable
from beamcat.store.digests.values import Also, FileVersion, Hashed
from beamcat.store.locations import location_of

PAGE = 1000
"""Datafiles that are asked for at a time."""

SIZE_NULL, SIZE_WRONG = "file size null", "file size wrong"
CHECKSUM_NULL, CHECKSUM_WRONG = "checksum null", "checksum wrong"

_COLUMNS = "id, name, location, file_size, checksum"
_AFTER = f"SELECT {_COLUMNS} FROM datafile WHERE id > %s AND location IS NOT NULL ORDER BY id LIMIT %s"  # noqa: S608
_AGAIN = f"SELECT {_COLUMNS} FROM datafile WHERE id = ANY(%s)"  # noqa: S608
_LAST = "SELECT coalesce(max(id), 0) FROM datafile"
_POSITION = "SELECT datafile_id FROM file_check WHERE storage = %s"
_MOVE = """
INSERT INTO file_check (storage, datafile_id, moved) VALUES (%s, %s, now())
    ON CONFLICT (storage) DO UPDATE SET datafile_id = excluded.datafile_id, moved = excluded.moved
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a datafile: in the words of ids.server, or why its bytes cannot be read."""

    at: datetime
    datafile: int
    name: str
    location: str
    what: str

    @property
    def line(self) -> str:
        """As ids.server writes it, without characters that would do something to a terminal."""
        text = f"{self.at:%Y-%m-%dT%H:%M:%SZ}: Datafile {self.datafile} ({self.name}) {self.what}"
        return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


@dataclass(frozen=True, slots=True)
class Step:
    """Some files that were checked. All datafiles up to the id `position` are done."""

    position: int
    files: int
    findings: list[Finding]


@dataclass(frozen=True, slots=True)
class CheckTerms:
    """How the catalogue is understood: whether checksums are CRC-32s, and the keys that sign locations."""

    checksums_are_crc32: bool = False
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Row:
    """What the catalogue says of a file."""

    id: int
    name: str
    location: str
    size: int | None
    checksum: str | None


@dataclass
class _Page:
    """Datafiles that are being checked."""

    rows: Sequence[_Row]
    wrong: dict[_Row, str] = field(default_factory=dict)
    """What is found to be wrong, until it is handed on."""
    to_read: dict[FileVersion, list[_Row]] = field(default_factory=lambda: defaultdict(list))
    """The rows of each file; several can have the same."""

    @property
    def position(self) -> int:
        """The id up to which all are done."""
        first = min((rows[0].id for rows in self.to_read.values()), default=None)
        return self.rows[-1].id if first is None else first - 1


class FileChecker:
    """Checks the files of a single-level storage."""

    def __init__(self, reader: HashingReader, table: DigestTable, terms: CheckTerms, also: Also = Also.USUAL) -> None:
        self._reader = reader
        self._table = table
        self._terms = terms
        self._also = also

    async def position(self) -> int:
        """The id of the last datafile that is done; 0 at the beginning."""
        async with self._table.database.connection() as connection:
            row = await (await connection.execute(_POSITION, [self._table.storage])).fetchone()
            return row[0] if row else 0

    async def last(self) -> int:
        """The largest id of a datafile; 0 where there is none."""
        async with self._table.database.connection() as connection:
            row = await (await connection.execute(_LAST)).fetchone()
            return row[0] if row else 0

    async def start_over(self) -> None:
        """Have the next check begin with the first datafile."""
        await self._move(0)

    async def check(self, limit: int | None = None, told: Told = untold) -> AsyncGenerator[Step, None]:
        """Check datafiles from where the last check ended, up to the last one, or so many.

        A step counts as done when the next one is asked for: what was found by a check that is killed is found again.
        `told` is told of bytes that were read. To be closed (`contextlib.aclosing`) by who leaves before the end.
        Raises `Unavailable` when the storage as a whole does not answer.
        """
        position, left = await self.position(), limit
        while left is None or left > 0:
            rows = await self._rows(_AFTER, [position, PAGE if left is None else min(PAGE, left)])
            if not rows:
                await self._move(0)
                return
            page = await self._page(rows)
            async with contextlib.aclosing(self._steps(page, told)) as steps:
                async for step in steps:
                    yield step
                    await self._move(step.position)
            position = rows[-1].id
            left = None if left is None else left - len(rows)

    async def _page(self, rows: Sequence[_Row]) -> _Page:
        """What there is to read, and what is wrong before anything is read."""
        page = _Page(rows)
        located: list[tuple[_Row, str]] = []
        for row in rows:
            try:
                located.append((row, location_of(row.id, row.location, self._terms.keys)))
            except BeamcatError as error:
                page.wrong[row] = error.message
        stats = await self._reader.stat([location for _, location in located])
        for (row, location), stat in zip(located, stats, strict=True):
            if isinstance(stat, BeamcatError):
                page.wrong[row] = stat.message
            else:
                page.to_read[FileVersion.of(location, stat)].append(row)
        return page

    async def _steps(self, page: _Page, told: Told) -> AsyncGenerator[Step, None]:
        unreadable = len(page.rows) - sum(map(len, page.to_read.values()))
        yield Step(page.position, unreadable, await self._findings(page))
        async with contextlib.aclosing(self._reader.batches(list(page.to_read), self._also, told)) as batches:
            async for batch in batches:
                rows = {outcome.file: page.to_read.pop(outcome.file) for outcome in batch}
                await self._compare(page, rows, [outcome for outcome in batch if isinstance(outcome, Hashed)])
                for outcome in batch:
                    if isinstance(outcome, Unread):
                        page.wrong |= dict.fromkeys(rows[outcome.file], outcome.error.message)
                yield Step(page.position, sum(map(len, rows.values())), await self._findings(page))

    async def _compare(self, page: _Page, rows: Mapping[FileVersion, Sequence[_Row]], read: Sequence[Hashed]) -> None:
        """Compare what was read with the catalogue and the table, and keep it in the table."""
        confirmed = set()
        for hashed in read:
            for row in rows[hashed.file]:
                problem = self._problem(row, hashed)
                if problem is not None:
                    page.wrong[row] = problem
                elif self._terms.checksums_are_crc32:
                    confirmed.add(hashed.file)
        for hashed in await self._table.store(read, confirmed):
            for row in rows[hashed.file]:
                page.wrong.setdefault(row, CHECKSUM_WRONG)

    def _problem(self, row: _Row, hashed: Hashed) -> str | None:
        """What the catalogue has wrong."""
        if row.size is None:
            return SIZE_NULL
        if row.size != hashed.file.size:
            return SIZE_WRONG
        if not self._terms.checksums_are_crc32:
            return None
        if not row.checksum:
            return CHECKSUM_NULL
        return None if catalogued_crc(row.checksum) == hashed.digests.crc32 else CHECKSUM_WRONG

    async def _findings(self, page: _Page) -> list[Finding]:
        """What is wrong, but for datafiles that were deleted or changed while they were checked."""
        wrong, page.wrong = page.wrong, {}
        if not wrong:
            return []
        still = set(await self._rows(_AGAIN, [[row.id for row in wrong]]))
        now = datetime.now(UTC)
        return [Finding(now, row.id, row.name, row.location, what) for row, what in wrong.items() if row in still]

    async def _rows(self, question: str, asked: list[object]) -> list[_Row]:
        async with self._table.database.connection() as connection:
            return [_Row(*row) for row in await (await connection.execute(question, asked)).fetchall()]

    async def _move(self, position: int) -> None:
        async with self._table.database.connection() as connection:
            await connection.execute(_MOVE, [self._table.storage, position])
