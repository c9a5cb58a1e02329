"""Pages of what is not open to somebody who may know that it exists: when it opens, and whom to ask."""

from __future__ import annotations

from starlette.responses import Response

from beamcat.catalogue.closed import closed
from beamcat.errors import NoSuchObject
from beamcat.portal import reading
from beamcat.portal.page import Asking
from beamcat.portal.reading import Thing

PATHS = {
    "DataPublication": "/publications",
    "Investigation": "/investigations",
    "Dataset": "/datasets",
    "Study": "",
}


async def found_or_closed(asking: Asking, entity: str, *includes: str) -> Thing | Response:
    """The record; or, for somebody who may know that it exists, the page that says when it opens.

    Raises `NoSuchObject` for everybody else, as for what is not there.
    """
    identifier = asking.id_of()
    try:
        return await reading.find(asking, entity, identifier, *includes)
    except NoSuchObject:
        if not asking.visitor.signed_in:
            raise
        known = await closed(asking.core.searches, asking.visitor.person, entity, identifier)
        if known is None:
            raise
    return await asking.render(
        "details/closed.html",
        kind=entity,
        opens=known.opens if known.opens is not None and known.opens > asking.now else None,
        named_by=[(each.entity, each.title, f"{PATHS[each.entity]}/{each.id}") for each in known.named_by],
    )
