"""What all pages of one thing have: tabs that are links, places above them, states in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

from beamcat.portal.page import Asking, address
from beamcat.portal.reading import Thing


@dataclass(frozen=True, slots=True)
class Tab:
    """A part of a record. `count` says how much there is of it, where that is known."""

    key: str
    text: str
    address: str
    is_open: bool
    count: int | None = None


@dataclass(frozen=True, slots=True)
class State:
    """A state as a badge: `kind` is its colour, `text` its words, `icon` its sign."""

    kind: str
    text: str
    icon: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Tabs:
    """The tabs of a page, one of which is open."""

    shown: tuple[Tab, ...]
    open: str
    label: str


async def tab_asked(asking: Asking) -> str:
    """The tab that the address names; of what a list on the page posts, the one that was on the screen."""
    if asking.request.method != "POST":
        return asking.query.get("tab", "")
    form = await asking.form()
    current = asking.request.headers.get("hx-current-url") if asking.is_fragment else None
    query = urlsplit(current).query if current else form.get("state", "")
    return dict(parse_qsl(query, max_num_fields=500)).get("tab", "")


def tabs_of(asking: Asking, label: str, parts: Sequence[tuple[str, int | None]]) -> Tabs:
    """The tabs with these keys and counts; the one that the address names is open, or else the first."""
    keys = [key for key, _ in parts]
    wanted = asking.query.get("tab", "")
    chosen = wanted if wanted in keys else keys[0]
    path = asking.request.url.path
    t = asking.visitor.words
    shown = tuple(
        Tab(key, t(f"details.tab.{key}"), address(path, tab="" if key == keys[0] else key), key == chosen, count)
        for key, count in parts
    )
    return Tabs(shown, chosen, t(label))


def opening(asking: Asking, investigation: Thing | None) -> State | None:
    """Whether the data of an investigation are open, and since or until when; None where nobody has said so."""
    if investigation is None or investigation.releaseDate is None:
        return None
    t, f = asking.visitor.words, asking.formatting
    when: datetime = investigation.releaseDate
    if when > asking.now:
        return State("embargo", t("details.closed_until", date=f.date(when)), "lock", t("details.closed_until_why"))
    return State("open", t("details.open"), "unlock", t("details.open_since", date=f.date(when)))


def measuring(asking: Asking, investigation: Thing) -> State | None:
    """Whether an experiment is still to come, or goes on now."""
    t, first, last = asking.visitor.words, investigation.startDate, investigation.endDate
    if first is not None and first > asking.now:
        return State("waiting", t("details.upcoming"), "clock")
    if first is not None and last is not None and last > asking.now:
        return State("live", t("details.measuring"))
    return None


def of_facility(investigation: Thing) -> list[tuple[str, str]]:
    """Where an investigation stands: its instrument, its cycle, and itself; as crumbs with addresses."""
    crumbs = []
    instruments = [link.instrument for link in investigation.investigationInstruments if link.instrument is not None]
    if instruments:
        instrument = instruments[0]
        crumbs.append((instrument.fullName or instrument.name, f"/browse/instruments/{instrument.id}"))
        cycles = [link.facilityCycle for link in investigation.investigationFacilityCycles if link.facilityCycle]
        if cycles:
            crumbs.append((cycles[0].name, f"/browse/instruments/{instrument.id}/cycles/{cycles[0].id}"))
    return crumbs


def home_crumb(asking: Asking) -> tuple[str, str]:
    """The first crumb: all that the visitor may see."""
    word = "base.places.all_data" if asking.visitor.signed_in else "base.places.browse"
    return asking.visitor.words(word), "/browse"
