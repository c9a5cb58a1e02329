"""Random rule sets: the shapes that facilities use, turned and bent in every way, and some that nobody would write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from beamcat.model import ENTITIES, Entity, ToMany, ToOne

from .queries import ConciseWriter, QueryWriter, is_tree
from .values import Variable, relations_of
from .world import SIZES, USERS, Thing, World, make_thing

READERS = (*USERS, "nobody/at-all")
"""Who asks: users with and without groups, and a name no User has."""

TO_INVESTIGATION: Mapping[str, tuple[str, ...]] = {
    "Investigation": ("",),
    "Dataset": ("investigation", "sample.investigation"),
    "Datafile": ("dataset.investigation",),
    "Sample": ("investigation",),
    "DatasetParameter": ("dataset.investigation",),
    "DatafileParameter": ("datafile.dataset.investigation",),
    "InvestigationUser": ("investigation",),
    "InvestigationGroup": ("investigation",),
    "InvestigationInstrument": ("investigation",),
    "StudyInvestigation": ("investigation",),
    "Study": ("studyInvestigations.investigation",),
    "Instrument": ("investigationInstruments.investigation",),
    "InvestigationType": ("investigations",),
    "SampleType": ("samples.investigation",),
    "RelatedDatafile": ("sourceDatafile.dataset.investigation", "destDatafile.dataset.investigation"),
}
"""How an entity's objects belong to investigations."""

TO_USER = (
    "investigationUsers.user",
    "investigationInstruments.instrument.instrumentScientists.user",
    "investigationGroups.grouping.userGroups.user",
)
"""How investigations belong to users: as team, through an instrument, through a group."""


@dataclass(frozen=True)
class RuleText:
    """A rule as an administrator writes it. `grouping` is an id, None for everybody."""

    grouping: int | None
    flags: str
    what: str


class RuleWriter(QueryWriter):
    """Writes random rules."""

    def rule_set(self) -> list[RuleText]:
        """Rules for many entities; several of them for some, none for others."""
        return [self.rule() for _ in range(self.rng.choice((8, 20, 30, 40)))]

    def rule(self) -> RuleText:
        self._used.clear()
        grouping = self.rng.choice((None, None, None, *sorted(self.world.things["Grouping"])))
        flags = self.rng.choice(("R", "R", "R", "CRUD", "RU", "cr", "U", "C"))
        if flags == "U" and self.chance(0.3):
            return RuleText(grouping, flags, "SELECT d.description FROM Dataset d")
        return RuleText(grouping, flags, self.what())

    def what(self) -> str:
        """The query of a rule."""
        self._used.clear()
        writers = (
            *(self.usual,) * 4,
            *(self.from_the_other_end,) * 2,
            self.plain,
            self.by_attribute,
            self.without_relation,
            *(self.any_jpql,) * 2,
            self.any_concise,
        )
        return self.rng.choice(writers)()

    # The shapes that facilities use

    def usual(self) -> str:
        """Objects of the investigations the user belongs to."""
        entity = self.rng.choice(list(TO_INVESTIGATION))
        steps = [s for s in self.rng.choice(TO_INVESTIGATION[entity]).split(".") if s]
        to_user = self.rng.choice(TO_USER).split(".")
        if self.chance(0.2):
            return self._usual_concise(entity, to_user)
        if self.chance(0.15):
            return self._usual_subquery(entity, steps, to_user)
        return self._usual_joins(entity, steps, to_user)

    def _usual_concise(self, entity: str, to_user: list[str]) -> str:
        steps = TO_INVESTIGATION[entity][0].split(".") if TO_INVESTIGATION[entity][0] else []
        names = [entity]
        for step in (*steps, *to_user):
            names.append(_target(ENTITIES[names[-1]], step).name)
        if not is_tree(names):
            return self._usual_joins(entity, steps, to_user)
        return " <-> ".join(names) + " [name = :user]"

    def _usual_subquery(self, entity: str, steps: list[str], to_user: list[str]) -> str:
        path = ".".join(("x", *steps))
        if any(_target_is_many(ENTITIES[entity], steps)) or not steps:
            entity, path = "Investigation", "x"
        link = to_user[0]
        member = ENTITIES[_target(ENTITIES["Investigation"], link).name]
        user = ".".join(("s", "user")) if link == "investigationUsers" else None
        if user is None:
            return (
                f"SELECT x FROM {entity} x WHERE EXISTS (SELECT s FROM {member.name} s WHERE s.investigation = {path})"
            )
        inside = f"SELECT s.investigation.id FROM {member.name} s WHERE {user}.name = :user"
        return self.rng.choice(
            (
                f"SELECT x FROM {entity} x WHERE {path}.id IN ({inside})",
                f"SELECT x FROM {entity} x WHERE {path}.id NOT IN ({inside})",
                f"SELECT x FROM {entity} x WHERE EXISTS ({inside} AND s.investigation = {path})",
            )
        )

    def _usual_joins(self, entity: str, steps: list[str], to_user: list[str]) -> str:
        """Joins one step each or several at once, the last ones perhaps only implied, from either end."""
        chain = [*steps, *to_user]
        keep = len(chain)
        many = _target_is_many(ENTITIES[entity], chain)
        while keep and not many[keep - 1] and self.chance(0.5):
            keep -= 1
        text, variables = self._chain(entity, chain[:keep])
        last = ".".join((variables[-1].name, *chain[keep:], "name"))
        where = self.rng.choice(
            (f"{last} = :user", f"{last} = :user", f":user = {last}", f"{last} IN (:user, 'db/bob')")
        )
        selected = variables[0]
        if self.chance(0.15):
            selected = self.rng.choice(variables)
        if self.chance(0.2):
            joined, _ = self.join(variables)
            text += joined
        if self.chance(0.25):
            where = self._and_more(where, variables)
        return f"SELECT {selected.name} FROM {text} WHERE {where}"

    def from_the_other_end(self) -> str:
        """`SELECT ds FROM User u JOIN u.investigationUsers iu ... JOIN i.datasets ds WHERE u.name = :user`."""
        entity = self.rng.choice(list(TO_INVESTIGATION))
        steps = [s for s in self.rng.choice(TO_INVESTIGATION[entity]).split(".") if s]
        way = _reversed(entity, [*steps, *self.rng.choice(TO_USER).split(".")])
        # Start somewhere on the way: the rest of it, to the user, hangs on the starting point.
        cut = self.rng.randrange(len(way) + 1)
        start = "User" if cut == 0 else _walk(ENTITIES["User"], way[:cut]).name
        text, variables = self._chain(start, way[cut:])
        to_user = ".".join((variables[0].name, *_reversed("User", way[:cut]), "name"))
        if any(_target_is_many(ENTITIES[start], _reversed("User", way[:cut]))):
            user = Variable(self.fresh(), ENTITIES["User"])
            text += f" JOIN {to_user.removesuffix('.name')} {user.name}"
            to_user = f"{user.name}.name"
        selected = self.rng.choice((variables[-1], variables[-1], self.rng.choice(variables)))
        where = f"{to_user} = :user"
        if self.chance(0.2):
            where = self._and_more(where, variables)
        return f"SELECT {selected.name} FROM {text} WHERE {where}"

    def without_relation(self) -> str:
        """Conditions that hold for objects without some relation, written so that nothing joins it."""
        entity = ENTITIES[self.rng.choice(("Dataset", "Datafile", "Sample", "Study", "Rule"))]
        relation = next(r for r in entity.to_one if not r.required)
        path = f"x.{relation.name}"
        inside = f"SELECT s.id FROM {relation.target} s WHERE s.createId = :user"
        none = f"SELECT s.id FROM {relation.target} s WHERE s.id < 0"
        member = relation.inverse
        where = self.rng.choice(
            (
                f"{path} IS NULL",
                f"{path}.id IS NULL",
                f"NOT {path} IS NOT NULL",
                f"{path}.id IN ({inside})",
                f"{path}.id NOT IN ({inside})",
                f"{path}.id NOT IN ({none})",
                f"{path} IS NULL OR {path}.id IN ({inside})",
                f"NOT EXISTS (SELECT s FROM {relation.target} s WHERE s = {path})",
                f"NOT EXISTS (SELECT s FROM {path} s WHERE s.createId = :user)",
                f"EXISTS (SELECT s FROM {path} s WHERE s.createId = :user)",
                f"{path}.{member} IS NOT EMPTY",
                f"x NOT MEMBER OF {path}.{member}",
                f"COALESCE({path}.id, 0) = 0",
            )
        )
        return f"SELECT x FROM {entity.name} x WHERE {where}"

    def _chain(self, entity: str, steps: Sequence[str]) -> tuple[str, list[Variable]]:
        variables = [Variable(self.fresh(), ENTITIES[entity])]
        text = f"{entity} {variables[0].name}"
        waiting: list[str] = []
        at = ENTITIES[entity]
        for number, step in enumerate(steps):
            at = _target(at, step)
            waiting.append(step)
            if number == len(steps) - 1 or self.chance(0.8):
                variable = Variable(self.fresh(), at)
                word = self.rng.choice((" JOIN ", " JOIN ", " INNER JOIN ", ", "))
                text += f"{word}{'.'.join((variables[-1].name, *waiting))} {variable.name}"
                variables.append(variable)
                waiting = []
        return text, variables

    def _and_more(self, where: str, variables: list[Variable]) -> str:
        released = [v for v in variables if v.entity.name == "Investigation"]
        more = self.condition(variables, 1)
        if released and self.chance(0.5):
            more = f"{released[0].name}.releaseDate < CURRENT_TIMESTAMP"
        return f"{where} {self.rng.choice(('AND', 'OR'))} {more}"

    def plain(self) -> str:
        """Everything of an entity, with or without a LEFT JOIN."""
        name = self.rng.choice([*SIZES])
        entity = ENTITIES[name]
        relations = [relation.name for relation in relations_of(entity)]
        if relations and self.chance(0.3):
            word = self.rng.choice(("LEFT JOIN", "LEFT JOIN", "JOIN"))
            return f"SELECT x FROM {name} x {word} x.{self.rng.choice(relations)} y"
        return self.rng.choice((name, f"SELECT x FROM {name} x"))

    def by_attribute(self) -> str:
        """Released data, data of a type, and other conditions on the object or what it hangs on."""
        name = self.rng.choice([*SIZES])
        variable = Variable(self.fresh(), ENTITIES[name])
        steps = self.rng.choice(TO_INVESTIGATION.get(name, ("",)))
        if steps and not any(_target_is_many(ENTITIES[name], steps.split("."))) and self.chance(0.5):
            sign = self.rng.choice(("<", ">", "IS NULL OR {} <"))
            path = f"{variable.name}.{steps}.releaseDate"
            return (
                f"SELECT {variable.name} FROM {name} {variable.name} WHERE {path} {sign.format(path)} CURRENT_TIMESTAMP"
            )
        return f"SELECT {variable.name} FROM {name} {variable.name} WHERE {self.condition([variable], self.depth)}"

    # The rest

    def any_jpql(self) -> str:
        text, variables = self.sources()
        selected = self.rng.choice([variable for variable in variables if not variable.optional])
        where = self.condition(variables, self.depth)
        if self.chance(0.3):
            where = f"{where} {self.rng.choice(('AND', 'OR'))} {selected.name}.createId = :user"
        return f"SELECT {selected.name} FROM {text} WHERE {where}"

    def any_concise(self) -> str:
        writer = ConciseWriter(self.rng, self.world, self.depth)
        names = writer.connected(self.rng.choice((1, 2, 3)))
        return " <-> ".join(f"{name}{writer.brackets(name)}" for name in names)


def _target(entity: Entity, step: str) -> Entity:
    relation = entity.fields[step]
    return ENTITIES[relation.target]  # type: ignore[union-attr]


def _walk(entity: Entity, steps: Sequence[str]) -> Entity:
    for step in steps:
        entity = _target(entity, step)
    return entity


def _reversed(start: str, steps: Sequence[str]) -> list[str]:
    """The same relations, followed from the other end."""
    entity, back = ENTITIES[start], []
    for step in steps:
        relation = entity.fields[step]
        assert isinstance(relation, ToOne | ToMany)
        back.append(relation.inverse if isinstance(relation, ToOne) else relation.by)
        entity = ENTITIES[relation.target]
    return back[::-1]


def _target_is_many(entity: Entity, steps: Sequence[str]) -> list[bool]:
    many = []
    for step in steps:
        many.append(step not in {relation.name for relation in entity.to_one})
        entity = _target(entity, step)
    return many


def store(world: World, rules: Sequence[tuple[RuleText, str, str | None, bool]]) -> None:
    """Make the rules, each with its entity, attribute and whether it is restricted, the Rule objects of the world."""
    entity = ENTITIES["Rule"]
    things: dict[int, Thing] = {}
    for number, (rule, bean, attribute, restricted) in enumerate(rules, start=1):
        flags = rule.flags.upper()
        given = {"crudFlags": flags, "what": rule.what, "grouping": rule.grouping, "bean": bean}
        given |= {"attribute": attribute, "restricted": restricted} | {flag: flag.upper() in flags for flag in "crud"}
        things[number] = make_thing(entity, number, given)
    world.things["Rule"] = things


def open_steps(world: World, rng: Random, count: int) -> None:
    """Make `count` random relations the PublicSteps of the world."""
    steps = [(entity, relation.name) for entity in SIZES for relation in relations_of(ENTITIES[entity])]
    chosen = rng.sample(steps, count)
    entity = ENTITIES["PublicStep"]
    things = [make_thing(entity, n, {"origin": o, "field": f}) for n, (o, f) in enumerate(chosen, start=1)]
    world.things["PublicStep"] = {thing.id: thing for thing in things}
