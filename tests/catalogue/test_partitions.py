"""Writing to a catalogue whose datafiles are partitioned."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from beamcat.config import DatabaseSettings
from beamcat.database.pool import Database
from beamcat.database.schema import initialise
from beamcat.errors import AlreadyExists
from tests.catalogue.conftest import World
from tests.catalogue.site import Site
from tests.conftest import TestServer


@pytest.fixture
async def database(server: TestServer) -> AsyncIterator[Database]:
    settings = DatabaseSettings(datafile_partition_rows=100)
    name = server.create()
    initialise(server.url(name), settings)
    async with Database(server.url(name), settings) as opened:
        yield opened
    server.drop(name)


async def test_partitions_are_made_as_they_are_needed(site: Site, world: World) -> None:
    kind = await site.make(
        "ParameterType",
        name="t",
        units="K",
        valueType="NUMERIC",
        facility=world.facility,
        applicableToDatafile=True,
    )
    parameters = [{"type": {"id": kind}, "numericValue": 1}]
    files = [
        {"Datafile": {"name": f"n{n}", "dataset": {"id": world.dataset}, "parameters": parameters}} for n in range(750)
    ]
    ids = await site.write(files)
    assert await site.value("SELECT count(*) FROM datafile_parameter") == 750
    new = await site.make("Datafile", name="after", dataset=world.dataset)
    assert new > max(ids)
    with pytest.raises(AlreadyExists) as caught:  # in another partition
        await site.write([{"Datafile": {"name": name, "dataset": {"id": world.dataset}}} for name in ("fine", "n0")])
    assert caught.value.offset == 1
    with pytest.raises(AlreadyExists, match=r"^Datafile exists with dataset = 'id:\d+', name = 'n0'$"):
        await site.change("Datafile", new, name="n0")
    await site.delete(("Dataset", world.dataset))
    assert await site.value("SELECT count(*) FROM datafile") == 0
