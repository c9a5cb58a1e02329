"""Rules in plain words, where they have one of the shapes that facilities use.

`Investigation users may read the datasets of their investigations.` What has another shape has no words: its text is
then the only honest account of it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from beamcat.access.rules import CompiledRule, Operation
from beamcat.access.stored_rules import StoredRule
from beamcat.model import Entity
from beamcat.query.rights import RuleQuery
from beamcat.query.rule_shapes import is_chain, rooted, shorten, usual_path
from beamcat.query.tree import And, Call, Comparison, Condition, FromPath, Literal, Parameter, Path, Query

_VERBS = {
    Operation.CREATE: "create",
    Operation.READ: "read",
    Operation.UPDATE: "update",
    Operation.DELETE: "delete",
}
_WHO = {
    "user": "Investigation users",
    "instrument": "Instrument scientists",
    "group": "Members of investigation groups",
}
_WHOSE = {
    "user": "their investigations",
    "instrument": "investigations at their instruments",
    "group": "investigations of their groups",
}
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def in_words(stored: StoredRule) -> str | None:
    """What the rule says, in one sentence; None when its shape is not a known one, or it is not valid."""
    rule = stored.rule
    if rule is None:
        return None
    group = None if stored.group is None else stored.group.name
    if not rule.restricted:
        return f"{_members(group)} may {_deed(rule)} all {plural(rule.entity)}."
    query = RuleQuery(rule.entity, rule.query)
    if _finds_the_caller(query):
        return f"{_members(group)} may {_deed(rule)} their own {_words(rule.entity.name)}."
    way, far = _far_end(query)
    if far.entity.name != "Investigation":
        return None
    objects = f"{plural(rule.entity)} of " if way else ""
    via = "" if way == _natural_way(rule.entity, len(way)) else f" (by {', '.join(way)})"
    if _is_released(far.query):
        return f"{_members(group)} may {_deed(rule)} the {objects}investigations whose release date has passed{via}."
    tied = _tied(far)
    if tied is None:
        return None
    path, role = tied
    who = _WHO[path] if role is None else f"{_WHO[path]} in the role '{role}'"
    if group is not None:
        who = f"Members of {group} who are {who[0].lower()}{who[1:]}"
    the = "the " if way else ""
    return f"{who} may {_deed(rule)} {the}{objects}{_WHOSE[path]}{via}."


def plural(entity: Entity) -> str:
    """Several objects of the entity: `dataset parameters`."""
    words = _words(entity.name)
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


def _words(name: str) -> str:
    return _CAPITAL.sub(" ", name).lower()


def _members(group: str | None) -> str:
    return "Everybody" if group is None else f"Members of {group}"


def _deed(rule: CompiledRule) -> str:
    verbs = [verb for operation, verb in _VERBS.items() if rule.allows(operation)]
    if not verbs:
        return "do nothing with"
    deed = verbs[0] if len(verbs) == 1 else f"{', '.join(verbs[:-1])} and {verbs[-1]}"
    return deed if rule.attribute is None else f"{deed} {rule.attribute} of"


def _far_end(query: RuleQuery) -> tuple[tuple[str, ...], RuleQuery]:
    """The rule with all its to-one steps taken, as far as they go, and their names."""
    steps: list[str] = []
    query = rooted(query)
    while query.entity.name != "Investigation" and (shorter := shorten(query)) is not None:
        steps.append(shorter.relation.name)
        query = shorter.rule
    return tuple(steps), query


def _natural_way(entity: Entity, length: int) -> tuple[str, ...]:
    """The relations that go without saying: those called like the entity they lead to, the shortest way first."""
    way: list[str] = []
    names = [relation.name for relation in entity.to_one]
    while len(way) < length:
        step = next((name for name in ("investigation", "dataset", "datafile", "sample") if name in names), None)
        if step is None:
            break
        way.append(step)
        names = {"dataset": ["investigation"], "datafile": ["dataset"], "sample": ["investigation"]}.get(step, [])
    return tuple(way)


def _finds_the_caller(rule: RuleQuery) -> bool:
    """Whether it is `SELECT u FROM User u WHERE u.name = :user`."""
    query = rule.query
    return rule.entity.name == "User" and len(query.sources) == 1 and _equals_caller(query.where, query, ("name",))


def _equals_caller(condition: Condition | None, query: Query, steps: tuple[str, ...]) -> bool:
    if not isinstance(condition, Comparison) or condition.operator != "=":
        return False
    path = Path(query.sources[0].variable, steps)
    return {condition.left, condition.right} == {path, Parameter("user")}


def _is_released(query: Query) -> bool:
    """Whether it is `i.releaseDate < CURRENT_TIMESTAMP` about the investigation, and nothing else."""
    where = query.where
    if not isinstance(where, Comparison) or len(query.sources) != 1:
        return False
    path, now = Path(query.sources[0].variable, ("releaseDate",)), Call("CURRENT_TIMESTAMP")
    sides = (where.left, where.operator, where.right)
    return sides in {(path, sign, now) for sign in ("<", "<=")} | {(now, sign, path) for sign in (">", ">=")}


def _tied(rule: RuleQuery) -> tuple[str, str | None] | None:
    """How the investigation is tied to the caller, and the role it takes; None when it is not a usual way."""
    path = usual_path(rule)
    if path is not None:
        return path, None
    where = rule.query.where
    if not isinstance(where, And) or len(where.parts) != 2 or not is_chain(rule.query):
        return None
    for named, other in (where.parts, where.parts[::-1]):
        path = usual_path(replace(rule, query=replace(rule.query, where=named)))
        role = _role(other, rule.query)
        if path == "user" and role is not None:
            return path, role
    return None


def _role(condition: Condition, query: Query) -> str | None:
    """The `X` of `iu.role = 'X'`, where `iu` is the investigation user of the rule."""
    if not isinstance(condition, Comparison) or condition.operator != "=":
        return None
    links = {
        source.variable
        for source in query.sources
        if isinstance(source, FromPath) and source.path.steps[-1:] == ("investigationUsers",)
    }
    for side, other in ((condition.left, condition.right), (condition.right, condition.left)):
        if isinstance(side, Path) and side.steps == ("role",) and side.variable in links and isinstance(other, Literal):
            return other.value if isinstance(other.value, str) else None
    return None
