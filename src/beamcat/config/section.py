"""What all parts of the tree are: frozen, and strict about their keys."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the tree: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


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
