"""Data that come back from tape on demand, and how far they are."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response

from beamcat.errors import BadParameter
from beamcat.portal.basket.downloads import telling
from beamcat.portal.basket.rows import percent_of
from beamcat.portal.page import Asking
from beamcat.portal.returning import back
from beamcat.store.requests.items import Reference, parse_references, wanted_of
from beamcat.store.units.transitions import Operation

MOST = 100
"""Things of one request: larger ones go by the basket."""


async def restore(asking: Asking) -> Response:
    """POST /restore: have what `add` names brought back; how far it is, as a fragment, or the page it came from."""
    form = await asking.form()
    references = _references(form.get("add"))
    await asking.core.data.move(Operation.RESTORE, asking.visitor.reader, wanted_of(references))
    if not asking.is_fragment:
        return asking.go(back(form.get("to"), f"/restore?of={_told(references).replace(' ', '+')}"))
    return await _progress(asking, references)


async def restoring(asking: Asking) -> Response:
    """GET /restore?of=dataset+12: how far it is. Nothing is brought back for it."""
    return await _progress(asking, _references(asking.query.get("of")))


async def _progress(asking: Asking, references: Sequence[Reference]) -> Response:
    progress = await asking.core.data.progress(asking.visitor.reader, wanted_of(references))
    return await asking.render(
        "basket/_restoring.html" if asking.is_fragment else "basket/restoring.html",
        progress=progress,
        percent=percent_of(progress),
        said=telling(asking).of_progress(progress),
        of=_told(references),
    )


def _references(text: str | None) -> list[Reference]:
    references = parse_references(text or "")
    if len(references) > MOST:
        raise BadParameter(f"At most {MOST} things are brought back at a time; put them into the basket")
    return references


def _told(references: Sequence[Reference]) -> str:
    return ",".join(f"{each.kind.value} {each.id}" for each in references)
