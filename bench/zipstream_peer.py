"""What a programmer would write instead of Beamcat's downloads: zipstream-ng behind Starlette, on the same server.

`GET /` answers with a ZIP file of everything in the folder `PEER_FOLDER`, stored, made while it is sent.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route
from zipstream import ZIP_STORED, ZipStream


async def archive(_request: Request) -> StreamingResponse:
    """A ZIP file of the folder."""
    stream = ZipStream(compress_type=ZIP_STORED, sized=True)
    for path in sorted(Path(os.environ["PEER_FOLDER"]).iterdir()):
        stream.add_path(path)
    return StreamingResponse(_pieces(stream), headers={"Content-Length": str(len(stream))})


def _pieces(stream: ZipStream) -> Iterator[bytes]:
    yield from stream


app = Starlette(routes=[Route("/", archive)])
