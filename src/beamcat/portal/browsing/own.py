"""My data: the experiments in which the visitor has a role."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from beamcat.portal import lists, reading
from beamcat.portal.browsing.tabs import Tab
from beamcat.portal.lists.investigations import MY_INVESTIGATIONS, instruments_of
from beamcat.portal.page import Asking, Page, address

MINE = "it.id IN (SELECT iu.investigation.id FROM InvestigationUser iu WHERE iu.user.name = :user{})"


async def my_data(asking: Asking) -> Response:
    """GET and POST /my-data: with a tab for each role, and what comes next."""
    asking.visitor.person  # noqa: B018 (raises for strangers)
    words, role = asking.visitor.words, asking.query.get("role", "")
    condition = MINE.format(f" AND iu.role = {reading.text(role)}" if role else "")
    within = lists.Within(
        condition,
        keep={"role": role} if role else {},
        without=frozenset({"role"}) if role else frozenset(),
        empty="browse.none_of_mine",
    )
    shown = await lists.look(asking, MY_INVESTIGATIONS, within)
    if isinstance(shown, Response):
        return shown
    return await asking.render(
        "browse/own.html",
        list=shown,
        heading=words("browse.my_data"),
        lede=words("browse.my_data_lede"),
        crumbs=[],
        ways=[],
        tabs=await _tabs(asking, role),
        tabs_label=words("browse.role"),
        coming=await coming(asking),
    )


async def _tabs(asking: Asking, role: str) -> list[Tab]:
    counted = await reading.rows(
        asking,
        "SELECT iu.role, COUNT(DISTINCT iu.investigation) FROM InvestigationUser iu"
        " WHERE iu.user.name = :user GROUP BY iu.role ORDER BY iu.role",
    )
    every = await reading.number(
        asking, "SELECT COUNT(DISTINCT iu.investigation) FROM InvestigationUser iu WHERE iu.user.name = :user"
    )
    words = asking.visitor.words
    tabs = [Tab(words("browse.all_roles"), "/my-data", not role, every)]
    for name, number in counted:
        known = f"browse.roles.{name.lower().replace(' ', '_')}"
        text = words(known) if words.has(known) else name
        tabs.append(Tab(text, address("/my-data", role=name), name == role, number))
    return tabs


@dataclass(frozen=True, slots=True)
class Coming:
    """The next visit of a person, and in how many days it begins."""

    investigation: reading.Thing
    instruments: str
    days: int


async def coming(asking: Asking) -> Coming | None:
    """The next visit."""
    found = await reading.things(
        asking,
        f"SELECT it FROM Investigation it WHERE {MINE.format('')} AND it.startDate > CURRENT_TIMESTAMP"
        " ORDER BY it.startDate, it.id LIMIT 0, 1 INCLUDE it.investigationInstruments.instrument",
    )
    if not found:
        return None
    zone = asking.formatting.zone
    days = (found[0].startDate.astimezone(zone).date() - asking.now.astimezone(zone).date()).days
    return Coming(found[0], instruments_of(found[0]), days)


PAGES = (Page("/my-data", my_data, "my-data"), Page("/my-data", my_data, "my-data", "POST"))
