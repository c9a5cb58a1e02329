"""Random facilities, rules and readers: a search may show what the catalogue shows, no more and, if exact, no less.

`python -m tests.search.rights` is the long form.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from beamcat.config import EmbeddedSearchSettings
from beamcat.database.pool import Database
from beamcat.search.documents import DOCUMENTS
from beamcat.search.embedded import EmbeddedSearch
from beamcat.search.fields import Kind
from beamcat.search.question import Between, Everything, Facet, Has, Not, Predicate, Question, Terms, WordLike
from beamcat.search.rights import SearchRights
from tests.properties.rules import READERS
from tests.search.engine_contract import encoded
from tests.search.rights.cases import Tally, random_rules, try_rules
from tests.search.rights.facility import SearchedFacility, searched_facility

if TYPE_CHECKING:
    from conftest import TestServer

FACILITIES = 2
RULE_SETS = 10
QUESTIONS = 60
SMALL = EmbeddedSearchSettings(shards=2, heap_mebibytes=16, build_heap_mebibytes=16)


@pytest.fixture(scope="module", params=range(FACILITIES))
async def facility(
    request: pytest.FixtureRequest, server: TestServer, template: str
) -> AsyncIterator[SearchedFacility]:
    name = server.create(template)
    async with Database(server.url(name), server.settings) as database:
        yield await searched_facility(database, request.param)
    server.drop(name)


async def test_documents_that_may_be_seen_are_those_the_catalogue_finds(facility: SearchedFacility) -> None:
    tally = Tally()
    for number in range(RULE_SETS):
        await try_rules(facility, f"{facility.seed}/{number}", tally)
    assert not tally.wrong, "\n".join([f"{tally}", *tally.wrong[:3]])
    assert tally.exact > tally.cases * 0.8, tally
    assert tally.partial > tally.cases * 0.1, tally


async def test_the_engine_shows_nothing_that_a_rule_forbids(facility: SearchedFacility, tmp_path: Path) -> None:
    if facility.seed:
        pytest.skip("one facility is enough for the engine")
    types = {entity: documents.type for entity, documents in DOCUMENTS.items()}
    engine = EmbeddedSearch(types, tmp_path, SMALL, 60)
    try:
        await _index(facility, engine)
        rights = SearchRights(facility.database, facility.rulebooks)
        rng = Random("questions")
        partial = 0
        for _ in range(QUESTIONS):
            entity = rng.choice([*DOCUMENTS])
            await facility.set_rules(random_rules(rng, facility))
            partial += await _asked(facility, engine, rights, rng, rng.choice(READERS), entity)
        assert partial > QUESTIONS / 10
    finally:
        await engine.close()


async def _index(facility: SearchedFacility, engine: EmbeddedSearch) -> None:
    rebuild = await engine.rebuild([*DOCUMENTS])
    for entity, documents in facility.documents.items():
        for each in documents.every:
            await rebuild.put(entity, rebuild.shard_of(entity, each.get("investigation", 0)), encoded([dict(each)]))
    await rebuild.commit("all")
    await rebuild.switch(1)


async def _asked(
    facility: SearchedFacility, engine: EmbeddedSearch, rights: SearchRights, rng: Random, reader: str, entity: str
) -> bool:
    """Hits, counts, facets and suggestions are those of what the catalogue shows the reader; whether that is a part."""
    caller = await facility.caller(reader)
    allowed = await rights.allowed(caller, entity)
    readable = await facility.readable(caller, entity)
    documents = facility.documents[entity]
    asked = Question(
        entity,
        match=_match(rng, entity),
        allowed=allowed.predicate,
        limit=1_000,
        count_up_to=None,
        facets=tuple(
            Facet(name, Terms(name, 100))
            for name, field in documents.type.fields.items()
            if field.counted and field.kind is Kind.ID
        ),
    )
    if not allowed.exact:
        return False
    answer = await engine.ask(asked)
    shown = [each for each in documents.every if each["id"] in readable]
    wanted = {each["id"] for each in shown if documents.matches(each, asked.match)}
    assert {hit.id for hit in answer.hits} == wanted
    assert answer.counted.hits == len(wanted)
    for facet in asked.facets:
        values = [value for each in shown if each["id"] in wanted for value in documents.values(each, facet.name)]
        assert {bucket.value: bucket.count for bucket in answer.facets[facet.name]} == {
            value: values.count(value) for value in values
        }
    field = next(name for name, of in documents.type.fields.items() if of.kind in {Kind.NAME, Kind.WORDS})
    suggested = await engine.suggest(entity, [field], rng.choice("abz5"), allowed.predicate, 20)
    assert set(suggested) <= {word for each in shown for word in documents.words(each, field, None)}
    return 0 < len(readable) < len(documents.every)


def _match(rng: Random, entity: str) -> Predicate:
    fields = DOCUMENTS[entity].type.fields
    text = next(name for name, field in fields.items() if field.kind in {Kind.NAME, Kind.WORDS})
    return rng.choice(
        (Everything(), Everything(), Has(rng.choice([*fields])), Not(Between("id", 3, 9)), WordLike(text, "*a*"))
    )
