"""The names that entities and their members have in the database: snake_case of the ICAT names."""

from __future__ import annotations

import re
from functools import cache

from beamcat.model import Attribute, Entity, ToOne

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@cache
def snake_case(name: str) -> str:
    """`InvestigationUser` -> `investigation_user`, `schemeURI` -> `scheme_uri`."""
    return _WORD.sub("_", name).lower()


def table_name(entity: Entity) -> str:
    """The table of an entity, unquoted: `investigation_user`."""
    return snake_case(entity.name)


def column_name(member: Attribute | ToOne) -> str:
    """The column of an attribute (`create_time`) or the foreign key of a relation (`investigation_id`), unquoted."""
    name = snake_case(member.name)
    return f"{name}_id" if isinstance(member, ToOne) else name


def quoted(name: str) -> str:
    """The name as a quoted SQL identifier. Only names of the model are ever passed, never a client's text."""
    return '"' + name.replace('"', '""') + '"'
