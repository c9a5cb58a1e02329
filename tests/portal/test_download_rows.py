"""How requested downloads are told of: what has arrived as a bar with its gaps, parts of a visit as one line."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from beamcat.portal.basket.rows import WIDTH, Telling, drawn
from beamcat.portal.formatting import Formatting
from beamcat.portal.words import load_words
from beamcat.store.requests.downloads import Download, DownloadStatus
from beamcat.store.requests.following import Arrival, Kept, Outlook
from beamcat.store.units.progress import Progress

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PREPARED = UUID("12345678-1234-1234-1234-123456789abc")
DOWNLOAD = Download(
    *(
        7,
        "FAC",
        "db/ann",
        "db/ann",
        "Ann",
        "https",
        "mine",
        None,
        False,
        DownloadStatus.COMPLETE,
        5,
        1000,
        False,
        False,
    ),
    *(PREPARED, NOW, NOW, False, None, None, ()),
)


def telling(language: str = "en") -> Telling:
    words = load_words((language,))[language]
    return Telling(words, Formatting(words, ZoneInfo("UTC")), {})


def arrival(*ranges: tuple[int, int], complete: bool = False, confirmed: bool = False) -> Arrival:
    return Arrival(1000, sum(stop - first for first, stop in ranges), 2, 1, NOW, complete, confirmed, ranges)


def test_what_has_arrived_is_drawn_with_its_gaps() -> None:
    assert drawn(arrival((0, 612), (640, 808))) == ((0, 612), (640, 168))
    assert drawn(arrival((0, 1000))) == ((0, WIDTH),)
    assert drawn(replace(arrival((5, 6)), size=10**12)) == ((0, 1),)
    many = drawn(replace(arrival(*((n, n + 1) for n in range(0, 100_000, 2))), size=100_000))
    assert len(many) <= 400
    assert drawn(replace(arrival(), size=0)) == ()


@pytest.mark.parametrize(
    ("outlook", "state", "word"),
    [
        (Outlook(replace(DOWNLOAD, status=DownloadStatus.QUEUED), ahead=3), "waiting", "waiting, place 4"),
        (Outlook(replace(DOWNLOAD, status=DownloadStatus.PREPARING)), "packing", "being prepared"),
        (
            Outlook(replace(DOWNLOAD, status=DownloadStatus.RESTORING), progress=Progress(4, 1, 3)),
            "restoring",
            "being read from tape",
        ),
        (
            Outlook(replace(DOWNLOAD, status=DownloadStatus.RESTORING), progress=Progress(4, 3, 0, 1)),
            "failed",
            "failed",
        ),
        (Outlook(DOWNLOAD, kept=Kept(3, 1000)), "ready", "ready"),
        (Outlook(DOWNLOAD, kept=Kept(3, 1000), arrival=arrival((0, 612), (640, 808))), "info", "stopped at 78 %"),
        (Outlook(DOWNLOAD, kept=Kept(3, 1000), arrival=arrival((0, 1000), complete=True)), "done", "received"),
        (
            Outlook(DOWNLOAD, kept=Kept(3, 1000), arrival=arrival((0, 1000), complete=True, confirmed=True)),
            "done",
            "received and verified",
        ),
        (Outlook(DOWNLOAD), "expired", "expired"),
        (Outlook(replace(DOWNLOAD, status=DownloadStatus.EXPIRED, problem="gone")), "failed", "failed"),
        (Outlook(replace(DOWNLOAD, status=DownloadStatus.PAUSED)), "paused", "paused"),
    ],
)
def test_every_state_has_its_words(outlook: Outlook, state: str, word: str) -> None:
    row = telling().row(outlook)
    assert (row.state, row.word) == (state, word)
    assert bool(row.link) == (state in {"ready", "info", "done"})
    assert row.may_ask_again == (state in {"failed", "expired"})
    assert telling("de").row(outlook).word != ""


def test_the_parts_of_a_visit_are_one_line() -> None:
    parts = [
        Outlook(replace(DOWNLOAD, id=n, file_name=f"visit_part_{n}_of_3"), kept=Kept(1, 1) if n < 3 else None)
        for n in (3, 2, 1)
    ]
    rows = telling().rows([*parts, Outlook(DOWNLOAD, kept=Kept(1, 1))])
    assert [(row.title, len(row.parts)) for row in rows] == [("visit", 3), ("mine", 0)]
    assert [part.title for part in rows[0].parts] == [f"visit_part_{n}_of_3" for n in (1, 2, 3)]
    assert (rows[0].state, rows[0].facts) == ("expired", "3 parts, 2 ready")
