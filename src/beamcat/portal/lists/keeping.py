"""What people keep of a list: columns, widths, and views by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from beamcat.portal.lists.declaring import ListOf
from beamcat.portal.lists.state import read_columns, read_widths
from beamcat.portal.page import Asking

MOST_VIEWS = 50
LONGEST_NAME = 80
LONGEST_VIEW = 4000


@dataclass(frozen=True, slots=True)
class Kept:
    """What a person keeps of a list; nothing for strangers. `views` are queries of addresses by name."""

    columns: tuple[str, ...] = ()
    widths: Mapping[str, int] = field(default_factory=dict)
    views: Mapping[str, str] = field(default_factory=dict)


async def kept_for(asking: Asking, list_: ListOf) -> Kept:
    """What the visitor keeps."""
    if not asking.visitor.signed_in:
        return Kept()
    document = await asking.core.preferences.read(asking.visitor.person.name)
    own = _table(_table(document.get("lists")).get(list_.key))
    views = _table(own.get("views"))
    return Kept(
        read_columns(list_, str(own.get("cols", ""))),
        read_widths(list_, str(own.get("wide", ""))),
        {str(name): str(query) for name, query in sorted(views.items())},
    )


async def keep_columns(asking: Asking, list_: ListOf, columns: Sequence[str], widths: Mapping[str, int]) -> None:
    """Keep these columns; none of them: as usual."""
    wide = ",".join(f"{key}:{width}" for key, width in widths.items())
    await _change(asking, list_, {"cols": ",".join(columns) or None, "wide": wide or None})


async def keep_view(asking: Asking, list_: ListOf, name: str, query: str | None) -> None:
    """Keep the query of an address by a name; None: no longer."""
    await _change(asking, list_, {"views": {name[:LONGEST_NAME]: query}})


async def _change(asking: Asking, list_: ListOf, patch: Mapping[str, Any]) -> None:
    await asking.core.preferences.change(asking.visitor.person.name, {"lists": {list_.key: patch}})


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
