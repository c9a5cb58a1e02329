"""What is in a ZIP or tar file: its members, without unpacking them."""

from __future__ import annotations

import tarfile
import time
import zipfile
import zlib
from datetime import UTC, datetime
from typing import Any

from beamcat.store.viewing.opened import NotShown

MOST = 1000
"""Members that are told."""
PATIENCE_S = 10.0
"""How long a compressed tar file is read, which has its members one after the other."""


def members(stream: Any, name: str) -> list[dict[str, Any]]:
    """Names, sizes and times, at most `MOST`. Raises `NotShown`."""
    try:
        return _zip(stream) if name.lower().endswith(".zip") else _tar(stream)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError) as error:
        raise NotShown("this archive cannot be read") from error


def _zip(stream: Any) -> list[dict[str, Any]]:
    with zipfile.ZipFile(stream) as archive:
        found = archive.infolist()[:MOST]
        return [
            {"name": each.filename, "size": each.file_size, "date": "{}-{:02}-{:02}".format(*each.date_time[:3])}
            for each in found
        ]


def _tar(stream: Any) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    until = time.monotonic() + PATIENCE_S
    with tarfile.open(fileobj=stream, mode="r:*") as archive:
        for each in archive:
            if len(told) >= MOST or time.monotonic() > until:
                break
            date = datetime.fromtimestamp(each.mtime, UTC).date().isoformat() if 0 <= each.mtime < 2**40 else ""
            told.append({"name": each.name + ("/" if each.isdir() else ""), "size": each.size, "date": date})
    return told
