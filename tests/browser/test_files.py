"""Folders, previews, HDF5 in the browser, and thumbnails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import h5py
import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.async_api import expect

from beamcat.demo.client import signed_in
from beamcat.demo.settings import PASSWORD
from tests.browser.conftest import DESKTOP, PHONE, Opener, Site

TEXT = "".join(f"line {number} of a long log\n" for number in range(20_000))
SCRIPT = '<svg xmlns="http://www.w3.org/2000/svg" onload="document.title=1"><script>document.title="ran"</script></svg>'


@dataclass(frozen=True)
class Kit:
    """A dataset of the visitor with one file of each kind, and where they are, by name."""

    dataset: int
    ids: dict[str, int]

    def page(self, name: str) -> str:
        return f"/datafiles/{self.ids[name]}"


@pytest.fixture(scope="module")
async def kit(site: Site) -> AsyncIterator[Kit]:
    folder = site.home / "data" / "kit"
    (folder / "scan" / "deep").mkdir(parents=True)
    for number in range(3):
        with h5py.File(folder / "scan" / f"frames_{number}.h5", "w") as file:
            file.attrs["default"] = "entry"
            entry = file.create_group("entry")
            entry.attrs.update(NX_class="NXentry", default="data")
            data = entry.create_group("data")
            data.attrs.update(NX_class="NXdata", signal="counts", axes=["frame", "y", "x"])
            data["counts"] = np.random.default_rng(number).poisson(20, (5, 24, 32)).astype("u2")
            data["counts"].attrs["units"] = "counts"
            for axis, length in (("frame", 5), ("y", 24), ("x", 32)):
                data[axis] = np.arange(length)
            line = entry.create_group("line")
            line.attrs.update(NX_class="NXdata", signal="intensity", axes=["two_theta"])
            line["two_theta"], line["intensity"] = np.linspace(5, 50, 300), np.sin(np.linspace(0, 9, 300))
            line["two_theta"].attrs["units"] = "degree"
            entry["passwords"] = h5py.ExternalLink(str(site.home / "elsewhere.h5"), "/secret")
    with h5py.File(site.home / "elsewhere.h5", "w") as file:
        file["secret"] = np.arange(4)
    (folder / "run.log").write_text(TEXT)
    (folder / "drawing.svg").write_text(SCRIPT)
    (folder / "page.html").write_text("<script>document.title='ran'</script>")
    (folder / "scan" / "deep" / "table.csv").write_text("a,b\n1,2\n3,4\n")
    (folder / "settings.json").write_text('{"a":{"b":1}}')
    Image.fromarray(np.arange(10_000, dtype="u2").reshape(100, 100)).save(folder / "image.tif")
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    async with signed_in(site.url, "simple/root", PASSWORD) as client:
        (visit,) = await client.search(
            "SELECT MIN(i.id) FROM Investigation i JOIN i.investigationUsers u WHERE u.user.name = 'db/visitor'"
            " AND i.releaseDate > CURRENT_TIMESTAMP"
        )
        (kind,) = await client.search("SELECT MIN(t.id) FROM DatasetType t")
        (dataset,) = await client.write(
            [{"Dataset": {"name": "kit", "investigation": {"id": visit}, "type": {"id": kind}, "complete": True}}]
        )
        files = [
            {"name": name, "location": f"kit/{name}", "fileSize": (folder / name).stat().st_size} for name in names
        ]
        files += [{"name": "never.dat", "fileSize": 1}]
        files += [{"name": f"many/f{number:04}.dat", "location": "kit/run.log"} for number in range(120)]
        ids = await client.write([{"Datafile": {"dataset": {"id": dataset}, **file}} for file in files])
        yield Kit(dataset, {str(file["name"]): number for file, number in zip(files, ids, strict=True)})
        await client.delete([{"Dataset": {"id": dataset}}])


async def test_folders_open_by_clicks_and_by_address_filter_sort_and_go_to_the_end(window: Opener, kit: Kit) -> None:
    """Checks 2, 7, 13, 15 of the portal."""
    seen = await window(user="visitor")
    page = await seen.open(f"/datasets/{kit.dataset}/files")
    names = page.locator("#rows-files th a")
    assert (await names.first.text_content() or "").startswith("drawing.svg")
    many = page.locator("tr:has(a:text-is('many'))")
    await page.get_by_role("link", name="many (Folder)").click()
    await expect(page.locator(".folder-path b")).to_have_text("many")
    await page.get_by_role("link", name="To the end").click()
    await expect(page.locator("#rows-files")).to_contain_text("f0119.dat")
    await page.reload()
    await expect(page.locator("#rows-files")).to_contain_text("f0119.dat")
    await page.locator("#files-filter").fill("F007")
    await expect(page.locator("#rows-files tr:has(input)")).to_have_count(10)
    await expect(page.locator("#count-files")).to_contain_text("10 files")
    await page.locator("#sort-files-name").click()
    await expect(page.locator("#rows-files tr:has(input) th").first).to_contain_text("f0079.dat")
    assert "filter=F007" in page.url
    await page.get_by_label("Select f0078.dat").check()
    await expect(page.locator("#pick-files")).to_contain_text("1 selected")
    await page.get_by_role("button", name="All that the filter fits").click()
    await expect(page.locator("#toasts")).to_contain_text("10")
    await seen.open(f"/datasets/{kit.dataset}/files")
    await expect(many).to_contain_text("120 files")
    assert await seen.violations() == []


async def test_folders_read_without_scripts_and_fit_a_phone(window: Opener, kit: Kit) -> None:
    seen = await window(user="visitor", size=(320, 700), scripts=False)
    page = await seen.open(f"/datasets/{kit.dataset}/files?path=scan&amounts=1")
    await expect(page.locator("#rows-files")).to_contain_text("1 file")
    await page.get_by_role("link", name="deep (Folder)").click()
    await page.get_by_role("link", name="table.csv").click()
    await expect(page.locator("#preview td").first).to_have_text("1")


async def test_texts_tables_pictures_and_missing_files_are_shown_or_said(window: Opener, kit: Kit) -> None:
    """Checks 31 and 34."""
    seen = await window(user="visitor")
    page = await seen.open(kit.page("run.log"))
    await expect(page.locator("#preview pre")).to_contain_text("line 1 of a long log")
    await expect(page.locator("#preview .banner")).to_contain_text("are shown")
    await seen.open(kit.page("settings.json"))
    await expect(page.locator("#preview pre")).to_contain_text('"b": 1')
    await seen.open(kit.page("drawing.svg"))
    await expect(page.locator("#preview pre")).to_contain_text("<svg")
    await seen.open(kit.page("image.tif"))
    await expect(page.locator("#preview img")).to_have_js_property("naturalWidth", 100)
    await seen.open(kit.page("never.dat"))
    await expect(page.locator("#preview")).to_contain_text("There are no data to this entry")
    assert await page.title() != "ran"


async def test_bytes_of_others_are_never_a_page(site: Site, kit: Kit) -> None:
    async with httpx.AsyncClient(base_url=site.url, follow_redirects=False) as client:
        signed = await client.post("/sign-in", data={"plugin": "db", "username": "visitor", "password": PASSWORD})
        assert signed.status_code == 303, signed.text
        for name in ("page.html", "drawing.svg"):
            answer = await client.get(f"{kit.page(name)}/content")
            assert answer.headers["content-type"].startswith("text/plain")
            assert "sandbox" in answer.headers["content-security-policy"]
            assert answer.headers["x-content-type-options"] == "nosniff"
        part = await client.get(f"{kit.page('run.log')}/content", headers={"Range": "bytes=5-9"})
        assert (part.status_code, part.text) == (206, TEXT[5:10])
        several = await client.get(f"{kit.page('run.log')}/content", headers={"Range": "bytes=0-0,50-60"})
        assert several.headers["content-type"].startswith("multipart/byteranges")
        kept = await client.get(f"{kit.page('run.log')}/content?download=1")
        assert kept.headers["content-disposition"].startswith("attachment")
        secret = await client.get(f"{kit.page('scan/frames_0.h5')}/h5/data?path=/entry/passwords")
        assert secret.status_code == 422
        assert "not in this dataset" in secret.json()["message"]
        stranger = httpx.AsyncClient(base_url=site.url)
        for path in ("", "/content", "/h5/meta?path=/", "/picture"):
            assert (await stranger.get(f"{kit.page('run.log')}{path}")).status_code == 404
        assert (await stranger.get(f"/thumbnails/{kit.dataset}")).status_code == 404
        await stranger.aclose()


async def test_hdf5_is_shown_without_a_script_and_the_place_inside_is_kept_for_the_next_file(
    window: Opener, kit: Kit
) -> None:
    """Checks 32 and 33."""
    seen = await window(user="visitor", scripts=False)
    page = await seen.open(kit.page("scan/frames_0.h5"))
    await expect(page.locator("#h5 img.map")).to_be_visible()
    await page.locator("#frame").fill("3")
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator("#frame")).to_have_value("3")
    await page.locator("#h5 .tree").get_by_role("link", name="line").click()
    await expect(page.locator("#h5 svg.plot .curve")).to_have_count(1)
    await expect(page.locator("#h5")).to_contain_text("two_theta, degree")
    await page.get_by_role("link", name="Next file").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("frames_1.h5")
    await expect(page.locator("#h5 svg.plot .curve")).to_have_count(1)
    assert "h5=" in page.url


async def test_h5web_shows_maps_lines_and_attributes_under_the_content_policy(window: Opener, kit: Kit) -> None:
    """Check 32: the tree, a map with a slider over frames, a line, attributes; nothing is refused by the policy."""
    seen = await window(user="visitor", dark=True)
    seen.expected.append("console: [.WebGL")  # the browser of tests draws without a graphics card
    page = await seen.open(f"{kit.page('scan/frames_0.h5')}?h5=/entry/data&view=h5web")
    viewer = page.locator("#h5web")
    await expect(viewer.get_by_role("treeitem", name="line")).to_be_visible()
    await expect(viewer.locator("canvas").first).to_be_visible()
    await viewer.get_by_role("treeitem", name="line").click()
    await expect(viewer).to_contain_text("two_theta")
    await viewer.get_by_text("Inspect", exact=True).click()
    await expect(viewer).to_contain_text("NX_class")
    assert not await seen.overflows()


async def test_a_file_on_tape_says_so_and_comes_back_on_demand(window: Opener, site: Site) -> None:
    """Check 34."""
    names = [dataset for dataset in site.demo.datasets if dataset.on_tape]
    visit, name = names[-1].key
    where = f"f.dataset.name = '{name}' AND f.dataset.investigation.visitId = '{visit}'"
    ((file, dataset),) = await site.search(f"SELECT MIN(f.id), MIN(f.dataset.id) FROM Datafile f WHERE {where}")
    async with httpx.AsyncClient(base_url=site.url) as client, asyncio.timeout(60):
        while (await client.get("/ids/getStatus", params={"datasetIds": dataset})).text != "ARCHIVED":
            await asyncio.sleep(0.2)
    seen = await window(user="root")
    page = await seen.open(f"/datafiles/{file}")
    await expect(page.locator("#preview")).to_contain_text("The file is on tape")
    await page.get_by_role("button", name="Bring it back from tape").click()
    await expect(page.locator("#preview")).to_contain_text("on its way from tape")


async def test_thumbnails_appear_by_themselves_and_are_kept_privately(window: Opener, site: Site, kit: Kit) -> None:
    seen = await window(user="visitor")
    await seen.open("/")
    request = seen.page.context.request
    async with asyncio.timeout(60):
        while (found := await request.get(f"{site.url}/thumbnails/{kit.dataset}")).headers[
            "content-type"
        ] != "image/webp":
            await asyncio.sleep(0.3)
    assert found.headers["cache-control"].startswith("private")
    tag = found.headers["etag"]
    again = await request.get(f"{site.url}/thumbnails/{kit.dataset}", headers={"If-None-Match": tag})
    assert again.status == 304


@pytest.mark.parametrize(("size", "dark"), [(DESKTOP, False), (PHONE, True)])
async def test_pages_of_files_are_accessible_and_fit(
    window: Opener, kit: Kit, size: tuple[int, int], dark: bool
) -> None:
    seen = await window(user="visitor", size=size, dark=dark)
    for path in (f"/datasets/{kit.dataset}/files?path=scan", kit.page("scan/frames_0.h5"), kit.page("run.log")):
        await seen.open(path)
        assert await seen.violations() == []
        assert not await seen.overflows()
