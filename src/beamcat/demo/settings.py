"""How `beamcat demo` is set up: who may sign in, with which password, and where the data are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from beamcat.config import (
    AuthenticatorSettings,
    CatalogueSettings,
    CommandArchiveSettings,
    IdsSettings,
    PortalSettings,
    Settings,
    StoreSettings,
    load_settings,
)
from beamcat.demo import tape
from beamcat.demo.people import HOUSE

PASSWORD = "beamcat"  # noqa: S105 (printed on the screen: an example is open to those who run it)
"""Password of every account of the example facility."""

ROOT = "simple/root"
"""The administrator, who also loads the facility."""

ACCOUNTS = ("visitor", "pi", "staff", "curator")
"""Names typed at login with the `db` authenticator; in the catalogue they are `db/visitor` and so on."""

TAPE_FOLDER = "tape"
"""Below the home: the tape library."""

MOUNT_S = 15.0
"""How long its robot takes to mount a tape: as long as a visitor who wants to see it may wait."""


def demo_settings(home: Path, **overrides: Any) -> Settings:
    """The settings of the example facility in `home`; `overrides` are whole sections, such as `server=...`.

    `BEAMCAT_*` variables count too, except for the authenticators, the root user and the storage, which the example
    needs.
    """
    return load_settings(
        home=home,
        catalogue=CatalogueSettings(root_user_names=(ROOT,)),
        ids=IdsSettings(
            catalogue_checksums_are_crc32=True,
            trust_catalogue_checksums=True,
            delay_dataset_writes_s=10,
            process_queue_interval_s=0.5,
            recall_poll_s=1,
        ),
        store=StoreSettings(archive=tape_library(home / TAPE_FOLDER)),
        authenticator={
            "simple": AuthenticatorSettings(
                kind="simple", friendly="Administrator", admin=True, users={"root": SecretStr(PASSWORD)}
            ),
            "db": AuthenticatorSettings(kind="db", friendly="Facility account"),
            "anon": AuthenticatorSettings(kind="anon", friendly="Without an account"),
        },
        portal=PortalSettings(facility=HOUSE, time_zone="Europe/Berlin", contact="data@meridian.example"),
        **overrides,
    )


def tape_library(folder: Path, mount_s: float = MOUNT_S) -> CommandArchiveSettings:
    """The tape library in a folder, attached by commands as that of a facility."""

    def command(name: str, *more: str) -> tuple[str, ...]:
        return (sys.executable, "-I", str(Path(tape.__file__)), str(folder.absolute()), str(mount_s), name, *more)

    return CommandArchiveSettings(
        kind="commands",
        put=command("put", "{unit}", "{file}"),
        read=command("read", "{unit}", "{file}"),
        request=command("request", "{units_file}"),
        ready=command("ready", "{units_file}"),
        release=command("release", "{units_file}"),
        delete=command("delete", "{units_file}"),
    )


def demo_accounts() -> dict[str, str]:
    """The `db` accounts of the example facility with their passwords, to be made before it is loaded."""
    return dict.fromkeys(ACCOUNTS, PASSWORD)
