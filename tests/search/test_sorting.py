"""What hits are sorted by, as people write it."""

from __future__ import annotations

import pytest

from beamcat.errors import BadParameter
from beamcat.search.wanted import SortAsked


def test_an_order_of_several_fields_is_read_and_written() -> None:
    asked = SortAsked("instrument", False, SortAsked("date", True, SortAsked("name")))
    assert SortAsked.read(" instrument, -date,name") == asked
    assert asked.written() == "instrument,-date,name"
    assert SortAsked.read("-title") == SortAsked("title", True)
    assert SortAsked.read("relevance") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,c,d,e", "hits are sorted by 4 fields at most"),
        ("date,relevance", "relevance cannot be combined with fields to sort by"),
    ],
)
def test_what_makes_no_sense_says_why(text: str, message: str) -> None:
    with pytest.raises(BadParameter, match=message):
        SortAsked.read(text)
