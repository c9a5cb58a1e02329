"""Objects that the rows of a dump refer to by key, found for many rows at once (ICAT specification G.3).

One statement per shape of key and batch, whatever the number of rows; what was found is kept while it is likely to be
asked for again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from beamcat.catalogue.drafts import Value
from beamcat.catalogue.dump.headers import ByKey, Selector
from beamcat.catalogue.lookups import array_type, column
from beamcat.database.naming import quoted, table_name
from beamcat.database.pool import Connection
from beamcat.model import ENTITIES, Entity, ToOne

KEYS_KEPT = 20_000
"""Objects an import remembers."""

SEVERAL = -1
"""Stands for the id of a key that several objects have."""

Key = tuple[Value, ...]
_Known = tuple[str, tuple[Selector, ...], Key]


class KnownKeys:
    """The ids of the objects that one import has looked up; the one not used for longest is forgotten first."""

    def __init__(self, kept: int = KEYS_KEPT) -> None:
        self._kept = kept
        self._ids: OrderedDict[_Known, int] = OrderedDict()

    def __len__(self) -> int:
        """How many objects it remembers now."""
        return len(self._ids)

    async def find(self, connection: Connection, reference: ByKey, keys: Iterable[Key]) -> dict[Key, int]:
        """The ids by key; `SEVERAL` for a key that is not enough, nothing for one that no object has."""
        target = ENTITIES[reference.relation.target]
        shape = (target.name, reference.selectors)
        found: dict[Key, int] = {}
        unknown: list[Key] = []
        for key in dict.fromkeys(keys):
            known = self._ids.get((*shape, key))
            if known is None:
                unknown.append(key)
            else:
                self._ids.move_to_end((*shape, key))
                found[key] = known
        if unknown:
            for key, identifier in (await _look_up(connection, target, reference.selectors, unknown)).items():
                found[key] = identifier
                if identifier != SEVERAL:
                    self._ids[*shape, key] = identifier
            while len(self._ids) > self._kept:
                self._ids.popitem(last=False)
        return found


async def _look_up(
    connection: Connection, target: Entity, selectors: tuple[Selector, ...], keys: list[Key]
) -> dict[Key, int]:
    owners: dict[tuple[str, ...], tuple[str, Entity]] = {(): ("t", target)}
    joins: list[str] = []
    conditions: list[str] = []
    arrays: list[str] = []
    for place, selector in enumerate(selectors):
        alias, owner = _joined(selector.path, owners, joins)
        conditions.append(f"{alias}.{column(owner, selector.attribute)} = k.k{place}")
        arrays.append(f"%s::{array_type(owner, selector.attribute)}")
    names = ", ".join(f"k{place}" for place in range(len(selectors)))
    cursor = await connection.execute(
        f"SELECT k.place, min(t.id), count(*) FROM unnest({', '.join(arrays)}) WITH ORDINALITY AS k({names}, place)"
        f" CROSS JOIN {quoted(table_name(target))} t {' '.join(joins)}"
        f" WHERE {' AND '.join(conditions)} GROUP BY k.place",
        [list(values) for values in zip(*keys, strict=True)],
    )
    return {keys[place - 1]: SEVERAL if count > 1 else least for place, least, count in await cursor.fetchall()}


def _joined(
    path: tuple[str, ...], owners: dict[tuple[str, ...], tuple[str, Entity]], joins: list[str]
) -> tuple[str, Entity]:
    """The alias and entity at the end of a path of relations, joined when it is not yet."""
    if path not in owners:
        alias, owner = _joined(path[:-1], owners, joins)
        relation = owner.fields[path[-1]]
        assert isinstance(relation, ToOne)
        target = ENTITIES[relation.target]
        name = f"t{len(owners)}"
        joins.append(f"JOIN {quoted(table_name(target))} {name} ON {name}.id = {alias}.{column(owner, relation.name)}")
        owners[path] = (name, target)
    return owners[path]
