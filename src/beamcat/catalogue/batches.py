"""The rows of one creation, grouped by entity, with their ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple

from beamcat.catalogue.cascade import parents_first
from beamcat.catalogue.drafts import Draft
from beamcat.catalogue.new_ids import new_ids
from beamcat.catalogue.rows import Row, RowShape, shape_of
from beamcat.catalogue.writing import Manner, Writing
from beamcat.model import ENTITIES, Entity, icat_entity


class Parent(NamedTuple):
    """Below which object new ones are made: the relation that leads to it, and its id."""

    relation: str
    id: int


Numbered = tuple[int, Draft]
"""A draft and the index of the client's element it belongs to. Indexes never decrease within a list."""


@dataclass(slots=True)
class Batch:
    """The new objects of one entity: their rows, the index of the client's element for each, and their unique keys.

    `checked` are the places of the rows whose creation needs the caller's right: those of the objects that the call
    names. The others are created with an object above them.
    """

    shape: RowShape
    ids: list[int]
    rows: list[Row] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    keys: list[tuple[Any, ...]] = field(default_factory=list)
    checked: list[int] = field(default_factory=list)

    @property
    def entity(self) -> Entity:
        """The entity of all rows."""
        return self.shape.entity

    def named_ids(self) -> Sequence[int]:
        """The ids of the objects that the call names."""
        return self.ids if len(self.checked) == len(self.ids) else [self.ids[place] for place in self.checked]

    def ids_below(self) -> Sequence[int]:
        """The ids of the objects that are created with an object above them."""
        if len(self.checked) == len(self.ids):
            return ()
        named = set(self.checked)
        return [identifier for place, identifier in enumerate(self.ids) if place not in named]

    def in_key_order(self) -> list[Row]:
        """The rows in the order of their unique keys, which is kinder to the indexes. Keys hold no null by now."""
        if not self.entity.unique:
            return self.rows
        return [row for _, row in sorted(zip(self.keys, self.rows, strict=True), key=itemgetter(0))]


@dataclass(slots=True)
class Batches:
    """All new objects of one creation. `top_ids` are those of the drafts themselves, in their order."""

    by_entity: dict[Entity, Batch]
    top_ids: list[int]

    def __iter__(self) -> Iterator[Batch]:
        """Parents first."""
        return (self.by_entity[entity] for entity in parents_first() if entity in self.by_entity)


async def batches_of(writing: Writing, drafts: Sequence[Numbered], parent: Parent | None) -> Batches:
    """The rows of these drafts and of all below them, with ids taken for them.

    `BadParameter` for an entity that is not ICAT's.
    """
    counts = count_by_entity([draft for _, draft in drafts])
    for entity in counts:
        icat_entity(entity.name)
    by_entity = {
        entity: Batch(shape_of(entity), await new_ids(writing, entity, count)) for entity, count in counts.items()
    }
    builder = _Builder(writing, by_entity)
    batches = Batches(by_entity, [builder.add(draft, offset, parent, top=True) for offset, draft in drafts])
    await _copy_investigations(writing, batches)
    for batch in batches:
        if batch.entity.unique:
            batch.keys = list(map(batch.shape.key_of, batch.rows))
    return batches


def count_by_entity(drafts: Iterable[Draft]) -> dict[Entity, int]:
    """How many objects of each entity these drafts create, nested ones counted."""
    counts: dict[Entity, int] = {}
    _count(drafts, counts)
    return counts


def _count(drafts: Iterable[Draft], counts: dict[Entity, int]) -> None:
    for draft in drafts:
        counts[draft.entity] = counts.get(draft.entity, 0) + 1
        if draft.to_many:
            for children in draft.to_many.values():
                _count(children, counts)


class _Builder:
    """Puts drafts into their batches, each before its children."""

    def __init__(self, writing: Writing, batches: dict[Entity, Batch]) -> None:
        self._batches = batches
        self._user = writing.caller.name
        self._now = writing.now
        self._counts_maintained = writing.counts_maintained
        self._all_checked = writing.manner is Manner.MEMBERS

    def add(self, draft: Draft, offset: int, parent: Parent | None, *, top: bool) -> int:
        """Add the draft and all below it; its new id."""
        batch = self._batches[draft.entity]
        place = len(batch.rows)
        identifier = batch.ids[place]
        row = batch.shape.row(identifier, self._user, self._now, draft, counts_maintained=self._counts_maintained)
        if draft.stamp is not None:
            row[1:5] = draft.stamp.over(row[1:5])
        if parent is not None:
            row[batch.shape.position[parent.relation]] = parent.id
        batch.rows.append(row)
        batch.offsets.append(offset)
        if top or self._all_checked:
            batch.checked.append(place)
        if draft.to_many:
            for below in draft.entity.to_many:
                for child in draft.to_many.get(below.name, ()):
                    self.add(child, offset, Parent(below.by, identifier), top=False)
        return identifier


async def _copy_investigations(writing: Writing, batches: Batches) -> None:
    """Datafiles carry the investigation of their dataset. The datasets stay where they are until the commit."""
    datafiles = batches.by_entity.get(ENTITIES["Datafile"])
    if datafiles is None:
        return
    datasets = batches.by_entity.get(ENTITIES["Dataset"])
    investigation_of: dict[int | None, int | None] = {}
    if datasets is not None:
        place = datasets.shape.position["investigation"]
        investigation_of.update((row[0], row[place]) for row in datasets.rows)
    place = datafiles.shape.position["dataset"]
    elsewhere = {row[place] for row in datafiles.rows} - investigation_of.keys() - {None}
    if elsewhere:
        cursor = await writing.connection.execute(
            "SELECT id, investigation_id FROM dataset WHERE id = ANY(%s::bigint[]) ORDER BY id FOR KEY SHARE",
            [list(elsewhere)],
        )
        investigation_of.update(await cursor.fetchall())
    for row in datafiles.rows:
        row[-1] = investigation_of.get(row[place])
