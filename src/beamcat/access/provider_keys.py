"""The public keys of an OpenID Connect provider: fetched, kept, and fetched again when a token names an unknown one.

The discovery document (OpenID Connect Discovery 1.0 section 4) says where the keys are (RFC 7517 section 5).
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Any

import httpx
import orjson
import structlog
from joserfc import jwk
from joserfc.errors import JoseError

from beamcat.config import OidcAuthenticatorSettings
from beamcat.errors import Unavailable

LONGEST_ANSWER = 2**20
"""In bytes; a provider that sends more is not believed."""

log = structlog.get_logger(__name__)


class ProviderUnusable(Exception):
    """The provider does not answer, or answers something else than keys."""


class ProviderKeys:
    """The signing keys by their id (`kid`)."""

    def __init__(self, settings: OidcAuthenticatorSettings, ticks: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._ticks = ticks
        self._ssl = ssl.create_default_context(cafile=settings.ca_file)
        self._keys: dict[str, jwk.Key] = {}
        self._document: dict[str, Any] = {}
        self._fetched = float("-inf")
        self._tried = float("-inf")
        self._fetching = asyncio.Lock()

    async def find(self, kid: str) -> jwk.Key | None:
        """The key of that id, None when the provider has none.

        Keys are asked for again when they are old or when this one is unknown, but never more often than
        `keys_retry_s`, so that made-up ids do no harm. While the provider is away the old keys go on. `Unavailable`
        when there was never an answer.
        """
        if kid not in self._keys or self._are_old():
            async with self._fetching:
                if (kid not in self._keys or self._are_old()) and self._may_try():
                    await self._fetch()
        if not self._keys:
            raise Unavailable("The JWK configuration is not ready, try again in a few minutes")
        return self._keys.get(kid)

    async def document(self) -> dict[str, Any]:
        """What the provider says of itself (OpenID Connect Discovery 1.0 section 3). `Unavailable` as for `find`."""
        if not self._document or self._are_old():
            async with self._fetching:
                if (not self._document or self._are_old()) and self._may_try():
                    await self._fetch()
        if not self._document:
            raise Unavailable("The way to sign in that you chose does not answer; try again in a minute")
        return self._document

    def _are_old(self) -> bool:
        return self._ticks() - self._fetched > self._settings.keys_lifetime_s

    def _may_try(self) -> bool:
        return self._ticks() - self._tried >= self._settings.keys_retry_s

    async def _fetch(self) -> None:
        self._tried = self._ticks()
        issuer = self._settings.issuer
        url = self._settings.well_known_url or f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            async with httpx.AsyncClient(verify=self._ssl, timeout=self._settings.timeout_s) as http:
                document = await _get(http, url)
                if document.get("issuer") != issuer:
                    raise ProviderUnusable(f"{url} is about the issuer {document.get('issuer')}, not {issuer}")
                keys = await _get(http, str(document.get("jwks_uri")))
        except ProviderUnusable as error:
            log.error("no keys from the OpenID Connect provider", issuer=issuer, error=str(error))
            return
        self._keys, self._document = _signing_keys(keys.get("keys")), document
        self._fetched = self._ticks()


async def _get(http: httpx.AsyncClient, url: str) -> dict[str, Any]:
    try:
        async with http.stream("GET", url) as response:
            if response.status_code != 200:
                raise ProviderUnusable(f"{url} answered {response.status_code}")
            content = bytearray()
            async for part in response.aiter_bytes():
                content += part
                if len(content) > LONGEST_ANSWER:
                    raise ProviderUnusable(f"{url} answered more than {LONGEST_ANSWER} bytes")
        document = orjson.loads(content)
    except (httpx.HTTPError, httpx.InvalidURL, orjson.JSONDecodeError) as error:
        raise ProviderUnusable(f"{url}: {error!r}") from error
    if not isinstance(document, dict):
        raise ProviderUnusable(f"{url} answered no object")
    return document


def _signing_keys(listed: object) -> dict[str, jwk.Key]:
    """The keys that can sign; kinds of keys we do not know are left out (RFC 7517 section 5)."""
    found: dict[str, jwk.Key] = {}
    for described in listed if isinstance(listed, list) else []:
        if not isinstance(described, dict) or described.get("use", "sig") != "sig" or described.get("kty") == "oct":
            continue
        try:
            found[str(described["kid"])] = jwk.import_key(described)
        except (JoseError, KeyError, ValueError, TypeError) as error:
            log.warning("a key of the OpenID Connect provider is unusable", kid=described.get("kid"), error=repr(error))
    return found
