"""The trees: down from instruments, proposals, techniques, samples and dates to experiments and datasets.

Each level has its address, and counts what is below it with the eyes it is looked at with.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from beamcat.access.caller import Caller
from beamcat.catalogue.summaries import Group, Span
from beamcat.errors import NoSuchObject
from beamcat.portal import lists, reading
from beamcat.portal.browsing.whose import Whose, whose
from beamcat.portal.lists.datasets import ALL_DATASETS
from beamcat.portal.lists.filters import days, moment_literal
from beamcat.portal.lists.investigations import INSTRUMENT, INVESTIGATIONS
from beamcat.portal.lists.others import SAMPLES
from beamcat.portal.lists.state import address_of
from beamcat.portal.page import Asking, Page

A_PAGE = 100
"""Branches of one page."""
_PIECE = re.compile(r"^\d{4}(-\d{2})?$")

Crumb = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Branch:
    """One thing to go down to: what it is called, where it leads, how much is below it."""

    text: str
    href: str
    number: int | None = None
    said: str = ""
    mono: bool = False


async def instruments(asking: Asking) -> Response:
    """GET /browse/instruments: each with how many experiments it has."""
    eyes = await whose(asking)
    groups = await _tally(asking, eyes, "ii.instrument.id", " JOIN it.investigationInstruments ii")
    numbers = {int(group.value): group.number for group in groups}
    found = await reading.things(asking, "SELECT it FROM Instrument it ORDER BY it.name LIMIT 0, 500", eyes.reader)
    branches = [
        Branch(
            thing.fullName or thing.name,
            eyes.link(f"/browse/instruments/{thing.id}"),
            numbers[thing.id],
            thing.name if thing.fullName else "",
        )
        for thing in found
        if thing.id in numbers
    ]
    return await _branches(asking, eyes, "instruments", [], branches)


async def instrument(asking: Asking) -> Response:
    """GET /browse/instruments/{id}: the cycles in which it measured, the latest first."""
    eyes = await whose(asking)
    thing = await _one(asking, eyes, "Instrument", asking.id_of())
    condition = f"ii.instrument.id = {thing.id}"
    groups = await _tally(
        asking,
        eyes,
        "fc.facilityCycle.id",
        " JOIN it.investigationInstruments ii JOIN it.investigationFacilityCycles fc",
        condition,
    )
    ids = ", ".join(group.value for group in groups) or "0"
    cycles = await reading.things(
        asking,
        f"SELECT it FROM FacilityCycle it WHERE it.id IN ({ids}) ORDER BY it.startDate DESC, it.name LIMIT 0, 500",
        eyes.reader,
    )
    numbers = {int(group.value): group.number for group in groups}
    branches = [
        Branch(
            cycle.name,
            eyes.link(f"/browse/instruments/{thing.id}/cycles/{cycle.id}"),
            numbers[cycle.id],
            asking.formatting.span(cycle.startDate, cycle.endDate),
        )
        for cycle in cycles
    ]
    every = Branch(
        asking.visitor.words("browse.all_of_instrument"), eyes.link(f"/browse/instruments/{thing.id}/cycles/all")
    )
    about = (asking.visitor.words("browse.about_instrument"), f"/instruments/{thing.id}")
    crumbs = [_way(asking, eyes, "instruments")]
    return await _branches(
        asking, eyes, "cycles", crumbs, [every, *branches], heading=thing.fullName or thing.name, about=about
    )


async def cycle(asking: Asking) -> Response:
    """GET and POST /browse/instruments/{id}/cycles/{cycle}: the experiments at an instrument, in a cycle or `all`."""
    eyes = await whose(asking)
    thing = await _one(asking, eyes, "Instrument", asking.id_of())
    condition = INSTRUMENT.format(f"ii.instrument.id = {thing.id}")
    crumbs = [
        _way(asking, eyes, "instruments"),
        (thing.fullName or thing.name, eyes.link(f"/browse/instruments/{thing.id}")),
    ]
    name = asking.visitor.words("browse.all_of_instrument")
    if asking.request.path_params["cycle"] != "all":
        found = await _one(asking, eyes, "FacilityCycle", asking.id_of("cycle"))
        name = found.name
        condition += (
            " AND EXISTS (SELECT fc FROM InvestigationFacilityCycle fc WHERE fc.investigation = it"
            f" AND fc.facilityCycle.id = {found.id})"
        )
    return await _experiments(asking, eyes, condition, crumbs, name, without=frozenset({"instrument"}))


async def proposals(asking: Asking) -> Response:
    """GET /browse/proposals: their names with how many visits there were; `from` and `q` narrow them."""
    eyes, query = await whose(asking), asking.query.get("q", "").strip()
    after = asking.query.get("after", "")
    conditions = [f"it.name > {reading.text(after)}"] if after else []
    if query:
        conditions.append(f"it.name >= {reading.text(query)} AND it.name < {reading.text(query + chr(0x10FFFF))}")
    rows = await reading.rows(
        asking,
        f"SELECT it.name, COUNT(it) FROM Investigation it{eyes.where(' AND '.join(conditions))}"
        f" GROUP BY it.name ORDER BY it.name LIMIT 0, {A_PAGE + 1}",
        eyes.reader,
    )
    branches = [
        Branch(name, eyes.link(f"/browse/proposals/{name}"), number, mono=True) for name, number in rows[:A_PAGE]
    ]
    more = rows[A_PAGE - 1][0] if len(rows) > A_PAGE else ""
    return await _branches(asking, eyes, "proposals", [], branches, more=more, query=query)


async def proposal(asking: Asking) -> Response:
    """GET and POST /browse/proposals/{name}: its visits."""
    eyes, name = await whose(asking), asking.request.path_params["name"]
    condition = f"it.name = {reading.text(name)}"
    found = await reading.things(
        asking, f"SELECT it FROM Investigation it{eyes.where(condition)} LIMIT 0, 1", eyes.reader
    )
    if not found:
        raise NoSuchObject("There is no such proposal, or nothing of it is open to you")
    crumbs = [_way(asking, eyes, "proposals")]
    return await _experiments(asking, eyes, condition, crumbs, name, without=frozenset({"proposal"}))


async def techniques(asking: Asking) -> Response:
    """GET /browse/techniques: each with how many datasets there are of it."""
    eyes = await whose(asking)
    groups = await asking.core.summaries.tally(
        _reader(asking, eyes),
        "SELECT dt.technique.id, it.id FROM Dataset it JOIN it.datasetTechniques dt"
        + eyes.where().replace("it.", "it.investigation."),
        asking.core.settings.portal.count_at_most,
    )
    ids = ", ".join(group.value for group in groups) or "0"
    found = await reading.things(asking, f"SELECT it FROM Technique it WHERE it.id IN ({ids})", eyes.reader)
    by_id = {thing.id: thing for thing in found}
    branches = [
        Branch(
            by_id[int(group.value)].name,
            eyes.link(f"/browse/techniques/{group.value}"),
            group.number,
            by_id[int(group.value)].description or "",
        )
        for group in groups
        if int(group.value) in by_id
    ]
    return await _branches(asking, eyes, "techniques", [], branches)


async def technique(asking: Asking) -> Response:
    """GET and POST /browse/techniques/{id}: the datasets measured with it."""
    eyes = await whose(asking)
    thing = await _one(asking, eyes, "Technique", asking.id_of())
    condition = f"EXISTS (SELECT dt FROM DatasetTechnique dt WHERE dt.dataset = it AND dt.technique.id = {thing.id})"
    within = eyes.within(condition, of="it.investigation", without=frozenset({"technique"}))
    crumbs = [_way(asking, eyes, "techniques")]
    return await _listed(asking, eyes, ALL_DATASETS, within, crumbs, thing.name, thing.description or "")


async def samples(asking: Asking) -> Response:
    """GET and POST /browse/samples."""
    eyes = await whose(asking)
    words = asking.visitor.words
    within = eyes.within(of="it.investigation")
    return await _listed(asking, eyes, SAMPLES, within, [], words("browse.by.samples"), words("browse.lede.samples"))


async def dates(asking: Asking) -> Response:
    """GET /browse/dates: the years, with how many experiments began in each."""
    eyes = await whose(asking)
    groups = await _times(asking, eyes, Span.YEAR, "")
    branches = [Branch(group.value, eyes.link(f"/browse/dates/{group.value}"), group.number) for group in groups]
    return await _branches(asking, eyes, "dates", [], branches)


async def date(asking: Asking) -> Response:
    """GET and POST /browse/dates/{piece}: a year with its months, or a month; the experiments that began in it."""
    eyes, piece = await whose(asking), asking.request.path_params["piece"]
    if _PIECE.match(piece) is None:
        raise NoSuchObject("There is nothing at this address")
    first, end = days(piece)
    zone = asking.formatting.zone
    condition = f"it.startDate >= {moment_literal(first, zone)} AND it.startDate < {moment_literal(end, zone)}"
    crumbs = [_way(asking, eyes, "dates")]
    branches: list[Branch] = []
    if len(piece) == 4:
        groups = await _times(asking, eyes, Span.MONTH, condition)
        branches = [
            Branch(_month(asking, group.value), eyes.link(f"/browse/dates/{group.value}"), group.number)
            for group in reversed(groups)
        ]
        name = piece
    else:
        crumbs.append((piece[:4], eyes.link(f"/browse/dates/{piece[:4]}")))
        name = _month(asking, piece)
    return await _experiments(asking, eyes, condition, crumbs, name, branches=branches)


def _month(asking: Asking, piece: str) -> str:
    moment = datetime(int(piece[:4]), int(piece[5:7]), 15, tzinfo=asking.formatting.zone)
    return asking.formatting.month(moment)


async def _times(asking: Asking, eyes: Whose, span: Span, condition: str) -> list[Group]:
    return await asking.core.summaries.by_time(
        _reader(asking, eyes),
        f"SELECT it.startDate FROM Investigation it{eyes.where(condition)}",
        asking.core.settings.portal.count_at_most,
        span,
        asking.core.settings.portal.time_zone,
    )


async def _tally(asking: Asking, eyes: Whose, path: str, joins: str, condition: str = "") -> list[Group]:
    return await asking.core.summaries.tally(
        _reader(asking, eyes),
        f"SELECT {path}, it.id FROM Investigation it{joins}{eyes.where(condition)}",
        asking.core.settings.portal.count_at_most,
    )


def _reader(asking: Asking, eyes: Whose) -> Caller:
    return eyes.reader or asking.visitor.reader


async def _one(asking: Asking, eyes: Whose, entity: str, identifier: int) -> reading.Thing:
    found = await reading.things(asking, f"SELECT it FROM {entity} it WHERE it.id = {identifier}", eyes.reader)
    if not found:
        raise NoSuchObject("There is nothing at this address, or it is not open to you")
    return found[0]


def _root(asking: Asking, eyes: Whose) -> Crumb:
    which = "all_data" if eyes.everything else "open_data"
    return asking.visitor.words(f"browse.{which}"), eyes.link("/browse")


def _way(asking: Asking, eyes: Whose, way: str) -> Crumb:
    return asking.visitor.words(f"browse.by.{way}"), eyes.link(f"/browse/{way}")


async def _branches(
    asking: Asking,
    eyes: Whose,
    way: str,
    crumbs: Sequence[Crumb],
    branches: Sequence[Branch],
    *,
    heading: str = "",
    about: Crumb | None = None,
    more: str = "",
    query: str = "",
) -> Response:
    words = asking.visitor.words
    name = heading or words(f"browse.by.{way}")
    path = asking.request.url.path
    return await asking.render(
        "browse/branches.html",
        way=way,
        heading=name,
        lede=words(f"browse.below.{way}"),
        crumbs=[_root(asking, eyes), *crumbs, (name, "")],
        branches=branches,
        most=max((branch.number or 0 for branch in branches), default=0),
        about=about,
        tabs=eyes.tabs(asking, path),
        tabs_label=words("browse.whose"),
        more=lists_address(eyes, path, more, query) if more else "",
        query=query,
        kept=eyes.keep,
        path=path,
    )


def lists_address(eyes: Whose, path: str, after: str, query: str) -> str:
    """The page of branches behind one."""
    kept = [("q", query)] if query else []
    return address_of(path, lists.Within(keep=eyes.keep), [*kept, ("after", after)])


async def _experiments(
    asking: Asking,
    eyes: Whose,
    condition: str,
    crumbs: Sequence[Crumb],
    name: str,
    *,
    without: frozenset[str] = frozenset(),
    branches: Sequence[Branch] = (),
) -> Response:
    within = eyes.within(condition, without=without)
    return await _listed(asking, eyes, INVESTIGATIONS, within, crumbs, name, "", branches)


async def _listed(  # noqa: PLR0917 (what a page shows)
    asking: Asking,
    eyes: Whose,
    list_: lists.ListOf,
    within: lists.Within,
    crumbs: Sequence[Crumb],
    name: str,
    lede: str = "",
    branches: Sequence[Branch] = (),
) -> Response:
    shown = await lists.look(asking, list_, within)
    if isinstance(shown, Response):
        return shown
    return await asking.render(
        "browse/listed.html",
        list=shown,
        heading=name,
        lede=lede,
        crumbs=[_root(asking, eyes), *crumbs, (name, "")],
        ways=[],
        tabs=eyes.tabs(asking, asking.request.url.path),
        tabs_label=asking.visitor.words("browse.whose"),
        branches=branches,
    )


def _pages() -> tuple[Page, ...]:
    branches: tuple[tuple[str, Callable[[Asking], Awaitable[Response]]], ...] = (
        ("/browse/instruments", instruments),
        ("/browse/instruments/{id}", instrument),
        ("/browse/proposals", proposals),
        ("/browse/techniques", techniques),
        ("/browse/dates", dates),
    )
    listed: tuple[tuple[str, Callable[[Asking], Awaitable[Response]]], ...] = (
        ("/browse/instruments/{id}/cycles/{cycle}", cycle),
        ("/browse/proposals/{name:path}", proposal),
        ("/browse/techniques/{id}", technique),
        ("/browse/samples", samples),
        ("/browse/dates/{piece}", date),
    )
    found = [Page(path, answer, f"browse-{answer.__name__}") for path, answer in branches]
    found += [
        Page(path, answer, f"browse-{answer.__name__}", method) for path, answer in listed for method in ("GET", "POST")
    ]
    return tuple(found)


PAGES = _pages()
