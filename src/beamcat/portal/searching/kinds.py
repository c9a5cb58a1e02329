"""The kinds of things that are found: how each is called, sorted, narrowed and linked to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from beamcat.search.guide import Guided, guide
from beamcat.search.wanted import MOST_SORTS

RELEVANCE = ""
"""In an address: what fits best comes first."""


@dataclass(frozen=True, slots=True)
class KindFound:
    """A kind. `key` is its name in addresses and in the interface for scripts, `page` where one of them is shown."""

    key: str
    entity: str
    icon: str
    page: str
    facets: tuple[str, ...]
    in_basket: str = ""
    """What the basket calls it; empty: it cannot be taken home."""
    thumb: str = ""
    """The member with the id of the dataset whose picture is shown; empty: none."""


KINDS = (
    KindFound(
        "investigation",
        "Investigation",
        "flask",
        "/investigations/{id}",
        ("instrument", "technique", "date", "type", "facilityCycle", "sample.type", "keyword", "fileSize"),
        "investigation",
    ),
    KindFound(
        "dataset",
        "Dataset",
        "layers",
        "/datasets/{id}",
        ("type", "technique", "instrument", "date", "sample.type", "facilityCycle", "fileSize"),
        "dataset",
        "id",
    ),
    KindFound(
        "datafile",
        "Datafile",
        "file",
        "/datafiles/{id}",
        ("datafileFormat", "date", "fileSize"),
        "datafile",
        "dataset.id",
    ),
    KindFound("sample", "Sample", "tag", "/samples/{id}", ("type", "date")),
    KindFound("instrument", "Instrument", "beam", "/instruments/{id}", ("type",)),
    KindFound("publication", "DataPublication", "quote", "/publications/{id}", ("type", "date")),
)
BY_KEY: Mapping[str, KindFound] = {kind.key: kind for kind in KINDS}
BY_ENTITY: Mapping[str, KindFound] = {kind.entity: kind for kind in KINDS}
MIXED_FACETS = ("instrument", "technique", "date", "facilityCycle")
"""What hits of several kinds are narrowed by."""
SORTS = ("-date", "date", "-fileSize", "fileSize", "name", "-name")
"""Orders beside relevance, as far as a kind has them."""


def sorts_of(kinds: tuple[str, ...]) -> tuple[str, ...]:
    """The orders that hits of all these entities can have."""
    sortable = [{field.name for field in fields if field.sorted} for fields in guide(kinds).values()]
    return (RELEVANCE, *(sort for sort in SORTS if all(sort.removeprefix("-") in names for names in sortable)))


def is_sort(sort: str, kinds: tuple[str, ...]) -> bool:
    """Whether hits of all these entities can have this order: fields with commas between them, or relevance."""
    sortable = [{field.name for field in fields if field.sorted} for fields in guide(kinds).values()]
    names = [name.removeprefix("-") for name in sort.split(",")]
    return sort == RELEVANCE or (
        len(names) <= MOST_SORTS and all(name in known for name in names for known in sortable)
    )


def field_of(entity: str, name: str) -> Guided | None:
    """What is known of a field of an entity; none: it has no such field."""
    return next((field for field in guide((entity,))[entity] if field.name == name), None)
