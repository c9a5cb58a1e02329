"""What a programmer would write instead of Beamcat's downloads: Starlette on the same server.

`GET /` answers with a ZIP file of everything in the folder `PEER_FOLDER`, stored, made by zipstream-ng while it is
sent. `GET /raw` sends the bytes of the files one after another, a mebibyte at a time, and nothing else: less than that
nobody can do who reads files and sends them.
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

PIECE = 1 << 20


async def archive(_request: Request) -> StreamingResponse:
    """A ZIP file of the folder."""
    stream = ZipStream(compress_type=ZIP_STORED, sized=True)
    for path in _files():
        stream.add_path(path)
    return StreamingResponse(_pieces(stream), headers={"Content-Length": str(len(stream))})


async def raw(_request: Request) -> StreamingResponse:
    """The bytes of the folder."""
    length = sum(path.stat().st_size for path in _files())
    return StreamingResponse(_bytes(), headers={"Content-Length": str(length)})


def _pieces(stream: ZipStream) -> Iterator[bytes]:
    yield from stream


def _bytes() -> Iterator[bytes]:
    for path in _files():
        with path.open("rb", buffering=0) as file:
            while piece := file.read(PIECE):
                yield piece


def _files() -> list[Path]:
    return sorted(Path(os.environ["PEER_FOLDER"]).iterdir())


app = Starlette(routes=[Route("/", archive), Route("/raw", raw)])
