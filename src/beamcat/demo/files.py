"""The real files of the example facility, below `<home>/data` at the locations the catalogue gives.

Every file is written beside its place and then renamed, and what is there already is kept: an interrupted start goes
on where it was. The whole takes less than 60 MB.
"""

from __future__ import annotations

import shutil
import struct
import zlib
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from beamcat.demo.datasets import DemoDataset, DemoFile, Stored
from beamcat.demo.objects import dice, instant
from beamcat.demo.recipes import Content

DATA_FOLDER = "data"
PICTURE_SIDE = 160
"""Width and height of pictures, in pixels."""


def write_files(home: Path, datasets: Iterable[DemoDataset]) -> dict[str, Stored]:
    """Write what is missing of the real files of `datasets`; sizes and checksums of all of them, by location.

    Raises `OSError` when the disk does not take them.
    """
    stored: dict[str, Stored] = {}
    for dataset in datasets:
        for file in dataset.files if dataset.has_files else ():
            location = dataset.file_location(file)
            path = home / DATA_FOLDER / location
            if not path.exists():
                _write_atomically(path, dataset, file)
            stored[location] = Stored(path.stat().st_size, f"{zlib.crc32(path.read_bytes()):x}")
    return stored


def _write_atomically(path: Path, dataset: DemoDataset, file: DemoFile) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    _write(unfinished, dataset, file)
    unfinished.replace(path)


def _write(path: Path, dataset: DemoDataset, file: DemoFile) -> None:
    match file.content:
        case Content.CHOPPER:
            shutil.copyfile(_chopper_example(), path)
        case Content.TABLE:
            path.write_text(_table(dataset, file), encoding="utf-8")
        case Content.PROFILE:
            path.write_text(_profile(dataset, file), encoding="utf-8")
        case Content.LOG:
            path.write_text(_log(dataset, file), encoding="utf-8")
        case Content.NOTE:
            path.write_text(
                f"{dataset.description}\nTaken at {dataset.visit.instrument.full_name}.\n", encoding="utf-8"
            )
        case _:
            # numpy and h5py take a second to import, which only those pay who write files
            import numpy as np

            from beamcat.demo.nexus import write_nexus
            from beamcat.demo.patterns import picture

            rng = np.random.default_rng(zlib.crc32(dataset.file_location(file).encode()))
            if file.content is Content.PICTURE:
                path.write_bytes(_png(picture(rng, PICTURE_SIDE).tobytes(), PICTURE_SIDE, PICTURE_SIDE))
            else:
                write_nexus(path, dataset, file, rng)


def _chopper_example() -> Path:
    """The time-of-flight file that the package nexusformat brings along, without importing the package."""
    found = find_spec("nexusformat")
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError("the package nexusformat is not installed")
    return Path(found.submodule_search_locations[0]) / "examples" / "chopper.nxs"


def _table(dataset: DemoDataset, file: DemoFile) -> str:
    draw, step = dice(dataset.file_location(file)), (dataset.last - dataset.first) / 120
    lines = ["time,temperature_K,ring_current_mA,value"]
    temperature, value = draw.uniform(290, 330), draw.uniform(3.0, 4.2)
    for number in range(120):
        temperature += draw.gauss(0, 0.05)
        value += draw.gauss(0, 0.01)
        current = 299.5 + 0.5 * ((-number) % 10) / 10
        lines.append(f"{instant(dataset.first + number * step)},{temperature:.2f},{current:.2f},{value:.4f}")
    return "\n".join(lines) + "\n"


def _profile(dataset: DemoDataset, file: DemoFile) -> str:
    draw = dice(dataset.file_location(file))
    radius = draw.uniform(15, 60)
    lines = [f"# {dataset.description}", "# q (1/angstrom)   intensity   error"]
    for number in range(1, 301):
        q = 0.001 * number
        intensity = 1e3 / (1 + (q * radius) ** 4) + 0.4
        error = 0.02 * intensity
        lines.append(f"{q:.4f} {intensity + draw.gauss(0, error):.5g} {error:.3g}")
    return "\n".join(lines) + "\n"


def _log(dataset: DemoDataset, file: DemoFile) -> str:
    lines = [f"{instant(dataset.first)} start {dataset.name}"]
    lines += [f"{instant(one.created)} wrote {one.name}" for one in dataset.files if one is not file]
    return "\n".join([*lines, f"{instant(dataset.last)} done"]) + "\n"


def _png(image: bytes, width: int, height: int) -> bytes:
    """A grey picture, one byte for each pixel (PNG specification, third edition)."""
    rows = b"".join(b"\0" + image[row * width : (row + 1) * width] for row in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body
