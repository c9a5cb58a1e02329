"""The portal's most used pages over five million datafiles: time in the server, bytes, pages per second.

There is no other portal to compare with here: every page of a catalogue's portal is made of its answers, so the peer is
what a portal in the browser would have to ask ICAT's REST interface for to show the same rows, from the same server in
the same run. Ratios tell what making finished pages of it costs; they say nothing of other portals.
"""

from __future__ import annotations

import http.client
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from time import perf_counter
from urllib.parse import urlencode

from bench.catalogue import PORT, running
from bench.client import FORM, RestClient
from bench.report import compare, percentile, timings

ROUNDS, WARM_UP = 60, 5
AT_A_TIME = 8
SECONDS = 5.0
AIM_MS = 500.0
"""The first paint of a list with five million datafiles."""

INVESTIGATIONS = "SELECT it FROM Investigation it"
INCLUDED = " INCLUDE it.investigationInstruments.instrument, it.type"
NEWEST = " ORDER BY it.startDate DESC, it.title, it.id"
MINE = " WHERE it.id IN (SELECT iu.investigation.id FROM InvestigationUser iu WHERE iu.user.name = :user)"
DATASETS = "SELECT it FROM Dataset it WHERE it.investigation.id = 1 ORDER BY it.startDate DESC, it.name, it.id"
FIRST = " LIMIT 0, 50"


@dataclass(frozen=True, slots=True)
class Viewed:
    """A page, and the queries whose answers hold the same rows."""

    name: str
    path: str
    user: str
    queries: tuple[str, ...]


PAGES = (
    Viewed("first page", "/", "scientist", (INVESTIGATIONS + NEWEST + " LIMIT 0, 6" + INCLUDED,)),
    Viewed("my data", "/my-data", "visitor", (INVESTIGATIONS + MINE + NEWEST + FIRST + INCLUDED,)),
    Viewed("all data of a scientist", "/browse?see=all", "scientist", (INVESTIGATIONS + NEWEST + FIRST + INCLUDED,)),
    Viewed("all data of an administrator", "/browse?see=all", "root", (INVESTIGATIONS + NEWEST + FIRST + INCLUDED,)),
    Viewed(
        "their last page",
        "/browse?see=all&last=1",
        "root",
        (INVESTIGATIONS + " ORDER BY it.startDate, it.title DESC, it.id DESC" + FIRST + INCLUDED,),
    ),
    Viewed(
        "filtered by text",
        "/browse?see=all&f.title=77",
        "root",
        (INVESTIGATIONS + " WHERE LOWER(it.title) LIKE '%77%'" + NEWEST + FIRST + INCLUDED,),
    ),
    Viewed(
        "their count",
        "/browse?see=all&part=count",
        "root",
        ("SELECT COUNT(it), SUM(it.fileSize) FROM Investigation it",),
    ),
    Viewed(
        "cards with facets",
        "/browse?see=all&view=cards&part=facets",
        "scientist",
        (
            "SELECT n.name, COUNT(it) FROM Investigation it JOIN it.investigationInstruments ii JOIN ii.instrument n"
            " GROUP BY n.name",
        ),
    ),
    Viewed(
        "an experiment with its datasets",
        "/investigations/1",
        "scientist",
        ("SELECT it FROM Investigation it WHERE it.id = 1 INCLUDE 1", DATASETS + FIRST + " INCLUDE it.type, it.sample"),
    ),
    Viewed(
        "the tree by instrument",
        "/browse/instruments?see=all",
        "scientist",
        (
            "SELECT i FROM Instrument i ORDER BY i.name",
            "SELECT ii.instrument.id, COUNT(it) FROM Investigation it JOIN it.investigationInstruments ii"
            " GROUP BY ii.instrument.id",
        ),
    ),
)


def portal() -> None:
    """Latency and size of ten pages beside the same rows from ICAT's REST interface; pages per second of a list."""
    with running():
        people = {user: _signed_in(user) for user in {page.user for page in PAGES}}
        for page in PAGES:
            _measure(page, people[page.user])
        _together("/browse?see=all", people["scientist"])


def _measure(page: Viewed, cookie: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    size = len(_get(connection, page.path, cookie))
    ours = timings(lambda: _get(connection, page.path, cookie), rounds=ROUNDS, warm_up=WARM_UP)
    client = RestClient(PORT, "simple", {"username": page.user, "password": "bench"})
    paths = [client.path(query) for query in page.queries]
    theirs = timings(lambda: [client.call("GET", path) for path in paths], rounds=ROUNDS, warm_up=WARM_UP)
    compare(f"portal: {page.name}", ours, "the same rows by ICAT's REST", theirs)
    verdict = "" if percentile(ours, 99) <= AIM_MS else f", slower than the aim of {AIM_MS:g} ms"
    print(f"portal: {page.name}: {size / 1000:.1f} kB{verdict}", flush=True)


def _together(path: str, cookie: str) -> None:
    until = perf_counter() + SECONDS

    def ask() -> list[float]:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        taken = []
        while perf_counter() < until:
            started = perf_counter()
            _get(connection, path, cookie)
            taken.append((perf_counter() - started) * 1000)
        return taken

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        taken = sorted(chain.from_iterable(pool.map(lambda _: ask(), range(AT_A_TIME))))
    print(
        f"portal: {AT_A_TIME} people at a time at one worker: {len(taken) / SECONDS:.0f} pages of a list per second,"
        f" p99 {percentile(taken, 99):.0f} ms",
        flush=True,
    )


def _signed_in(user: str) -> str:
    """The cookie of a person's session."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    form = urlencode({"plugin": "simple", "username": user, "password": "bench", "to": "/"})
    origin = {"Origin": f"http://127.0.0.1:{PORT}", "Sec-Fetch-Site": "same-origin"}
    connection.request("POST", "/sign-in", form, {**FORM, **origin})
    response = connection.getresponse()
    response.read()
    cookie = (response.getheader("Set-Cookie") or "").partition(";")[0]
    if response.status != 303 or not cookie:
        sys.exit(f"signing in as {user} gave {response.status}")
    return cookie


def _get(connection: http.client.HTTPConnection, path: str, cookie: str) -> bytes:
    connection.request("GET", path, headers={"Cookie": cookie})
    response = connection.getresponse()
    content = response.read()
    if response.status != 200:
        raise RuntimeError(f"GET {path}: {response.status}")
    return content
