"""Which bytes of a representation an answer carries (RFC 9110, sections 13 and 14; data service specification, E.6).

The rules look at the headers of a request and at what is known of the representation, and say what to answer. They are
the same for archives, datafiles and everything else that has a length and a strong entity tag.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from itertools import pairwise

from beamcat.errors import BadParameter

MOST_RANGES = 64
"""Parts of one answer."""
MOST_OVERLAPS = 2
"""Ranges of one request that may overlap others."""
DATE_IS_STRONG_AFTER = timedelta(seconds=60)
"""A time of last modification names one version only when it is that much older than the answer."""

_SPEC = re.compile(r"[ \t]*([0-9]{0,19})-([0-9]{0,19})[ \t]*", re.ASCII)
_TAGS = re.compile(r'[ \t]*(?:(W/)?("[\x21\x23-\x7e\x80-\xff]*")|(\*))[ \t]*(?:,|$)')


@dataclass(frozen=True, slots=True)
class Representation:
    """What is sent when nothing less is asked for. `etag` is strong, with its quotes; `modified` is aware."""

    size: int
    etag: str
    modified: datetime
    media_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Whole:
    """200: all of it."""


@dataclass(frozen=True, slots=True)
class Partial:
    """206: these bytes, each range from its first byte up to its stop; several make a `multipart/byteranges`."""

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class NotModified:
    """304: the client has it."""


@dataclass(frozen=True, slots=True)
class PreconditionFailed:
    """412: the client wants another version."""


@dataclass(frozen=True, slots=True)
class NotSatisfiable:
    """416: there are no such bytes."""


Answer = Whole | Partial | NotModified | PreconditionFailed | NotSatisfiable


def decide(representation: Representation, headers: Mapping[str, str], now: datetime, *, method: str = "GET") -> Answer:
    """What to answer; `headers` are those of the request, by their lower-case names.

    Raises `BadParameter` for a Range that breaks the syntax or asks for too much at once.
    """
    ranges = _asked(headers.get("range")) if method == "GET" else None
    match_ = headers.get("if-match")
    if match_ is not None and not _matches(match_, representation.etag, strongly=True):
        return PreconditionFailed()
    none_match = headers.get("if-none-match")
    if none_match is not None:
        if _matches(none_match, representation.etag, strongly=False):
            return NotModified()
    elif _is_unmodified(headers.get("if-modified-since"), representation):
        return NotModified()
    if ranges is None or not _is_for_this(headers.get("if-range"), representation, now):
        return Whole()
    wanted = _within(ranges, representation.size)
    if not wanted:
        return NotSatisfiable()
    return Partial(_together(wanted))


def content_range(first: int, stop: int, size: int) -> str:
    """The header `Content-Range` of one range."""
    return f"bytes {first}-{stop - 1}/{size}"


class Multipart:
    """Several ranges as one body, whose length is known (RFC 9110, section 14.6).

    The boundary follows from the tag and the ranges: the same request is answered with the same bytes.
    """

    def __init__(self, representation: Representation, ranges: Sequence[tuple[int, int]]) -> None:
        said = f"{representation.etag} {ranges!r}".encode("latin-1")
        self.boundary = hashlib.sha256(said).hexdigest()[:32]
        self._ranges = tuple(ranges)
        self._heads = [
            (
                f"--{self.boundary}\r\nContent-Type: {representation.media_type}\r\n"
                f"Content-Range: {content_range(first, stop, representation.size)}\r\n\r\n"
            ).encode("latin-1")
            for first, stop in self._ranges
        ]
        self._end = f"--{self.boundary}--\r\n".encode("ascii")

    @property
    def media_type(self) -> str:
        """The header `Content-Type` of the answer."""
        return f"multipart/byteranges; boundary={self.boundary}"

    @property
    def length(self) -> int:
        """The length of the body."""
        data = sum(stop - first for first, stop in self._ranges)
        return data + sum(map(len, self._heads)) + 2 * len(self._ranges) + len(self._end)

    def pieces(self) -> Iterator[bytes | tuple[int, int]]:
        """The body: bytes as they are, and ranges in whose place their bytes come."""
        for head, wanted in zip(self._heads, self._ranges, strict=True):
            yield head
            yield wanted
            yield b"\r\n"
        yield self._end


def http_date(moment: datetime) -> str:
    """A time in the form of HTTP headers."""
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)


def _asked(header: str | None) -> list[tuple[int | None, int | None]] | None:
    """The ranges as written, first and last byte; None when all is wanted."""
    if header is None:
        return None
    unit, separator, specs = header.partition("=")
    if not separator:
        raise BadParameter(f"Range is not of the form bytes=FIRST-LAST: {header[:100]}")
    if unit.strip().lower() != "bytes":
        return None
    ranges: list[tuple[int | None, int | None]] = []
    for spec in specs.split(","):
        if not spec.strip():
            continue  # a list may have empty elements
        written = _SPEC.fullmatch(spec)
        first, last = (int(text) if text else None for text in written.groups()) if written else (None, None)
        if (first is None and last is None) or (first is not None and last is not None and last < first):
            raise BadParameter(f"Range is not of the form bytes=FIRST-LAST: {header[:100]}")
        ranges.append((first, last))
    if not ranges:
        raise BadParameter(f"Range is not of the form bytes=FIRST-LAST: {header[:100]}")
    if len(ranges) > MOST_RANGES:
        raise BadParameter(f"Range names more than {MOST_RANGES} ranges")
    return ranges


def _within(ranges: Sequence[tuple[int | None, int | None]], size: int) -> list[tuple[int, int]]:
    """The ranges that exist, each from its first byte up to its stop."""
    wanted = []
    for first, last in ranges:
        if first is None:
            assert last is not None
            begin, stop = max(0, size - last), size
        else:
            begin, stop = first, size if last is None else min(size, last + 1)
        if begin < stop:
            wanted.append((begin, stop))
    return wanted


def _together(wanted: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The ranges in their order, those that overlap or touch as one in the place of the first of them."""
    in_order = sorted(wanted)
    overlaps = sum(later[0] < earlier[1] for earlier, later in pairwise(in_order))
    if overlaps > MOST_OVERLAPS:
        raise BadParameter("Range names ranges that overlap each other")
    merged: list[tuple[int, int]] = []
    for first, stop in in_order:
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((first, stop))

    def asked_first(whole: tuple[int, int]) -> int:
        return next(place for place, (first, _) in enumerate(wanted) if whole[0] <= first < whole[1])

    return tuple(sorted(merged, key=asked_first))


def _matches(header: str, etag: str, *, strongly: bool) -> bool:
    """Whether a list of entity tags names this one; a list that is none names nothing."""
    at = 0
    while at < len(header):
        found = _TAGS.match(header, at)
        if found is None:
            return False
        weak, tag, anything = found.groups()
        if anything or (tag == etag and not (weak and strongly)):
            return True
        at = found.end()
    return False


def _is_unmodified(header: str | None, representation: Representation) -> bool:
    since = _moment(header)
    return since is not None and representation.modified.replace(microsecond=0) <= since


def _is_for_this(if_range: str | None, representation: Representation, now: datetime) -> bool:
    """Whether the range is wanted of this very version: a tag compared strongly, or a date that is old enough."""
    if if_range is None:
        return True
    if if_range.lstrip().startswith(('"', "W/")):
        return if_range.strip() == representation.etag
    date, modified = _moment(if_range), representation.modified.replace(microsecond=0)
    return date == modified and now - modified >= DATE_IS_STRONG_AFTER


def _moment(header: str | None) -> datetime | None:
    if header is None:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
