"""Uploads in several requests: any worker goes on with them, for as long as they live."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from beamcat.access.caller import Caller, Scope
from beamcat.errors import BadParameter, Forbidden
from beamcat.store.uploads.incoming import WrongDigest
from beamcat.store.uploads.resumable import ResumableUploads, WrongOffset
from beamcat.store.uploads.table import NoSuchUpload, State, UploadHeld
from tests.catalogue.site import ROOT
from tests.store.uploads.conftest import Place, pieces

DATA = os.urandom(3_000_000)


async def begin(place: Place, size: int = len(DATA), **more: object) -> UUID:
    return (await place.uploads.resumable.create(ROOT, place.upload(size=size, **more), size, "m")).id


async def append(resumable: ResumableUploads, identifier: UUID, first: int, stop: int) -> State:
    return await resumable.append(ROOT, identifier, first, pieces(DATA[first:stop]))


async def test_another_worker_goes_on_and_finishes(plain: Place) -> None:
    identifier = await begin(plain, sha256=hashlib.sha256(DATA).digest())
    await append(plain.uploads.resumable, identifier, 0, 1_000_000)
    other, third = plain.another_worker().resumable, plain.another_worker().resumable
    await append(other, identifier, 1_000_000, 2_000_000)
    state = await append(third, identifier, 2_000_000, 3_000_000)
    assert (state.offset, state.datafile_id is not None) == (3_000_000, True)
    assert await plain.read() == DATA
    assert len(plain.files()) == 1
    rows = await plain.site.rows("SELECT sha256, crc32 FROM file_digest")
    assert [bytes(row[0]) for row in rows] == [hashlib.sha256(DATA).digest()]


async def test_a_wrong_digest_is_noticed_whoever_took_the_bytes(plain: Place) -> None:
    identifier = await begin(plain, sha256=hashlib.sha256(b"other").digest())
    await append(plain.uploads.resumable, identifier, 0, 1_000_000)
    with pytest.raises(WrongDigest):
        await append(plain.another_worker().resumable, identifier, 1_000_000, 3_000_000)
    with pytest.raises(NoSuchUpload):
        await plain.uploads.resumable.find(ROOT, identifier)
    assert plain.files() == set()
    assert await plain.names() == []


async def test_what_was_written_but_not_acknowledged_is_written_anew(plain: Place) -> None:
    identifier = await begin(plain)
    await append(plain.uploads.resumable, identifier, 0, 1_000_000)
    (path,) = (plain.home / "main/.uploads").iterdir()
    with path.open("ab") as waiting:
        waiting.write(bytes(500_000))  # a worker was killed before it wrote down that these are there
    state = await append(plain.another_worker().resumable, identifier, 1_000_000, 3_000_000)
    assert state.datafile_id is not None
    assert await plain.read() == DATA


async def test_an_upload_that_nobody_goes_on_with_expires(plain: Place) -> None:
    identifier, alive = await begin(plain), await begin(plain, name="alive")
    await append(plain.uploads.resumable, identifier, 0, 1_000_000)
    await plain.uploads.keeper.look()
    await plain.age()
    await append_a_byte(plain, alive, expired=True)
    with pytest.raises(NoSuchUpload):
        await plain.uploads.resumable.find(ROOT, identifier)
    assert plain.files() != set()
    await plain.uploads.keeper.look()
    assert plain.files() == set()
    assert await plain.site.rows("SELECT * FROM upload") == []


async def append_a_byte(place: Place, identifier: UUID, *, expired: bool) -> None:
    try:
        await append(place.uploads.resumable, identifier, 0, 1)
    except NoSuchUpload:
        assert expired


async def test_every_byte_prolongs_the_life_of_an_upload(plain: Place) -> None:
    identifier = await begin(plain)
    first = await append(plain.uploads.resumable, identifier, 0, 10)
    begun = (await plain.uploads.resumable.find(ROOT, identifier)).expires
    await append(plain.uploads.resumable, identifier, 10, 20)
    assert (await plain.uploads.resumable.find(ROOT, identifier)).expires > begun
    assert first.received == 10


async def test_an_upload_of_a_worker_that_was_killed_is_free_after_a_while(plain: Place) -> None:
    identifier = await begin(plain)
    begun = asyncio.Event()

    async def stalls() -> AsyncIterator[bytes]:
        yield DATA[:10]
        begun.set()
        await asyncio.Event().wait()

    stalled = asyncio.create_task(plain.uploads.resumable.append(ROOT, identifier, 0, stalls()))
    await begun.wait()
    other = plain.another_worker().resumable
    with pytest.raises(UploadHeld):
        await append(other, identifier, 0, 10)
    await plain.site.rows("WITH later AS (UPDATE upload SET until = now() - interval '1 second') SELECT 1")
    assert (await append(other, identifier, 0, 20)).received == 20
    stalled.cancel()
    with pytest.raises((asyncio.CancelledError, UploadHeld)):
        await stalled
    assert (await append(other, identifier, 20, len(DATA))).datafile_id is not None
    assert await plain.read() == DATA


async def test_who_has_lost_an_upload_writes_no_more_to_it(plain: Place) -> None:
    identifier = await begin(plain)
    go_on = asyncio.Event()

    async def pauses() -> AsyncIterator[bytes]:
        yield bytes(1 << 20)
        await go_on.wait()
        yield bytes(1 << 20)

    lost = asyncio.create_task(plain.uploads.resumable.append(ROOT, identifier, 0, pauses()))
    while not (plain.home / "main/.uploads" / str(identifier)).exists():
        await asyncio.sleep(0.01)
    await plain.site.rows("WITH later AS (UPDATE upload SET until = now() - interval '1 second') SELECT 1")
    other = plain.another_worker().resumable
    await append(other, identifier, 0, len(DATA) - 1)
    await asyncio.sleep(1.0)  # longer than the loser goes on without a look
    go_on.set()
    with pytest.raises(UploadHeld):
        await lost
    assert (await append(other, identifier, len(DATA) - 1, len(DATA))).datafile_id is not None
    assert await plain.read() == DATA


async def test_a_table_that_is_older_than_the_storage_is_not_believed(plain: Place) -> None:
    identifier = await begin(plain)
    await append(plain.uploads.resumable, identifier, 0, 10)
    (path,) = (plain.home / "main/.uploads").iterdir()
    path.unlink()
    with pytest.raises(NoSuchUpload):
        await append(plain.uploads.resumable, identifier, 10, 20)
    with pytest.raises(NoSuchUpload):
        await plain.uploads.resumable.find(ROOT, identifier)


async def test_a_file_that_is_finished_twice_is_there_once(place: Place) -> None:
    first, second = await begin(place), await begin(place)
    await append(place.uploads.resumable, first, 0, len(DATA))
    with pytest.raises(Exception, match=r"already|exist"):
        await append(place.uploads.resumable, second, 0, len(DATA))
    assert await place.read() == DATA
    await place.uploads.resumable.terminate(ROOT, second)
    assert len(place.files()) == 1


async def test_what_clients_may_not(plain: Place) -> None:
    identifier = await begin(plain)
    resumable = plain.uploads.resumable
    with pytest.raises(WrongOffset):
        await append(resumable, identifier, 1, 2)
    reader = Caller(ROOT.name, root=True, scopes=frozenset({Scope.READ}))
    with pytest.raises(Forbidden, match="scope"):
        await resumable.append(reader, identifier, 0, pieces(b"x"))
    with pytest.raises(Forbidden, match="scope"):
        await resumable.create(reader, plain.upload(), 1, "")
    with pytest.raises(NoSuchUpload):
        await resumable.append(Caller("db/ann"), identifier, 0, pieces(b"x"))
    await resumable.append(ROOT, identifier, 0, pieces(b"x"), sha256=bytes(32))
    with pytest.raises(BadParameter, match="another SHA-256"):
        await resumable.append(ROOT, identifier, 1, pieces(b"x"), sha256=bytes(31) + b"1")
