"""Digests of files: what `sha256sum` and zlib make of the same bytes.

Everything is read from the page cache, so that it is the hashing that is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

from beamcat.store.digests.reading import HashingReader
from beamcat.store.digests.values import Also, FileVersion
from beamcat.store.storage.posix import PosixStorage
from bench.report import line, percentile, timings

MIB = 1 << 20
LARGE = 2048 * MIB
SMALL, SMALL_FILES = 64 << 10, 4000
THREADS = 2
ROUNDS = 5


def digests() -> None:
    """GiB per second of one large file, and files per second of small ones: all usual digests, and the CRC-32 alone."""
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(PosixStorage(Path(folder))) as storage:
        large = _files(Path(folder), "large", LARGE, 1)
        gib = LARGE / (1 << 30)
        sha256sum, crc = _rate(gib, lambda: _sha256sum(large)), _rate(gib, lambda: _crc32(large[0]))
        everything = _rate(gib, lambda: _hash(storage, large, Also.USUAL))
        crc_only = _rate(gib, lambda: _hash(storage, large, Also.NOTHING))
        line("digests: CRC-32, Adler-32, SHA-256 and pieces of 2 GiB", everything, "GiB/s", "sha256sum", sha256sum)
        line("digests: CRC-32 of 2 GiB", crc_only, "GiB/s", "zlib.crc32, one thread", crc)
        large[0].unlink()
        small = _files(Path(folder), "small", SMALL, SMALL_FILES)
        sha256sum = _rate(SMALL_FILES, lambda: _sha256sum(small))
        everything = _rate(SMALL_FILES, lambda: _hash(storage, small, Also.USUAL))
        line("digests: all of files of 64 KiB", everything, "files/s", "sha256sum", sha256sum)


def _files(folder: Path, name: str, size: int, number: int) -> list[Path]:
    paths = [folder / f"{name}_{each:05}" for each in range(number)]
    for path in paths:
        with path.open("wb") as file:
            for _ in range(0, size, MIB):
                file.write(os.urandom(min(size, MIB)))
    return paths


def _rate(amount: float, work: Callable[[], object]) -> float:
    return amount / percentile(timings(work, rounds=ROUNDS, warm_up=1), 50) * 1000


def _hash(storage: PosixStorage, paths: list[Path], also: Also) -> None:
    async def work() -> None:
        locations = [path.name for path in paths]
        stats = await storage.stat(locations)
        files = [FileVersion.of(at, stat) for at, stat in zip(locations, stats, strict=True) if stat is not None]
        with contextlib.closing(HashingReader(storage, THREADS)) as reader:
            found = [outcome async for batch in reader.batches(files, also) for outcome in batch]
        if len(found) != len(paths):
            raise RuntimeError(f"{len(found)} of {len(paths)} files hashed")

    asyncio.run(work())


def _sha256sum(paths: list[Path]) -> None:
    subprocess.run(["sha256sum", *map(str, paths)], stdout=subprocess.DEVNULL, check=True)


def _crc32(path: Path) -> int:
    crc = 0
    with path.open("rb", buffering=0) as file:
        while piece := file.read(MIB):
            crc = zlib.crc32(piece, crc)
    return crc
