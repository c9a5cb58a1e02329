"""Small tables and other documents: what a question asks before it is asked."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamcat.errors import ValidationFailed
from beamcat.search.language.meaning import (
    Asked,
    Exactly,
    Like,
    NameTest,
    Table,
    Together,
    WordSimilar,
    WordsLike,
)
from beamcat.search.language.naming import fits
from beamcat.search.lookups import CatalogueLookups, OtherDocuments
from beamcat.search.question import Everything, OneOf, Word
from beamcat.search.tables import Entry, SmallTable, SmallTables
from tests.search.service.facility import Facility

NAMES = st.lists(
    st.sampled_from(("ID21", "SANS 2D", "Müller", "x-ray", "X ray", "id 21", "", "abc", "abd")), max_size=6
)
WORD = st.sampled_from(("id21", "id", "sans", "2d", "ray", "x", "muller", "ab?", "a*", "abc"))
TESTS = st.one_of(
    st.sampled_from(("ID21", "muller", "x-ray", "")).map(Exactly),
    st.lists(WORD, min_size=1, max_size=2).map(lambda words: Together(tuple(words))),
    st.lists(WORD, min_size=1, max_size=2).map(lambda words: WordsLike(tuple(words))),
    st.sampled_from(("*2*", "id??", "x*ray", "*")).map(Like),
    st.builds(WordSimilar, st.sampled_from(("abx", "rai", "id22")), st.sampled_from((1, 2))),
)


@given(NAMES, TESTS)
def test_rows_are_found_as_if_each_was_looked_at(names: list[str], test: NameTest) -> None:
    rows = [Entry(at, {"name": name, "units": "abc"}) for at, name in enumerate(names)]
    found = SmallTable(rows).called(test)
    assert found == [row for row in rows if fits(test, row.texts["name"])]


async def test_small_tables_are_asked_by_the_names_people_use(known: Facility) -> None:
    lookups = CatalogueLookups(known.search.parts, known.root)
    asked = [
        Asked(Table.INSTRUMENT, Together(("microscopy",))),
        Asked(Table.INSTRUMENT, Together(("microscopy",)), "name"),
        Asked(Table.INSTRUMENT, Exactly(str(known.ids["sans"])), "id"),
        Asked(Table.TECHNIQUE, Exactly("panet01196")),
        Asked(Table.SAMPLE_TYPE, Exactly("fe2o3")),
        Asked(Table.INVESTIGATION_OF_USER, Exactly("db/ann"), "name"),
        Asked(Table.INVESTIGATION_OF_PERSON, Exactly("BOB example"), "fullName"),
        Asked(Table.INVESTIGATION_OF_PERSON, WordsLike(("wei*",))),
    ]
    found = await lookups.find(asked)
    ids = [found[one].ids if one in found else () for one in asked]
    own = known.ids
    assert ids[:5] == [(own["id21"],), (), (own["sans"],), (own["xas"],), (own["oxide"],)]
    assert ids[5:] == [(own["rust"], own["glass"]), (own["bone"],), (own["rust"], own["glass"])]
    assert found[asked[0]].names == ("ID21",)
    types = await lookups.parameter_types([Exactly("Temperature")])
    assert [known_type.units for known_type in types[Exactly("Temperature")]] == ["K", "degC"]


async def test_names_are_told_to_those_who_may_read_them(known: Facility) -> None:
    asked = Asked(Table.INSTRUMENT, Exactly("ID21"))
    for caller, names in ((known.ann, ("ID21",)), (known.bob, ()), (known.stranger, ())):
        found = (await CatalogueLookups(known.search.parts, caller).find([asked]))[asked]
        assert (found.ids, found.names) == ((known.ids["id21"],), names)


async def test_other_documents_are_those_of_the_caller_and_not_too_many(known: Facility) -> None:
    async def ids(caller_of: str, member: str | None = None) -> list[int]:
        documents = OtherDocuments(known.search.parts, getattr(known, caller_of))
        return list(await documents.ids("Dataset", Everything(), member))

    own = known.ids
    assert await ids("bob") == [own["bone0"], own["bone1"]]
    assert await ids("bob", "investigation") == [own["bone"]]
    assert await ids("ann", "sample") == [own["rust_sample"], own["glass_sample"]]
    assert await ids("stranger") == await ids("stranger", "sample") == []
    few = known.search.parts.settings.model_copy(update={"related_ids": 3})
    documents = OtherDocuments(dataclasses.replace(known.search.parts, settings=few), known.root)
    with pytest.raises(ValidationFailed, match="more than 3 objects of Dataset"):
        await documents.ids("Dataset", Everything())
    assert len(await documents.ids("Dataset", OneOf("investigation", [own["rust"]]))) == 2
    assert await documents.ids("Dataset", Word("name", "nowhere")) == []


async def test_a_table_is_read_again_only_when_it_changed(own: Facility, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    tables = SmallTables(own.site.database, ticks=lambda: now)
    read: list[Table] = []
    reading = SmallTables._read

    async def slowly(self: SmallTables, table: Table) -> list[Entry]:
        nonlocal now
        read.append(table)
        now += 0.5
        return await reading(self, table)

    monkeypatch.setattr(SmallTables, "_read", slowly)

    async def names() -> list[str]:
        return sorted(row.label for row in (await tables.one(Table.INSTRUMENT)).rows.values())

    assert await names() == ["ID21", "SANS2D"]
    now += 100
    assert await names() == ["ID21", "SANS2D"]
    assert read == [Table.INSTRUMENT]
    await own.site.change("Instrument", own.ids["id21"], name="BM05")
    assert await names() == ["ID21", "SANS2D"]
    now += 1
    assert await names() == ["BM05", "SANS2D"]
    await own.site.delete(("Instrument", await own.site.make("Instrument", name="X", facility=own.ids["facility"])))
    await own.site.change("Instrument", own.ids["id21"], name="BM06")
    now += 1
    assert await names() == ["BM05", "SANS2D"]  # it takes half a second to read: not every second
    now += 10
    assert await names() == ["BM06", "SANS2D"]
    assert read == [Table.INSTRUMENT] * 3
