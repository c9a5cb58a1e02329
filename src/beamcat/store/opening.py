"""The data service of the settings, put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from beamcat.access.rulebooks import Rulebooks
from beamcat.catalogue.catalogue import Catalogue
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.store.digests.hasher import Hasher
from beamcat.store.digests.reading import HashingReader
from beamcat.store.digests.sources import CrcSources
from beamcat.store.digests.table import DigestTable
from beamcat.store.measuring import Looking
from beamcat.store.metalink import Metalinks
from beamcat.store.permalinks import Permalinks
from beamcat.store.prepared import PreparedDownloads
from beamcat.store.readying import Readying
from beamcat.store.removal import Removal
from beamcat.store.requests.opening import data_url
from beamcat.store.selection import Selections, Terms
from beamcat.store.service import DataService, Limits
from beamcat.store.storage.contract import MainStorage
from beamcat.store.storage.plugins import archive_storage, main_storage
from beamcat.store.targets.opening import open_places
from beamcat.store.targets.replicas import Replicas
from beamcat.store.targets.sources import Sources
from beamcat.store.targets.working import Place
from beamcat.store.units.locks import Locks
from beamcat.store.units.opening import TwoLevelStorage, two_levels
from beamcat.store.uploads.uploads import Uploads, open_uploads

MAIN = "main"
"""By which the digests of the main storage are kept."""


@dataclass(frozen=True, slots=True)
class Store:
    """What a worker has open of the data service."""

    data: DataService
    storage: MainStorage
    uploads: Uploads
    removal: Removal
    digests: DigestTable
    permalinks: Permalinks
    metalinks: Metalinks
    locks: Locks
    two_levels: TwoLevelStorage | None
    """Main storage and archive; None with one level of storage."""
    places: Mapping[str, Place]
    """The targets that data are brought to, by name."""
    sources: Sources
    """The files that are brought there."""


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
    places = open_places(settings.downloads, storage)
    archive = archive_storage(store, settings.home)
    both = None
    if archive is not None:
        replicas = Replicas(database, storage, {name: place.target for name, place in places.items()})
        both = two_levels(settings, archive, storage, selections, prepared, database=database, replicas=replicas)
    levels = None if both is None else both.levels
    locks = Locks(database, lease=timedelta(seconds=ids.lease_s)) if levels is None else levels.locks
    looking = partial(Looking, storage, known_crcs)
    hasher = Hasher(HashingReader(storage, ids.hash_threads), digests)
    data = DataService(
        selections,
        prepared,
        storage,
        looking,
        Limits(
            *(ids.max_files_per_selection, ids.max_bytes_per_selection, ids.backslash_is_separator),
            hashed_at_once=ids.hash_at_once_bytes,
        ),
        readying=Readying(database, prepared, looking, hasher, most=ids.hash_before_ready_bytes),
        locks=locks,
        levels=levels,
    )
    sources = Sources(
        selections, prepared, storage, known_crcs, digests, public_url=data_url(settings), locks=locks, levels=levels
    )
    return Store(
        data,
        storage,
        open_uploads(settings, database, selections, catalogue, storage, digests=digests, levels=levels),
        Removal(database, selections, catalogue, storage, digests, locks=locks, levels=levels),
        digests,
        Permalinks(database, selections),
        Metalinks(selections, storage, digests, backslash_separates=ids.backslash_is_separator),
        locks,
        both,
        places,
        sources,
    )
