"""A search as it is kept: JSON that later versions of Beamcat read, too.

Kept is what was looked for: text, entities, manner, filters, order and facets. The page, and what is shown of hits,
belong to whoever asks. A form that cannot be read as version 1 any longer gets a new `VERSION`, and a step that makes
it of the former one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any as Json

from pydantic import TypeAdapter, ValidationError

from beamcat.errors import ValidationFailed
from beamcat.search.wanted import Wanted

VERSION = 1
LONGEST = 100_000
"""Characters of the JSON of a search."""

_WANTED = TypeAdapter(Wanted)
_PLAIN = Wanted()


def kept(wanted: Wanted) -> Wanted:
    """The search without the page it was on."""
    return replace(wanted, limit=_PLAIN.limit, after=None, highlight=_PLAIN.highlight, source=_PLAIN.source)


def to_json(wanted: Wanted) -> dict[str, Json]:
    """The search for the database."""
    content: dict[str, Json] = _WANTED.dump_python(kept(wanted), mode="json", exclude_defaults=True)
    return {"version": VERSION, **content}


def from_json(content: Mapping[str, Json]) -> Wanted:
    """The search of such JSON. Raises `ValidationFailed` for one of a later version, and for anything else."""
    members = dict(content)
    version = members.pop("version", None)
    if version != VERSION:
        raise ValidationFailed(f"this search was kept by another version of Beamcat ({version}); save it again")
    try:
        return _WANTED.validate_python(members)
    except ValidationError as error:
        raise ValidationFailed(f"this search cannot be read any longer; save it again: {error.title}") from error
