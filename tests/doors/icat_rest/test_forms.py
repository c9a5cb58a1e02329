"""Parameters of requests, unescaped quickly and correctly."""

from __future__ import annotations

from urllib.parse import quote_plus, unquote_to_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from beamcat.doors.forms import decoded, unescaped
from beamcat.errors import BadParameter

nearly_escaped = st.lists(
    st.sampled_from(
        [b"%", b"=", b"\n", b"\r", b" ", b"%41", b"%0a", b"%0D", b"%3D", b"%25", b"a", b"4", b"g", b"\xff", b"\t"]
    )
).map(b"".join)


@given(st.binary() | nearly_escaped)
@example(b"%\n")
@example(b"%\rabc\n%41%41")
@example(b"%%41")
@example(b"%")
@example(b"%4")
@example(b"%4g")
@example(b"=\n=41%41")
@example(b"a %20 \n b \r\n %0A")
@example(b"%e2%82%AC")
def test_unescaping_is_that_of_the_standard_library(text: bytes) -> None:
    assert unescaped(text) == unquote_to_bytes(text)


@given(st.dictionaries(st.text(min_size=1), st.text().filter(lambda text: "\0" not in text)))
def test_what_a_client_encodes_comes_out_again(parameters: dict[str, str]) -> None:
    encoded = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in parameters.items())
    assert decoded(encoded.encode()) == parameters


def test_the_first_of_equal_names_counts_and_blanks_are_plus() -> None:
    assert decoded(b"a=1+2&a=3&&b&c=%2B") == {"a": "1 2", "b": "", "c": "+"}


@pytest.mark.parametrize("text", [b"a=%ff", b"a=\xff", b"%ff=a", b"a=%00", b"a=%c3%28", b"a=%ed%a0%80"])
def test_what_is_no_text_is_refused(text: bytes) -> None:
    with pytest.raises(BadParameter):
        decoded(text)
