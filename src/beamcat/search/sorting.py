"""What hits can be sorted by."""

from __future__ import annotations

from beamcat.errors import BadParameter
from beamcat.search.fields import DocumentType, Field, Kind
from beamcat.search.question import Sort

_SINGLE = (Kind.ID, Kind.MOMENT, Kind.AMOUNT, Kind.NAME, Kind.CODE)


def is_sortable(field: Field) -> bool:
    """Whether hits can be sorted by it."""
    return field.kind in _SINGLE and not field.several


def check_sortable(documents: DocumentType, sort: Sort) -> None:
    """Raises `BadParameter` for a field that hits cannot be sorted by."""
    if sort.field is None or sort.field == "id":
        return
    if documents.field(sort.field, *_SINGLE).several:
        raise BadParameter(f"hits cannot be sorted by {sort.field}, which may have several values")
