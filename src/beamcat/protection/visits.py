"""One request on its way through the house: where it comes from, who turns out to be asking, and what they may have.

A request costs a token. Until it is known who asks, that is one of the network it comes from: of its own bucket, or,
when that is empty and the request shows credentials, of another one, for requests whose credentials have to be looked
up. When they turn out to be those of a user, the token is given back, and one of the user's is taken: many users behind
one address do not hinder each other, nor does a flood from there. Who turns out to be a stranger after all is refused.

It lives in a context variable, as the request itself does, so that the core need not hand it on.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from uuid import UUID

from beamcat.access.caller import Caller
from beamcat.config import ProtectionSettings
from beamcat.errors import TooManyRequests
from beamcat.protection.blocks import Blocks, Kind
from beamcat.protection.buckets import Rate
from beamcat.protection.clients import Client, Origin, Origins, Standing, Users, limits_of, rate_of
from beamcat.protection.daily import DailyBytes
from beamcat.protection.refusals import Blocked, Refusals
from beamcat.protection.sharing import SharedBuckets, SharedPlaces

RESPONSES_RETRY_S = 5
"""When to come back for data while others are being sent."""

_VISIT: ContextVar[Visit | None] = ContextVar("beamcat_visit", default=None)


def current_visit() -> Visit | None:
    """The one of this task; None outside of requests of strangers."""
    return _VISIT.get()


@dataclass(frozen=True, slots=True)
class Parts:
    """What visits are held against."""

    settings: ProtectionSettings
    origins: Origins
    users: Users
    buckets: SharedBuckets
    places: SharedPlaces
    blocks: Blocks
    daily: DailyBytes
    refusals: Refusals
    staff_groups: set[int] = field(default_factory=set)
    """The ids of the groups whose members are staff."""

    @property
    def unproven(self) -> Rate:
        """How many requests of a network may have their credentials looked up."""
        return Rate(self.settings.unproven_per_s, self.settings.unproven_burst)


class Visit:
    """One request. Raises `Blocked` for who is kept out, and `TooManyRequests` for who has had enough."""

    def __init__(self, parts: Parts, origin: Origin) -> None:
        self.origin = origin
        self.client = origin.client
        self.exempt = origin.exempt or not parts.settings.enabled
        self._parts = parts
        self._token: tuple[str, Rate] | None = None
        self._is_unproven = False
        self._names: list[tuple[Kind, str]] = []

    @contextlib.contextmanager
    def inside(self, *, shows_credentials: bool) -> Iterator[None]:
        """Let the request in, and have it known until it is answered."""
        self._check_blocks()
        if not self.exempt:
            self._arrive(shows_credentials=shows_credentials)
        token = _VISIT.set(self)
        try:
            yield
        finally:
            _VISIT.reset(token)

    def stranger(self) -> None:
        """Nobody is asking: what has been shown is not the session of a user, or nothing is to be shown here."""
        if self._is_unproven:
            raise self._too_many_requests(1 / self._parts.settings.anonymous.requests_per_s)

    def user(self, caller: Caller) -> None:
        """A user is asking."""
        self._names.append(("user", caller.name))
        self._check_blocks()
        standing = self._parts.users.standing(caller.name)
        if standing is Standing.SIGNED_IN and not self._parts.staff_groups.isdisjoint(caller.groups):
            standing = Standing.STAFF
        self._known_as(Client(f"user {caller.name}", standing))

    def holder(self, prepared: UUID, owner: str) -> None:
        """Whoever has the id of a prepared download is asking; `owner` has prepared it."""
        self._names += [("prepared", str(prepared)), ("user", owner)]
        self._check_blocks()
        self._known_as(Client(f"prepared {prepared}", self._parts.users.standing(owner)))

    @contextlib.asynccontextmanager
    async def sending(self, length: int) -> AsyncIterator[Callable[[int], None]]:
        """While an answer with so many bytes of data is sent; what is yielded is told of each piece.

        It raises `Blocked` when the client is blocked meanwhile.
        """
        limits = limits_of(self._parts.settings, self.client.standing)
        if self.exempt:
            yield self._watched(None)
            return
        place = None
        if limits.responses:
            place = self._parts.places.take(self.client.key, limits.responses)
            if place is None:
                told = f"{limits.responses} answers with data are being sent to you already"
                raise self._refused("responses", told, RESPONSES_RETRY_S)
        try:
            if limits.bytes_per_day:
                await self._check_bytes(limits.bytes_per_day, length)
                with self._parts.daily.spending(self.client.key, length) as handed:
                    yield self._watched(handed)
            else:
                yield self._watched(None)
        finally:
            if place is not None:
                self._parts.places.give_back(place)

    def note_refusal(self, reason: str, client: str) -> None:
        """A client was refused; see `Refusals.note`."""
        self._parts.refusals.note(reason, client)

    def _arrive(self, *, shows_credentials: bool) -> None:
        own = rate_of(self._parts.settings.anonymous)
        if own is None:
            return
        wait_s = self._take(f"stranger {self.client.key}", own)
        if wait_s:
            if not shows_credentials:
                raise self._too_many_requests(wait_s)
            if more_s := self._take(f"unproven {self.client.key}", self._parts.unproven):
                raise self._too_many_requests(max(wait_s, more_s))
            self._is_unproven = True

    def _known_as(self, client: Client) -> None:
        """The first who turns out to be asking is the client, unless it is anybody."""
        if self.exempt:
            return
        if client.standing is Standing.ANONYMOUS:
            self.stranger()
            return
        if self.client.standing is not Standing.ANONYMOUS:
            return
        self.client = client
        if self._token is not None:
            self._parts.buckets.give_back(*self._token)
            self._token, self._is_unproven = None, False
        rate = rate_of(limits_of(self._parts.settings, client.standing))
        if rate is not None and (wait_s := self._take(client.key, rate)):
            raise self._too_many_requests(wait_s)

    def _take(self, key: str, rate: Rate) -> float:
        wait_s = self._parts.buckets.take(key, rate)
        if not wait_s:
            self._token = (key, rate)
        return wait_s

    async def _check_bytes(self, most: int, length: int) -> None:
        try:
            await self._parts.daily.check(self.client.key, most, length)
        except TooManyRequests:
            self.note_refusal("bytes", self.client.key)
            raise

    def _watched(self, handed: Callable[[int], None] | None) -> Callable[[int], None]:
        """`handed`, and a look at the blocks whenever they change."""
        edition = self._parts.blocks.edition

        def told(size: int) -> None:
            nonlocal edition
            if handed is not None:
                handed(size)
            if edition != self._parts.blocks.edition:
                edition = self._parts.blocks.edition
                self._check_blocks()

        return told

    def _check_blocks(self) -> None:
        blocks = self._parts.blocks
        if blocks.has_address(self.origin.address):
            self.note_refusal("blocked", self.origin.client.key)
            raise Blocked("the network you come from")
        for kind, subject in self._names:
            if blocks.has(kind, subject):
                self.note_refusal("blocked", f"{kind} {subject}")
                raise Blocked("this account" if kind == "user" else "this download")

    def _too_many_requests(self, wait_s: float) -> TooManyRequests:
        return self._refused("requests", "You make too many requests at a time", max(1, math.ceil(wait_s)))

    def _refused(self, reason: str, message: str, retry_after_s: int) -> TooManyRequests:
        self.note_refusal(reason, self.client.key)
        return TooManyRequests(f"{message}; try again in {retry_after_s} s", retry_after_s)


@contextlib.asynccontextmanager
async def sending(length: int) -> AsyncIterator[Callable[[int], None]]:
    """While an answer with so many bytes of data is sent, for whoever is asking: see `Visit.sending`."""
    visit = current_visit()
    if visit is None:
        yield lambda _size: None
        return
    async with visit.sending(length) as told:
        yield told
