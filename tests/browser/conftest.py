"""The example facility, the browser, and pages of it that may neither fail nor ask anybody else."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright
from pydantic import SecretStr

from beamcat.access.accounts import add_account
from beamcat.config import DatabaseSettings, Settings
from beamcat.database.pool import Database
from beamcat.demo.client import signed_in
from beamcat.demo.digests import compute_digests
from beamcat.demo.facility import Demo, build_demo
from beamcat.demo.load import load_demo
from beamcat.demo.settings import PASSWORD, demo_accounts, demo_settings
from tests.alone import install_from_npm
from tests.conftest import TestServer
from tests.demo.serving import serving

SCALE = 0.02
INSTRUMENTS = ("ML07", "ML11", "ML19")
"""Those of the visitor's three investigations."""
DESKTOP, PHONE = (1366, 768), (390, 844)
AXE = Path(__file__).parent / "axe"
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True)
class Site:
    """A running portal."""

    url: str
    home: Path
    demo: Demo
    settings: Settings

    async def search(self, query: str, user: str = "simple/root") -> list[Any]:
        """What ICAT's own interface answers to a query, for comparison."""
        async with signed_in(self.url, user, PASSWORD) as client:
            return list(await client.search(query))


@pytest.fixture(scope="session")
async def site(server: TestServer, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    home, name = tmp_path_factory.mktemp("portal"), server.create(template)
    database = DatabaseSettings(url=SecretStr(server.url(name)))
    async with Database(server.url(name), database) as opened:
        for account, password in demo_accounts().items():
            await add_account(opened, account, password)
    settings = demo_settings(home, server={"port": 0}, database=database)
    async with serving(settings) as url:
        await load_demo(url, home, scale=SCALE, instruments=INSTRUMENTS)
        async with Database(server.url(name), database) as opened:
            await compute_digests(opened, home)
        yield Site(url, home, build_demo(SCALE, INSTRUMENTS), settings)
    server.drop(name)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        await started.close()


@dataclass(frozen=True)
class Window:
    """A page in a browser of its own, with what went wrong in it.

    `expected`: beginnings of what may be written to its console, for tests in which something is to fail.
    """

    page: Page
    site: Site
    wrong: list[str]
    expected: list[str]

    async def open(self, path: str) -> Page:
        """Go to a page of the portal."""
        await self.page.goto(self.site.url + path)
        return self.page

    async def sign_in(self, user: str) -> Page:
        """Sign in as one of the example's people, such as `visitor`; `root` is the administrator."""
        plugin = "simple" if user == "root" else "db"
        await self.open("/sign-in")
        if plugin == "simple":
            await self.page.click("details:has(#u-simple) summary")
        form = self.page.locator(f"form:has(#u-{plugin})")
        await form.locator("input[name=username]").fill(user)
        await form.locator("input[name=password]").fill(PASSWORD)
        await form.locator("button").click()
        await self.page.wait_for_url(lambda url: "/sign-in" not in url)
        return self.page

    async def violations(self) -> list[str]:
        """What axe finds against WCAG 2.2 A and AA and its best practices."""
        install_from_npm(AXE, "axe-core")
        if not await self.page.evaluate("() => 'axe' in window"):
            await self.page.evaluate((AXE / "node_modules/axe-core/axe.min.js").read_text())
        found = await self.page.evaluate(
            """() => axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})"""
        )
        return [
            f"{v['id']}: {n['html'][:200]} ({n['failureSummary']})" for v in found["violations"] for n in v["nodes"]
        ]

    async def overflows(self) -> bool:
        """Whether the page is wider than the window."""
        width = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        return bool(await self.page.evaluate(f"() => {width}"))


Opener = Callable[..., Awaitable[Window]]


@pytest.fixture
async def window(site: Site, browser: Browser) -> AsyncIterator[Opener]:
    """Opens windows: `await window(user="visitor", size=PHONE, dark=True, scripts=False)`.

    At the end no window may have written an error to its console or asked another server for anything.
    """
    opened: list[tuple[BrowserContext, Window]] = []

    async def open_window(
        user: str | None = None,
        size: tuple[int, int] = DESKTOP,
        *,
        dark: bool = False,
        scripts: bool = True,
        **options: Any,
    ) -> Window:
        context = await browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            **options,
        )
        wrong: list[str] = []
        expected: list[str] = []
        page = await context.new_page()
        page.set_default_timeout(20_000)

        def console(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"}:
                wrong.append(f"console: {message.text}")

        def asked(request: Request) -> None:
            if not request.url.startswith((site.url, "data:", "blob:")):
                wrong.append(f"asked elsewhere: {request.url}")

        page.on("console", console)
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("request", asked)
        found = Window(page, site, wrong, expected)
        opened.append((context, found))
        if user is not None:
            await found.sign_in(user)
        return found

    yield open_window
    for context, _ in opened:
        await context.close()
    for _, found in opened:
        assert [line for line in found.wrong if not line.startswith(tuple(found.expected or ("-",)))] == []
