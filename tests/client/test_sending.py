"""What is sent, under which names, to whom, and what is made of the answers."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from beamcat.client.fetching import Connection, Progress, Terms
from beamcat.client.put import target_of
from beamcat.client.sending import LAST, CannotSend, Destination, IsThere, Sending
from beamcat.client.sources import Hash, LocalFile, files_in, sha256_of
from beamcat.errors import BadParameter
from tests.client.test_fetching import Asked, serving

FAST = Terms(token="secret", pause_s=0.001, patience_s=2)
Answer = tuple[int, dict[str, str], bytes]


def test_what_a_dataset_may_be_called() -> None:
    by_id = target_of("42", "https://h/ids")
    assert (by_id.server, by_id.dataset) == ("https://h", ("datasetId", "42"))
    assert by_id.list_url == "https://h/ids/getMetalink?datasetIds=42"
    assert target_of("dataset:42", "https://h/") == by_id
    named = target_of("FAC/in v/1-1/d%2Fs", "https://h")
    assert named.dataset == ("dataset", "FAC/in%20v/1-1/d%2Fs")
    assert target_of("https://h/data/FAC/in%20v/1-1/d%2Fs/", None) == named
    assert target_of("https://h/below/data/F/i/v/d", None).server == "https://h/below"
    for text, server in (("42", None), ("F/i/v", "https://h"), ("F/i/v/d/x", "https://h"), ("https://h/x", None)):
        with pytest.raises(BadParameter):
            target_of(text, server)


def test_files_are_named_by_their_paths_below_the_folder(tmp_path: Path) -> None:
    for name in ("scan/a", "scan/b/c d", "scan/b/é", "other/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "scan/link").symlink_to(tmp_path / "other/x")
    (tmp_path / "scan/folder").symlink_to(tmp_path / "other")
    (tmp_path / "scan/nowhere").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "scan/pipe")
    skipped: list[str] = []
    files = files_in([tmp_path / "scan", tmp_path / "other/x"], skipped.append)
    assert {file.name: file.path.read_text() for file in files} == {
        "a": "scan/a", "b/c d": "scan/b/c d", "b/é": "scan/b/é", "link": "other/x", "x": "other/x"
    }  # fmt: skip
    assert len(skipped) == 3
    assert files_in([tmp_path / "scan/a", tmp_path / "scan/a"], skipped.append)[0].name == "a"
    (tmp_path / "other/a").write_text("another")
    with pytest.raises(BadParameter, match="both"):
        files_in([tmp_path / "scan", tmp_path / "other"], skipped.append)
    with pytest.raises(BadParameter, match="there is no"):
        files_in([tmp_path / "missing"], skipped.append)


def local(path: Path, content: bytes) -> LocalFile:
    path.write_bytes(content)
    (file,) = files_in([path], print)
    return file


def test_a_hash_takes_bytes_twice_or_late(tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    file = local(tmp_path / "x", content)
    digest = Hash(file)
    for first, stop in ((0, 10), (5, 8), (5, 20), (2_000_000, 2_500_000), (0, 3_000_000)):
        digest.feed(first, content[first:stop])
    assert digest.digest() == hashlib.sha256(content).digest()
    assert sha256_of(file) == hashlib.sha256(content).hexdigest()


async def sent(url: str, file: LocalFile) -> list[int]:
    """What the progress was told."""
    told: list[int] = []
    connection = Connection(url, FAST, Progress(told.append))
    try:
        await Sending(connection, Destination(f"{url}/uploads", {"datasetId": "42"}), file).run()
    finally:
        await connection.close()
    return told


def answering(*answers: Answer) -> Callable[[Asked], Answer]:
    """One answer after the other; the last one for ever."""
    waiting = list(answers)
    return lambda _asked: waiting.pop(0) if len(waiting) > 1 else waiting[0]


def problem(status: int, title: str, **headers: str) -> Answer:
    return status, headers, f'{{"title": "{title}", "detail": "it is so"}}'.encode()


async def test_a_small_file_takes_one_request(tmp_path: Path) -> None:
    file = local(tmp_path / "x", b"hello")
    async with serving(answering((201, {"Upload-Offset": "5", "Location": "/x"}, b""))) as server:
        assert sum(await sent(server.url, file)) == 5
    (asked,) = server.asked
    assert asked.headers["authorization"] == "Bearer secret"
    assert (asked.headers["upload-length"], asked.headers["tus-resumable"]) == ("5", "1.0.0")
    assert asked.headers["upload-metadata"].startswith("datasetId NDI=,name eA==,datafileModTime ")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (problem(400, "BadParameter"), "x: it is so"),
        (problem(401, "SessionError"), "sign in first"),
        (problem(403, "Forbidden"), "it is so"),
        (problem(460, "WrongDigest"), "damaged"),
        (problem(503, "NotOnline", **{"Retry-After": "3600"}), "try again later"),
        (problem(500, "InternalError"), "it is so"),
        ((500, {}, b"<html>"), "the server answers 500"),
    ],
)
async def test_what_is_refused_is_told(tmp_path: Path, answer: Answer, words: str) -> None:
    file = local(tmp_path / "x", b"hello")
    async with serving(answering(answer)) as server:
        with pytest.raises(CannotSend, match=words):
            await sent(server.url, file)


async def test_a_file_that_was_perhaps_just_sent_is_told_from_others(tmp_path: Path) -> None:
    file = local(tmp_path / "x", b"hello")
    for answers, perhaps in (([], False), ([(503, {}, b"")], True)):
        async with serving(answering(*answers, problem(400, "AlreadyExists"))) as server:
            with pytest.raises(IsThere) as told:
                await sent(server.url, file)
            assert told.value.perhaps_ours is perhaps


async def test_a_file_that_changes_while_it_is_read_is_not_sent(tmp_path: Path) -> None:
    small, large = local(tmp_path / "x", b"hello"), local(tmp_path / "y", bytes(LAST + 1))
    small.path.write_bytes(b"hello, world")
    async with serving(answering((201, {"Upload-Offset": "5"}, b""))) as server:
        with pytest.raises(CannotSend, match="changed"):
            await sent(server.url, small)
    assert server.asked == []

    def answers(asked: Asked) -> Answer:
        if asked.method == "PATCH":
            large.path.write_bytes(bytes(LAST + 2))
        location = f"http://{asked.headers['host']}/uploads/1"
        return {"POST": 201, "HEAD": 200}.get(asked.method, 204), {"Location": location, "Upload-Offset": "1"}, b""

    large.path.write_bytes(bytes(LAST + 3))
    async with serving(answers) as server:
        with pytest.raises(CannotSend, match="changed"):
            await sent(server.url, large)
    assert [asked.method for asked in server.asked] == ["POST", "HEAD", "DELETE"]
