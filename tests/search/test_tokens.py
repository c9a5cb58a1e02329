"""What a word is, and that the engines cut text as Python does."""

from __future__ import annotations

import sys

import pytest
import tantivy
from hypothesis import given
from hypothesis import strategies as st

from beamcat.search import tokens

texts = st.text(max_size=60) | st.text("aZ09_-./\\ é結Å₂", max_size=60)


def cut(text: str) -> list[str]:
    """What tantivy makes of a text."""
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build().analyze(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fe2O3, C60 and id21", ["fe2o3", "c60", "and", "id21"]),
        ("As At In No", ["as", "at", "in", "no"]),
        ("Ångström Straße Łódź", ["angstrom", "strasse", "lodz"]),
        ("H₂O µm ﬁlm", ["h2o", "μm", "film"]),
        ("snake_case-and.more", ["snake", "case", "and", "more"]),
        ("結晶 κρύσταλλος", ["結晶", "κρυσταλλοσ"]),
        ("x" * 201, []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert tokens.words(text) == expected


def test_paths_have_words_and_components() -> None:
    assert tokens.path_words("/data/ID21/scan_0001a.nxs") == ["data", "id", "21", "scan", "0001", "a", "nxs"]
    assert tokens.components("C:\\Data//x y/") == ["c:", "data", "x y"]


def test_what_is_folded_stays_as_it_is() -> None:
    every = (chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)
    assert [c for c in every if tokens.fold(tokens.fold(c)) != tokens.fold(c)] == []


@given(texts)
def test_engines_cut_as_python_does(text: str) -> None:
    folded = tokens.fold(text)
    components = list(map(tokens.component_of, tokens.components(text)))
    made = (
        (tokens.words_of(folded), tokens.words(text)),
        (tokens.path_words_of(folded), tokens.path_words(text)),
        (tokens.path_of(folded), [tokens.START, *components, tokens.END]),
    )
    for spaced, expected in made:
        assert cut(spaced) == [part for part in spaced.split(" ") if part] == expected


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("/data/a.nxs", "a.nxs", ["data", tokens.NAME]),
        ("a.nxs", "a.nxs", [tokens.NAME]),
        ("c:\\data\\a.nxs", "a.nxs", ["c:", "data", tokens.NAME]),
        ("/data/aa.nxs", "a.nxs", ["data", "aa.nxs"]),
        ("/a.nxs/b", "a.nxs", ["a.nxs", "b"]),
        ("/a.nxs/", "a.nxs", ["a.nxs"]),
        ("/raw/b.nxs", "raw/b.nxs", ["raw", "b.nxs"]),
        ("/raw\\b.nxs", "raw\\b.nxs", ["raw", "b.nxs"]),
        ("/a.nxs/a.nxs", "a.nxs", ["a.nxs", tokens.NAME]),
        ("/", "", []),
    ],
)
def test_a_path_that_ends_in_the_name_does_not_repeat_it(path: str, name: str, expected: list[str]) -> None:
    assert cut(tokens.path_of(path, name)) == [tokens.START, *expected, tokens.END]


@given(texts)
def test_a_whole_value_can_be_told_again(text: str) -> None:
    assert tokens.text_of(tokens.whole(text)) == tokens.fold(text)
