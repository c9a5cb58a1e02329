"""Solr's files of synonyms, and the lists that come with Beamcat."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamcat.config import SearchLanguageSettings
from beamcat.errors import BadParameter
from beamcat.search.language.opening import open_language
from beamcat.search.language.synonyms import Others, read_synonyms, synonyms

FILE = r"""
# a comment
iron, Fe            # and another
TOF, time of flight
muSR, muon spin rotation, muon spin relaxation
vise => Vice, vise
old name => new name
comma\, here, plain
"""


def test_each_of_a_line_stands_for_all_of_it() -> None:
    known = synonyms([FILE])
    assert known.others(["Iron"]) == Others((("fe",),))
    assert known.others(["FE"]) == Others((("iron",),))
    assert known.others(["tof"]) == Others((("time", "of", "flight"),))
    assert known.others(["time", "of", "flight"]) == Others((("tof",),))
    assert known.others(["time of-flight"]) == Others((("tof",),))
    assert known.others(["muon"]) is None
    assert known.others(["musr"]) == Others((("muon", "spin", "rotation"), ("muon", "spin", "relaxation")))
    assert known.longest == 3


def test_what_is_left_of_an_arrow_is_looked_for_as_what_is_right_of_it() -> None:
    known = synonyms([FILE])
    assert known.others(["vise"]) == Others((("vice",),))
    assert known.others(["vice"]) is None
    assert known.others(["old", "name"]) == Others((("new", "name"),), itself=False)
    assert known.others(["comma,", "here"]) == Others((("plain",),))


def test_lines_add_to_each_other() -> None:
    known = synonyms(["a, b\n", "a, c"])
    assert known.others(["a"]) == Others((("b",), ("c",)))


def test_names_as_they_are_written_need_their_capitals() -> None:
    known = synonyms([], ["In => indium"])
    assert known.others(["In"]) == Others((("indium",),))
    assert known.others(["in"]) is None
    assert known.others(["IN"]) is None


@pytest.mark.parametrize("line", ["a => b => c", "=> b", "a =>", ","])
def test_a_line_that_says_nothing_is_named(line: str) -> None:
    with pytest.raises(BadParameter, match="Line 2 of the synonyms"):
        synonyms([f"# ok\n{line}"])


@given(st.text(max_size=50))
def test_any_text_is_a_file_or_is_refused(text: str) -> None:
    try:
        synonyms([text], [text])
    except BadParameter as error:
        assert "of the synonyms" in error.message


def test_every_element_comes_with_beamcat_and_none_floods() -> None:
    known = read_synonyms([])
    for name, symbol in (("iron", "fe"), ("titanium", "ti"), ("caesium", "cs"), ("cesium", "cs"), ("lead", "pb")):
        assert ((symbol,)) in known.others([name]).names  # type: ignore[union-attr]
    for symbol, name in (
        ("As", "arsenic"),
        ("In", "indium"),
        ("K", "potassium"),
        ("W", "wolfram"),
        ("Pa", "protactinium"),
    ):
        assert (name,) in known.others([symbol]).names  # type: ignore[union-attr]
        assert known.others([symbol.lower()]) is None
        others = known.others([name])
        assert others is None or (symbol.lower(),) not in others.names
    symbols = {name for others in known.as_written.values() for name in others.names}
    elements = {key for key in known.of if any(len(name[0]) <= 2 for name in known.of[key].names)}
    assert len(known.as_written) > 40
    assert len(symbols) + len(elements) > 110


def test_the_lists_can_be_switched_off_and_a_site_adds_its_own(tmp_path: Path) -> None:
    own = tmp_path / "synonyms.txt"
    own.write_text("i22, saxs beamline\n", encoding="utf-8")
    known = read_synonyms([own], elements=False, techniques=False)
    assert known.others(["i22"]) == Others((("saxs", "beamline"),))
    assert known.others(["iron"]) is None
    assert known.others(["As"]) is None
    assert known.others(["xas"]) is None
    assert read_synonyms([own]).others(["XAS"]) is not None


def test_the_settings_open_a_language(tmp_path: Path) -> None:
    own = tmp_path / "synonyms.txt"
    own.write_text("i22, saxs beamline\n", encoding="utf-8")
    settings = SearchLanguageSettings(synonyms=(own,), element_names=False, max_terms=3, units="K: kay")
    opened = open_language(settings, {})
    assert opened.synonyms.others(["i22"]) is not None
    assert opened.synonyms.others(["iron"]) is None
    assert opened.units.knows("kay")
    assert opened.limits.max_terms == 3
    with pytest.raises(OSError, match="nowhere"):
        open_language(SearchLanguageSettings(synonyms=(tmp_path / "nowhere.txt",)), {})
