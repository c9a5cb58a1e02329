"""The page of one file: its facts, what is in it, and the files beside it."""

from __future__ import annotations

import posixpath
from typing import Any

from starlette.responses import Response

from beamcat.portal import reading
from beamcat.portal.details.copying import DATA
from beamcat.portal.details.frame import State
from beamcat.portal.files.kinds import Shape, shape_of
from beamcat.portal.files.previews import preview_of
from beamcat.portal.files.tree import crumbs_of, names_of, shown_location
from beamcat.portal.page import Asking, address
from beamcat.portal.reading import Thing
from beamcat.store.digests.values import FileVersion
from beamcat.store.selection import Wanted
from beamcat.store.units.transitions import RESTORE

KEPT = ("h5", "frame", "view")
"""What of the address goes on to the next file: the place inside of it, and how it is looked at."""


async def file_page(asking: Asking) -> Response:
    """GET /datafiles/{id}: the file; as a fragment its preview alone. `h5` is a path inside of an HDF5 file."""
    file = await _find(asking)
    preview = await preview_of(asking, file)
    viewer = asking.query.get("view") == "h5web" and preview.shape is Shape.HDF5 and preview.outline is not None
    values: dict[str, Any] = {
        "file": file,
        "path": f"/datafiles/{file.id}",
        "preview": preview,
        "viewer": viewer,
        "inside": asking.query.get("h5", ""),
        "shape": preview.shape.value,
    }
    if asking.is_fragment:
        return await asking.render("files/_preview.html", **values)
    folder, last = posixpath.split(file.name)
    around = await _neighbours(asking, file, preview.shape)
    names = names_of(file.dataset, file.name) if file.dataset else None
    return await asking.render(
        "files/file.html",
        **values,
        last=last or file.name,
        folder=folder,
        crumbs=crumbs_of(asking, file.dataset, folder, last) if file.dataset else [(last, "")],
        around=around,
        location=shown_location(asking, file.location),
        permanent="" if names is None else DATA + names.path,
        parameters=sorted(file.parameters, key=lambda each: each.type.name if each.type else ""),
        digests=await _digests(asking, file),
        state=_state(asking, preview.absent is None),
    )


async def restore(asking: Asking) -> Response:
    """POST /datafiles/{id}/restore: have the file brought back from the archive."""
    file = await _find(asking)
    await asking.core.data.reset(asking.visitor.reader, Wanted(datafiles=(file.id,)))
    await asking.core.data.move(RESTORE, asking.visitor.reader, Wanted(datafiles=(file.id,)))
    return asking.go(f"/datafiles/{file.id}")


async def _find(asking: Asking) -> Thing:
    return await reading.find(
        asking,
        "Datafile",
        asking.id_of(),
        "dataset.investigation.facility",
        "dataset.investigation.investigationInstruments.instrument",
        "dataset.investigation.investigationFacilityCycles.facilityCycle",
        "datafileFormat",
        "parameters.type",
    )


def _state(asking: Asking, there: bool) -> State | None:
    return State("online", asking.visitor.words("details.online"), "disk") if there else None


async def _neighbours(asking: Asking, file: Thing, shape: Shape) -> dict[str, tuple[str, str] | None]:
    """The files before and after; with the place inside of the file where the other one may have it too."""
    if file.dataset is None:
        return {"before": None, "after": None}
    found = await asking.core.folders.neighbours(asking.visitor.reader, file.dataset.id, file.name)
    kept = {name: asking.query[name] for name in KEPT if name in asking.query}

    def link(other: tuple[int, str] | None) -> tuple[str, str] | None:
        if other is None:
            return None
        identifier, name = other
        same = shape is Shape.HDF5 and shape_of(name) is Shape.HDF5
        return address(f"/datafiles/{identifier}", **(kept if same else {})), name

    return {"before": link(found.before), "after": link(found.after)}


async def _digests(asking: Asking, file: Thing) -> list[tuple[str, str]]:
    """What is known of its digests: those computed here, and the one in the catalogue."""
    told: list[tuple[str, str]] = []
    version = await asking.core.viewer.version(asking.visitor.reader, file.id)
    if version is not None:
        (known,) = await asking.core.digests.digests([FileVersion.of(*version)])
        if known is not None:
            told += [(name, value.hex()) for name, value in (("SHA-256", known.sha256), ("MD5", known.md5)) if value]
            told.append(("CRC-32", f"{known.crc32:08x}"))
    if file.checksum:
        told.append((asking.visitor.words("file.checksum"), file.checksum))
    return told
