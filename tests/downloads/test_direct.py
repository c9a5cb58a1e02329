"""Downloads that go from files to the connection, past the server: as by the server, to the byte."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.downloads.facility import DATASET, Facility, open_facility
from tests.running import eventually

LARGE = 24 << 20
DIRECT_FROM = 1 << 20
SETTINGS = f"""
[server]
workers = 2
direct_bytes = {DIRECT_FROM}
"""
FILE = f"{DATASET}/large%201.nxs"
NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ }}
http {{
  access_log {folder}/access.log; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream beamcat {{ server 127.0.0.1:{upstream}; keepalive 4; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://beamcat; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    location /old/ {{ proxy_pass http://127.0.0.1:{upstream}/; }}
  }}
}}
"""


@pytest.fixture(scope="module")
async def direct(server: Any, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Facility]:
    name = server.create(template)
    home = tmp_path_factory.mktemp("direct") / "home"
    opened = await open_facility(home, server.url(name), large=LARGE, many=10, more=SETTINGS)
    yield opened
    assert opened.beamcat.stop() == 0
    assert "goes by the server" not in opened.beamcat.log.read_text()  # with `Connection: close`, all that says so
    server.drop(name)


def content(facility: Facility) -> bytes:
    return (facility.home.with_name("main") / "0").read_bytes()


def headers(facility: Facility, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {facility.session}", **more}


def prepared(facility: Facility) -> str:
    form = {"sessionId": facility.session, "datasetIds": str(facility.dataset), "zip": "true"}
    return facility.beamcat.http.post("/ids/prepareData", data=form).text


def listed(facility: Facility) -> list[dict[str, Any]]:
    answer = facility.beamcat.http.get("/ids/getDeliveries", params={"sessionId": facility.session})
    return list(answer.json())


def status(facility: Facility, identifier: str) -> dict[str, Any]:
    answer = facility.beamcat.http.get("/ids/getDeliveryStatus", params={"preparedId": identifier})
    return dict(answer.json())


def asked(facility: Facility, path: str = FILE, **more: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in more.items())]
    return "\r\n".join([*lines, f"Authorization: Bearer {facility.session}", "", ""]).encode()


@contextlib.contextmanager
def connected(facility: Facility, *, room: int | None = None) -> Iterator[socket.socket]:
    with socket.socket() as client:
        if room is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        client.settimeout(60)
        client.connect(("127.0.0.1", int(facility.port)))
        yield client


def everything(client: socket.socket) -> tuple[bytes, bytes]:
    """What comes until the server ends the connection: the head, and the rest."""
    received = bytearray()
    while piece := client.recv(1 << 20):
        received += piece
    head, _, rest = bytes(received).partition(b"\r\n\r\n")
    return head.lower(), rest


def test_a_file_and_an_archive_arrive_and_are_known_to(direct: Facility) -> None:
    with connected(direct) as client:
        client.sendall(asked(direct))
        head, body = everything(client)
    assert b"\r\nconnection: close" in head
    assert f"\r\ncontent-length: {LARGE}".encode() in head
    assert hashlib.sha256(body).hexdigest() == direct.digests["large 1.nxs"]
    identifier = prepared(direct)
    url = f"/ids/getData?preparedId={identifier}"
    with httpx.Client(base_url=direct.beamcat.url, trust_env=False) as other:
        answers = [other.get(url), other.get(url, headers={"Range": "bytes=0-99"})]
    assert len(answers[0].content) == int(answers[0].headers["Content-Length"])
    assert answers[1].content == answers[0].content[:100]
    assert len({hashlib.sha256(other.get(url).content).digest() for other in [direct.beamcat.http] * 3}) == 1
    eventually(lambda: status(direct, identifier)["complete"])


def test_ranges_in_a_row_by_one_client(direct: Facility, tmp_path: Path) -> None:
    chosen = [(0, 10), (5, 5 << 20), (3 << 20, LARGE - 1), (7, 7), (LARGE - DIRECT_FROM, LARGE - 1), (0, LARGE - 1)]
    command: list[str] = ["curl", "-sSf", "-w", "%{num_connects} "]
    for number, (first, last) in enumerate(chosen):
        command += ["-H", f"Authorization: Bearer {direct.session}", "-r", f"{first}-{last}"]
        command += ["-o", str(tmp_path / str(number)), direct.beamcat.url + FILE, "--next", "-sSf", "-w"]
        command += ["%{num_connects} "]
    shown = subprocess.run(command[:-4], check=True, capture_output=True, text=True, timeout=60).stdout
    whole = content(direct)
    for number, (first, last) in enumerate(chosen):
        assert (tmp_path / str(number)).read_bytes() == whole[first : last + 1]
    assert shown.split() == ["1", "0", "1", "1", "0", "1"]  # the large ones end their connections


def test_several_ranges_in_one_answer(direct: Facility) -> None:
    whole = content(direct)
    wanted = {"Range": "bytes=3-4,1000000-9000000,20000000-20000009"}
    answer = httpx.get(direct.beamcat.url + FILE, headers=headers(direct, **wanted), trust_env=False)
    assert answer.headers["connection"] == "close"
    boundary = answer.headers["content-type"].partition("boundary=")[2].encode()
    parts = [part.partition(b"\r\n\r\n")[2][:-2] for part in answer.content.split(b"--" + boundary)[1:-1]]
    assert parts == [whole[3:5], whole[1000000:9000001], whole[20000000:20000010]]


def test_answers_without_many_bytes_keep_their_connection(direct: Facility) -> None:
    with httpx.Client(base_url=direct.beamcat.url, trust_env=False, headers=headers(direct)) as client:
        head = client.head(FILE)
        assert head.headers["content-length"] == str(LARGE)
        cases = [
            (client.get(FILE, headers={"If-None-Match": head.headers["etag"]}), 304),
            (client.get(FILE, headers={"Range": f"bytes={LARGE}-"}), 416),
            (client.get(FILE, headers={"If-Match": '"other"'}), 412),
            (client.get(FILE, headers={"Range": f"bytes=0-{DIRECT_FROM - 2}"}), 206),
        ]
        for answer, wanted in [(head, 200), *cases]:
            assert answer.status_code == wanted
            assert "connection" not in answer.headers


def test_a_request_behind_a_direct_answer_is_not_answered_within_it(direct: Facility) -> None:
    with connected(direct) as client:
        client.sendall(asked(direct) + asked(direct, Range="bytes=0-9"))
        _, body = everything(client)
    assert body == content(direct)
    with connected(direct) as client:  # nor is it before one
        client.sendall(asked(direct, Range="bytes=0-9") + asked(direct, Range="bytes=10-5000000"))
        _, body = everything(client)
    first, _, second = body.partition(b"HTTP/1.1 206")
    assert first == content(direct)[:10]
    assert second.partition(b"\r\n\r\n")[2] == content(direct)[10:5000001]


def test_a_client_of_http_1_0_gets_every_byte(direct: Facility) -> None:
    with connected(direct) as client:
        client.sendall(asked(direct).replace(b"HTTP/1.1", b"HTTP/1.0"))
        _, body = everything(client)
    assert body == content(direct)


def test_a_slow_client_gets_every_byte_while_others_come_and_go(direct: Facility) -> None:
    with connected(direct, room=16 << 10) as slow:
        slow.sendall(asked(direct))
        assert slow.recv(12) == b"HTTP/1.1 200"
        for _ in range(3):
            answer = httpx.get(direct.beamcat.url + FILE, headers=headers(direct), trust_env=False)
            assert hashlib.sha256(answer.content).hexdigest() == direct.digests["large 1.nxs"]
        _, body = everything(slow)
    assert hashlib.sha256(body).hexdigest() == direct.digests["large 1.nxs"]


@pytest.mark.parametrize("how", ["reset", "closed"])
def test_who_breaks_off_has_not_got_it_all_until_it_comes_back(direct: Facility, how: str) -> None:
    identifier = prepared(direct)
    path = f"/ids/getData?preparedId={identifier}"
    with connected(direct, room=16 << 10) as client:
        client.sendall(asked(direct, path))
        got = bytearray()
        while len(got) < 4 << 20:
            got += client.recv(1 << 16)
        if how == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            client.shutdown(socket.SHUT_WR)
    there = len(got.partition(b"\r\n\r\n")[2])
    seen = eventually(lambda: [each for each in listed(direct) if each["preparedId"] == identifier and each["broken"]])
    assert (seen[0]["complete"], seen[0]["delivered"]) == (False, 0)  # its machine had more, but nobody knows of it
    assert there <= seen[0]["sent"] < seen[0]["size"]
    rest = httpx.get(direct.beamcat.url + path, headers={"Range": f"bytes={there}-"}, trust_env=False)
    assert rest.status_code == 206
    eventually(lambda: status(direct, identifier)["complete"])


def test_a_file_that_is_cut_short_breaks_the_answer_off(direct: Facility) -> None:
    file = direct.home.with_name("main") / "1"
    whole, times = file.read_bytes(), file.stat()
    try:
        with connected(direct, room=16 << 10) as client:
            client.sendall(asked(direct, f"{DATASET}/scan/large-2.h5"))
            begun = b""
            while len(begun) < 1 << 16:
                begun += client.recv(1 << 12)
            with file.open("r+b") as out:
                out.truncate(len(whole) - 5000)
            received = begun + b"".join(iter(lambda: client.recv(1 << 20), b""))
    finally:
        file.write_bytes(whole)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert len(body) < len(whole) - 5000
    assert whole.startswith(body)


@pytest.fixture
def nginx(direct: Facility, tmp_path: Path) -> Iterator[str]:
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(program).exists():
        pytest.skip("nginx is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = tmp_path / "nginx.conf"
    config.write_text(NGINX.format(folder=tmp_path, port=port, upstream=direct.port))
    process = subprocess.Popen([program, "-p", str(tmp_path), "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: answers(f"http://127.0.0.1:{port}/readyz"))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url, trust_env=False).status_code == 200
    return False


def test_behind_a_proxy_that_keeps_its_connections(direct: Facility, nginx: str) -> None:
    whole = content(direct)
    with httpx.Client(base_url=nginx, trust_env=False, headers=headers(direct)) as client:
        for _ in range(4):
            for first, last in [(0, 99), (7, LARGE - 1), (0, 5 << 20), (1000, 1009)]:
                answer = client.get(FILE, headers={"Range": f"bytes={first}-{last}"})
                assert answer.status_code == 206
                assert answer.content == whole[first : last + 1]
                assert client.get("/readyz").status_code == 200
        assert client.get("/old" + FILE).content == whole
