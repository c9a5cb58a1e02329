"""One rule, from its text to a query (ICAT specification E.2), and one public step (F.1).

Used when a Rule or PublicStep is created or updated, and whenever the rulebook is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from beamcat.errors import BadParameter, ValidationFailed
from beamcat.model import Attribute, Entity, icat_entity
from beamcat.query.compile import compile_allowed
from beamcat.query.parse import ParseLimits, parse_rule
from beamcat.query.rights import RuleQuery
from beamcat.query.tree import FromEntity, FromPath, Query

RULE_LIMITS = ParseLimits(max_length=65_536, max_nesting=40, max_includes=0)
"""Not from the settings: a rule stays valid when they change. Its length is limited like that of any attribute."""


class Operation(Enum):
    """What a rule can allow. The value is its letter in `crudFlags`."""

    CREATE = "C"
    READ = "R"
    UPDATE = "U"
    DELETE = "D"


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A valid rule.

    `crud_flags` is upper-case and trimmed. `attribute` limits an update rule to one member. `restricted` is False when
    the rule certainly holds for every object of the entity. `query` selects the objects by a single path.
    """

    crud_flags: str
    what: str
    entity: Entity
    attribute: str | None
    restricted: bool
    query: Query

    @property
    def hidden_values(self) -> dict[str, str | bool | None]:
        """What is stored in the hidden attributes of the Rule, by name."""
        return {
            "bean": self.entity.name,
            "attribute": self.attribute,
            **{operation.value.lower(): self.allows(operation) for operation in Operation},
            "restricted": self.restricted,
        }

    def allows(self, operation: Operation) -> bool:
        """Whether the rule is about this operation. A rule for one attribute is not about a full update."""
        return operation.value in self.crud_flags


def compile_rule(crud_flags: str | None, what: str | None) -> CompiledRule:
    """The rule of these two attributes.

    Raises `ValidationFailed` without flags, and `BadParameter` for another letter than C, R, U, D and for a text that
    is not `SELECT v[.attribute] FROM ... [WHERE ...]` (or concise syntax) or that names what does not exist.
    """
    flags = normalised_flags(crud_flags)
    if what is None:
        raise BadParameter("'what' must not be null")
    rule = parse_rule(what, RULE_LIMITS)
    if rule.attribute is not None and set(flags) & set("CRD"):
        raise BadParameter("Attribute selection in rules is only allowed for Update")
    entity = icat_entity(rule.entity)
    compile_allowed(entity, (RuleQuery(entity, rule.query),))  # checks every name and type, as a question would
    return CompiledRule(flags, what, entity, rule.attribute, _is_restricted(rule.query, rule.variable), rule.query)


def normalised_flags(crud_flags: str | None) -> str:
    """The flags in upper case, without spaces around; errors as for `compile_rule`."""
    if crud_flags is None:
        raise ValidationFailed("Rule: crudFlags cannot be null.")
    flags = crud_flags.upper().strip()
    for letter in flags:
        if letter not in "CRUD":
            raise BadParameter(f"CRUD value {flags} contains {letter}")
    return flags


def validate_public_step(origin: str, field: str) -> None:
    """`BadParameter` unless `field` is a relation of the entity `origin`."""
    entity = icat_entity(origin)
    member = entity.members.get(field)
    if member is None or isinstance(member, Attribute):
        raise BadParameter(f"Field value {field} does not implement a relationship from {origin}")


def _is_restricted(query: Query, variable: str) -> bool:
    """A condition, a second entity (a cross join is empty when one side is) or any join that may lose rows restricts.

    So does selecting something other than the first entity: `SELECT s FROM Investigation i LEFT JOIN i.samples s`
    finds only samples that have an investigation.
    """
    first, *others = query.sources
    if query.where is not None or not isinstance(first, FromEntity) or first.variable != variable.upper():
        return True
    return not all(isinstance(source, FromPath) and source.left and len(source.path.steps) == 1 for source in others)
