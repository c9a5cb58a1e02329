"""No bytes without a datafile, wherever an upload ends, and no datafile without its bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from beamcat.catalogue.catalogue import Catalogue
from beamcat.errors import AlreadyExists, BadParameter, Unavailable
from beamcat.store.storage.posix import PosixStorage
from beamcat.store.uploads.storing import Storing
from tests.catalogue.site import ROOT
from tests.store.uploads.conftest import Place, pieces

DATA = b"hello world"


class Killed(BaseException):
    """Stands for the end of the process."""


def dies(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, *, after: bool = False) -> None:
    """The process ends when it comes to that, or when it has done it: nothing that it does afterwards is done."""
    really = getattr(owner, name)

    async def die(*given: object, **named: object) -> object:
        if after:
            await really(*given, **named)
        raise Killed

    async def nothing(*_given: object) -> None:
        """There is nobody any more who would do it."""

    monkeypatch.setattr(owner, name, die)
    monkeypatch.setattr(Storing, "end", nothing)


@pytest.mark.parametrize(
    ("owner", "name", "after"),
    [(Storing, "place", False), (Storing, "place", True), (Catalogue, "create_datafile", False)],
)
async def test_a_process_that_ends_before_there_is_a_datafile_leaves_nothing_for_long(
    place: Place, owner: type, name: str, after: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        dies(patch, owner, name, after=after)
        with pytest.raises(Killed):
            await place.put(DATA)
    left = place.files()
    assert left
    worker = place.another_worker()
    await worker.keeper.look()
    assert place.files() == left  # it may be alive
    await place.age()
    await worker.keeper.look()
    assert place.files() == set()
    assert await place.site.rows("SELECT * FROM upload_journal") == []
    await place.put(DATA)
    assert await place.read() == DATA


async def test_a_process_that_ends_when_there_is_a_datafile_takes_nothing_from_it(place: Place) -> None:
    with pytest.MonkeyPatch.context() as patch:
        dies(patch, Catalogue, "create_datafile", after=True)
        with pytest.raises(Killed):
            await place.put(DATA)
    await place.age()
    await place.another_worker().keeper.look()
    assert await place.read() == DATA
    assert len(place.files()) == 1
    assert await place.site.rows("SELECT * FROM upload_journal") == []


async def test_what_nobody_renews_is_dead_for_ever(plain: Place) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield DATA
        await plain.age()
        await plain.another_worker().keeper.look()

    with pytest.raises(Unavailable, match="given up"):
        await plain.uploads.put(ROOT, plain.upload(), slow())
    assert await plain.names() == []
    assert plain.files() == set()


async def test_what_takes_long_is_renewed(plain: Place) -> None:
    keeping = asyncio.create_task(plain.uploads.journal.keep())

    async def slow() -> AsyncIterator[bytes]:
        yield DATA
        begun = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() < begun + 2.5:  # longer than the lease
            await plain.another_worker().keeper.look()
            await asyncio.sleep(0.2)

    stored = await plain.uploads.put(ROOT, plain.upload(), slow())
    keeping.cancel()
    assert stored.size == len(DATA)
    assert await plain.read() == DATA


async def test_a_file_that_was_there_before_is_nobodys_to_remove(named: Place) -> None:
    there = named.home / "main/FAC/inv/1-1/ds/scan.h5"
    there.parent.mkdir(parents=True)
    there.write_bytes(b"precious")
    with pytest.raises(BadParameter, match="already"):
        await named.put(DATA)
    with pytest.MonkeyPatch.context() as patch:
        dies(patch, Storing, "place", after=False)
        with pytest.raises(Killed):
            await named.put(DATA)
    await named.site.rows(
        "WITH l AS (UPDATE upload_journal SET location = 'FAC/inv/1-1/ds/scan.h5', etag = 'another') SELECT 1"
    )
    await named.age()
    await named.another_worker().keeper.look()
    assert there.read_bytes() == b"precious"
    assert named.files() == {"main/FAC/inv/1-1/ds/scan.h5"}


async def test_a_name_that_is_taken_costs_nothing_of_what_has_it(place: Place) -> None:
    await place.put(DATA)
    with pytest.raises((AlreadyExists, BadParameter)):
        await place.put(b"other")
    assert await place.read() == DATA
    assert len(place.files()) == 1


async def test_the_keeper_sweeps_what_no_table_knows(plain: Place) -> None:
    old, young = (plain.home / "main" / ".uploads" / name for name in ("old", "young"))
    old.parent.mkdir()
    for path in (old, young):
        path.write_bytes(b"x")
    now = young.stat().st_mtime
    assert await plain.uploads.keeper.sweep(now + 7 * 86400) == 0
    assert await plain.uploads.keeper.sweep(now + 8 * 86400 + 1) == 2


async def test_pieces_of_any_size_come_together(plain: Place) -> None:
    parts = [bytes([number % 256]) * size for number, size in enumerate([0, 1, 700_000, 1 << 20, 3, 2_500_000, 0, 9])]
    stored = await plain.uploads.put(ROOT, plain.upload(), pieces(*parts))
    assert stored.size == sum(map(len, parts))
    assert await plain.read() == b"".join(parts)


async def test_bytes_that_come_to_their_place_after_they_were_taken_for_dead_go_again(plain: Place) -> None:
    really = PosixStorage.place_upload

    async def late(*given: Any) -> None:
        upload = plain.home / "main/.uploads" / given[1]
        (plain.home / "kept").hardlink_to(upload)
        await plain.age()
        await plain.another_worker().keeper.look()
        (plain.home / "kept").rename(upload)  # as if the keeper had not come to it yet
        await really(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PosixStorage, "place_upload", late)
        with pytest.raises(Unavailable):
            await plain.put(DATA)
    assert plain.files() == set()
    assert await plain.names() == []


async def test_a_commit_of_which_nobody_has_heard_keeps_its_bytes(place: Place) -> None:
    really = Catalogue.create_datafile

    async def goes_away(*given: Any) -> int:
        await really(*given)
        raise Unavailable("the database went away while it kept the change; look whether it is there")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Catalogue, "create_datafile", goes_away)
        with pytest.raises(Unavailable):
            await place.put(DATA)
    assert await place.read() == DATA
    assert len(place.files()) == 1


async def test_bytes_that_are_removed_are_never_catalogued_later(plain: Place) -> None:
    """The server of the database may go on with a transaction whose client was killed: it finds the row dead."""
    begun, go_on = asyncio.Event(), asyncio.Event()
    really = Storing.place

    async def waits(*given: Any) -> str:
        location = await really(*given)
        begun.set()
        await go_on.wait()
        return location

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Storing, "place", waits)
        putting = asyncio.create_task(plain.put(DATA))
        await begun.wait()
        await plain.age()
        await plain.another_worker().keeper.look()
        go_on.set()
        with pytest.raises(Unavailable):
            await putting
    assert await plain.names() == []
    assert plain.files() == set()
