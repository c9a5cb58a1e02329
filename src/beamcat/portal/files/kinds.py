"""What files are, by their names: how the portal shows them."""

from __future__ import annotations

from enum import Enum


class Shape(Enum):
    """How a file is shown."""

    HDF5 = "hdf5"
    PICTURE = "picture"
    CONVERTED = "converted"
    TEXT = "text"
    TABLE = "table"
    PDF = "pdf"
    ARCHIVE = "archive"
    UNKNOWN = "unknown"


_BY_ENDING = {
    Shape.HDF5: "h5 hdf5 hdf nxs nx5 nexus cxi nxspe nx he5",
    Shape.PICTURE: "png jpg jpeg gif webp",
    Shape.CONVERTED: "tif tiff bmp ppm pgm",
    Shape.TABLE: "csv tsv",
    Shape.PDF: "pdf",
    Shape.ARCHIVE: "zip tar tgz",
    Shape.TEXT: "txt log md dat asc json xml yaml yml xy xye chi ini cfg conf toml py sh m r spec rst tex cif pdb html"
    " htm svg js css out err list lst par inp",
}
SHAPES = {ending: shape for shape, endings in _BY_ENDING.items() for ending in endings.split()}
INLINE = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "pdf": "application/pdf",
}
"""Types that browsers show and that hold no scripts; text is sent as plain text, and nothing else is shown."""
ICONS = {Shape.HDF5: "chart", Shape.PICTURE: "image", Shape.CONVERTED: "image", Shape.TABLE: "table"}
MAGIC = (
    (b"\x89HDF\r\n\x1a\n", Shape.HDF5),
    (b"\x89PNG\r\n\x1a\n", Shape.CONVERTED),
    (b"\xff\xd8\xff", Shape.CONVERTED),
    (b"II*\x00", Shape.CONVERTED),
    (b"MM\x00*", Shape.CONVERTED),
    (b"PK\x03\x04", Shape.ARCHIVE),
)
"""First bytes of files whose names tell nothing."""


def ending_of(name: str) -> str:
    """What stands behind the last point of a name, in small letters; empty without one."""
    last = name.rpartition("/")[2]
    return last.rpartition(".")[2].lower() if "." in last else ""


def shape_of(name: str) -> Shape:
    """How a file of that name is shown."""
    if name.lower().endswith((".tar.gz", ".tar.bz2", ".tar.xz")):
        return Shape.ARCHIVE
    return SHAPES.get(ending_of(name), Shape.UNKNOWN)


def shape_by_content(start: bytes) -> Shape:
    """How a file is shown that begins so."""
    for magic, shape in MAGIC:
        if start.startswith(magic):
            return shape
    return Shape.TEXT if start and is_text(start) else Shape.UNKNOWN


def is_text(start: bytes) -> bool:
    """Whether bytes look like text: UTF-8 or Latin-1 without control characters."""
    if b"\0" in start:
        return False
    odd = sum(byte < 32 and byte not in {9, 10, 12, 13, 27} for byte in start)
    return odd * 100 <= len(start)


def icon_of(name: str) -> str:
    """The sign beside a name."""
    return ICONS.get(shape_of(name), "file")
