"""Whose eyes the data are looked at with: anybody's, or the visitor's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from beamcat.access.caller import Caller
from beamcat.portal import lists
from beamcat.portal.browsing.tabs import Tab
from beamcat.portal.page import Asking, address

OPEN = "it.releaseDate <= CURRENT_TIMESTAMP"


@dataclass(frozen=True, slots=True)
class Whose:
    """The reader, a condition on investigations `it`, and the parameter of addresses that says so.

    Open data are what anybody sees, so that they are the same for all; where strangers may see nothing, it is what has
    been released. `see=all` is all that the visitor may see.
    """

    reader: Caller | None
    condition: str = ""
    keep: Mapping[str, str] = field(default_factory=dict)

    @property
    def everything(self) -> bool:
        """Whether it is all that the visitor may see."""
        return bool(self.keep)

    def within(self, condition: str = "", *, of: str = "it", without: frozenset[str] = frozenset()) -> lists.Within:
        """The rows of a list that meet a condition; `of` is the way from a row to its investigation."""
        own = self.condition.replace("it.", f"{of}.")
        both = " AND ".join(f"({part})" for part in (own, condition) if part)
        return lists.Within(both, reader=self.reader, keep=self.keep, without=without)

    def where(self, condition: str = "") -> str:
        """The WHERE of a query about investigations `it`."""
        both = " AND ".join(f"({part})" for part in (self.condition, condition) if part)
        return f" WHERE {both}" if both else ""

    def link(self, path: str) -> str:
        """An address that keeps whose eyes they are."""
        return address(path, **self.keep)

    def tabs(self, asking: Asking, path: str) -> list[Tab]:
        """The choice, for those who have one."""
        if not asking.visitor.signed_in:
            return []
        words = asking.visitor.words
        return [
            Tab(words("browse.open_data"), path, not self.everything),
            Tab(words("browse.all_i_may_see"), address(path, see="all"), self.everything),
        ]


async def stranger(asking: Asking) -> Caller | None:
    """Whoever has not signed in; None where they may see nothing."""
    request = asking.request
    identifier = await asking.core.sessions.anonymous(request.client.host if request.client else "")
    return None if identifier is None else await asking.core.caller(identifier)


async def whose(asking: Asking) -> Whose:
    """Whose eyes the address asks for."""
    if asking.visitor.signed_in and asking.query.get("see") == "all":
        return Whose(None, keep={"see": "all"})
    reader = await stranger(asking)
    return Whose(reader, "" if reader is not None else OPEN)
