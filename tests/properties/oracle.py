"""What a caller must get for a search: the rows, what he may see of them, and what INCLUDE brings along.

Sections E.3, E.5 and E.6 of the specification by brute force: every rule is asked about every object.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from beamcat.model import BASE_ATTRIBUTES, ENTITIES, Attribute, Entity, ToMany, ToOne
from beamcat.query.tree import Aggregate, FromPath, Include, Path, Query

from .evaluate import Evaluator, Frame, Scope
from .names import entity_of, is_entity, members_of, paths_in, types_of
from .world import Thing, World

Ids = frozenset[int]


@dataclass(frozen=True)
class OracleRule:
    """A rule: who it is for (None: everybody), what one may do, and the query of the objects.

    `attribute` is the only member that it allows to update; None for the whole object.
    """

    grouping: int | None
    flags: str
    what: str
    query: Query
    attribute: str | None = None

    @property
    def path(self) -> Path:
        path = self.query.select[0]
        assert isinstance(path, Path)
        return path

    @property
    def entity(self) -> str:
        return types_of(self.query, {})[self.path.variable].name

    @property
    def restricted(self) -> bool:
        """WHERE, a join other than LEFT JOIN, or a second entity."""
        joined = any(not (isinstance(source, FromPath) and source.left) for source in self.query.sources[1:])
        return self.query.where is not None or joined


@dataclass
class Permissions:
    """What one user may read in a world under a set of rules."""

    world: World
    rules: Sequence[OracleRule]
    user: str
    root: bool = False
    _known: dict[str, Ids | str] = field(default_factory=dict)

    def groups(self) -> Ids:
        """The groupings a User of that name is a member of."""
        members = (self.world.one(link, "user") for link in self.world.all("UserGroup"))
        links = zip(self.world.all("UserGroup"), members, strict=True)
        return frozenset(
            link.links["grouping"] or 0 for link, user in links if user and user.values["name"] == self.user
        )

    def readable(self, entity: str) -> Ids | str:
        """`everything`, `nothing` (no rule at all), or the ids that some rule selects."""
        if entity not in self._known:
            self._known[entity] = self.allowed(entity, "R")
        return self._known[entity]

    def allowed(self, entity: str, letter: str, attribute: str | None = None) -> Ids | str:
        """The same for any operation, and for updates of one member by rules for that member alone."""
        if self.root:
            return "everything"
        applicable = self.applicable(entity, letter, attribute)
        if not applicable:
            return "nothing"
        if any(not rule.restricted for rule in applicable):
            return "everything"
        return frozenset(thing.id for rule in applicable for thing in self._selected(rule))

    def applicable(self, entity: str, letter: str = "R", attribute: str | None = None) -> list[OracleRule]:
        """The rules about an entity, or a member of it, that hold for the user and allow the operation."""
        groups = self.groups()
        return [
            rule
            for rule in self.rules
            if (rule.entity, rule.attribute) == (entity, attribute)
            and letter in rule.flags
            and (rule.grouping is None or rule.grouping in groups)
        ]

    def _selected(self, rule: OracleRule) -> Iterable[Thing]:
        evaluator = Evaluator(self.world, self.user, budget=2_000_000)
        frame = evaluator.frame(rule.query, {})
        for scope in evaluator.scopes(frame, {}):
            thing = scope[rule.path.variable]
            if thing is not None:
                yield thing

    def may_read(self, thing: Thing) -> bool:
        readable = self.readable(thing.entity.name)
        return readable == "everything" if isinstance(readable, str) else thing.id in readable

    def step_is_open(self, origin: Entity, relation: str) -> bool:
        """Whether a PublicStep says that INCLUDE may follow the relation unchecked."""
        steps = self.world.all("PublicStep")
        return self.root or any((s.values["origin"], s.values["field"]) == (origin.name, relation) for s in steps)


@dataclass(frozen=True)
class Expected:
    """The rows, in groups of equal ORDER BY keys, before LIMIT. Rows are canonical: see `canonical`."""

    groups: list[list[tuple[Any, ...]]]
    offset: int = 0
    count: int | None = None

    @property
    def total(self) -> int:
        return sum(map(len, self.groups))


def expected_answer(world: World, query: Query, permissions: Permissions, budget: int = 200_000) -> Expected:
    """What the search must give. Raises `Unclear` and `TooMuch` for questions that prove nothing."""
    evaluator = Evaluator(world, permissions.user, budget)
    frame = evaluator.frame(query, {})
    paths = paths_in(query.select)
    guarded = [(path, entity_of(path, frame.types).name) for path in paths] or [
        (Path(source.variable), frame.types[source.variable].name) for source in query.sources
    ]
    if any(permissions.readable(entity) == "nothing" for _, entity in guarded):
        # COUNT over one path counts nothing; anything else has no answer at all.
        if len(paths) != 1 or not _counts(query):
            return Expected([])
        guarded, scopes = [], []
    else:
        scopes = [s for s in evaluator.scopes(frame, {}) if _may_see(evaluator, guarded, s, frame, permissions)]
    steps = _steps(query, frame)
    groups: list[list[tuple[Any, ...]]] = []
    last_keys: tuple[Any, ...] | None = None
    for row in evaluator.rows(frame, scopes):
        if row.keys != last_keys or not groups:
            groups.append([])
        last_keys = row.keys
        groups[-1].append(tuple(canonical(cell, steps, permissions) for cell in row.cells))
    limit = query.limit
    return Expected(groups, limit.offset if limit else 0, limit.count if limit else None)


def _may_see(
    evaluator: Evaluator, guarded: list[tuple[Path, str]], scope: Scope, frame: Frame, permissions: Permissions
) -> bool:
    for path, entity in guarded:
        readable = permissions.readable(entity)
        if not isinstance(readable, str):
            owner = _owner(path, frame)
            thing = scope[str(owner)] if str(owner) in scope else evaluator.value(owner, scope, frame.types)
            if thing is None or thing.id not in readable:
                return False
    return True


def _owner(path: Path, frame: Frame) -> Path:
    """The path without its last attribute: the object whose rules decide."""
    members = members_of(path, frame.types)
    if members and isinstance(members[-1], Attribute):
        return Path(path.variable, path.steps[:-1])
    return path


def _counts(query: Query) -> bool:
    return any(isinstance(item, Aggregate) and item.function == "COUNT" for item in query.select)


# INCLUDE


@dataclass
class Step:
    """The relations to follow from an object."""

    entity: Entity
    follow: dict[str, Step] = field(default_factory=dict)


def _steps(query: Query, frame: Frame) -> Step | None:
    if query.include is None or len(query.select) != 1 or not is_entity(query.select[0], frame.types):
        return None
    path = query.select[0]
    assert isinstance(path, Path)
    return steps_from(entity_of(path, frame.types), str(path), query.include)


def steps_from(entity: Entity, variable: str, include: Include) -> Step:
    """The tree of relations that an INCLUDE clause follows from objects of `entity`, called `variable`."""
    start = Step(entity)
    if include.to_one_relations:
        start.follow = {relation.name: Step(ENTITIES[relation.target]) for relation in entity.to_one}
        return start
    known = {variable: start}
    for step in include.steps:
        at = known[step.path.variable]
        for name in step.path.steps:
            member = at.entity.fields[name]
            assert isinstance(member, ToOne | ToMany)
            assert name not in at.follow, "a redundant path"
            at.follow[name] = Step(ENTITIES[member.target])
            at = at.follow[name]
        if step.variable is not None:
            known[step.variable] = at
    return start


# Canonical form


def canonical(cell: Any, steps: Step | None = None, permissions: Permissions | None = None) -> Any:
    """A cell in a form that can be compared, hashed and printed: plain values with their type, objects as trees."""
    if not isinstance(cell, Thing):
        return canonical_value(cell)
    values = tuple(canonical_value(cell.values[a.name]) for a in (*BASE_ATTRIBUTES, *cell.entity.attributes))
    related: list[tuple[str, Any]] = []
    for name, step in sorted(steps.follow.items()) if steps else ():
        assert permissions is not None
        open_step = permissions.step_is_open(cell.entity, name)
        world = permissions.world
        to_one = isinstance(cell.entity.fields[name], ToOne)
        target = world.one(cell, name) if to_one else None
        things = ([target] if target else []) if to_one else world.many(cell, name)
        seen = [canonical(t, step, permissions) for t in things if open_step or permissions.may_read(t)]
        if seen:  # an empty list and a relation that is not there look the same to clients
            related.append((name, seen[0] if to_one else tuple(seen)))
    return (cell.entity.name, values, tuple(related))


def canonical_value(value: Any) -> Any:
    """A plain value with its type; floats to twelve significant digits, as sums depend on the order."""
    if isinstance(value, float):
        return ("float", float(f"{value:.12g}"))
    return (type(value).__name__, value)
