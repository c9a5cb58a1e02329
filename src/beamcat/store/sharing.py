"""What shares show: of a selection, what its owner may read at the moment, and nothing else.

Everything is asked with the rights of the owner, and only of things that are in the selection or lie in something that
is. Whoever has the key needs no rights of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from beamcat.access.caller import Caller, Scope
from beamcat.access.rulebooks import Rulebooks
from beamcat.access.shares import Offer, Selection, Share, Shares
from beamcat.catalogue.search import Searches
from beamcat.database.pool import Database
from beamcat.errors import Forbidden, NoSuchObject
from beamcat.query.result import Record, stored_attributes
from beamcat.store.downloads import Download
from beamcat.store.requests.contents import Contents, Line
from beamcat.store.requests.items import Catalogued, Item, Kind, Reference, wanted_of
from beamcat.store.selection import Total
from beamcat.store.service import DataService, Form
from beamcat.store.units.locks import Reading

_FULL_NAME = 'SELECT full_name FROM "user" WHERE name = %s'

PAGE = 200
"""Things of one page."""


@dataclass(frozen=True, slots=True)
class Inside:
    """A page of what lies in something, by id; `more`: there is more after the last one."""

    lines: list[Line]
    more: bool


class Sharing:
    """Makes shares, and shows them."""

    def __init__(
        self,
        database: Database,
        shares: Shares,
        rulebooks: Rulebooks,
        searches: Searches,
        data: DataService,
        *,
        catalogued: Catalogued,
        contents: Contents,
    ) -> None:
        self.shares = shares
        self._database = database
        self._rulebooks = rulebooks
        self._searches = searches
        self._data = data
        self._catalogued = catalogued
        self._contents = contents

    async def offer(
        self,
        owner: Caller,
        name: str,
        references: Sequence[Reference],
        expires: datetime,
        now: datetime,
        *,
        blinded: bool,
    ) -> tuple[Share, str]:
        """Share what the owner may read; the share and its key. Raises `Forbidden` when they may not read all of it."""
        owner.require(Scope.READ)
        found = {Reference(item.kind, item.id) for item in await self._catalogued.items(owner, references)}
        if not found.issuperset(references):
            raise Forbidden(
                "You can share only what you may read yourself; some of this is not there, or not open to you"
            )
        wanted = wanted_of(dict.fromkeys(references))
        selection = Selection(wanted.investigations, wanted.datasets, wanted.datafiles)
        return await self.shares.make(Offer(owner.name, name, selection, expires, blinded), now)

    async def owner(self, share: Share) -> Caller:
        """With whose rights a share is read: its owner's of now, for reading alone."""
        return replace(await self._rulebooks.caller(share.owner), scopes=frozenset({Scope.READ}))

    async def lines(self, share: Share) -> list[Line]:
        """What is shared, as far as the owner may still read it."""
        return await self._contents.lines(await self.owner(share), references_of(share))

    async def find(self, share: Share, reference: Reference) -> Line:
        """Something in the share. Raises `NoSuchObject` for what is not in it, as for what is not there."""
        owner = await self.owner(share)
        items = await self._catalogued.items(owner, [reference])
        if not items or not is_within(share, items[0]):
            raise NoSuchObject("There is nothing of that in this link")
        return (await self._contents.lines(owner, [reference]))[0]

    async def inside(self, share: Share, reference: Reference, after: int = 0) -> Inside:
        """The datasets of an investigation, or the datafiles of a dataset, that have an id beyond `after`."""
        line = await self.find(share, reference)
        below, relation = (
            (Kind.DATASET, "investigation") if line.kind is Kind.INVESTIGATION else (Kind.DATAFILE, "dataset")
        )
        owner = await self.owner(share)
        query = (
            f"SELECT o FROM {below.value.capitalize()} o WHERE o.{relation}.id = {line.id} AND o.id > {after}"  # noqa: S608
            f" ORDER BY o.id LIMIT 0, {PAGE + 1}"
        )
        ids = [record.id for record in await self._records(owner, query)]
        lines = await self._contents.lines(owner, [Reference(below, each) for each in ids[:PAGE]])
        return Inside(lines, len(ids) > PAGE)

    async def chosen(self, share: Share, references: Sequence[Reference] = ()) -> list[Reference]:
        """What is to be downloaded of a share: what is named, which has to be in it, or all of it."""
        if not references:
            return [line.reference for line in await self.lines(share)]
        items = await self._catalogued.items(await self.owner(share), references)
        found = {Reference(item.kind, item.id) for item in items if is_within(share, item)}
        if not found.issuperset(references):
            raise NoSuchObject("There is nothing of that in this link")
        return list(references)

    async def total(self, share: Share, references: Sequence[Reference]) -> Total:
        """How much that is, exactly."""
        return await self._data.total(await self.owner(share), wanted_of(references))

    async def download(self, share: Share, references: Sequence[Reference], form: Form, reading: Reading) -> Download:
        """The bytes of what `chosen` has let through. Raises what `DataService.download` does."""
        if not references:
            raise NoSuchObject("There is nothing in this link any more that could be downloaded")
        return await self._data.download(await self.owner(share), wanted_of(references), form, reading)

    async def people(self, share: Share) -> list[tuple[str, str]]:
        """The names and roles of those whose data are shared, as far as the owner may read them; none if `blinded`."""
        if share.blinded or not share.selection.investigations:
            return []
        ids = ", ".join(map(str, share.selection.investigations[:100]))
        query = (
            f"SELECT iu FROM InvestigationUser iu WHERE iu.investigation.id IN ({ids}) ORDER BY iu.role, iu.id"  # noqa: S608
            " LIMIT 0, 50 INCLUDE iu.user"
        )
        found: dict[tuple[str, str], None] = {}
        for link in await self._records(await self.owner(share), query):
            user = link.related.get("user")
            if isinstance(user, Record):
                told = dict(zip([each.name for each in stored_attributes(user.entity)], user.values, strict=False))
                role = dict(zip([each.name for each in stored_attributes(link.entity)], link.values, strict=False))
                found[str(told.get("fullName") or ""), str(role.get("role") or "")] = None
        return [(name, role) for name, role in found if name]

    async def shared_by(self, share: Share) -> str:
        """The full name of its owner, as far as the catalogue has one; empty if `blinded`."""
        if share.blinded:
            return ""
        async with self._database.connection() as connection:
            row = await (await connection.execute(_FULL_NAME, (share.owner,))).fetchone()
        return str((row and row[0]) or "")

    async def _records(self, caller: Caller, query: str) -> list[Record]:
        try:
            rows = (await self._searches.search(caller, query)).rows
        except Forbidden:
            return []
        return [row[0] for row in rows if isinstance(row[0], Record)]


def references_of(share: Share) -> list[Reference]:
    """What is shared."""
    selection = share.selection
    return [
        *(Reference(Kind.INVESTIGATION, each) for each in selection.investigations),
        *(Reference(Kind.DATASET, each) for each in selection.datasets),
        *(Reference(Kind.DATAFILE, each) for each in selection.datafiles),
    ]


def is_within(share: Share, item: Item) -> bool:
    """Whether something is in the selection itself, or lies in something that is."""
    selection = share.selection
    match item.kind:
        case Kind.INVESTIGATION:
            return item.id in selection.investigations
        case Kind.DATASET:
            return item.id in selection.datasets or item.investigation in selection.investigations
        case Kind.DATAFILE:
            return (
                item.id in selection.datafiles
                or item.dataset in selection.datasets
                or item.investigation in selection.investigations
            )
