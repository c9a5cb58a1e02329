"""The parameters of the data service's calls (data service specification, A.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from uuid import UUID

from starlette.requests import Request

from beamcat.access.tokens import PREFIX
from beamcat.doors.core import bearer
from beamcat.errors import BadParameter
from beamcat.store.selection import Wanted
from beamcat.store.service import Form

_SHAPE = re.compile(r"[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}", re.ASCII)
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_LARGEST = 2**63 - 1

Parameters = Mapping[str, str]


def session_id(request: Request, parameters: Parameters) -> str:
    """The session or token of the caller; `BadParameter` when there is none or it does not look like one."""
    identifier = optional_session_id(request, parameters)
    if identifier is None:
        raise BadParameter("The sessionId parameter is missing")
    return identifier


def optional_session_id(request: Request, parameters: Parameters) -> str | None:
    """The same; None when there is none."""
    identifier = parameters.get("sessionId", bearer(request.headers.get("authorization")))
    if identifier is not None and not _SHAPE.fullmatch(identifier) and not identifier.startswith(PREFIX):
        raise BadParameter("The sessionId parameter is not a valid session id")
    return identifier


def prepared_id(parameters: Parameters) -> UUID | None:
    """The id of a prepared download; None when there is none. `BadParameter` for what does not look like one."""
    text = parameters.get("preparedId")
    if text is None:
        return None
    if not _SHAPE.fullmatch(text):
        raise BadParameter("The preparedId parameter is not a valid UUID")
    return UUID(text)


def wanted(parameters: Parameters) -> Wanted:
    """What is asked for, by ids."""
    return Wanted(*(_ids(parameters, name) for name in ("investigationIds", "datasetIds", "datafileIds")))


def form(parameters: Parameters) -> Form:
    """How it is wanted. `format=tar` is Beamcat's own."""
    wanted_format = parameters.get("format", "")
    if wanted_format not in {"", "zip", "tar"}:
        raise BadParameter("The format parameter is zip or tar")
    zip_ = is_true(parameters, "zip") or wanted_format == "zip"
    return Form(zip_, is_true(parameters, "compress"), wanted_format == "tar")


def is_true(parameters: Parameters, name: str) -> bool:
    """Whether a parameter says `true`, in any letters; everything else is false."""
    return parameters.get(name, "").lower() == "true"


def integer(parameters: Parameters, name: str) -> int | None:
    """A whole number of 64 bits; None without one."""
    text = parameters.get(name)
    if text is None:
        return None
    number = int(text) if _INTEGER.fullmatch(text) else None
    if number is None or not -_LARGEST - 1 <= number <= _LARGEST:
        raise BadParameter(f"The {name} parameter is not a number: {text[:100]!r}")
    return number


def _ids(parameters: Parameters, name: str) -> tuple[int, ...]:
    text = parameters.get(name)
    if text is None:
        return ()
    numbers = [part.strip() for part in text.split(",")]
    if not all(map(_INTEGER.fullmatch, numbers)):
        raise BadParameter(f"The {name} parameter is not a list of numbers with commas between: {text[:100]!r}")
    ids = tuple(map(int, numbers))
    if any(not -_LARGEST - 1 <= number <= _LARGEST for number in ids):
        raise BadParameter(f"The {name} parameter holds a number of more than 64 bits")
    return ids
