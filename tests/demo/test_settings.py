"""How the example facility is set up."""

from __future__ import annotations

from pathlib import Path

import pytest

from beamcat.config import CommandArchiveSettings, PosixStorageSettings
from beamcat.demo.settings import PASSWORD, ROOT, demo_accounts, demo_settings


def test_the_administrator_signs_in_with_the_settings_and_the_others_with_accounts(tmp_path: Path) -> None:
    settings = demo_settings(tmp_path)
    assert settings.home == tmp_path
    assert settings.catalogue.root_user_names == (ROOT,)
    assert [chosen.kind for chosen in settings.authenticator.values()] == ["simple", "db", "anon"]
    assert settings.authenticator["simple"].users["root"].get_secret_value() == PASSWORD
    assert demo_accounts() == dict.fromkeys(("visitor", "pi", "staff", "curator"), PASSWORD)


def test_it_listens_to_this_machine_only_unless_told(tmp_path: Path) -> None:
    assert demo_settings(tmp_path).server.host == "127.0.0.1"
    assert demo_settings(tmp_path, server={"host": "0.0.0.0", "port": 9000}).server.port == 9000


def test_the_data_lie_in_two_levels_of_storage_below_the_home(tmp_path: Path) -> None:
    store = demo_settings(tmp_path).store
    assert store.main == PosixStorageSettings()
    assert isinstance(store.archive, CommandArchiveSettings)
    assert str(tmp_path / "tape") in store.archive.put


def test_variables_count_but_never_replace_who_may_sign_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEAMCAT_SERVER__PORT", "9001")
    monkeypatch.setenv("BEAMCAT_CATALOGUE__ROOT_USER_NAMES", '["db/visitor"]')
    settings = demo_settings(tmp_path)
    assert settings.server.port == 9001
    assert settings.catalogue.root_user_names == (ROOT,)
