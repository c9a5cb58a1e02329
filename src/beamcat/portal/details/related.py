"""What has to do with a record, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from beamcat.errors import NotImplementedHere, TimedOut, Unavailable
from beamcat.portal import reading
from beamcat.portal.page import Asking
from beamcat.search.relating import Reason

PATHS = {"Investigation": "/investigations", "Dataset": "/datasets", "DataPublication": "/publications"}
TITLES = {"Investigation": "title", "Dataset": "name", "DataPublication": "title"}
MOST = 12


@dataclass(frozen=True, slots=True)
class Related:
    """A record, and in words why it is told."""

    id: int
    title: str
    address: str
    at: datetime | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AllRelated:
    """What was found; `problem` says why nothing could be looked for."""

    found: tuple[Related, ...]
    problem: str = ""


async def related_to(asking: Asking, entity: str, identifier: int) -> AllRelated:
    """What has most to do with a record."""
    t = asking.visitor.words
    if asking.core.alike is None:
        return AllRelated((), t("details.related.off"))
    try:
        hits = await asking.core.alike.related(asking.visitor.reader, entity, identifier, MOST)
    except (NotImplementedHere, TimedOut, Unavailable):
        return AllRelated((), t("details.related.away"))
    reasons = {one.hit.id: one.reasons for one in hits}
    if not reasons:
        return AllRelated(())
    listed = ", ".join(map(str, reasons))
    read = await reading.things(asking, f"SELECT it FROM {entity} it WHERE it.id IN ({listed})")
    by_id = {each.id: each for each in read}
    return AllRelated(
        tuple(
            Related(
                each.id,
                getattr(each, TITLES[entity]),
                f"{PATHS[entity]}/{each.id}",
                _moment(each),
                tuple(_words(asking, reason) for reason in reasons[each.id]),
            )
            for each in (by_id[one] for one in reasons if one in by_id)
        )
    )


def _moment(thing: Any) -> datetime | None:
    moment: datetime | None = thing.publicationDate if thing.entity == "DataPublication" else thing.startDate
    return moment


def _words(asking: Asking, reason: Reason) -> str:
    t = asking.visitor.words
    names = ", ".join(reason.names)
    if reason.more:
        names = t("details.related.and_more", names=names, n=reason.more)
    kind = reason.kind
    if kind == "meaning" and not names:
        return t("details.related.meaning_alone")
    if not t.has(f"details.related.{kind}"):
        return reason.text
    return t(f"details.related.{kind}", names=names, n=len(reason.names) + reason.more)
