"""What hits can be sorted by."""

from __future__ import annotations

from beamcat.errors import BadParameter
from beamcat.search.fields import DocumentType, Field, Kind
from beamcat.search.question import Sort, SortValue, Value
from beamcat.search.tokens import whole

_SINGLE = (Kind.ID, Kind.MOMENT, Kind.AMOUNT, Kind.NAME, Kind.CODE)


def is_sortable(field: Field) -> bool:
    """Whether hits can be sorted by it."""
    return (field.kind in _SINGLE or field.sorted) and not field.several


def is_text(field: Field) -> bool:
    """Whether what it is sorted by is a text, in the column `whole`."""
    return field.kind not in (Kind.ID, Kind.MOMENT, Kind.AMOUNT)


def check_sortable(documents: DocumentType, sort: Sort) -> None:
    """Raises `BadParameter` for a field that hits cannot be sorted by."""
    for key in sort.keys:
        if key.field is None or key.field == "id":
            if len(sort.keys) > 1:
                raise BadParameter("relevance and ids are sorted by alone")
        elif not is_sortable(documents.field(key.field)):
            raise BadParameter(f"hits cannot be sorted by {key.field}")


def rank(value: SortValue, sort: Sort) -> tuple[object, ...]:
    """What is compared of values by which hits are sorted: what is missing comes last, in either direction."""
    values = value if isinstance(value, tuple) else (value,)
    return tuple(_rank(one, descending=key.descending) for one, key in zip(values, sort.keys, strict=True))


def _rank(value: Value, *, descending: bool) -> tuple[object, ...]:
    if value is None:
        return (1,)
    if isinstance(value, str):
        codes = tuple(whole(value).encode())
        # the end of a text stands before all that could follow it
        return (0, (*(-code for code in codes), 1) if descending else codes)
    return (0, -value if descending else value)
