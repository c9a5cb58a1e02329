"""The administration: everything in one look, rights explained, announcements, the audit trail and statistics."""

from __future__ import annotations

import csv
import io

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PHONE, Opener

PATHS = (
    "",
    "/moves",
    "/downloads",
    "/people?q=visitor",
    "/rights?entity=Investigation&id={id}&user=db/visitor",
    "/rights?user=db/visitor",
    "/history",
    "/calls",
    "/statistics",
)


async def test_every_page_is_accessible_and_fits(window: Opener) -> None:
    desktop, phone = await window("root"), await window("root", size=PHONE, dark=True)
    (identifier,) = await desktop.site.search("SELECT MIN(i.id) FROM Investigation i")
    for seen in (desktop, phone):
        for path in PATHS:
            page = await seen.open(f"/admin{path.format(id=identifier)}")
            await expect(page.locator("h1")).to_be_visible()
            if seen is desktop or path in {"", "/history"}:
                assert await seen.violations() == [], path
            assert not await seen.overflows(), path


@pytest.mark.parametrize("user", ["visitor", None])
async def test_there_is_nothing_for_others(window: Opener, user: str | None) -> None:
    seen = await window(user)
    seen.expected.append("console: Failed to load resource: the server responded with a status of 404")
    page = await seen.open("/admin")
    if user is None:
        await page.wait_for_url("**/sign-in?to=*")
    else:
        await expect(page.get_by_role("heading", name="Nothing here")).to_be_visible()


async def test_who_may_see_something_and_why_is_said_in_words(window: Opener) -> None:
    seen = await window("root")
    query = "SELECT MIN(i.id) FROM Investigation i JOIN i.investigationUsers u WHERE u.user.name = 'db/visitor'"
    (own,) = await seen.site.search(query)
    page = await seen.open(f"/admin/rights?entity=Investigation&id={own}&user=db/visitor")
    await expect(page.get_by_text("May see and download it.")).to_be_visible()
    await expect(page.get_by_text("May not delete it.")).to_be_visible()
    await expect(page.locator(".timeline").first).to_contain_text("Investigation users")
    await seen.open("/admin/rights?user=db/visitor")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Investigation", exact=True))
    (readable,) = await seen.site.search("SELECT COUNT(i) FROM Investigation i", "db/visitor")
    await expect(row.locator("td").first).to_have_text(str(readable))


async def test_an_announcement_is_seen_by_everybody_until_it_is_ended(window: Opener) -> None:
    """Check 80."""
    seen, stranger = await window("root"), await window()
    page = await seen.open("/admin")
    await page.get_by_label("Text").fill('Tape library <b>stops</b> & "rests"')
    await page.get_by_role("button", name="Show it").click()
    await stranger.open("/")
    banner = stranger.page.locator(".banner.site")
    for _ in range(30):
        if await banner.count():
            break
        await stranger.page.wait_for_timeout(500)
        await stranger.page.reload()
    await expect(banner).to_contain_text('Tape library <b>stops</b> & "rests"')
    await page.get_by_role("button", name="End it").click()
    await expect(page.get_by_text("It is shown no longer.")).to_be_visible()


async def test_statistics_are_what_a_direct_count_says_and_come_as_csv(window: Opener) -> None:
    """Check 79."""
    seen = await window("root")
    answer = await seen.page.request.get(f"{seen.site.url}/admin/statistics?since=2000-01-01&csv=instruments")
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(await answer.text()))}
    assert rows
    for name, row in rows.items():
        query = f"""SELECT COUNT(i), SUM(i.fileSize) FROM Investigation i JOIN i.investigationInstruments n
                    WHERE n.instrument.name = '{name}'"""
        ((count, size),) = await seen.site.search(query)
        assert (int(row["investigations"]), int(row["size_bytes"])) == (count, size)
