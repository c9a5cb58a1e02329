"""What a word is, and that the engines cut text as Python does."""

from __future__ import annotations

import re
import sys

import pytest
import tantivy
from hypothesis import given
from hypothesis import strategies as st

from beamcat.search import tokens

texts = st.text(max_size=60) | st.text("aZ09_-./\\ é結Å₂", max_size=60)


def cut(pattern: str, text: str) -> list[str]:
    """What tantivy makes of a text."""
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(pattern)).build().analyze(text)


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
    assert cut(tokens.WORD, tokens.words_of(text)) == tokens.words(text)
    assert cut(tokens.PATH_WORD, tokens.path_words_of(text)) == tokens.path_words(text)
    assert cut(tokens.COMPONENT, tokens.path_of(text)) == [tokens.START, *tokens.components(text), tokens.END]
    assert re.findall(tokens.WORD, tokens.words_of(text)) == tokens.words(text)


@given(texts)
def test_a_whole_value_can_be_told_again(text: str) -> None:
    assert tokens.text_of(tokens.whole(text)) == tokens.fold(text)
