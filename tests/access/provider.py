"""A real OpenID Connect provider (the npm package oidc-provider), started anew for each set of keys."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from joserfc.jwk import ECKey, RSAKey

from tests.alone import install_from_npm

FOLDER = Path(__file__).parent / "oidc"
AUDIENCE = "urn:beamcat:test"


def install() -> None:
    """The packages of the lock file, unless they are there."""
    install_from_npm(FOLDER, "oidc-provider")


def rsa(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"}, private=True)


def ec(kid: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"}, private=True)


@contextmanager
def running_provider(
    port: int,
    *keys: RSAKey | ECKey,
    alg: str = "RS256",
    seconds: int = 600,
    claims: dict[str, Any] | None = None,
    browser: dict[str, Any] | None = None,
) -> Iterator[str]:
    """The issuer of a provider that signs with these keys, until the end of the block.

    With a `browser` client, it has pages on which anybody signs in under any name.
    """
    jwks = {"keys": [key.as_dict(private=True) for key in keys]}
    wanted = {"port": port, "jwks": jwks, "alg": alg, "claims": claims or {}, "seconds": seconds, "browser": browser}
    process = subprocess.Popen(
        ["node", "provider.mjs"],
        cwd=FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(wanted) + "\n")
        process.stdin.flush()
        lines = iter(process.stdout.readline, "")
        assert any(line == "ready\n" for line in lines), process.stderr.read() if process.stderr else ""
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=20)


def token(issuer: str, scope: str | None = "icat") -> str:
    """A token of the client `ann`."""
    form = {"grant_type": "client_credentials", **({"scope": scope} if scope else {})}
    answer = httpx.post(f"{issuer}/token", data=form, auth=("ann", "sunshine"), trust_env=False)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])
