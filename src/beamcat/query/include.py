"""The INCLUDE clause of the JPQL style (ICAT specification D.7)."""

from __future__ import annotations

from dataclasses import dataclass

from beamcat.errors import BadParameter
from beamcat.model import ICAT_ENTITIES, Attribute, Entity
from beamcat.query.cursor import Cursor
from beamcat.query.tree import Include, IncludeStep, Path


@dataclass(frozen=True, slots=True)
class Root:
    """What INCLUDE starts from: the selected path, and the entity it yields (None: a plain value)."""

    path: Path
    entity: Entity | None


def include_clause(cursor: Cursor, root: Root) -> Include:
    """`INCLUDE 1`, or steps from the selected path and from variables of earlier steps.

    Variables of FROM are not known here. The steps from a selected path of more than its variable
    (`SELECT ds.investigation ... INCLUDE ds.investigation.type`) get the text of that path,
    `DS.investigation`, as their variable.
    """
    cursor.consume("INCLUDE")
    if (cursor.kind, cursor.text) == ("INTEGER", "1"):
        cursor.advance()
        if cursor.kind == "COMMA":
            raise BadParameter('"INCLUDE 1" must not be followed by other things to include.')
        return Include(to_one_relations=True)
    clause = _Clause(cursor, root)
    steps = [clause.step()]
    while cursor.accept("COMMA"):
        steps.append(clause.step())
    return Include(tuple(steps))


class TooManyIncludes(BadParameter):
    """INCLUDE follows more relations than the settings allow."""

    def __init__(self, most: int) -> None:
        super().__init__(f"INCLUDE clause follows more than {most} relations")


class _Clause:
    """The places an INCLUDE clause has reached so far: one per relation followed, and the root."""

    def __init__(self, cursor: Cursor, root: Root) -> None:
        self._cursor = cursor
        self._root = root
        self._places: dict[str, int] = {}
        self._entities: list[Entity] = []
        self._followed: set[tuple[int, str]] = set()
        if root.entity is not None:
            self._entities.append(root.entity)
            self._places[str(root.path)] = 0

    def step(self) -> IncludeStep:
        """The step that the cursor stands at."""
        name = self._cursor.consume("NAME")
        alias = self._cursor.variable().upper() if self._cursor.kind in ("AS", "NAME") else None
        variable, steps = self._cursor.steps(name)
        if not steps:
            raise BadParameter(f"Path {name} must contain a '.'")
        path = self._from_a_place(Path(variable, steps))
        place = self._places[path.variable]
        for step in path.steps:
            place = self._follow(place, step)
        if alias is not None:
            if alias in self._places:
                raise BadParameter(f"variable {alias} mentioned in INCLUDE clause is already defined")
            self._places[alias] = place
        return IncludeStep(path, alias)

    def _from_a_place(self, path: Path) -> Path:
        """The same path, with a known place as its variable."""
        if path.variable in self._places:
            return path
        root = self._root.path
        length = len(root.steps)
        if (
            self._root.entity is not None
            and path.variable == root.variable
            and path.steps[:length] == root.steps
            and len(path.steps) > length
        ):
            return Path(str(root), path.steps[length:])
        raise BadParameter(f"variable {path.variable} mentioned in INCLUDE clause is not defined")

    def _follow(self, place: int, step: str) -> int:
        """Go along a relation; the new place."""
        entity = self._entities[place]
        relation = entity.fields.get(step)
        if relation is None or isinstance(relation, Attribute):
            raise BadParameter(f"Problem with INCLUDE clause: {step} is not a field of {entity.name}")
        if (place, step) in self._followed:
            raise BadParameter(f"INCLUDE clause contains redundant path to {step}")
        self._followed.add((place, step))
        if len(self._followed) > self._cursor.limits.max_includes:
            raise TooManyIncludes(self._cursor.limits.max_includes)
        self._entities.append(ICAT_ENTITIES[relation.target])
        return len(self._entities) - 1
