"""What is to be fetched: files with names, sizes, digests and URLs, as a Metalink lists them (RFC 5854)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from lxml import etree

from beamcat.errors import BeamcatError, ErrorKind

ALGORITHMS = {"sha-512": "sha512", "sha-384": "sha384", "sha-256": "sha256", "sha-1": "sha1", "md5": "md5"}
"""Names of RFC 5854 -> of `hashlib`, strongest first."""
_SPACE = "{urn:ietf:params:xml:ns:metalink}"
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
LAST_PRIORITY = 999_999


class UnsafeName(BeamcatError):
    """A name that does not stay in the folder it is meant for."""

    kind = ErrorKind.BAD_PARAMETER

    def __init__(self, name: str) -> None:
        super().__init__(f"the list of files holds a name that leads elsewhere, so nothing is fetched: {name!r}")


class NotAList(BeamcatError):
    """What came is no Metalink."""

    kind = ErrorKind.BAD_PARAMETER


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest: its algorithm by the name of `hashlib`, and its digits."""

    algorithm: str
    digits: str

    def fits(self, data: bytes) -> bool:
        """Whether it is the one of these bytes."""
        return hashlib.new(self.algorithm, data, usedforsecurity=False).hexdigest() == self.digits


@dataclass(frozen=True, slots=True)
class Pieces:
    """Digests of parts of `length` bytes each."""

    length: int
    digests: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file somewhere else. `name` is a relative path; `size` is None when nobody has said it; URLs are best first."""

    name: str
    size: int | None
    urls: tuple[str, ...]
    digest: Digest | None = None
    pieces: Pieces | None = None


@dataclass(slots=True)
class Counted:
    """How much a list holds; `unknown` files have said no size."""

    files: int = 0
    size: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class FileList:
    """A Metalink in a file, read as often as one likes: millions of files are never in memory at once."""

    document: IO[bytes]
    only_last_name: bool = False
    """Whether folders in the names are left out: of the list of a single file."""
    counted: Counted = field(default_factory=Counted)

    def check(self) -> Counted:
        """How much it is. Raises `UnsafeName` and `NotAList`, before anything is fetched."""
        for file in self.files():
            self.counted.files += 1
            self.counted.size += file.size or 0
            self.counted.unknown += file.size is None
        return self.counted

    def files(self) -> Iterator[RemoteFile]:
        """The files, one after the other."""
        self.document.seek(0)
        options = {"resolve_entities": False, "no_network": True, "load_dtd": False}
        try:
            for _, element in etree.iterparse(self.document, tag=f"{_SPACE}file", **options):
                yield self._file(element)
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
        except etree.XMLSyntaxError as error:
            raise NotAList(f"the list of files is not complete or no Metalink: {error}") from None

    def _file(self, element: etree._Element) -> RemoteFile:
        name = safe_name(str(element.get("name", "")))
        size = element.findtext(f"{_SPACE}size")
        if size is not None and not size.strip().isdecimal():
            raise NotAList(f"the list of files says no size for {name}: {size[:40]!r}")
        urls = sorted(element.findall(f"{_SPACE}url"), key=_priority)
        texts = [(url.text or "").strip() for url in urls]
        return RemoteFile(
            name.rpartition("/")[2] if self.only_last_name else name,
            None if size is None else int(size),
            tuple(text for text in texts if urlsplit(text).scheme in {"http", "https"}),
            _strongest(element.findall(f"{_SPACE}hash")),
            _pieces(element.findall(f"{_SPACE}pieces"), None if size is None else int(size)),
        )


def safe_name(name: str) -> str:
    """The name; `UnsafeName` when it is not a relative path that goes down only."""
    parts = name.split("/")
    if _CONTROL.search(name) or _DRIVE.match(name) or {"", ".", ".."} & set(parts):
        raise UnsafeName(name)
    return name


def inside(folder: Path, name: str) -> Path:
    """Where a file of that name belongs; `UnsafeName` when a symbolic link on the way leads out of the folder."""
    target = folder / safe_name(name)
    if not target.parent.resolve().is_relative_to(folder.resolve()):
        raise UnsafeName(name)
    return target


def _priority(url: etree._Element) -> int:
    text = url.get("priority", "")
    return int(text) if text.isdecimal() else LAST_PRIORITY


def _digest(element: etree._Element, kind: str) -> Digest | None:
    digits = (element.text or "").strip().lower()
    return Digest(ALGORITHMS[kind], digits) if kind in ALGORITHMS and digits else None


def _strongest(elements: list[etree._Element]) -> Digest | None:
    found = {kind: _digest(each, kind) for each in elements if (kind := each.get("type", "").lower())}
    return next((digest for kind in ALGORITHMS if (digest := found.get(kind)) is not None), None)


def _pieces(elements: list[etree._Element], size: int | None) -> Pieces | None:
    """The digests of parts, when there is one for each."""
    for each in elements:
        kind, length = each.get("type", "").lower(), each.get("length", "")
        if kind in ALGORITHMS and length.isdecimal() and int(length) and size:
            digests = tuple(digest for one in each if (digest := _digest(one, kind)) is not None)
            if len(digests) == -(-size // int(length)):
                return Pieces(int(length), digests)
    return None
