"""The data service of the settings, put together."""

from __future__ import annotations

from dataclasses import dataclass

from beamcat.access.rulebooks import Rulebooks
from beamcat.catalogue.catalogue import Catalogue
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.store.digests.sources import CrcSources
from beamcat.store.digests.table import DigestTable
from beamcat.store.metalink import Metalinks
from beamcat.store.permalinks import Permalinks
from beamcat.store.prepared import PreparedDownloads
from beamcat.store.removal import Removal
from beamcat.store.selection import Selections, Terms
from beamcat.store.service import DataService, Limits
from beamcat.store.storage.plugins import archive_storage, main_storage
from beamcat.store.units.opening import TwoLevelStorage, two_levels
from beamcat.store.uploads import Uploads

MAIN = "main"
"""By which the digests of the main storage are kept."""


@dataclass(frozen=True, slots=True)
class Store:
    """What a worker has open of the data service."""

    data: DataService
    uploads: Uploads
    removal: Removal
    digests: DigestTable
    permalinks: Permalinks
    metalinks: Metalinks
    two_levels: TwoLevelStorage | None
    """Main storage and archive; None with one level of storage."""


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
    prepared = PreparedDownloads(database, most=ids.prepared_count)
    known_crcs = CrcSources(digests, storage, ids).known
    archive = archive_storage(store, settings.home)
    both = None
    if archive is not None:
        both = two_levels(settings, archive, storage, selections, prepared, database=database)
    levels = None if both is None else both.levels
    data = DataService(
        selections,
        prepared,
        storage,
        known_crcs,
        Limits(ids.max_files_per_selection, ids.max_bytes_per_selection, ids.backslash_is_separator),
        levels=levels,
    )
    return Store(
        data,
        Uploads(selections, catalogue, storage, digests, levels=levels),
        Removal(database, selections, catalogue, storage, digests, levels=levels),
        digests,
        Permalinks(database, selections),
        Metalinks(selections, storage, digests, backslash_separates=ids.backslash_is_separator),
        both,
    )
