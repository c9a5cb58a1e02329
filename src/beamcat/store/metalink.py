"""Metalink: a list of files with their sizes, digests and URLs, for programs that download (RFC 5854).

A list of millions is written while it is read, some thousand files at a time. No transaction is open while the client
takes its time: the ids of the files are found first, and what there is to say of them bit by bit.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from xml.sax.saxutils import escape, quoteattr

from beamcat import __version__
from beamcat.access.caller import Caller
from beamcat.errors import NoSuchObject
from beamcat.store.digests.table import DigestTable
from beamcat.store.digests.values import Digests, FileVersion
from beamcat.store.freezing import Freezing
from beamcat.store.permalinks import file_names
from beamcat.store.selection import FILES_AT_ONCE, File, Selections, Wanted
from beamcat.store.storage.contract import DatasetPlace, MainStorage, Stat

MEDIA_TYPE = "application/metalink4+xml"
SUFFIX = ".meta4"

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where things are: `data` is the URL of `/data`, `origin` that of the list itself, None for one of no URL."""

    data: str
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a file."""

    name: str
    path: str
    size: int | None
    digests: Digests | None


class Metalinks:
    """Writes lists of files. Those that wait on tape are among them, with the size that the catalogue says."""

    def __init__(
        self, selections: Selections, storage: MainStorage, digests: DigestTable, *, backslash_separates: bool = False
    ) -> None:
        self._selections = selections
        self._storage = storage
        self._digests = digests
        self._backslash_separates = backslash_separates

    async def of_selection(self, caller: Caller, wanted: Wanted, addresses: Addresses) -> AsyncIterator[bytes]:
        """The list of a selection. Raises what a selection raises before it begins."""
        async with self._selections.select(caller, wanted) as selected:
            await selected.total()
        return self._document(self._ids(caller, wanted), addresses)

    def of_files(self, ids: AsyncIterator[Sequence[int]], addresses: Addresses) -> AsyncIterator[bytes]:
        """The list of these datafiles, for whom they are meant; those that are no longer there are left out."""
        return self._document(ids, addresses)

    async def _ids(self, caller: Caller, wanted: Wanted) -> AsyncIterator[Sequence[int]]:
        """The datafiles; all are found before the first is told."""
        found = array("q")
        async with self._selections.select(caller, wanted) as selected:
            async for files in selected.files():
                found.extend(file.id for file in files)
        ids = iter(found)
        while some := list(islice(ids, FILES_AT_ONCE)):
            yield some

    async def _document(self, batches: AsyncIterator[Sequence[int]], addresses: Addresses) -> AsyncIterator[bytes]:
        yield _head(addresses.origin)
        freezing = Freezing(backslash_separates=self._backslash_separates)
        async for ids in batches:
            for first in range(0, len(ids), FILES_AT_ONCE):
                known = await self._known(ids[first : first + FILES_AT_ONCE], freezing)
                yield "".join(_element(each, addresses.data) for each in known).encode()
        yield b"</metalink>\n"

    async def _known(self, ids: Sequence[int], freezing: Freezing) -> list[_Known]:
        files: list[File] = []
        names: list[str] = []
        places: dict[int, DatasetPlace] = {}
        with suppress(NoSuchObject):  # some were deleted since; the others are there all the same
            async with self._selections.select(None, Wanted(datafiles=tuple(ids))) as selected:
                places = selected.datasets
                async for some in selected.files():
                    files += some
                    names += await freezing.names(some, selected)
        stats = await self._storage.stat([file.location for file in files])
        digests = await self._known_digests(files, stats)
        return [
            _Known(
                name.removeprefix("ids/"),
                file_names(places[file.dataset_id], file.name).path,
                file.catalogued_size if stat is None else stat.size,
                known,
            )
            for file, name, stat, known in zip(files, names, stats, digests, strict=True)
        ]

    async def _known_digests(self, files: Sequence[File], stats: Sequence[Stat | None]) -> list[Digests | None]:
        present = [place for place, stat in enumerate(stats) if stat is not None]
        versions = [FileVersion.of(files[place].location, stat) for place in present if (stat := stats[place])]
        known: list[Digests | None] = [None] * len(files)
        for place, digests in zip(present, await self._digests.digests(versions), strict=True):
            known[place] = digests
        return known


def _head(origin: str | None) -> bytes:
    told = "" if origin is None else f'  <origin dynamic="true">{escape(origin)}</origin>\n'
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<metalink xmlns="urn:ietf:params:xml:ns:metalink">\n'
        f"  <generator>Beamcat/{__version__}</generator>\n{told}"
    ).encode()


def _element(file: _Known, data: str) -> str:
    lines = [f"  <file name={quoteattr(_NOT_XML.sub('_', file.name))}>\n"]
    if file.size is not None:
        lines.append(f"    <size>{file.size}</size>\n")
    if file.digests is not None:
        lines += _digests(file.digests)
    lines.append(f'    <url priority="1">{escape(data + file.path)}</url>\n  </file>\n')
    return "".join(lines)


def _digests(known: Digests) -> list[str]:
    lines = []
    if known.sha256 is not None:
        lines.append(f'    <hash type="sha-256">{known.sha256.hex()}</hash>\n')
    elif known.md5 is not None:
        lines.append(f'    <hash type="md5">{known.md5.hex()}</hash>\n')
    if known.pieces is not None:
        text = known.pieces.sha256.hex()
        pieces = "".join(f"<hash>{text[first : first + 64]}</hash>" for first in range(0, len(text), 64))
        lines.append(f'    <pieces length="{known.pieces.length}" type="sha-256">{pieces}</pieces>\n')
    return lines
