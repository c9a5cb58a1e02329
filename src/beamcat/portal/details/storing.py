"""Where the data of a record are: on disk, on tape, or on their way."""

from __future__ import annotations

import asyncio

from beamcat.errors import BeamcatError
from beamcat.portal.details.frame import State
from beamcat.portal.page import Asking
from beamcat.store.selection import Wanted
from beamcat.store.service import DataService
from beamcat.store.units.status import ARCHIVED, ONLINE, RESTORING

PATIENCE_S = 0.4
"""A page does not wait longer for it: very many files may have to be looked at."""


async def storage_state(asking: Asking, wanted: Wanted, files: int | None) -> State | None:
    """The state of the data as a badge; None without files, and where it cannot be told in time."""
    if not files:
        return None
    t, data = asking.visitor.words, asking.core.data
    if data.levels is None:
        return State("online", t("details.online"), "disk")
    try:
        async with asyncio.timeout(PATIENCE_S):
            status = await data.status(asking.visitor.reader, wanted)
            if status == RESTORING:
                return await _restoring(asking, data, wanted)
    except TimeoutError:
        return None
    except BeamcatError as error:
        return State("failed", t("details.not_there"), "alert", error.message)
    if status == ONLINE:
        return State("online", t("details.online"), "disk")
    return State("tape", t("details.tape"), "tape", t("details.tape_why")) if status == ARCHIVED else None


async def _restoring(asking: Asking, data: DataService, wanted: Wanted) -> State:
    t, f = asking.visitor.words, asking.formatting
    progress = await data.progress(asking.visitor.reader, wanted)
    parts = [t("details.restoring", done=f.number(progress.online), all=f.number(progress.units))]
    if progress.position:
        parts.append(t("details.restoring_ahead", n=progress.position))
    if progress.seconds is not None:
        parts.append(t("details.restoring_time", time=f.duration(progress.seconds)))
    return State("restoring", ", ".join(parts), "refresh")
