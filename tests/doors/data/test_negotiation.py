"""Which form a client gets, by what it accepts."""

from __future__ import annotations

import pytest

from beamcat.doors.data.negotiation import BYTES, HTML, METALINK, OF_COLLECTIONS, TAR, ZIP, best, prefers_html

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, HTML),
        ("", HTML),
        ("*/*", HTML),
        (BROWSER, HTML),
        ("*/*,application/metalink4+xml,application/metalink+xml", METALINK),
        ("application/metalink4+xml, */*;q=0.1", METALINK),
        ("application/metalink4+xml;q=0.5, */*", HTML),
        ("APPLICATION/ZIP", ZIP),
        ("application/*", METALINK),
        ("application/*, application/metalink4+xml;q=0, application/zip;q=0", TAR),
        ("text/html;q=0.2, application/zip;q=0.7", ZIP),
        ("text/html;q=x, application/x-tar", TAR),
        ("application/pdf", None),
        ("*/*;q=0", None),
    ],
)
def test_what_is_wanted_most_is_given(accept: str | None, media: str | None) -> None:
    assert best(accept, OF_COLLECTIONS) == media


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [(BROWSER, True), ("text/html", True), ("*/*", False), (None, False), ("text/*", False),
     (f"text/html;q=0.5, {BYTES}", False), ("text/html;q=0.9, */*;q=0.8", True)],
)  # fmt: skip
def test_a_page_in_place_of_a_file_is_for_browsers(accept: str | None, is_page: bool) -> None:
    assert prefers_html(accept) is is_page
