"""The files of a dataset, a folder at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from starlette.responses import Response

from beamcat.catalogue.folders import MOST_IDS, Amount, Cursor, Entry, Level, Listed, Order
from beamcat.errors import BadParameter
from beamcat.portal import reading
from beamcat.portal.basket.changing import add_all
from beamcat.portal.details.frame import home_crumb, of_facility
from beamcat.portal.details.storing import storage_state
from beamcat.portal.files.kinds import icon_of
from beamcat.portal.page import Asking
from beamcat.portal.reading import Thing
from beamcat.store.permalinks import Names
from beamcat.store.requests.items import Kind, Reference
from beamcat.store.selection import Wanted

MOST_PICKED = 1000
"""Files that are put into the basket one by one at a time."""
SORTS = {"name": Order.NAME, "size": Order.SIZE, "date": Order.DATE}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for: a level, and of it the page behind a cursor, or backwards before it."""

    level: Level
    behind: Cursor | None = None
    backwards: bool = False

    @property
    def sort(self) -> str:
        """As the address has it: `size`, `-size`."""
        return f"{'-' if self.level.falling else ''}{self.level.order.value}"

    def parameters(self) -> dict[str, str]:
        """The state as parameters, without the page."""
        sort = "" if self.sort == "name" else self.sort
        return {"path": self.level.folder.rstrip("/"), "filter": self.level.text, "sort": sort}


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as it is shown."""

    name: str
    href: str
    icon: str
    id: int | None
    size: int | None
    date: datetime | None
    format: str
    download: str
    location: str
    amount: Amount | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """A column that sorts: what it is sorted by now, and where another order is."""

    key: str
    sorted: str
    href: str


async def files(asking: Asking) -> Response:
    """GET /datasets/{id}/files: a folder; as a fragment for a tab, or one of its parts that come later."""
    dataset = await reading.find(asking, "Dataset", asking.id_of(), "investigation.facility", *_CYCLES)
    asked = _asked(asking, dataset.id)
    match asking.query.get("part") if asking.is_fragment else None:
        case "count":
            return await _count(asking, asked)
        case "amounts":
            return await _amounts(asking, asked)
        case _:
            pass
    listed = await asking.core.folders.page(
        asking.visitor.reader, asked.level, asking.core.settings.portal.rows, asked.behind, backwards=asked.backwards
    )
    values = await _values(asking, dataset, asked, listed)
    template = "files/_files.html" if asking.is_fragment else "files/files.html"
    return await asking.render(template, **values)


async def pick(asking: Asking) -> Response:
    """POST to it: put ticked files (`pick-12`), or all of the folder and the filter, into the basket."""
    dataset = await reading.find(asking, "Dataset", asking.id_of())
    form = await asking.form()
    words = asking.visitor.words
    here = asking.request.url.path
    if form.get("select") == "all":
        level = _level(dataset.id, form)
        if not level.folder and not level.text:
            return await add_all(asking, [Reference(Kind.DATASET, dataset.id)], to=here)
        ids = await asking.core.folders.ids(asking.visitor.reader, level, MOST_PICKED)
        if len(ids) > MOST_PICKED:
            raise BadParameter(words("files.too_many", most=asking.formatting.number(MOST_PICKED)))
    else:
        ids = [int(name[5:]) for name in form if name.startswith("pick-") and name[5:].isdecimal() and len(name) < 24]
    if not ids:
        raise BadParameter(words("files.none_picked"))
    to = _at(here, path=form.get("path", ""), filter=form.get("filter", ""), sort=form.get("sort", ""))
    return await add_all(asking, [Reference(Kind.DATAFILE, each) for each in ids[:MOST_IDS]], to=to)


def names_of(dataset: Thing, name: str | None = None) -> Names | None:
    """What a dataset, or a file of it, is called in permanent URLs; None where what it lies in may not be read."""
    visit = dataset.investigation
    if visit is None or visit.facility is None:
        return None
    return Names(visit.facility.name, visit.name, visit.visitId, dataset.name, name)


def shown_location(asking: Asking, location: str | None) -> str:
    """A location without the digest that it is signed with."""
    if location is None or asking.core.settings.store.key is None:
        return location or ""
    return location.rpartition(" ")[0]


def crumbs_of(asking: Asking, dataset: Thing, folder: str, last: str = "") -> list[tuple[str, str]]:
    """Where a folder or a file is, with links to all that it lies in."""
    base = f"/datasets/{dataset.id}/files"
    visit = dataset.investigation
    around = [] if visit is None else [*of_facility(visit), (visit.visitId, f"/investigations/{visit.id}")]
    places = [home_crumb(asking), *around, (dataset.name, f"/datasets/{dataset.id}")]
    places.append((asking.visitor.words("files.title"), base))
    parts = [part for part in folder.split("/") if part]
    for number, part in enumerate(parts, 1):
        places.append((part, _at(base, path="/".join(parts[:number]))))
    if last:
        places.append((last, ""))
    else:
        places[-1] = (places[-1][0], "")
    return places


_CYCLES = (
    "investigation.investigationInstruments.instrument",
    "investigation.investigationFacilityCycles.facilityCycle",
)


def _asked(asking: Asking, dataset: int) -> Asked:
    query = asking.query
    level = _level(dataset, query)
    name = query.get("after") or query.get("before")
    cursor = None if not name else Cursor(query.get("value", ""), name)
    return Asked(level, cursor, bool(query.get("before")) or (cursor is None and bool(query.get("last"))))


def _level(dataset: int, given: Mapping[str, str]) -> Level:
    path = "/".join(part for part in given.get("path", "").split("/") if part)
    sort = given.get("sort", "name")
    order = SORTS.get(sort.removeprefix("-"), Order.NAME)
    text = given.get("filter", "").strip()
    return Level(dataset, f"{path}/" if path else "", text, order, sort.startswith("-"))


async def _values(asking: Asking, dataset: Thing, asked: Asked, listed: Listed) -> dict[str, Any]:
    path = f"/datasets/{dataset.id}/files"
    rows = [_row(asking, dataset, asked.level, entry) for entry in listed.entries]
    ids = [row.id for row in rows if row.id is not None]
    amounts: Mapping[str, Amount] = {}
    folders = [row.name for row in rows if row.id is None]
    if asking.query.get("amounts") and folders:
        amounts = await asking.core.folders.amounts(asking.visitor.reader, asked.level, folders)
        rows = [replace(row, amount=amounts.get(row.name)) for row in rows]
    kept = asked.parameters()
    whole = not asked.level.text and not asked.level.folder
    links = {
        "first": _at(path, **kept) if listed.before else "",
        "last": _at(path, **kept, last="1") if listed.after else "",
        "before": _page(path, kept, "before", asked, listed.entries[0]) if listed.before and listed.entries else "",
        "after": _page(path, kept, "after", asked, listed.entries[-1]) if listed.after and listed.entries else "",
        "count": _at(path, **kept),
        "amounts": _at(path, **kept, **_where(asking), amounts="1") if folders else "",
        "up": _at(path, path=asked.level.folder.rstrip("/").rpartition("/")[0]),
    }
    return {
        "dataset": dataset,
        "path": path,
        "asked": asked,
        "kept": kept,
        "rows": rows,
        "heads": [_head(path, kept, asked, key) for key in SORTS],
        "links": links,
        "crumbs": crumbs_of(asking, dataset, asked.level.folder),
        "folder": asked.level.folder,
        "total": (dataset.fileCount or 0, dataset.fileSize or 0) if whole else None,
        "state": await storage_state(asking, Wanted(datafiles=tuple(ids)), len(ids)) if ids else None,
    }


def _at(base: str, /, **query: str) -> str:
    """An address; parameters that are empty are left out."""
    given = {name: value for name, value in query.items() if value}
    return f"{base}?{urlencode(given, quote_via=quote)}" if given else base


def _where(asking: Asking) -> dict[str, str]:
    """The page of the list in the address."""
    return {name: asking.query[name] for name in ("after", "before", "value", "last") if name in asking.query}


def _page(path: str, kept: dict[str, str], way: str, asked: Asked, entry: Entry) -> str:
    value = ""
    if asked.level.order is Order.SIZE:
        value = str(-1 if entry.size is None else entry.size)
    elif asked.level.order is Order.DATE and entry.date is not None:
        value = entry.date.isoformat()
    return _at(path, **kept, **{way: entry.name, "value": value})


def _head(path: str, kept: dict[str, str], asked: Asked, key: str) -> Head:
    level = asked.level
    now = level.order is SORTS[key]
    falling = not level.falling if now else key != "name"
    sort = f"{'-' if falling else ''}{key}"
    href = _at(path, **{**kept, "sort": "" if sort == "name" else sort})
    return Head(key, ("descending" if level.falling else "ascending") if now else "none", href)


def _row(asking: Asking, dataset: Thing, level: Level, entry: Entry) -> Row:
    if entry.id is None:
        path = f"/datasets/{dataset.id}/files?path={quote(level.folder + entry.name.rstrip('/'))}"
        return Row(entry.name, path, "folder", None, None, None, "", "", "")
    href = f"/datafiles/{entry.id}"
    download = "" if entry.location is None else f"{href}/content?download=1"
    return Row(
        entry.name,
        href,
        icon_of(entry.name),
        entry.id,
        entry.size,
        entry.date,
        entry.format or "",
        download,
        shown_location(asking, entry.location),
    )


async def _count(asking: Asking, asked: Asked) -> Response:
    """How many files there are in the folder and below that the filter fits."""
    try:
        async with asyncio.timeout(asking.core.settings.server.request_timeout_s / 2):
            most = asking.core.settings.portal.count_at_most
            amount = await asking.core.folders.amount(asking.visitor.reader, asked.level, most)
    except TimeoutError:
        amount = None
    return await asking.render("files/_count.html", amount=amount)


async def _amounts(asking: Asking, asked: Asked) -> Response:
    """How much is in the folders of a page of the list."""
    rows = asking.core.settings.portal.rows
    reader, folders = asking.visitor.reader, asking.core.folders
    listed = await folders.page(reader, asked.level, rows, asked.behind, backwards=asked.backwards)
    names = [entry.name for entry in listed.entries]
    amounts = await folders.amounts(reader, asked.level, [name for name in names if name.endswith("/")])
    shown = [(number, amounts[name]) for number, name in enumerate(names, 1) if name in amounts]
    return await asking.render("files/_amounts.html", amounts=shown)
