"""Signing in by ICAT's authenticator protocol: one Beamcat asks another."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from beamcat.access.icat import IcatAuthenticator
from beamcat.access.sign_in import USERNAME_AND_PASSWORD, AllowedNetworks, WrongCredentials
from beamcat.config import IcatAuthenticatorSettings
from beamcat.errors import InternalError, SessionError, Unavailable
from tests.running import Beamcat

from .clock import Clock
from .directory import free_port

CONFIG = """
[authenticator.simple]
kind = "simple"
expose = true
users = { ann = "sunshine" }

[authenticator.anon]
kind = "anon"
expose = true

[authenticator.local]
kind = "simple"
expose = true
networks = ["10.0.0.0/8"]
users = { ann = "sunshine" }

[authenticator.hidden]
kind = "simple"
users = { ann = "sunshine" }

[login_protection]
max_failures_per_user = 3
"""
HERE = "192.0.2.7"
ANN = {"username": "ann", "password": "sunshine"}


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beamcat]:
    running = Beamcat(tmp_path_factory.mktemp("plugin") / "home", "--port", "0", config=CONFIG)
    yield running
    running.stop()


def nobody() -> str:
    return f"http://127.0.0.1:{free_port()}"


def icat(mnemonic: str, *urls: str, clock: Clock | None = None, **more: Any) -> IcatAuthenticator:
    chosen = IcatAuthenticatorSettings.model_validate({"kind": "icat", "urls": urls, "timeout_s": 5, **more})
    ticks = (clock or Clock()).ticks
    return IcatAuthenticator(mnemonic, AllowedNetworks(mnemonic, chosen.networks), chosen, ticks)


async def test_the_plugin_says_who_it_is(plugin: Beamcat) -> None:
    assert await icat("simple", plugin.url).authenticate(ANN, HERE) == "simple/ann"
    assert await icat("anon", plugin.url).authenticate({}, HERE) == "anon/anon"
    assert await icat("uo", plugin.url, plugin="simple").authenticate(ANN, HERE) == "simple/ann"
    with pytest.raises(WrongCredentials, match="The username and password do not match"):
        await icat("simple", plugin.url).authenticate({**ANN, "password": "rain"}, HERE)
    with pytest.raises(SessionError, match="username cannot be null or empty"):
        await icat("simple", plugin.url).authenticate({}, HERE)


async def test_the_next_url_is_asked_when_one_is_away(plugin: Beamcat) -> None:
    assert await icat("simple", nobody(), plugin.url).authenticate(ANN, HERE) == "simple/ann"
    with pytest.raises(Unavailable, match="No authenticator of type simple is working"):
        await icat("simple", nobody(), nobody()).authenticate(ANN, HERE)


async def test_an_answer_that_is_none_is_a_fault(plugin: Beamcat) -> None:
    with pytest.raises(InternalError):
        await icat("simple", f"{plugin.url}/healthz").authenticate(ANN, HERE)


async def test_the_description_is_fetched_again(plugin: Beamcat, clock: Clock) -> None:
    authenticator = icat("anon", nobody(), plugin.url, clock=clock)
    assert authenticator.description() == USERNAME_AND_PASSWORD  # not known yet
    await asyncio.wait_for(authenticator.ask_description(), 10)
    assert authenticator.description() == ()


def test_what_is_not_exposed_is_not_there_and_an_address_is_not_believed(plugin: Beamcat) -> None:
    form = {"json": json.dumps({"credentials": [ANN], "ip": "10.0.0.1"})}
    assert plugin.http.post("/authn.hidden/authenticate", data=form).status_code == 404
    assert plugin.http.get("/authn.hidden/description").status_code == 404
    refused = plugin.http.post("/authn.local/authenticate", data=form)
    assert refused.status_code == 403
    message = "authn.local does not allow log in from your IP address 127.0.0.1"
    assert refused.json() == {"code": "AuthnException", "message": message}


def test_the_protocol_is_icats(plugin: Beamcat) -> None:
    assert plugin.http.get("/authn.simple/version").json() == {"version": "3.0.0"}
    keys = [{"name": "username"}, {"name": "password", "hide": True}]
    assert plugin.http.get("/authn.simple/description").json() == {"keys": keys}
    assert plugin.http.get("/authn.anon/description").json() == {"keys": []}
    assert plugin.http.get("/authn.simple/authenticate").status_code == 405
    assert plugin.http.get("/authn.simple/other").status_code == 404
    for body in ("x", "[]", "{", ""):
        assert plugin.http.post("/authn.simple/authenticate", data={"json": body}).status_code in {400, 403}, body


def test_guessing_is_slowed_down_here_too(plugin: Beamcat) -> None:
    form = {"json": json.dumps({"credentials": [{"username": "bob", "password": "rain"}]})}
    answers = [plugin.http.post("/authn.simple/authenticate", data=form).status_code for _ in range(5)]
    assert answers[0] == 403
    assert answers[-1] == 429
