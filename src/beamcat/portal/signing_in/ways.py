"""The ways to sign in that a browser can go."""

from __future__ import annotations

from dataclasses import dataclass

from beamcat.access.authenticators import SignIn
from beamcat.access.oidc import OidcAuthenticator
from beamcat.portal.page import Asking

LAST_COOKIE = "beamcat_last_way"
KEPT_S = 365 * 86400


@dataclass(frozen=True, slots=True)
class Way:
    """One way: its mnemonic, its label, who it is for, and whether it was the last one used in this browser.

    `is_admin`: meant for administrators, so it is not in front.
    """

    mnemonic: str
    label: str
    hint: str
    is_admin: bool
    is_last: bool


def password_ways(asking: Asking) -> list[Way]:
    """Those that take a name and a password."""
    return [_way(asking, sign_in) for sign_in in _all(asking) if _takes_password(sign_in)]


def providers(asking: Asking) -> list[Way]:
    """Those at a provider, where the browser is sent to."""
    return [_way(asking, sign_in) for sign_in in _all(asking) if provider_of(sign_in) is not None]


def provider_of(sign_in: SignIn | None) -> OidcAuthenticator | None:
    """The provider of a way to sign in, if browsers can go there."""
    found = None if sign_in is None else sign_in.authenticator
    return found if isinstance(found, OidcAuthenticator) and found.settings.client_id is not None else None


def _all(asking: Asking) -> list[SignIn]:
    return list(asking.core.sessions.sign_ins.values())


def _takes_password(sign_in: SignIn) -> bool:
    return {"username", "password"} <= {key.name for key in sign_in.authenticator.description()}


def _way(asking: Asking, sign_in: SignIn) -> Way:
    found = provider_of(sign_in)
    return Way(
        mnemonic=sign_in.mnemonic,
        label=sign_in.friendly or sign_in.mnemonic,
        hint="" if found is None else found.settings.hint or "",
        is_admin=sign_in.admin,
        is_last=asking.request.cookies.get(LAST_COOKIE) == sign_in.mnemonic,
    )
