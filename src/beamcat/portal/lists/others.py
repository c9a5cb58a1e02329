"""Lists of samples, instruments and publications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from beamcat.access.caller import Caller
from beamcat.portal import reading
from beamcat.portal.lists.declaring import Badge, Cell, Column, Kind, ListOf, Row
from beamcat.portal.page import Asking
from beamcat.portal.reading import Thing


async def _investigations_of(asking: Asking, reader: Caller, things: Sequence[Thing]) -> Mapping[int, int]:
    """How many investigations instruments have."""
    ids = ", ".join(str(thing.id) for thing in things)
    found = await reading.rows(
        asking,
        "SELECT ii.instrument.id, COUNT(ii.id) FROM InvestigationInstrument ii"
        f" WHERE ii.instrument.id IN ({ids}) GROUP BY ii.instrument.id",
        reader,
    )
    return dict(found)


async def _datasets_of(asking: Asking, reader: Caller, things: Sequence[Thing]) -> Mapping[int, int]:
    """How many datasets samples have."""
    ids = ", ".join(str(thing.id) for thing in things)
    found = await reading.rows(
        asking,
        f"SELECT ds.sample.id, COUNT(ds.id) FROM Dataset ds WHERE ds.sample.id IN ({ids}) GROUP BY ds.sample.id",
        reader,
    )
    return dict(found)


def _sample(asking: Asking, row: Row) -> Cell:
    return Cell(row.thing.name, row.thing.name, href=f"/samples/{row.thing.id}")


def _investigation(asking: Asking, row: Row) -> Cell:
    investigation = row.thing.investigation
    if investigation is None:
        return Cell()
    return Cell(investigation.title, investigation.title, href=f"/investigations/{investigation.id}")


def _count(name: str) -> Column:
    def cell(asking: Asking, row: Row) -> Cell:
        number = row.extras.get(name) or 0
        return Cell(asking.formatting.number(number) if number else "–", number)

    return Column(name, Kind.NUMBER, cell=cell)


def _instrument(asking: Asking, row: Row) -> Cell:
    thing = row.thing
    return Cell(thing.fullName or thing.name, thing.name, href=f"/instruments/{thing.id}")


def _now(asking: Asking, row: Row) -> Cell:
    words, end = asking.visitor.words, row.thing.endDate
    if end is not None and end < asking.now:
        badge = Badge("reserved", words("lists.states.closed_down"), "clock")
    else:
        badge = Badge("online", words("lists.states.in_use"), "beam")
    return Cell("", badge.text, badges=(badge,))


def _publication(asking: Asking, row: Row) -> Cell:
    return Cell(row.thing.title, row.thing.title, href=f"/publications/{row.thing.id}")


def _pid(asking: Asking, row: Row) -> Cell:
    return Cell(row.thing.pid or "", row.thing.pid or "", mono=True)


def _people(asking: Asking, row: Row) -> Cell:
    people = sorted(row.thing.users, key=lambda person: person.orderKey or "")
    names = "; ".join(person.fullName or "" for person in people if person.fullName)
    return Cell(names, names)


SAMPLES = ListOf(
    key="samples",
    entity="Sample",
    columns=(
        Column("name", path="it.name", cell=_sample, nullable=False),
        Column("type", path="type_.name", joins="LEFT JOIN it.type type_"),
        Column("formula", path="type_.molecularFormula", joins="LEFT JOIN it.type type_"),
        Column("investigation", path="it.investigation.title", cell=_investigation, nullable=False, prio=3),
        Column("measured", Kind.DATE, "it.investigation.startDate", prio=3),
        _count("datasets"),
        Column("pid", path="it.pid", cell=_pid, shown=False, prio=3),
    ),
    order=("name",),
    include=("type", "investigation"),
    extras={"datasets": _datasets_of},
)
INSTRUMENTS = ListOf(
    key="instruments",
    entity="Instrument",
    columns=(
        Column("title", path="it.fullName", cell=_instrument),
        Column("name", path="it.name", nullable=False, prio=1),
        Column("type", path="it.type", prio=3),
        _count("investigations"),
        Column("state", cell=_now, prio=1),
        Column("description", path="it.description", shown=False, prio=3),
        Column("pid", path="it.pid", cell=_pid, shown=False, prio=3),
    ),
    order=("name",),
    extras={"investigations": _investigations_of},
)
PUBLICATIONS = ListOf(
    key="publications",
    entity="DataPublication",
    columns=(
        Column("title", path="it.title", cell=_publication, nullable=False),
        Column("pid", path="it.pid", cell=_pid, nullable=False),
        Column("people", cell=_people, prio=3),
        Column("published", Kind.DATE, "it.publicationDate", prio=1),
        Column("type", path="type_.name", joins="LEFT JOIN it.type type_", prio=3),
        Column("subject", path="it.subject", shown=False, prio=3),
    ),
    order=("-published", "title"),
    include=("users", "type"),
)
