"""`/authn.MNEMONIC/`: version, description, authenticate (ICAT specification I.2), for those that the settings expose.

The address of the user that the asking server gives is believed when that server is one of `server.trusted_proxies`;
from anybody else it would be a way around `networks` and around the counting of wrong passwords.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import parse_qs

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from beamcat.access.sign_in import CredentialKey, SignIn
from beamcat.doors.bodies import read_body
from beamcat.doors.core import Core, as_told, message_for_client
from beamcat.errors import BadParameter, BeamcatError, ErrorKind, NoSuchObject, TooManyAttempts, Unavailable
from beamcat.observability.requests import current_id, describe

DOOR = "authn"
VERSION = "3.0.0"
"""The version of the protocol that is told."""
LONGEST_BODY = 2**17
"""In bytes: the longest token, escaped."""
STATUS = {
    ErrorKind.BAD_PARAMETER: 400,
    ErrorKind.VALIDATION: 400,
    ErrorKind.ALREADY_EXISTS: 400,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.FORBIDDEN: 403,
    ErrorKind.NO_SESSION: 403,
    ErrorKind.TOO_LARGE: 413,
    ErrorKind.TOO_MANY_ATTEMPTS: 429,
    ErrorKind.TOO_MANY_REQUESTS: 429,
    ErrorKind.NOT_IMPLEMENTED: 501,
    ErrorKind.UNAVAILABLE: 503,
    ErrorKind.TIMED_OUT: 504,
    ErrorKind.INTERNAL: 500,
}
"""The HTTP status of every kind of error; the code in the body is always `AuthnException`."""
METHODS = {"version": "GET", "description": "GET", "authenticate": "POST"}


class Authn:
    """The door. `core` gives what it opens onto, or None while that is not open."""

    def __init__(self, core: Callable[[], Core | None]) -> None:
        self._core = core

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever goes wrong is answered in the words of the protocol."""
        describe(DOOR, "unknown")
        try:
            response = await self._answer(Request(scope, receive))
        except Exception as problem:
            response = _refusal(as_told(problem, DOOR))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        mnemonic, _, operation = request.url.path.removeprefix("/authn.").partition("/")
        if operation not in METHODS:
            raise NoSuchObject("There is no such operation of an authenticator")
        describe(DOOR, operation)
        if request.method != METHODS[operation]:
            return Response(status_code=405, headers={"Allow": METHODS[operation]})
        core = self._core()
        if core is None:
            raise Unavailable("The server is starting")
        sign_in = core.sessions.sign_ins.get(mnemonic)
        if sign_in is None or not sign_in.expose:
            raise NoSuchObject(f"There is no authenticator {mnemonic} for other servers")
        match operation:
            case "version":
                return _json({"version": VERSION})
            case "description":
                return _json({"keys": [_key(key) for key in sign_in.authenticator.description()]})
            case _:
                return await _authenticate(request, core, sign_in)


async def _authenticate(request: Request, core: Core, sign_in: SignIn) -> Response:
    form = await request_form(request)
    credentials, claimed = credentials_in(form)
    peer = request.client.host if request.client else ""
    trusted = _is_trusted(peer, core.settings.server.trusted_proxies)
    address = claimed if claimed and trusted else peer
    return _json({"username": await core.sessions.verify(sign_in.mnemonic, credentials, address)})


async def request_form(request: Request) -> str:
    """The form field `json`; `BadParameter` when it is missing."""
    body = await read_body(request, LONGEST_BODY)
    try:
        fields = parse_qs(bytes(body).decode(), max_num_fields=10)
    except ValueError:
        raise BadParameter("the body is no form") from None
    if "json" not in fields:
        raise BadParameter("json must not be null")
    return fields["json"][0]


def credentials_in(text: str) -> tuple[dict[str, str], str | None]:
    """The credentials, and the address of the user as the asking server sees it."""
    try:
        wanted: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise BadParameter("json is not well formed") from None
    if not isinstance(wanted, dict):
        raise BadParameter("json must be an object")
    listed = wanted.get("credentials")
    parts = [part for part in listed if isinstance(part, dict)] if isinstance(listed, list) else []
    address = wanted.get("ip")
    return (
        {key: value for part in parts for key, value in part.items() if isinstance(value, str)},
        address if isinstance(address, str) else None,
    )


def _is_trusted(address: str, trusted: tuple[str, ...]) -> bool:
    try:
        peer = ip_address(address)
    except ValueError:
        return False
    return any(peer in ip_network(network, strict=False) for network in trusted)


def _key(key: CredentialKey) -> dict[str, Any]:
    described: dict[str, Any] = {"name": key.name}
    if key.pattern is not None:
        described["pattern"] = key.pattern
    if key.hide:
        described["hide"] = True
    return described


def _json(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, media_type="application/json")


def _refusal(error: BeamcatError) -> Response:
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, TooManyAttempts) else None
    message = message_for_client(error, current_id())
    return _json({"code": "AuthnException", "message": message}, STATUS[error.kind], headers)
