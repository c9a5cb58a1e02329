"""The header `Authorization` as a place for session ids and tokens."""

from __future__ import annotations

import pytest

from beamcat.doors.core import bearer


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        (" BEARER   abc ", "abc"),
        ("Bearer a b", "a b"),
        ("Bearer", None),
        ("Bearer ", None),
        ("Bearerabc", None),
        ("abc", None),
        ("Basic abc", None),
        ("", None),
        (None, None),
    ],
)
def test_only_the_scheme_bearer_is_read(header: str | None, found: str | None) -> None:
    assert bearer(header) == found
