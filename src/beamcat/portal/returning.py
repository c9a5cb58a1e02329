"""Where a page may lead back to: nowhere but this portal."""

from __future__ import annotations

from urllib.parse import urlsplit

LONGEST = 2000


def back(address: str | None, otherwise: str = "/") -> str:
    r"""The path and query that a form named, if it is one of this server; else `otherwise`.

    `//host`, `/\host` and full URLs are none: browsers would leave.
    """
    if not address or len(address) > LONGEST or not address.startswith("/") or address[1:2] in {"/", "\\"}:
        return otherwise
    if any(ord(character) < 33 or character == "\\" for character in address):
        return otherwise
    parts = urlsplit(address)
    return otherwise if parts.scheme or parts.netloc else address
