"""Dumps in files: how far they have come is told, and a file is complete or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from beamcat.catalogue.dump.files import PIECE_BYTES, export_file, import_file
from beamcat.catalogue.dump.importing import Order
from beamcat.catalogue.dump.layout import Attributes
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.model import Entity
from tests.catalogue.site import ROOT

FACILITIES = "1.0\n\nFacility(name:0)\n" + "".join(f'"facility {number}"\n' for number in range(3000))


async def test_an_import_tells_how_much_of_the_file_is_read(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "dump.icat"
    file.write_text(FACILITIES + "# a comment\n" * 25_000)
    size = file.stat().st_size
    told: list[tuple[int, int]] = []
    done = await import_file(
        database, Settings(), file, Order(ROOT), read=lambda so_far, whole: told.append((so_far, whole))
    )
    assert done.created == 3000
    assert told == [(PIECE_BYTES, size), (size, size)]


async def test_an_export_tells_of_every_object_it_writes(database: Database, tmp_path: Path) -> None:
    file, again = tmp_path / "dump.icat", tmp_path / "again.icat"
    file.write_text(FACILITIES)
    await import_file(database, Settings(), file, Order(ROOT))
    told: list[tuple[str, int]] = []

    def tell(entity: Entity, count: int) -> None:
        assert not again.exists()
        told.append((entity.name, count))

    assert await export_file(database, Settings(), again, ROOT, Attributes.USER, told=tell) == 3000
    assert told == [("Facility", 2000), ("Facility", 1000)]
    assert again.read_text().count("\n") > 3000


async def test_an_export_that_breaks_off_leaves_the_file_as_it_was(database: Database, tmp_path: Path) -> None:
    file, source = tmp_path / "dump.icat", tmp_path / "source.icat"
    file.write_text("the one before")
    source.write_text(FACILITIES)
    await import_file(database, Settings(), source, Order(ROOT))

    def stop(_entity: Entity, _count: int) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        await export_file(database, Settings(), file, ROOT, Attributes.USER, told=stop)
    assert file.read_text() == "the one before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dump.icat", "source.icat"]
