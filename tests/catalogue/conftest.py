"""A site with the objects most tests start from."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from beamcat.database.pool import Database
from tests.catalogue.site import Site


@pytest.fixture
async def site(database: Database) -> Site:
    return Site(database)


@dataclass(frozen=True)
class World:
    """Ids: facility F1, investigations A and B, the datasets `ds1` of A and of B, two datafiles in the first."""

    facility: int
    investigation_type: int
    dataset_type: int
    a: int
    b: int
    dataset: int
    other_dataset: int
    datafile: int
    second_datafile: int


@pytest.fixture
async def world(site: Site) -> World:
    facility = await site.make("Facility", name="F1")
    investigation_type = await site.make("InvestigationType", name="it1", facility=facility)
    dataset_type = await site.make("DatasetType", name="GQ", facility=facility)
    a, b = await site.write(
        [
            {
                "Investigation": {
                    "name": name,
                    "visitId": "1",
                    "title": "Not null",
                    "facility": {"id": facility},
                    "type": {"id": investigation_type},
                }
            }
            for name in ("A", "B")
        ]
    )
    dataset = await site.make("Dataset", name="ds1", investigation=a, type=dataset_type)
    other = await site.make("Dataset", name="ds1", investigation=b, type=dataset_type)
    datafile = await site.make("Datafile", name="df1", dataset=dataset, fileSize=5)
    second = await site.make("Datafile", name="df2", dataset=dataset, fileSize=7)
    return World(facility, investigation_type, dataset_type, a, b, dataset, other, datafile, second)
