"""What happened: every change of the catalogue, and every call with what it cost."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import Response

from beamcat.database.outbox import ChangeKind
from beamcat.errors import BadParameter
from beamcat.events.audit import Asked as AskedEvents
from beamcat.events.audit import history as read_history
from beamcat.events.calls import busiest, calls
from beamcat.model import ENTITIES
from beamcat.portal.administration.entry import admin_page, administrator, day, whole
from beamcat.portal.page import Asking, Page

ROWS = 100


async def history(asking: Asking) -> Response:
    """GET /admin/history: who changed what, newest first."""
    administrator(asking)
    given = {name: asking.query.get(name, "").strip() for name in ("entity", "id", "user", "kind", "since", "until")}
    if given["entity"] and given["entity"] not in ENTITIES:
        raise BadParameter(f"There is no entity {given['entity']}")
    if given["kind"] and given["kind"] not in {kind.value for kind in ChangeKind}:
        raise BadParameter(f"There is no change {given['kind']}")
    asked = AskedEvents(
        entity=given["entity"] or None,
        id=whole(given["id"]),
        user=given["user"] or None,
        operation=ChangeKind(given["kind"]) if given["kind"] else None,
        since=day(given["since"]),
        until=day(given["until"], end=True),
        before_position=whole(asking.query.get("before", "")),
    )
    found = await read_history(asking.core.database, asked, ROWS + 1)
    return await admin_page(
        asking,
        "history.html",
        events=found[:ROWS],
        more=found[ROWS - 1].position if len(found) > ROWS else None,
        entities=sorted(ENTITIES),
        kinds=[kind.value for kind in ChangeKind],
        given=given,
    )


async def slow_calls(asking: Asking) -> Response:
    """GET /admin/calls: what was asked of the server, and what took its time."""
    administrator(asking)
    given = {name: asking.query.get(name, "").strip() for name in ("user", "operation", "outcome", "slower")}
    found = await calls(
        asking.core.database,
        user=given["user"] or None,
        operation=given["operation"] or None,
        outcome=given["outcome"] or None,
        slower_than_ms=whole(given["slower"]),
        before_position=whole(asking.query.get("before", "")),
        limit=ROWS + 1,
    )
    since = asking.now - timedelta(days=1)
    return await admin_page(
        asking,
        "calls.html",
        calls=found[:ROWS],
        more=found[ROWS - 1].position if len(found) > ROWS else None,
        queries=await busiest(asking.core.database, since=since, by="query", limit=10),
        given=given,
    )


PAGES = (Page("/admin/history", history, "admin-history"), Page("/admin/calls", slow_calls, "admin-calls"))
