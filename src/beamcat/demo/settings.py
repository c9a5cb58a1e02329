"""How `beamcat demo` is set up: who may sign in, and with which password."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from beamcat.config import AuthenticatorSettings, CatalogueSettings, IdsSettings, Settings, load_settings

PASSWORD = "beamcat"  # noqa: S105 (printed on the screen: an example is open to those who run it)
"""Password of every account of the example facility."""

ROOT = "simple/root"
"""The administrator, who also loads the facility."""

ACCOUNTS = ("visitor", "pi", "staff", "curator")
"""Names typed at login with the `db` authenticator; in the catalogue they are `db/visitor` and so on."""


def demo_settings(home: Path, **overrides: Any) -> Settings:
    """The settings of the example facility in `home`; `overrides` are whole sections, such as `server=...`.

    `BEAMCAT_*` variables count too, except for the authenticators and the root user, which the example needs.
    """
    return load_settings(
        home=home,
        catalogue=CatalogueSettings(root_user_names=(ROOT,)),
        ids=IdsSettings(catalogue_checksums_are_crc32=True, trust_catalogue_checksums=True),
        authenticator={
            "simple": AuthenticatorSettings(
                kind="simple", friendly="Administrator", admin=True, users={"root": SecretStr(PASSWORD)}
            ),
            "db": AuthenticatorSettings(kind="db", friendly="Facility account"),
            "anon": AuthenticatorSettings(kind="anon", friendly="Without an account"),
        },
        **overrides,
    )


def demo_accounts() -> dict[str, str]:
    """The `db` accounts of the example facility with their passwords, to be made before it is loaded."""
    return dict.fromkeys(ACCOUNTS, PASSWORD)
