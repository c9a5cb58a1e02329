"""Rules and public steps are checked when they are written, and rules are stored with what their text comes to."""

from __future__ import annotations

from beamcat.access.rules import compile_rule, validate_public_step
from beamcat.catalogue.rows import Row, RowShape


def complete_rights_row(shape: RowShape, row: Row) -> None:
    """Check the row of a Rule or PublicStep, and fill in what is derived from it (ICAT specification E.2, F.1).

    Rows of other entities are left alone. Raises `BadParameter` or `ValidationFailed` for an invalid one.
    """
    place = shape.position
    if shape.entity.name == "Rule":
        for name, value in derived_rule_values(row[place["crudFlags"]], row[place["what"]]).items():
            row[place[name]] = value
    elif shape.entity.name == "PublicStep":
        check_public_step(row[place["origin"]], row[place["field"]])


def derived_rule_values(crud_flags: str | None, what: str | None) -> dict[str, str | bool | None]:
    """The normalised `crudFlags` of a rule and its hidden attributes, by name. Errors as for `compile_rule`."""
    rule = compile_rule(crud_flags, what)
    return {"crudFlags": rule.crud_flags, **rule.hidden_values}


def check_public_step(origin: str | None, field: str | None) -> None:
    """`BadParameter` unless `field` is a relation of `origin`. Nulls are for the not-null check to find."""
    if origin is not None and field is not None:
        validate_public_step(origin, field)
