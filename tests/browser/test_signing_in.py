"""Signing in at a real OpenID Connect provider, tokens, sessions that end, and windows that sign out together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.access.directory import free_port
from tests.access.provider import install, rsa, running_provider
from tests.browser.conftest import DESKTOP, PHONE, Opener, Window
from tests.running import Beamcat

CONFIG = """
[server]
port = {port}
[catalogue]
session_lifetime_minutes = 1
root_user_names = ["simple/root"]
[authenticator.people]
kind = "oidc"
friendly = "Facility account"
hint = "the one of the user office"
issuer = "{issuer}"
client_id = "portal"
client_secret = "with space & more"
[authenticator.public]
kind = "oidc"
friendly = "Home institution"
issuer = "{issuer}"
client_id = "elsewhere"
[authenticator.simple]
kind = "simple"
friendly = "Staff"
users = {{ root = "beamcat" }}
[authenticator.anon]
kind = "anon"
"""


@dataclass(frozen=True)
class House:
    """A server whose people sign in at a provider."""

    server: Beamcat
    issuer: str


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    install()
    port, provider_port = free_port(), free_port()
    client = {
        "client_id": "portal",
        "client_secret": "with space & more",
        "redirect_uris": [f"http://127.0.0.1:{port}/sign-in/people/back"],
        "post_logout_redirect_uris": [f"http://127.0.0.1:{port}/"],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
    }
    with running_provider(provider_port, rsa("one"), browser=client) as issuer:
        home: Path = tmp_path_factory.mktemp("signing-in") / "home"
        server = Beamcat(home, config=CONFIG.format(port=port, issuer=issuer), portal=True)
        yield House(server, issuer)
        server.stop()


async def opened(window: Opener, house: House, **options: object) -> Window:
    seen = await window(**options)
    seen.expected.extend([f"asked elsewhere: {house.server.url}", f"asked elsewhere: {house.issuer}"])
    # the provider's own pages
    seen.expected.extend(
        ["asked elsewhere: https://fonts.googleapis.com", "console: Refused to", "console: Failed to load"]
    )
    return replace(seen, site=replace(seen.site, url=house.server.url))


async def at_provider(page: Page, house: House, name: str) -> None:
    await page.wait_for_url(f"{house.issuer}/interaction/**")
    await page.fill("input[name=login]", name)
    await page.fill("input[name=password]", "anything")
    await page.click("button[type=submit]")
    await page.click("button[type=submit]")  # the consent


async def test_a_provider_lets_people_in_and_they_come_back_to_where_they_were(window: Opener, house: House) -> None:
    """Checks 70 and 73."""
    seen = await opened(window, house)
    page = await seen.open("/sign-in?to=/account%23tokens")
    assert await seen.violations() == []
    await page.get_by_role("link", name="Facility account the one of the user office").click()
    await at_provider(page, house, "ann")
    await page.wait_for_url(f"{house.server.url}/account*")
    await expect(page.locator(".facts").get_by_text("people/ann")).to_be_visible()
    assert "session" not in page.url
    cookies = {cookie["name"]: cookie for cookie in await page.context.cookies()}
    assert cookies["beamcat_session"]["httpOnly"]
    assert cookies["beamcat_session"]["sameSite"] == "Lax"
    assert "beamcat_sign_in" not in cookies
    await page.get_by_role("button", name="Account of people/ann").click()
    await page.get_by_role("button", name="Sign out", exact=True).click()
    there = await page.get_by_role("link", name="Sign out of Facility account").get_attribute("href")
    assert there is not None
    assert there.startswith(f"{house.issuer}/session/end?")
    await seen.open("/sign-in")
    await expect(page.get_by_text("used last time here")).to_be_visible()


async def test_an_answer_that_this_browser_did_not_ask_for_signs_nobody_in(window: Opener, house: House) -> None:
    """Else people would be signed in as somebody else, and leave their data there."""
    other = await opened(window, house)
    await other.open("/sign-in/people")
    await other.page.wait_for_url(f"{house.issuer}/interaction/**")
    await other.page.context.clear_cookies(name="beamcat_sign_in")  # so that the code is not used up
    await at_provider(other.page, house, "mallory")
    await expect(other.page.get_by_role("alert")).to_contain_text("begun in another browser")
    victim = await opened(window, house)
    await victim.open("/sign-in/people")
    await victim.page.wait_for_url(f"{house.issuer}/interaction/**")
    await victim.page.goto(other.page.url)
    await expect(victim.page.get_by_role("alert")).to_contain_text("begun elsewhere")
    assert "beamcat_session" not in {cookie["name"] for cookie in await victim.page.context.cookies()}


async def test_who_is_not_let_in_is_told_why(window: Opener, house: House) -> None:
    seen = await opened(window, house)
    page = await seen.open("/sign-in/people")
    await page.wait_for_url(f"{house.issuer}/interaction/**")
    await page.click("text=[ Cancel ]")
    await expect(page.get_by_role("alert")).to_contain_text("You were not let in")


async def test_a_token_is_made_shown_once_used_and_revoked(window: Opener, house: House) -> None:
    """Check 85."""
    seen = await opened(window, house, size=PHONE, dark=True)
    page = await signed_in(seen)
    await seen.open("/account")
    await page.get_by_label("What is it for?").fill("notebook")
    await page.get_by_role("button", name="Make a token").click()
    token = await page.locator(".code pre").text_content()
    assert token is not None
    version = httpx.get(f"{house.server.url}/icat/session/{token}", trust_env=False)
    assert version.json()["userName"] == "simple/root"
    assert await seen.violations() == []
    assert not await seen.overflows()
    await seen.open("/account")
    assert token not in await page.content()
    await page.get_by_role("button", name="Revoke notebook").click()
    await expect(page.get_by_text("The token notebook is revoked")).to_be_visible()


async def test_a_session_that_ends_is_told_of_and_signed_in_again_beside_the_page(window: Opener, house: House) -> None:
    """Check 71."""
    seen = await opened(window, house, size=DESKTOP)
    page = await signed_in(seen)
    await seen.open("/account")
    await page.get_by_label("What is it for?").fill("half written")
    await look(page)
    await expect(page.get_by_role("heading", name="Your session ends in 1 minutes")).to_be_visible()
    assert await seen.violations() == []
    await page.get_by_role("button", name="Stay signed in").click()
    await expect(page.get_by_role("dialog")).to_be_hidden()
    (session,) = [c["value"] for c in await page.context.cookies() if c["name"] == "beamcat_session"]
    assert house.server.http.delete(f"/icat/session/{session}").status_code == 204
    await page.wait_for_timeout(1100)  # as long as a worker trusts what it read
    await look(page)
    beside = page.get_by_role("dialog")
    await expect(beside.get_by_role("heading", name="Your session has ended")).to_be_visible()
    await beside.get_by_text("Staff").click()
    await beside.get_by_label("Name").fill("root")
    await beside.get_by_label("Password").fill("beamcat")
    await beside.get_by_role("button", name="Sign in").click()
    await expect(beside).to_be_hidden()
    await expect(page.get_by_label("What is it for?")).to_have_value("half written")


async def test_signing_out_in_one_window_empties_the_others(window: Opener, house: House) -> None:
    """Check 72."""
    seen = await opened(window, house)
    page = await signed_in(seen)
    await seen.open("/account")
    other = await page.context.new_page()
    await other.goto(f"{house.server.url}/account")
    await other.get_by_role("button", name="Sign out everywhere").click()
    await page.wait_for_url("**/sign-in?to=*")
    await page.go_back()
    await expect(page.get_by_text("simple/root")).to_have_count(0)


async def signed_in(seen: Window) -> Page:
    page = await seen.open("/sign-in")
    form = page.locator("form:has(#u-simple)")
    await form.locator("input[name=username]").fill("root")
    await form.locator("input[name=password]").fill("beamcat")
    await form.locator("button").click()
    await page.wait_for_url(lambda url: "/sign-in" not in url)
    return page


async def look(page: Page) -> None:
    await page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
