"""From what has changed to the documents that hold something of it.

Documents declare paths through the model to all that they read. Followed backwards, a path leads from objects that have
changed to the documents. What was deleted leads nowhere any more, and what was moved leads to its new place alone:
there the events themselves say what it belonged to (`Event.former`), and the rest of the path is followed from that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from beamcat.database.naming import column_name, quoted, table_name
from beamcat.database.outbox import ChangeKind
from beamcat.events.event import Event
from beamcat.model import ENTITIES, Entity, ToMany, ToOne
from beamcat.search.documents.statement import Documents

CREATED, UPDATED, DELETED = ChangeKind.CREATED, ChangeKind.UPDATED, ChangeKind.DELETED

Ranges = Sequence[tuple[int, int]]
"""First and last id of each run."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A way from objects to documents.

    `text` is the statement for the ids of the documents, in order: from ids of objects, after an id, at most so many.
    Without it, the ids are those of the documents.
    """

    documents: str
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Follow:
    """When a walk has to be gone: after these kinds of changes of objects of one entity.

    With `owner`, from what they belonged to before, an object of that entity; else from themselves. With `moved_from`,
    updates count only if they have left one of that entity.
    """

    walk: Walk
    kinds: frozenset[ChangeKind]
    owner: str | None = None
    moved_from: str | None = None

    def sources(self, event: Event) -> Ranges:
        """Where the walk begins after an event of the entity; nowhere if it does not matter."""
        if event.operation not in self.kinds:
            return ()
        if event.operation is UPDATED and self.moved_from is not None and self.moved_from not in event.former:
            return ()
        return event.ids if self.owner is None else event.former.get(self.owner, ())


Follows = Mapping[str, Sequence[Follow]]


def follows(documents: Mapping[str, Documents], *, counted: bool) -> Follows:
    """What has to be followed, by the entity of the event. `counted`: the database counts files in their datasets."""
    found: dict[str, dict[Follow, None]] = {}
    for entity, declared in documents.items():
        itself = Follow(Walk(entity), frozenset(ChangeKind))
        found.setdefault(entity, {})[itself] = None
        read = (*declared.reads, *(declared.counts if counted else ()))
        for path in (*read, *declared.links):
            steps = steps_of(ENTITIES[entity], path)
            for length in range(1, len(steps) + 1):
                name = steps[length - 1][1].target
                for follow in _follows_of(entity, steps, length, is_read=length == len(steps) and path in read):
                    found.setdefault(name, {})[follow] = None
    return {name: tuple(each) for name, each in found.items()}


Step = tuple[Entity, ToOne | ToMany]
"""An entity, and the relation by which a path goes on from it."""


def steps_of(entity: Entity, path: str) -> list[Step]:
    """The steps of a path that begins at an entity."""
    steps: list[Step] = []
    for name in path.split("."):
        relation = entity.members[name]
        assert isinstance(relation, ToOne | ToMany), path
        steps.append((entity, relation))
        entity = ENTITIES[relation.target]
    return steps


def _follows_of(documents: str, steps: Sequence[Step], length: int, *, is_read: bool) -> Iterator[Follow]:
    """What follows from changes of the objects that are so many steps away."""
    here = _walk(documents, steps[:length])
    before, relation = steps[length - 1]
    is_many, is_last = isinstance(relation, ToMany), length == len(steps)
    if is_read:
        # what others refer to is there before them, and they tell of themselves
        yield Follow(here, frozenset({CREATED, UPDATED} if is_many else {UPDATED}))
    elif is_many:
        yield Follow(here, frozenset({CREATED, UPDATED} if is_last else {UPDATED}), moved_from=before.name)
    if is_many:
        yield Follow(_walk(documents, steps[: length - 1]), frozenset({UPDATED, DELETED}), owner=before.name)
    if not is_last and isinstance(steps[length][1], ToOne):
        yield Follow(here, frozenset({UPDATED}), moved_from=steps[length][1].target)


def _walk(documents: str, steps: Sequence[Step]) -> Walk:
    """The steps backwards: from ids of the objects they lead to."""
    if not steps:
        return Walk(documents)
    tables: list[str] = []
    condition, reached = "", ""
    for number, (entity, relation) in reversed(list(enumerate(steps))):
        alias = f"t{number}"
        if isinstance(relation, ToOne):
            key = f"{alias}.{quoted(column_name(relation))}"
            table, left, after = table_name(entity), key, f"{alias}.id"
        else:
            many = ENTITIES[relation.target]
            by = many.members[relation.by]
            assert isinstance(by, ToOne)
            if reached.endswith(".id"):  # its row is there already
                reached = f"{reached.removesuffix('.id')}.{quoted(column_name(by))}"
                continue
            table, left, after = table_name(many), f"{alias}.id", f"{alias}.{quoted(column_name(by))}"
        if reached:
            tables.append(f"JOIN {quoted(table)} {alias} ON {left} = {reached}")
        else:
            tables.append(f"{quoted(table)} {alias}")
            condition = left
        reached = after
    found = f"SELECT DISTINCT {reached} AS id FROM {' '.join(tables)} WHERE {condition} = ANY(%s::bigint[]) OFFSET 0"  # noqa: S608
    # OFFSET 0 keeps PostgreSQL from going through the whole table in the order of ids
    return Walk(documents, f"SELECT id FROM ({found}) found WHERE id > %s ORDER BY id LIMIT %s")  # noqa: S608
