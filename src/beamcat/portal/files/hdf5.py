"""What h5web asks of an HDF5 file, as h5grove answers it."""

from __future__ import annotations

import orjson
from starlette.responses import Response

from beamcat.doors.statuses import STATUSES
from beamcat.errors import BadParameter, BeamcatError, ErrorKind, NoSuchObject
from beamcat.portal import reading
from beamcat.portal.files.content import Counted, Left, unless_left
from beamcat.portal.page import Asking
from beamcat.store.viewing.viewer import FileOf

QUESTIONS = frozenset({"meta", "attr", "data", "stats", "paths"})
LONGEST_PATH = 4096


async def hdf5(asking: Asking) -> Response:
    """GET /datafiles/{id}/h5/{question}: of the object at `path`. Work stops when the browser hangs up."""
    question = asking.request.path_params["question"]
    if question not in QUESTIONS:
        raise NoSuchObject("There is nothing at this address")
    query = asking.query
    path = query.get("path") or "/"
    if len(path) > LONGEST_PATH:
        raise BadParameter("The path is too long")
    file = await reading.find(asking, "Datafile", asking.id_of(), "dataset")
    looked = FileOf(file.id, file.name, file.dataset.id if file.dataset else 0)
    more: dict[str, object] = {}
    if question == "attr" and query.get("attr_keys"):
        more["keys"] = query["attr_keys"].split(",")
    if question in {"data", "stats"}:
        more |= {name: query[name] for name in ("selection", "format", "dtype") if name in query}
        more["flatten"] = query.get("flatten", "false").lower() == "true"
    try:
        shown = await unless_left(
            asking, asking.core.viewer.hdf5(asking.visitor.reader, looked, question, path, **more)
        )
    except Left:
        return Response(status_code=499)
    except BeamcatError as error:
        if error.kind is ErrorKind.INTERNAL:
            raise
        content = orjson.dumps({"message": error.message})
        return Response(content, STATUSES[error.kind], media_type="application/json")
    return Counted(shown)
