"""More like this: by words, by what things have in common, by meaning; with reasons, and nothing that is hidden."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from beamcat.access.caller import Caller
from beamcat.config import EmbeddedSearchSettings
from beamcat.database.pool import Database
from beamcat.errors import NoSuchObject
from beamcat.search.documents import DOCUMENTS
from beamcat.search.documents.making import made
from beamcat.search.embedded import EmbeddedSearch
from beamcat.search.meanings.opening import OpenMeanings
from beamcat.search.question import Everything
from beamcat.search.relating import Reason, Related, Relating
from beamcat.search.rights import Allowed
from tests.catalogue.site import ROOT, Site
from tests.search.meanings.conftest import Facility

SMALL = EmbeddedSearchSettings(shards=1, heap_mebibytes=16, build_heap_mebibytes=16)
ENTITIES = ("Investigation", "Dataset")
RULES = (
    ("R", "SELECT i FROM Investigation i WHERE i.title <> 'Hidden perovskite film'"),
    ("R", "Technique"),
    ("R", "Instrument"),
    ("R", "Dataset"),
    ("R", "SELECT s FROM Sample s WHERE s.name <> 'secret'"),
)


@dataclass(frozen=True)
class Place:
    """Ids: investigations by their titles' first words, and the way to ask."""

    site: Site
    engine: EmbeddedSearch
    kind: dict[str, int]

    async def investigation(self, title: str, **members: object) -> int:
        of = {"facility": self.kind["facility"], "type": self.kind["type"], "name": "HC", "visitId": title}
        return await self.site.make("Investigation", title=title, **of, **members)

    async def index(self) -> None:
        rebuild = await self.engine.rebuild(ENTITIES)
        async with self.site.database.connection() as connection:
            for entity in ENTITIES:
                async for some in made(connection, DOCUMENTS[entity].of_range(0, 10_000)):
                    await rebuild.put(entity, 0, some)
        await rebuild.commit("all")
        await rebuild.switch(1)

    async def related(
        self, id_: int, caller: Caller = ROOT, entity: str = "Investigation", meanings: OpenMeanings | None = None
    ) -> list[Related]:
        relating = Relating(self.site.database, self.site.rulebooks, self.engine, meanings)
        return await relating.related(caller, entity, id_, Allowed(Everything(), exact=caller.root))

    async def reasons(self, id_: int, other: int, caller: Caller = ROOT, entity: str = "Investigation") -> list[str]:
        (found,) = (each for each in await self.related(id_, caller, entity) if each.id == other)
        return [reason.text for reason in found.reasons]


@asynccontextmanager
async def opened(site: Site, folder: Path, kind: dict[str, int] | None = None) -> AsyncIterator[Place]:
    types = {entity: DOCUMENTS[entity].type for entity in ENTITIES}
    engine = EmbeddedSearch(types, folder / "search", SMALL, 60)
    yield Place(site, engine, kind or {})
    await engine.close()


@pytest.fixture
async def place(database: Database, tmp_path: Path) -> AsyncIterator[Place]:
    site = Site(database)
    facility = await site.make("Facility", name="LILS")
    kind = {
        "facility": facility,
        "type": await site.make("InvestigationType", name="experiment", facility=facility),
        "dataset_type": await site.make("DatasetType", name="raw", facility=facility),
        "technique": await site.make("Technique", name="XRD"),
        "instrument": await site.make("Instrument", name="ID21", facility=facility),
    }
    async with opened(site, tmp_path, kind) as there:
        yield there


async def test_words_that_are_shared_are_named_the_rarest_first(place: Place) -> None:
    first = await place.investigation("Growth of a perovskite film on glass")
    second = await place.investigation("Annealing of the perovskite film in a vacuum")
    await place.investigation("A film of oil")
    await place.investigation("Fossil teeth")
    await place.index()
    assert await place.reasons(first, second) == ["shares the words perovskite, film"]
    assert (await place.related(first))[0].id == second


async def test_what_is_in_common_is_named(place: Place) -> None:
    """The same sample finds what no word would find, techniques and instruments are told beside."""
    first, second = await place.investigation("Growth"), await place.investigation("Fossil teeth")
    ann = await place.site.make("User", name="db/ann", fullName="Ann Weiss")
    for inv in (first, second):
        await place.site.make("Sample", name="Fe3O4", investigation=inv)
        await place.site.make("InvestigationInstrument", investigation=inv, instrument=place.kind["instrument"])
        await place.site.make("InvestigationUser", investigation=inv, user=ann, role="PI")
        dataset = await place.site.make("Dataset", name=f"of-{inv}", investigation=inv, type=place.kind["dataset_type"])
        await place.site.make("DatasetTechnique", dataset=dataset, technique={"id": place.kind["technique"]})
    await place.index()
    assert await place.reasons(first, second) == [
        "same sample Fe3O4",
        "same person Ann Weiss",
        "same technique XRD",
        "same instrument ID21",
    ]


async def test_what_is_alike_only_in_what_is_hidden_is_not_told(place: Place) -> None:
    """The engine knows the names of samples and finds the two alike; to say so would tell that they share one."""
    await place.site.rules(*RULES)
    guest = await place.site.rulebooks.caller("db/guest")
    first, other = await place.investigation("Growth"), await place.investigation("Fossil teeth")
    for inv in (first, other):
        await place.site.make("Sample", name="secret", investigation=inv)
    await place.index()
    assert await place.engine.similar("Investigation", first, Everything(), 5) == [other]
    assert [each.id for each in await place.related(first)] == [other]
    assert not await place.related(first, guest)


async def test_datasets_are_related_by_their_samples(place: Place) -> None:
    inv = await place.investigation("Growth")
    samples = [await place.site.make("Sample", name=name, investigation=inv) for name in ("Fe3O4", "CoO")]
    of = {"investigation": inv, "type": place.kind["dataset_type"]}
    first, second, third = [
        await place.site.make("Dataset", name=name, sample=sample, **of)
        for name, sample in (("a", samples[0]), ("b", samples[0]), ("c", samples[1]))
    ]
    await place.index()
    related = {
        each.id: [reason.kind for reason in each.reasons] for each in await place.related(first, ROOT, "Dataset")
    }
    assert related == {second: ["sample", "investigation"], third: ["investigation"]}


async def test_what_may_not_be_read_is_neither_told_nor_a_reason(place: Place) -> None:
    await place.site.rules(*RULES)
    guest = await place.site.rulebooks.caller("db/guest")
    first = await place.investigation("Growth of a perovskite film")
    hidden = await place.investigation("Hidden perovskite film")
    other = await place.investigation("Fossil teeth")
    ann = await place.site.make("User", name="db/ann", fullName="Ann Weiss")
    for inv in (first, other, hidden):
        await place.site.make("Sample", name="secret", investigation=inv)
        await place.site.make("Sample", name="Fe3O4", investigation=inv)
        await place.site.make("InvestigationUser", investigation=inv, user=ann, role="PI")
    await place.index()
    assert await place.reasons(first, other) == ["same samples Fe3O4, secret", "same person Ann Weiss"]
    assert hidden in [each.id for each in await place.related(first)]
    assert await place.reasons(first, other, guest) == ["same sample Fe3O4"]
    assert [each.id for each in await place.related(first, guest)] == [other]
    with pytest.raises(NoSuchObject):
        await place.related(hidden, guest)


async def test_a_public_step_tells_names_beyond_it(place: Place) -> None:
    await place.site.rules(*RULES)
    await place.site.write(
        [
            {"PublicStep": {"origin": "Investigation", "field": "investigationUsers"}},
            {"PublicStep": {"origin": "InvestigationUser", "field": "user"}},
        ]
    )
    guest = await place.site.rulebooks.caller("db/guest")
    first, second = await place.investigation("Growth"), await place.investigation("Fossil teeth")
    ann = await place.site.make("User", name="db/ann", fullName="Ann Weiss")
    for inv in (first, second):
        await place.site.make("InvestigationUser", investigation=inv, user=ann, role="PI")
    await place.index()
    assert "same person Ann Weiss" in await place.reasons(first, second, guest)


async def test_what_is_close_in_meaning_is_told_with_its_closest_sentence(read: Facility, tmp_path: Path) -> None:
    async with opened(read.site, tmp_path) as place:
        await place.index()
        fossil = read.ids["fossils"][0]
        related = await place.related(fossil, meanings=cast("OpenMeanings", read.meanings))
    assert [read.field(each.id) for each in related[:4]] == ["fossils"] * 4
    near = [reason for reason in related[0].reasons if reason.kind == "meaning"]
    assert near
    assert near[0].text == f"close in meaning: {near[0].names[0]}"
    assert near[0].closeness is not None


async def test_without_meaning_for_a_while_the_others_have_their_say(facility: Facility, tmp_path: Path) -> None:
    async with opened(facility.site, tmp_path) as place:
        await place.index()
        fossil = facility.ids["fossils"][1]
        related = await place.related(fossil, meanings=cast("OpenMeanings", facility.meanings))
    assert {reason.kind for each in related for reason in each.reasons} == {"words"}


def test_many_things_in_common_are_told_briefly() -> None:
    assert Reason("sample", ("A", "B", "C"), 4).text == "same samples A, B, C and 4 more"
    assert Reason("person", ("Ann",)).text == "same person Ann"
