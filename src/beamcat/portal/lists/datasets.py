"""Lists of datasets: of one investigation, and of many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from beamcat.access.caller import Caller
from beamcat.portal import reading
from beamcat.portal.lists.declaring import Cell, Column, Kind, ListOf, Row
from beamcat.portal.lists.where import where_of
from beamcat.portal.page import Asking
from beamcat.portal.reading import Thing
from beamcat.store.requests.items import Kind as Kept

TECHNIQUE = "EXISTS (SELECT dt FROM DatasetTechnique dt WHERE dt.dataset = it AND {})"


async def techniques_of(asking: Asking, reader: Caller, things: Sequence[Thing]) -> Mapping[int, str]:
    """The techniques of datasets, by the id of the dataset."""
    ids = ", ".join(str(thing.id) for thing in things)
    found = await reading.rows(
        asking,
        "SELECT dt.dataset.id, t.name FROM DatasetTechnique dt JOIN dt.technique t"
        f" WHERE dt.dataset.id IN ({ids}) ORDER BY t.name",
        reader,
    )
    names: dict[int, list[str]] = {}
    for identifier, name in found:
        names.setdefault(identifier, []).append(name)
    return {identifier: ", ".join(each) for identifier, each in names.items()}


def _name(asking: Asking, row: Row) -> Cell:
    return Cell(row.thing.name, row.thing.name, href=f"/datasets/{row.thing.id}")


def _sample(asking: Asking, row: Row) -> Cell:
    sample = row.thing.sample
    return Cell() if sample is None else Cell(sample.name, sample.name, href=f"/samples/{sample.id}")


def _type(asking: Asking, row: Row) -> Cell:
    kind = row.thing.type
    return Cell() if kind is None else Cell(kind.name, kind.name)


def _technique(asking: Asking, row: Row) -> Cell:
    names = row.extras.get("techniques") or ""
    return Cell(names, names)


def _investigation(asking: Asking, row: Row) -> Cell:
    investigation = row.thing.investigation
    if investigation is None:
        return Cell()
    return Cell(investigation.title, investigation.title, href=f"/investigations/{investigation.id}")


def _year(asking: Asking, row: Row) -> Cell:
    start = row.thing.startDate
    year = "" if start is None else str(start.astimezone(asking.formatting.zone).year)
    return Cell(year, year)


def _state(asking: Asking, row: Row) -> Cell:
    badge = row.extras.get("where")
    return Cell() if badge is None else Cell("", badge.text, badges=(badge,))


def _card(asking: Asking, row: Row) -> Cell:
    sample = row.thing.sample
    facts = ["" if sample is None else sample.name, row.extras.get("techniques") or ""]
    facts.append(asking.formatting.date(row.thing.startDate))
    size = asking.formatting.size(row.thing.fileSize) if row.thing.fileSize else ""
    return Cell(" · ".join(fact for fact in facts if fact), sub=size, badges=_state(asking, row).badges)


def _picture(row: Row) -> str:
    return f"/thumbnails/{row.thing.id}"


COLUMNS = (
    Column("name", path="it.name", cell=_name, nullable=False),
    Column(
        "type",
        Kind.CHOICE,
        "it.type.name",
        _type,
        nullable=False,
        asked_options="SELECT DISTINCT t.name FROM DatasetType t ORDER BY t.name",
        prio=3,
    ),
    Column("sample", path="sample_.name", joins="LEFT JOIN it.sample sample_", cell=_sample),
    Column(
        "technique",
        Kind.CHOICE,
        "dt.technique.name",
        _technique,
        within=TECHNIQUE,
        asked_options="SELECT t.name FROM Technique t ORDER BY t.name",
        facet=" JOIN it.datasetTechniques dt",
        prio=3,
    ),
    Column("start", Kind.DATE, "it.startDate"),
    Column("year", Kind.CHOICE, cell=_year, years="it.startDate", shown=False, prio=3),
    Column("end", Kind.DATE, "it.endDate", shown=False, prio=3),
    Column("files", Kind.NUMBER, "it.fileCount", prio=3),
    Column("size", Kind.SIZE, "it.fileSize", prio=1),
    Column("state", cell=_state, prio=1),
    Column("investigation", path="it.investigation.title", cell=_investigation, nullable=False, prio=3),
    Column("description", path="it.description", shown=False, prio=3),
    Column("doi", path="it.doi", shown=False, prio=3),
)

DATASETS = ListOf(
    key="datasets",
    entity="Dataset",
    columns=tuple(column for column in COLUMNS if column.key != "investigation"),
    order=("-start", "name"),
    include=("type", "sample"),
    extras={"techniques": techniques_of, "where": where_of(Kept.DATASET)},
    basket="dataset",
    sizes="it.fileSize",
    card=_card,
    picture=_picture,
)
"""Those of one investigation, or of something else that is narrow."""
ALL_DATASETS = ListOf(
    key="all_datasets",
    entity="Dataset",
    columns=COLUMNS,
    order=("name",),
    include=("type", "sample", "investigation"),
    extras={"techniques": techniques_of, "where": where_of(Kept.DATASET)},
    basket="dataset",
    sizes="it.fileSize",
    card=_card,
    picture=_picture,
    seen_as="datasets",
)
"""Those of many investigations, told with each."""
