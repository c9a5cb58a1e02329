"""Unmodified clients of tus: tuspy."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError
from tusclient.uploader import Uploader

from tests.downloads.proxy import Proxy, in_a_thread
from tests.uploads.facility import Facility

SIZE = 3_000_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "scan.h5"
    path.write_bytes(os.urandom(SIZE))
    return path


@contextlib.contextmanager
def uploading(facility: Facility, file: Path, url: str | None = None, **wanted: Any) -> Iterator[Uploader]:
    """An upload by tuspy, which leaves files open that it opens itself."""
    headers = {"Authorization": f"Bearer {facility.session}"}
    with file.open("rb") as stream:
        client = TusClient(f"{url or facility.beamcat.url}/uploads", headers=headers)
        yield client.uploader(file_stream=stream, **wanted)


def said(dataset: int, **more: Any) -> dict[str, str]:
    return {"name": "scan.h5", "datasetId": str(dataset), **more}


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_tuspy_sends_a_file_in_chunks(facility: Facility, file: Path) -> None:
    dataset = facility.dataset("tuspy")
    metadata = said(dataset, digest=f"sha-256={digest(file)}")
    with uploading(facility, file, chunk_size=700_000, metadata=metadata, upload_checksum=True) as uploader:
        uploader.upload()
    assert facility.files(dataset) == {"scan.h5": digest(file)}


def test_tuspy_goes_on_where_it_was(facility: Facility, file: Path) -> None:
    dataset = facility.dataset("tuspy again")
    wanted = {"chunk_size": 1_000_000, "metadata": said(dataset)}
    with uploading(facility, file, **wanted) as uploader:
        uploader.upload_chunk()
        url = uploader.url
    with uploading(facility, file, **wanted) as again:
        again.set_url(url)
        again.offset = again.get_offset()
        assert again.offset == 1_000_000
        again.upload()
    assert facility.files(dataset) == {"scan.h5": digest(file)}


def test_tuspy_survives_a_bad_network(facility: Facility, file: Path) -> None:
    dataset = facility.dataset("tuspy cut")
    with in_a_thread(Proxy(facility.beamcat.url, cuts=3, longest=1 << 20, requests=True, seed=2)) as proxy:
        wanted = {"chunk_size": 1_000_000, "metadata": said(dataset), "retries": 10, "retry_delay": 1}
        with uploading(facility, file, proxy.url, **wanted) as uploader:
            uploader.upload()
        assert proxy.cut > 0
    assert facility.files(dataset) == {"scan.h5": digest(file)}


@pytest.mark.parametrize("metadata", [{"datasetId": "99999"}, {"digest": f"sha-256={'0' * 64}"}])
def test_tuspy_is_told_what_is_wrong(facility: Facility, file: Path, metadata: dict[str, str]) -> None:
    dataset = facility.dataset(f"tuspy refused {min(metadata)}")
    with (
        pytest.raises(TusCommunicationError),
        uploading(facility, file, metadata={**said(dataset), **metadata}) as uploader,
    ):
        uploader.upload()
    assert facility.files(dataset) == {}
    facility.require_no_orphans()
