"""What is shown of a file on its page."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson

from beamcat.errors import BeamcatError, ErrorKind
from beamcat.portal.files.curves import Curve, curve_of
from beamcat.portal.files.kinds import Shape, ending_of, is_text, shape_by_content, shape_of
from beamcat.portal.page import Asking
from beamcat.portal.reading import Thing
from beamcat.store.selection import Wanted
from beamcat.store.units.status import ARCHIVED, NotOnline, RestoreFailed
from beamcat.store.viewing.viewer import FileOf

START = 4096
"""Bytes that tell what a file is."""
TABLE_ROWS, TABLE_COLUMNS = 100, 40
LONGEST_CELL = 200


@dataclass(frozen=True, slots=True)
class Absent:
    """Why a file cannot be shown now. `restorable` data can be brought back; `coming` are on their way."""

    why: str
    restorable: bool = False
    coming: bool = False
    position: int | None = None
    seconds: float | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """What there is to see. `shown` of `size` bytes were looked at."""

    shape: Shape
    text: str = ""
    rows: Sequence[Sequence[str]] = ()
    columns: Sequence[str] = ()
    size: int = 0
    shown: int = 0
    outline: dict[str, Any] | None = None
    curve: Curve | None = None
    members: Sequence[dict[str, Any]] = ()
    absent: Absent | None = None
    problem: str = ""
    ends: Sequence[str] = field(default_factory=tuple)

    @property
    def is_cut(self) -> bool:
        """Whether there is more than what is shown."""
        return self.shown < self.size


async def preview_of(asking: Asking, file: Thing) -> Preview:
    """The preview of a file; a file that is on tape, missing or broken says so."""
    shape = shape_of(file.name)
    looked = FileOf(file.id, file.name, file.dataset.id if file.dataset else 0)
    if file.location is None:
        return Preview(shape, absent=Absent("none"))
    try:
        return await _preview(asking, looked, shape)
    except (NotOnline, RestoreFailed) as error:
        return Preview(shape, absent=await _absent(asking, looked, error))
    except BeamcatError as error:
        if error.kind is ErrorKind.NOT_FOUND and not asking.query.get("h5"):
            return Preview(shape, absent=Absent("missing"))
        if error.kind in {ErrorKind.INTERNAL, ErrorKind.TOO_MANY_REQUESTS, ErrorKind.FORBIDDEN}:
            raise
        return Preview(shape, problem=error.message)


async def _preview(asking: Asking, file: FileOf, shape: Shape) -> Preview:
    viewer, reader, settings = asking.core.viewer, asking.visitor.reader, asking.core.settings.viewing
    async with viewer.download(reader, file) as download:
        size = download.size
        if shape in {Shape.UNKNOWN, Shape.TEXT, Shape.TABLE}:
            wanted = settings.text_bytes if shape is not Shape.UNKNOWN else START
            start = await viewer.bytes_of(download, 0, min(size, wanted))
            if shape is Shape.UNKNOWN:
                shape = shape_by_content(start)
                if shape is Shape.TEXT:
                    start = await viewer.bytes_of(download, 0, min(size, settings.text_bytes))
            if shape in {Shape.TEXT, Shape.TABLE}:
                return _text(file.name, shape, start, size)
    if shape is Shape.HDF5:
        return await _hdf5(asking, file, size)
    if shape is Shape.ARCHIVE:
        members = await viewer.members(reader, file)
        return Preview(shape, members=members, size=size, shown=size)
    if shape in {Shape.PICTURE, Shape.CONVERTED} and size > settings.picture_bytes:
        return Preview(Shape.UNKNOWN, size=size, problem=asking.visitor.words("file.picture_too_large"))
    return Preview(shape, size=size, shown=size)


async def _hdf5(asking: Asking, file: FileOf, size: int) -> Preview:
    frame = asking.query.get("frame", "")
    number = int(frame) if frame.isdecimal() and len(frame) < 10 else 0
    path = asking.query.get("h5") or None
    outline = await asking.core.viewer.outline(asking.visitor.reader, file, path, number)
    plot = outline["plot"]
    f = asking.formatting
    curve = curve_of(plot, f) if plot is not None and plot["kind"] == "curve" else None
    ends: tuple[str, ...] = ()
    if plot is not None and plot["kind"] == "picture":
        (left, right), (top, bottom) = plot["ends"]
        ends = tuple(f.value(each, 4) for each in (left, right, top, bottom, plot["low"], plot["high"]))
    return Preview(Shape.HDF5, outline=outline, curve=curve, size=size, shown=size, ends=ends)


def _text(name: str, shape: Shape, start: bytes, size: int) -> Preview:
    if not is_text(start):
        return Preview(Shape.UNKNOWN, size=size)
    whole = len(start) >= size
    if not whole:
        start = start[: start.rfind(b"\n") + 1] or start
    try:
        text = start.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = start.decode("latin-1") if whole or not _is_cut_utf8(start) else start.decode("utf-8", "ignore")
    if shape is Shape.TABLE:
        rows = _rows(text, "\t" if ending_of(name) == "tsv" else None)
        if rows:
            return Preview(shape, text, rows[1 : TABLE_ROWS + 1], rows[0], size, len(start))
        shape = Shape.TEXT
    if ending_of(name) == "json" and whole:
        text = _indented(text)
    return Preview(shape, text, size=size, shown=len(start) if not whole else size)


def _is_cut_utf8(start: bytes) -> bool:
    try:
        start[:-4].decode()
    except UnicodeDecodeError as error:
        return error.start >= len(start) - 8
    return True


def _rows(text: str, delimiter: str | None) -> list[list[str]]:
    """The first rows of a table; none where it is no table."""
    sample = "\n".join(text.splitlines()[:20])
    if delimiter is None:
        counts = {each: sample.count(each) for each in (",", ";", "\t")}
        delimiter = max(counts, key=lambda each: counts[each])
        if not counts[delimiter]:
            return []
    try:
        reader = csv.reader(io.StringIO(text), delimiter=delimiter)
        rows = [[cell[:LONGEST_CELL] for cell in row[:TABLE_COLUMNS]] for row in islice(reader, TABLE_ROWS + 1)]
    except csv.Error:
        return []
    rows = [row for row in rows if row]
    width = max((len(row) for row in rows), default=0)
    return [row + [""] * (width - len(row)) for row in rows]


def _indented(text: str) -> str:
    try:
        return orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return text


async def _absent(asking: Asking, file: FileOf, error: BeamcatError) -> Absent:
    """How a file stands that is not in the main storage."""
    if isinstance(error, RestoreFailed):
        return Absent("failed", restorable=True)
    wanted = Wanted(datafiles=(file.id,))
    progress = await asking.core.data.progress(asking.visitor.reader, wanted)
    coming = progress.status != ARCHIVED
    return Absent("tape", not coming, coming, progress.position, progress.seconds)
