"""Parameters have the type's word to obey: where it applies, and which values it enforces (ICAT specification F.1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from beamcat.database.naming import quoted, snake_case
from beamcat.database.pool import Connection
from beamcat.errors import ValidationFailed
from beamcat.model import ENTITIES, Entity, ToOne


@dataclass(frozen=True, slots=True)
class ParameterRule:
    """What one parameter type asks of the parameters of one entity. `permitted` is empty when any string will do."""

    name: str
    applicable: bool
    enforced: bool
    value_type: str
    minimum: float | None
    maximum: float | None
    permitted: list[str] = field(default_factory=list)


async def parameter_rules(
    connection: Connection, entity: Entity, type_ids: Collection[int]
) -> Mapping[int, ParameterRule]:
    """The rules of these parameter types for the parameter entity, by id; ids that do not exist are left out."""
    applicable = quoted(f"applicable_to_{snake_case(_owner(entity))}")
    cursor = await connection.execute(
        f"SELECT id, name, {applicable}, enforced, value_type, minimum_numeric_value, maximum_numeric_value"
        " FROM parameter_type WHERE id = ANY(%s::bigint[])",
        [list(type_ids)],
    )
    rules = {row[0]: ParameterRule(*row[1:]) for row in await cursor.fetchall()}
    listed = [key for key, rule in rules.items() if rule.enforced and rule.value_type == "STRING"]
    if listed:
        cursor = await connection.execute(
            "SELECT type_id, value FROM permissible_string_value WHERE type_id = ANY(%s::bigint[]) ORDER BY id",
            [listed],
        )
        for type_id, value in await cursor.fetchall():
            rules[type_id].permitted.append(value)
    return rules


def parameter_problem(
    entity: Entity, rule: ParameterRule, numeric: float | None, string: str | None, *, check_applicable: bool = True
) -> ValidationFailed | None:
    """What the type has against a parameter with these values. Updates leave `check_applicable` out."""
    if check_applicable and not rule.applicable:
        owner = _owner(entity)
        article = "an" if owner == "Investigation" else "a"
        return ValidationFailed(f"Parameter of type {rule.name} is not applicable to {article} {owner}")
    if not rule.enforced:
        return None
    value = f"Parameter of type {rule.name} has value"
    if rule.value_type == "NUMERIC":
        if numeric is None:
            return ValidationFailed(f"{value} null which is not a number")
        if rule.minimum is not None and numeric < rule.minimum:
            return ValidationFailed(f"{value} {float(numeric)} < {rule.minimum}")
        if rule.maximum is not None and numeric > rule.maximum:
            return ValidationFailed(f"{value} {float(numeric)} > {rule.maximum}")
    elif rule.value_type == "STRING" and rule.permitted and string not in rule.permitted:
        shown = "null" if string is None else string
        return ValidationFailed(f"{value} {shown} not in allowed set [{', '.join(rule.permitted)}]")
    return None


def type_not_set() -> ValidationFailed:
    """The error for a parameter without a type."""
    return ValidationFailed("Type of parameter is not set")


def _owner(entity: Entity) -> str:
    """The entity that a parameter entity describes."""
    assert entity.parameter_of is not None
    relation = entity.fields[entity.parameter_of]
    assert isinstance(relation, ToOne)
    return ENTITIES[relation.target].name
