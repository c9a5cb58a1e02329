"""What texts ask of documents: fields, words, dates, sizes, parameters, and what is told of each piece."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beamcat.errors import BadParameter
from beamcat.search.documents import DOCUMENTS
from beamcat.search.language.meaning import Handling
from beamcat.search.language.reading import BOX, LUCENE, Manner, Unknown, read
from beamcat.search.language.scanning import Limits
from beamcat.search.language.settling import MOST_QUESTIONS
from beamcat.search.question import (
    AllOf,
    Anchor,
    AnyOf,
    Begins,
    Between,
    Contains,
    Everything,
    Has,
    Not,
    Nothing,
    OneOf,
    Path,
    Phrase,
    Predicate,
    Same,
    Similar,
    Weighted,
    Word,
    WordLike,
)
from tests.search.language.facility import MemoryDocuments, asked, language, understood, with_synonyms
from tests.search.language.test_parsing import SCRAPS

STRICT = Manner(LUCENE.operator, strict=True, unknown=Unknown.REFUSE)


def word(text: str) -> AnyOf:
    """A word in any field of a datafile."""
    return AnyOf(
        (
            Weighted(Word("name", text), 3),
            Word("path", text),
            Word("description", text),
            Same("doi", text),
        )
    )


A, B, C = map(word, "abc")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Everything()),
        ("*", Everything()),
        ("*:*", Everything()),
        ("a", A),
        ("a OR b", AnyOf((A, B))),
        ("a AND b", AllOf((A, B))),
        ("-a", Not(A)),
        ("a AND NOT b", AllOf((A, Not(B)))),
        ("a^2", Weighted(A, 2)),
    ],
)
async def test_words_are_looked_for_in_the_fields_of_text(text: str, expected: Predicate) -> None:
    assert await asked(text, "Datafile") == expected


async def test_a_word_of_several_is_a_phrase_and_one_of_none_is_told() -> None:
    assert "Phrase(field='name', words=('x', 'ray')" in str(await asked("x-ray", "Datafile"))
    found = await understood("b #", "Sample", BOX)
    assert "Word(field='name', word='b'" in str(found.predicate)


async def test_things_side_by_side_are_any_of_them_for_lucene_and_all_of_them_for_a_box() -> None:
    assert await asked("b c", "Datafile", LUCENE) == AnyOf((B, C))
    assert await asked("b c", "Datafile", BOX) == AllOf((B, C))
    assert await asked("b -c", "Datafile", LUCENE) == AllOf((B, Not(C)))
    assert await asked("b -c", "Datafile", BOX) == AllOf((B, Not(C)))
    assert await asked("-b -c", "Datafile", LUCENE) == AllOf((Everything(), Not(B), Not(C)))


async def test_what_may_be_there_beside_what_must_counts_in_ranking_alone() -> None:
    assert await asked("+b c", "Datafile", LUCENE) == AnyOf((B, AllOf((B, C))))
    assert await asked("+b c -d", "Datafile", LUCENE) == AnyOf(
        (AllOf((B, Not(word("d")))), AllOf((AllOf((B, Not(word("d")))), C)))
    )
    nested = str(await asked("(" * 15 + "+b c" + " d)" * 15, "Datafile", LUCENE))
    assert len(nested) < 20_000


@pytest.mark.parametrize(
    ("entity", "text", "expected"),
    [
        ("Datafile", "name:scan", Word("name", "scan")),
        ("Datafile", "name:B\u0301", Word("name", "b")),
        ("Datafile", "NAME:Scan_0042", Phrase("name", ("scan", "0042"))),
        ("Datafile", 'name:"a b"~2', Phrase("name", ("a", "b"), 2)),
        ("Datafile", "name:scan*", WordLike("name", "scan*")),
        ("Datafile", "name:*can_0*", Contains("name", "can_0")),
        (
            "Datafile",
            "name:scan_0*",
            AnyOf((Begins("name", "scan_0"), AllOf((Word("name", "scan"), WordLike("name", "0*"))))),
        ),
        ("Datafile", "name:s?an", WordLike("name", "s?an")),
        ("Datafile", r"name:100\*", Word("name", "100")),
        ("Datafile", "name:neutrn~1", Similar("name", "neutrn", 1)),
        ("Datafile", "name:*", Has("name")),
        ("Datafile", "name = a_b", Same("name", "a_b")),
        ("Datafile", "name:(a OR b)", AnyOf((Word("name", "a"), Word("name", "b")))),
        ("Datafile", "name:(a b)", AnyOf((Word("name", "a"), Word("name", "b")))),
        ("Datafile", "doi:https://doi.org/10.5286/ABC", Same("doi", "10.5286/ABC")),
        ("Datafile", "doi:10.5286*", Begins("doi", "10.5286")),
        ("Datafile", "location:raw/scan_0042", Path("path", ("raw", "scan_0042"))),
        ("Datafile", "location:raw/scan*", Path("path", ("raw", "scan*"))),
        ("Datafile", 'location:"/path/to"', Path("path", ("path", "to"), Anchor.START)),
        ("Datafile", r"location:C:\data\*.nxs", Path("path", ("c:", "data", "*.nxs"))),
        ("Datafile", "location:*.h5", Path("path", ("*.h5",))),
        ("Datafile", "location:scan_0042", Phrase("path", ("scan", "0042"))),
        ("Datafile", "location:run12", Phrase("path", ("run", "12"))),
        ("Datafile", "location:scan*", AnyOf((Path("path", ("scan*",)), WordLike("path", "scan*")))),
        ("Datafile", "location:*can*", Contains("path", "can")),
        ("Datafile", 'location = "a/b.h5"', Path("path", ("a", "b.h5"), Anchor.WHOLE)),
        ("Datafile", "size > 2 GB", Between("size", 2e9, None, includes_low=False)),
        ("Datafile", "size:[1 TO 2] KiB", Between("size", 1024, 2048)),
        ("Datafile", "filesize<=5", Between("size", None, 5)),
        ("Datafile", "size:1..2GB", Between("size", 1e9, 2e9)),
        ("Dataset", "fileCount:3", Between("count", 3, 3)),
        ("Datafile", "date:2024", Between("date", 1704067200000, 1735689599999)),
        ("Datafile", "date:2024-02", Between("date", 1706745600000, 1709251199999)),
        ("Datafile", "date:2024-12..", Between("date", 1733011200000, None)),
        ("Datafile", "date:[2024-12 TO *]", Between("date", 1733011200000, None)),
        ("Datafile", "date:{2023 TO 2024}", Between("date", 1704067199999, 1704067200000, False, False)),
        ("Datafile", "date < 2024", Between("date", None, 1704067200000, includes_high=False)),
        ("Datafile", "date > 2023", Between("date", 1704067199999, None, includes_low=False)),
        ("Datafile", "before:2024", Between("date", None, 1704067200000, includes_high=False)),
        ("Datafile", "after:2024", Between("date", 1704067200000, None)),
        ("Datafile", "until:2023", Between("date", None, 1704067199999)),
        ("Investigation", "startDate:2024-01-01", Between("start", 1704067200000, 1704153599999)),
        ("Investigation", 'date:"2024-01-01 12:30"', Between("date", 1704112200000, 1704112259999)),
        ("Investigation", "visitId:1-2", Same("visit_id", "1-2")),
        ("Investigation", "title:fe2o3", Word("title", "fe2o3")),
        ("Investigation", "Investigation.title:x", Word("title", "x")),
        (
            "Investigation",
            "sample.name:ford AND sample.type.name:rust",
            AllOf((Word("sample_names", "ford"), OneOf("sample_types", (50,)))),
        ),
        ("Investigation", "instrument:id21", OneOf("instruments", (1,))),
        ("Investigation", "instrument.fullName:microscopy", OneOf("instruments", (1,))),
        ("Investigation", "instrument.fullName:sans2d", Nothing()),
        ("Investigation", "beamline:(id21 OR sans2d)", AnyOf((OneOf("instruments", (1,)), OneOf("instruments", (2,))))),
        ("Investigation", "type.name:cal*", OneOf("type", (20,))),
        ("Investigation", "technique.pid:PaNET01196", OneOf("techniques", (10,))),
        ("Investigation", "type.id:5", OneOf("type", (5,))),
        ("Investigation", "id:5", OneOf("id", (5,))),
        ("Investigation", "user:weiss", Word("people", "weiss")),
        ("Investigation", "instrument:*", Has("instruments")),
        ("Dataset", "complete:true", OneOf("complete", (1,))),
        ("Dataset", "instrument:sans2d", AnyOf((OneOf("instruments", (2,)), OneOf("investigation_instruments", (2,))))),
        ("Dataset", "investigation.id:5", OneOf("investigation", (5,))),
        ("Dataset", "parameter:energy", OneOf("parameter_types", (71,))),
        ("Datafile", "datafileFormat.name:nexus", OneOf("format", (40,))),
        ("Dataset", "size:12 K", Between("size", 12000, 12000)),
    ],
)
async def test_a_name_is_a_field(entity: str, text: str, expected: Predicate) -> None:
    assert await asked(text, entity, STRICT) == expected


async def test_what_looked_like_a_unit_is_a_word_where_a_field_has_none() -> None:
    found = await asked("name:12 K", "Datafile", STRICT)
    assert isinstance(found, AllOf)
    assert found.parts[0] == Word("name", "12")
    assert isinstance(found.parts[1], AnyOf)
    assert found.parts[1].parts[:3] == word("k").parts[:3]


@pytest.mark.parametrize(
    ("entity", "text", "field", "other", "theirs", "member"),
    [
        ("Datafile", "sample.name:ford", "dataset", "Dataset", Word("sample_name", "ford"), None),
        ("Datafile", "visitId:1-2", "investigation", "Investigation", Same("visit_id", "1-2"), None),
        ("Datafile", "type:raw", "dataset", "Dataset", OneOf("type", (25,)), None),
        ("Datafile", "dataset.name:x", "dataset", "Dataset", Word("name", "x"), None),
        ("Datafile", "dataset:x", "dataset", "Dataset", Word("name", "x"), None),
        ("Datafile", "investigation.title:x", "investigation", "Investigation", Word("title", "x"), None),
        ("Dataset", "summary:x", "investigation", "Investigation", Word("summary", "x"), None),
        ("Dataset", "sample.pid:igsn1", "sample", "Sample", Same("pid", "igsn1"), None),
        ("Dataset", "sample.temperature < 5 K", "sample", "Sample", None, None),
        ("Investigation", "dataset.name:x", "id", "Dataset", Word("name", "x"), "investigation"),
        ("Sample", "user:weiss", "investigation", "Investigation", Word("people", "weiss"), None),
    ],
)
async def test_what_a_document_does_not_hold_is_asked_of_others(
    entity: str, text: str, field: str, other: str, theirs: Predicate | None, member: str | None
) -> None:
    others = MemoryDocuments()
    assert await asked(text, entity, STRICT, others) == OneOf(field, (7, 8))
    [(asked_entity, predicate, asked_member)] = others.asked
    assert (asked_entity, asked_member) == (other, member)
    assert theirs is None or predicate == theirs
    assert await asked(text, entity, STRICT, MemoryDocuments(answer=())) == Nothing()


async def test_others_are_asked_by_way_of_others() -> None:
    others = MemoryDocuments()
    assert await asked("sample.pid:igsn1", "Datafile", STRICT, others) == OneOf("dataset", (7, 8))
    assert others.asked == [("Sample", Same("pid", "igsn1"), None), ("Dataset", OneOf("sample", (7, 8)), None)]


async def test_others_are_not_asked_when_nothing_can_match() -> None:
    others = MemoryDocuments()
    assert await asked("type:unheard", "Datafile", LUCENE, others) == Nothing()
    assert others.asked == []


async def test_one_text_asks_others_only_so_much_and_nothing_twice() -> None:
    others = MemoryDocuments()
    assert await asked("title:a OR title:b OR title:a", "Datafile", LUCENE, others) != Nothing()
    assert len(others.asked) == 2
    many = " ".join(f"title:x{number}" for number in range(MOST_QUESTIONS + 1))
    with pytest.raises(BadParameter, match="put those of one field together"):
        await asked(many, "Datafile", LUCENE)


def numbers(low: float | None, high: float | None, key: int, low_in: bool = True, high_in: bool = True) -> Predicate:
    return Between("numbers", low, high, low_in, high_in, key)


async def test_a_parameter_is_compared_in_the_units_of_each_of_its_types() -> None:
    found = await asked("temperature < 20 degC", "Dataset", STRICT)
    assert isinstance(found, AnyOf)
    kelvin, celsius = found.parts
    assert isinstance(kelvin, Between)
    assert kelvin.key == 70
    assert not kelvin.includes_high
    assert kelvin.high == pytest.approx(293.15, abs=1e-6)
    assert celsius == numbers(None, 20, 72, high_in=False)
    [_, found_celsius] = (await asked("temperature:[10 TO 20] K", "Dataset", STRICT)).parts  # type: ignore[union-attr]
    assert (found_celsius.low, found_celsius.high) == (pytest.approx(-263.15), pytest.approx(-253.15))
    assert await asked("energy > 7.1", "Dataset", STRICT) == numbers(7.1, None, 71, low_in=False)
    converted = await asked("energy:7.1 keV", "Dataset", STRICT)
    assert isinstance(converted, Between)
    assert converted.low is not None
    assert converted.high is not None
    assert converted.low < 7100 < converted.high


async def test_bounds_that_are_included_stay_so_when_they_are_converted() -> None:
    [kelvin, _] = (await asked("temperature >= 26.85 degC", "Dataset", STRICT)).parts  # type: ignore[union-attr]
    assert kelvin.low <= 300 < kelvin.low + 1e-5
    [kelvin, _] = (await asked("temperature > 26.85 degC", "Dataset", STRICT)).parts  # type: ignore[union-attr]
    assert kelvin.low >= 300


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("scan_type:ascan", Word("strings", "ascan", 73)),
        ('scan_type:"a scan"', Phrase("strings", ("a", "scan"), key=73)),
        ("scan_type = ascan", Same("strings", "ascan", 73)),
        ("scan_type:a*", WordLike("strings", "a*", 73)),
        ("scan_type:*", Has("strings", 73)),
        ("calibrated:2024", Between("moments", 1704067200000, 1735689599999, key=74)),
        ("flux > 3 [widgets]", numbers(3, None, 75, low_in=False)),
        ("flux>3widgets", numbers(3, None, 75, low_in=False)),
    ],
)
async def test_parameters_of_each_kind(text: str, expected: Predicate) -> None:
    assert await asked(text, "Dataset", STRICT) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("energy > 7 K", "'energy' cannot be compared in 'K': its values are in eV"),
        ("flux > 7 K", "its values are in widgets"),
        ("energy > 7 [foo]", "cannot be compared in 'foo'"),
        ("energy:high", "the values of 'energy' are numbers"),
        ("unheard > 7", "there is no parameter that is called 'unheard'"),
        ("date:today", "at character 1, near 'date:today': date is a date, such as 2024"),
        ("x date:2024-13", "at character 3,"),
        ("size:big", "size is a number of bytes"),
        ("size > 2 K/m", "near"),
        ("name:[a TO b]", "name is text"),
        ("doi:*x", "doi is asked for as it is"),
        ("id:x", "id is a number"),
    ],
)
async def test_what_cannot_be_compared_is_refused_with_a_reason(text: str, words: str) -> None:
    with pytest.raises(BadParameter) as refused:
        await asked(text, "Dataset", STRICT)
    assert words in refused.value.message


async def test_an_unknown_name_is_nothing_for_lucene_and_words_for_a_box() -> None:
    lucene = await understood("unheard:a", "Datafile", LUCENE)
    assert lucene.predicate == Nothing()
    assert [note.handling for note in lucene.notes] == [Handling.NOTHING]
    box = await understood("unheard:a", "Datafile", BOX)
    assert box.predicate == AllOf((word("unheard"), A))
    assert [note.handling for note in box.notes] == [Handling.IGNORED]
    assert await asked("unheard:a", "Instrument", LUCENE) == Nothing()
    with pytest.raises(BadParameter, match="there are description, end, facility"):
        await asked("unheard:a", "Instrument", STRICT)


async def test_a_unit_that_does_not_fit_finds_nothing_in_a_box_and_says_why() -> None:
    box = await understood("energy > 7 K", "Dataset", BOX)
    assert box.predicate == Nothing()
    assert [(note.handling, note.piece) for note in box.notes] == [(Handling.NOTHING, "energy > 7 K")]
    assert "its values are in eV" in box.notes[0].what


async def test_a_box_reads_as_words_what_it_cannot_compare() -> None:
    box = await understood("date:today", "Datafile", BOX)
    assert box.predicate == AllOf((word("date"), word("today")))
    assert [(note.handling, note.piece) for note in box.notes] == [(Handling.IGNORED, "date:today")]


async def test_words_are_looked_up_as_names_too() -> None:
    found = await understood("neutron imaging", "Dataset", BOX)
    assert "OneOf(field='techniques', ids=(11,))" in str(found.predicate)
    told = [(note.handling, note.piece, note.what) for note in found.notes]
    assert (Handling.LOOKED_UP, "neutron", "Technique: neutron imaging") in told
    assert await asked("1", "Datafile", BOX) == word("1")


async def test_an_orcid_is_a_person() -> None:
    found = await asked("https://orcid.org/0000-0002-1825-0097", "Investigation", BOX)
    assert isinstance(found, AnyOf)
    assert OneOf("id", (501,)) in found.parts


async def test_a_pasted_doi_is_one() -> None:
    for text in ("https://doi.org/10.5286/ABC.1", "10.5286/ABC.1", "http://dx.doi.org/10.5286/ABC.1"):
        found = await asked(text, "Datafile", BOX)
        assert isinstance(found, AnyOf)
        assert Same("doi", "10.5286/ABC.1") in found.parts
        assert not any(isinstance(part, Path) for part in found.parts)


async def test_words_that_are_nearly_everywhere_need_not_be_there_unless_they_stand_alone() -> None:
    found = await understood("structure of the a", "Datafile", BOX)
    assert found.predicate == word("structure")
    assert [(note.handling, note.piece) for note in found.notes] == [
        (Handling.IGNORED, "of"),
        (Handling.IGNORED, "the"),
        (Handling.IGNORED, "a"),
    ]
    assert await asked("in", "Datafile", BOX) == word("in")
    assert await asked("b +in", "Datafile", BOX) == AllOf((B, word("in")))
    assert await asked('b "in"', "Datafile", BOX) == AllOf((B, word("in")))


async def test_elements_are_found_by_symbol_and_by_name() -> None:
    async def words(text: str) -> str:
        return str(await asked(text, "Datafile", BOX, known=with_synonyms()))

    assert "word='fe'" in await words("iron")
    assert "word='iron'" in await words("Fe")
    assert "word='iron'" in await words("fe")
    assert "word='arsenic'" in await words("As doping")
    assert "word='as'" in await words("As doping")
    assert "arsenic" not in await words("as doping")
    assert "word='as'" not in await words("as doping")
    assert "word='in'" not in await words("indium phosphide")
    assert "word='c'" not in await words("carbon")


async def test_techniques_are_found_by_their_other_names() -> None:
    found = str(await asked("XAS", "Dataset", BOX, known=with_synonyms()))
    assert "words=('x', 'ray', 'absorption', 'spectroscopy')" in found
    assert "OneOf(field='techniques', ids=(10,))" in found
    told = await understood("x-ray absorption spectroscopy of b", "Dataset", BOX, known=with_synonyms())
    assert "word='xas'" in str(told.predicate)
    assert any(note.piece == "x-ray absorption spectroscopy" and "xas" in note.what for note in told.notes)


async def test_notes_tell_what_was_understood() -> None:
    found = await understood("temperature < 20 K instrument:id21 b", "Dataset", BOX)
    assert [(note.handling, note.piece, note.what) for note in found.notes] == [
        (Handling.FIELD, "instrument:id21", "instrument"),
        (Handling.PARAMETER, "temperature < 20 K", "temperature (K, degC)"),
        (Handling.LOOKED_UP, "instrument:id21", "Instrument: ID21"),
    ]


ENTITIES = tuple(DOCUMENTS)
NAMES = ("title:", "date:", "size>", "sample.name:", "temperature <", "instrument:", "visitId:", "id:", "location:")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(SCRAPS + NAMES) | st.text(max_size=5), max_size=15),
    st.sampled_from(ENTITIES),
    st.sampled_from((LUCENE, BOX, STRICT)),
)
async def test_any_text_is_understood_or_refused(scraps: list[str], entity: str, manner: Manner) -> None:
    try:
        await understood("".join(scraps), entity, manner, known=with_synonyms())
    except BadParameter as error:
        assert manner is not BOX
        assert error.message


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=30), st.sampled_from(ENTITIES))
async def test_a_box_understands_any_short_text(text: str, entity: str) -> None:
    await understood(text, entity, BOX)


def test_limits_come_with_the_language() -> None:
    short = dataclasses.replace(language(), limits=Limits(max_length=3))
    with pytest.raises(BadParameter):
        read("abcd", "Dataset", short, BOX)
