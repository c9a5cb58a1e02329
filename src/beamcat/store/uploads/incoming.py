"""What clients say of the datafiles they send, and what has come in of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from beamcat.catalogue.drafts import Draft, Reference, Value
from beamcat.errors import BadParameter
from beamcat.model import ENTITIES
from beamcat.store.digests.values import Digests


@dataclass(frozen=True, slots=True)
class Upload:
    """What a client says of the bytes it sends. `sha256` and `size`, where they are given, have to be right."""

    dataset_id: int
    format_id: int | None
    name: str
    description: str | None = None
    doi: str | None = None
    created: datetime | None = None
    modified: datetime | None = None
    sha256: bytes | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A datafile that has come in."""

    id: int
    location: str
    size: int
    crc32: int


class WrongDigest(BadParameter):
    """The bytes are not the ones that were announced."""


def check(upload: Upload, digests: Digests, size: int) -> None:
    """Raise `BadParameter` unless the bytes are those that were announced."""
    if upload.size is not None and upload.size != size:
        raise BadParameter(f"{size} bytes have arrived, and {upload.size} were announced")
    if upload.sha256 is not None and upload.sha256 != digests.sha256:
        raise WrongDigest("the bytes that have arrived do not have the SHA-256 that was announced")


def draft_of(upload: Upload, location: str, digests: Digests, size: int) -> Draft:
    """The datafile."""
    values: Mapping[str, Value] = {
        "name": upload.name,
        "location": location,
        "fileSize": size,
        "checksum": f"{digests.crc32:x}",
        "description": upload.description,
        "doi": upload.doi,
        "datafileCreateTime": upload.created,
        "datafileModTime": upload.modified,
    }
    relations = {"dataset": Reference(ENTITIES["Dataset"], upload.dataset_id)}
    if upload.format_id is not None:
        relations["datafileFormat"] = Reference(ENTITIES["DatafileFormat"], upload.format_id)
    return Draft(
        ENTITIES["Datafile"],
        {name: value for name, value in values.items() if value is not None},
        dict(relations),
    )
