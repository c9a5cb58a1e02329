"""A whole list as a file: its columns, all rows of its filter, in its order."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from beamcat.portal.lists.asked import Asked
from beamcat.portal.lists.declaring import Column, Kind
from beamcat.portal.lists.paging import read_page
from beamcat.portal.lists.rows import rows_of
from beamcat.portal.lists.showing import cell_of, columns_of, label_of
from beamcat.portal.lists.state import Place
from beamcat.portal.page import Asking
from beamcat.portal.rendering import SECURITY

ROWS_AT_A_TIME = 500
RISKY = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


def csv_of(asking: Asking, asked: Asked) -> Response:
    """The list as comma-separated values (RFC 4180), with a byte order mark, by which spreadsheets know UTF-8."""
    name = f"{asked.list.key}-{asking.now:%Y-%m-%d}.csv"
    headers = {
        **SECURITY,
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "private, no-store",
    }
    return StreamingResponse(_lines(asking, asked), media_type="text/csv; charset=utf-8", headers=headers)


async def _lines(asking: Asking, asked: Asked) -> AsyncIterator[str]:
    list_, reader = asked.list, asked.within.reader or asking.visitor.reader
    columns = columns_of(list_, asked.looks, asked.within.without)
    yield "\ufeff" + _line([label(asking, asked, column) for column in columns])
    place = Place()
    while True:
        page = await read_page(asking, reader, asked.question, list_.include, place, ROWS_AT_A_TIME)
        rows = await rows_of(asking, list_, reader, page.things)
        yield "".join(_line([value(cell_of(asking, column, row).plain) for column in columns]) for row in rows)
        if not page.after:
            return
        place = Place(after=page.after)


def label(asking: Asking, asked: Asked, column: Column) -> str:
    """The head of a column; sizes are in bytes."""
    text = label_of(asking, asked.list, column)
    return f"{text} (B)" if column.kind is Kind.SIZE else text


def value(plain: str | int | float) -> str:
    """A value that no spreadsheet takes for a formula."""
    if isinstance(plain, str) and plain.startswith(RISKY):
        return f"'{plain}"
    return str(plain)


def _line(cells: list[str]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()
