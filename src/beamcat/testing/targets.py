"""What every target has to keep, as tests: subclass the contract, give the fixtures `make` and `look`, and run pytest.

They are asynchronous: pytest-asyncio runs them, in whichever mode it is.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from beamcat.store.storage.folder import stat_of
from beamcat.store.storage.posix import PosixStorage
from beamcat.store.targets.contract import (
    Access,
    Action,
    Batch,
    Begun,
    Finished,
    Order,
    Person,
    Planned,
    Progress,
    SourceFile,
    State,
    Target,
    WorksHere,
)

PATIENCE_S = 60.0
PAUSE_S = 0.02
ANN = Person("simple/ann", "Ann Onymous", "ann@example.org", frozenset({"users"}))
ORDER = Order(7, ANN, "FAC", "1-1", "my data", None, 3, 0, "key-of-7")
CONTENT = {"FAC/inv/1-1/ds/a/one.nxs": b"1" * 1000, "FAC/inv/1-1/ds/two é+%.dat": b"2" * 2_000_000, "FAC/inv/zero": b""}
"""What is brought there, by the names that files have in the download."""

Make = Callable[[], Target]
"""A target that knows nothing of earlier ones, as after a crash, but of the same place."""
Look = Callable[[Order, SourceFile], Awaitable[bytes | None]]
"""The bytes of a file as the user finds them; None when it is not there."""


@dataclass
class Sources:
    """A main storage with the files of `CONTENT`. `url` is where their permanent URLs begin, if anybody serves them."""

    storage: PosixStorage
    base: Path
    url: str = "https://data.example.org/data"
    files: list[SourceFile] = field(default_factory=list)

    def put(self, name: str, content: bytes) -> SourceFile:
        """A file of these bytes."""
        location = f"1/{len(self.files)}"
        path = self.base / location
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        known = stat_of(path.stat())
        checks = (zlib.crc32(content), zlib.adler32(content))
        url = f"{self.url}/{location}"
        number = 100 + len(self.files)
        file = SourceFile(number, name, location, known.size, known.etag, path, url, *checks)
        self.files.append(file)
        return file


def batch_of(target: Target, order: Order, files: Sequence[SourceFile], number: int = 0, round_: int = 0) -> Batch:
    """A batch of these files."""

    async def planned() -> Sequence[Planned]:
        return await target.plan(order, files)

    return Batch(order, number, round_, planned)


async def ended(target: Target, begun: Begun) -> Progress:
    """How far a batch is when it has ended."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            (progress,) = await target.poll([begun])
            if progress.state is not State.WORKING:
                return progress
            await asyncio.sleep(PAUSE_S)


async def brought(target: Target, order: Order, files: Sequence[SourceFile]) -> tuple[str, Progress]:
    """The ticket of a batch of these files, and how it has ended."""
    batch = batch_of(target, order, files)
    begun = Begun(batch, await target.begin(batch))
    progress = await ended(target, begun)
    if isinstance(target, WorksHere):
        await target.let_go(order)
    return begun.ticket, progress


async def published(target: Target, order: Order, tickets: Sequence[str], files: Sequence[SourceFile]) -> Access:
    """The access that the user gets."""

    async def there() -> AsyncIterator[Sequence[SourceFile]]:
        yield files

    size = sum(file.size for file in files)
    expires = datetime.now(UTC) + timedelta(days=1)
    return await target.publish(Finished(order, tickets, len(files), size, (), 0, expires, there))


class TargetContract:
    """Subclasses give `make` and `look`."""

    pytestmark = pytest.mark.asyncio
    order = ORDER
    """A request that the target takes."""

    @pytest.fixture
    def make(self) -> Make:
        """How to make the target."""
        raise NotImplementedError

    @pytest.fixture
    def look(self) -> Look:
        """How to look at what has got there."""
        raise NotImplementedError

    @pytest.fixture
    def sources(self, tmp_path: Path) -> Sources:
        """A main storage with files."""
        base = tmp_path / "sources"
        base.mkdir()
        found = Sources(PosixStorage(base), base)
        for name, content in CONTENT.items():
            found.put(name, content)
        return found

    @pytest.fixture
    def target(self, make: Make) -> Iterator[Target]:
        """The target."""
        made = make()
        yield made
        made.close()

    @pytest.fixture
    def ordered(self, sources: Sources) -> Order:
        """The request, with the size of the files."""
        return replace(self.order, size=sum(file.size for file in sources.files))

    async def test_it_says_whether_it_takes_a_request(self, target: Target, ordered: Order) -> None:
        assert await target.check(ordered) is None
        assert await target.check(ordered) is None

    async def test_it_plans_every_file_in_order(self, target: Target, ordered: Order, sources: Sources) -> None:
        assert target.batch_files >= 1
        planned = await target.plan(ordered, sources.files)
        assert [each.file for each in planned] == sources.files
        assert all(each.action in Action for each in planned)
        assert list(await target.plan(ordered, [])) == []

    async def test_what_is_brought_there_has_the_right_bytes(
        self, target: Target, ordered: Order, sources: Sources, look: Look
    ) -> None:
        ticket, progress = await brought(target, ordered, sources.files)
        assert (progress.state, progress.failed) == (State.DONE, ())
        assert (progress.files_done, progress.bytes_done) == (len(CONTENT), ordered.size)
        access = await published(target, ordered, [ticket], sources.files)
        assert access.shown
        await self.all_there(ordered, sources, look)

    async def test_a_batch_without_files_ends(self, target: Target, ordered: Order) -> None:
        _, progress = await brought(target, ordered, [])
        assert progress == Progress(State.DONE, 0, 0, detail=progress.detail)

    async def test_begun_twice_it_gets_there_once(
        self, make: Make, ordered: Order, sources: Sources, look: Look
    ) -> None:
        tickets = []
        for _ in range(2):  # the second time after a crash, before the ticket was written down
            target = make()
            ticket, progress = await brought(target, ordered, sources.files)
            assert (progress.state, progress.failed) == (State.DONE, ())
            tickets.append(ticket)
            target.close()
        assert tickets[0] == tickets[1]
        await self.all_there(ordered, sources, look)

    async def test_another_process_goes_on_by_the_ticket(
        self, make: Make, ordered: Order, sources: Sources, look: Look
    ) -> None:
        first, second = make(), make()
        ticket = await first.begin(batch_of(first, ordered, sources.files))
        if isinstance(first, WorksHere):
            await first.let_go(ordered)
        progress = await ended(second, Begun(batch_of(second, ordered, sources.files), ticket))
        assert (progress.state, progress.failed) == (State.DONE, ())
        await published(second, ordered, [ticket], sources.files)
        await self.all_there(ordered, sources, look)
        first.close()
        second.close()

    async def test_several_batches_are_polled_together(self, target: Target, ordered: Order, sources: Sources) -> None:
        batches = [batch_of(target, ordered, [file], number) for number, file in enumerate(sources.files)]
        begun = [Begun(batch, await target.begin(batch)) for batch in batches]
        async with asyncio.timeout(PATIENCE_S):
            done: dict[int, Progress] = {}
            while begun:
                told = await target.poll(begun)
                assert len(told) == len(begun)
                states = zip(begun, told, strict=True)
                done |= {each.batch.number: now for each, now in states if now.state is not State.WORKING}
                begun = [each for each in begun if each.batch.number not in done]
                await asyncio.sleep(PAUSE_S)
        assert {number: progress.bytes_done for number, progress in done.items()} == {
            number: file.size for number, file in enumerate(sources.files)
        }

    async def test_a_file_that_fails_is_told_and_stops_no_other(
        self, target: Target, ordered: Order, sources: Sources, look: Look
    ) -> None:
        gone = sources.files[0]
        await self.take_away(sources, gone)
        _, progress = await brought(target, ordered, sources.files)
        assert progress.state in {State.DONE, State.FAILED}
        assert [failure.datafile for failure in progress.failed] == [gone.id]
        assert progress.failed[0].reason
        assert await look(ordered, gone) is None
        for file in sources.files[1:]:
            assert await look(ordered, file) == CONTENT[file.name]

    async def test_what_is_canceled_can_be_cleared_away(
        self, target: Target, ordered: Order, sources: Sources, look: Look
    ) -> None:
        ticket = await target.begin(batch_of(target, ordered, sources.files))
        for _ in range(2):
            await target.cancel(ordered, [ticket])
            await target.expire(ordered, [ticket])
        if self.removes:
            assert [await look(ordered, file) for file in sources.files] == [None] * len(sources.files)

    removes = True
    """Whether `expire` removes anything."""

    async def test_what_expires_is_gone_and_counted(
        self, target: Target, ordered: Order, sources: Sources, look: Look
    ) -> None:
        ticket, _ = await brought(target, ordered, sources.files)
        await published(target, ordered, [ticket], sources.files)
        reclaimed = await target.expire(ordered, [ticket])
        assert reclaimed >= 0
        if self.removes:
            assert [await look(ordered, file) for file in sources.files] == [None] * len(sources.files)
            assert await target.expire(ordered, [ticket]) == 0

    async def test_requests_do_not_meet(self, target: Target, ordered: Order, sources: Sources, look: Look) -> None:
        other = replace(ordered, id=8, key="key-of-8")
        ticket, _ = await brought(target, ordered, sources.files)
        await brought(target, other, sources.files)
        await target.cancel(ordered, [ticket])
        await target.expire(ordered, [ticket])
        await self.all_there(other, sources, look)

    async def take_away(self, sources: Sources, file: SourceFile) -> None:
        """Remove a source before it can be brought there."""
        await sources.storage.delete([file.location])

    async def all_there(self, order: Order, sources: Sources, look: Look) -> None:
        """Every file has got there."""
        for file in sources.files:
            content: Any = await look(order, file)
            assert content == CONTENT[file.name], file.name
