"""Looking at a list: from the address to what is shown of it, or to the part of it that was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

from starlette.responses import Response

from beamcat.portal.lists import changing, exporting
from beamcat.portal.lists.asked import Asked
from beamcat.portal.lists.choosing import filters_of
from beamcat.portal.lists.declaring import ListOf, Within
from beamcat.portal.lists.filters import conditions_of
from beamcat.portal.lists.keeping import Kept, kept_for
from beamcat.portal.lists.paging import Page, question_of, read_page
from beamcat.portal.lists.programs import programs
from beamcat.portal.lists.rows import count, rows_of
from beamcat.portal.lists.showing import (
    Chip,
    Empty,
    Filter,
    Links,
    Shown,
    columns_of,
    heads_of,
    label_of,
    shown_row,
    sorted_by,
)
from beamcat.portal.lists.showing import Place as ColumnPlace
from beamcat.portal.lists.state import MOST_ROWS, State, address_of, read_sort, read_state
from beamcat.portal.page import Asking

__all__ = ["Shown", "look"]


async def look(asking: Asking, list_: ListOf, within: Within = Within()) -> Shown | Response:  # noqa: B008 (frozen)
    """What is shown of a list at the address of the page; or the answer, where a part of the list was asked for.

    Handles POSTs to the page too: choices of columns, views that are kept, rows for the basket.
    """
    path = asking.request.url.path
    if asking.request.method == "POST":
        return await changing.change(asking, await _posted(asking, list_, within, path), _show)
    kept = await kept_for(asking, list_)
    parameters = asking.request.query_params.multi_items()
    asked = _asked(asking, list_, within, path, parameters, kept)
    part = asking.query.get("part", "")
    if part == "csv":
        return exporting.csv_of(asking, asked)
    if part == "count":
        return await _render(asking, "lists/_count.html", await _show(asking, asked, rows=False, counting=True))
    if part == "facets":
        shown = await _show(asking, asked, rows=False, facets=True)
        return await _render(asking, "lists/_facets.html", shown)
    if part == "more" and asking.is_fragment:
        return await _more(asking, asked)
    target = asking.request.headers.get("hx-target", "") if asking.is_fragment else ""
    if target in {f"rows-{list_.key}", f"list-{list_.key}"}:
        shown = await _show(asking, asked)
        template = "lists/_rows_changed.html" if target.startswith("rows") else "lists/_list_changed.html"
        return await _render(asking, template, shown, {"HX-Push-Url": shown.links.itself})
    if not asking.is_fragment and any(
        not value and name.startswith(("f.", "from.", "to.")) for name, value in parameters
    ):
        return asking.go(_address(asked))
    return await _show(asking, asked)


async def _posted(asking: Asking, list_: ListOf, within: Within, path: str) -> Asked:
    """The list as it was on the screen whose form was sent."""
    form = await asking.form()
    current = asking.request.headers.get("hx-current-url") if asking.is_fragment else None
    query = urlsplit(current).query if current else form.get("state", "")
    kept = await kept_for(asking, list_)
    return _asked(asking, list_, within, path, parse_qsl(query, keep_blank_values=True, max_num_fields=500), kept)


def _asked(  # noqa: PLR0917 (what a request says of a list)
    asking: Asking, list_: ListOf, within: Within, path: str, parameters: Iterable[tuple[str, str]], kept: Kept
) -> Asked:
    state = read_state(list_, parameters)
    sort = state.sort or tuple(key for part in list_.order for key in read_sort(list_, part))
    conditions, wrong = conditions_of(list_, state, asking.formatting.zone)
    looks = state
    if not state.columns and kept.columns:
        looks = replace(state, columns=kept.columns)
    if not state.widths and kept.widths:
        looks = replace(looks, widths=kept.widths)
    question = question_of(list_, within, sort, conditions)
    return Asked(list_, within, path, state, looks, sort, question, wrong, kept)


async def _show(
    asking: Asking, asked: Asked, *, rows: bool = True, counting: bool = False, facets: bool = False
) -> Shown:
    """What there is to show. Without `rows`, those are left out."""
    list_, state = asked.list, asked.state
    reader = asked.within.reader or asking.visitor.reader
    number = state.rows or asking.core.settings.portal.rows
    page = await read_page(asking, reader, asked.question, list_.include, state.place, number) if rows else Page([])
    columns = columns_of(list_, asked.looks, asked.within.without)
    found = await rows_of(asking, list_, reader, page.things)
    shown_rows = tuple(shown_row(asking, list_, columns, row) for row in found)
    filters = await filters_of(asking, asked, reader, counted=facets)
    counted = await count(asking, asked, reader) if counting or state.count else None
    heads = heads_of(asking, asked, columns, filters)
    in_row = {head.key for head in heads if head.filter is not None}
    kept = [item for item in state.parameters() if item[0] in {"sort", "cols", "wide", "view"}]
    kept += list(asked.within.keep.items())
    return Shown(
        list=list_,
        key=list_.key,
        path=asked.path,
        posts=address_of(asked.path, asked.within, ()),
        label=asking.visitor.words(f"{list_.words}.title"),
        state=state,
        links=_links(asked, page, len(shown_rows)),
        heads=heads,
        rows=shown_rows,
        filters=tuple(filters),
        hidden=tuple(item for item in state.filters() if item[0].partition(".")[2] not in in_row),
        kept=tuple(kept),
        chips=tuple(_chips(asking, asked, filters)),
        sorted=sorted_by(asking, list_, asked.sort),
        counted=counted,
        at_most=asking.core.settings.portal.count_at_most,
        places=tuple(_places(asking, asked, [column.key for column in columns])),
        views=asked.kept.views,
        programs=programs(
            asking,
            asked.question.select("it"),
            list_.entity,
            anonymous=asked.within.reader is not None,
        ),
        empty=None if shown_rows or not rows else _empty(asking, asked),
        number=len(shown_rows),
    )


async def _more(asking: Asking, asked: Asked) -> Response:
    """The rows behind those that are shown, and an address that has all of them."""
    before = asking.query.get("shown", "")
    shown_before = int(before) if before.isdecimal() and len(before) < 9 else 0
    shown = await _show(asking, replace(asked, state=replace(asked.state, rows=None)))
    number = shown_before + shown.number
    more = shown.links.more.replace(f"shown={shown.number}", f"shown={number}")
    shown = replace(shown, number=number, links=replace(shown.links, more=more, first="", before=""))
    headers = {}
    if number <= MOST_ROWS and shown_before:
        headers["HX-Replace-Url"] = _address(asked, [("rows", str(number))])
    return await _render(asking, "lists/_more_rows.html", shown, headers)


async def _render(asking: Asking, template: str, shown: Shown, headers: Mapping[str, str] | None = None) -> Response:
    return await asking.render(template, headers=headers, list=shown)


def _address(asked: Asked, more: Iterable[tuple[str, str]] = (), state: State | None = None) -> str:
    return address_of(asked.path, asked.within, [*(state or asked.state).parameters(), *more])


def _links(asked: Asked, page: Page, number: int) -> Links:
    state = asked.state
    place = [("rows", str(state.rows))] if state.rows else []
    now = state.place
    if now.after or now.before:
        place.append(("after", now.after) if now.after else ("before", now.before))
    elif now.last:
        place.append(("last", "1"))
    return Links(
        itself=_address(asked, place),
        table=_address(asked, state=state.seen_as("table")),
        cards=_address(asked, state=state.seen_as("cards")),
        csv=_address(asked, [("part", "csv")]),
        all=_address(asked, state=state.without_filters()),
        first=_address(asked) if now.last or now.after or now.before else "",
        last=_address(asked, [("last", "1")]) if page.after else "",
        after=_address(asked, [("after", page.after)]) if page.after else "",
        before=_address(asked, [("before", page.before)]) if page.before else "",
        more=_address(asked, [("after", page.after), ("part", "more"), ("shown", str(number))]) if page.after else "",
        count=_address(asked, [*place, ("count", "1")]),
        facets=_address(asked, [("part", "facets")]),
    )


def _chips(asking: Asking, asked: Asked, filters: Sequence[Filter]) -> Iterable[Chip]:
    words = asking.visitor.words
    for field in filters:
        if not field.used:
            continue
        parts = []
        if field.text:
            parts.append(words(f"lists.chip.{field.how or 'has'}", text=field.text))
        if field.low:
            parts.append(words("lists.chip.from", text=field.low))
        if field.high:
            parts.append(words("lists.chip.to", text=field.high))
        parts += [choice.text for choice in field.choices if choice.chosen]
        yield Chip(field.label, ", ".join(parts), _address(asked, state=asked.state.without(field.key)))


def _places(asking: Asking, asked: Asked, shown: Sequence[str]) -> Iterable[ColumnPlace]:
    """All columns, those that are shown first and in their order."""
    list_ = asked.list
    others = [column.key for column in list_.columns if column.key not in shown]
    for key in [*shown, *others]:
        column = list_.column(key)
        if column is None or key in asked.within.without:
            continue
        yield ColumnPlace(
            key, label_of(asking, list_, column), key in shown, asked.looks.widths.get(key), column is list_.columns[0]
        )


def _empty(asking: Asking, asked: Asked) -> Empty:
    """Why a list is empty: its filters, the rights of strangers, or there is nothing yet."""
    words, visitor = asking.visitor.words, asking.visitor
    if asked.state.filtered:
        return Empty(
            words("lists.empty.filtered"),
            words("lists.empty.filtered_why"),
            words("lists.empty.unfilter"),
            _address(asked, state=asked.state.without_filters()),
            "filter",
        )
    if not visitor.signed_in:
        to = asking.address
        return Empty(
            words("lists.empty.stranger"),
            words("lists.empty.stranger_why"),
            words("base.sign_in"),
            address_of("/sign-in", Within(), [("to", to)]),
            "lock",
        )
    name = asked.within.empty or "lists.empty.nothing"
    return Empty(words(name), words(f"{name}_why"), words("lists.empty.search"), "/search", "lock")
