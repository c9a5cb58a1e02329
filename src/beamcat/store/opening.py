"""The data service of the settings, put together."""

from __future__ import annotations

from dataclasses import dataclass

from beamcat.access.rulebooks import Rulebooks
from beamcat.catalogue.catalogue import Catalogue
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.store.digests.sources import CrcSources
from beamcat.store.digests.table import DigestTable
from beamcat.store.prepared import PreparedDownloads
from beamcat.store.removal import Removal
from beamcat.store.selection import Selections, Terms
from beamcat.store.service import DataService, Limits
from beamcat.store.storage.plugins import main_storage
from beamcat.store.uploads import Uploads

MAIN = "main"
"""By which the digests of the main storage are kept."""


@dataclass(frozen=True, slots=True)
class Store:
    """What a worker has open of the data service."""

    data: DataService
    uploads: Uploads
    removal: Removal


def open_store(settings: Settings, database: Database, rulebooks: Rulebooks, catalogue: Catalogue) -> Store:
    """The data service of this worker. Raises `CannotUseStorage`, and `Unavailable` when the storage is away."""
    ids, store = settings.ids, settings.store
    keys = () if store.key is None else (store.key, *store.previous_keys)
    terms = Terms(
        keys=tuple(key.get_secret_value() for key in keys),
        trust_datasets=ids.trust_datasets,
        lenient_investigations=ids.lenient_investigation_ids,
    )
    storage = main_storage(store, settings.home)
    digests = DigestTable(database, MAIN)
    selections = Selections(database, rulebooks, terms)
    data = DataService(
        selections,
        PreparedDownloads(database, most=ids.prepared_count),
        storage,
        CrcSources(digests, storage, ids).known,
        Limits(ids.max_files_per_selection, ids.max_bytes_per_selection, ids.backslash_is_separator),
    )
    return Store(
        data,
        Uploads(selections, catalogue, storage, digests),
        Removal(database, selections, catalogue, storage, digests),
    )
