"""Searching in a browser: words and why they were found, facets, units, paths, orders, strangers, saved searches.

Numbers of checks are those of the portal's acceptance checklist, section h.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from string import ascii_lowercase
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from playwright.async_api import Page, Request, expect

from beamcat.config import SearchSettings
from beamcat.demo.client import signed_in
from beamcat.demo.settings import PASSWORD, demo_settings
from tests.browser.conftest import PHONE, Opener, Site
from tests.demo.serving import serving

PATIENCE_S = 60.0
"""Within which what is new is found (check 25)."""
BATTERY = "/search?q=cathode"
DATASETS = "/search?q=&kind=dataset"


@pytest.fixture(scope="module", autouse=True)
async def everything_is_found(site: Site) -> None:
    """The index is a moment behind the catalogue."""
    async with (
        signed_in(site.url, "simple/root", PASSWORD) as root,
        httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=PATIENCE_S) as http,
    ):
        (await http.post("/icat/lucene/db", data={"sessionId": root.session})).raise_for_status()
        (await http.get("/api/search", params={"q": "words are read once"})).raise_for_status()


async def asked(site: Site, user: str | None = None, **parameters: Any) -> dict[str, Any]:
    """What the interface for scripts answers."""
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=PATIENCE_S) as http:
        headers = {}
        if user is not None:
            async with signed_in(site.url, user, PASSWORD) as client:
                headers = {"Authorization": f"Bearer {client.session}"}
                return dict((await http.get("/api/search", params=parameters, headers=headers)).json())
        return dict((await http.get("/api/search", params=parameters)).json())


async def on_page(page: Page) -> list[tuple[str, int]]:
    """Kind and id of the hits on the page."""
    links = await page.locator("#hits .result h3 a").evaluate_all("all => all.map(one => one.getAttribute('href'))")
    return [(link.split("/")[1].removesuffix("s"), int(link.split("/")[2])) for link in links]


def ids(answer: dict[str, Any]) -> list[tuple[str, int]]:
    return [(hit["kind"], hit["id"]) for hit in answer["hits"]]


async def number(page: Page) -> int:
    """How many were found, as the page says."""
    text = await page.locator(".tools .said").inner_text()
    return int("".join(character for character in text if character.isdigit()))


@pytest.mark.parametrize(
    ("path", "user"),
    [
        ("/search?q=iron&kind=dataset&f.type=raw&panel=energy", None),
        ("/search?q=tomografy", None),
        ("/search?q=xyzzyq&f.type=raw", None),
        ("/searches", "visitor"),
        ("/searches", None),
    ],
)
async def test_a_page_is_accessible_and_fits(window: Opener, path: str, user: str | None) -> None:
    seen = await window(user=user)
    await seen.open(path)
    assert await seen.violations() == []
    if path.endswith("panel=energy"):
        for button in ("Copy as…", "Save search", "Help"):
            await seen.page.get_by_role("button", name=button).click()
            assert await seen.violations() == []
            await seen.page.keyboard.press("Escape")
    phone = await window(user=user, size=PHONE, dark=True)
    await phone.open(path)
    assert await phone.violations() == []
    assert not await phone.overflows()
    await phone.page.set_viewport_size({"width": 320, "height": 700})
    assert not await phone.overflows()


async def test_words_are_found_with_reasons_and_misspelt_ones_too(window: Opener, site: Site) -> None:
    """Checks 19 and 23: within a second, marked in their field; other names and kinds of techniques are named."""
    seen = await window()
    page = await seen.open(BATTERY)
    answer = await asked(site, q="cathode")
    assert await on_page(page) == ids(answer)
    first = page.locator("#hits .result").first
    await expect(first.locator("mark").first).to_have_text("cathode")
    await expect(first.locator(".why").filter(has=page.locator("mark"))).to_contain_text("Found in keyword")

    await seen.open("/search?q=cathodde")
    await expect(page.get_by_role("status").filter(has_text="Did you mean")).to_contain_text("cathode")
    assert await on_page(page) == ids(answer)
    await seen.open("/search?q=tomografy")
    await page.get_by_role("link", name="tomography", exact=True).click()
    await expect(page).to_have_url(f"{site.url}/search?q=tomography")

    await seen.open("/search?q=XAS")
    await expect(page.locator(".understood")).to_contain_text("x ray absorption spectroscopy")
    await seen.open("/search?q=technique:diffraction&kind=dataset")
    for name in ("x-ray powder diffraction", "in-situ diffraction"):
        await expect(page.locator(".understood")).to_contain_text(name)
    await expect(page.locator("#hits .why:not(.lead)").first).to_contain_text("technique")
    await seen.open("/search?q=cathode+zzzzzz")
    await expect(page.locator("#results")).to_contain_text("some of them")


async def test_facets_narrow_and_chips_restore(window: Opener, site: Site) -> None:
    """Check 20, by clicks and by the form alone; the address says it all."""
    seen = await window()
    page = await seen.open("/search?q=&kind=dataset")
    every = await number(page)
    box = page.get_by_role("checkbox", name="calibration")
    told = int(await page.locator("label", has=box).locator(".n").inner_text())
    await box.check()
    await expect(page.locator(".tools .said")).to_contain_text(f"{told} datasets")
    await expect(page).to_have_url(f"{site.url}/search?kind=dataset&f.type=calibration&sort=-date")
    await expect(box).to_be_focused()
    found = await asked(site, kind="dataset", filter="type:calibration", sort="-date")
    assert await on_page(page) == ids(found)
    await expect(page.locator("#search-tabs a[aria-current]")).to_contain_text(str(told))

    await page.get_by_role("checkbox", name="raw").check()
    both = (await asked(site, kind="dataset", filter=["type:calibration", "type:raw"]))["counted"]["number"]
    await expect(page.locator(".tools .said")).to_contain_text(f"{both} datasets")
    await page.reload()
    assert await number(page) == both
    for _ in range(2):
        await page.locator(".chip a").first.click()
    await expect(page.locator(".chip")).to_have_count(0)
    assert await number(page) == every

    plain = await window(scripts=False)
    page = await plain.open("/search?q=&kind=dataset")
    await page.get_by_role("checkbox", name="calibration").check()
    await page.locator("details", has_text="Measured").locator("summary").click()
    await page.locator("input[name='from.date']").fill("2021")
    await page.locator("#narrowing button").click()
    await expect(page).to_have_url(f"{site.url}/search?kind=dataset&f.type=calibration&f.date=2021..&sort=-date")
    found = await asked(site, kind="dataset", filter=["type:calibration", "date:2021.."], sort="-date")
    assert await on_page(page) == ids(found)


async def test_a_value_is_the_same_in_every_unit(window: Opener, site: Site) -> None:
    """Check 21: 7.11 keV are 7110 eV, in words and in the panel of a parameter, which shows how values are spread."""
    seen = await window()
    seen.expected.append("console: htmx:")  # a question that is given up for a newer one
    page = await seen.open(f"/search?kind=dataset&q={quote('energy = 7.11 keV')}")
    hits = await on_page(page)
    assert hits
    await seen.open(f"/search?kind=dataset&q={quote('energy = 7110 eV')}")
    assert await on_page(page) == hits
    await expect(page.locator("#hits .why mark").first).to_have_text("7.11 keV")

    await seen.open("/search?q=&kind=dataset")
    await page.locator("details", has_text="More parameters").locator("summary").click()
    await page.get_by_role("link", name="energy (keV)").click()
    await expect(page.locator("#facet-energy .histogram rect").first).to_be_attached()
    await expect(page.locator("#facet-energy")).to_contain_text("keV")
    await page.locator("select[name='unit.energy']").select_option("eV")
    await page.locator("input[name='from.energy']").fill("7000")
    await page.locator("input[name='to.energy']").fill("7200")
    await page.keyboard.press("Enter")
    await expect(page.locator(".chip")).to_contain_text("7000 – 7200 eV")
    await expect(page.locator("#facet-energy")).to_contain_text("7 – 7.2 keV")
    found = await asked(site, kind="dataset", filter="energy:7..7.2 keV", sort="-date")
    assert await on_page(page) == ids(found)[:20]
    await page.wait_for_load_state("networkidle")
    await seen.open("/search?q=&kind=dataset&f.energy=7..8+K")
    await expect(page.get_by_role("alert")).to_contain_text("keV")


async def test_a_part_of_a_path_and_a_name_lead_there(window: Opener, site: Site) -> None:
    """Check 22, also with backslashes; and DOIs, visits and datasets by name."""
    seen = await window()
    files = await site.search("SELECT f FROM Datafile f WHERE f.location LIKE '%scoC_cold_0002/%' ORDER BY f.id")
    parts = files[0]["Datafile"]["location"].split("/")[-3:]
    for path in (
        "/".join(parts),
        "\\".join(parts),
        "/".join((parts[0], "*cold_0002", f"*.{parts[2].rpartition('.')[2]}")),
    ):
        page = await seen.open(f"/search?kind=datafile&q={quote(path)}")
        assert ("datafile", files[0]["Datafile"]["id"]) in await on_page(page), path
    (visit,) = await site.search("SELECT i FROM Investigation i WHERE i.visitId = 'MX-1924-1'")
    doi, id_ = visit["Investigation"]["doi"], visit["Investigation"]["id"]
    for text in ("MX-1924-1", "mx-1924-1", doi, f"https://doi.org/{doi}", f"doi:{doi}"):
        await seen.open(f"/search?q={quote(text)}")
        await expect(page.locator(".goto a").first).to_have_attribute("href", f"/investigations/{id_}")
        await expect(page.locator(".goto a").first).to_contain_text("Go to MX-1924-1")
    await seen.open("/search?q=scoC_cold_0002")
    await expect(page.locator(".goto a").first).to_contain_text("Go to scoC_cold_0002")


async def test_orders_and_further_hits_are_those_of_the_program_that_is_copied(window: Opener, site: Site) -> None:
    """Checks 24 and 28: by relevance, date and size; the program that is shown tells the same ids in the same order."""
    seen = await window()
    page = await seen.open(DATASETS)
    for word, sort in (("Oldest", "date"), ("Largest", "-fileSize"), ("Name, A to Z", "name")):
        await page.get_by_label("Sort by").select_option(word)
        await expect(page).to_have_url(f"{site.url}/search?kind=dataset&sort={sort}")
        found = await asked(site, kind="dataset", sort=sort)
        await expect(page.locator("#hits h3 a").first).to_have_attribute("href", f"/datasets/{found['hits'][0]['id']}")
        assert await on_page(page) == ids(found)
    await seen.open("/search?q=iron&f.instrument=ML07")
    assert await on_page(page) == ids(await asked(site, q="iron", filter="instrument:ML07"))
    await seen.open("/search?kind=datafile&f.instrument=ML07&sort=-fileSize")
    await page.get_by_role("link", name="Load more").click()
    await expect(page.locator("#hits .result")).to_have_count(40)
    await expect(page.locator("#hits .result h3 a").nth(20)).to_be_focused()
    shown = await on_page(page)
    assert len(set(shown)) == 40
    await page.get_by_role("button", name="Copy as…").click()
    program = await page.locator("#copy-search pre").nth(2).inner_text()
    command = await page.locator("#copy-search pre").nth(1).inner_text()
    ran = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={}
    )
    told = [line.split("\t")[:2] for line in ran.stdout.splitlines()]
    assert [(kind, int(id_)) for kind, id_ in told][:40] == shown
    assert len(told) == await number(page)
    ran = await asyncio.to_thread(
        subprocess.run,
        ["sh", "-c", command],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
    )
    assert f'"id":{shown[0][1]}' in ran.stdout

    plain = await window(scripts=False)
    page = await plain.open("/search?kind=datafile&f.instrument=ML07&sort=-fileSize")
    await page.get_by_role("link", name="Load more").click()
    assert await on_page(page) == shown[20:]


async def test_closed_titles_are_nowhere_for_strangers(window: Opener, site: Site) -> None:
    """Check 26: neither in hits nor counts, facets, suggestions, nor by name; who may read them finds them."""
    closed = [visit for visit in site.demo.visits if visit.release is not None and visit.release > datetime.now(UTC)]
    visit = closed[0]
    seen = await window()
    for text in (f'"{visit.subject.title}"', visit.visit_id):
        page = await seen.open(f"/search?q={quote(text)}")
        hits = await page.locator("#results").inner_text()
        assert visit.visit_id not in hits.replace(f"“{visit.visit_id}”", "").replace(f"for {visit.visit_id}", "")
        assert await page.locator(".goto a").count() == 0
    page = await seen.open("/search?q=&kind=investigation")
    readable = (await asked(site, kind="investigation"))["counted"]["number"]
    assert await number(page) == readable < len(site.demo.visits)
    for panel in await page.locator("#facets .facet").all():
        counts = [int(text) for text in await panel.locator(".n").all_text_contents()]
        assert all(count <= readable for count in counts)
    async with httpx.AsyncClient(base_url=site.url, trust_env=False) as http:
        for typed in (visit.visit_id[:-1], visit.visit_id, visit.subject.title.split()[0]):
            suggested = (await http.get("/search/suggest", params={"q": typed})).text
            assert visit.visit_id not in suggested.replace(f'data-text="{visit.visit_id}', "")
            assert visit.subject.title not in suggested
    root = await window(user="root")
    page = await root.open(f"/search?q={quote(visit.visit_id)}")
    await expect(page.locator(".goto a").first).to_contain_text(visit.visit_id)
    await expect(page.locator("#hits .result").first).to_contain_text("closed until")


async def test_a_search_is_kept_and_tells_what_is_new(window: Opener, site: Site) -> None:
    """Checks 25 and 27: what was there is not new, what is registered then is, within a minute; and a feed."""
    word = "quixo" + "".join(random.choices(ascii_lowercase, k=6))
    seen = await window(user="visitor")
    page = await seen.open(f"/search?q={word}&kind=sample")
    await page.get_by_role("button", name="Save search").click()
    await page.get_by_label("Name", exact=True).fill(word.title())
    await page.locator("#save-search").get_by_role("button", name="Save search").click()
    await expect(page.locator("#kept")).to_contain_text(f"Saved as {word.title()}")
    await seen.open("/searches")
    kept = page.get_by_role("article", name=word.title())
    await expect(kept).to_contain_text("Nothing new lately")
    await expect(kept.get_by_role("link", name=word.title())).to_have_attribute("href", f"/search?q={word}&kind=sample")
    async with signed_in(site.url, "simple/root", PASSWORD) as root:
        (visit,) = await root.search("SELECT i.id FROM Investigation i WHERE i.visitId = 'MX-1924-1'")
        await root.write([{"Sample": {"name": f"{word}-A", "investigation": {"id": visit}}}])
    until = time.monotonic() + PATIENCE_S
    while not (await asked(site, q=word, kind="sample"))["hits"]:
        assert time.monotonic() < until
        await asyncio.sleep(0.2)
    while await kept.locator(".news").count() == 0:
        assert time.monotonic() < until
        await page.reload()
        await kept.locator("p", has_text=re.compile("new lately|Found lately")).wait_for()
    await expect(kept.locator(".news")).to_contain_text(f"{word}-A")

    await kept.get_by_role("button", name="Make a feed").click()
    address = await page.locator("pre").inner_text()
    async with httpx.AsyncClient(trust_env=False) as http:
        assert f"{word}-A" in (await http.get(address)).text
    await kept.locator("summary").click()
    await kept.get_by_label("Name").fill(f"Renamed {word}")
    await kept.get_by_role("button", name="Apply").click()
    await page.get_by_role("button", name=f"Delete Renamed {word}").click()
    await expect(page.get_by_role("article", name=f"Renamed {word}")).to_have_count(0)
    await expect(page.locator(".recent")).to_contain_text(word)
    await page.get_by_role("button", name="Clear this list").click()
    await expect(page.locator(".recent")).to_have_count(0)


async def test_suggestions_are_a_combobox_that_asks_seldom(window: Opener, site: Site) -> None:
    """By keyboard, with a count for those who cannot see it; not a question for each key; escape closes."""
    seen = await window(user="visitor")
    page = await seen.open("/search?q=cathode")
    await page.wait_for_load_state()
    await seen.open("/style")
    asked_for: list[str] = []

    def note(request: Request) -> None:
        if "/search/suggest" in request.url:
            asked_for.append(request.url)

    page.on("request", note)
    box = page.get_by_role("combobox", name="Search all data")
    await box.focus()
    await expect(page.get_by_role("option", name="cathode").first).to_be_visible()
    await page.keyboard.type("tomogr", delay=20)
    option = page.get_by_role("option").first
    await expect(box).to_have_attribute("aria-expanded", "true")
    await expect(page.get_by_role("option", name="technique").first).to_be_visible()
    assert len(asked_for) <= 3
    await expect(page.get_by_role("status").filter(has_text="suggestion")).to_be_attached()
    await page.keyboard.press("ArrowDown")
    await expect(option).to_have_attribute("aria-selected", "true")
    await expect(box).to_have_attribute("aria-activedescendant", str(await option.get_attribute("id")))
    assert await seen.violations() == []
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("listbox")).to_have_count(0)
    await expect(box).to_have_value("tomogr")
    await page.keyboard.press("ArrowDown")
    await page.get_by_role("option", name="propagation phase contrast tomography").click()
    await page.wait_for_url(re.compile(r"/search\?q=technique"))
    assert await number(page) > 0
    await box.fill("MX-1924-1")
    await page.get_by_role("option", name="Go to MX-1924-1").click()
    await page.wait_for_url("**/investigations/**")


async def test_typing_finds_at_once_and_only_my_data_is_only_that(window: Opener, site: Site) -> None:
    seen = await window(user="visitor")
    page = await seen.open("/search?q=")
    await page.get_by_role("combobox", name="Search all data").fill("cathodes")
    await expect(page).to_have_url(f"{site.url}/search?q=cathodes")
    found = await asked(site, "db/visitor", q="cathodes")
    await expect(page.locator("#search-said")).to_contain_text(str(found["counted"]["number"]))
    await page.keyboard.press("Escape")
    await page.get_by_role("checkbox", name="My data only").check()
    await expect(page).to_have_url(f"{site.url}/search?q=cathodes&mine=1")
    mine = await asked(site, "db/visitor", q="cathodes", mine="true")
    assert await on_page(page) == ids(mine)
    assert 0 < mine["counted"]["number"] <= found["counted"]["number"]
    await seen.open("/search?kind=investigation&mine=1&sort=-date")
    own = "SELECT i.id FROM Investigation i JOIN i.investigationUsers u WHERE u.user.name = 'db/visitor'"
    assert {id_ for _, id_ in await on_page(page)} == set(await site.search(own))
    await page.get_by_role("link", name=re.compile("More like this")).first.click()
    await expect(page.get_by_role("heading", name="More like this")).to_be_visible()
    await expect(page.locator(".results .why b").first).to_be_visible()
    await expect(page.locator(".results")).to_contain_text("same")


async def test_without_search_the_lists_are_the_way_out(site: Site, tmp_path: Path) -> None:
    off = SearchSettings(engine="none")
    settings = demo_settings(tmp_path, server={"port": 0}, database=site.settings.database, search=off)
    async with serving(settings) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        for path in ("/search?q=iron", "/searches", "/search/suggest?q=iron"):
            answer = await http.get(path)
            assert answer.status_code == 200
        page = (await http.get("/search?q=iron")).text
        assert "There is no search here" in page
        assert 'href="/browse"' in page
