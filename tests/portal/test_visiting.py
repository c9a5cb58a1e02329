"""Choices of look, languages, where a form may lead back to, and how values are told."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from beamcat.portal.formatting import Formatting
from beamcat.portal.look import Look
from beamcat.portal.returning import back
from beamcat.portal.visiting import language_of
from beamcat.portal.words import load_words

WORDS = load_words(("en", "de"))
ENGLISH = Formatting(WORDS["en"], ZoneInfo("Europe/Berlin"))
GERMAN = Formatting(WORDS["de"], ZoneInfo("Europe/Berlin"))


def test_a_look_is_kept_in_a_cookie() -> None:
    look = Look().changed({"theme": "dark", "density": "compact", "language": "de"})
    assert Look.read(look.written()) == look
    assert Look().written() == ""


@pytest.mark.parametrize("cookie", ["theme=blue", "nonsense", "theme", "%ff=%00", "a=1&" * 10])
def test_nonsense_in_the_cookie_is_left_out(cookie: str) -> None:
    assert Look.read(cookie) == Look()


@pytest.mark.parametrize(
    ("accepted", "language"),
    [(None, "en"), ("de-AT,de;q=0.9,en;q=0.8", "de"), ("fr,en;q=0.5,de;q=0.9", "de"), ("fr", "en"), ("de;q=x", "en")],
)
def test_the_language_is_the_first_one_a_browser_asks_for(accepted: str | None, language: str) -> None:
    assert language_of(Look(), accepted, ("en", "de")) == language


def test_a_language_that_was_chosen_counts_more() -> None:
    assert language_of(Look(language="en"), "de", ("de", "en")) == "en"


@pytest.mark.parametrize("path", ["/my-data?sort=-start", "/", "/a/b#c"])
def test_a_form_leads_back_to_a_page_of_this_server(path: str) -> None:
    assert back(path) == path


@pytest.mark.parametrize(
    "path",
    [None, "", "https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "/a\nb", "/\t/x", "a"],
)
def test_and_to_nowhere_else(path: str | None) -> None:
    assert back(path) == "/"


@pytest.mark.parametrize(
    ("size", "told"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (6_420_000_000_000, "6.42 TB"),
        (22_000_000_000, "22.0 GB"),
        (None, "–"),
    ],
)
def test_sizes_are_told_in_powers_of_a_thousand(size: int | None, told: str) -> None:
    assert ENGLISH.size(size) == told


def test_times_are_those_of_the_facility() -> None:
    moment = datetime(2026, 7, 31, 22, 30, tzinfo=UTC)
    assert ENGLISH.date(moment) == "1 Aug 2026"
    assert ENGLISH.exact(moment) == "1 Aug 2026, 00:30:00 CEST"
    assert GERMAN.moment(moment) == "1 Aug. 2026, 00:30"
    assert ENGLISH.span(moment, datetime(2026, 8, 3, 12, tzinfo=UTC)) == "1–3 Aug 2026"
    assert GERMAN.number(1_234_567) == "1.234.567"
