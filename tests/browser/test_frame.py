"""The frame of every page: signing in and out, choices of look, problems, and that pages fit and are accessible."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import DESKTOP, PHONE, Opener

PAGES = ("/", "/sign-in", "/style")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("size", "dark"), [(DESKTOP, False), (PHONE, True)])
async def test_a_page_is_accessible_and_fits(window: Opener, path: str, size: tuple[int, int], dark: bool) -> None:
    seen = await window(size=size, dark=dark)
    await seen.open(path)
    assert await seen.violations() == []
    assert not await seen.overflows()


async def test_signing_in_leads_back_and_signing_out_ends_it(window: Opener) -> None:
    seen = await window()
    page = await seen.open("/sign-in?to=/style")
    form = page.locator("form:has(#u-db)")
    await form.locator("input[name=username]").fill("visitor")
    await form.locator("input[name=password]").fill("beamcat")
    await form.locator("button").click()
    await page.wait_for_url("**/style")
    await page.get_by_role("button", name="Account of db/visitor").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("link", name="Sign in", exact=True)).to_be_visible()


async def test_a_wrong_password_is_said_and_the_name_kept(window: Opener) -> None:
    seen = await window()
    seen.expected.append("console: Failed to load resource: the server responded with a status of 401")
    page = await seen.open("/sign-in")
    form = page.locator("form:has(#u-db)")
    await form.locator("input[name=username]").fill("visitor")
    await form.locator("input[name=password]").fill("wrong")
    await form.locator("button").click()
    await expect(page.get_by_role("alert")).to_contain_text("Name or password is not right")
    await expect(page.locator("#u-db")).to_have_value("visitor")
