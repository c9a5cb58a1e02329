"""Permanent URLs of investigations, datasets and datafiles: by their names, which are unique (data service, E.8).

`/<facility>/<investigation>/<visit>[/<dataset>[/<datafile>]]`, each name percent-encoded; only the name of a datafile
may have slashes of its own. Names that a path cannot carry go into the query, and the dataset in the path is then `-`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, cast
from urllib.parse import quote, unquote_to_bytes, urlencode

from beamcat.access.caller import Caller
from beamcat.database.pool import Database
from beamcat.errors import NoSuchObject
from beamcat.store.former_names import FormerNames, Tombstone
from beamcat.store.selection import File, Selections, Total, Wanted
from beamcat.store.storage.contract import DatasetPlace

BESIDE = "-"
"""In place of a dataset: the names are in the query."""
UNCARRIED = frozenset({"", ".", ".."})
"""What clients and proxies remove from paths, however it is encoded."""
SUFFIXES = ("meta4", "zip", "tar")
"""What can be asked for by the end of a URL, where nothing is really called so."""
NAMES_IN_QUERY = frozenset({"facility", "investigation", "visitId", "dataset", "datafile"})
"""Parameters that hold names a path cannot carry."""
LISTED = 1000
"""Datasets or files of a listing."""

_FIND = """
SELECT i.id, d.id, f.id
  FROM facility
  JOIN investigation i ON i.facility_id = facility.id
  LEFT JOIN dataset d ON d.investigation_id = i.id AND d.name = %(dataset)s
  LEFT JOIN datafile f ON f.dataset_id = d.id AND f.name = %(datafile)s
 WHERE facility.name = %(facility)s AND i.name = %(investigation)s AND i.visit_id = %(visit_id)s
"""


@dataclass(frozen=True, slots=True)
class Names:
    """What names a thing with data. Without `datafile` it is a dataset, and without `dataset` an investigation."""

    facility: str
    investigation: str
    visit_id: str
    dataset: str | None = None
    datafile: str | None = None

    @property
    def last(self) -> str:
        """What to call it: the last part of its name."""
        if self.datafile is not None:
            return self.datafile.rpartition("/")[2] or "data"
        return self.dataset if self.dataset is not None else f"{self.investigation}-{self.visit_id}"

    @property
    def path(self) -> str:
        """The permanent URL, from below `/data` on."""
        around = {"facility": self.facility, "investigation": self.investigation, "visitId": self.visit_id}
        inside = {"dataset": self.dataset, "datafile": self.datafile}
        below = [] if self.dataset is None else [self.dataset]
        if self.datafile is not None:
            below += self.datafile.split("/")
        parts = [*around.values(), *below]
        if UNCARRIED.isdisjoint(parts) and self.dataset != BESIDE:
            return "".join(f"/{_encoded(part)}" for part in parts)
        path = "".join(f"/{BESIDE if part in UNCARRIED else _encoded(part)}" for part in around.values())
        query = {name: part for name, part in around.items() if part in UNCARRIED}
        query |= {name: part for name, part in inside.items() if part is not None}
        return f"{path}/{BESIDE}/?{urlencode(query, quote_via=quote, safe='')}"


@dataclass(frozen=True, slots=True)
class Place:
    """What a permanent URL leads to. `suffix` is one of `SUFFIXES`, or empty.

    `has_moved` says that the URL has former names in it; those of now are `names`.
    """

    names: Names
    wanted: Wanted
    suffix: str = ""
    has_moved: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """What there is at a place, as far as the caller may read it: at most `LISTED` datasets or files by name."""

    total: Total
    datasets: tuple[DatasetPlace, ...]
    files: tuple[File, ...]


class NoSuchPlace(NoSuchObject):
    """Nothing is called so."""

    def __init__(self) -> None:
        super().__init__("There are no data of that name")


class Gone(NoSuchPlace):
    """What was called so had a DOI, and was deleted."""

    def __init__(self, tombstone: Tombstone) -> None:
        super().__init__()
        what = f" of {tombstone.title}" if tombstone.title else ""
        self.message = (
            f"The {tombstone.kind}{what} with the DOI {tombstone.doi} was deleted on {tombstone.deleted:%d %B %Y}; "
            "its data are no longer available"
        )
        self.tombstone = tombstone


def names_in(path: str, query: Mapping[str, str]) -> Names:
    """The names in a URL whose path, from below `/data` on, is still encoded. Raises `NoSuchPlace`."""
    first, *parts = path.split("/")
    try:
        decoded = [unquote_to_bytes(part).decode() for part in parts]
    except UnicodeDecodeError:
        raise NoSuchPlace from None
    if first or len(parts) < 3:
        raise NoSuchPlace
    facility, investigation, visit_id, *below = decoded
    if parts[3:] == [BESIDE, ""]:
        around = (
            query.get("facility", facility),
            query.get("investigation", investigation),
            query.get("visitId", visit_id),
        )
        names = Names(*around, query.get("dataset"), query.get("datafile"))
    elif below[:1] == [BESIDE] or not UNCARRIED.isdisjoint(decoded):
        raise NoSuchPlace
    else:
        names = Names(facility, investigation, visit_id, below[0] if below else None, "/".join(below[1:]) or None)
    if any("\0" in (part or "") for part in (names.facility, names.investigation, names.visit_id)) or any(
        "\0" in (part or "") for part in (names.dataset, names.datafile)
    ):
        raise NoSuchPlace
    return names


def file_names(dataset: DatasetPlace, datafile: str | None = None) -> Names:
    """The names of a dataset, or of a datafile in it."""
    return Names(dataset.facility, dataset.investigation, dataset.visit_id, dataset.name, datafile)


class Permalinks:
    """Finds what permanent URLs lead to."""

    def __init__(self, database: Database, selections: Selections) -> None:
        self._database = database
        self._selections = selections
        self._former = FormerNames(database)

    async def find(self, names: Names) -> Place:
        """What is called so, or was. Whether the caller may read it is not looked at.

        Raises `NoSuchPlace`, and `Gone` where that is known.
        """
        readings = _readings(names)
        for read, suffix in readings:
            found = await self._wanted(read)
            if found is not None:
                return Place(read, found, suffix)
        gone: Tombstone | None = None
        for read, suffix in readings:
            parts = (read.facility, read.investigation, read.visit_id, read.dataset, read.datafile)
            former = await self._former.follow(parts)
            if isinstance(former, Tombstone):
                gone = gone or former
            elif former is not None:
                return Place(Names(*former.parts), former.wanted, suffix, has_moved=True)
        raise Gone(gone) if gone else NoSuchPlace

    async def require_readable(self, caller: Caller, place: Place) -> None:
        """Raise `Forbidden` when the caller may not read it."""
        async with self._selections.select(caller, place.wanted) as selected:
            if place.names.datafile is not None:
                await selected.total()

    async def listing(self, caller: Caller, place: Place) -> Listing:
        """What there is. Raises `Forbidden` when the caller may not read it."""
        files: list[File] = []
        async with self._selections.select(caller, place.wanted) as selected:
            total = await selected.total()
            datasets = tuple(selected.datasets.values())[:LISTED]
            if place.names.dataset is not None:
                async with aclosing(cast(Any, selected.files())) as runs:
                    files = (await anext(runs, []))[:LISTED]
        return Listing(total, datasets, tuple(files))

    async def _wanted(self, names: Names) -> Wanted | None:
        asked = {
            "facility": names.facility,
            "investigation": names.investigation,
            "visit_id": names.visit_id,
            "dataset": names.dataset,
            "datafile": names.datafile,
        }
        async with self._database.connection() as connection:
            row = await (await connection.execute(_FIND, asked)).fetchone()
        if row is None:
            return None
        investigation, dataset, datafile = row
        if names.datafile is not None:
            return None if datafile is None else Wanted(datafiles=(datafile,))
        if names.dataset is not None:
            return None if dataset is None else Wanted(datasets=(dataset,))
        return Wanted(investigations=(investigation,))


def _readings(names: Names) -> list[tuple[Names, str]]:
    """What names may mean: what they say, or with a suffix taken off, which is the second of each."""
    readings = [(names, "")]
    stem, _, suffix = (names.visit_id if names.dataset is None else names.dataset).rpartition(".")
    if names.datafile is None and suffix in SUFFIXES:
        readings.append((replace(names, **{"visit_id" if names.dataset is None else "dataset": stem}), suffix))
    return readings


def _encoded(name: str) -> str:
    return quote(name, safe="")
