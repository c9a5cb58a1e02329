"""Parts of a page that are links."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tab:
    """A part of a page, with how much is in it."""

    text: str
    href: str
    here: bool
    number: int | None = None
