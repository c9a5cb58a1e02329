"""How a person wants the pages to look: kept in a cookie, so that the first byte of a page knows it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

COOKIE = "beamcat_look"
KEPT_S = 365 * 86400

CHOICES: dict[str, tuple[str, ...]] = {
    "theme": ("system", "light", "dark"),
    "contrast": ("system", "more"),
    "density": ("comfortable", "compact"),
    "keys": ("on", "off"),
}
"""What there is to choose; the first of each is usual. `keys`: whether single letters are short cuts (WCAG 2.1.4)."""


@dataclass(frozen=True, slots=True)
class Look:
    """The choices; `language` empty: as the browser says."""

    theme: str = "system"
    contrast: str = "system"
    density: str = "comfortable"
    keys: str = "on"
    language: str = ""

    @classmethod
    def read(cls, cookie: str | None) -> Look:
        """What the cookie says. What makes no sense in it is left out."""
        return cls().changed(dict(parse_qsl(cookie or "", max_num_fields=20)))

    def changed(self, wanted: dict[str, str]) -> Look:
        """With these choices, as far as there are such."""
        sane: dict[str, Any] = {name: wanted[name] for name, allowed in CHOICES.items() if wanted.get(name) in allowed}
        language = wanted.get("language")
        if language is not None and len(language) <= 20:
            sane["language"] = language
        return replace(self, **sane)

    def written(self) -> str:
        """For the cookie."""
        usual = Look()
        chosen = {f.name: getattr(self, f.name) for f in fields(self)}
        return urlencode({name: value for name, value in chosen.items() if value != getattr(usual, name)})
