"""The data service of the settings, put together."""

from __future__ import annotations

from beamcat.access.rulebooks import Rulebooks
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.store.digests.sources import CrcSources
from beamcat.store.digests.table import DigestTable
from beamcat.store.prepared import PreparedDownloads
from beamcat.store.selection import Selections, Terms
from beamcat.store.service import DataService, Limits
from beamcat.store.storage.plugins import main_storage

MAIN = "main"
"""By which the digests of the main storage are kept."""


def data_service(settings: Settings, database: Database, rulebooks: Rulebooks) -> DataService:
    """The data service of this worker. Raises `CannotUseStorage`, and `Unavailable` when the storage is away."""
    ids, store = settings.ids, settings.store
    keys = () if store.key is None else (store.key, *store.previous_keys)
    terms = Terms(
        keys=tuple(key.get_secret_value() for key in keys),
        trust_datasets=ids.trust_datasets,
        lenient_investigations=ids.lenient_investigation_ids,
    )
    storage = main_storage(store, settings.home)
    crcs = CrcSources(DigestTable(database, MAIN), storage, ids)
    return DataService(
        Selections(database, rulebooks, terms),
        PreparedDownloads(database, most=ids.prepared_count),
        storage,
        crcs.known,
        Limits(ids.max_files_per_selection, ids.max_bytes_per_selection, ids.backslash_is_separator),
    )
