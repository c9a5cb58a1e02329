"""Every door for strangers refuses in its own words, and nobody pays for what others do."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from lxml import etree
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Route

from beamcat.app import create_app
from beamcat.config import AuthenticatorSettings, DatabaseSettings, ProtectionSettings, Settings
from beamcat.config.protection import RobotsSettings
from beamcat.database.pool import Database
from beamcat.doors.robots import Robots
from beamcat.protection.blocks import LOOK_EVERY_S, Kind, add_block, remove_block
from tests.conftest import TestServer
from tests.doors.ids.test_two_level import eventually

PROTECTION = {
    "anonymous": {"requests_per_s": 0.01, "burst": 3},
    "signed_in": {"requests_per_s": 0.01, "burst": 30},
    "unproven_per_s": 0.01,
    "unproven_burst": 40,
}
FLOODER, NEIGHBOUR, OTHER = "192.0.2.7", "192.0.2.99", "192.0.3.7"
SOAP = """<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:i="http://icatproject.org">
<soap:Body><i:getApiVersion/></soap:Body></soap:Envelope>"""


@dataclass
class Site:
    """A running application, and clients of it at any address."""

    app: Starlette
    home: Path
    database_url: str
    opened: list[httpx.AsyncClient] = field(default_factory=list)

    def __call__(self, address: str = FLOODER) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(address, 1234))
        self.opened.append(httpx.AsyncClient(transport=transport, base_url="http://beamcat", timeout=30))
        return self.opened[-1]

    def fill_buckets(self) -> None:
        """Forget all requests so far."""
        file = self.home / "run" / "buckets"
        with file.open("r+b") as buckets:
            buckets.write(bytes(file.stat().st_size))


@contextlib.asynccontextmanager
async def running(server: TestServer, template: str, folder: Path, protection: dict[str, Any]) -> AsyncIterator[Site]:
    (folder / "main").mkdir()
    users = {name: SecretStr("pw") for name in ("root", "ann", "bob")}
    name = server.create(template)
    app = create_app(
        Settings(
            home=folder / "home",
            database={"url": SecretStr(server.url(name))},
            catalogue={"root_user_names": ("simple/root",)},
            authenticator={
                "simple": AuthenticatorSettings(kind="simple", users=users),
                "anon": AuthenticatorSettings(kind="anon"),
            },
            store={"main": {"kind": "posix", "path": folder / "main"}},
            protection=protection,
            search={"engine": "none"},
        )
    )
    async with app.router.lifespan_context(app):
        site = Site(app, folder / "home", server.url(name))
        yield site
        for each in site.opened:
            await each.aclose()
    server.drop(name)


@pytest.fixture(scope="module")
async def site(server: TestServer, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with running(server, template, tmp_path_factory.mktemp("limited"), PROTECTION) as made:
        yield made


@pytest.fixture(scope="module")
async def unlimited(server: TestServer, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with running(server, template, tmp_path_factory.mktemp("unlimited"), {"enabled": False}) as made:
        yield made


@pytest.fixture
def client(site: Site) -> Site:
    site.fill_buckets()
    return site


async def sign_in(client: httpx.AsyncClient, user: str, plugin: str = "simple") -> str:
    wanted = {"plugin": plugin, "credentials": [{"username": user}, {"password": "pw"}]}
    answer = await client.post("/icat/session", data={"json": json.dumps(wanted)})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["sessionId"])


async def flood(client: httpx.AsyncClient, path: str = "/icat/version", times: int = 10) -> httpx.Response:
    """Ask until it is refused."""
    for _ in range(times):
        answer = await client.get(path)
        if answer.status_code == 429:
            return answer
    raise AssertionError(f"never refused: {answer.status_code} {answer.text}")


async def test_three_at_once_and_no_more(client: Site) -> None:
    stranger = client()
    answers = [(await stranger.get("/icat/version")).status_code for _ in range(5)]
    assert answers == [200, 200, 200, 429, 429]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/icat/version", "INTERNAL"),
        ("/ids/ping", "BadRequestException"),
        ("/ids/getData?datafileIds=1", "DataNotOnlineException"),
        ("/topcat/ping", "BadRequestException"),
        ("/data/a/b/c", "TooManyRequests"),
        ("/api/search", "Too Many Requests"),
    ],
)
async def test_doors_refuse_in_their_own_words(client: Site, path: str, code: str) -> None:
    answer = await flood(client(), path)
    assert int(answer.headers["retry-after"]) > 0
    told = answer.json()
    assert code in {told.get("code"), told.get("title")}
    assert "too many requests" in (told.get("message") or told.get("detail"))
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_soap_refuses_with_a_fault(client: Site) -> None:
    stranger = client()
    await flood(stranger)
    for _ in range(41):  # as long as there may be a session in it
        answer = await stranger.post("/ICATService/ICAT", content=SOAP, headers={"content-type": "text/xml"})
    assert answer.status_code == 500
    assert int(answer.headers["retry-after"]) > 0
    fault = etree.fromstring(answer.content).find(".//{*}IcatException")
    assert fault is not None
    assert fault.findtext("type") == "INTERNAL"


async def test_health_metrics_and_robots_are_never_refused(client: Site) -> None:
    stranger = client()
    await flood(stranger)
    for path in ("/healthz", "/readyz", "/metrics", "/robots.txt"):
        assert (await stranger.get(path)).status_code == 200, path


async def test_other_networks_do_not_feel_a_flood_and_neighbours_do(client: Site) -> None:
    await flood(client(FLOODER))
    assert (await client(OTHER).get("/icat/version")).status_code == 200
    assert (await client(NEIGHBOUR).get("/icat/version")).status_code == 429
    await flood(client("2001:db8:0:100::1"))
    assert (await client("2001:db8:0:1ff::1").get("/icat/version")).status_code == 429
    assert (await client("2001:db8:0:200::1").get("/icat/version")).status_code == 200
    assert (await client("::ffff:192.0.2.8").get("/icat/version")).status_code == 429


async def test_nothing_is_limited_where_it_is_exempt(client: Site) -> None:
    for address in ("127.0.0.1", "::1"):
        answers = {(await client(address).get("/icat/version")).status_code for _ in range(20)}
        assert answers == {200}


async def test_a_user_gets_through_a_flood_from_the_same_network(client: Site) -> None:
    session = await sign_in(client(OTHER), "ann")
    await flood(client(FLOODER))
    neighbour = client(NEIGHBOUR)
    for _ in range(10):
        answer = await neighbour.get("/ids/getSize", params={"sessionId": session, "datafileIds": "1"})
        assert answer.status_code == 404
    answer = await neighbour.get("/icat/session/" + session)
    assert answer.json()["userName"] == "simple/ann"


async def test_a_user_may_do_more_and_root_may_do_anything(client: Site) -> None:
    here = client()
    for user, most in (("ann", 30), ("root", 200)):
        session = await sign_in(client(OTHER), user)
        bearer = {"authorization": f"Bearer {session}"}
        asked = [await here.get("/icat/entityManager", params={"query": "User"}, headers=bearer) for _ in range(200)]
        assert sum(answer.status_code == 200 for answer in asked) == most
    assert (await here.get("/icat/version")).status_code == 200, "the network has not paid for them"


@pytest.mark.parametrize("session", ["0f6e0c5c-54bb-4d69-8b2f-0a2f4d1b8c11", "anonymous"])
async def test_strangers_with_the_session_of_nobody_are_strangers(client: Site, session: str) -> None:
    if session == "anonymous":
        session = await sign_in(client(OTHER), "", "anon")
    stranger = client()
    asked = [
        (await stranger.get("/icat/entityManager", params={"query": "User", "sessionId": session})).status_code
        for _ in range(10)
    ]
    assert set(asked[:3]) <= {200, 403}
    assert asked[3:] == [429] * 7


async def test_signing_in_is_for_strangers_at_the_rate_of_strangers(client: Site) -> None:
    stranger = client()
    wanted = {"json": json.dumps({"plugin": "simple", "credentials": [{"username": "ann"}, {"password": "x"}]})}
    asked = [(await stranger.post("/icat/session", data=wanted)).status_code for _ in range(5)]
    assert asked == [403, 403, 403, 429, 429]


async def test_credentials_are_not_looked_up_for_ever(client: Site) -> None:
    stranger, unknown = client(), "0f6e0c5c-54bb-4d69-8b2f-0a2f4d1b8c11"
    for _ in range(60):
        answer = await stranger.get("/icat/session/" + unknown)
    assert answer.status_code == 429


async def test_refusals_are_counted(client: Site) -> None:
    stranger = client()

    async def counted() -> int:
        page = (await stranger.get("/metrics")).text
        found = re.search(r'beamcat_refused_total\{reason="requests"\} (\d+)', page)
        return 0 if found is None else int(found[1])

    before = await counted()
    for _ in range(50):
        await stranger.get("/icat/version")
    assert await counted() - before == 47


@pytest.mark.parametrize(
    ("kind", "subject", "path"),
    [
        ("network", FLOODER, "/icat/version"),
        ("network", "192.0.0.0/16", "/ids/ping"),
        ("user", "simple/ann", "/icat/entityManager?query=User&sessionId={session}"),
        ("user", "simple/ann", "/ids/getSize?datafileIds=1&sessionId={session}"),
    ],
)
async def test_who_is_blocked_is_kept_out_within_a_second(
    client: Site, database_settings: DatabaseSettings, kind: Kind, subject: str, path: str
) -> None:
    here, elsewhere = client(), client("198.51.100.1")
    session, of_bob = await sign_in(elsewhere, "ann"), await sign_in(elsewhere, "bob")
    url = path.format(session=session)
    assert (await here.get(url)).status_code != 403

    async def status_is(status: int) -> bool:
        client.fill_buckets()
        return (await here.get(url)).status_code == status

    async with Database(client.database_url, database_settings) as database:
        await add_block(database, kind, subject, reason="too much", by="root", expires=None)

        before = time.monotonic()
        await eventually(lambda: status_is(403))
        assert time.monotonic() - before < 2 * LOOK_EVERY_S + 1
        assert "blocked" in (await here.get(url)).json()["message"]
        asked = {"query": "User", "sessionId": of_bob}
        assert (await elsewhere.get("/icat/entityManager", params=asked)).status_code == 200
        await remove_block(database, kind, subject)
    await eventually(lambda: status_is(404 if "getSize" in url else 200))


async def test_robots_are_told_what_is_not_for_them(client: Site) -> None:
    text = (await client().get("/robots.txt")).text
    lines = text.splitlines()
    assert {"User-agent: *", "Disallow: /ids/", "Disallow: /topcat/", "Disallow: /icat/", "Allow: /doi/"} <= set(lines)
    forbidden = [line.removeprefix("Disallow: ") for line in lines if line.startswith("Disallow: ")]

    def is_forbidden(path: str) -> bool:
        """As RFC 9309 has it: `*` is anything, `$` the end."""
        patterns = (re.escape(rule).replace(r"\*", ".*").replace(r"\$", "$") for rule in forbidden)
        return any(re.match(pattern, path) for pattern in patterns)

    assert not is_forbidden("/data/FAC/inv/1-1")
    assert not is_forbidden("/data/FAC/inv/1-1/dataset")
    for path in ("/data/FAC/inv/1-1/dataset/file.nxs", "/data/FAC/inv/1-1.zip", "/data/FAC/inv/1-1/ds?format=tar",
                 "/api/search?q=a"):  # fmt: skip
        assert is_forbidden(path), path
    assert not is_forbidden("/doi/10.1234/5")


@pytest.mark.parametrize(
    ("settings", "status", "end"),
    [
        (RobotsSettings(add=("User-agent: Bad", "Disallow: /")), 200, "\nUser-agent: Bad\nDisallow: /\n"),
        (RobotsSettings(enabled=False), 404, "nothing here\n"),
    ],
    ids=["more", "none"],
)
async def test_facilities_say_what_robots_are_told(settings: RobotsSettings, status: int, end: str) -> None:
    page = Robots(ProtectionSettings(robots=settings)).page
    transport = httpx.ASGITransport(Starlette(routes=[Route("/robots.txt", page)]))
    async with httpx.AsyncClient(transport=transport, base_url="http://beamcat") as http:
        answer = await http.get("/robots.txt")
    assert answer.status_code == status
    assert answer.text.endswith(end)


async def test_the_limits_can_be_switched_off(unlimited: Site) -> None:
    stranger = unlimited()
    assert {(await stranger.get("/icat/version")).status_code for _ in range(300)} == {200}
