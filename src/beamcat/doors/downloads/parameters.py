"""The parameters of the download interface (data service specification, C.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from starlette.requests import Request

from beamcat.doors.bodies import read_body
from beamcat.errors import BadParameter
from beamcat.store.requests.carts import Removal
from beamcat.store.requests.downloads import DownloadStatus
from beamcat.store.requests.items import Kind, Reference

MOST_FIELDS = 100_000
"""Parameters of one request; lists of files come one by one."""

_ID = re.compile(r"[0-9]{1,19}", re.ASCII)
_ITEM = re.compile(r"\s*([A-Za-z]+)\s+([0-9]{1,19})\s*", re.ASCII)
_LARGEST = 2**63 - 1


class Parameters:
    """The parameters of the URL and of a form, of which the form's come first."""

    def __init__(self, lists: Mapping[str, Sequence[str]]) -> None:
        self._lists = lists

    def get(self, name: str) -> str | None:
        """A parameter; the first when it is there several times."""
        return next(iter(self._lists.get(name, ())), None)

    def every(self, name: str) -> Sequence[str]:
        """A parameter that may be there several times."""
        return self._lists.get(name, ())

    def required(self, name: str) -> str:
        """A parameter that has to be there, and not empty."""
        value = self.get(name)
        if not value:
            raise BadParameter(f"{name} is required")
        return value

    def truth(self, name: str) -> bool:
        """A parameter that is `true` or `false`."""
        value = self.required(name).lower()
        if value not in {"true", "false"}:
            raise BadParameter(f"{name} is true or false")
        return value == "true"

    def status(self, name: str) -> DownloadStatus:
        """The status of a download."""
        value = self.required(name)
        if value not in DownloadStatus.__members__:
            raise BadParameter(f"{name} is one of {', '.join(DownloadStatus)}")
        return DownloadStatus(value)


async def parameters_of(request: Request, max_bytes: int) -> Parameters:
    """The parameters of a request, of its URL and of its form."""
    lists: dict[str, list[str]] = {}
    body = await read_body(request, max_bytes) if request.method in {"POST", "PUT", "DELETE"} else b""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and content_type not in {"application/x-www-form-urlencoded", ""}:
        raise BadParameter("the content type must be application/x-www-form-urlencoded")
    query: bytes = request.scope["query_string"]
    for text in (body, query):
        for name, value in _fields(text):
            lists.setdefault(name, []).append(value)
    return Parameters(lists)


def _fields(text: bytes) -> list[tuple[str, str]]:
    try:
        fields = parse_qsl(text.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise BadParameter(f"the parameters cannot be read: {error}") from None
    for name, value in fields:
        if "\0" in value:
            raise BadParameter(f"parameter {name[:100]} holds a NUL character")
    return fields


def number(text: str, name: str) -> int:
    """A whole number of 63 bits."""
    if not _ID.fullmatch(text) or int(text) > _LARGEST:
        raise BadParameter(f"{name} is not a number: {text[:100]!r}")
    return int(text)


def references(text: str) -> list[Reference]:
    """What `items` names: `"<type> <id>"` with commas between."""
    return [_reference(part) for part in text.split(",")]


def removal(text: str) -> Removal:
    """What of the cart `items` names: as above, or numbers of cart items, or `*` for everything."""
    if text.strip() == "*":
        return Removal(everything=True)
    parts = [part.strip() for part in text.split(",")]
    ids = tuple(number(part, "items") for part in parts if _ID.fullmatch(part))
    return Removal(ids=ids, references=tuple(_reference(part) for part in parts if not _ID.fullmatch(part)))


def kind(text: str) -> Kind:
    """The type of an entity, in any letters."""
    if text.lower() not in set(Kind):
        raise BadParameter(f"{text[:50]!r} is not investigation, dataset or datafile")
    return Kind(text.lower())


def _reference(text: str) -> Reference:
    match = _ITEM.fullmatch(text)
    if match is None:
        raise BadParameter(f'items holds {text[:50]!r}, which is not of the form "dataset 1"')
    return Reference(kind(match[1]), number(match[2], "items"))
