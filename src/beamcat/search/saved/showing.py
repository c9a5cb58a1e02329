"""What people are told of an object that was found: what it is called, and where it is to be seen.

It is read from the database with the rights that a caller has at this moment: what may no longer be seen is left out.
Links are the permanent URLs of data (`store.permalinks`); they say how a visit is called, and so are told only of
visits that the caller may see.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any as Json
from urllib.parse import quote

from beamcat.access.caller import Caller
from beamcat.access.rulebooks import Rulebooks
from beamcat.database.naming import quoted, table_name
from beamcat.database.pool import Database
from beamcat.model import ENTITIES
from beamcat.search.pages import Pages
from beamcat.store.permalinks import Names

LONGEST_SUMMARY = 500
"""In characters."""

_TOLD: Mapping[str, tuple[str, ...]] = {
    "Investigation": ("name", "visitId", "title", "summary"),
    "Dataset": ("name", "description", "investigation.title", "visitId"),
    "Datafile": ("name", "description", "dataset.name", "visitId"),
    "Sample": ("name", "investigation.title", "visitId"),
    "Instrument": ("name", "fullName", "description", "url", "pid"),
    "DataPublication": ("title", "description", "pid"),
}
"""Entity -> what is read of its objects."""
_TITLES: Mapping[str, tuple[str, ...]] = {
    "Investigation": ("name", "visitId", "title"),
    "Dataset": ("name", "visitId", "investigation.title"),
    "Datafile": ("name", "dataset.name", "visitId"),
    "Sample": ("name", "visitId", "investigation.title"),
    "Instrument": ("name", "fullName"),
    "DataPublication": ("title",),
}
"""Entity -> what it is called by, the parts one after the other."""
_CALLED: Mapping[str, str] = {
    "Investigation": "Investigation",
    "Dataset": "Dataset",
    "Datafile": "File",
    "Sample": "Sample",
    "Instrument": "Instrument",
    "DataPublication": "Publication",
}

_VISIT = "SELECT it.id, v.id, f.name, v.name, v.visit_id"
_BELOW = "JOIN investigation v ON v.id ="
_OF_VISIT = "JOIN facility f ON f.id = v.facility_id WHERE it.id = ANY(%s::bigint[])"
_PLACES: Mapping[str, str] = {
    "Investigation": f"{_VISIT}, NULL, NULL, NULL FROM investigation it {_BELOW} it.id {_OF_VISIT}",
    "Dataset": f"{_VISIT}, NULL, it.name, NULL FROM dataset it {_BELOW} it.investigation_id {_OF_VISIT}",
    "Datafile": f"{_VISIT}, d.id, d.name, it.name FROM datafile it JOIN dataset d ON d.id = it.dataset_id"
    f" {_BELOW} d.investigation_id {_OF_VISIT}",
    "Sample": f"{_VISIT}, NULL, NULL, NULL FROM sample it {_BELOW} it.investigation_id {_OF_VISIT}",
}
"""Entity -> id, id and names of the visit, id of the dataset above, names of dataset and datafile."""
_DOI = re.compile(r"(?:doi:|https?://(?:dx\.)?doi\.org/)?(10\.[0-9.]+/\S+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Shown:
    """An object for people. `place` is a URL, or the path of one on this server; none: there is no page of it."""

    entity: str
    id: int
    title: str
    summary: str
    place: str | None
    changed: datetime
    """When it was changed the last time."""

    @property
    def kind(self) -> str:
        """What sort of thing it is, for people."""
        return _CALLED[self.entity]

    def link(self, server_url: str) -> str | None:
        """Where it is to be seen. `server_url` is that of this server, without a slash at its end."""
        return f"{server_url}{self.place}" if self.place and self.place.startswith("/") else self.place


class Showing:
    """Reads what people are told."""

    def __init__(self, database: Database, rulebooks: Rulebooks) -> None:
        self._database = database
        self._pages = Pages(database, rulebooks)

    async def show(self, caller: Caller, objects: Sequence[tuple[str, int]]) -> list[Shown]:
        """Those of the objects, given by entity and id, that the caller may see, in this order."""
        by_entity: dict[str, list[int]] = {}
        for entity, identifier in objects:
            by_entity.setdefault(entity, []).append(identifier)
        shown: dict[tuple[str, int], Shown] = {}
        for entity, ids in by_entity.items():
            rows = await self._pages.read(caller, entity, ids, _TOLD[entity])
            places = await self._places(caller, entity, list(rows))
            changed = await self._changed(entity, list(rows))
            for identifier, row in rows.items():
                if identifier in changed:
                    place = places.get(identifier) or _page(row.source)
                    shown[entity, identifier] = _shown(entity, identifier, row.source, place, changed[identifier])
        return [shown[each] for each in objects if each in shown]

    async def _places(self, caller: Caller, entity: str, ids: list[int]) -> Mapping[int, str]:
        if entity not in _PLACES or not ids:
            return {}
        async with self._database.connection() as connection:
            rows = await (await connection.execute(_PLACES[entity].encode(), (ids,))).fetchall()
        visits = await self._readable(caller, "Investigation", {row[1] for row in rows})
        datasets = await self._readable(caller, "Dataset", {row[5] for row in rows if row[5] is not None})
        return {
            row[0]: f"/data{Names(row[2], row[3], row[4], row[6], row[7]).path}"
            for row in rows
            if row[1] in visits and (row[5] is None or row[5] in datasets)
        }

    async def _changed(self, entity: str, ids: list[int]) -> Mapping[int, datetime]:
        table = quoted(table_name(ENTITIES[entity]))
        statement = f"SELECT id, mod_time FROM {table} WHERE id = ANY(%s::bigint[])"  # noqa: S608 - a table of ours
        async with self._database.connection() as connection:
            rows = await (await connection.execute(statement.encode(), (ids,))).fetchall()
        return dict(rows)

    async def _readable(self, caller: Caller, entity: str, ids: set[int]) -> set[int]:
        return set(await self._pages.read(caller, entity, sorted(ids), ("id",)))


def _shown(entity: str, identifier: int, source: Mapping[str, Json], place: str | None, changed: datetime) -> Shown:
    parts = dict.fromkeys(_line(source[name]) for name in _TITLES[entity] if source.get(name))
    title = " - ".join(part for part in parts if part) or f"{_CALLED[entity]} {identifier}"
    summary = _line(source.get("summary") or source.get("description") or "")
    if len(summary) > LONGEST_SUMMARY:
        summary = summary[:LONGEST_SUMMARY].rsplit(" ", 1)[0] + " ..."
    return Shown(entity, identifier, title, summary, place, changed)


def _page(source: Mapping[str, Json]) -> str | None:
    """The page of an instrument or a publication: of its DOI, or its own."""
    doi = _DOI.fullmatch(str(source.get("pid") or "").strip())
    if doi is not None:
        return f"https://doi.org/{quote(doi[1], safe='/:;()._-')}"
    url = str(source.get("url") or "").strip()
    return url if re.fullmatch(r"https?://[^\s<>\"]+", url) else None


def _line(text: Json) -> str:
    """Text on one line, of characters that can be printed, as XML and mails take them."""
    return " ".join("".join(each if each.isprintable() else " " for each in str(text)).split())
