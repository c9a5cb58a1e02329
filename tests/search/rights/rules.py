"""Random rules about what is searched for: those of `tests.properties`, and such as documents can answer in part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from beamcat.model import ENTITIES, ToMany, ToOne
from beamcat.search.rights.held import IDS
from tests.properties.engine import oracle_rule
from tests.properties.rules import RuleText, RuleWriter
from tests.properties.values import Variable
from tests.properties.world import MOMENTS, World, moment_text

OWN_CONDITIONS: Mapping[str, Sequence[str]] = {
    "Investigation": (
        "x.releaseDate < CURRENT_TIMESTAMP",
        "x.releaseDate <= {ts}",
        "{ts} < x.releaseDate",
        "x.releaseDate = {ts}",
        "x.releaseDate <> {ts}",
        "x.releaseDate >= '{date}'",
        "x.releaseDate BETWEEN {ts} AND CURRENT_TIMESTAMP",
        "x.releaseDate NOT BETWEEN {ts} AND {ts}",
        "x.releaseDate IS NULL",
        "x.releaseDate IS NOT NULL",
        "x.releaseDate IN ({ts}, {ts})",
        "NOT x.releaseDate < {ts}",
        "x.doi IS NOT NULL",
        "x.fileSize > 5",
    ),
    "Dataset": (
        "x.complete = TRUE",
        "x.complete <> TRUE",
        "FALSE = x.complete",
        "x.complete = 1",
        "x.sample IS NULL",
        "x.sample IS NOT NULL",
        "x.sample.id IS NULL",
        "x.name LIKE '%a%'",
        "x.sample.name LIKE '%a%'",
        "x.fileCount = 0",
        "x.startDate > CURRENT_TIMESTAMP",
    ),
    "Datafile": (
        "x.fileSize > 5",
        "x.fileSize <= 7",
        "x.fileSize <> 7",
        "x.fileSize = 7.0",
        "x.fileSize NOT IN (7, 0)",
        "x.fileSize BETWEEN 0 AND 7",
        "x.fileSize IS NULL",
        "x.datafileFormat IS NULL",
        "x.datafileFormat IS NOT NULL",
        "x.datafileCreateTime < CURRENT_TIMESTAMP",
        "x.name LIKE '%a%'",
    ),
    "Sample": ("x.type IS NULL", "x.type IS NOT NULL", "x.name LIKE '%a%'", "SIZE(x.datasets) > 1"),
    "Instrument": (
        "x.startDate < CURRENT_TIMESTAMP",
        "x.endDate IS NULL",
        "x.endDate > {ts}",
        "x.startDate <= x.endDate",
        "x.type IS NOT NULL",
    ),
    "DataPublication": ("x.type IS NULL", "x.publicationDate < CURRENT_TIMESTAMP", "x.publicationDate IS NULL"),
}
"""Conditions on an object alone."""

WAYS: Mapping[str, Sequence[str]] = {
    "DataPublication": ("users.user", "content.dataCollectionInvestigations.investigation.investigationUsers.user"),
    "Instrument": ("instrumentScientists.user", "investigationInstruments.investigation.investigationUsers.user"),
    "Investigation": ("keywords", "studyInvestigations.study", "investigationGroups.grouping.userGroups.user"),
    "Dataset": (
        "investigation.investigationUsers.user",
        "parameters",
        "sample.investigation",
        "sample.parameters.type",
    ),
    "Datafile": ("dataset.investigation.investigationUsers.user", "dataset.sample", "dataset.type", "parameters"),
    "Sample": ("investigation.investigationUsers.user", "investigation.investigationInstruments.instrument"),
}
"""Ways that end where no document holds ids."""


class DocumentRules(RuleWriter):
    """Writes rules about one of the entities that are searched for."""

    def __init__(self, rng: Random, world: World, depth: int, entity: str) -> None:
        super().__init__(rng, world, depth)
        self.entity = entity

    def what(self) -> str:
        writers = (
            *(self.of_any,) * 2,
            *(self.of_way,) * 2,
            self.of_own,
            self.of_branches,
            self.of_both,
            self.in_any_case,
        )
        return self.rng.choice(writers)()

    def of_any(self) -> str:
        """Whatever anybody might write about the entity."""
        for _ in range(60):
            what = super().what()
            if oracle_rule(RuleText(None, "R", what)).entity == self.entity:
                return what
        return self.of_way()

    def of_own(self) -> str:
        """Conditions on the object alone."""
        conditions = [self._own() for _ in range(self.rng.choice((1, 1, 2, 3)))]
        where = f" {self.rng.choice(('AND', 'OR'))} ".join(conditions)
        return f"SELECT x FROM {self.entity} x WHERE {where}"

    def of_way(self) -> str:
        """Conditions on what a way leads to, and on what lies beside it."""
        text, variables = self._way()
        where = self._end(variables)
        if self.chance(0.4):
            where = f"{where} {self.rng.choice(('AND', 'OR'))} {self.condition(variables, 1)}"
        return f"SELECT x FROM {self.entity} x{text} WHERE {where}"

    def of_both(self) -> str:
        """Several ways, and conditions on the object, in some order of AND and OR."""
        self._used.clear()
        text, conditions = "", []
        for _ in range(self.rng.choice((1, 2))):
            joined, variables = self._way()
            text += joined
            conditions.append(self._end(variables))
        conditions += [self._own() for _ in range(self.rng.choice((1, 2)))]
        self.rng.shuffle(conditions)
        where = conditions[0]
        for condition in conditions[1:]:
            where = f"({where}) {self.rng.choice(('AND', 'AND', 'OR'))} {condition}"
        return f"SELECT x FROM {self.entity} x{text} WHERE {where}"

    def of_branches(self) -> str:
        """Conditions on several things that hang on the same object behind a relation."""
        self._used.clear()
        text, variables = self._way()
        fork = (
            self.rng.randrange(len(variables) - 1) if len(variables) < 3 else self.rng.randrange(1, len(variables) - 1)
        )
        conditions = [self._end(variables)]
        other = variables[fork]
        for step in self._steps[fork:]:
            other, joined = self._joined(other, step)
            text += joined
        conditions.append(self._end([other]))
        if self.chance(0.3):
            beside = variables[fork]
            conditions += [f"{beside.name}.{relation.name}.id > 2" for relation in beside.entity.to_one[:1]]
        return f"SELECT x FROM {self.entity} x{text} WHERE {' AND '.join(conditions)}"

    def in_any_case(self) -> str:
        """Rules that hold for all or for none, which looking at the rule alone does not tell."""
        where = self.rng.choice((":user LIKE 'db/%'", "1 = 1", "1 = 2", ":user = 'db/ann' OR x.id < 3", "x.id > 0"))
        return f"SELECT x FROM {self.entity} x WHERE {where}"

    def _own(self) -> str:
        condition = self.rng.choice(OWN_CONDITIONS[self.entity])
        while "{ts}" in condition:
            condition = condition.replace(
                "{ts}", f"{{ts {moment_text(self.rng.choice(MOMENTS))}}}".replace("ts ", "TS ", 1), 1
            )
        return condition.replace("{date}", moment_text(self.rng.choice(MOMENTS))).replace("{TS ", "{ts ")

    def _way(self) -> tuple[str, list[Variable]]:
        held = [".".join(way) for way in IDS[self.entity] if way]
        steps = self.rng.choice([*held, *WAYS[self.entity]]).split(".")
        variables = [Variable("x", ENTITIES[self.entity])]
        text = ""
        for step in steps:
            variable, joined = self._joined(variables[-1], step)
            text += joined
            variables.append(variable)
        self._steps = steps
        return text, variables

    def _joined(self, origin: Variable, step: str) -> tuple[Variable, str]:
        relation = origin.entity.fields[step]
        assert isinstance(relation, ToOne | ToMany)
        variable = Variable(self.fresh(), ENTITIES[relation.target])
        return variable, f" JOIN {origin.name}.{step} {variable.name}"

    def _end(self, variables: list[Variable]) -> str:
        last = variables[-1]
        if last.entity.name == "User" and self.chance(0.8):
            return f"{last.name}.name = :user"
        return self.condition([last], self.rng.choice((0, 0, 1)))
