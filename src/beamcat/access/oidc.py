"""Signing in with a token of an OpenID Connect provider, as ICAT's authn.oidc does (ICAT specification I.3).

The token is a signed JWT (RFC 7519). Its signature is checked with the provider's keys, then issuer, audience, times
and scope; a claim of it becomes the user name. A token cannot be guessed, so refused ones are not counted as guesses:
an expired token in a script must not keep everybody else of the same address out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from joserfc import jws, jwt
from joserfc.errors import JoseError

from beamcat.access.provider_keys import ProviderKeys
from beamcat.access.sign_in import AllowedNetworks, CredentialKey, storable, with_mechanism
from beamcat.config import OidcAuthenticatorSettings
from beamcat.errors import SessionError

LONGEST_TOKEN = 65_536
"""In characters."""
LONGEST_USERNAME = 255
"""In characters."""

Claims = Mapping[str, Any]


class OidcAuthenticator:
    """Whoever has a token of the provider."""

    shares_session = False

    def __init__(
        self,
        mechanism: str,
        networks: AllowedNetworks,
        settings: OidcAuthenticatorSettings,
        clock: Callable[[], float] = time.time,
        keys: ProviderKeys | None = None,
    ) -> None:
        self._mechanism = mechanism
        self._networks = networks
        self._settings = settings
        self._clock = clock
        self._keys = keys or ProviderKeys(settings)

    @property
    def settings(self) -> OidcAuthenticatorSettings:
        """What the facility has said of the provider."""
        return self._settings

    async def provider(self) -> Mapping[str, Any]:
        """What the provider says of itself. `Unavailable` while it does not answer."""
        return await self._keys.document()

    def description(self) -> tuple[CredentialKey, ...]:
        """The token."""
        return (CredentialKey("token", hide=True),)

    async def authenticate(self, credentials: Mapping[str, str], address: str) -> str:
        """The user the token speaks of. `Unavailable` while the provider's keys are not there yet."""
        token = credentials.get("token")
        if not token:
            raise SessionError("The token cannot be null or empty")
        self._networks.check(address)
        claims = await self._verified(token)
        check_issuer(claims, self._settings.issuer)
        check_times(claims, self._clock(), self._settings.leeway_s)
        if self._settings.audience:
            check_audience(claims, self._settings.audience)
        if self._settings.required_scope is not None:
            check_scope(claims, self._settings.required_scope)
        return self._user(claims)

    async def user_of_id_token(self, token: str, nonce: str, address: str) -> str:
        """The user an ID token speaks of (OpenID Connect Core 1.0 section 3.1.3.7), one that answers to this `nonce`.

        Raises `SessionError`, and `Unavailable` while the provider's keys are not there.
        """
        self._networks.check(address)
        claims = await self._verified(token)
        check_issuer(claims, self._settings.issuer)
        check_times(claims, self._clock(), self._settings.leeway_s)
        client = self._settings.client_id
        assert client is not None
        check_audience(claims, (client,))
        if claims.get("azp", client) != client or claims.get("nonce") != nonce:
            raise _invalid()
        return self._user(claims)

    def _user(self, claims: Claims) -> str:
        name = user_name(claims, self._mechanism, self._settings)
        if not storable(name) or len(name) > LONGEST_USERNAME:
            raise _invalid()
        return name

    async def _verified(self, token: str) -> Claims:
        """The claims of a token that the provider signed."""
        header = _header(token)
        if "kid" not in header:
            raise SessionError("The token is missing a kid")
        if header.get("alg") not in self._settings.algorithms:
            raise _invalid()  # before any key is looked for: `none` and the symmetric ones never get further
        key = await self._keys.find(str(header["kid"]))
        if key is None:
            raise SessionError("Unable to find a public key matching the kid")
        if (key.alg or header["alg"]) != header["alg"]:
            raise _invalid()
        try:
            return jwt.decode(token, key, algorithms=list(self._settings.algorithms)).claims
        except (JoseError, ValueError, TypeError) as error:
            raise _invalid() from error


def check_issuer(claims: Claims, issuer: str) -> None:
    """Raise `SessionError` unless the token is from this issuer."""
    if claims.get("iss") is None:
        raise SessionError("The token is missing the iss claim")
    if claims["iss"] != issuer:
        raise SessionError("The iss claim of the token does not match the configured issuer")


def check_times(claims: Claims, now: float, leeway_s: float) -> None:
    """Raise `SessionError` unless the token is valid at `now`, in seconds since 1970. It has to expire some day."""
    expires, begins = claims.get("exp"), claims.get("nbf", 0)
    if isinstance(expires, bool) or not isinstance(expires, int | float) or not isinstance(begins, int | float):
        raise _invalid()
    if now >= expires + leeway_s:
        raise SessionError("The token has expired")
    if now < begins - leeway_s:
        raise _invalid()


def check_audience(claims: Claims, allowed: tuple[str, ...]) -> None:
    """Raise `SessionError` unless the token is meant for one of `allowed`."""
    meant_for = claims.get("aud")
    if not set(meant_for if isinstance(meant_for, list) else [meant_for]) & set(allowed):
        raise SessionError("The aud claim of the token does not match the configured audience")


def check_scope(claims: Claims, required: str) -> None:
    """Raise `SessionError` unless the token carries the scope."""
    scope = claims.get("scope", claims.get("scp"))
    if scope is None:
        raise SessionError("The token is missing the scope claim")
    if required not in (scope if isinstance(scope, list) else str(scope).split()):
        raise SessionError(f"The token is missing the required scope {required}")


def user_name(claims: Claims, mechanism: str, settings: OidcAuthenticatorSettings) -> str:
    """The user of the token: from `user_claim`, else from `sub`; with the mechanism as ICAT's plugin does it.

    A claim `a/b` is mechanism and name; a claim without a slash is a name without mechanism; with
    `user_prepend_mechanism` the mechanism goes in front of either.
    """
    claimed = claims.get(settings.user_claim) if settings.user_claim is not None else None
    if claimed is None:
        if settings.user_claim is not None and settings.user_claim_exception:
            raise SessionError("The token is missing an ICAT username")
        return with_mechanism(mechanism, _name(claims.get("sub")))
    name = _name(claimed)
    return with_mechanism(mechanism, name) if settings.user_prepend_mechanism else name


def _name(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise SessionError("The token is missing an ICAT username")
    return value


def _header(token: str) -> Mapping[str, Any]:
    try:
        if len(token) > LONGEST_TOKEN:
            raise ValueError("longer than any token")
        return jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError, TypeError, KeyError, orjson.JSONDecodeError) as error:
        raise SessionError("The token could not be decoded") from error


def _invalid() -> SessionError:
    return SessionError("The token is invalid")
