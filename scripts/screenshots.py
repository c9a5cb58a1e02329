"""Pictures of every page of the portal, on the example facility: `make screenshots` puts them into screenshots/.

Each page is taken wide and light, and narrow and dark. What a page is about is looked up, so the pictures are of
things that are there.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Browser, async_playwright

from beamcat.demo.settings import PASSWORD

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
SIZES = {"wide": ((1366, 900), "light"), "narrow": ((390, 844), "dark")}
READY = "Beamcat is ready at "

PAGES: tuple[tuple[str, str | None, str], ...] = (
    ("home", None, "/"),
    ("sign-in", None, "/sign-in"),
    ("open-data", None, "/browse"),
    ("open-data-cards", None, "/browse?view=cards"),
    ("search", None, "/search?q=battery"),
    ("instruments", None, "/instruments"),
    ("publications", None, "/publications"),
    ("design", None, "/style"),
    ("my-data", "visitor", "/my-data"),
    ("investigation", "visitor", "/investigations/{Investigation}"),
    ("dataset", "visitor", "/datasets/{Dataset}"),
    ("dataset-metadata", "visitor", "/datasets/{Dataset}?tab=metadata"),
    ("dataset-files", "visitor", "/datasets/{Dataset}/files"),
    ("dataset-provenance", "visitor", "/datasets/{Dataset}?tab=provenance"),
    ("datafile", "visitor", "/datafiles/{Datafile}"),
    ("sample", "visitor", "/samples/{Sample}"),
    ("instrument", "visitor", "/instruments/{Instrument}"),
    ("basket", "visitor", "/basket"),
    ("downloads", "visitor", "/downloads"),
    ("saved-searches", "visitor", "/searches"),
    ("shares", "visitor", "/shares"),
    ("account", "visitor", "/account"),
    ("administration", "root", "/admin"),
    ("administration-rights", "root", "/admin/rights?entity=Dataset&id={Dataset}&user=db/visitor"),
    ("administration-statistics", "root", "/admin/statistics"),
)
"""Name of the picture, who looks, and the address; names in braces are ids of things the visitor may read."""

OWN = {
    "Investigation": "SELECT MAX(i.id) FROM Investigation i JOIN i.investigationUsers u WHERE u.user.name = :user",
    "Dataset": "SELECT MAX(d.id) FROM Dataset d JOIN d.investigation.investigationUsers u WHERE u.user.name = :user",
    "Datafile": "SELECT MAX(f.id) FROM Datafile f JOIN f.dataset.investigation.investigationUsers u "
    "WHERE u.user.name = :user AND f.name LIKE '%.h5'",
    "Sample": "SELECT MAX(s.id) FROM Sample s JOIN s.investigation.investigationUsers u WHERE u.user.name = :user",
    "Instrument": "SELECT MIN(i.id) FROM Instrument i",
}


@contextmanager
def facility(home: Path) -> Iterator[str]:
    """The URL of a running example facility."""
    environment = {**os.environ, "BEAMCAT_HOME": str(home), "PORT": "0"}
    command = [sys.executable, "-m", "beamcat", "demo", "--port", "0"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603
    assert process.stdout is not None
    try:
        line = next(line for line in process.stdout if line.startswith(READY))
        yield line.removeprefix(READY).strip()
    finally:
        process.terminate()
        process.communicate()


def ids(url: str) -> dict[str, Any]:
    """Ids of things the visitor may read."""
    wanted = {"plugin": "db", "credentials": [{"username": "visitor"}, {"password": PASSWORD}]}
    with httpx.Client(base_url=url, trust_env=False) as http:
        session = http.post("/icat/session", data={"json": json.dumps(wanted)})
        parameters = {"sessionId": session.raise_for_status().json()["sessionId"]}
        asked = {name: http.get("/icat/entityManager", params={**parameters, "query": q}) for name, q in OWN.items()}
    return {name: answer.raise_for_status().json()[0] for name, answer in asked.items()}


async def taken(browser: Browser, url: str, folder: Path, known: dict[str, Any]) -> None:
    """All pictures."""
    for size, ((width, height), scheme) in SIZES.items():
        for user in (None, "visitor", "root"):
            context = await browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if scheme == "dark" else "light",
            )
            page = await context.new_page()
            if user is not None:
                plugin = "simple" if user == "root" else "db"
                await page.goto(f"{url}/sign-in")
                if plugin == "simple":
                    await page.click(f"details:has(#u-{plugin}) summary")
                await page.fill(f"#u-{plugin}", user)
                await page.fill(f"#p-{plugin}", PASSWORD)
                await page.click(f"form:has(#u-{plugin}) button")
                await page.wait_for_url(lambda at: "/sign-in" not in at)
            for name, who, path in PAGES:
                if who == user:
                    await page.goto(url + path.format_map(known))
                    await page.wait_for_load_state("networkidle")
                    await page.screenshot(path=folder / f"{name}-{size}.png", full_page=True)
                    print(folder / f"{name}-{size}.png")
            await context.close()


async def main(folder: Path) -> None:
    """Take them."""
    with tempfile.TemporaryDirectory() as home, facility(Path(home)) as url:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            await taken(browser, url, folder, ids(url))
            await browser.close()


if __name__ == "__main__":
    pictures = Path("screenshots")
    pictures.mkdir(exist_ok=True)
    asyncio.run(main(pictures))
