"""`/icat/session` and `/icat/user`: signing in and out (ICAT specification B.4)."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from beamcat.doors.forms import form_parameters
from beamcat.doors.icat_rest.core import Core, json_response, no_content
from beamcat.errors import BadParameter, SessionError
from beamcat.observability.requests import name_user


async def login(request: Request, core: Core) -> Response:
    """POST session: the id of a new session for the credentials in the form field `json`."""
    form = await form_parameters(request, core.settings.server.max_request_bytes)
    text = form.get("json")
    if text is None:
        raise BadParameter("json must not be null")
    plugin, credentials = credentials_in(text)
    address = request.client.host if request.client else ""
    session_id = await core.login(plugin, credentials, address)
    return json_response(orjson.dumps({"sessionId": session_id}))


def credentials_in(text: str) -> tuple[str, dict[str, str]]:
    """The mnemonic and the credentials of a login.

    As lenient as ICAT: the array `credentials` may hold one object or many, and what is not a string in it is ignored,
    as are credentials that are no array.
    """
    try:
        wanted: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise BadParameter("json is not well formed") from None
    if not isinstance(wanted, dict):
        raise BadParameter("json must be an object")
    plugin = wanted.get("plugin")
    if not isinstance(plugin, str):
        raise SessionError("Authenticator mnemonic null not recognised")
    listed = wanted.get("credentials")
    parts = [part for part in listed if isinstance(part, dict)] if isinstance(listed, list) else []
    return plugin, {key: value for part in parts for key, value in part.items() if isinstance(value, str)}


async def describe(request: Request, core: Core) -> Response:
    """GET session/{id}: whose it is, and for how many minutes still."""
    session_id = request.path_params["session_id"]
    user_name = await core.sessions.caller_name(session_id)
    name_user(user_name)
    minutes = await core.sessions.remaining_minutes(session_id)
    return json_response(orjson.dumps({"userName": user_name, "remainingMinutes": minutes}))


async def refresh(request: Request, core: Core) -> Response:
    """PUT session/{id}: a full life time from now on."""
    await core.sessions.refresh(request.path_params["session_id"])
    return no_content()


async def logout(request: Request, core: Core) -> Response:
    """DELETE session/{id}: its end."""
    await core.sessions.logout(request.path_params["session_id"])
    return no_content()


async def is_logged_in(request: Request, core: Core) -> Response:
    """GET user/{name} and user/{mnemonic}/{name}: whether sessions of that user are stored. Never an error."""
    mnemonic, name = request.path_params.get("mnemonic"), request.path_params["name"]
    logged_in = await core.sessions.is_logged_in(name if mnemonic is None else f"{mnemonic}/{name}")
    return json_response(orjson.dumps({"loggedIn": logged_in}))
