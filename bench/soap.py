"""The SOAP interface against the REST interface of the same server: the same objects created, the same query asked.

Requests are prepared before, and answers are not parsed, so that it is the server that is measured.
"""

from __future__ import annotations

import http.client
import json
import uuid
from collections.abc import Callable
from time import perf_counter
from urllib.parse import urlencode

from bench.catalogue import PORT, running
from bench.client import RestClient
from bench.report import line, percentile

PATH = "/ICATService/ICAT"
XML = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
BATCH = 1000
CALLS = 20
"""Datafiles per call, and how many calls are measured of each interface."""
ENTITIES = 10_000
ROUNDS = 15
QUERY = f"SELECT d FROM Datafile d LIMIT 0, {ENTITIES}"
MODIFIED = "2026-11-21T10:00:00.000Z"


def soap() -> None:
    """Objects per second of creation in batches of 1 000, and entities per second of a large answer."""
    with running():
        rest = RestClient(PORT, "simple", {"username": "root", "password": "bench"})
        post = _poster()
        _creation(rest, post)
        _search(rest, post)


def _creation(rest: RestClient, post: Callable[[bytes], bytes]) -> None:
    here, there = _dataset(rest), _dataset(rest)
    taken: dict[str, list[float]] = {"soap": [], "rest": []}
    for call in range(CALLS + 1):  # the first is to warm up
        names = [f"frame_{number:07}.h5" for number in range(call * BATCH, (call + 1) * BATCH)]
        envelope, form = _create_many(rest.session, here, names), _entities(rest.session, there, names)
        started = perf_counter()
        answer = post(envelope)
        between = perf_counter()
        rest.call("POST", "/icat/entityManager", form)
        taken["soap"].append(between - started)
        taken["rest"].append(perf_counter() - between)
        if answer.count(b"<return>") != BATCH:
            raise RuntimeError(f"not {BATCH} ids: {answer[:500]!r}")
    ours, theirs = (BATCH / percentile(sorted(each[1:]), 50) for each in taken.values())
    line(f"SOAP: createMany in batches of {BATCH}", ours, "objects/s", "the same over REST", theirs)


def _search(rest: RestClient, post: Callable[[bytes], bytes]) -> None:
    envelope, path = _enveloped("search", rest.session, f"<query>{QUERY}</query>"), rest.path(QUERY)
    taken: dict[str, list[float]] = {"soap": [], "rest": []}
    for _ in range(ROUNDS):
        started = perf_counter()
        answer = post(envelope)
        between = perf_counter()
        rest.call("GET", path)
        taken["soap"].append(between - started)
        taken["rest"].append(perf_counter() - between)
        if answer.count(b"<return ") != ENTITIES:
            raise RuntimeError(f"not {ENTITIES} entities: {answer[:500]!r}")
    ours, theirs = (ENTITIES / percentile(sorted(each), 50) for each in taken.values())
    line(f"SOAP: search of {ENTITIES} datafiles", ours, "entities/s", "the same over REST", theirs)


def _poster() -> Callable[[bytes], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=300)

    def post(envelope: bytes) -> bytes:
        connection.request("POST", PATH, envelope, XML)
        response = connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{response.status} {content[:500]!r}")
        return content

    return post


def _dataset(rest: RestClient) -> int:
    name = f"soap_{uuid.uuid4()}"
    (dataset,) = rest.write([{"Dataset": {"name": name, "investigation": {"id": 2}, "type": {"id": 1}}}])
    return dataset


def _create_many(session: str, dataset: int, names: list[str]) -> bytes:
    beans = (
        f'<beans xsi:type="ns1:datafile"><dataset><id>{dataset}</id></dataset>'
        f"<datafileModTime>{MODIFIED}</datafileModTime><fileSize>4194304</fileSize>"
        f"<location>/data/2/{dataset}/{name}</location><name>{name}</name></beans>"
        for name in names
    )
    return _enveloped("createMany", session, "".join(beans))


def _entities(session: str, dataset: int, names: list[str]) -> str:
    entities = [
        {
            "Datafile": {
                "name": name,
                "location": f"/data/2/{dataset}/{name}",
                "fileSize": 4194304,
                "datafileModTime": MODIFIED,
                "dataset": {"id": dataset},
            }
        }
        for name in names
    ]
    return urlencode({"sessionId": session, "entities": json.dumps(entities)})


def _enveloped(operation: str, session: str, content: str) -> bytes:
    return (
        '<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:ns1="http://icatproject.org" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><SOAP-ENV:Body>'
        f"<ns1:{operation}><sessionId>{session}</sessionId>{content}</ns1:{operation}>"
        "</SOAP-ENV:Body></SOAP-ENV:Envelope>"
    ).encode()
