"""What a programmer would write instead of Beamcat: one endpoint that runs given SQL and answers with its rows as JSON.

No session, no rights, no query language: Starlette on Granian, psycopg and orjson, which is as lean as it gets in
Python. `serving(url, statements)` runs it in a process of its own, with one worker.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.client import HTTPConnection

import orjson
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.catalogue import PORT

BARE_PORT = PORT + 1


@contextmanager
def serving(url: str, statements: list[str]) -> Iterator[HTTPConnection]:
    """A connection to a running bare endpoint: `GET /N` answers with the rows of statement N."""
    environment = {**os.environ, "BARE_URL": url, "BARE_STATEMENTS": json.dumps(statements)}
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(BARE_PORT), "--no-log"]
    process = subprocess.Popen([*command, "--factory", "bench.bare_endpoint:create_app"], env=environment)
    try:
        yield _connected(process)
    finally:
        process.terminate()
        process.wait(30)


def get(connection: HTTPConnection, path: str) -> bytes:
    """The answer to `GET path`; an error or an empty answer stops the benchmark."""
    connection.request("GET", path)
    response = connection.getresponse()
    content = response.read()
    if response.status != 200 or len(content) < 10:
        raise RuntimeError(f"the bare endpoint answered {response.status}")
    return content


def create_app() -> Starlette:
    """The application, for Granian."""
    statements = [statement.encode() for statement in json.loads(os.environ["BARE_STATEMENTS"])]
    pool = AsyncConnectionPool(
        os.environ["BARE_URL"],
        open=False,
        min_size=2,
        max_size=8,
        kwargs={"autocommit": True, "prepare_threshold": 1, "row_factory": dict_row},
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with pool:
            yield

    async def answer(request: Request) -> Response:
        async with pool.connection() as connection:
            cursor = await connection.execute(statements[request.path_params["number"]], binary=True)
            rows = await cursor.fetchall()
        return Response(orjson.dumps(rows), media_type="application/json")

    return Starlette(routes=[Route("/{number:int}", answer)], lifespan=lifespan)


def _connected(process: subprocess.Popen[bytes]) -> HTTPConnection:
    for _ in range(200):
        if process.poll() is not None:
            break
        connection = HTTPConnection("127.0.0.1", BARE_PORT, timeout=60)
        try:
            connection.connect()
        except OSError:
            time.sleep(0.05)
        else:
            return connection
    raise RuntimeError("the bare endpoint did not start")
