"""A double of FTS3 for tests: it speaks its REST protocol, and really copies files over HTTP.

What it knows is what the specification of the data service says of FTS (F.2, F.3), and what its REST server does:
deterministic job ids, 409 for one that is there already, 207 where some jobs are not known, tokens for sources and
destinations together or not at all. `Shelf` is a storage to copy to, which understands PUT, GET, HEAD and DELETE.
"""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID, uuid4, uuid5

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

BASE = UUID("01874efb-4735-4595-bc9c-591aef8240c9")
VO = "beamcat"
MOST_FILES = 1000
ACTIVE = frozenset({"STAGING", "SUBMITTED", "READY", "ACTIVE", "ARCHIVING"})

Answer = tuple[int, Any]


@dataclass
class Transfer:
    """A file of a job."""

    asked: dict[str, Any]
    state: str = "SUBMITTED"
    reason: str | None = None
    filesize: int = 0

    def told(self, fields: list[str] | None = None) -> dict[str, Any]:
        known = {
            "file_state": self.state,
            "reason": self.reason,
            "filesize": self.filesize,
            "file_metadata": self.asked.get("metadata"),
            "source_surl": self.asked["sources"][0],
            "dest_surl": self.asked["destinations"][0],
        }
        return known if fields is None else {name: known[name] for name in fields if name in known}


@dataclass
class Job:
    """A job."""

    id: str
    params: dict[str, Any]
    files: list[Transfer]
    canceled: bool = False

    @property
    def state(self) -> str:
        states = [file.state for file in self.files]
        if self.canceled:
            return "CANCELED"
        if any(state in ACTIVE for state in states):
            return "ACTIVE" if any(state != "SUBMITTED" for state in states) else "SUBMITTED"
        if all(state == "FINISHED" for state in states):
            return "FINISHED"
        return "FAILED" if all(state == "FAILED" for state in states) else "FINISHEDDIRTY"


class Served:
    """A server of this process, on a free port."""

    def __init__(self) -> None:
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = 1 << 16

            def do(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                status, answer = served.answer(self, self.rfile.read(length))
                content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                kind = "application/octet-stream" if isinstance(answer, bytes) else "application/json"
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)
                self.wfile.flush()

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do  # noqa: N815 - their names there

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> Answer:
        """Status and content of the answer to a request."""
        raise NotImplementedError

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Shelf(Served):
    """A storage over HTTP. `files` are its contents, by their paths; `token` is what it takes, if it takes one."""

    def __init__(self, token: str | None = None) -> None:
        self.files: dict[str, bytes] = {}
        self.puts: list[str] = []
        self.token = token
        super().__init__()

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> Answer:
        path = unquote(urlsplit(request.path).path)
        if self.token is not None and request.headers.get("authorization") != f"Bearer {self.token}":
            return 401, b""
        if request.command == "PUT":
            self.files[path] = body
            self.puts.append(path)
            return 201, b""
        if request.command == "DELETE":
            return (204, b"") if self.files.pop(path, None) is not None else (404, b"")
        return (200, self.files[path]) if path in self.files else (404, b"")


@dataclass
class Wishes:
    """What a test wants to go otherwise."""

    fail: Callable[[str, int], str | None] = lambda source, attempt: None
    """Why a copy of that source fails, at its so-manieth attempt in any job; None: it does not."""
    going: threading.Event = field(default_factory=threading.Event)
    """Copies wait until this is set."""
    pretend: bool = False
    """Files count as copied, and are not: for jobs of thousands."""
    instead: list[Answer] = field(default_factory=list)
    """Answers to the next requests, in place of the right ones."""
    lose_next_answer: bool = False
    """The next job is taken, but its answer is lost."""


class Fts(Served):
    """The double. `jobs` are those that were submitted, in order; `token` is what clients have to show."""

    def __init__(self, token: str | None = None) -> None:
        self.jobs: dict[str, Job] = {}
        self.requests: list[str] = []
        self.wishes = Wishes()
        self.wishes.going.set()
        self.token = token
        self.proxies: list[bytes] = []
        self.proxy_ends: str | None = None
        self._request = certificate_request()
        self._attempts: dict[str, int] = {}
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="fts")
        self._http = httpx.Client(timeout=20, trust_env=False)
        super().__init__()

    def stop(self) -> None:
        self.wishes.going.set()
        super().stop()
        self._threads.shutdown(cancel_futures=True)
        self._http.close()

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> Answer:
        parts = urlsplit(request.path)
        self.requests.append(f"{request.command} {parts.path}")
        if self.token is not None and request.headers.get("authorization") != f"Bearer {self.token}":
            return 403, {"status": "403 Forbidden", "message": "Invalid credentials"}
        if self.wishes.instead:
            return self.wishes.instead.pop(0)
        query = parse_qs(parts.query)
        match request.command, parts.path.strip("/").split("/"):
            case "GET", ["whoami"]:
                return 200, {"vos": [VO], "vos_id": [str(_vo_id())], "base_id": str(BASE), "delegation_id": "d"}
            case "GET", ["delegation", "d"]:
                return 200, {"termination_time": self.proxy_ends} if self.proxy_ends else None
            case "GET", ["delegation", "d", "request"]:
                return 200, self._request
            case "PUT", ["delegation", "d", "credential"]:
                self.proxies.append(body)
                return 201, b""
            case (("POST" | "PUT"), ["jobs"]):
                return self._submit(json.loads(body))
            case "GET", ["jobs", ids]:
                return self._told(ids, query["files"][0].split(",") if "files" in query else None)
            case "GET", ["jobs", job, "files"]:
                return (200, [file.told() for file in self.jobs[job].files]) if job in self.jobs else _unknown(job)
            case "DELETE", ["jobs", ids]:
                return self._cancel(ids)
        return 404, {"status": "404 Not Found", "message": "no such resource"}

    def _submit(self, asked: dict[str, Any]) -> Answer:
        files, params = asked.get("files") or [], asked.get("params") or {}
        if problem := _problem(files):
            return 400, {"status": "400 Bad Request", "message": problem}
        identifier = str(uuid4())
        if params.get("id_generator") == "deterministic":
            identifier = str(uuid5(_vo_id(), str(params["sid"])))
        with self._lock:
            if identifier in self.jobs:
                return 409, {"status": "409 Conflict", "message": "The sid provided by the user is duplicated"}
            job = self.jobs[identifier] = Job(identifier, params, [Transfer(file) for file in files])
        for file in job.files:
            self._threads.submit(self._copy, job, file)
        if self.wishes.lose_next_answer:
            self.wishes.lose_next_answer = False
            return 502, {"status": "502 Bad Gateway", "message": "the answer is lost"}
        return 200, {"job_id": identifier}

    def _told(self, ids: str, fields: list[str] | None) -> Answer:
        told, unknown = [], False
        for identifier in filter(None, ids.split(",")):
            job = self.jobs.get(identifier)
            if job is None:
                unknown = True
                told.append(_unknown(identifier)[1])
                continue
            about: dict[str, Any] = {"job_id": job.id, "job_state": job.state, "http_status": "200 Ok", "reason": None}
            if fields is not None:
                about["files"] = [file.told(fields) for file in job.files]
            told.append(about)
        if len(told) == 1:
            return (404 if unknown else 200), told[0]
        return (207 if unknown else 200), told

    def _cancel(self, ids: str) -> Answer:
        told: list[Any] = []
        for identifier in filter(None, ids.split(",")):
            job = self.jobs.get(identifier)
            if job is None:
                told.append(_unknown(identifier)[1])
                continue
            with self._lock:
                if job.state in ACTIVE:
                    job.canceled = True
                    for file in job.files:
                        file.state = "CANCELED" if file.state in ACTIVE else file.state
            told.append({"job_id": job.id, "job_state": job.state})
        if len(told) == 1:
            return (404 if told[0].get("http_status") else 200), told[0]
        return 200, told

    def _copy(self, job: Job, file: Transfer) -> None:
        """Copy one file, as long as the job is not canceled."""
        self.wishes.going.wait()
        source, destination = file.asked["sources"][0], file.asked["destinations"][0]
        with self._lock:
            self._attempts[source] = self._attempts.get(source, 0) + 1
            attempt = self._attempts[source]
            if job.canceled:
                return
            file.state = "ACTIVE"
        reason = self.wishes.fail(source, attempt)
        try:
            if reason is None and self.wishes.pretend:
                file.filesize = int(file.asked.get("filesize") or 0)
            elif reason is None:
                content = self._fetched(file, source)
                reason = _wrong(job, file, content)
                if reason is None:
                    self._stored(job, file, destination, content)
                    file.filesize = len(content)
        except httpx.HTTPError as error:
            reason = f"TRANSFER [5] {error}"
        with self._lock:
            if not job.canceled:
                file.state, file.reason = ("FAILED", reason) if reason else ("FINISHED", None)

    def _fetched(self, file: Transfer, source: str) -> bytes:
        answer = self._http.get(source, headers=_authorization(file, "source_tokens"))
        answer.raise_for_status()
        return answer.content

    def _stored(self, job: Job, file: Transfer, destination: str, content: bytes) -> None:
        headers = _authorization(file, "destination_tokens")
        if not job.params.get("overwrite") and self._http.head(destination, headers=headers).is_success:
            raise httpx.HTTPError("Destination file exists and overwrite is not enabled")
        self._http.put(destination, content=content, headers=headers).raise_for_status()


def certificate_request() -> bytes:
    """What FTS asks for a proxy with: a key of its own, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


def _vo_id() -> UUID:
    return uuid5(BASE, VO)


def _unknown(job: str) -> Answer:
    message = f'No job with the id "{job}" has been found'
    return 404, {"job_id": job, "http_status": "404 Not Found", "http_message": message, "message": message}


def _problem(files: list[dict[str, Any]]) -> str | None:
    """What is wrong with the files of a job; None: nothing."""
    if not files:
        return "No valid pairs available"
    if len(files) > MOST_FILES:
        return f"a job of {len(files)} files is too large"
    for file in files:
        if len(files) > 1 and len(file["sources"]) > 1:
            return "Multiple replica jobs must only have one unique file"
        for url in (*file["sources"], *file["destinations"]):
            parts = urlsplit(url)
            if parts.scheme == "file" or not parts.hostname or not parts.path.strip("/"):
                return f"Missing scheme, host or path ({url})"
        if bool(file.get("source_tokens")) != bool(file.get("destination_tokens")):
            return "Both source_tokens and destination_tokens are required if one of them is present."
    return None


def _authorization(file: Transfer, name: str) -> dict[str, str]:
    tokens = file.asked.get(name)
    return {"Authorization": f"Bearer {tokens[0]}"} if tokens else {}


def _wrong(job: Job, file: Transfer, content: bytes) -> str | None:
    if file.asked.get("filesize") not in {None, len(content)}:
        return f"SOURCE and user filesize differ: {len(content)} != {file.asked['filesize']}"
    checksum = file.asked.get("checksum")
    if job.params.get("verify_checksum", "none") != "none" and checksum:
        algorithm, _, value = checksum.partition(":")
        if algorithm.upper() == "ADLER32" and int(value, 16) != zlib.adler32(content):
            return "TRANSFER [5] CHECKSUM MISMATCH"
    return None


@contextmanager
def running_fts(token: str | None = None) -> Iterator[Fts]:
    """The double, until the end of the block."""
    fts = Fts(token)
    try:
        yield fts
    finally:
        fts.stop()


@contextmanager
def running_shelf(token: str | None = None) -> Iterator[Shelf]:
    """A storage, until the end of the block."""
    shelf = Shelf(token)
    try:
        yield shelf
    finally:
        shelf.stop()
