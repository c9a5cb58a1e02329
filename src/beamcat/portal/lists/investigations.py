"""The list of investigations: experiments, as people know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from beamcat.access.caller import Caller
from beamcat.portal import reading
from beamcat.portal.lists.declaring import Badge, Cell, Column, Kind, ListOf, Option, Row
from beamcat.portal.lists.where import where_of
from beamcat.portal.page import Asking
from beamcat.portal.reading import Thing
from beamcat.store.requests.items import Kind as Kept

NOW = "CURRENT_TIMESTAMP"
UPCOMING = f"it.startDate > {NOW}"
MEASURING = f"it.startDate <= {NOW} AND it.endDate >= {NOW}"
EMBARGO = f"it.releaseDate > {NOW}"
OPEN = f"it.releaseDate <= {NOW}"
INSTRUMENT = "EXISTS (SELECT ii FROM InvestigationInstrument ii WHERE ii.investigation = it AND {})"


@dataclass(frozen=True, slots=True)
class Datasets:
    """How many datasets an investigation has, and one that stands for all of them."""

    number: int
    first: int


async def datasets_of(asking: Asking, reader: Caller, things: Sequence[Thing]) -> Mapping[int, Datasets]:
    """The datasets of investigations, by the id of the investigation."""
    ids = ", ".join(str(thing.id) for thing in things)
    found = await reading.rows(
        asking,
        "SELECT ds.investigation.id, COUNT(ds.id), MIN(ds.id) FROM Dataset ds"
        f" WHERE ds.investigation.id IN ({ids}) GROUP BY ds.investigation.id",
        reader,
    )
    return {identifier: Datasets(number, first) for identifier, number, first in found}


async def roles_of(asking: Asking, reader: Caller, things: Sequence[Thing]) -> Mapping[int, list[str]]:
    """The roles of the visitor in investigations."""
    if not asking.visitor.signed_in:
        return {}
    ids = ", ".join(str(thing.id) for thing in things)
    found = await reading.rows(
        asking,
        "SELECT iu.investigation.id, iu.role FROM InvestigationUser iu"
        f" WHERE iu.user.name = :user AND iu.investigation.id IN ({ids}) ORDER BY iu.role",
    )
    roles: dict[int, list[str]] = {}
    for identifier, role in found:
        roles.setdefault(identifier, []).append(role)
    return roles


def states_of(asking: Asking, investigation: Thing) -> tuple[Badge, ...]:
    """Whether it is coming, going on, closed until a day, or open."""
    words, now = asking.visitor.words, asking.now
    found = []
    start, end, release = investigation.startDate, investigation.endDate, investigation.releaseDate
    if start is not None and start > now:
        found.append(Badge("info", words("lists.states.upcoming"), "calendar"))
    elif start is not None and end is not None and end >= now:
        found.append(Badge("live", words("lists.states.measuring")))
    if release is not None and release > now:
        if start is None or start <= now:
            found.append(Badge("embargo", words("lists.states.until", date=asking.formatting.date(release)), "lock"))
    elif release is not None:
        found.append(Badge("open", words("lists.states.open"), "unlock"))
    return tuple(found)


def instruments_of(investigation: Thing) -> str:
    """The names of its instruments."""
    links = investigation.investigationInstruments
    return ", ".join(sorted(link.instrument.name for link in links if link.instrument is not None))


def _title(asking: Asking, row: Row) -> Cell:
    return Cell(row.thing.title, row.thing.title, href=f"/investigations/{row.thing.id}")


def _visit(asking: Asking, row: Row) -> Cell:
    return Cell(row.thing.visitId, row.thing.visitId, mono=True)


def _instrument(asking: Asking, row: Row) -> Cell:
    names = instruments_of(row.thing)
    return Cell(names, names)


def _role(asking: Asking, row: Row) -> Cell:
    roles = ", ".join(row.extras.get("roles") or ())
    return Cell(roles, roles)


def _datasets(asking: Asking, row: Row) -> Cell:
    datasets = row.extras.get("datasets")
    number = 0 if datasets is None else datasets.number
    return Cell(asking.formatting.number(number) if number else "–", number)


def _year(asking: Asking, row: Row) -> Cell:
    start = row.thing.startDate
    year = "" if start is None else str(start.astimezone(asking.formatting.zone).year)
    return Cell(year, year)


def _badges(asking: Asking, row: Row) -> tuple[Badge, ...]:
    where = row.extras.get("where")
    return states_of(asking, row.thing) if where is None else (where, *states_of(asking, row.thing))


def _state(asking: Asking, row: Row) -> Cell:
    badges = _badges(asking, row)
    return Cell("", ", ".join(badge.text for badge in badges), badges=badges)


def _card(asking: Asking, row: Row) -> Cell:
    facts = (instruments_of(row.thing), asking.formatting.date(row.thing.startDate))
    size = asking.formatting.size(row.thing.fileSize) if row.thing.fileSize else ""
    return Cell(" · ".join(fact for fact in facts if fact), sub=size, badges=_badges(asking, row))


def _picture(row: Row) -> str:
    datasets = row.extras.get("datasets")
    return "" if datasets is None else f"/thumbnails/{datasets.first}"


COLUMNS = (
    Column("title", path="it.title", cell=_title, nullable=False),
    Column("visit", path="it.visitId", cell=_visit, nullable=False, prio=3),
    Column(
        "instrument",
        Kind.CHOICE,
        "ii.instrument.name",
        _instrument,
        within=INSTRUMENT,
        asked_options="SELECT i.name FROM Instrument i ORDER BY i.name",
        facet=" JOIN it.investigationInstruments ii",
    ),
    Column(
        "role",
        Kind.CHOICE,
        "iu.role",
        _role,
        within="EXISTS (SELECT iu FROM InvestigationUser iu"
        " WHERE iu.investigation = it AND iu.user.name = :user AND {})",
        asked_options="SELECT DISTINCT iu.role FROM InvestigationUser iu WHERE iu.user.name = :user ORDER BY iu.role",
        prio=3,
    ),
    Column("start", Kind.DATE, "it.startDate"),
    Column("end", Kind.DATE, "it.endDate", shown=False, prio=3),
    Column("datasets", Kind.NUMBER, cell=_datasets),
    Column("files", Kind.NUMBER, "it.fileCount", shown=False, prio=3),
    Column("size", Kind.SIZE, "it.fileSize"),
    Column(
        "state",
        Kind.CHOICE,
        cell=_state,
        options=(
            Option("upcoming", UPCOMING, "lists.states.upcoming"),
            Option("measuring", MEASURING, "lists.states.measuring"),
            Option("embargo", EMBARGO, "lists.states.embargo"),
            Option("open", OPEN, "lists.states.open"),
        ),
        prio=1,
    ),
    Column("year", Kind.CHOICE, cell=_year, years="it.startDate", shown=False, prio=3),
    Column("released", Kind.DATE, "it.releaseDate", shown=False, prio=3),
    Column("proposal", path="it.name", nullable=False, shown=False, prio=3),
    Column(
        "type",
        Kind.CHOICE,
        "it.type.name",
        nullable=False,
        asked_options="SELECT DISTINCT t.name FROM InvestigationType t ORDER BY t.name",
        shown=False,
        prio=3,
    ),
    Column("doi", path="it.doi", shown=False, prio=3),
    Column("summary", path="it.summary", shown=False, prio=3),
)
INCLUDE = ("investigationInstruments.instrument", "type")

INVESTIGATIONS = ListOf(
    key="investigations",
    entity="Investigation",
    columns=tuple(column for column in COLUMNS if column.key != "role"),
    order=("-start", "title"),
    include=INCLUDE,
    extras={"datasets": datasets_of, "where": where_of(Kept.INVESTIGATION)},
    basket="investigation",
    sizes="it.fileSize",
    card=_card,
    picture=_picture,
)
MY_INVESTIGATIONS = ListOf(
    key="my_investigations",
    entity="Investigation",
    columns=COLUMNS,
    order=("-start", "title"),
    include=INCLUDE,
    extras={"datasets": datasets_of, "roles": roles_of, "where": where_of(Kept.INVESTIGATION)},
    basket="investigation",
    sizes="it.fileSize",
    card=_card,
    picture=_picture,
    seen_as="investigations",
)
