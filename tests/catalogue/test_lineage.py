"""Lineage: from raw to processed and back, by jobs and by parameters, as far as one may read it."""

from __future__ import annotations

import pytest

from beamcat.access.caller import Caller
from beamcat.catalogue.lineage import INPUTS, MOST, Lineage, lineage
from beamcat.catalogue.search import Searches
from beamcat.config import CatalogueSettings
from beamcat.observability.slow_queries import Watch
from tests.catalogue.conftest import World
from tests.catalogue.site import ROOT, Site


class Makers:
    """Makes datasets, and says what was made from what."""

    def __init__(self, site: Site, world: World, type_: int, application: int) -> None:
        self.site, self.world, self.type, self.application = site, world, type_, application
        self.searches = Searches(site.database, site.rulebooks, CatalogueSettings(), Watch(float("inf")))

    async def dataset(self, name: str, *, investigation: int | None = None) -> int:
        inside = investigation or self.world.a
        return await self.site.make(
            "Dataset", name=name, investigation=inside, type=self.type, location=f"/data/{name}"
        )

    async def job(self, sources: list[int], results: list[int]) -> None:
        collections = []
        for members in (sources, results):
            links = [{"dataset": {"id": each}} for each in members]
            collections.append((await self.site.write({"DataCollection": {"dataCollectionDatasets": links}}))[0])
        source, result = collections
        await self.site.write(
            {
                "Job": {
                    "application": {"id": self.application},
                    "inputDataCollection": {"id": source},
                    "outputDataCollection": {"id": result},
                }
            }
        )

    async def told(self, dataset: int, caller: Caller = ROOT) -> Lineage:
        return await lineage(self.searches, caller, dataset)


@pytest.fixture
async def makers(site: Site, world: World) -> Makers:
    application = await site.make("Application", name="azint", version="2.3", facility=world.facility)
    return Makers(site, world, await site.make("DatasetType", name="raw", facility=world.facility), application)


async def test_jobs_lead_both_ways_over_several_generations(makers: Makers) -> None:
    raw, dark, integrated, refined = [await makers.dataset(name) for name in ("raw", "dark", "int", "ref")]
    await makers.job([raw, dark], [integrated])
    await makers.job([integrated], [refined])
    told = await makers.told(integrated)
    assert told.generations == {integrated: 0, raw: -1, dark: -1, refined: 1}
    assert {(step.source, step.result) for step in told.steps} == {
        (raw, integrated),
        (dark, integrated),
        (integrated, refined),
    }
    assert {step.how for step in told.steps} == {"azint 2.3"}
    assert (await makers.told(raw)).generations == {raw: 0, integrated: 1, refined: 2}
    assert (await makers.told(refined)).generations == {refined: 0, integrated: -1, raw: -2, dark: -2}


async def test_a_job_that_read_single_files_counts(makers: Makers) -> None:
    raw, result = await makers.dataset("raw"), await makers.dataset("result")
    file = await makers.site.make("Datafile", name="f", dataset=raw)
    source, written = await makers.site.write(
        [
            {"DataCollection": {"dataCollectionDatafiles": [{"datafile": {"id": file}}]}},
            {"DataCollection": {"dataCollectionDatasets": [{"dataset": {"id": result}}]}},
        ]
    )
    job = {"inputDataCollection": {"id": source}, "outputDataCollection": {"id": written}}
    await makers.site.write({"Job": {"application": {"id": makers.application}, **job}})
    assert (await makers.told(raw)).generations == {raw: 0, result: 1}


async def test_the_parameter_that_names_inputs_leads_both_ways(makers: Makers) -> None:
    raw, other, result = [await makers.dataset(name) for name in ("scan_1", "scanX1", "result")]
    kind = {"name": INPUTS, "units": "", "valueType": "STRING", "applicableToDataset": True}
    (type_,) = await makers.site.write({"ParameterType": {"facility": {"id": makers.world.facility}, **kind}})
    value = {"stringValue": "/data/scan_1/, /data/elsewhere", "type": {"id": type_}, "dataset": {"id": result}}
    await makers.site.write({"DatasetParameter": value})
    assert (await makers.told(result)).generations == {result: 0, raw: -1}
    assert (await makers.told(raw)).generations == {raw: 0, result: 1}
    assert (await makers.told(other)).generations == {other: 0}  # an underscore stands for itself


async def test_what_one_may_not_read_is_not_in_it(makers: Makers) -> None:
    raw, secret = await makers.dataset("raw"), await makers.dataset("x", investigation=makers.world.b)
    await makers.job([secret], [raw])
    ann = await makers.site.user("db/ann")
    await makers.site.rules(
        ("R", "SELECT d FROM Dataset d JOIN d.investigation i WHERE i.name = 'A'"), ("R", "Application")
    )
    ann = await makers.site.rulebooks.caller(ann.name)
    assert (await makers.told(raw, ann)).generations == {raw: 0}
    assert (await makers.told(raw)).generations == {raw: 0, secret: -1}


async def test_circles_end_and_crowds_are_cut(makers: Makers) -> None:
    one, other = await makers.dataset("one"), await makers.dataset("other")
    await makers.job([one], [other])
    await makers.job([other], [one])
    told = await makers.told(one)
    assert set(told.generations) == {one, other}
    crowd = [await makers.dataset(f"r{number}") for number in range(MOST + 5)]
    await makers.job([one], crowd)
    told = await makers.told(one)
    assert len(told.generations) == MOST
    assert not told.complete
