"""Regular expressions for tantivy, which match all of a term."""

from __future__ import annotations

import re

from beamcat.search.tokens import END, NAME, START

_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$#&~-])")
_REAL = f"[^{START}{END}{NAME}]"
"""The first character of a component that stands for itself."""
_ANY = f"[^{START}{END}].*"
"""Any component."""


def escaped(text: str) -> str:
    """What matches this and nothing else."""
    return _SPECIAL.sub(r"\\\1", text)


def of_pattern(pattern: str) -> str:
    """A pattern of `*` and `?` as a regular expression."""
    return escaped(pattern).replace(r"\*", ".*").replace(r"\?", ".")


def of_component(pattern: str) -> str:
    """The same for a component of a path, which is neither empty nor one of those that stand for start and end.

    `*` alone is the name at the end, too; no other pattern is.
    """
    if not pattern.strip("*"):
        return _ANY
    if pattern.strip("*?"):
        return of_pattern(pattern)
    letters = max(pattern.count("?"), 1)
    return _REAL + "." * (letters - 1) + (".*" if "*" in pattern else "")


def is_plain(pattern: str) -> bool:
    """Whether a pattern stands for itself alone."""
    return "*" not in pattern and "?" not in pattern
