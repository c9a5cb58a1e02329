"""Passwords: argon2id made, older formats read.

What ICAT's authenticators stored (icat.utils `PasswordChecker`, used by authn.db and authn.simple alike): a text that
starts with `$` is a hash in modular crypt format, as `mkpasswd` or `openssl passwd` make it (`$1$` MD5, `$5$` SHA-256,
`$6$` SHA-512), anything else is the password itself in plain text, and an empty one matches nothing. authn.db keeps it
in the column ENCODEDPASSWORD of its table PASSWD, authn.simple in the property `user.<name>.password`. There is no
other prefix and no separate salt column. bcrypt (`$2a$`, `$2b$`, `$2y$`) is read as well, for accounts from elsewhere.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import secrets
from collections.abc import Callable
from typing import TypeVar

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION
from passlib import hash as crypt_formats
from passlib.exc import MissingBackendError
from passlib.utils.binary import HASH64_CHARS

from beamcat.access.turnstile import Turnstile
from beamcat.errors import BadParameter

LONGEST_PASSWORD = 1024
"""In characters. Longer ones are refused: some formats take time in proportion to the length."""
HASHES_AT_ONCE = 2
"""Per worker. One argon2 hash takes 64 MiB and some 50 to 150 ms of a core."""
WAITING_AT_MOST = 200
"""Per worker. At that length the last in line waits some ten seconds."""

_CRYPT_PREFIXES = {
    "$1$": "md5_crypt",
    "$5$": "sha256_crypt",
    "$6$": "sha512_crypt",
    "$2a$": "bcrypt",
    "$2b$": "bcrypt",
    "$2y$": "bcrypt",
}
_ARGON2_PREFIX = "$argon2"

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Passwords:
    """Makes and checks password hashes in worker threads, a few at a time.

    Without a `hasher` it is argon2id with the parameters of RFC 9106, low memory.
    """

    def __init__(
        self,
        at_once: int = HASHES_AT_ONCE,
        waiting_at_most: int = WAITING_AT_MOST,
        hasher: PasswordHasher | None = None,
    ) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turnstile = Turnstile(at_once, waiting_at_most)
        self._argon2_decoy = _argon2_decoy(self._hasher)
        self._crypt_decoy = _crypt_decoy()

    async def make(self, password: str) -> str:
        """The argon2id hash to store for a new password; `BadParameter` for one that is empty or too long."""
        if not password or len(password) > LONGEST_PASSWORD:
            raise BadParameter(f"a password has 1 to {LONGEST_PASSWORD} characters")
        return await self._in_thread(lambda: self._hasher.hash(_encoded(password)))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether `password` is the one that `stored` was made from. None stands for an unknown user.

        A refusal always costs one argon2 and one crypt evaluation, whatever is stored, so that the time of the answer
        does not tell whether there is such a user. Raises `Unavailable` when too many logins are waiting.
        """
        return await self._in_thread(lambda: self._verify(password, stored))

    async def upgraded(self, password: str, stored: str) -> str | None:
        """After a successful login: the hash that should replace `stored`, None when it is as we make them today."""
        if stored.startswith(_ARGON2_PREFIX) and not self._hasher.check_needs_rehash(stored):
            return None
        return await self._in_thread(lambda: self._hasher.hash(_encoded(password)))

    def _verify(self, password: str, stored: str | None) -> bool:
        candidate = _encoded(password[:LONGEST_PASSWORD])
        by_argon2 = stored is not None and stored.startswith(_ARGON2_PREFIX)
        by_crypt = stored is not None and not by_argon2 and stored.startswith("$")
        if stored is not None and self._matches(candidate, stored) and len(password) <= LONGEST_PASSWORD:
            return True
        if not by_argon2:
            self._argon2_matches(candidate, self._argon2_decoy)
        if not by_crypt:
            _crypt_matches(candidate, self._crypt_decoy)
        return False

    def _matches(self, password: bytes, stored: str) -> bool:
        if stored.startswith(_ARGON2_PREFIX):
            return self._argon2_matches(password, stored)
        if stored.startswith("$"):
            return _crypt_matches(password, stored)
        return stored != "" and hmac.compare_digest(password, _encoded(stored))

    def _argon2_matches(self, password: bytes, stored: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_thread(self, work: Callable[[], T]) -> T:
        async with self._turnstile.turn():
            return await asyncio.to_thread(work)


def _argon2_decoy(hasher: PasswordHasher) -> str:
    """A hash of nobody's password, of the same price. Drawn at random, for making one would be dear at each start."""
    parameters = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    salt, digest = (
        base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")
        for length in (hasher.salt_len, hasher.hash_len)
    )
    return f"$argon2id$v={ARGON2_VERSION}${parameters}${salt}${digest}"


def _crypt_decoy() -> str:
    """The same in the format of crypt(3), SHA-512 with its usual 5000 rounds; the last letter stands for two bits."""
    salt, digest = ("".join(secrets.choice(HASH64_CHARS) for _ in range(length)) for length in (16, 85))
    return f"$6${salt}${digest}."


def _encoded(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")  # JSON can carry half a surrogate pair


def _crypt_matches(password: bytes, stored: str) -> bool:
    prefix = stored[: stored.find("$", 1) + 1]
    name = _CRYPT_PREFIXES.get(prefix)
    if name is None:
        log.warning("unreadable password hash", format=prefix)
        return False
    try:
        return bool(getattr(crypt_formats, name).verify(password, stored))  # compares in constant time
    except MissingBackendError:
        log.warning("no library for this password hash; install bcrypt", format=prefix)
        return False
    except ValueError:  # a damaged hash, or a password the format cannot hold (NUL)
        return False
