"""Password guessing is slowed down, over all workers together.

Failed logins are counted within a moving window, under three subjects:

- one account from one address (`max_failures_per_user`): guessing a colleague's password ends here, and the
  colleague, who comes from elsewhere, can still sign in;
- one address, whatever the account (`max_failures_per_address`): trying one password on many accounts;
- one account, whatever the address (`max_failures_per_user_everywhere`, higher): guessing from many machines. Somebody
  who commands that many addresses can keep an account waiting; that is the price of not being guessed.

A success forgets the failures of that account, not those of the address. Refused attempts are not counted, so waiting
always helps. IPv6 addresses count by their /64, which one customer commonly has for itself. Subjects are kept as
digests: people do type their password into the field for the name.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from ipaddress import IPv6Address, IPv6Network, ip_address

from beamcat.config import LoginProtectionSettings
from beamcat.database.pool import Database
from beamcat.errors import TooManyAttempts

_COUNT = """
SELECT s.subject, count(f.at), (array_agg(f.at ORDER BY f.at DESC))[s.most]
  FROM unnest(%s::text[], %s::int[]) AS s (subject, most)
  JOIN login_failure f ON f.subject = s.subject AND f.at > %s
 GROUP BY s.subject, s.most
"""
_RECORD = "INSERT INTO login_failure (subject, at) SELECT unnest(%s::text[]), %s"
_FORGET = "DELETE FROM login_failure WHERE subject = ANY(%s::text[])"
_PRUNE = "DELETE FROM login_failure WHERE at <= %s"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A login about to be tried. `failed_before` tells that there is something to forget when it succeeds."""

    account_here: str
    address: str
    account: str
    failed_before: bool = False


class LoginProtection:
    """Counts failed logins in the table `login_failure`.

    The caller runs only a few attempts at a time, each as `check`, the login itself, then `failed` or `succeeded`:
    that many guesses at most slip through beyond the limits.
    """

    def __init__(self, database: Database, settings: LoginProtectionSettings, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._window = timedelta(minutes=settings.window_minutes)
        self._pruned = clock()

    async def check(self, mnemonic: str, username: str, address: str) -> Attempt:
        """The attempt, if it may be made now; else `TooManyAttempts` with the seconds to wait. Writes nothing."""
        account = f"{mnemonic}/{username.casefold()}"
        network = _network(address)
        limits = {
            _digest("account and address", account, network): self._settings.max_failures_per_user,
            _digest("address", network): self._settings.max_failures_per_address,
            _digest("account", account): self._settings.max_failures_per_user_everywhere,
        }
        now = self._clock()
        async with self._database.connection() as conn:
            cursor = await conn.execute(_COUNT, (list(limits), list(limits.values()), now - self._window))
            failures = await cursor.fetchall()
        self._refuse_too_many([at for _, count, at in failures if at is not None], now)
        account_here, address_subject, everywhere = limits
        seen = {subject for subject, _, _ in failures}
        return Attempt(account_here, address_subject, everywhere, not seen.isdisjoint({account_here, everywhere}))

    async def failed(self, attempt: Attempt) -> None:
        """Count the attempt."""
        now = self._clock()
        subjects = [attempt.account_here, attempt.address, attempt.account]
        async with self._database.connection() as conn:
            await conn.execute(_RECORD, (subjects, now))
        if now - self._pruned > self._window:
            await self.prune()

    async def succeeded(self, attempt: Attempt) -> None:
        """Forget what went wrong with this account; nothing is written when nothing did."""
        if attempt.failed_before:
            async with self._database.connection() as conn:
                await conn.execute(_FORGET, ([attempt.account_here, attempt.account],))

    async def prune(self) -> int:
        """Remove what has left the window; how many rows that were."""
        self._pruned = self._clock()
        async with self._database.connection() as conn:
            cursor = await conn.execute(_PRUNE, (self._pruned - self._window,))
        return cursor.rowcount

    def _refuse_too_many(self, deciding: list[datetime], now: datetime) -> None:
        """`deciding` are the failures that have to leave the window before another attempt may be made."""
        if deciding:
            wait_s = max(1, math.ceil((max(deciding) + self._window - now).total_seconds()))
            raise TooManyAttempts(f"Too many failed logins; try again in {wait_s} s", wait_s)


def _network(address: str) -> str:
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if not isinstance(ip, IPv6Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(IPv6Network((ip, 64), strict=False))


def _digest(kind: str, *parts: str) -> str:
    text = "\0".join((kind, *parts))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
