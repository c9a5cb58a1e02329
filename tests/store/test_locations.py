"""Signed locations (data service specification, B.4)."""

from __future__ import annotations

import pytest

from beamcat.errors import Forbidden
from beamcat.store.locations import location_of, signed

SIGNED = "1/2/abc D80BCE840416B39A1AF258EAED9D3C49E3DEFC5725841EC5F023E2BAE499E288"


def test_the_digest_is_that_of_the_specification() -> None:
    assert signed(17, "1/2/abc", "wombat") == SIGNED
    assert location_of(17, SIGNED, ["wombat"]) == "1/2/abc"
    assert location_of(17, SIGNED, ["new", "wombat"]) == "1/2/abc"


def test_a_location_may_hold_blanks() -> None:
    assert location_of(3, signed(3, "a b c", "k"), ["k"]) == "a b c"


@pytest.mark.parametrize(
    ("datafile", "catalogued"),
    [
        (18, SIGNED),
        (17, "1/2/abc"),
        (17, "1/2/abd" + SIGNED[7:]),
        (17, SIGNED.lower()),
        (17, SIGNED[:-1]),
        (17, "é " * 40),
    ],
)
def test_what_is_not_signed_with_the_key_is_refused(datafile: int, catalogued: str) -> None:
    with pytest.raises(Forbidden, match="not signed"):
        location_of(datafile, catalogued, ["wombat"])


def test_without_a_key_nothing_is_signed() -> None:
    assert signed(17, "1/2/abc", None) == "1/2/abc"
    assert location_of(17, SIGNED, []) == SIGNED
