"""Who is asking, and what for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from beamcat.errors import Forbidden


class Scope(StrEnum):
    """What a caller may set out to do at all; what of it is permitted, the rules say."""

    READ = "read"
    """Ask and download."""
    WRITE = "write"
    """Create, change, delete and upload."""


EVERY_SCOPE = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Caller:
    """The user of a session or of a token.

    `name` carries the mechanism (`db/ann`). `user_id` is the id of the `User` of that name, None when there is none.
    `groups` are the ids of the groupings the user is a member of. `root` users pass every check but that of `scopes`,
    which are all unless the caller comes with a token that has only some.
    """

    name: str
    root: bool = False
    user_id: int | None = None
    groups: frozenset[int] = frozenset()
    scopes: frozenset[Scope] = EVERY_SCOPE

    def require(self, scope: Scope) -> None:
        """Raise `Forbidden` when the caller has come without this scope."""
        if scope not in self.scopes:
            raise Forbidden(f"The token has not the scope '{scope}', which this call needs.")
