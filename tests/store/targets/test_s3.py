"""What a bucket does beyond what every target promises: parts that were left, files that are there, damaged bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from beamcat.config import S3TargetSettings
from beamcat.errors import Unavailable
from beamcat.store.storage.posix import PosixStorage
from beamcat.store.targets.bucket import Bucket
from beamcat.store.targets.contract import Action
from beamcat.store.targets.s3 import S3Target
from beamcat.store.targets.s3_unfinished import UnfinishedUploads
from beamcat.testing.targets import ORDER, Sources, brought
from tests.store.storage.s3_server import running_s3, way_to

SAFE = "/-_.~"


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, Any]]:
    with running_s3() as moto:
        yield moto


@pytest.fixture
def settings(server: dict[str, Any]) -> S3TargetSettings:
    return S3TargetSettings(kind="s3", prefix=f"targets/{uuid4()}", retry_s=2, part_mebibytes=5, **server)


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    base = tmp_path / "sources"
    base.mkdir()
    found = Sources(PosixStorage(base), base)
    for name in ("one", "two"):
        found.put(f"FAC/{name}", name.encode() * 1000)
    return found


async def test_uploads_that_were_left_are_given_up_by_signed_requests(settings: S3TargetSettings) -> None:
    uploads = UnfinishedUploads(settings)
    odd = "a b/ü+%&=~'.dat"
    async with httpx.AsyncClient(trust_env=False) as http:
        for key in (f"{settings.prefix}/mine/{odd}", f"{settings.prefix}/mine/2", f"{settings.prefix}/other"):
            answer = await uploads._ask(http, "POST", f"/{quote(key, safe=SAFE)}", {"uploads": ""})
            assert answer.status_code == 200, answer.text
    assert await uploads.give_up(f"{settings.prefix}/mine/") == 2
    assert await uploads.give_up(f"{settings.prefix}/mine/") == 0
    assert await uploads.give_up(f"{settings.prefix}/") == 1
    wrong = UnfinishedUploads(settings.model_copy(update={"access_key_id": "unknown"}))
    with pytest.raises(Unavailable, match="HTTP 403"):
        await wrong.give_up("")
    nobody = settings.model_copy(update={"access_key_id": None, "secret_access_key": None})
    assert await UnfinishedUploads(nobody).give_up("") == 0


async def test_what_is_there_is_not_uploaded_again(settings: S3TargetSettings, sources: Sources) -> None:
    one, two = sources.files
    async with way_to(str(settings.endpoint)) as way:
        target = S3Target(settings.model_copy(update={"endpoint": way.endpoint}), sources.storage)
        await brought(target, ORDER, [one])
        way.requests.clear()
        planned = await target.plan(ORDER, [one, two, replace(one, version="another")])
        assert [each.action for each in planned] == [Action.SKIP, Action.UPLOAD, Action.UPLOAD]
        _, progress = await brought(target, ORDER, [one, two])
        assert (progress.files_done, progress.bytes_done) == (2, one.size + two.size)
        assert [line.split()[0] for line in way.requests].count("PUT") == 1


async def test_bytes_that_are_not_the_known_ones_are_never_seen(settings: S3TargetSettings, sources: Sources) -> None:
    one, two = sources.files
    assert two.path is not None
    two.path.unlink()
    two.path.write_bytes(b"TWO" * 1000)
    target = S3Target(settings, sources.storage)
    _, progress = await brought(target, ORDER, [replace(one, crc32=1), two])
    reasons = {failure.datafile: failure.reason for failure in progress.failed}
    assert reasons[one.id].endswith("and not 00000001")
    assert "changed while" in reasons[two.id]
    assert not await Bucket(settings).holds_any("")


def test_addresses_live_a_week_at_most(server: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="less than or equal to 7"):
        S3TargetSettings(kind="s3", retention_days=8, **server)
