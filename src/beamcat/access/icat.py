"""Signing in with an authenticator plugin of ICAT (authn.*), asked by its REST protocol (ICAT specification I.2)."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import orjson
import structlog

from beamcat.access.sign_in import (
    USERNAME_AND_PASSWORD,
    AllowedNetworks,
    CredentialKey,
    WrongCredentials,
    storable,
    with_mechanism,
)
from beamcat.config import IcatAuthenticatorSettings
from beamcat.errors import InternalError, SessionError, Unavailable

ASKED_AGAIN_S = 10.0
"""A description older than this is fetched again when somebody wants it."""
LONGEST_USERNAME = 255
"""In characters."""

log = structlog.get_logger(__name__)


class PluginAway(Exception):
    """A URL does not answer, or not as a plugin does."""


class IcatAuthenticator:
    """A plugin of ICAT. Its URLs are asked in their order, the next one when one does not answer."""

    shares_session = False

    def __init__(
        self,
        mnemonic: str,
        networks: AllowedNetworks,
        settings: IcatAuthenticatorSettings,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mnemonic = mnemonic
        self._networks = networks
        self._settings = settings
        self._ticks = ticks
        self._ssl = ssl.create_default_context(cafile=settings.ca_file)
        self._keys: tuple[CredentialKey, ...] = USERNAME_AND_PASSWORD
        self._unlike: set[str] = set()
        self._asked = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    def description(self) -> tuple[CredentialKey, ...]:
        """What the plugin asks for, as it said last; user name and password until it said anything.

        Never waits: it has the plugin asked again in the background, where that was some seconds ago.
        """
        if self._ticks() - self._asked >= ASKED_AGAIN_S and (self._asking is None or self._asking.done()):
            self._asked = self._ticks()
            self._asking = asyncio.get_running_loop().create_task(self.ask_description())
        return self._keys

    async def ask_description(self) -> None:
        """Fetch the description from every URL.

        One that differs from the first is an error of that URL: it is left out until it says the same. When nobody
        answers, everything stays as it was.
        """
        self._asked = self._ticks()
        answers: dict[str, tuple[CredentialKey, ...]] = {}
        async with self._client() as http:
            for url in self._settings.urls:
                try:
                    answers[url] = _keys(await self._call(http, "GET", url, "description"))
                except (PluginAway, SessionError) as error:
                    log.error("an authenticator does not describe itself", mnemonic=self._mnemonic, error=str(error))
        if answers:
            self._keys = next(iter(answers.values()))
            self._unlike = {url for url, keys in answers.items() if keys != self._keys}
            for url in self._unlike:
                log.error("an authenticator describes itself unlike the first", mnemonic=self._mnemonic, url=url)

    async def authenticate(self, credentials: Mapping[str, str], address: str) -> str:
        """The user the plugin gives. `Unavailable` when none of the URLs answers."""
        self._networks.check(address)
        wanted = {"credentials": [{key: value} for key, value in credentials.items()], "ip": address}
        try:
            form = {"json": orjson.dumps(wanted).decode()}
        except orjson.JSONEncodeError:  # half a surrogate pair
            raise WrongCredentials("The username and password do not match") from None
        async with self._client() as http:
            for url in self._settings.urls:
                if url in self._unlike:
                    continue
                try:
                    answer = await self._call(http, "POST", url, "authenticate", form)
                except PluginAway as error:
                    log.warning("an authenticator is away", mnemonic=self._mnemonic, error=str(error))
                    continue
                except SessionError as error:
                    if credentials.get("username"):
                        raise WrongCredentials(error.message) from error
                    raise
                return self._user_name(answer)
        raise Unavailable(f"No authenticator of type {self._mnemonic} is working")

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(verify=self._ssl, timeout=self._settings.timeout_s)

    async def _call(
        self, http: httpx.AsyncClient, method: str, url: str, operation: str, form: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """The plugin's answer; `SessionError` with its message when it refuses."""
        full = f"{url.rstrip('/')}/authn.{self._settings.plugin or self._mnemonic}/{operation}"
        try:
            response = await http.request(method, full, data=form)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise PluginAway(f"{full}: {error!r}") from error
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            answer = None
        if response.is_success and isinstance(answer, dict):
            return answer
        if not response.is_success and isinstance(answer, dict) and "code" in answer and "message" in answer:
            raise SessionError(str(answer["message"]))
        log.error("an authenticator answered nonsense", url=full, status=response.status_code)
        raise InternalError(f"{full} answered {response.status_code} with something that is no answer")

    def _user_name(self, answer: Mapping[str, Any]) -> str:
        username, mechanism = answer.get("username"), answer.get("mechanism")
        if not isinstance(username, str) or not username or not isinstance(mechanism, str | None):
            log.error("an authenticator gave no user name", mnemonic=self._mnemonic)
            raise InternalError(f"authn.{self._mnemonic} gave no user name")
        given = self._settings.mechanism
        name = with_mechanism(mechanism or "" if given is None else given, username)
        if not storable(name) or len(name) > LONGEST_USERNAME:
            raise InternalError(f"authn.{self._mnemonic} gave a user name that cannot be kept")
        return name


def _keys(description: Mapping[str, Any]) -> tuple[CredentialKey, ...]:
    listed = description.get("keys")
    if not isinstance(listed, list) or not all(isinstance(k, dict) and isinstance(k.get("name"), str) for k in listed):
        raise PluginAway("its description has no keys")
    return tuple(CredentialKey(k["name"], k.get("hide") is True, k.get("pattern")) for k in listed)
