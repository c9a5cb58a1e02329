"""Figures: how much was measured, downloaded and opened, by instrument and time; with the same as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.responses import Response

from beamcat.catalogue.statistics import Active, Volume, active_users, volumes
from beamcat.errors import BadParameter
from beamcat.portal.administration.entry import admin_page, administrator, day
from beamcat.portal.charts import bars
from beamcat.portal.page import Asking, Page
from beamcat.store.deliveries.report import Summary, summaries
from beamcat.store.deliveries.table import Asked as AskedDeliveries

USUAL = timedelta(days=365)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would take for a formula."""


async def statistics(asking: Asking) -> Response:
    """GET /admin/statistics: of a period, the last year if none is named."""
    administrator(asking)
    since, until = await _period(asking)
    database = asking.core.database
    by_month = await volumes(database, "month", since, until)
    by_instrument = await volumes(database, "instrument", since, until)
    downloads = await summaries(database, "month", AskedDeliveries(since=since, until=until))
    active = await active_users(database, since, until)
    table = asking.query.get("csv", "")
    if table:
        return _csv(table, {"months": by_month, "instruments": by_instrument, "downloads": downloads, "users": active})
    f = asking.formatting
    return await admin_page(
        asking,
        "statistics.html",
        since=since.date().isoformat(),
        until=until.date().isoformat(),
        by_month=by_month,
        by_instrument=by_instrument,
        downloads=downloads,
        active=active,
        total=sum(each.size_bytes for each in by_month),
        opened=sum(each.open_bytes for each in by_month),
        investigations=sum(each.investigations for each in by_month),
        files=sum(each.files for each in by_month),
        month_chart=bars(
            [
                (each.name or "–", each.open_bytes, each.size_bytes - each.open_bytes, f.size(each.size_bytes))
                for each in by_month
            ]
        ),
        instrument_chart=bars(
            [
                (each.name or "–", each.open_bytes, each.size_bytes - each.open_bytes, f.size(each.size_bytes))
                for each in by_instrument
            ]
        ),
        download_chart=bars(
            [(each.name or "–", each.delivered_bytes, 0, f.size(each.delivered_bytes)) for each in downloads]
        ),
    )


async def _period(asking: Asking) -> tuple[datetime, datetime]:
    """From the first day until the end of the last."""
    until = day(asking.query.get("until", ""), end=True) or asking.now
    since = day(asking.query.get("since", ""))
    if since is None:
        since = datetime.combine((until - USUAL).date().replace(day=1), datetime.min.time(), UTC)
        if not asking.query.get("until"):
            since = min(since, await _first(asking, since, until))
    if since > until:
        raise BadParameter("The period ends before it begins")
    return since, until


async def _first(asking: Asking, since: datetime, until: datetime) -> datetime:
    """When nothing was measured lately, the year of what was measured last."""
    if await volumes(asking.core.database, "month", since, until):
        return since
    everything = await volumes(asking.core.database, "month", datetime(1900, 1, 1, tzinfo=UTC), until)
    named = [each.name for each in everything if each.name]
    if not named:
        return since
    year, month = (int(part) for part in named[-1].split("-"))
    return datetime(year - 1, month, 1, tzinfo=UTC)


def _csv(name: str, tables: dict[str, Sequence[Volume | Summary | Active]]) -> Response:
    if name not in tables:
        raise BadParameter("There is no such table")
    kinds: dict[str, type[Any]] = {"months": Volume, "instruments": Volume, "downloads": Summary, "users": Active}
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(field.name for field in fields(kinds[name]))
    writer.writerows(_cells(asdict(row).values()) for row in tables[name])
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "private, no-store"}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _cells(values: Iterable[object]) -> list[object]:
    """Values of a row; what looks like a formula is not one."""
    return [f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value for value in values]


PAGES = (Page("/admin/statistics", statistics, "admin-statistics"),)
