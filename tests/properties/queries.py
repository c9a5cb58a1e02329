"""Random questions in both languages, valid against the model, made of the words of a world.

A `QueryWriter` writes text: the parsers are part of what is tested. `depth` grows conditions, joins and subqueries.
"""

from __future__ import annotations

from collections.abc import Sequence

from beamcat.model import ENTITIES, Attribute, Entity, Kind

from .conditions import ConditionWriter, is_flag
from .values import COMPARISONS, NUMBERS, Variable, relations_of
from .world import SIZES


class QueryWriter(ConditionWriter):
    """Writes random queries."""

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
                relation = self.rng.choice(relations_of(entity) or [None])
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
            near = [r.target for r in relations_of(entity) if r.target in SIZES]
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
        sign = self.rng.choice(("=", "!=") if is_flag(literal) else (*COMPARISONS, "LIKE"))
        name = path.partition(".")[2]
        if sign == "LIKE":
            string = self.attribute_path([variable], (Kind.STRING,), 1)
            return f"{string.partition('.')[2]} LIKE 'a%'" if string else "id > 1"
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
