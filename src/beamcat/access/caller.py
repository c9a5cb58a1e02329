"""Who is asking."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """The user of a session.

    `name` carries the mechanism (`db/ann`). `user_id` is the id of the `User` of that name, None when there is none.
    `groups` are the ids of the groupings the user is a member of. `root` users pass every check.
    """

    name: str
    root: bool = False
    user_id: int | None = None
    groups: frozenset[int] = frozenset()
