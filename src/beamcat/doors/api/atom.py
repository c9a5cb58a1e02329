"""Feeds, as feed readers take them (Atom, RFC 4287)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import urlsplit

from lxml import etree
from starlette.requests import Request
from starlette.responses import Response

from beamcat import __version__
from beamcat.doors.byte_ranges import NotModified, PreconditionFailed, Representation, decide
from beamcat.search.saved.showing import Shown

MEDIA_TYPE = "application/atom+xml"
NAMESPACE = "http://www.w3.org/2005/Atom"
NAMESPACES: Mapping[str | None, str] = {None: NAMESPACE}
TAGGED = "2026-01-01"
"""The date in the ids of entries (RFC 4151): that of the scheme, not of what they name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An object in a feed, and the moment that readers sort by."""

    shown: Shown
    updated: datetime


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed. `path` tells it from all others of this server; `url` is where it is, without a key."""

    path: str
    title: str
    url: str | None
    updated: datetime
    entries: Sequence[Entry]


def feed_response(feed: Feed, server_url: str, request: Request, cache_control: str) -> Response:
    """The feed, or that the client has it already."""
    content = feed_xml(feed, server_url)
    representation = Representation(
        size=len(content),
        etag=f'"{sha256(content).hexdigest()[:32]}"',
        modified=datetime.now(UTC),  # an entry can go without any later one: only the tag tells
        media_type=MEDIA_TYPE,
    )
    headers = {"ETag": representation.etag, "Cache-Control": cache_control, "Referrer-Policy": "no-referrer"}
    answer = decide(representation, request.headers, datetime.now(UTC), method="HEAD")
    if isinstance(answer, NotModified):
        return Response(status_code=304, headers=headers)
    if isinstance(answer, PreconditionFailed):
        return Response(status_code=412, headers=headers)
    return Response(content, headers=headers, media_type=f"{MEDIA_TYPE}; charset=utf-8")


def feed_xml(feed: Feed, server_url: str) -> bytes:
    """The document."""
    authority = urlsplit(server_url).hostname or "localhost"
    root = etree.Element(f"{{{NAMESPACE}}}feed", nsmap=NAMESPACES)  # type: ignore[arg-type]
    _add(root, "id", f"tag:{authority},{TAGGED}:{feed.path}")
    _add(root, "title", feed.title)
    _add(root, "updated", _moment(max([feed.updated, *(entry.updated for entry in feed.entries)])))
    _add(root, "generator", "Beamcat", version=__version__)
    _add(_add(root, "author"), "name", authority)
    if feed.url is not None:
        _add(root, "link", rel="self", type=MEDIA_TYPE, href=feed.url)
    for each in feed.entries:
        entry = _add(root, "entry")
        _add(entry, "id", f"tag:{authority},{TAGGED}:{each.shown.entity}/{each.shown.id}")
        _add(entry, "title", each.shown.title)
        _add(entry, "updated", _moment(each.updated))
        _add(entry, "category", term=each.shown.entity, label=each.shown.kind)
        if (link := each.shown.link(server_url)) is not None:
            _add(entry, "link", rel="alternate", href=link)
        _add(entry, "content", each.shown.summary or each.shown.title, type="text")
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def _add(parent: etree._Element, name: str, text: str | None = None, **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}", attributes)
    element.text = text
    return element


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
