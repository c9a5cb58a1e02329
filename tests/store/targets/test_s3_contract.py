"""A bucket keeps what every target promises."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from beamcat.config import S3TargetSettings
from beamcat.store.storage.s3 import S3Storage
from beamcat.store.targets.contract import Order, SourceFile
from beamcat.store.targets.s3 import S3Target
from beamcat.testing.storage import content
from beamcat.testing.targets import Look, Make, Sources, TargetContract
from tests.store.storage.s3_server import running_s3


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, Any]]:
    with running_s3() as moto:
        yield moto


class TestBucket(TargetContract):
    @pytest.fixture
    def settings(self, server: dict[str, Any]) -> S3TargetSettings:
        return S3TargetSettings(kind="s3", prefix=f"targets/{uuid4()}", retry_s=2, part_mebibytes=5, **server)

    @pytest.fixture
    def make(self, settings: S3TargetSettings, sources: Sources) -> Make:
        return lambda: S3Target(settings, sources.storage)

    @pytest.fixture
    def look(self, settings: S3TargetSettings) -> Look:
        bucket = S3Storage(settings)

        async def look(order: Order, file: SourceFile) -> bytes | None:
            key = f"simple_ann/{order.id}/{file.name}"
            (known,) = await bucket.stat([key])
            return None if known is None else await content(bucket, key)

        return look
