"""Taking data home: the basket, downloads that go on where they stopped, and links that show data to others."""

from __future__ import annotations

import hashlib
import io
import re
import secrets
import zipfile
from dataclasses import dataclass

import httpx
import pytest
from playwright.async_api import Page, expect

from beamcat.demo.client import signed_in
from beamcat.demo.settings import PASSWORD
from tests.browser.conftest import DESKTOP, PHONE, Opener, Site, Window

NARROW = (320, 700)


@dataclass(frozen=True)
class Example:
    """A dataset that is in the main storage, in an open investigation, with one of its files; and their sizes."""

    investigation: int
    dataset: int
    datafile: int
    files: int
    size: int
    name: str


@pytest.fixture(scope="session")
async def example(site: Site) -> Example:
    found = await site.search(
        "SELECT d.id, d.name, i.id, i.fileCount, i.fileSize FROM Dataset d JOIN d.investigation i"
        " WHERE i.releaseDate < CURRENT_TIMESTAMP AND d.fileCount > 1 ORDER BY d.fileSize, d.id"
    )
    async with httpx.AsyncClient(base_url=site.url) as client:
        for dataset, name, investigation, files, size in found:
            status = (await client.get("/ids/getStatus", params={"datasetIds": dataset})).text
            if status == "ONLINE":
                query = f"SELECT MIN(f.id) FROM Datafile f WHERE f.dataset.id = {dataset}"
                return Example(investigation, dataset, (await site.search(query))[0], files, size, name)
    raise AssertionError("no open dataset of the example is in the main storage")


async def add(page: Page, what: str) -> None:
    """Put something into the basket as any page does: by a form of it."""
    await page.evaluate(
        """what => {
            const form = document.createElement("form");
            form.method = "post"; form.action = "/basket"; form.dataset.test = "";
            for (const [name, value] of [["hx-post", "/basket"], ["hx-swap", "none"]]) form.setAttribute(name, value);
            form.innerHTML = '<input type="hidden" name="add"><button>Add</button>';
            form.querySelector("input").value = what;
            document.querySelector("main").append(form);
            htmx.process(form);
        }""",
        what,
    )
    async with page.expect_response("**/basket"):
        await page.locator("form[data-test] button").last.click()


async def test_things_of_every_level_and_nothing_twice(window: Opener, site: Site, example: Example) -> None:
    """Checks 39, 40, 41 and 43."""
    seen = await window(user="visitor")
    page = await seen.open("/basket")
    for empty in await page.get_by_role("button", name="Empty").all():
        await empty.click()
    await expect(page.get_by_text("The basket is empty")).to_be_visible()
    await seen.open("/style")
    await add(page, f"datafile {example.datafile}")
    await expect(page.locator("#basket-button .count")).to_have_text("1")
    own = page.locator("form[data-test] button").first
    await expect(own).to_have_attribute("aria-pressed", "true")
    await add(page, f"dataset {example.dataset}")
    toast = page.locator(".toast").last
    await expect(toast).to_contain_text("1 item that you had chosen is part of it")
    await add(page, f"datafile {example.datafile}")
    await expect(page.locator(".toast").last).to_contain_text("Not added twice")
    await expect(page.locator("#basket-button .count")).to_have_text("1")
    await add(page, f"investigation {example.investigation}")
    await page.goto(site.url + "/basket")
    rows = page.locator("table.data tbody tr")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("the whole visit")
    heading = await page.locator("#get-h").inner_text()
    assert f"Get {example.files:,} files" in heading
    await expect(page.get_by_text("One request may have 10,000,000 files")).to_be_visible()
    await expect(page.locator(".choice .badge")).to_have_text("works")
    await looks_well_in(seen)
    await page.get_by_role("button", name=re.compile("^Remove ")).click()
    await expect(page.get_by_role("heading", name="The basket is empty")).to_have_count(0)
    await expect(page.get_by_text("The basket is empty")).to_be_visible()
    await page.locator(".toast").get_by_role("button", name="Undo").click()
    await expect(page.locator("table.data tbody tr")).to_have_count(1)
    async with signed_in(site.url, "simple/root", PASSWORD) as client:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        values = {"sessionId": client.session, "facilityName": await facility(site), "disabled": "true"}
        async with httpx.AsyncClient(base_url=site.url, headers=headers) as http:
            path = "/topcat/admin/downloadType/https/status"
            await http.put(path, data={**values, "message": "closed for maintenance"})
            await page.reload()
            await expect(page.locator(".choice")).to_contain_text("closed for maintenance")
            await expect(page.get_by_role("button", name="Prepare the download")).to_be_disabled()
            await http.put(path, data={**values, "disabled": "false", "message": ""})


async def facility(site: Site) -> str:
    """Its name."""
    return str((await site.search("SELECT f.name FROM Facility f"))[0])


async def looks_well_in(seen: Window) -> None:
    """Axe finds nothing in this window, and it fits into narrow ones."""
    await seen.page.emulate_media(reduced_motion="reduce")
    assert await seen.violations() == []
    for width in (NARROW[0], PHONE[0]):
        await seen.page.set_viewport_size({"width": width, "height": 800})
        assert not await seen.overflows()
    await seen.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert await seen.violations() == []
    await seen.page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    await seen.page.emulate_media(color_scheme="light")


async def test_a_stranger_without_script_has_a_basket_that_comes_along_when_signing_in(
    window: Opener, site: Site, example: Example
) -> None:
    """Check 49."""
    seen = await window(scripts=False)
    page = await seen.open(f"/datasets/{example.dataset}")
    assert not [c for c in await page.context.cookies() if c["name"] == "beamcat_basket"]
    await page.locator(f'form[action="/basket"]:has(input[value="dataset {example.dataset}"]) button').first.click()
    await page.goto(site.url + "/basket")
    await expect(page.locator("table.data tbody tr")).to_contain_text(example.name)
    (cookie,) = [c for c in await page.context.cookies() if c["name"] == "beamcat_basket"]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    await page.get_by_role("button", name="Prepare the download").click()
    await expect(page).to_have_url(re.compile("/downloads"))
    await expect(page.locator(".delivery h3")).to_have_text(example.name)
    await page.goto(f"{site.url}/datasets/{example.dataset}")
    await page.locator(f'form[action="/basket"]:has(input[value="dataset {example.dataset}"]) button').first.click()
    await seen.sign_in("curator")
    await seen.open("/basket")
    await expect(page.locator("table.data tbody tr")).to_contain_text(example.name)
    assert not [c for c in await page.context.cookies() if c["name"] == "beamcat_basket"]
    other = await window(user="staff")
    await other.open("/basket")
    await expect(other.page.get_by_text("The basket is empty")).to_be_visible()


async def test_a_download_goes_on_where_its_connection_broke(window: Opener, site: Site, example: Example) -> None:
    """Checks 42, 44, 45 as far as archives carry them, 46, 48 and 73."""
    seen = await window(user="pi")
    page = await seen.open("/style")
    await page.evaluate(
        """what => {
            const form = document.createElement("form");
            form.method = "post"; form.action = "/downloads";
            form.innerHTML = `<input type="hidden" name="add" value="${what}"><button>Download</button>`;
            document.querySelector("main").append(form);
        }""",
        f"dataset {example.dataset}",
    )
    await page.get_by_role("button", name="Download", exact=True).click()
    row = page.locator(".delivery").filter(has_text=example.name).first
    await expect(row.locator(".badge")).to_have_text(
        "ready", timeout=20_000
    )  # by itself: it is prepared while the page is open
    await looks_well_in(seen)
    link = site.url + str(await row.get_by_role("link", name="Save").get_attribute("href"))
    assert "session" not in link.lower()

    async with httpx.AsyncClient() as client:
        whole = await client.get(link)
        wanted, got = hashlib.sha256(whole.content).hexdigest(), bytearray()
        async with client.stream("GET", link) as answer:
            async for piece in answer.aiter_bytes(1000):
                got += piece
                if len(got) > 0.8 * len(whole.content):
                    break  # the connection is closed with bytes on their way
        headers = {"Range": f"bytes={len(got)}-", "If-Range": whole.headers["etag"]}
        rest = await client.get(link, headers=headers)
        assert rest.status_code == 206
        assert hashlib.sha256(bytes(got) + rest.content).hexdigest() == wanted
        archive = zipfile.ZipFile(io.BytesIO(whole.content))
        assert archive.testzip() is None
        assert all(info.date_time[0] >= 2000 for info in archive.infolist())
        prepared = link.partition("preparedId=")[2].partition("&")[0]
        listed = await client.get(f"{site.url}/ids/getMetalink", params={"preparedId": prepared})
        assert listed.text.count("<file ") == len(archive.infolist())

    stranger = await window()
    page = await stranger.open(f"/downloads/{prepared}")
    await expect(page.get_by_role("heading", level=1)).to_have_text(example.name)
    await expect(page.locator(".delivery .badge")).to_have_text("received", timeout=15_000)
    await expect(page.locator(".code pre").first).to_contain_text("curl -C -")
    await looks_well_in(stranger)
    number = str(await row.locator("h3 a").get_attribute("href"))
    stranger.expected.append("console: Failed to load resource: the server responded with a status of 404")
    await stranger.open(number)
    await expect(page.get_by_role("heading", level=1)).not_to_contain_text(example.name)


async def test_every_state_is_told_and_what_has_expired_is_asked_for_again_by_one_click(
    window: Opener, site: Site, example: Example
) -> None:
    """Check 42."""
    seen = await window(user="staff")
    page = await seen.open("/style")
    await add(page, f"dataset {example.dataset}")
    await page.goto(site.url + "/basket")
    await page.get_by_label("File name").fill("mine")
    await page.get_by_label("Packed as").select_option("tar")
    await page.get_by_role("button", name="Prepare the download").click()
    row = page.locator(".delivery").filter(has_text="mine").first
    await expect(row.locator(".badge")).to_have_text("ready", timeout=20_000)
    number = str(await row.locator("h3 a").get_attribute("href")).rpartition("/")[2]
    async with signed_in(site.url, "simple/root", PASSWORD) as client, httpx.AsyncClient(base_url=site.url) as http:
        values = {"sessionId": client.session, "facilityName": await facility(site)}
        for status, word in (("PAUSED", "paused"), ("EXPIRED", "expired")):
            await http.put(f"/topcat/admin/download/{number}/status", data={**values, "value": status})
            await page.reload()
            await expect(row.locator(".badge")).to_have_text(word)
    await row.get_by_role("button", name="Ask again").click()
    await expect(row.locator(".badge")).to_have_text("ready", timeout=20_000)
    link = site.url + str(await row.get_by_role("link", name="Save").get_attribute("href"))
    async with httpx.AsyncClient() as http:
        answer = await http.head(link)
    assert answer.headers["content-disposition"].endswith('.tar"')
    await row.get_by_role("button", name="Take mine off the list").click()
    await expect(page.locator(f"#delivery-{number}")).to_have_count(0)
    await page.locator(".toast").get_by_role("button", name="Undo").click()
    await expect(page.locator(f"#delivery-{number}")).to_be_visible()


async def test_a_link_shows_a_selection_to_whoever_has_it_until_it_is_revoked(
    window: Opener, site: Site, example: Example
) -> None:
    """Check 55."""
    name = f"For reviewers of {secrets.token_hex(3)}"
    owner = await window(user="visitor")
    page = await owner.open(f"/shares/new?add=dataset+{example.dataset}")
    await page.get_by_role("textbox", name="Name").fill(name)
    await page.get_by_label("Show no names of people").check()
    await looks_well_in(owner)
    await page.get_by_role("button", name="Make the link").click()
    address = await page.locator(".code pre").inner_text()
    path = address.removeprefix(site.url)
    await page.goto(site.url + "/shares")
    await expect(page.get_by_role("link", name=name)).to_be_visible()
    assert path.rpartition("/")[2] not in await page.content()
    await looks_well_in(owner)

    stranger = await window()
    answer = await stranger.page.goto(address)
    assert answer is not None
    assert (answer.headers["referrer-policy"], "noindex" in answer.headers["x-robots-tag"]) == ("no-referrer", True)
    await expect(stranger.page.locator("main")).to_contain_text(example.name)
    await expect(stranger.page.locator("main")).not_to_contain_text("Visitor")
    await looks_well_in(stranger)
    await stranger.page.get_by_role("link", name=example.name, exact=True).click()
    await expect(stranger.page.get_by_role("heading", level=1)).to_have_text(example.name)
    others = await site.search(f"SELECT d.id FROM Dataset d WHERE d.id <> {example.dataset} ORDER BY d.id LIMIT 0, 1")
    async with httpx.AsyncClient(base_url=site.url) as client:
        archive = await client.get(f"{path}/data")
        assert zipfile.ZipFile(io.BytesIO(archive.content)).testzip() is None
        part = await client.get(f"{path}/data", headers={"Range": "bytes=100-"})
        assert (part.status_code, part.content) == (206, archive.content[100:])
        for there_is_none in (f"/datasets/{others[0]}", f"/data?of=dataset+{others[0]}", "/datasets/x"):
            assert (await client.get(path + there_is_none)).status_code == 404
        assert (await client.get(f"/shared/{'x' * 43}")).status_code == 404

        friend = await window(user="staff")
        await friend.open(path)
        await friend.open("/shares")
        await friend.page.get_by_role("link", name=name).click()
        await expect(friend.page.get_by_role("heading", level=1)).to_have_text(name)
        known = friend.page.url
        nosy = await window(user="curator")
        nosy.expected.append("console: Failed to load resource: the server responded with a status of 404")
        await nosy.page.goto(known)
        await expect(nosy.page.locator("main")).not_to_contain_text(name)

        await page.get_by_role("button", name=f"Revoke {name}").click()
        await expect(page.locator("tr").filter(has_text=name)).to_contain_text("revoked")
        for ended in (path, f"{path}/data"):
            assert (await client.get(ended)).status_code == 410


async def test_data_come_back_from_tape_and_the_page_says_how_far_they_are(window: Opener, site: Site) -> None:
    """Check 34 from the side of tape: it is said what is on tape, and one click has it brought back."""
    found = await site.search("SELECT d.id FROM Dataset d WHERE d.fileCount > 0 ORDER BY d.id")
    async with httpx.AsyncClient(base_url=site.url) as client:
        for dataset in found:
            if (await client.get("/ids/getStatus", params={"datasetIds": dataset})).text == "ARCHIVED":
                break
        else:
            pytest.skip("everything of this example is online")
    seen = await window(user="root")
    page = await seen.open("/style")
    await page.evaluate(
        """what => {
            const form = document.createElement("form");
            form.setAttribute("hx-post", "/restore"); form.setAttribute("hx-swap", "outerHTML");
            form.innerHTML = `<input type="hidden" name="add" value="${what}"><button>Bring back</button>`;
            document.querySelector("main").append(form);
            htmx.process(form);
        }""",
        f"dataset {dataset}",
    )
    await page.get_by_role("button", name="Bring back").click()
    await expect(page.locator("main .progress .badge")).to_have_text(re.compile("being read|online|cannot be read"))
    await seen.open(f"/restore?of=dataset+{dataset}")
    await looks_well_in(seen)
