"""Signing in at an OpenID Connect provider with a browser: the authorization code flow with PKCE.

OpenID Connect Core 1.0 section 3.1, RFC 7636 and RFC 9700. What is to be known when the browser comes back is a `Flow`:
the caller has it kept by that browser, and by no other.
"""

from __future__ import annotations

import base64
import secrets
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote_plus, urlencode

import httpx
import orjson

from beamcat.access.oidc import OidcAuthenticator
from beamcat.errors import SessionError, Unavailable

RANDOM_BYTES = 32
LONGEST_ANSWER = 2**20
"""In bytes."""


class NotSignedIn(SessionError):
    """The provider has not let them in, or the answer is not one to this browser's question."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One attempt to sign in. `verifier` is the secret of PKCE."""

    state: str
    nonce: str
    verifier: str


class OidcSignIn:
    """Leads a browser to the provider and takes it back."""

    def __init__(self, authenticator: OidcAuthenticator) -> None:
        self._authenticator = authenticator
        self._settings = authenticator.settings
        self._ssl = ssl.create_default_context(cafile=self._settings.ca_file)

    async def begin(self, redirect_uri: str) -> tuple[str, Flow]:
        """The address at the provider, and what to keep until the browser is back. `Unavailable` without provider."""
        flow = Flow(*(secrets.token_urlsafe(RANDOM_BYTES) for _ in range(3)))
        endpoint = str((await self._authenticator.provider())["authorization_endpoint"])
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self._settings.scopes),
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": challenge(flow.verifier),
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}", flow

    async def finish(self, flow: Flow, answer: Mapping[str, str], redirect_uri: str, address: str) -> str:
        """The user, by the parameters with which the browser has come back.

        Raises `NotSignedIn`, `SessionError` for an ID token that is not right, and `Unavailable`.
        """
        if not secrets.compare_digest(answer.get("state", "").encode(), flow.state.encode()):
            raise NotSignedIn("This sign-in was begun elsewhere, or too long ago; begin again")
        if "error" in answer:
            raise NotSignedIn(f"You were not let in: {answer.get('error_description') or answer['error']}"[:500])
        if answer.get("iss", self._settings.issuer) != self._settings.issuer:
            raise NotSignedIn("The answer is from another provider")  # RFC 9207
        form = {
            "grant_type": "authorization_code",
            "code": answer.get("code", ""),
            "redirect_uri": redirect_uri,
            "client_id": self._settings.client_id or "",
            "code_verifier": flow.verifier,
        }
        token = await self._token(form)
        return await self._authenticator.user_of_id_token(str(token.get("id_token", "")), flow.nonce, address)

    async def end_address(self, back: str) -> str | None:
        """Where somebody ends the session at the provider (RP-Initiated Logout 1.0); None where it offers none."""
        endpoint = (await self._authenticator.provider()).get("end_session_endpoint")
        if not endpoint:
            return None
        return f"{endpoint}?{urlencode({'client_id': self._settings.client_id, 'post_logout_redirect_uri': back})}"

    async def _token(self, form: Mapping[str, str]) -> Mapping[str, object]:
        """What the token endpoint answers (RFC 6749 section 4.1.3)."""
        endpoint = str((await self._authenticator.provider())["token_endpoint"])
        secret = self._settings.client_secret
        # RFC 6749 section 2.3.1: both are form-encoded before they become a header
        known = None
        if secret is not None:
            known = httpx.BasicAuth(quote_plus(form["client_id"]), quote_plus(secret.get_secret_value()))
        try:
            async with httpx.AsyncClient(verify=self._ssl, timeout=self._settings.timeout_s) as http:
                answer = await http.post(
                    endpoint, data=form, auth=known or httpx.USE_CLIENT_DEFAULT, headers={"Accept": "application/json"}
                )
            told = orjson.loads(answer.content[:LONGEST_ANSWER])
        except (httpx.HTTPError, orjson.JSONDecodeError) as error:
            raise Unavailable("The way to sign in that you chose does not answer; try again in a minute") from error
        if answer.status_code != 200 or not isinstance(told, dict):
            reason = told.get("error_description") or told.get("error") if isinstance(told, dict) else None
            raise NotSignedIn(f"The provider has not confirmed it: {reason or answer.status_code}"[:500])
        return told


def challenge(verifier: str) -> str:
    """The code challenge of a verifier (RFC 7636 section 4.2, S256)."""
    return base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
