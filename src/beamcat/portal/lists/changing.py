"""What people change of a list: its columns, the views they keep; and rows they put into the basket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from starlette.responses import Response

from beamcat.errors import BadParameter
from beamcat.portal.lists.asked import Asked
from beamcat.portal.lists.keeping import LONGEST_VIEW, MOST_VIEWS, keep_columns, keep_view
from beamcat.portal.lists.selecting import pick
from beamcat.portal.lists.showing import Shown, columns_of
from beamcat.portal.lists.state import NARROWEST, WIDEST, address_of
from beamcat.portal.page import Asking

Show = Callable[..., Awaitable[Shown]]


async def change(asking: Asking, asked: Asked, show: Show) -> Response:
    """POST to the page of a list: what `do` or `select` of the form says."""
    form = await asking.form()
    if form.get("select"):
        return await pick(asking, asked, form)
    match form.get("do", "columns"):
        case "columns":
            return await _columns(asking, asked, form, show)
        case "reset":
            return await _usual(asking, asked, show)
        case "view":
            return await _view(asking, asked, form)
        case "unview":
            return await _unview(asking, asked, form)
        case other if other.startswith(("up:", "down:")):
            return await _columns(asking, asked, form, show, other)
        case _:
            raise BadParameter("The form does not say what to do; load the page again")


async def _columns(asking: Asking, asked: Asked, form: Mapping[str, str], show: Show, move: str = "") -> Response:
    """The columns that are ticked, in the order of the form; one of them moved up or down."""
    order = [key for key in form.get("order", "").split(",") if asked.list.column(key) is not None]
    way, _, key = move.partition(":")
    if key in order:
        at = order.index(key)
        to = min(max(at + (1 if way == "down" else -1), 1), len(order) - 1) if at else 0
        order.insert(to, order.pop(at))
    name = asked.list.columns[0].key
    columns = tuple(key for key in order if key == name or form.get(f"show.{key}"))
    widths = {
        key: min(max(int(form[f"wide.{key}"][:3]), NARROWEST), WIDEST)
        for key in order
        if form.get(f"wide.{key}", "").isdecimal() and int(form[f"wide.{key}"][:3]) >= NARROWEST
    }
    if asking.visitor.signed_in:
        await keep_columns(asking, asked.list, columns, widths)
    kept = replace(asked.kept, columns=columns, widths=widths)
    return await _again(asking, _with_columns(replace(asked, kept=kept), columns, widths), show, sheet=bool(move))


async def _usual(asking: Asking, asked: Asked, show: Show) -> Response:
    """The columns as the list was declared."""
    if asking.visitor.signed_in:
        await keep_columns(asking, asked.list, (), {})
    kept = replace(asked.kept, columns=(), widths={})
    return await _again(asking, _with_columns(replace(asked, kept=kept), (), {}), show, sheet=True)


def _with_columns(asked: Asked, columns: tuple[str, ...], widths: Mapping[str, int]) -> Asked:
    usual = tuple(column.key for column in columns_of(asked.list, replace(asked.state, columns=()), frozenset()))
    state = replace(asked.state, columns=() if columns == usual else columns, widths=dict(widths))
    return replace(asked, state=state, looks=state)


async def _again(asking: Asking, asked: Asked, show: Show, *, sheet: bool) -> Response:
    """The list as it is now: as a part of the page for htmx, `sheet`: with the sheet of columns; else the page."""
    if not asking.is_fragment:
        return asking.go(address_of(asked.path, asked.within, asked.state.parameters()))
    shown = await show(asking, asked)
    headers = {"HX-Replace-Url": shown.links.itself}
    return await asking.render("lists/_list_changed.html", headers=headers, list=shown, sheet=sheet)


async def _view(asking: Asking, asked: Asked, form: Mapping[str, str]) -> Response:
    """Keep the list as it is by a name."""
    name = form.get("name", "").strip()
    if not name:
        raise BadParameter(asking.visitor.words("lists.views.no_name"))
    address = address_of(asked.path, asked.within, asked.state.parameters())
    query = address.partition("?")[2]
    if len(query) > LONGEST_VIEW or (len(asked.kept.views) >= MOST_VIEWS and name not in asked.kept.views):
        raise BadParameter(asking.visitor.words("lists.views.too_many", most=MOST_VIEWS))
    await keep_view(asking, asked.list, name, query)
    return asking.go(address)


async def _unview(asking: Asking, asked: Asked, form: Mapping[str, str]) -> Response:
    """Keep a view no longer."""
    await keep_view(asking, asked.list, form.get("name", ""), None)
    return asking.go(address_of(asked.path, asked.within, asked.state.parameters()))
