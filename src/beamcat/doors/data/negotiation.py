"""In which form a client wants what a permanent URL leads to (RFC 9110 section 12.5.1; data service, E.3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

HTML = "text/html"
METALINK = "application/metalink4+xml"
ZIP = "application/zip"
TAR = "application/x-tar"
BYTES = "application/octet-stream"

FORMS: Mapping[str, str] = {"html": HTML, "meta4": METALINK, "zip": ZIP, "tar": TAR, "file": BYTES}
"""What the parameter `format` and the suffixes of URLs say -> media type."""
OF_COLLECTIONS = (HTML, METALINK, ZIP, TAR)
"""What there is of an investigation and of a dataset, best first."""


class _Range(NamedTuple):
    """An element of `Accept`."""

    media: str
    quality: float


def best(accept: str | None, offered: tuple[str, ...]) -> str | None:
    """The media type to answer with; None when the client takes none of them.

    A type that is named beats one that only a wildcard covers, at the same quality: aria2 accepts anything, and
    Metalink by name.
    """
    ranges = _ranges(accept)
    ranked = []
    for place, media in enumerate(offered):
        quality, is_named = _quality(media, ranges)
        if quality > 0:
            ranked.append((-quality, not is_named, place, media))
    return min(ranked)[3] if ranked else None


def prefers_html(accept: str | None) -> bool:
    """Whether a page is wanted rather than anything else: a browser that opens the URL of a file."""
    ranges = _ranges(accept)
    quality, is_named = _quality(HTML, ranges)
    others = max((quality for media, quality in ranges if media != HTML), default=0.0)
    return is_named and quality > 0 and quality >= others


def _quality(media: str, ranges: list[_Range]) -> tuple[float, bool]:
    """How much it is wanted, and whether it is named."""
    by_name = {each.media: each.quality for each in ranges}
    if media in by_name:
        return by_name[media], True
    kind = media.partition("/")[0]
    return by_name.get(f"{kind}/*", by_name.get("*/*", 0.0)), False


def _ranges(accept: str | None) -> list[_Range]:
    if accept is None or not accept.strip():
        return [_Range("*/*", 1.0)]
    found = []
    for element in accept.split(","):
        media, *parameters = (part.strip().lower() for part in element.split(";"))
        quality = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                quality = _number(value)
        if media:
            found.append(_Range(media, quality))
    return found


def _number(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0
