"""Random questions in both languages, valid against the model, made of the words of a world.

A `QueryWriter` writes text: the parsers are part of what is tested. `depth` grows conditions, joins and subqueries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random

from beamcat.model import ENTITIES, Attribute, Entity, Kind, ToMany, ToOne

from .world import SIZES, World, moment_text

ENTITIES_ASKED = tuple(name for name in SIZES if name not in ("PublicStep",))
NUMBERS = (Kind.LONG, Kind.INTEGER, Kind.DOUBLE)
COMPARISONS = ("=", "=", "<>", "!=", "<", "<=", ">", ">=")
KEYWORD_VARIABLES = frozenset(("IN", "IS", "OF", "AS", "BY", "OR"))


@dataclass(frozen=True)
class Variable:
    """A variable in sight. `outer` ones belong to an enclosing query."""

    name: str
    entity: Entity
    optional: bool = False


class QueryWriter:
    """Writes random queries, about the entities of `asked` most of all; a share `conditioned` of them has WHERE."""

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

    # Whole queries

    def search(self) -> str:
        """A search in either language."""
        if self.chance(0.2):
            return ConciseWriter(self.rng, self.world, self.depth, self.asked, self.conditioned).search()
        return self.jpql()

    def jpql(self) -> str:
        """A search in the JPQL style."""
        text, variables = self.sources()
        condition = f" WHERE {self.condition(variables, self.depth)}" if self.chance(self.conditioned) else ""
        kind = self.rng.choice(("entity", "entity", "values", "values", "aggregates", "groups"))
        return self.keyword_case(getattr(self, f"_{kind}")(f"{text}{condition}", variables))

    def _entity(self, rest: str, variables: list[Variable]) -> str:
        variable = self.rng.choice(variables)
        path, entity = variable.name, variable.entity
        for _ in range(self.rng.choice((0, 0, 0, 1, 2))):
            relation = self.rng.choice(entity.to_one or (None,))
            if relation is None:
                break
            path, entity = f"{path}.{relation.name}", ENTITIES[relation.target]
        single = path == variable.name
        if self.chance(0.1) and entity.to_many:
            many = self.rng.choice(entity.to_many)
            path, entity, single = f"{path}.{many.name}", ENTITIES[many.target], False
        distinct = "DISTINCT " if self.chance(0.4) else ""
        order = ""
        if single and self.chance(0.5):
            order = self.order([self.path_of(Variable(path, entity), 1) for _ in range(self.rng.choice((1, 2)))])
        include = ""
        if self.chance(0.4):
            include = f" INCLUDE {self.include(Variable(path, entity)) if self.chance(0.8) else 1}"
        limited = self.chance(0.5 if order else 0.2)
        limit = f" LIMIT {self.rng.randrange(4)}, {self.rng.choice(('*', 0, 1, 3, 50))}" if limited else ""
        tail = f"{limit}{include}" if self.chance(0.5) else f"{include}{limit}"
        return f"SELECT {distinct}{path} FROM {rest}{order}{tail}"

    def _values(self, rest: str, variables: list[Variable]) -> str:
        items = [self.item(variables) for _ in range(self.rng.choice((1, 1, 2, 3)))]
        distinct = self.chance(0.4)
        order = ""
        if self.chance(0.5):
            keys = [item for item in items if item.replace(".", "").isalnum() and item[0].isalpha() and "." in item]
            if not distinct:
                keys.append(self.path_of(self.rng.choice(variables), 1))
            order = self.order(keys)
        limit = f" LIMIT {self.rng.randrange(3)}, {self.rng.choice(('*', 1, 3))}" if self.chance(0.2) else ""
        return f"SELECT {'DISTINCT ' if distinct else ''}{', '.join(items)} FROM {rest}{order}{limit}"

    def item(self, variables: list[Variable]) -> str:
        """One SELECT expression."""
        choice = self.rng.random()
        if choice < 0.55:
            return self.path_of(self.rng.choice(variables), 2)
        if choice < 0.65:
            variable = self.rng.choice(variables)
            return self.rng.choice([variable.name, *(f"{variable.name}.{r.name}.id" for r in variable.entity.to_one)])
        if choice < 0.8:
            return self.text_function(variables, 1, literals=False)
        if choice < 0.93:
            return self.number(variables, 2, literals=False)
        return self.rng.choice(("null", "1", "2.5"))

    def aggregate(self, variables: list[Variable]) -> str:
        """One aggregate."""
        distinct = self.chance(0.3)
        function = self.rng.choice(("COUNT", "COUNT", "MIN", "MAX", "AVG", "SUM"))
        if function == "COUNT":
            variable = self.rng.choice(variables)
            relation = self.rng.choice(variable.entity.to_one or (None,))
            target = self.rng.choice((variable.name, f"{variable.name}.id", self.path_of(variable, 2)))
            if relation is not None and self.chance(0.2):
                target = f"{variable.name}.{relation.name}"
        elif function in ("AVG", "SUM"):
            found = self.attribute_path(variables, NUMBERS, 2)
            if found is None:
                return f"COUNT({self.rng.choice(variables).name})"
            target = found
        else:
            kinds = (*NUMBERS, Kind.STRING, Kind.DATETIME)
            target = self.attribute_path(variables, kinds, 2) or f"{variables[0].name}.id"
        if distinct:
            return f"{function}(DISTINCT({target}))" if self.chance(0.3) else f"{function}(DISTINCT {target})"
        return f"{function}({target})"

    def _aggregates(self, rest: str, variables: list[Variable]) -> str:
        items = [self.aggregate(variables) for _ in range(self.rng.choice((1, 1, 1, 2, 3)))]
        if self.chance(0.1):
            items.insert(0, "null")
        return f"SELECT {', '.join(items)} FROM {rest}"

    def _groups(self, rest: str, variables: list[Variable]) -> str:
        keys = [self.group_key(variables) for _ in range(self.rng.choice((1, 1, 2)))]
        shown = [self.of_key(key, variables) for key in keys]
        items = [*shown, *(self.aggregate(variables) for _ in range(self.rng.choice((0, 1, 1, 2))))]
        having = ""
        if self.chance(0.4):
            variable = self.rng.choice(variables)
            having = f" HAVING COUNT({variable.name}.id) {self.rng.choice(COMPARISONS)} {self.rng.randrange(1, 4)}"
            number = self.attribute_path(variables, NUMBERS, 1)
            if number and self.chance(0.3):
                having += f" {self.rng.choice(('AND', 'OR'))} MAX({number}) >= {self.rng.randrange(-1, 8)}"
        plain = [key for key in (*keys, *shown) if not self._end_of(key, variables)]
        order = self.order([*plain, *items[len(keys) :]]) if self.chance(0.5) else ""
        return f"SELECT {', '.join(items)} FROM {rest} GROUP BY {', '.join(keys)}{having}{order}"

    def group_key(self, variables: list[Variable]) -> str:
        variable = self.rng.choice(variables)
        if self.chance(0.25):
            relations = [relation.name for relation in variable.entity.to_one]
            return self.rng.choice([variable.name, *(f"{variable.name}.{name}" for name in relations)])
        return self.path_of(variable, 2)

    def of_key(self, key: str, variables: list[Variable]) -> str:
        """The key itself, or an attribute of the object it names, which has one value per group too."""
        entity = self._end_of(key, variables)
        if entity is None or self.chance(0.4):
            return key
        return self.path_of(Variable(key, entity), 0)

    def _end_of(self, path: str, variables: list[Variable]) -> Entity | None:
        """The entity a path names; None when it names an attribute."""
        start, *steps = path.split(".")
        entity = next(v.entity for v in variables if v.name.upper() == start.upper())
        for step in steps:
            member = entity.fields[step]
            if isinstance(member, Attribute):
                return None
            entity = ENTITIES[member.target]
        return entity

    def order(self, keys: Sequence[str]) -> str:
        if not keys:
            return ""
        chosen = self.rng.sample(list(keys), self.rng.randint(1, len(keys)))
        return " ORDER BY " + ", ".join(key + self.rng.choice(("", " ASC", " DESC", " desc")) for key in chosen)

    def include(self, variable: Variable) -> str:
        """The steps of an INCLUDE clause."""
        known = [Variable(variable.name, variable.entity)]
        taken: set[tuple[str, str]] = set()
        steps: list[str] = []
        for _ in range(self.rng.randint(1, 1 + self.depth)):
            start = self.rng.choice(known)
            path, entity, first = start.name, start.entity, True
            for _ in range(self.rng.choice((1, 1, 2))):
                relation = self.rng.choice((*entity.to_one, *entity.to_many) or (None,))
                if (
                    relation is None
                    or relation.target not in ENTITIES
                    or (first and (start.name, relation.name) in taken)
                ):
                    break
                if first:
                    taken.add((start.name, relation.name))
                path, entity, first = f"{path}.{relation.name}", ENTITIES[relation.target], False
            if first:
                continue
            if self.chance(0.6):
                alias = Variable(self.fresh("inc"), entity)
                known.append(alias)
                path += f"{self.rng.choice((' AS ', ' '))}{alias.name}"
            steps.append(path)
        return ", ".join(steps) or "1"

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
        relations = [r for r in (*start.entity.to_one, *start.entity.to_many) if r.target in SIZES]
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

    # Conditions

    def condition(self, variables: Sequence[Variable], depth: int) -> str:
        """A condition; deeper ones combine several and ask subqueries."""
        if depth > 0 and self.chance(0.5):
            choice = self.rng.random()
            if choice < 0.15:
                return f"NOT ({self.condition(variables, depth - 1)})"
            left, right = self.condition(variables, depth - 1), self.condition(variables, depth - 1)
            word = self.rng.choice(("AND", "OR"))
            return f"({left}) {word} ({right})" if choice < 0.5 else f"{left} {word} {right}"
        if depth > 1 and self.chance(0.35):
            return self.subquery_condition(variables, depth - 1)
        return self.rng.choice(
            (
                self.comparison,
                self.comparison,
                self.between,
                self.in_list,
                self.like,
                self.is_null,
                self.of_entities,
                self.of_collection,
                self.of_expressions,
                self.loose,
            )
        )(variables)

    def comparison(self, variables: Sequence[Variable]) -> str:
        path = self.path_of(self.rng.choice(variables), 2)
        sides = [path, self.literal(path, variables)]
        sign = self.rng.choice(COMPARISONS if not _is_flag(sides[1]) else ("=", "<>"))
        if self.chance(0.1):
            sides.reverse()
        gap = self.rng.choice(("", " "))
        return f"{sides[0]}{gap}{sign}{gap}{sides[1]}"

    def between(self, variables: Sequence[Variable]) -> str:
        path = self.attribute_path(variables, (*NUMBERS, Kind.DATETIME, Kind.STRING), 2) or f"{variables[0].name}.id"
        negated = self.rng.choice(("", "", "NOT "))
        return f"{path} {negated}BETWEEN {self.literal(path, variables)} AND {self.literal(path, variables)}"

    def in_list(self, variables: Sequence[Variable]) -> str:
        path = self.attribute_path(variables, (*NUMBERS, Kind.STRING, Kind.ENUM), 2) or f"{variables[0].name}.id"
        items = ", ".join(self.literal(path, variables) for _ in range(self.rng.randint(1, 4)))
        return f"{path} {self.rng.choice(('', '', 'NOT '))}IN ({items})"

    def like(self, variables: Sequence[Variable]) -> str:
        path = self.attribute_path(variables, (Kind.STRING,), 2) or f"{variables[0].name}.createId"
        pattern, escape = self.rng.choice(
            (
                ("%a%", ""),
                ("b_ta", ""),
                ("b$_ta", " ESCAPE '$'"),
                ("b%", ""),
                ("b!%", " ESCAPE '!'"),
                ("c\\%", ""),
                ("c\\\\d", " ESCAPE '\\'"),
                ("_", ""),
                ("%''%", ""),
                ("db/%", ""),
                ("", ""),
                ("alpha", ""),
            )
        )
        return f"{path} {self.rng.choice(('', '', 'NOT '))}LIKE '{pattern}'{escape}"

    def is_null(self, variables: Sequence[Variable]) -> str:
        variable = self.rng.choice(variables)
        relations = [relation.name for relation in variable.entity.to_one]
        path = self.path_of(variable, 1)
        if relations and self.chance(0.5):
            path = f"{variable.name}.{self.rng.choice(relations)}{self.rng.choice(('', '.id'))}"
        elif variable.optional:
            path = variable.name
        return f"{path} IS {self.rng.choice(('', 'NOT '))}NULL"

    def of_entities(self, variables: Sequence[Variable]) -> str:
        """A comparison of objects, by variable or relation."""
        ends = [(v.name, v.entity) for v in variables]
        ends += [(f"{v.name}.{r.name}", ENTITIES[r.target]) for v in variables for r in v.entity.to_one]
        left, entity = self.rng.choice(ends)
        right = self.rng.choice([path for path, other in ends if other is entity])
        if self.chance(0.3):
            return f"{left}.id {self.rng.choice(('=', '<', '<>'))} {self.rng.randint(1, 12)}"
        return f"{left} {self.rng.choice(('=', '<>'))} {right}"

    def of_collection(self, variables: Sequence[Variable]) -> str:
        starts = [(v.name, v.entity) for v in variables]
        starts += [(f"{v.name}.{r.name}", ENTITIES[r.target]) for v in variables for r in v.entity.to_one]
        path, entity = self.rng.choice(starts)
        if not entity.to_many:
            return f"{path}.id > 2"
        if self.chance(0.5):
            members = [
                (f"{v.name}.{r.name}", f"{start}.{many.name}")
                for start, owner in starts
                for many in owner.to_many
                for v in variables
                for r in v.entity.to_one
                if r.target == many.target
            ]
            members += [
                (v.name, f"{start}.{many.name}")
                for start, owner in starts
                for many in owner.to_many
                for v in variables
                if v.entity.name == many.target
            ]
            if members:
                member, of = self.rng.choice(members)
                return f"{member} {self.rng.choice(('MEMBER OF', 'MEMBER', 'NOT MEMBER OF'))} {of}"
        many = f"{path}.{self.rng.choice(entity.to_many).name}"
        if self.chance(0.4):
            return f"SIZE({many}) {self.rng.choice(COMPARISONS)} {self.rng.randint(0, 3)}"
        return f"{many} IS {self.rng.choice(('', 'NOT '))}EMPTY"

    def of_expressions(self, variables: Sequence[Variable]) -> str:
        if self.chance(0.5):
            right = self.rng.choice((self.text(variables, 1), quoted(self.rng.choice(("alpha", "ALPHA", "5", "")))))
            return f"{self.text(variables, 2)} {self.rng.choice(COMPARISONS)} {right}"
        right = self.rng.choice((self.number(variables, 1), str(self.rng.randint(-3, 20)), "2.5"))
        return f"{self.number(variables, 2)} {self.rng.choice(COMPARISONS)} {right}"

    def loose(self, variables: Sequence[Variable]) -> str:
        """Types that do not match, and other things real clients write."""
        variable = self.rng.choice(variables)
        text = self.attribute_path(variables, (Kind.STRING,), 1) or f"{variable.name}.createId"
        enum = self.attribute_path(variables, (Kind.ENUM,), 1)
        flag = self.attribute_path(variables, (Kind.BOOLEAN,), 1)
        choices = [
            f"{variable.name}.id = '{self.rng.randint(1, 9)}'",
            f"{text} <> 12",
            f"{text} = {self.rng.choice((5, 12))}",
            f"{text} IN (5, 'alpha', 12)",
            f"{variable.name}.createTime < '2011-01-01'",
            f"{variable.name}.modTime BETWEEN '2010-01-01' AND '2011-12-31 00:00:00'",
            f"{variable.name}.createId = :user",
            f"{variable.name}.createTime < CURRENT_TIMESTAMP",
            f"{variable.name}.createTime <= CURRENT_DATE",
            "1 = 1",
            "TRUE = TRUE",
            "'a' < 'b'",
        ]
        if enum:
            choices.append(f"{enum} = 'NUMERIC'")
        if flag:
            choices += [f"{flag} = TRUE", f"{flag} <> false", f"NOT {flag} = TRUE"]
        return self.rng.choice(choices)

    # Subqueries

    def subquery_condition(self, variables: Sequence[Variable], depth: int) -> str:
        correlated = self.chance(0.6)
        start = self.rng.choice(variables)
        relations = [r for r in (*start.entity.to_many, *start.entity.to_one) if r.target in SIZES]
        inner: list[Variable]
        if correlated and relations:
            relation = self.rng.choice(relations)
            variable = Variable(self.fresh("s"), ENTITIES[relation.target])
            rest = f"{start.name}.{relation.name} {variable.name}"
        else:
            variable = Variable(self.fresh("s"), ENTITIES[self.rng.choice(ENTITIES_ASKED)])
            rest = f"{variable.entity.name} {variable.name}"
        inner = [variable]
        if self.chance(0.3):
            joined, second = self.join(inner)
            rest += joined
            inner.append(second)
        seen = [*inner, *variables] if self.chance(0.4) else inner
        where = f" WHERE {self.condition(seen, depth - 1)}" if self.chance(0.7) else ""
        return self.rng.choice((self._exists, self._in_query, self._quantified, self._scalar, self._in_objects))(
            inner, f"{rest}{where}", variables
        )

    def _exists(self, inner: list[Variable], rest: str, outer: Sequence[Variable]) -> str:
        return f"{self.rng.choice(('', 'NOT '))}EXISTS (SELECT {inner[0].name} FROM {rest})"

    def _in_query(self, inner: list[Variable], rest: str, outer: Sequence[Variable]) -> str:
        kinds = self.rng.choice(((Kind.STRING,), (Kind.LONG,)))
        left, right = self.attribute_path(outer, kinds, 1), self.attribute_path(inner, kinds, 1)
        if left is None or right is None:
            left, right = f"{outer[0].name}.id", f"{inner[0].name}.id"
        distinct = self.rng.choice(("", "", "DISTINCT "))
        return f"{left} {self.rng.choice(('', '', 'NOT '))}IN (SELECT {distinct}{right} FROM {rest})"

    def _in_objects(self, inner: list[Variable], rest: str, outer: Sequence[Variable]) -> str:
        target = self.rng.choice(inner)
        ends = [v.name for v in outer if v.entity is target.entity]
        ends += [f"{v.name}.{r.name}" for v in outer for r in v.entity.to_one if r.target == target.entity.name]
        if not ends:
            return self._exists(inner, rest, outer)
        return f"{self.rng.choice(ends)} {self.rng.choice(('', 'NOT '))}IN (SELECT {target.name} FROM {rest})"

    def _quantified(self, inner: list[Variable], rest: str, outer: Sequence[Variable]) -> str:
        kinds = self.rng.choice(((Kind.STRING,), NUMBERS, (Kind.DATETIME,)))
        left, right = self.attribute_path(outer, kinds, 1), self.attribute_path(inner, kinds, 1)
        if left is None or right is None:
            left, right = f"{outer[0].name}.id", f"{inner[0].name}.id"
        word = self.rng.choice(("ALL", "ANY", "SOME"))
        return f"{left} {self.rng.choice(COMPARISONS)} {word} (SELECT {right} FROM {rest})"

    def _scalar(self, inner: list[Variable], rest: str, outer: Sequence[Variable]) -> str:
        variable = inner[0].name
        if self.chance(0.5):
            count = self.rng.choice((f"COUNT({variable})", f"COUNT(DISTINCT {variable}.id)"))
            return f"(SELECT {count} FROM {rest}) {self.rng.choice(COMPARISONS)} {self.rng.randint(0, 3)}"
        number = self.attribute_path(outer, NUMBERS, 1) or f"{outer[0].name}.id"
        target = self.attribute_path(inner, NUMBERS, 1) or f"{variable}.id"
        function = self.rng.choice(("MAX", "MIN", "AVG", "SUM"))
        return f"{number} {self.rng.choice(COMPARISONS)} (SELECT {function}({target}) FROM {rest})"

    def keyword_case(self, query: str) -> str:
        """The query, sometimes with keywords in small letters."""
        if not self.chance(0.2):
            return query
        words = (
            "SELECT",
            "FROM",
            "WHERE",
            "JOIN",
            "LEFT",
            "ORDER BY",
            "GROUP BY",
            "INCLUDE",
            "LIMIT",
            "AND",
            "DISTINCT",
        )
        for word in words:
            query = query.replace(f"{word} ", f"{word.lower()} ")
        return query


class ConciseWriter(QueryWriter):
    """Writes random queries in the concise syntax."""

    def search(self) -> str:
        names = self.connected(self.rng.choice((1, 1, 2, 3)))
        first = Variable("$", ENTITIES[names[0]])
        plain = self.bare(first, 1)
        target = f"{names[0]}{self.rng.choice(('', '', '', f'.{plain}'))}"
        if self.chance(0.25):
            number = self.attribute_path([first], NUMBERS, 0) or "$.id"
            head = self.rng.choice((f"COUNT({target})", f"{self.rng.choice(('MIN', 'SUM'))}({names[0]}.{number[2:]})"))
        else:
            limit = self.rng.choice(("", "", "", ",3 ", "1, ", "0,2 ")) if self.depth else ""
            distinct = self.rng.choice(("", "DISTINCT "))
            order = ""
            if self.chance(0.4):
                key = plain if target.endswith(f".{plain}") or distinct else self.bare(first, 1)
                order = f" ORDER BY {key}{self.rng.choice(('', ' DESC'))}" if "." in target or not distinct else ""
            include = " INCLUDE 1" if "." not in target and self.chance(0.3) else ""
            head = f"{limit}{distinct}{target}{order}{include}"
        parts = [f"{head}{self.brackets(names[0])}", *(f"{name}{self.brackets(name)}" for name in names[1:])]
        return self.rng.choice((" <-> ", "<->")).join(parts)

    def connected(self, size: int) -> list[str]:
        """Entities of which every two are connected by exactly one chain of relations."""
        names = [self.rng.choice(self.asked)]
        for _ in range(size - 1):
            entity = ENTITIES[self.rng.choice(names)]
            near = [r.target for r in (*entity.to_one, *entity.to_many) if r.target in SIZES]
            further = self.rng.choice(near or names)
            if further not in names and is_tree([*names, further]):
                names.append(further)
        return names

    def bare(self, variable: Variable, steps: int) -> str:
        return self.path_of(variable, steps).partition(".")[2]

    def brackets(self, name: str) -> str:
        if not self.chance(0.8 * self.conditioned):
            return ""
        return f" [{self.predicate(Variable('$', ENTITIES[name]), self.depth)}]"

    def predicate(self, variable: Variable, depth: int) -> str:
        if depth > 0 and self.chance(0.4):
            left, right = self.predicate(variable, depth - 1), self.predicate(variable, depth - 1)
            text = f"({left}) {self.rng.choice(('AND', 'OR'))} ({right})"
            return f"NOT ({text})" if self.chance(0.2) else text
        path = self.path_of(variable, 2)
        literal = self.literal(path, [variable])
        if literal.startswith("org.icatproject."):
            literal = literal.rpartition(".")[2]
        if literal == "CURRENT_TIMESTAMP":
            literal = "{ts 2014-01-01 12:00:00}"
        sign = self.rng.choice(("=", "!=") if _is_flag(literal) else (*COMPARISONS, "LIKE"))
        name = path.partition(".")[2]
        if sign == "LIKE":
            text = self.attribute_path([variable], (Kind.STRING,), 1)
            return f"{text.partition('.')[2]} LIKE 'a%'" if text else "id > 1"
        choice = self.rng.random()
        # a bare name, such as that of an enum value, is no literal: it cannot stand in IN or BETWEEN
        if choice < 0.15 and not literal[0].isalpha():
            return f"{name} IN ({literal}, {literal})"
        if choice < 0.3 and not literal[0].isalpha():
            return f"{name} BETWEEN {literal} AND {literal}"
        if choice < 0.4 and not literal[0].isalpha():
            return f"{literal} {sign} {name}"
        return f"{name} {sign} {literal}"


def is_tree(names: Sequence[str]) -> bool:
    """Whether the relations between these entities form a tree."""
    edges = sum(relation.target in names for name in names for relation in ENTITIES[name].to_one)
    return edges == len(names) - 1


def quoted(text: str) -> str:
    """The text as a string literal."""
    return "'" + text.replace("'", "''") + "'"


def _is_flag(literal: str) -> bool:
    return literal.upper() in ("TRUE", "FALSE")
