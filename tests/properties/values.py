"""Random FROM clauses, paths and values, in the words of a world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random

from beamcat.model import ENTITIES, Attribute, Entity, Kind, Relation, ToMany, ToOne

from .world import SIZES, World, moment_text

ENTITIES_ASKED = tuple(name for name in SIZES if name not in ("PublicStep",))
NUMBERS = (Kind.LONG, Kind.INTEGER, Kind.DOUBLE)
COMPARISONS = ("=", "=", "<>", "!=", "<", "<=", ">", ">=")


@dataclass(frozen=True)
class Variable:
    """A variable in sight. `outer` ones belong to an enclosing query."""

    name: str
    entity: Entity
    optional: bool = False


class ValueWriter:
    """Writes sources, paths and values, about the entities of `asked` most of all.

    Whole queries have WHERE in a share of `conditioned`.
    """

    def __init__(
        self,
        rng: Random,
        world: World,
        depth: int,
        asked: Sequence[str] = ENTITIES_ASKED,
        conditioned: float = 0.75,
    ) -> None:
        self.rng = rng
        self.conditioned = conditioned
        self.world = world
        self.depth = depth
        self.asked = [name for name in asked if name in ENTITIES_ASKED] or ENTITIES_ASKED
        self._used: set[str] = set()

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    # FROM

    def sources(self) -> tuple[str, list[Variable]]:
        """A FROM clause and its variables."""
        entity = ENTITIES[self.rng.choice(self.asked)]
        first = Variable(self.fresh(), entity)
        text = f"{entity.name}{self.rng.choice((' ', ' AS '))}{first.name}"
        variables = [first]
        for _ in range(self.rng.choice((0, 0, 1, 1, 2, 3)[: 3 + self.depth])):
            joined, variable = self.join(variables)
            text += joined
            variables.append(variable)
        if self.depth > 1 and self.chance(0.1):
            other = Variable(self.fresh(), ENTITIES[self.rng.choice(("Facility", "DatasetType", "Grouping", "User"))])
            text += f", {other.entity.name} {other.name}"
            variables.append(other)
        return text, variables

    def join(self, variables: list[Variable]) -> tuple[str, Variable]:
        start = self.rng.choice(variables)
        relations = [r for r in relations_of(start.entity) if r.target in SIZES]
        relation = self.rng.choice(relations)
        path, entity = f"{start.name}.{relation.name}", ENTITIES[relation.target]
        left = self.chance(0.25)
        if self.chance(0.2) and entity.to_one and isinstance(relation, ToOne):
            further = self.rng.choice(entity.to_one)
            path, entity = f"{path}.{further.name}", ENTITIES[further.target]
        variable = Variable(self.fresh(), entity, optional=left)
        if left:
            word = self.rng.choice((" LEFT JOIN ", " LEFT OUTER JOIN "))
            return f"{word}{path} {variable.name}", variable
        if isinstance(relation, ToMany) and self.chance(0.15):
            return f", IN ({path}) {variable.name}", variable
        word = self.rng.choice((" JOIN ", " INNER JOIN ", ", "))
        return f"{word}{path}{self.rng.choice((' ', ' AS '))}{variable.name}", variable

    def fresh(self, stem: str = "") -> str:
        """A variable nobody uses yet."""
        while True:
            name = (stem or self.rng.choice(("a", "b", "x", "ds", "I", "Var", "t_", "$o"))) + str(len(self._used))
            self._used.add(name)
            return name

    # Paths

    def path_of(self, variable: Variable, steps: int) -> str:
        """A path to some attribute, over at most `steps` to-one relations."""
        path, entity = variable.name, variable.entity
        for _ in range(self.rng.randint(0, steps)):
            if not entity.to_one:
                break
            relation = self.rng.choice(entity.to_one)
            path, entity = f"{path}.{relation.name}", ENTITIES[relation.target]
        names = ["id", "name", *(attribute.name for attribute in entity.attributes), "createId", "modTime"]
        return f"{self.vary(path)}.{self.rng.choice([name for name in names if name in entity.fields])}"

    def vary(self, path: str) -> str:
        """The same path, the variable perhaps in other letters."""
        start, *steps = path.split(".")
        return ".".join((self.rng.choice((start, start, start.upper(), start.lower())), *steps))

    def attribute_path(self, variables: Sequence[Variable], kinds: Sequence[Kind], steps: int) -> str | None:
        """A path to an attribute of one of the kinds; None when there is none near."""
        for _ in range(6):
            path, entity = (variable := self.rng.choice(variables)).name, variable.entity
            for _ in range(self.rng.randint(0, steps)):
                if entity.to_one:
                    relation = self.rng.choice(entity.to_one)
                    path, entity = f"{path}.{relation.name}", ENTITIES[relation.target]
            found = [
                a.name for a in entity.fields.values() if isinstance(a, Attribute) and a.kind in kinds and not a.hidden
            ]
            if found:
                return f"{self.vary(path)}.{self.rng.choice(found)}"
        return None

    # Values

    def literal(self, path: str, variables: Sequence[Variable]) -> str:
        """A literal that may equal the attribute at the end of the path."""
        start, *steps = path.split(".")
        entity = next(v.entity for v in variables if v.name.upper() == start.upper())
        for step in steps[:-1]:
            member = entity.fields[step]
            assert isinstance(member, ToOne)
            entity = ENTITIES[member.target]
        attribute = entity.fields[steps[-1]]
        assert isinstance(attribute, Attribute)
        values = [t.values[attribute.name] for t in self.world.all(entity.name) if t.values[attribute.name] is not None]
        value = self.rng.choice(values) if values and self.chance(0.9) else None
        return self.written(attribute, value)

    def written(self, attribute: Attribute, value: object) -> str:
        """The value in a query's spelling."""
        match attribute.kind:
            case Kind.STRING:
                return quoted(str(value if value is not None else self.rng.choice(("nothing like it", ""))))
            case Kind.BOOLEAN:
                return self.rng.choice(("TRUE", "FALSE", "true"))
            case Kind.DATETIME:
                moment = value if isinstance(value, datetime) else datetime(2012, 2, 29, 1, 2, 3)
                text = moment_text(moment)
                return self.rng.choice((f"{{ts {text}}}", quoted(text), quoted(text[:10]), "CURRENT_TIMESTAMP"))
            case Kind.ENUM:
                assert attribute.enumeration is not None
                name = str(value or attribute.enumeration.values[0])
                return f"org.icatproject.{attribute.enumeration.name}.{name}"
            case _:
                number = value if isinstance(value, int | float) else self.rng.randrange(-2, 20)
                return quoted(str(number)) if isinstance(number, int) and self.chance(0.1) else repr(number)

    def text(self, variables: Sequence[Variable], depth: int, literals: bool = True) -> str:
        """A string expression."""
        path = self.attribute_path(variables, (Kind.STRING,), 1) or f"{variables[0].name}.createId"
        if depth > 0 and self.chance(0.4):
            return self.text_function(variables, depth, literals)
        return path

    def text_function(self, variables: Sequence[Variable], depth: int, literals: bool) -> str:
        inner = self.text(variables, depth - 1, literals)
        character = "' '"
        choices = [
            f"UPPER({inner})",
            f"LOWER({inner})",
            f"SUBSTRING({inner}, {self.rng.randint(1, 4)})",
            f"SUBSTRING({inner}, {self.rng.randint(1, 4)}, {self.rng.randint(0, 4)})",
            f"TRIM({inner})",
            f"CONCAT({inner}, {self.text(variables, depth - 1, literals)})",
        ]
        if literals:
            character = self.rng.choice(("' '", "'x'", "'a'"))
            side = self.rng.choice(("LEADING", "TRAILING", "BOTH"))
            choices += [
                f"TRIM({side} {character} FROM {inner})",
                f"CONCAT({inner}, 'tail''s')",
                f"COALESCE({inner}, 'absent')",
                f"NULLIF({inner}, 'alpha')",
                f"CASE WHEN {inner} LIKE '%a%' THEN 'with' ELSE {inner} END",
            ]
        return self.rng.choice(choices)

    def number(self, variables: Sequence[Variable], depth: int, literals: bool = True) -> str:
        """A numeric expression."""
        path = self.attribute_path(variables, NUMBERS, 1) or f"{variables[0].name}.id"
        if depth <= 0 or self.chance(0.3):
            return path
        whole = self.attribute_path(variables, (Kind.LONG, Kind.INTEGER), 1) or f"{variables[0].name}.id"
        inner = self.number(variables, depth - 1, literals)
        choices = [
            f"ABS({inner})",
            f"SQRT(ABS({inner}))",
            f"MOD({whole}, {self.rng.randint(2, 7)})",
            f"LENGTH({self.text(variables, depth - 1, literals)})",
            f"{inner} {self.rng.choice('+-*')} {self.number(variables, 0)}",
            f"({inner} {self.rng.choice('+-')} {self.rng.randint(0, 9)}) * 2",
            f"{inner} / {self.rng.choice((2, 4, 3, 2.0, 0.5))}",
            f"- {path}",
        ]
        if literals:
            choices.append(f"LOCATE('{self.rng.choice('abx')}', {self.text(variables, depth - 1)})")
            choices.append(f"LOCATE('a', {self.text(variables, depth - 1)}, {self.rng.randint(1, 3)})")
        return self.rng.choice(choices)


def relations_of(entity: Entity) -> list[Relation]:
    """The relations of an entity, to one and to many."""
    return [*entity.to_one, *entity.to_many]


def quoted(text: str) -> str:
    """The text as a string literal."""
    return "'" + text.replace("'", "''") + "'"
