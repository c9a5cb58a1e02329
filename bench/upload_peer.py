"""What a programmer would write instead of Beamcat's uploads: Starlette on the same server, a file, and fsync.

`PUT` writes the body to a file in the folder `PEER_FOLDER` that gets its name when it is complete. Nothing is computed
of it, and nobody knows of it.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

BATCH = 1 << 20


async def put(request: Request) -> Response:
    """Store the body."""
    folder = Path(os.environ["PEER_FOLDER"])
    incoming = folder / str(uuid4())
    with incoming.open("wb", buffering=0) as out:
        held, size = [], 0
        async for piece in request.stream():
            held.append(piece)
            size += len(piece)
            if size >= BATCH:
                await asyncio.to_thread(out.write, b"".join(held))
                held, size = [], 0
        await asyncio.to_thread(out.write, b"".join(held))
        await asyncio.to_thread(os.fsync, out.fileno())
    incoming.replace(folder / request.path_params["name"])
    return Response(status_code=201)


app = Starlette(routes=[Route("/{name}", put, methods=["PUT"])])
