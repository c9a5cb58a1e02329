"""Session ids of anonymous visitors: each has its own, and all of them stand for one stored session.

So visitors cost no row each, and yet can be told apart: a cart belongs to the id. An id begins as that of the stored
session does, by which it is found; then come random digits, and digits that only whoever knows the stored id can make.
The stored id itself is never given to anybody.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

FOUND_BY = 6
"""Hexadecimal digits that an id has in common with the stored one."""
RANDOM = 14
"""Random ones: with ten thousand visitors a minute, two have the same once in some centuries."""
DIGITS = 32
"""Of an id."""


def visitor_of(stored: str) -> str:
    """A new id for a visitor in the stored session."""
    begin = _digits(stored)[:FOUND_BY] + secrets.token_hex(RANDOM // 2)
    return _as_id(begin + _made_from(stored, begin))


def is_visitor_of(identifier: str, stored: str) -> bool:
    """Whether an id is one of the stored session's visitors."""
    digits = _digits(identifier)
    begin, end = digits[: FOUND_BY + RANDOM], digits[FOUND_BY + RANDOM :]
    return begin[:FOUND_BY] == _digits(stored)[:FOUND_BY] and hmac.compare_digest(end, _made_from(stored, begin))


def around(identifier: str) -> tuple[str, str]:
    """Between which ids the stored session of a visitor is to be found."""
    begin = _digits(identifier)[:FOUND_BY]
    return _as_id(begin.ljust(DIGITS, "0")), _as_id(begin.ljust(DIGITS, "f"))


def _made_from(stored: str, begin: str) -> str:
    return hmac.digest(stored.encode(), begin.encode(), hashlib.sha256).hex()[: DIGITS - FOUND_BY - RANDOM]


def _digits(identifier: str) -> str:
    return identifier.replace("-", "")


def _as_id(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
