"""What the client makes of servers that are slow, wrong, or not the one it was sent to."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from beamcat.client.fetching import Progress, Terms
from beamcat.client.files import UnsafeName
from beamcat.client.get import Outcome, Watched, get, source_of

DATA = b"hello world" * 1000
FAST = Terms(token="secret", jobs=4, pause_s=0.001)


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]


Answers = Callable[[Asked], tuple[int, dict[str, str], bytes]]


@dataclass
class Server:
    """Answers as a test says, and remembers what it was asked."""

    answers: Answers
    url: str = ""
    asked: list[Asked] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
                method, path, _ = first.split(" ")
                pairs = (line.partition(":") for line in lines)
                asked = Asked(method, path, {name.lower(): value.strip() for name, _, value in pairs})
                self.asked.append(asked)
                status, headers, body = self.answers(asked)
                told = "".join(
                    f"{name}: {value}\r\n" for name, value in {"Content-Length": len(body), **headers}.items()
                )
                writer.write(f"HTTP/1.1 {status} X\r\n{told}\r\n".encode() + (b"" if method == "HEAD" else body))
                await writer.drain()
                if "Content-Length" in headers:  # a lie
                    break
        writer.close()


@contextlib.asynccontextmanager
async def serving(answers: Answers) -> AsyncIterator[Server]:
    told = Server(answers)
    server = await asyncio.start_server(told.serve, "127.0.0.1", 0)
    told.url = "http://{}:{}".format(*server.sockets[0].getsockname())
    try:
        yield told
    finally:
        server.close()


def metalink(*files: str) -> tuple[int, dict[str, str], bytes]:
    text = f'<metalink xmlns="urn:ietf:params:xml:ns:metalink">{"".join(files)}</metalink>'
    return 200, {"Content-Type": "application/metalink4+xml"}, text.encode()


def entry(url: str, name: str = "x", digest: bytes = DATA, size: int = len(DATA)) -> str:
    digits = hashlib.sha256(digest).hexdigest()
    return f'<file name="{name}"><size>{size}</size><hash type="sha-256">{digits}</hash><url>{url}</url></file>'


def ranged(asked: Asked, data: bytes, etag: str = '"1"') -> tuple[int, dict[str, str], bytes]:
    """What a good server answers."""
    wanted = asked.headers.get("range")
    if wanted is None or asked.headers.get("if-range", etag) != etag:
        return 200, {"ETag": etag}, data
    first, last = map(int, wanted.removeprefix("bytes=").split("-"))
    last = min(last, len(data) - 1)
    return 206, {"ETag": etag, "Content-Range": f"bytes {first}-{last}/{len(data)}"}, data[first : last + 1]


async def fetched(server: Server, folder: Path, terms: Terms = FAST, said: list[str] | None = None) -> Outcome:
    lines: list[str] = [] if said is None else said
    return await get(source_of(f"{server.url}/list", None), folder, terms, Watched(Progress(say=lines.append)))


async def test_the_token_is_for_the_server_that_was_named(tmp_path: Path) -> None:
    async with (
        serving(lambda asked: ranged(asked, DATA)) as mirror,
        serving(lambda asked: metalink(entry(f"{mirror.url}/x"))) as server,
    ):
        assert (await fetched(server, tmp_path)).files == 1
    assert [asked.headers.get("authorization") for asked in server.asked] == ["Bearer secret"]
    assert [asked.headers.get("authorization") for asked in mirror.asked] == [None]


async def test_data_on_tape_are_waited_for(tmp_path: Path) -> None:
    on_tape = [2]

    def answers(asked: Asked) -> tuple[int, dict[str, str], bytes]:
        if asked.path == "/list":
            return metalink(entry(f"http://{asked.headers['host']}/x"))
        if on_tape[0]:
            on_tape[0] -= 1
            return 503, {"Retry-After": "1"}, b'{"code":"DataNotOnlineException","message":"m"}'
        return ranged(asked, DATA)

    said: list[str] = []
    async with serving(answers) as server:
        assert (await fetched(server, tmp_path, said=said)).files == 1
        assert len(said) == 1
        assert "waiting for" in said[0]
        on_tape[0] = 99
        impatient = Terms(patience_s=0.5)
        outcome = await fetched(server, tmp_path / "other", impatient)
    assert outcome.failed == 1
    assert "try again later" in outcome.failures[0]


async def test_what_is_wrong_never_gets_its_name(tmp_path: Path) -> None:
    def answers(asked: Asked) -> tuple[int, dict[str, str], bytes]:
        if asked.path == "/list":
            here = f"http://{asked.headers['host']}"
            return metalink(entry(f"{here}/x", "wrong", b"other"), entry(f"{here}/x", "short", size=5),
                            entry(f"{here}/gone", "gone"), entry(f"{here}/x", "fine"))  # fmt: skip
        return (404, {}, b"") if asked.path == "/gone" else ranged(asked, DATA)

    async with serving(answers) as server:
        outcome = await fetched(server, tmp_path)
    assert (outcome.files, outcome.failed) == (1, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["fine"]


async def test_a_list_with_a_name_that_leads_elsewhere_fetches_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    async with serving(lambda asked: metalink(entry("http://h/x", "fine"), entry("http://h/x", "../x"))) as server:
        with pytest.raises(UnsafeName):
            await fetched(server, folder)
    assert not any(tmp_path.iterdir())


async def test_a_file_that_changed_is_begun_again(tmp_path: Path) -> None:
    old = b"old" * 1000
    (tmp_path / "x.part").write_bytes(old)
    (tmp_path / "x.part.json").write_text(json.dumps({"size": len(DATA), "etag": '"0"', "done": [[0, 3000]]}))

    def answers(asked: Asked) -> tuple[int, dict[str, str], bytes]:
        if asked.path == "/list":
            return metalink(
                f'<file name="x"><size>{len(DATA)}</size><url>http://{asked.headers["host"]}/x</url></file>'
            )
        return ranged(asked, DATA)

    async with serving(answers) as server:
        outcome = await fetched(server, tmp_path)
        assert server.asked[-2].headers["if-range"] == '"0"'
    assert (outcome.files, outcome.unverified) == (1, 1)
    assert (tmp_path / "x").read_bytes() == DATA
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("state", ["", "{}", "[]", '{"size": 5, "etag": 5, "done": [["a", 2]]}', "\x00"])
async def test_a_state_that_cannot_be_understood_is_left(tmp_path: Path, state: str) -> None:
    (tmp_path / "x.part").write_bytes(b"?")
    (tmp_path / "x.part.json").write_text(state)

    def answers(asked: Asked) -> tuple[int, dict[str, str], bytes]:
        return metalink(entry(f"http://{asked.headers['host']}/x")) if asked.path == "/list" else ranged(asked, DATA)

    async with serving(answers) as server:
        assert (await fetched(server, tmp_path)).files == 1
    assert (tmp_path / "x").read_bytes() == DATA


async def test_a_link_in_place_of_a_partial_file_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x.part").symlink_to(tmp_path / "precious")

    def answers(asked: Asked) -> tuple[int, dict[str, str], bytes]:
        return metalink(entry(f"http://{asked.headers['host']}/x")) if asked.path == "/list" else ranged(asked, DATA)

    async with serving(answers) as server:
        assert (await fetched(server, tmp_path / "folder")).failed == 1
    assert (tmp_path / "precious").read_bytes() == b"precious"


async def test_a_server_without_etags_and_ranges_will_do(tmp_path: Path) -> None:
    broken = [2]

    def answers(asked: Asked) -> tuple[int, dict[str, str], bytes]:
        if asked.path == "/list":
            return metalink(entry(f"http://{asked.headers['host']}/x"))
        if broken[0]:
            broken[0] -= 1
            return 200, {"Content-Length": str(len(DATA))}, DATA[:4000]
        return 200, {}, DATA

    async with serving(answers) as server:
        assert (await fetched(server, tmp_path)).files == 1
    assert (tmp_path / "x").read_bytes() == DATA


async def test_a_single_file_is_brought_back_from_tape_and_may_be_empty(tmp_path: Path) -> None:
    on_tape = [1]

    def answers(asked: Asked) -> tuple[int, dict[str, str], bytes]:
        if asked.path == "/empty":
            return (416, {"Content-Range": "bytes */0"}, b"") if "range" in asked.headers else (200, {}, b"")
        if asked.method == "HEAD" or on_tape[0]:
            on_tape[0] -= asked.method == "GET"
            return 503, {"Retry-After": "1"}, b""
        return ranged(asked, DATA)

    async with serving(answers) as server:
        for name, content in (("x", DATA), ("empty", b"")):
            outcome = await get(source_of(f"{server.url}/{name}", None), tmp_path, FAST, Watched(Progress()))
            assert (outcome.files, outcome.unverified) == (1, 1)
            assert (tmp_path / name).read_bytes() == content
