"""What people may know of objects that are not open to them: nothing, or that they exist and when they open."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from beamcat.catalogue.closed import closed
from beamcat.catalogue.search import Searches
from beamcat.config import CatalogueSettings
from beamcat.observability.slow_queries import Watch
from tests.catalogue.conftest import World
from tests.catalogue.site import Site

OPENS = datetime(2030, 1, 2, tzinfo=UTC)


@pytest.fixture
def searches(site: Site) -> Searches:
    return Searches(site.database, site.rulebooks, CatalogueSettings(), Watch(float("inf")))


async def test_who_reads_a_publication_knows_that_its_content_exists(
    site: Site, world: World, searches: Searches
) -> None:
    await site.change("Investigation", world.a, releaseDate="2030-01-02T00:00:00.000Z")
    links = [{"investigation": {"id": world.a}}]
    (content,) = await site.write({"DataCollection": {"dataCollectionInvestigations": links}})
    published = await site.make(
        "DataPublication", facility=world.facility, pid="10.5072/x", title="Cells", content=content
    )
    await site.user("db/ann", "readers")
    await site.user("db/bob")
    await site.rules(("R", "DataPublication"), group="readers")
    ann, bob = await site.rulebooks.caller("db/ann"), await site.rulebooks.caller("db/bob")
    told = await closed(searches, ann, "Investigation", world.a)
    assert told is not None
    assert told.opens == OPENS
    assert [(each.entity, each.id, each.title) for each in told.named_by] == [("DataPublication", published, "Cells")]
    assert await closed(searches, bob, "Investigation", world.a) is None
    assert await closed(searches, ann, "Investigation", world.b) is None
    assert await closed(searches, ann, "Investigation", 10**9) is None
    assert await closed(searches, ann, "Dataset", world.dataset) is None


async def test_who_reads_an_experiment_knows_that_its_data_exist(site: Site, world: World, searches: Searches) -> None:
    await site.user("db/ann")
    await site.rules(("R", "SELECT i FROM Investigation i WHERE i.name = 'A'"))
    ann = await site.rulebooks.caller("db/ann")
    told = await closed(searches, ann, "Dataset", world.dataset)
    assert told is not None
    assert (told.opens, [each.title for each in told.named_by]) == (None, ["Not null"])
    assert await closed(searches, ann, "Dataset", world.other_dataset) is None
    assert await closed(searches, ann, "Datafile", world.datafile) is None
