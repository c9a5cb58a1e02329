"""What the server says about itself, and the small rest of the interface (ICAT specification B.3, B.4, B.7)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from beamcat.access.authenticators import SignIn
from beamcat.doors.core import VERSION
from beamcat.doors.forms import form_parameters
from beamcat.doors.icat_rest.core import Core, json_response, no_content
from beamcat.doors.icat_rest.errors import NOT_AN_OPERATION, UnknownOperation
from beamcat.errors import BadParameter, Forbidden, NotImplementedHere


async def version(_request: Request, _core: Core) -> Response:
    """GET version."""
    return json_response(orjson.dumps({"version": VERSION}))


async def properties(_request: Request, core: Core) -> Response:
    """GET properties: limits, and the ways to sign in."""
    catalogue = core.settings.catalogue
    minutes = catalogue.session_lifetime_minutes
    return json_response(
        orjson.dumps(
            {
                "maxEntities": catalogue.max_entities,
                "lifetimeMinutes": int(minutes) if minutes.is_integer() else minutes,
                "authenticators": [_description(sign_in) for sign_in in core.sessions.sign_ins.values()],
                "containerType": "Glassfish",  # Java clients map it to an enum of theirs
            }
        )
    )


def _description(sign_in: SignIn) -> dict[str, Any]:
    keys = [
        {
            "name": key.name,
            **({"pattern": key.pattern} if key.pattern is not None else {}),
            **({"hide": True} if key.hide else {}),
        }
        for key in sign_in.authenticator.description()
    ]
    description: dict[str, Any] = {"mnemonic": sign_in.mnemonic, "keys": keys}
    if sign_in.admin:
        description["admin"] = True
    if sign_in.friendly is not None:
        description["friendly"] = sign_in.friendly
    return description


async def sleep(request: Request, core: Core) -> Response:
    """GET sleep/{seconds}: a test aid, switched on by `server.sleep_enabled`."""
    seconds = request.path_params["seconds"]
    if not core.settings.server.sleep_enabled or not _is_count(seconds):
        raise UnknownOperation
    started = time.perf_counter()
    await asyncio.sleep(int(seconds))
    return json_response(orjson.dumps({"slept": int((time.perf_counter() - started) * 1000)}))


async def wait_millis(request: Request, core: Core) -> Response:
    """POST waitMillis: a test aid for root users, switched on by `server.sleep_enabled`."""
    if not core.settings.server.sleep_enabled:
        raise UnknownOperation
    form = await form_parameters(request, core.settings.server.max_request_bytes)
    milliseconds = form.get("ms") or "0"
    if not _is_count(milliseconds):
        raise BadParameter("ms must be a number")
    caller = await core.caller_of(request, form.get("sessionId"))
    if not caller.root:
        raise Forbidden("user must be in rootUserNames")
    await asyncio.sleep(int(milliseconds) / 1000)
    return no_content()


async def not_offered(_request: Request, _core: Core) -> Response:
    """What ICAT has and this server has not."""
    raise NotImplementedHere(NOT_AN_OPERATION)


async def refuse_stranger(_request: Request, _core: Core) -> Response:
    """POST gatekeeper/...: Beamcat's workers tell each other through the database, so whoever calls is a stranger."""
    raise Forbidden("only servers of the same cluster may do this, and this server has none")


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10
