"""Random conditions: every predicate of the language, subqueries, and comparisons that real clients write."""

from __future__ import annotations

from collections.abc import Sequence

from beamcat.model import ENTITIES, Kind

from .values import COMPARISONS, ENTITIES_ASKED, NUMBERS, ValueWriter, Variable, quoted, relations_of
from .world import SIZES


class ConditionWriter(ValueWriter):
    """Writes conditions."""

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
        sign = self.rng.choice(COMPARISONS if not is_flag(sides[1]) else ("=", "<>"))
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
        relations = [r for r in relations_of(start.entity) if r.target in SIZES]
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


def is_flag(literal: str) -> bool:
    return literal.upper() in ("TRUE", "FALSE")
