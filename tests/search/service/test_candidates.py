"""Hits of which a large index only says that they may hold what was asked for are looked at before they are told."""

from __future__ import annotations

from pathlib import Path

from beamcat.search.documents import DOCUMENTS
from beamcat.search.embedded import EmbeddedSearch
from beamcat.search.question import Contains, Question
from beamcat.search.service import Search
from beamcat.search.wanted import HowMany, Wanted
from tests.search.service.facility import Facility, indexed, settings


async def test_names_that_do_not_contain_it_drop_out(own: Facility, tmp_path: Path) -> None:
    for name in ("abc_bca_cab", "x abcab y", "ABCAB", "cab_abc_bca"):
        await own.site.make("Datafile", name=name, dataset=own.ids["rust0"])
    chosen = settings(
        embedded={"shards": 1, "heap_mebibytes": 16, "build_heap_mebibytes": 16, "exact_contents_documents": 0}
    )
    types = {entity: documents.type for entity, documents in DOCUMENTS.items()}
    engine = EmbeddedSearch(types, tmp_path / "rough", chosen.search.embedded, 60)
    await indexed(own.site, engine)
    rough = Search(chosen, own.site.database, own.site.rulebooks, engine)
    answer = await engine.ask(Question("Datafile", Contains("name", "abcab")))
    assert (len(answer.hits), answer.candidates) == (4, True)
    found = await rough.find(own.root, Wanted("name:*abcab*", ("Datafile",)))
    assert sorted(str(hit.source["name"]) for hit in found.hits) == ["ABCAB", "x abcab y"]
    assert found.counted == HowMany(2)
    one = await rough.find(own.root, Wanted("name:*abcab*", ("Datafile",), limit=1))
    assert (len(one.hits), one.counted) == (1, HowMany(4, estimate=True))
    assert one.next is not None
    last = await rough.find(own.root, Wanted("name:*abcab*", ("Datafile",), limit=1, after=one.next))
    assert (len(last.hits), last.next) == (1, None)
    await engine.close()
