"""Uploads into an object store wait in a directory."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import obstore
import pytest

from beamcat.catalogue.catalogue import Catalogue
from beamcat.database.pool import Database
from beamcat.errors import BadParameter
from beamcat.store.storage.s3 import S3Storage
from tests.catalogue.site import ROOT
from tests.store.storage.s3_server import running_s3, settings
from tests.store.uploads.conftest import Place, pieces, place_of
from tests.store.uploads.test_journal import Killed, dies

DATA = os.urandom(6_000_000)


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, Any]]:
    with running_s3() as server:
        yield server


@pytest.fixture
async def bucket(database: Database, tmp_path: Path, s3: dict[str, Any]) -> AsyncIterator[Place]:
    place = await place_of(database, S3Storage(settings(s3, part_mebibytes=5)), tmp_path)
    yield place
    place.uploads.close()


async def objects(place: Place) -> int:
    """How many objects there are."""
    assert isinstance(place.storage, S3Storage)
    return len(await obstore.list(place.storage._store).collect_async())


async def test_an_upload_goes_on_at_another_worker_and_into_the_bucket(bucket: Place) -> None:
    state = await bucket.uploads.resumable.create(ROOT, bucket.upload(), len(DATA), "")
    await bucket.uploads.resumable.append(ROOT, state.id, 0, pieces(DATA[:2_000_000]))
    assert bucket.files() == {f"uploads/.uploads/{state.id}"}
    other = bucket.another_worker()
    state = await other.resumable.append(ROOT, state.id, 2_000_000, pieces(DATA[2_000_000:]))
    assert state.datafile_id is not None
    assert await bucket.read() == DATA
    assert bucket.files() == set()
    other.close()


async def test_a_file_is_put_without_a_stop_on_the_way(bucket: Place) -> None:
    await bucket.put(DATA)
    assert await bucket.read() == DATA
    assert bucket.files() == set()
    with pytest.raises(BadParameter):
        await bucket.uploads.put(ROOT, bucket.upload("other", sha256=bytes(32)), pieces(DATA))
    assert await objects(bucket) == 1


async def test_an_object_without_a_datafile_is_removed(bucket: Place) -> None:
    with pytest.MonkeyPatch.context() as patch:
        dies(patch, Catalogue, "create_datafile")
        with pytest.raises(Killed):
            await bucket.put(DATA)
    rows = await bucket.site.rows("SELECT location FROM upload_journal")
    assert await objects(bucket) == 1
    await bucket.age()
    await bucket.uploads.keeper.look()
    assert await bucket.storage.stat([rows[0][0]]) == [None]


async def test_an_upload_whose_end_was_interrupted_can_be_finished(bucket: Place) -> None:
    resumable = bucket.uploads.resumable
    state = await resumable.create(ROOT, bucket.upload(), len(DATA), "")
    with pytest.MonkeyPatch.context() as patch:
        dies(patch, Catalogue, "create_datafile")
        with pytest.raises(Killed):
            await resumable.append(ROOT, state.id, 0, pieces(DATA))
    rows = await bucket.site.rows("SELECT location FROM upload_journal")
    assert await objects(bucket) == 1
    await bucket.site.rows("WITH l AS (UPDATE upload_journal SET until = now() - interval '1 day') SELECT 1")
    await bucket.uploads.keeper.look()
    assert await bucket.storage.stat([rows[0][0]]) == [None]
    offset = (await resumable.find(ROOT, state.id)).offset
    assert offset == len(DATA) - 1
    state = await resumable.append(ROOT, state.id, offset, pieces(DATA[offset:]))
    assert state.datafile_id is not None
    assert await bucket.read() == DATA
