"""Signing in with tokens of a real OpenID Connect provider."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from joserfc import jwt

from beamcat.access.oidc import OidcAuthenticator, check_audience, check_times, user_name
from beamcat.access.provider_keys import ProviderKeys
from beamcat.access.sign_in import AllowedNetworks, CredentialKey, WrongCredentials
from beamcat.config import OidcAuthenticatorSettings
from beamcat.errors import SessionError, Unavailable

from .clock import Clock
from .directory import free_port
from .provider import AUDIENCE, ec, install, rsa, running_provider, token

HERE = "192.0.2.7"
KEY = rsa("first")


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    install()
    with running_provider(free_port(), KEY, claims={"icat_user": "uo/ann", "plain": "ann"}) as running:
        yield running


def oidc(issuer: str, clock: Clock | None = None, **more: Any) -> OidcAuthenticator:
    chosen = OidcAuthenticatorSettings.model_validate({"kind": "oidc", "issuer": issuer, **more})
    keys = ProviderKeys(chosen, clock.ticks) if clock else None
    return OidcAuthenticator("oidc", AllowedNetworks("oidc", chosen.networks), chosen, keys=keys)


async def sign_in(authenticator: OidcAuthenticator, given: str) -> str:
    return await authenticator.authenticate({"token": given}, HERE)


async def refusal(authenticator: OidcAuthenticator, given: str) -> str:
    with pytest.raises(SessionError) as refused:
        await sign_in(authenticator, given)
    assert not isinstance(refused.value, WrongCredentials)
    return refused.value.message


def forged(issuer: str, header: dict[str, Any], key: Any = KEY, **claims: Any) -> str:
    """A token signed with any key, with any claims."""
    full = {"iss": issuer, "sub": "ann", "exp": int(time.time()) + 600, **claims}
    given = {name: value for name, value in full.items() if value is not None}
    return jwt.encode({"alg": "RS256", **header}, given, key, algorithms=["RS256", "ES256", "HS256"])


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    return ".".join([*parts, ""])


def signed_with_the_public_key(claims: dict[str, Any]) -> str:
    """HS256, the secret being what everybody can read: no library would make it, an attacker does."""
    start = unsigned({"alg": "HS256", "kid": "first"}, claims)[:-1]
    digest = hmac.digest(KEY.as_pem(private=False), start.encode(), "sha256")
    return f"{start}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


async def test_a_token_of_the_provider_lets_in(issuer: str) -> None:
    assert await sign_in(oidc(issuer), token(issuer)) == "oidc/ann"
    assert await sign_in(oidc(issuer, audience=[AUDIENCE], required_scope="icat"), token(issuer)) == "oidc/ann"
    assert oidc(issuer).description() == (CredentialKey("token", hide=True),)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"user_claim": "icat_user"}, "uo/ann"),
        ({"user_claim": "icat_user", "user_prepend_mechanism": True}, "oidc/uo/ann"),
        ({"user_claim": "plain"}, "ann"),
        ({"user_claim": "plain", "user_prepend_mechanism": True}, "oidc/ann"),
        ({"user_claim": "absent"}, "oidc/ann"),
    ],
)
async def test_the_user_name_comes_from_the_claim_of_the_settings(
    issuer: str, options: dict[str, Any], name: str
) -> None:
    assert await sign_in(oidc(issuer, **options), token(issuer)) == name


async def test_every_refusal_has_the_text_of_icats_plugin(issuer: str) -> None:
    good, kid = token(issuer), {"kid": "first"}
    assert await refusal(oidc(issuer), "") == "The token cannot be null or empty"
    for nonsense in ("x", "a.b.c", "a.b", good + ".x", "\ud800", "é.é.é", "x" * 100_000):
        assert await refusal(oidc(issuer), nonsense) == "The token could not be decoded"
    missing_scope = oidc(issuer, required_scope="admin")
    assert await refusal(missing_scope, good) == "The token is missing the required scope admin"
    assert await refusal(missing_scope, token(issuer, scope=None)) == "The token is missing the scope claim"
    assert await refusal(oidc(issuer), forged(issuer, kid, iss=None)) == "The token is missing the iss claim"
    mismatch = "The iss claim of the token does not match the configured issuer"
    assert await refusal(oidc(issuer), forged("https://elsewhere", kid)) == mismatch
    assert await refusal(oidc(issuer), forged(issuer, {})) == "The token is missing a kid"
    unknown = "Unable to find a public key matching the kid"
    assert await refusal(oidc(issuer), forged(issuer, {"kid": "other"})) == unknown
    expired = int(time.time()) - 60
    assert await refusal(oidc(issuer), forged(issuer, kid, exp=expired)) == "The token has expired"
    assert await sign_in(oidc(issuer, leeway_s=120), forged(issuer, kid, exp=expired)) == "oidc/ann"
    claim = oidc(issuer, user_claim="absent", user_claim_exception=True)
    assert await refusal(claim, good) == "The token is missing an ICAT username"
    other = oidc(issuer, audience=["urn:other"])
    assert await refusal(other, good) == "The aud claim of the token does not match the configured audience"


async def test_a_token_that_the_provider_did_not_sign_is_invalid(issuer: str) -> None:
    head, body, signature = token(issuer).split(".")
    claims = {"iss": issuer, "sub": "root", "exp": int(time.time()) + 600}
    other_body = unsigned({}, claims).split(".")[1]
    for bad in (
        forged(issuer, {"kid": "first"}, key=rsa("first")),
        f"{head}.{other_body}.{signature}",
        f"{head}.{body}.",
        unsigned({"alg": "none", "kid": "first"}, claims),
        signed_with_the_public_key(claims),
        forged(issuer, {"alg": "ES256", "kid": "first"}, key=ec("first")),
        forged(issuer, {"kid": "first"}, exp=None),
        forged(issuer, {"kid": "first"}, nbf=int(time.time()) + 600),
    ):
        assert await refusal(oidc(issuer), bad) == "The token is invalid"
    assert await refusal(oidc(issuer, algorithms=["ES256"]), token(issuer)) == "The token is invalid"


async def test_a_rotated_key_is_fetched_once_a_token_names_it(clock: Clock) -> None:
    install()
    port, old, new = free_port(), rsa("old"), ec("new")
    with running_provider(port, old) as issuer:
        authenticator = oidc(issuer, clock)
        before = token(issuer)
        assert await sign_in(authenticator, before) == "oidc/ann"
    assert await sign_in(authenticator, before) == "oidc/ann"  # without the provider
    with running_provider(port, new, alg="ES256") as issuer:
        after = token(issuer)
        assert await refusal(authenticator, after) == "Unable to find a public key matching the kid"  # asked just now
        clock.advance(seconds=11)
        assert await sign_in(authenticator, after) == "oidc/ann"
        assert await refusal(authenticator, before) == "Unable to find a public key matching the kid"
    clock.advance(minutes=120)
    assert await sign_in(authenticator, after) == "oidc/ann"  # old keys go on while the provider is away


async def test_without_any_answer_of_the_provider_it_is_unavailable(issuer: str, clock: Clock) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unavailable, match="The JWK configuration is not ready"):
        await sign_in(oidc(nobody, clock), forged(nobody, {"kid": "first"}))
    about_another = oidc("https://elsewhere", clock, well_known_url=f"{issuer}/.well-known/openid-configuration")
    with pytest.raises(Unavailable):
        await sign_in(about_another, forged("https://elsewhere", {"kid": "first"}))


async def test_networks_hold_for_tokens_too(issuer: str) -> None:
    assert "does not allow log in from your IP address" in await refusal(
        oidc(issuer, networks=["10.0.0.0/8"]), token(issuer)
    )


def test_claims_of_a_wrong_type_are_refused() -> None:
    settings = OidcAuthenticatorSettings(kind="oidc", issuer="x", user_claim="user")
    for value in (1, "", ["ann"], {}, True):
        with pytest.raises(SessionError):
            user_name({"user": value}, "oidc", settings)
        with pytest.raises(SessionError):
            check_times({"exp": value if value != 1 else "1"}, 0, 0)
    with pytest.raises(SessionError):
        check_audience({}, ("a",))
    check_audience({"aud": ["b", "a"]}, ("a",))
