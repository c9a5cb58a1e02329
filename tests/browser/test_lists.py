"""Lists, the first page, my data, open data, and the trees: checks 1 to 18 of the portal."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Opener, Site, Window

KEY = "investigations"
MANY = "/browse?see=all"
COUNT = f"#count-{KEY} b"


async def counted(page: Page, key: str = KEY) -> int:
    """How many rows a list says it has."""
    text = await page.locator(f"#count-{key} b").inner_text()
    return int("".join(character for character in text if character.isdecimal()))


async def names(page: Page) -> list[str]:
    """The names of the rows that are shown."""
    return [name.strip() for name in await page.locator(".list tbody th > a").all_inner_texts()]


async def sorts(page: Page) -> dict[str, str]:
    """What the heads of columns tell of the order, of those that the list is sorted by first."""
    found = await page.locator("th[aria-sort]:not([aria-sort=none])").all()
    return {await head.inner_text(): str(await head.get_attribute("aria-sort")) for head in found}


@pytest.mark.parametrize(("size", "dark"), [(DESKTOP, False), (PHONE, True)])
async def test_pages_are_accessible_and_fit(window: Opener, size: tuple[int, int], dark: bool) -> None:
    """Check 1 among others: nothing fails, and nobody else is asked, on any of them."""
    seen = await window("staff", size=size, dark=dark)
    for path in ("/", MANY, f"{MANY}&view=cards", "/browse/dates", "/browse/dates/2025?see=all"):
        page = await seen.open(path)
        await page.wait_for_load_state("networkidle")
        assert await seen.violations() == [], path
        assert not await seen.overflows(), path
    await seen.open(MANY)
    for sheet in ("filters", "columns", "more-of"):
        await page.locator(f".list button[popovertarget={sheet}-{KEY}]").click()
        assert await seen.violations() == [], sheet
        await page.keyboard.press("Escape")
    await page.set_viewport_size({"width": 320, "height": 640})
    for path in ("/", MANY, f"{MANY}&view=cards", "/browse/instruments"):
        await seen.open(path)
        assert not await seen.overflows(), path


async def test_the_first_page_tells_what_is_open(window: Opener, site: Site) -> None:
    """Check 1."""
    seen = await window()
    page = await seen.open("/")
    open_datasets = await site.search(
        "SELECT COUNT(d) FROM Dataset d WHERE d.investigation.releaseDate <= CURRENT_TIMESTAMP"
    )
    facts = page.locator("#home-facts")
    await expect(facts.locator("dd").first).to_have_text(f"{open_datasets[0]:,}")
    titles = await page.locator(".tilecard h3").all_inner_texts()
    newest = await site.search(
        "SELECT i.title FROM Investigation i WHERE i.releaseDate <= CURRENT_TIMESTAMP"
        " ORDER BY i.releaseDate DESC, i.id LIMIT 0, 6"
    )
    assert titles == newest


async def test_the_trees_lead_down_to_files_and_every_level_has_its_address(window: Opener) -> None:
    """Checks 2, 3 and 16."""
    seen = await window("staff")
    page = await seen.open(MANY)
    steps = [
        page.get_by_role("link", name="By instrument"),
        page.locator(".branches a").nth(0),
        page.locator(".branches a").nth(1),
        page.locator(".list tbody th > a").nth(0),
        page.locator(".list tbody th > a").nth(0),
    ]
    addresses = []
    for step in steps:
        async with page.expect_navigation():
            await step.click()
        addresses.append((page.url, await page.locator("h1").inner_text()))
    assert [address.partition(seen.site.url)[2].split("/")[1] for address, _ in addresses] == [
        "browse",
        "browse",
        "browse",
        "investigations",
        "datasets",
    ]
    for address, heading in addresses:
        await page.goto(address)
        await expect(page.locator("h1")).to_have_text(heading)
    await page.goto(addresses[2][0])
    crumbs = await page.locator(".crumbs li").all_inner_texts()
    assert [crumb.strip() for crumb in crumbs][1:] == ["By instrument", addresses[1][1], addresses[2][1]]
    await seen.open("/browse/proposals?see=all")
    async with page.expect_navigation():
        await page.locator(".branches a").first.click()
    visits = await names(page)
    assert visits
    async with page.expect_navigation():
        await page.locator(".list tbody th > a").first.click()
    await expect(page.locator("h1")).to_contain_text(visits[0])


async def test_my_data_are_those_with_a_role(window: Opener, site: Site) -> None:
    """Check 4."""
    seen = await window("visitor")
    page = await seen.open("/my-data")
    mine = await site.search(
        "SELECT DISTINCT i.title FROM Investigation i JOIN i.investigationUsers iu JOIN iu.user u"
        " WHERE u.name = 'db/visitor' ORDER BY i.title"
    )
    assert sorted(await names(page)) == mine
    roles = await page.locator(".tabs a .n").all_inner_texts()
    assert int(roles[0]) == len(mine)
    await page.locator(".tabs a").nth(1).click()
    await page.wait_for_url("**/my-data?role=*")
    assert len(await names(page)) == int(roles[1])
    stranger = await window()
    await stranger.open("/my-data")
    assert "/sign-in?to=" in stranger.page.url


async def test_open_data_are_the_same_for_everybody(window: Opener) -> None:
    """Check 5."""
    anonymous, member = await window(), await window("visitor")
    shown = []
    for seen in (anonymous, member):
        await seen.open("/browse?cols=title,visit&sort=visit")
        shown.append(await names(seen.page))
    assert shown[0] == shown[1] != []
    await member.page.get_by_role("link", name="All I may see").click()
    await member.page.wait_for_url("**see=all**")
    assert set(shown[0]) < set(await names(member.page))


async def test_typing_filters_on_the_server_and_characters_are_literal(window: Opener, site: Site) -> None:
    """Checks 8 and 13."""
    seen = await window("staff")
    page = await seen.open(MANY)
    everything = await counted(page)
    await page.locator(f"#row-{KEY}-title").type("CATHODES")
    await page.wait_for_url("**f.title=CATHODES**")
    await expect(page.locator(f"#row-{KEY}-title")).to_be_focused()
    having = await counted(page)
    titles = await names(page)
    assert 0 < having < everything
    assert all("cathodes" in title for title in titles)
    await page.reload()
    assert (await names(page), await page.locator(f"#row-{KEY}-title").input_value()) == (titles, "CATHODES")
    await page.locator(f"#row-{KEY}-title-how").select_option("not")
    await page.wait_for_url("**how.title=not**")
    await expect(page.locator(COUNT)).to_have_text(f"{everything - having} experiments")
    await seen.open(f"{MANY}&how.title=is&f.title={quote(titles[0])}")
    assert set(await names(page)) == {titles[0]}
    for typed in ("'", "%", "_", "\\", "é", "50 % of 'x' \\n é"):
        await seen.open(f"{MANY}&f.title={quote(typed)}")
        told = await site.search(
            f"SELECT i.title FROM Investigation i WHERE LOCATE('{typed.replace(chr(39), chr(39) * 2)}', i.title) > 0"
        )
        assert len(await names(page)) == len(told), typed


async def test_dates_sizes_and_choices(window: Opener, site: Site) -> None:
    """Check 9."""
    seen = await window("staff")
    page = await seen.open(f"{MANY}&sort=start")
    first = await page.locator(".list tbody time").first.get_attribute("datetime")
    assert first is not None
    day = await page.evaluate("moment => new Date(moment).toLocaleDateString('sv', {timeZone: 'Europe/Berlin'})", first)
    await seen.open(f"{MANY}&from.start={day}&to.start={day}")
    assert len(await names(page)) >= 1
    await expect(page.locator(".chip")).to_contain_text(f"from {day}, to {day}")
    await page.locator(f"#row-{KEY}-start-to").fill("yesterday")
    await expect(page.locator(f"#wrong-{KEY}")).to_contain_text("write a day, a month or a year")
    least = (await site.search("SELECT MAX(i.fileSize) FROM Investigation i"))[0]
    await seen.open(f"{MANY}&from.size={least}")
    assert len(await names(page)) == 1
    await page.locator(f"#row-{KEY}-instrument").select_option("ML07")
    await page.wait_for_url("**f.instrument=ML07**")


async def test_two_columns_sort_and_it_is_said(window: Opener) -> None:
    """Checks 10, 13 and 14."""
    seen = await window("staff")
    page = await seen.open(f"{MANY}&cols=title,instrument,start,size")
    await page.locator(f"#sort-{KEY}-title").click()
    await page.wait_for_url("**sort=title,-start**")
    assert await sorts(page) == {"Title": "ascending"}
    assert await page.locator("[data-also=descending]").inner_text() == "Start"
    await expect(page.locator(f"#said-{KEY}")).to_contain_text("sorted by Title, A to Z, then by Start, newest first")
    await expect(page.locator(f"#sort-{KEY}-title")).to_be_focused()
    found = await names(page)
    assert all(one <= other for one, other in pairwise(found))
    await page.locator("td.pick input").nth(1).check()
    await expect(page.locator(".selection")).to_contain_text("1 selected")
    await page.evaluate("scrollTo(0, 120)")
    await page.locator(".list tbody th > a").nth(1).click()
    await page.wait_for_url("**/investigations/**")
    await page.go_back()
    assert await names(page) == found
    await expect(page.locator("td.pick input").nth(1)).to_be_checked()
    assert await page.evaluate("scrollY") == 120


async def test_columns_are_chosen_ordered_widened_and_kept(window: Opener) -> None:
    """Check 11."""
    seen = await window("staff")
    page = await seen.open("/browse?see=all")
    usual = await page.locator("thead tr:first-child th[scope=col]").all_inner_texts()
    await page.locator(f".list button[popovertarget=columns-{KEY}]").click()
    await page.locator(f"#show-{KEY}-visit").uncheck()
    await page.wait_for_url("**cols=**")
    await page.locator(f"#up-{KEY}-size").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("thead tr:first-child th[scope=col]")).to_have_text(
        ["Title", "Instrument", "Start", "Size", "Datasets", "State"]
    )
    await expect(page.locator(f"#up-{KEY}-size")).to_be_focused()
    await page.locator(f"#wide-{KEY}-start").focus()
    for _ in range(20):
        await page.keyboard.press("ArrowRight")
    await page.wait_for_url("**wide=start:23**")
    assert await page.locator("th", has_text="Start").first.get_attribute("width") == str(23 * 16)
    again = await window("staff")
    kept = await again.open("/browse?see=all")
    await expect(kept.locator("thead tr:first-child th[scope=col]")).to_have_text(
        ["Title", "Instrument", "Start", "Size", "Datasets", "State"]
    )
    await kept.locator(f".list button[popovertarget=columns-{KEY}]").click()
    await kept.locator(f"#reset-{KEY}").click()
    await expect(kept.locator("thead tr:first-child th[scope=col]")).to_have_text(usual)


async def test_cards_keep_filters_and_their_facets_count(window: Opener) -> None:
    """Check 12."""
    seen = await window("staff")
    page = await seen.open(f"{MANY}&f.title=a")
    number = await counted(page)
    await page.get_by_role("link", name="Cards").click()
    await page.wait_for_url("**view=cards**")
    assert await counted(page) == number
    field = page.locator(f"#facets-{KEY} details", has_text="Instrument")
    choice = field.locator("label").first
    instruments = int(await choice.locator(".n").inner_text())
    await choice.click()
    await page.wait_for_url("**f.instrument=**")
    await expect(page.locator(COUNT)).to_have_text(f"{instruments} experiments")
    years = [
        int(text)
        for text in await page.locator(f"#facets-{KEY} details", has_text="Year").locator(".n").all_inner_texts()
    ]
    assert sum(years) == instruments


async def test_all_of_the_filter_goes_into_the_basket(window: Opener) -> None:
    """Check 15, with rows that are loaded and rows that are not."""
    seen = await window("staff")
    page = await seen.open("/browse?see=all")
    number = await counted(page)
    await page.locator("td.pick input").first.check()
    await page.locator("button[name=select][value=all]").click()
    await expect(page.locator("#basket-button")).to_have_attribute("aria-label", f"Basket, {number} items")


async def test_an_empty_list_says_why(window: Opener) -> None:
    """Check 17."""
    seen = await window()
    page = await seen.open("/browse?f.title=zzzz")
    await expect(page.locator(".empty")).to_contain_text("Nothing matches these filters")
    await page.get_by_role("link", name="Remove all filters").click()
    await page.wait_for_url("**/browse")
    assert await names(page)
    await seen.open("/browse/proposals?q=zzzz")
    await expect(page.locator(".empty")).to_contain_text("Data open when their embargo ends")


async def test_a_file_and_programs_have_the_same_rows(window: Opener, tmp_path: Path) -> None:
    """Check 18, and that what is copied from a list answers with its rows."""
    seen = await window()
    page = await seen.open("/browse?sort=title,-start&cols=title,visit,size")
    shown = await names(page)
    async with page.expect_download() as download:
        await page.get_by_role("link", name="CSV").click()
    text = Path(await (await download.value).path()).read_text("utf-8-sig")
    heads, *rows = csv.reader(io.StringIO(text))
    assert heads == ["Title", "Visit", "Size (B)"]
    assert [row[0] for row in rows][: len(shown)] == shown
    assert len(rows) == await counted(page)
    program = tmp_path / "copied.py"
    program.write_text(await page.locator(f"#programs-{KEY} pre").first.text_content() or "")
    printed = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True).stdout.split()
    links = await page.locator(".list tbody th > a").evaluate_all(
        "links => links.map(link => link.pathname.split('/').pop())"
    )
    assert printed[: len(links)] == links


async def test_without_script_a_list_filters_pages_and_fills_the_basket(window: Opener) -> None:
    seen = await window("root", scripts=False)
    page = await seen.open("/samples")
    await page.locator("#row-samples-name").fill("a")
    await page.get_by_role("button", name="Apply filters").first.click()
    assert page.url.endswith("/samples?f.name=a")
    await page.get_by_role("link", name="Count").click()
    assert await counted(page, "samples") == len(await names(page))
    await seen.open("/samples?rows=10")
    found = await names(page)
    assert len(found) == 10
    async with page.expect_navigation(url="**after=**"):
        await page.get_by_role("link", name="Load more").click()
    more = await names(page)
    assert await page.get_by_role("link", name="To the end").count() == 0
    async with page.expect_navigation(url="**before=**"):
        await page.get_by_role("link", name="Page before").click()
    assert await names(page) == found
    async with page.expect_navigation(url="**/samples?last=1"):
        await page.get_by_role("link", name="To the end").click()
    assert await names(page) == [*found, *more][-50:]
    await seen.open("/browse?see=all")
    await page.locator("td.pick input").first.check()
    await page.get_by_role("button", name="Add to basket").click()
    await expect(page.locator("#basket-button")).to_have_attribute("aria-label", "Basket, 1 item")


async def test_more_rows_come_in_their_order_and_the_address_has_them(window: Opener) -> None:
    """Check 6, as far as a small facility shows it."""
    seen = await window("root")
    page = await seen.open("/samples?rows=10")
    await page.locator("[data-more]").click()
    await page.wait_for_function("() => document.querySelectorAll('.list tbody tr').length > 10")
    await expect(page.locator(".list tbody th > a").nth(10)).to_be_focused()
    found = await names(page)
    assert found == sorted(found)
    await page.wait_for_url(f"**rows={len(found)}")
    assert await page.locator("[data-more]").count() == 0
    await page.reload()
    assert await names(page) == found


async def test_a_view_is_kept_by_a_name(window: Opener) -> None:
    seen = await window("visitor")
    page = await seen.open("/browse?see=all&f.title=e&sort=-size")
    await page.locator(f".list button[popovertarget=more-of-{KEY}]").click()
    await page.get_by_label("Name of this view").fill("Largest")
    await page.get_by_role("button", name="Keep this view").click()
    await seen.open("/browse")
    await page.locator(f".list button[popovertarget=more-of-{KEY}]").click()
    await page.get_by_role("link", name="Largest").click()
    await page.wait_for_url("**f.title=e&sort=-size")


async def test_lists_are_in_german(window: Opener) -> None:
    seen: Window = await window(locale="de-DE")
    page = await seen.open("/browse")
    await expect(page.locator(f"#said-{KEY}")).to_contain_text("sortiert nach Beginn, neueste zuerst, dann nach Titel")
    await seen.open("/instruments")
    await expect(page.locator("h1")).to_have_text("Instrumente")
