"""A dataset is found by the words of its investigation and its sample, but only by who may read these, too.

Random questions are compared with plain Python that knows of each object no more than the caller may read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

import pytest

from beamcat.access.caller import Caller
from beamcat.config import DatabaseSettings
from beamcat.database.pool import Database
from beamcat.search.documents import DOCUMENTS
from beamcat.search.embedded import EmbeddedSearch
from beamcat.search.service import Search
from beamcat.search.wanted import Filter, Manner, Wanted
from tests.catalogue.site import ROOT, Site
from tests.conftest import TestServer
from tests.search.service.facility import Wide, indexed, settings

WORDS = ("brontal", "brontel", "quizzet", "marvok", "zellim", "tokrad", "uvenor")
HIDDEN = "xylorant"
"""A word of an investigation that nobody may read."""
INVESTIGATIONS = 14
QUESTIONS = 120
RULES = (
    "SELECT i FROM Investigation i WHERE i.summary = 'open'",
    "SELECT s FROM Sample s WHERE s.pid = 'open'",
    "Dataset",
    "DatasetType",
)
Fields = dict[str, str]
Asks = Callable[[Fields], bool]


@dataclass(frozen=True)
class Thing:
    """An object, and what it says: `theirs` are the words of others, with whether everybody may read these."""

    id: int
    own: Fields
    theirs: dict[str, tuple[str, bool]]

    def seen(self, *, by_all: bool) -> Fields:
        return {**self.own, **{name: text for name, (text, is_open) in self.theirs.items() if is_open or not by_all}}


@dataclass(frozen=True)
class Place:
    search: Search
    guest: Caller
    things: dict[str, list[Thing]]

    async def found(self, caller: Caller, entity: str, text: str, **wanted: object) -> list[int]:
        asked = Wanted(text, (entity,), Manner.LUCENE, limit=100, **wanted)  # type: ignore[arg-type]
        found = await self.search.find(caller, asked)
        assert found.counted.number == len(found.hits)
        return sorted(hit.id for hit in found.hits)

    def expected(self, entity: str, asks: Asks, *, by_all: bool) -> list[int]:
        return [thing.id for thing in self.things[entity] if asks(thing.seen(by_all=by_all))]


async def made(site: Site) -> dict[str, list[Thing]]:
    """Things in an empty catalogue: of each, what it says, and what those say that it belongs to or has."""
    random = Random(11)

    def some(number: int) -> str:
        return " ".join(random.choice(WORDS) for _ in range(number))

    facility = await site.make("Facility", name="LILS")
    of = {"facility": facility, "type": await site.make("InvestigationType", name="usual", facility=facility)}
    raw = await site.make("DatasetType", name="raw", facility=facility)
    things: dict[str, list[Thing]] = {"Dataset": [], "Sample": [], "Investigation": []}
    for number in range(INVESTIGATIONS):
        title, is_open = (some(3), random.random() < 0.5) if number else (f"{HIDDEN} {some(2)}", False)
        summary = "open" if is_open else "hidden"
        inv = await site.make("Investigation", name="HC", visitId=f"v{number}", title=title, summary=summary, **of)
        names: list[tuple[str, bool]] = []
        for at in range(2):
            name, described, is_open_sample = f"{some(2)} {at}", some(1), random.random() < 0.5
            pid = "open" if is_open_sample else None
            sample = await site.make("Sample", name=name, investigation=inv, pid=pid)
            names.append((name, is_open_sample))
            members = {"investigation": inv, "type": raw, "sample": sample, "description": described}
            dataset = await site.make("Dataset", name=f"s{at}", **members)
            theirs = {"title": (title, is_open), "sample": names[-1]}
            things["Dataset"].append(Thing(dataset, {"description": described}, theirs))
            if is_open_sample:
                things["Sample"].append(Thing(sample, {"name": name}, {"title": (title, is_open)}))
        if is_open:
            samples = {f"sample{at}": each for at, each in enumerate(names)}
            things["Investigation"].append(Thing(inv, {"title": title}, samples))
    for rule in RULES:
        await site.make("Rule", crudFlags="R", what=rule)
    return things


@pytest.fixture(scope="module")
async def filled(
    server: TestServer, template: str, database_settings: DatabaseSettings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Place]:
    name = server.create(template)
    chosen = settings(embedded={"shards": 1, "heap_mebibytes": 16, "build_heap_mebibytes": 16})
    types = {entity: documents.type for entity, documents in DOCUMENTS.items()}
    engine = EmbeddedSearch(types, tmp_path_factory.mktemp("search"), chosen.search.embedded, 60)
    async with Database(server.url(name), database_settings) as database:
        site = Site(database)
        things = await made(site)
        await indexed(site, engine)
        search = Search(chosen, database, site.rulebooks, engine)
        yield Place(search, await site.rulebooks.caller("db/guest"), things)
    await engine.close()
    server.drop(name)


@pytest.fixture
def place(filled: Place) -> Iterator[Place]:
    """Nobody changes it, but for the parts of its search."""
    parts = filled.search.parts
    yield filled
    filled.search.parts = parts


def question(random: Random, depth: int = 2) -> tuple[str, Asks]:
    """A text, and what it asks of the fields of a thing."""
    kind = random.randrange(7 if depth else 4)
    word, other = random.choice(WORDS), random.choice(WORDS)
    if kind == 0:
        return f'"{word} {other}"', lambda fields: any(f"{word} {other}" in text for text in fields.values())
    if kind == 1:
        return f"{word[:5]}*", lambda fields: word[:5] in " ".join(fields.values())
    if kind < 4:
        return word, lambda fields: word in " ".join(fields.values()).split()
    (one, asks_one), (two, asks_two) = question(random, depth - 1), question(random, depth - 1)
    if kind == 4:
        return f"({one} AND {two})", lambda fields: asks_one(fields) and asks_two(fields)
    if kind == 5:
        return f"({one} OR {two})", lambda fields: asks_one(fields) or asks_two(fields)
    return f"({one} AND NOT {two})", lambda fields: asks_one(fields) and not asks_two(fields)


@pytest.mark.parametrize("rights", ["exact", "wide"])
async def test_hidden_words_find_nothing(place: Place, rights: str) -> None:
    if rights == "wide":
        parts = place.search.parts
        place.search.parts = replace(parts, rights=Wide(parts.database, parts.readable._rulebooks))
    random = Random(5)
    hidden = 0
    for _ in range(QUESTIONS if rights == "exact" else QUESTIONS // 4):
        text, asks = question(random)
        for entity in place.things:
            expected = place.expected(entity, asks, by_all=True)
            assert await place.found(place.guest, entity, text) == expected, (entity, text)
            hidden += expected != place.expected(entity, asks, by_all=False)
    assert hidden > 10


async def test_who_may_read_everything_finds_by_all_words(place: Place) -> None:
    random = Random(6)
    for _ in range(10):
        text, asks = question(random)
        expected = place.expected("Dataset", asks, by_all=False)
        assert await place.found(ROOT, "Dataset", text) == expected, text


async def test_fields_and_filters_are_asked_in_the_same_way(place: Place) -> None:
    for word in WORDS[:4]:
        for by_all, caller in ((True, place.guest), (False, ROOT)):
            titled = place.expected(
                "Dataset", lambda fields, word=word: word in fields.get("title", "").split(), by_all=by_all
            )
            assert await place.found(caller, "Dataset", f"title:{word}") == titled
            assert await place.found(caller, "Dataset", "", filters=(Filter("title", (word,)),)) == titled


async def test_where_very_many_may_be_read_those_that_may_not_are_left_out(place: Place) -> None:
    """So many as `related_ids` are named: those that are hidden, when these are fewer; else the words do not count."""
    seen = place.search.parts.settings
    random = Random(7)
    for most in (4, 1):
        place.search.parts = replace(place.search.parts, settings=seen.model_copy(update={"related_ids": most}))
        for _ in range(20):
            text, asks = question(random, 1)
            found = set(await place.found(place.guest, "Sample", text)) if "NOT" not in text else set()
            assert found <= set(place.expected("Sample", asks, by_all=True)), text


async def test_hidden_words_are_not_suggested(place: Place) -> None:
    async def told(caller: Caller, entity: str | None, prefix: str) -> list[str]:
        return [one.text for one in await place.search.suggest(caller, entity, prefix, 50)]

    for entity in ("Dataset", "Sample", None):
        assert HIDDEN in await told(ROOT, entity, HIDDEN[:4])
        assert await told(place.guest, entity, HIDDEN[:4]) == []
    assert "zellim" in await told(place.guest, "Dataset", "zell")
