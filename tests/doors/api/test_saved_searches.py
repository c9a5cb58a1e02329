"""`/api/searches`: saved searches, their feeds and the end of their mails, and `/api/search.atom`."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from lxml import etree

from beamcat.access.caller import Scope
from beamcat.access.tokens import Purpose, make
from beamcat.config import DatabaseSettings, TokenSettings
from beamcat.database.pool import Database
from tests.conftest import TestServer
from tests.doors.searching import Searched, searched
from tests.store.requests.mail_server import MailServer

ATOM = {"a": "http://www.w3.org/2005/Atom"}
FILMS = {"q": "films", "kind": ["investigation"]}
PATIENCE_S = 60


class Caller:
    """Calls of one user; without a session, of nobody."""

    def __init__(self, http: httpx.AsyncClient, session: str | None) -> None:
        self._http = http
        self._headers = {} if session is None else {"Authorization": f"Bearer {session}"}

    async def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        more = {} if body is None else {"content": json.dumps(body)}
        named = {**self._headers, "Content-Type": "application/json", **headers}
        return await self._http.request(method, f"/api{path}", headers=named, **more)

    async def save(self, **more: Any) -> dict[str, Any]:
        """A new search, as it is told."""
        answer = await self("POST", "/searches", {"name": str(uuid4()), "search": FILMS, **more})
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def feed(self, search: int) -> str:
        """The path of a new feed of it."""
        answer = await self("POST", f"/searches/{search}/feed")
        assert answer.status_code == 200, answer.text
        parts = urlsplit(answer.json()["url"])
        assert f"{parts.scheme}://{parts.netloc}" == "http://beamcat"
        return f"{parts.path}?{parts.query}".removeprefix("/api")


@pytest.fixture(scope="module")
def mail_server() -> Any:
    started = MailServer()
    started.port = started.start()  # type: ignore[attr-defined]
    yield started
    started.stop()


@pytest.fixture(scope="module")
async def site(
    server: TestServer, template: str, mail_server: Any, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Searched]:
    name = server.create(template)
    mail = {"enabled": True, "host": "127.0.0.1", "port": mail_server.port, "sender": "data@example.org"}
    saved = {"feed_minutes": 0.00001, "at_once_minutes": 0.01}
    home: Path = tmp_path_factory.mktemp("saved")
    async with searched(server.url(name), home, downloads={"mail": mail}, search={"saved": saved}) as opened:
        opened.url = server.url(name)  # type: ignore[attr-defined]
        yield opened
    server.drop(name)


@pytest.fixture
def root(site: Searched) -> Caller:
    return Caller(site.http, site.root)


@pytest.fixture
def ann(site: Searched) -> Caller:
    return Caller(site.http, site.ann)


@pytest.fixture
def nobody(site: Searched) -> Caller:
    return Caller(site.http, None)


def entries(answer: httpx.Response) -> list[str]:
    """The titles in a feed, which is valid."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    document = etree.fromstring(answer.content)
    schema = etree.RelaxNG(etree.parse(Path(__file__).with_name("atom.rng")))
    assert schema.validate(document), schema.error_log
    identifiers = document.xpath("//a:id/text()", namespaces=ATOM)
    assert len(set(identifiers)) == len(identifiers)
    return document.xpath("a:entry/a:title/text()", namespaces=ATOM)


async def test_a_search_is_kept_changed_and_removed(root: Caller) -> None:
    question = {
        "q": "films",
        "kind": ["dataset", "investigation"],
        "sort": "-date",
        "filters": [{"field": "instrument", "values": ["ID21"]}, {"field": "date", "low": "2024"}],
        "facets": [{"field": "date", "interval": "year"}],
    }
    made = await root.save(name="Films", search=question)
    told = (await root("GET", f"/searches/{made['id']}")).json()
    assert told == made
    assert (told["name"], told["tell"], told["hasFeed"]) == ("Films", "never", False)
    kept = told["search"]
    assert (kept["q"], kept["kind"], kept["sort"]) == ("films", ["dataset", "investigation"], "-date")
    assert [(each["field"], each["values"], each.get("low")) for each in kept["filters"]] == [
        ("instrument", ["ID21"], None),
        ("date", [], "2024"),
    ]
    found = (await root("GET", f"/searches/{made['id']}/hits?limit=1")).json()
    assert len(found["hits"]) == 1
    assert found["facets"]
    following = (await root("GET", f"/searches/{made['id']}/hits?limit=1&after={found['next']}")).json()
    assert following["hits"][0]["id"] != found["hits"][0]["id"]
    body = {"name": "Cathodes", "search": {"q": "cathodes"}}
    changed = (await root("PUT", f"/searches/{made['id']}", body)).json()
    assert (changed["name"], changed["search"]["q"]) == ("Cathodes", "cathodes")
    listed = (await root("GET", "/searches")).json()
    assert changed in listed["searches"]
    assert (listed["most"], listed["mails"]) == (50, True)
    assert (await root("DELETE", f"/searches/{made['id']}")).status_code == 204
    assert (await root("GET", f"/searches/{made['id']}")).status_code == 404


async def test_nobody_else_gets_at_it(root: Caller, ann: Caller, nobody: Caller) -> None:
    path = f"/searches/{(await root.save())['id']}"
    body = {"name": "Mine", "search": {}}
    calls = [("GET", path, None), ("PUT", path, body), ("DELETE", path, None), ("GET", f"{path}/hits", None)]
    calls += [("GET", f"{path}/news", None), ("POST", f"{path}/feed", None), ("DELETE", f"{path}/feed", None)]
    for method, call, content in calls:
        assert (await ann(method, call, content)).status_code == 404, call
        assert (await nobody(method, call, content)).status_code == 401, call
    assert (await ann("GET", "/searches")).json()["searches"] == []
    assert (await nobody("POST", "/searches", body)).status_code == 401


async def test_anonymous_visitors_keep_no_searches(site: Searched) -> None:
    answer = await site.http.post("/icat/session", data={"json": '{"plugin":"anon","credentials":[]}'})
    visitor = Caller(site.http, answer.json()["sessionId"])
    for method, path in (("GET", "/searches"), ("POST", "/searches")):
        answer = await visitor(method, path, {"name": "x", "search": {}} if method == "POST" else None)
        assert answer.status_code == 403, answer.text


async def test_a_token_that_may_only_read_changes_nothing(site: Searched, root: Caller) -> None:
    made = await root.save()
    now = datetime.now(UTC)
    async with Database(site.url, DatabaseSettings()) as database:  # type: ignore[attr-defined]
        purpose = Purpose("simple/root", "reader", frozenset({Scope.READ}), now + timedelta(days=1))
        token = await make(database, TokenSettings(), purpose, now)
    reader = Caller(site.http, token)
    assert (await reader("GET", f"/searches/{made['id']}")).status_code == 200
    assert (await reader("DELETE", f"/searches/{made['id']}")).status_code == 403
    assert (await reader("POST", "/searches", {"name": "x", "search": {}})).status_code == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "", "search": {}}, 400),
        ({"name": "x"}, 400),
        ({"name": "x", "search": {"kind": ["unknown"]}}, 400),
        ({"name": "x", "search": {"limit": 5}}, 400),
        ({"name": "x", "search": {}, "tell": "hourly"}, 400),
        ({"name": "x", "search": {"filters": [{"field": "nonsense", "values": ["x"]}]}}, 400),
        ({"name": "x", "search": {}, "tell": "daily"}, 400),
        ({"name": "x", "search": {}, "email": "a@example.org"}, 403),
    ],
)
async def test_what_cannot_be_kept_is_refused(root: Caller, body: Any, status: int) -> None:
    answer = await root("POST", "/searches", body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_two_searches_of_one_user_have_two_names(root: Caller) -> None:
    made = await root.save()
    answer = await root("POST", "/searches", {"name": made["name"], "search": {}})
    assert answer.status_code == 409


async def test_a_feed_is_read_with_its_key_alone(root: Caller, ann: Caller, nobody: Caller) -> None:
    everything = await root.save(search={"q": "films", "kind": ["investigation", "sample", "dataset"]})
    own = await ann.save(search={"q": "films", "kind": ["investigation"]})
    path = await root.feed(everything["id"])
    titles = entries(await nobody("GET", path))
    assert "HC-1 - 1-1 - Perovskite films in humid air" in titles
    assert "HC-2 - 1-1 - Battery cathodes at rest, without films" in titles
    of_ann = await nobody("GET", await ann.feed(own["id"]))
    assert entries(of_ann) == ["HC-1 - 1-1 - Perovskite films in humid air"]
    assert 'href="http://beamcat/data/LILS/HC-1/1-1"' in of_ann.text
    key = path.partition("key=")[2]
    assert key not in of_ann.text
    for wrong in (f"/searches/{own['id']}/feed?key={key}", f"/searches/{everything['id']}/feed?key={key[:-1]}"):
        assert (await nobody("GET", wrong)).status_code == 404
    assert (await nobody("GET", f"/searches/{everything['id']}/feed")).status_code == 400
    assert (await root("DELETE", f"/searches/{everything['id']}/feed")).status_code == 204
    assert (await nobody("GET", path)).status_code == 404


async def test_a_feed_that_has_not_changed_is_not_sent_again(root: Caller, nobody: Caller) -> None:
    path = await root.feed((await root.save())["id"])
    first = await nobody("GET", path)
    again = await nobody("GET", path, **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert "private" in first.headers["cache-control"]
    other = await nobody("GET", path, **{"If-None-Match": '"other"'})
    assert other.content == first.content
    assert (await nobody("HEAD", path)).headers["etag"] == first.headers["etag"]


async def test_everybody_has_a_feed_of_what_is_open(nobody: Caller, root: Caller) -> None:
    answer = await nobody("GET", "/search.atom?kind=instrument")
    assert sorted(entries(answer)) == ["ID21 - Nanoprobe", "ML07 - Powder"]
    assert "public" in answer.headers["cache-control"]
    assert entries(await nobody("GET", "/search.atom?kind=instrument&q=powder")) == ["ML07 - Powder"]
    assert entries(await root("GET", "/search.atom?q=films")) == []
    assert (await nobody("GET", "/search.atom?kind=nonsense")).status_code == 400
    same = await nobody("GET", "/search.atom?kind=instrument", **{"If-None-Match": answer.headers["etag"]})
    assert same.status_code == 304


async def test_what_is_new_is_told_by_mail_and_refused_by_one_click(
    site: Searched, root: Caller, nobody: Caller, mail_server: Any
) -> None:
    user = {"name": "simple/root", "fullName": "Ruth", "email": "ruth@example.org"}
    assert (await site.icat.write([{"User": user}])).status_code == 200
    made = await root.save(name="<New> films", tell="at-once")
    again = {"name": "HC-3", "visitId": "1-1", "title": "Films once more"}
    above = {"facility": {"id": 1}, "type": {"id": 1}}
    assert (await site.icat.write([{"Investigation": {**again, **above}}])).status_code == 200
    deadline = time.monotonic() + PATIENCE_S
    while not mail_server.mails:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    (mail,) = mail_server.mails
    assert mail["To"] == "ruth@example.org"
    assert mail["Subject"] == "1 new match for <New> films"
    news = (await root("GET", f"/searches/{made['id']}/news")).json()["matches"]
    assert news[0]["title"] == "HC-3 - 1-1 - Films once more"
    stop = urlsplit(mail["List-Unsubscribe"].strip("<>"))
    path = f"{stop.path}?{stop.query}".removeprefix("/api")
    page = await nobody("GET", path)
    assert page.headers["content-type"].startswith("text/html")
    assert "&lt;New&gt; films" in page.text
    assert (await root("GET", f"/searches/{made['id']}")).json()["tell"] == "at-once"
    wrong = path.rpartition("=")[0] + f"={uuid4()}"
    assert (await nobody("POST", wrong)).status_code == 404
    for _ in range(2):
        one_click = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await nobody("POST", path, "List-Unsubscribe=One-Click", **one_click)
        assert answer.status_code == 200
    assert (await root("GET", f"/searches/{made['id']}")).json()["tell"] == "never"
