"""How published data are cited, in the styles that journals ask for, as text.

After DataCite's recommendation (Metadata Schema 4.6, section 1.6), APA (7th edition, section 10.9) and IEEE (Reference
Guide, data sets).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

MOST_APA = 20
MOST_IEEE = 6


@dataclass(frozen=True, slots=True)
class Author:
    """A creator of data."""

    family: str
    given: str

    @property
    def initials(self) -> str:
        """`A. M.`; hyphens stay."""
        parts = []
        for name in self.given.split():
            parts.append("-".join(f"{piece[0]}." for piece in name.split("-") if piece))
        return " ".join(parts)

    @property
    def backwards(self) -> str:
        """`Beamish, M.`."""
        return f"{self.family}, {self.initials}" if self.initials else self.family

    @property
    def forwards(self) -> str:
        """`M. Beamish`."""
        return f"{self.initials} {self.family}".strip()


@dataclass(frozen=True, slots=True)
class Cited:
    """What a citation tells. `address` is that of the persistent identifier."""

    authors: Sequence[Author]
    year: str
    title: str
    publisher: str
    address: str
    version: str = ""


def citations(cited: Cited) -> tuple[tuple[str, str], ...]:
    """The name of each style, and the citation in it. Without authors, who publishes stands for them."""
    if not cited.authors:
        cited = replace(cited, authors=(Author(cited.publisher, ""),))
    return (("DataCite", datacite(cited)), ("APA", apa(cited)), ("IEEE", ieee(cited)))


def datacite(cited: Cited) -> str:
    """`Beamish, M.; Rayon, L. (2024): Title. Version 1. Facility. (Dataset). https://doi.org/...`."""
    names = "; ".join(author.backwards for author in cited.authors)
    version = f" Version {cited.version}." if cited.version else ""
    return _joined(f"{names} ({cited.year}): {_full_stop(cited.title)}{version} {cited.publisher}. (Dataset).", cited)


def apa(cited: Cited) -> str:
    """`Beamish, M., & Rayon, L. (2024). Title [Data set]. Facility. https://doi.org/...`."""
    names = [author.backwards for author in cited.authors]
    if len(names) > MOST_APA:
        told = f"{', '.join(names[: MOST_APA - 1])}, … {names[-1]}"
    elif len(names) > 1:
        told = f"{', '.join(names[:-1])}, & {names[-1]}"
    else:
        told = "".join(names)
    version = f" (Version {cited.version})" if cited.version else ""
    return _joined(f"{told} ({cited.year}). {cited.title.rstrip('.')}{version} [Data set]. {cited.publisher}.", cited)


def ieee(cited: Cited) -> str:
    """`M. Beamish and L. Rayon, "Title," Facility, 2024. doi: ...`."""
    names = [author.forwards for author in cited.authors]
    if len(names) > MOST_IEEE:
        told = f"{names[0]} et al."
    elif len(names) > 2:
        told = f"{', '.join(names[:-1])}, and {names[-1]}"
    else:
        told = " and ".join(names)
    version = f", version {cited.version}" if cited.version else ""
    return _joined(
        f"{told}, “{cited.title.rstrip('.')},” {cited.publisher}{version}, {cited.year}. [Online]. Available:", cited
    )


def _joined(text: str, cited: Cited) -> str:
    return f"{text} {cited.address}".strip()


def _full_stop(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."
