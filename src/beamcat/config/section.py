"""What all parts of the tree are: frozen, and strict about their keys."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the tree: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}; give an IANA name such as Europe/Berlin") from None
    return name


ZoneName = Annotated[str, AfterValidator(_known_zone)]
"""The IANA name of a time zone."""


def masked(options: dict[str, Any]) -> dict[str, Any]:
    """A free table with stars for what is secret by its name."""
    return {
        key: masked(value)
        if isinstance(value, dict)
        else "**********"
        if any(word in key.lower() for word in ("key", "secret", "password", "token", "credential"))
        else value
        for key, value in options.items()
    }
