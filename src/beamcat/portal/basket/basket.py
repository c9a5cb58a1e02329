"""The page of the basket: what is in it, how long it takes, and how it is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from beamcat.errors import BeamcatError
from beamcat.portal import reading
from beamcat.portal.basket.methods import Method, methods
from beamcat.portal.basket.owning import forget, owner, owner_or_new, take_over
from beamcat.portal.page import Asking
from beamcat.store.requests.carts import Cart
from beamcat.store.requests.contents import Line
from beamcat.store.requests.items import Item, Reference, wanted_of
from beamcat.store.selection import Total
from beamcat.store.units.progress import Progress

ROWS = 200
"""Things of one page."""
SPEEDS = (100e6, 1e9, 10e9)
"""Bits in a second, for which the time is told."""
PATIENCE_S = 2.0
"""How long the page waits for what the archive says of the time."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How much one request may be. `too_much`: in words, what is over it."""

    files: int | None
    size: int | None
    too_much: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in the basket: a page of it, and all of it in numbers."""

    lines: Sequence[Line]
    lost: Sequence[Item]
    """What the visitor may no longer read, or is not there any more, of this page."""
    total: Total
    count: int
    first: int
    next: int | None
    progress: Progress | None
    """How far what is on tape is; None where everything is online, or nobody can tell now."""
    on_tape: bool
    limit: Limit
    name: str


async def basket(asking: Asking) -> Response:
    """GET /basket."""
    taken_over = await take_over(asking)
    response = await basket_page(asking)
    return forget(asking, response) if taken_over else response


async def basket_page(
    asking: Asking, *, problem: str = "", status: int = 200, typed: dict[str, str] | None = None
) -> Response:
    """The page; after a request that was refused with the reason, and with what was typed."""
    whose = owner(asking)
    requests = asking.core.requests
    cart = await requests.carts.find(await requests.usual_facility(), whose) if whose is not None else None
    if asking.visitor.caller is None:
        asking.visitor.reader  # noqa: B018 - where strangers may see nothing they sign in first
    if cart is None:
        return await asking.render("basket/empty.html", status=status, problem=problem)
    values = await values_of(asking, cart)
    return await asking.render(
        "basket/page.html", status=status, **{**values, "problem": problem, "typed": typed or {}}
    )


async def values_of(asking: Asking, cart: Cart) -> dict[str, Any]:
    """What the page of a basket shows."""
    contents = await _contents(asking, cart)
    requests = asking.core.requests
    return {
        "contents": contents,
        "seconds": [(speed, contents.total.size * 8 / speed) for speed in SPEEDS],
        "methods": await _methods(asking, contents),
        "may_request": asking.visitor.signed_in or requests.settings.anonymous,
        "mails": requests.posting is not None,
        "email": await email_of(asking),
        "problem": "",
        "typed": {},
        "may_share": asking.visitor.signed_in and asking.core.settings.portal.shares,
    }


async def _contents(asking: Asking, cart: Cart) -> Contents:
    caller, core = asking.visitor.reader, asking.core
    text = asking.query.get("from", "0")
    first = int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else 0
    shown = cart.items[first : first + ROWS]
    lines = await core.requests.contents.lines(caller, [Reference(each.item.kind, each.item.id) for each in shown])
    there = {line.reference for line in lines}
    lost = [each.item for each in shown if Reference(each.item.kind, each.item.id) not in there]
    lines.sort(key=lambda line: (line.investigation or line.id, line.investigation is not None, line.dataset or 0))
    if len(cart.items) > ROWS:
        total = await core.requests.contents.total(caller, cart.references)
    else:
        total = Total(sum(line.files for line in lines), sum(line.size for line in lines))
    on_tape = any(line.where.word != "online" for line in lines)
    return Contents(
        lines,
        lost,
        total,
        len(cart.items),
        first,
        first + ROWS if first + ROWS < len(cart.items) else None,
        await _progress(asking, [line.reference for line in lines]) if on_tape else None,
        on_tape,
        limit_of(asking, total),
        suggested_name(lines, len(cart.items)),
    )


async def _progress(asking: Asking, references: Sequence[Reference]) -> Progress | None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await asking.core.data.progress(asking.visitor.reader, wanted_of(references))
    except (BeamcatError, TimeoutError):
        return None  # how long it takes is the least of what the page says


def limit_of(asking: Asking, total: Total) -> Limit:
    """How much one request may be, and whether this is more."""
    downloads, ids = asking.core.settings.downloads, asking.core.settings.ids
    files = min(ids.max_files_per_selection, downloads.max_files or ids.max_files_per_selection)
    sizes = [size for size in (downloads.max_bytes, ids.max_bytes_per_selection) if size is not None]
    size = min(sizes) if sizes else None
    t, f = asking.visitor.words, asking.formatting
    told = ""
    if total.files > files:
        told = t("basket.too_many", most=f.number(files), there=f.number(total.files))
    elif size is not None and total.size > size:
        told = t("basket.too_large", most=f.size(size), there=f.size(total.size))
    return Limit(files, size, told)


def suggested_name(lines: Sequence[Line], count: int) -> str:
    """What a request is called unless somebody says otherwise."""
    if not lines:
        return "data"
    first = lines[0]
    name = first.name
    if first.visit and first.visit != name:
        name = first.visit if first.visit.startswith(name) else f"{name}-{first.visit}"
    name = name.rpartition("/")[2][:200] or "data"
    return name if count == 1 else f"{name}_and_{count - 1}_more"


async def email_of(asking: Asking) -> str:
    """The address the catalogue has of the person, as far as they may read it."""
    if not asking.visitor.signed_in:
        return ""
    name = reading.text(asking.visitor.person.name)
    rows = await reading.rows(asking, f"SELECT u.email FROM User u WHERE u.name = {name}")
    return str(rows[0][0] or "") if rows else ""


async def _methods(asking: Asking, contents: Contents) -> list[Method]:
    whose, _ = owner_or_new(asking)
    return await methods(asking, whose, contents.total, contents.name)
