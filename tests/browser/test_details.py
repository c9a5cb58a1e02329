"""Pages of one thing: what stands above the fold, parameters, lineage, changes with their history, and code to copy."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, expect

from beamcat.demo.client import signed_in
from beamcat.demo.settings import PASSWORD
from tests.browser.conftest import DESKTOP, PHONE, Opener, Site


async def first(site: Site, query: str, user: str = "simple/root") -> int:
    """The one number that a query answers."""
    found = await site.search(query, user)
    return int(found[0])


async def raw_dataset(site: Site) -> int:
    """An open raw dataset that something was computed from."""
    query = (
        "SELECT MIN(d.id) FROM Job j JOIN j.inputDataCollection c JOIN c.dataCollectionDatasets l JOIN l.dataset d "
        "JOIN d.investigation i WHERE i.releaseDate < CURRENT_TIMESTAMP AND d.sample.id > 0"
    )
    return await first(site, query)


@asynccontextmanager
async def published(site: Site, investigation: int) -> AsyncIterator[int]:
    """A data publication, of today, of an investigation."""
    async with signed_in(site.url, "simple/root", PASSWORD) as client:
        (facility,) = await client.search("SELECT f.id FROM Facility f")
        links = [{"investigation": {"id": investigation}}]
        (content,) = await client.write([{"DataCollection": {"dataCollectionInvestigations": links}}])
        (publication,) = await client.write(
            [
                {
                    "DataPublication": {
                        "facility": {"id": facility},
                        "content": {"id": content},
                        "pid": "10.5072/mls.told",
                        "title": "Told before it opens",
                        "publicationDate": "2024-01-01T00:00:00.000Z",
                    }
                }
            ]
        )
        try:
            yield publication
        finally:
            await client.delete([{"DataPublication": {"id": publication}}, {"DataCollection": {"id": content}}])


async def code_of(page: Page, key: str) -> str:
    """What the sheet "Copy as" says for a program."""
    return (await page.locator(f"#copy-{key} pre").text_content()) or ""


async def output_of(*command: str, **environment: str) -> str:
    """What a program prints, which must go well."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    told, wrong = await process.communicate()
    assert process.returncode == 0, wrong.decode()
    return told.decode()


async def test_the_answer_stands_above_the_fold(window: Opener) -> None:
    """Check 29."""
    seen = await window()
    page = await seen.open(f"/datasets/{await raw_dataset(seen.site)}")
    head = page.locator(".answer")
    for part in (
        head.locator("img.thumb"),
        head.get_by_role("heading", level=1),
        head.locator(".badge").first,
        head.locator("dt", has_text="Technique"),
        head.locator("dt", has_text="Sample"),
        head.locator("dt", has_text="Measured"),
        head.locator("dt", has_text="Size"),
        head.get_by_role("button", name="Add to basket"),
        head.get_by_role("button", name="Download"),
        head.get_by_role("button", name="Copy as"),
    ):
        await expect(part).to_be_visible()
        box = await part.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= DESKTOP[1]
    loaded = "() => document.querySelector('.answer img.thumb').naturalWidth > 0"
    await page.wait_for_function(loaded)
    await page.get_by_role("navigation", name="Parts of the dataset").get_by_role("link", name="Files").click()
    await expect(page.get_by_role("region", name="Files").first).to_be_visible()


async def test_parameters_are_found_copied_and_converted(window: Opener) -> None:
    """Check 30."""
    seen = await window()
    await seen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await seen.open(f"/datasets/{await raw_dataset(seen.site)}")
    parameters = page.locator("#parameters")
    await expect(parameters.locator("summary").first).to_contain_text("Beam")
    await parameters.get_by_role("searchbox").fill("photon ener")
    await expect(parameters.locator("tr")).to_have_count(1)
    assert "find=photon" in page.url
    row = parameters.locator("tr")
    kilo = float(((await row.locator("td").first.text_content()) or "").split()[0])
    await row.locator("a.unit").click()
    await expect(row.locator("a.unit")).to_have_text("eV")
    await expect(row.locator(".was")).to_have_text(f"recorded as {kilo:g} keV")
    shown = ((await row.locator("td").first.text_content()) or "").split()[0].replace(",", "")
    assert float(shown) == pytest.approx(kilo * 1000)
    await row.get_by_role("button", name="Copy").click()
    assert float(await page.evaluate("() => navigator.clipboard.readText()")) == kilo
    await page.reload()
    await expect(page.locator("#parameters .was")).to_have_text(f"recorded as {kilo:g} keV")


async def test_parameters_are_found_and_converted_without_script(window: Opener) -> None:
    """Check 30."""
    seen = await window(scripts=False)
    page = await seen.open(f"/datasets/{await raw_dataset(seen.site)}")
    await page.locator("#find").fill("photon energy")
    await page.get_by_role("button", name="Find", exact=True).click()
    await page.locator("#parameters a.unit").click()
    await expect(page.locator("#parameters a.unit")).to_have_text("eV")
    await page.locator("#find").fill("no such thing")
    await page.get_by_role("button", name="Find", exact=True).click()
    await expect(page.get_by_text("No such parameter")).to_be_visible()


async def test_the_lineage_links_both_ways(window: Opener) -> None:
    """Check 35."""
    seen = await window()
    raw = await raw_dataset(seen.site)
    page = await seen.open(f"/datasets/{raw}")
    await expect(page.locator(".lineage-down .lineage a[aria-current]")).to_be_visible()
    await page.get_by_role("link", name="Provenance").click()
    result = page.locator("svg.graph a:not(.here)").first
    to = await result.get_attribute("href")
    made = page.locator("section", has=page.get_by_role("heading", name="Made of it")).last
    await expect(made.locator("a").first).to_have_attribute("href", str(to))
    await result.click()
    await page.wait_for_url(f"**{to}")
    await page.get_by_role("link", name="Provenance").click()
    await expect(page.locator(f'svg.graph a[href="/datasets/{raw}"]')).to_be_visible()
    await expect(page.locator(f'.lineage a[href="/datasets/{raw}"]')).to_be_visible()


async def test_related_items_tell_why(window: Opener) -> None:
    """Check 38."""
    seen = await window()
    page = await seen.open(f"/datasets/{await raw_dataset(seen.site)}?tab=related")
    related = page.locator(".related-list > li")
    await expect(related.first).to_contain_text(re.compile("same (sample|experiment|technique|instrument)"))


async def test_a_description_is_changed_taken_back_and_remembered(window: Opener) -> None:
    """Check 37."""
    seen, colleague = await window("pi"), await window("visitor")
    closed = await first(
        seen.site,
        "SELECT MIN(d.id) FROM Dataset d JOIN d.investigation i JOIN i.investigationUsers u JOIN u.user n "
        "WHERE n.name = 'db/pi' AND u.role = 'Principal investigator' AND i.releaseDate > CURRENT_TIMESTAMP "
        "AND i.id IN (SELECT v.investigation.id FROM InvestigationUser v WHERE v.user.name = 'db/visitor')",
    )
    (before,) = await seen.site.search(f"SELECT d.description FROM Dataset d WHERE d.id = {closed}")
    page = await seen.open(f"/datasets/{closed}")
    assert await page.locator("details.edit").count() == 1  # its name, and all else, is not theirs to change
    await page.get_by_text("Change description").click()
    await page.get_by_label("description").fill("Cell B, “third” <charge>")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status")).to_contain_text(["Changed: description."])
    assert await seen.site.search(f"SELECT d.description FROM Dataset d WHERE d.id = {closed}") == [
        "Cell B, “third” <charge>"
    ]
    other = await colleague.open(f"/datasets/{closed}?tab=history")
    await expect(other.locator(".timeline del").first).to_have_text(before)
    await expect(other.locator(".timeline ins").first).to_have_text("Cell B, “third” <charge>")
    await expect(other.locator("details.edit")).to_have_count(0)
    refused = await colleague.page.request.post(
        f"{seen.site.url}/datasets/{closed}/edit",
        form={"member": "description", "value": "mine", "was": ""},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert refused.status == 403
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_role("status")).to_contain_text(["Changed: description."])
    assert await seen.site.search(f"SELECT d.description FROM Dataset d WHERE d.id = {closed}") == [before]


async def test_who_was_slower_sees_both_texts(window: Opener) -> None:
    """Check 37."""
    seen = await window("pi")
    seen.expected.append("console: Failed to load resource: the server responded with a status of 409")
    own = await first(
        seen.site,
        "SELECT MIN(i.id) FROM Investigation i JOIN i.investigationUsers u JOIN u.user n "
        "WHERE n.name = 'db/pi' AND u.role = 'Principal investigator'",
    )
    (before,) = await seen.site.search(f"SELECT i.summary FROM Investigation i WHERE i.id = {own}")
    page = await seen.open(f"/investigations/{own}")
    async with signed_in(seen.site.url, "simple/root", PASSWORD) as client:
        await client.write([{"Investigation": {"id": own, "summary": "somebody else was here"}}])
        try:
            await page.get_by_text("Change summary").click()
            await page.locator("#edit-summary").fill("typed for a while")
            await page.get_by_role("button", name="Save").click()
            await expect(page.get_by_role("alert")).to_contain_text("Somebody else has changed the summary")
            await expect(page.get_by_text("somebody else was here")).to_be_visible()
            await expect(page.get_by_label("What you typed")).to_have_value("typed for a while")
            assert await seen.violations() == []
        finally:
            await client.write([{"Investigation": {"id": own, "summary": before}}])


async def test_a_sample_lists_all_its_experiments(window: Opener) -> None:
    """Check 69."""
    seen = await window()
    query = (
        "SELECT s.name, COUNT(s) FROM Sample s JOIN s.investigation i WHERE i.releaseDate < CURRENT_TIMESTAMP "
        "GROUP BY s.name HAVING COUNT(s) > 1 ORDER BY s.name"
    )
    name = (await seen.site.search(query))[0][0]
    open_ones = f"s.name = '{name}' AND i.releaseDate < CURRENT_TIMESTAMP"
    expected = await seen.site.search(
        f"SELECT i.id FROM Investigation i JOIN i.samples s WHERE {open_ones} ORDER BY i.startDate DESC, s.id DESC"
    )
    sample = await first(seen.site, f"SELECT MIN(s.id) FROM Sample s JOIN s.investigation i WHERE {open_ones}")
    page = await seen.open(f"/samples/{sample}")
    links = page.locator('tbody th > a[href^="/investigations/"]')
    await expect(links).to_have_count(len(expected))
    shown = [str(await link.get_attribute("href")) for link in await links.all()]
    assert shown == [f"/investigations/{identifier}" for identifier in expected]


async def test_copied_code_tells_what_is_on_screen(window: Opener) -> None:
    """Check 28, for pages of one thing."""
    seen = await window()
    raw = await raw_dataset(seen.site)
    page = await seen.open(f"/datasets/{raw}?find=beam")
    shown = sorted([int(str(await row.get_attribute("id"))[1:]) for row in await page.locator("#parameters tr").all()])
    assert shown
    told = await output_of(sys.executable, "-c", await code_of(page, "python"))
    assert sorted(int(line.split()[0]) for line in told.splitlines()) == shown
    told = await output_of("bash", "-c", await code_of(page, "curl"))
    assert sorted(map(int, re.findall(r'"DatasetParameter":\{"id":(\d+)', told))) == shown
    inside = await first(seen.site, f"SELECT d.investigation.id FROM Dataset d WHERE d.id = {raw}")
    page = await seen.open(f"/investigations/{inside}")
    expected = await seen.site.search(
        f"SELECT d.id FROM Dataset d WHERE d.investigation.id = {inside} ORDER BY d.startDate DESC, d.id DESC"
    )
    told = await output_of("bash", "-c", await code_of(page, "curl"))
    assert list(map(int, re.findall(r'"Dataset":\{"id":(\d+)', told))) == expected
    session = next(
        c["value"] for c in await (await window("pi")).page.context.cookies() if c["name"] == "beamcat_session"
    )
    own = await window("pi")
    page = await own.open(f"/investigations/{inside}?tab=people")
    told = await output_of(sys.executable, "-c", await code_of(page, "python"), SESSION=session)
    assert len(told.splitlines()) == await page.locator("tbody tr").count()


async def test_who_may_know_is_told_when_it_opens_and_strangers_nothing(window: Opener) -> None:
    """Check 74, and pages of what is closed (rule 8 of section d.1)."""
    seen, stranger = await window("visitor"), await window()
    stranger.expected.append("console: Failed to load resource: the server responded with a status of 404")
    closed = await first(
        seen.site,
        "SELECT MIN(i.id) FROM Investigation i WHERE i.releaseDate > CURRENT_TIMESTAMP AND i.id NOT IN "
        "(SELECT v.investigation.id FROM InvestigationUser v WHERE v.user.name = 'db/visitor')",
    )
    (title,) = await seen.site.search(f"SELECT i.title FROM Investigation i WHERE i.id = {closed}")
    async with published(seen.site, closed) as publication:
        page = await seen.open(f"/investigations/{closed}")
        await expect(page.get_by_text("This experiment exists and opens on")).to_be_visible()
        await expect(page.get_by_role("link", name="Told before it opens")).to_have_attribute(
            "href", f"/publications/{publication}"
        )
        assert title not in await page.content()
        assert await seen.violations() == []
        told = []
        for identifier in (closed, 10**9):
            page = await stranger.open(f"/investigations/{identifier}")
            told.append(re.sub(r"[0-9a-f]{16}", "", await page.locator("main").inner_text()))
        assert told[0] == told[1]
        page = await stranger.open(f"/publications/{publication}")
        await expect(page.get_by_text("The data are not open to you")).to_be_visible()


async def paths(site: Site) -> list[str]:
    """A page of each kind."""
    raw = await raw_dataset(site)
    inside = await first(site, f"SELECT d.investigation.id FROM Dataset d WHERE d.id = {raw}")
    sample = await first(site, f"SELECT d.sample.id FROM Dataset d WHERE d.id = {raw}")
    person = await first(site, f"SELECT MIN(u.user.id) FROM InvestigationUser u WHERE u.investigation.id = {inside}")
    instrument = await first(site, "SELECT MIN(i.id) FROM Instrument i WHERE i.name = 'ML07'")
    publication = await first(
        site, "SELECT MIN(p.id) FROM DataPublication p WHERE p.publicationDate < CURRENT_TIMESTAMP"
    )
    articles = await site.search(
        "SELECT p.id FROM Publication p JOIN p.investigation i WHERE i.releaseDate < CURRENT_TIMESTAMP"
    )
    return [
        f"/datasets/{raw}",
        f"/datasets/{raw}?tab=history",
        f"/datasets/{raw}?tab=provenance",
        f"/datasets/{raw}?tab=related",
        f"/investigations/{inside}",
        f"/investigations/{inside}?tab=people",
        f"/samples/{sample}",
        f"/instruments/{instrument}",
        f"/people/{person}",
        f"/publications/{publication}",
        "/style",
        *(f"/publications/articles/{article}" for article in articles[:1]),
    ]


@pytest.mark.parametrize("places", [slice(0, 4), slice(4, 8), slice(8, 12)])
async def test_every_page_is_accessible_and_fits_and_speaks_german(window: Opener, places: slice) -> None:
    light, dark = await window(), await window(size=PHONE, dark=True, locale="de-DE")
    for place, path in enumerate((await paths(light.site))[places]):
        page = await light.open(path)
        await page.wait_for_load_state("networkidle")
        assert await light.violations() == [], path
        page = await dark.open(path)
        await expect(page.locator("html")).to_have_attribute("lang", "de")
        await page.wait_for_load_state("networkidle")
        assert place % 2 or await dark.violations() == [], path
        for width in (390, 320):
            await page.set_viewport_size({"width": width, "height": 844})
            assert not await dark.overflows(), (path, width)
        await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})


async def test_the_copy_sheet_and_its_buttons_are_accessible(window: Opener) -> None:
    seen = await window()
    page = await seen.open(f"/datasets/{await raw_dataset(seen.site)}")
    await page.get_by_role("button", name="Copy as").click()
    await expect(page.get_by_role("button", name="Copy: Python (python-icat)")).to_be_visible()
    assert await seen.violations() == []
