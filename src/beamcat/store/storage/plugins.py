"""The storages that the settings name: those that come with Beamcat, and those of other packages.

A package brings one by an entry point of the group `beamcat.storage`: a callable that is given the table `options` of
the settings, and returns a `MainStorage` or an `ArchiveStorage`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, cast

from beamcat.config import (
    CommandArchiveSettings,
    PluginStorageSettings,
    PosixArchiveSettings,
    PosixStorageSettings,
    S3StorageSettings,
    StoreSettings,
)
from beamcat.errors import BeamcatError
from beamcat.store.storage.commands import CommandArchive
from beamcat.store.storage.contract import ArchiveStorage, MainStorage
from beamcat.store.storage.immediate import ImmediateArchive
from beamcat.store.storage.posix import PosixStorage
from beamcat.store.storage.s3 import S3Storage

GROUP = "beamcat.storage"
MAIN_KINDS = ("posix", "s3")
ARCHIVE_KINDS = ("commands", "posix", "s3")

StorageFactory = Callable[[Mapping[str, Any]], MainStorage | ArchiveStorage]
"""What an entry point stands for."""


class CannotUseStorage(BeamcatError):
    """The settings name a storage that is not there, or that does not do what a storage has to."""


def main_storage(settings: StoreSettings, home: Path) -> MainStorage:
    """The main storage of the settings. Raises `CannotUseStorage`, and `Unavailable` for one that is away."""
    match settings.main:
        case PosixStorageSettings(path=path, layout=layout, also_below=also_below):
            return PosixStorage(path or _made(home / "data"), layout=layout, also_below=also_below)
        case S3StorageSettings():
            return S3Storage(settings.main)
        case PluginStorageSettings(kind=kind, options=options):
            storage = _of_plugin("store.main", kind, options, MAIN_KINDS)
            if missing := _missing(storage, MainStorage):
                raise CannotUseStorage(f"store.main: {kind} is no main storage, it has no {', '.join(missing)}")
            return cast("MainStorage", storage)


def archive_storage(settings: StoreSettings, home: Path) -> ArchiveStorage | None:
    """The archive storage of the settings, None without one. A main storage of a plugin serves as archive, too."""
    match settings.archive:
        case None:
            return None
        case PosixArchiveSettings(path=path):
            return ImmediateArchive(PosixStorage(path or _made(home / "archive")))
        case S3StorageSettings():
            return ImmediateArchive(S3Storage(settings.archive))
        case CommandArchiveSettings(scratch=scratch):
            return CommandArchive(settings.archive, scratch or _made(home / "scratch"))
        case PluginStorageSettings(kind=kind, options=options):
            storage = _of_plugin("store.archive", kind, options, ARCHIVE_KINDS)
            if not _missing(storage, MainStorage):
                return ImmediateArchive(cast("MainStorage", storage))
            if missing := _missing(storage, ArchiveStorage):
                raise CannotUseStorage(f"store.archive: {kind} is no archive storage, it has no {', '.join(missing)}")
            return cast("ArchiveStorage", storage)


def _made(folder: Path) -> Path:
    """A folder of Beamcat's own home. One that an administrator names has to be there."""
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    return folder


def _of_plugin(key: str, kind: str, options: Mapping[str, Any], own: tuple[str, ...]) -> object:
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if kind not in found:
        there = ", ".join(sorted({*own, *found}))
        raise CannotUseStorage(f"{key}: there is no storage of kind {kind}; there are {there}")
    return _built(key, found[kind], options)


def _built(key: str, entry: EntryPoint, options: Mapping[str, Any]) -> object:
    try:
        return cast("StorageFactory", entry.load())(options)
    except BeamcatError:
        raise
    except Exception as error:  # whatever a plugin of others does wrong
        raise CannotUseStorage(
            f"{key}: the storage {entry.name} ({entry.value}) cannot be started: {type(error).__name__}: {error}"
        ) from error


def _missing(storage: object, wanted: type) -> list[str]:
    """The methods of a protocol that an object does not have."""
    methods = (name for name, value in vars(wanted).items() if callable(value) and not name.startswith("_"))
    return [name for name in methods if not callable(getattr(storage, name, None))]
