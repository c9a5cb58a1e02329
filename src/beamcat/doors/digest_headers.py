"""The headers that tell digests: `Repr-Digest` and `Content-Digest` (RFC 9530), and the older `Digest` (RFC 3230).

`Repr-Digest` and `Digest` are of the whole file, also where only a part of it is sent; aria2, FTS and gfal ask for the
older one. `Content-Digest` is of just the bytes that are sent.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping

from beamcat.store.digests.values import Digests


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode("ascii")


_REPRESENTATION: Mapping[str, Callable[[Digests], bytes | None]] = {
    "sha-256": lambda known: known.sha256,
    "md5": lambda known: known.md5,
    "adler": lambda known: None if known.adler32 is None else known.adler32.to_bytes(4),
}
"""By the names of RFC 9530, best first."""
_OLDER: Mapping[str, tuple[str, Callable[[Digests], str | None]]] = {
    "sha-256": ("SHA-256", lambda known: None if known.sha256 is None else _base64(known.sha256)),
    "md5": ("MD5", lambda known: None if known.md5 is None else _base64(known.md5)),
    "adler32": ("adler32", lambda known: None if known.adler32 is None else f"{known.adler32:08x}"),
}
"""By the names of RFC 3230 in small letters, best first. The Adler-32 is in hexadecimal digits there."""


_CONTENT: Mapping[str, Callable[[bytes], bytes]] = {
    "sha-256": lambda content: hashlib.sha256(content).digest(),
    "sha-512": lambda content: hashlib.sha512(content).digest(),
}
"""Those that are computed of what is sent, by the names of RFC 9530."""
MOST_DIGESTED = 8 << 20
"""Bytes of a message of which a `Content-Digest` is told: it comes before them, so that they have to be gathered."""


def content_digest_wanted(wanted: Mapping[str, str], length: int) -> str | None:
    """The name of the digest that a client wants of a message of that length; None when it gets none."""
    asked = wanted.get("want-content-digest")
    if asked is None or length > MOST_DIGESTED:
        return None
    return next(iter(_preferred(asked, "=", _CONTENT)), None)


def content_digest(name: str, content: bytes) -> str:
    """The value of the header `Content-Digest` of a message with that content."""
    return f"{name}=:{_base64(_CONTENT[name](content))}:"


def digest_headers(wanted: Mapping[str, str], known: Digests) -> dict[str, str]:
    """The headers for a file with these digests; `wanted` are the headers of the request.

    What a client asks for comes if it is known; the SHA-256 comes unasked.
    """
    headers = {}
    for name in _preferred(wanted.get("want-repr-digest"), "=", _REPRESENTATION):
        digest = _REPRESENTATION[name](known)
        if digest is not None:
            headers["Repr-Digest"] = f"{name}=:{_base64(digest)}:"
            break
    for name in _preferred(wanted.get("want-digest"), ";q=", _OLDER):
        label, told = _OLDER[name]
        text = told(known)
        if text is not None:
            headers["Digest"] = f"{label}={text}"
            break
    return headers


def _preferred(header: str | None, between: str, names: Mapping[str, object]) -> list[str]:
    """The names a header asks for, most wanted first; without a header the SHA-256 alone."""
    if header is None:
        return ["sha-256"]
    weights: dict[str, float] = {}
    for element in header.split(","):
        name, _, weight = element.replace(" ", "").replace("\t", "").lower().partition(between)
        if name in names:
            weights[name] = _weight(weight)
    return sorted((name for name, weight in weights.items() if weight > 0), key=lambda name: -weights[name])


def _weight(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0
