"""The storages that the settings name, and one of another package."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import invalidate_caches
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from beamcat.config import StoreSettings, load_settings
from beamcat.errors import Unavailable
from beamcat.store.storage.commands import CommandArchive
from beamcat.store.storage.immediate import ImmediateArchive
from beamcat.store.storage.plugins import CannotUseStorage, archive_storage, main_storage
from beamcat.store.storage.posix import PosixStorage
from beamcat.store.storage.s3 import S3Storage
from beamcat.testing.storage import (
    DATASET,
    DIGITS,
    ArchiveStorageContract,
    MainStorageContract,
    content,
    pieces,
    unit,
)

PLUGIN = '''
"""A storage of another package."""

from beamcat.store.storage.immediate import ImmediateArchive
from beamcat.store.storage.posix import PosixStorage


class Shelf(PosixStorage):
    def __init__(self, options):
        super().__init__(options["folder"])


def archive(options):
    return ImmediateArchive(Shelf(options))


def poor(options):
    return object()
'''
ENTRY_POINTS = """
[beamcat.storage]
shelf = facility_shelf:Shelf
shelf-archive = facility_shelf:archive
poor = facility_shelf:poor
broken = facility_shelf:not_there
"""


@pytest.fixture(autouse=True)
def package(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package, installed as pip would do it."""
    site = tmp_path_factory.mktemp("site-packages")
    (site / "facility_shelf.py").write_text(PLUGIN)
    info = site / "facility_shelf-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: facility-shelf\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(site))
    invalidate_caches()
    yield
    sys.modules.pop("facility_shelf", None)


def of_plugin(kind: str, folder: Path) -> dict[str, Any]:
    return {"kind": kind, "options": {"folder": folder}}


class TestMainStorageOfAPlugin(MainStorageContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Any:
        return main_storage(StoreSettings(main=of_plugin("shelf", tmp_path)), tmp_path)  # type: ignore[arg-type]


class TestArchiveOfAPlugin(ArchiveStorageContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Any:
        return archive_storage(StoreSettings(archive=of_plugin("shelf-archive", tmp_path)), tmp_path)  # type: ignore[arg-type]


class TestPosixArchive(ArchiveStorageContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Any:
        return archive_storage(store(archive={"kind": "posix", "path": tmp_path}), tmp_path / "home")


def store(**given: Any) -> StoreSettings:
    return StoreSettings.model_validate(given)


async def test_without_settings_data_are_in_the_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    storage = main_storage(store(), home)
    assert isinstance(storage, PosixStorage)
    location = await storage.put(DATASET, "scan.h5", pieces(DIGITS))
    assert (home / "data" / location).read_bytes() == DIGITS
    assert await content(main_storage(store(), home), location) == DIGITS
    assert archive_storage(store(), home) is None


async def test_a_directory_of_the_administrator_is_never_made(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    for call, given in ((main_storage, "main"), (archive_storage, "archive")):
        with pytest.raises(Unavailable, match="is not there"):
            call(store(**{given: {"kind": "posix", "path": missing}}), tmp_path)
    assert not missing.exists()
    storage = main_storage(store(main={"path": tmp_path, "layout": "name"}), tmp_path / "home")
    assert await storage.put(DATASET, "scan.h5", pieces(DIGITS)) == "FAC/inv/1-1/ds/scan.h5"
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("certificate", [None, "no certificate"])
def test_authorities_that_cannot_be_read_are_told(tmp_path: Path, certificate: str | None) -> None:
    file = tmp_path / "ca.pem"
    if certificate:
        file.write_text(f"-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n")
    bucket = {"kind": "s3", "bucket": "data", "endpoint": "https://s3.example.org", "ca_file": file}
    with pytest.raises(Unavailable, match=r"ca\.pem cannot be read|do not fit"):
        main_storage(store(main=bucket), tmp_path)


def test_the_kinds_that_come_with_beamcat(tmp_path: Path) -> None:
    bucket = {"kind": "s3", "bucket": "data", "access_key_id": "a", "secret_access_key": "b"}
    assert isinstance(main_storage(store(main=bucket), tmp_path), S3Storage)
    assert isinstance(archive_storage(store(archive=bucket), tmp_path), ImmediateArchive)
    one, some = ["tape", "{unit}", "{file}"], ["tape", "{units_file}"]
    commands = {"kind": "commands", "put": one, "read": one, "request": some, "ready": some, "delete": some}
    assert isinstance(archive_storage(store(archive=commands), tmp_path), CommandArchive)
    assert (tmp_path / "scratch").is_dir()


async def test_a_main_storage_of_a_plugin_serves_as_archive(tmp_path: Path) -> None:
    archive = archive_storage(store(archive=of_plugin("shelf", tmp_path)), tmp_path)
    assert archive is not None
    await archive.put("1/2", pieces(DIGITS))
    assert await unit(archive, "1/2") == DIGITS


def test_an_unknown_kind_is_told_with_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(CannotUseStorage) as raised:
        main_storage(store(main={"kind": "dcache"}), tmp_path)
    assert "store.main: there is no storage of kind dcache; there are" in raised.value.message
    for kind in ("posix", "s3", "shelf"):
        assert kind in raised.value.message
    with pytest.raises(CannotUseStorage, match=r"there are broken, commands, poor, posix, s3, shelf, shelf-archive$"):
        archive_storage(store(archive={"kind": "tapes"}), tmp_path)


def test_a_plugin_that_is_no_storage_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotUseStorage, match="poor is no main storage, it has no put, put_at, read, stat"):
        main_storage(store(main={"kind": "poor"}), tmp_path)
    with pytest.raises(CannotUseStorage, match="poor is no archive storage, it has no put, request, ready"):
        archive_storage(store(archive={"kind": "poor"}), tmp_path)
    with pytest.raises(CannotUseStorage, match="shelf-archive is no main storage"):
        main_storage(store(main=of_plugin("shelf-archive", tmp_path)), tmp_path)
    with pytest.raises(CannotUseStorage, match=r"broken \(facility_shelf:not_there\) cannot be started"):
        main_storage(store(main={"kind": "broken"}), tmp_path)
    with pytest.raises(CannotUseStorage, match="cannot be started: KeyError: 'folder'"):
        main_storage(store(main={"kind": "shelf"}), tmp_path)


def test_settings_come_from_a_file_and_from_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "beamcat.toml"
    file.write_text(
        '[store]\nunit = "datafile"\nkey = "wombat"\nprevious_keys = ["quokka"]\n'
        '[store.main]\nkind = "s3"\nbucket = "data"\n'
        '[store.archive]\nkind = "shelf"\n[store.archive.options]\nfolder = "/tapes"\napi_token = "hidden"\n'
    )
    monkeypatch.setenv("BEAMCAT_STORE__MAIN__REGION", "eu-west-1")
    settings = load_settings(file).store
    assert settings.unit == "datafile"
    assert settings.main.kind == "s3"
    assert getattr(settings.main, "region", None) == "eu-west-1"
    assert getattr(settings.archive, "options", None) == {"folder": "/tapes", "api_token": "hidden"}
    for shown in (repr(settings), settings.model_dump_json()):
        for secret in ("wombat", "quokka", "hidden"):
            assert secret not in shown
    monkeypatch.setenv("BEAMCAT_STORE__MAIN", '{"path": "/data"}')
    assert load_settings().store.main.kind == "posix"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"main": {"bucket": "data"}}, "main.posix.bucket"),
        ({"main": {"kind": "s3"}}, "main.s3.bucket"),
        ({"main": {"kind": "s3", "bucket": "data", "access_key_id": "a"}}, "belong together"),
        ({"main": {"kind": "s3", "bucket": "data", "endpoint": "s3.example.org"}}, "begins with http"),
        ({"main": {"kind": "s3", "bucket": "data", "prefix": "../other"}}, "relative path"),
        ({"main": {"kind": "shelf", "folder": "/data"}}, "main.plugin.folder"),
        ({"archive": {"path": "/tapes"}}, "archive.plugin.kind"),
        ({"archive": {"kind": "commands"}}, "archive.commands.put"),
        ({"previous_keys": ["a"]}, "previous_keys go with a key"),
        ({"unit": "investigation"}, "unit"),
    ],
)
def test_settings_that_do_not_fit_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message.replace(".", r"\.")):
        store(**given)
