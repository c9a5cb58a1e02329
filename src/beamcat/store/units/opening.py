"""Two-level storage of the settings, put together."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.protection.restores import RestoreBudgets
from beamcat.store.prepared import PreparedDownloads
from beamcat.store.selection import Selections
from beamcat.store.sending import Sender
from beamcat.store.storage.contract import ArchiveStorage, KnowsRoom, MainStorage
from beamcat.store.targets.replicas import Replicas
from beamcat.store.units.datafile_moves import DatafileMoves
from beamcat.store.units.dataset_moves import DatasetMoves
from beamcat.store.units.levels import TwoLevels
from beamcat.store.units.locks import Locks
from beamcat.store.units.operations import Moves, Places
from beamcat.store.units.queue import Queue
from beamcat.store.units.tidying import Room, Tidier
from beamcat.store.units.values import Terms
from beamcat.store.units.worker import Worker


@dataclass(frozen=True, slots=True)
class TwoLevelStorage:
    """Main storage and archive, and what works on them in the background."""

    levels: TwoLevels
    worker: Worker
    tidier: Tidier
    archive: ArchiveStorage
    sender: Sender

    async def run(self) -> None:
        """Do what is in the queue and keep room, until cancelled."""
        doing = (self.worker.work(), self.levels.locks.keep(), self.tidier.keep_tidy())
        work = [asyncio.create_task(each) for each in doing]
        try:
            await asyncio.gather(*work)
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            await self.levels.close()

    def close(self) -> None:
        """Let the threads go."""
        self.sender.close()
        self.archive.close()


def two_levels(
    settings: Settings,
    archive: ArchiveStorage,
    main: MainStorage,
    selections: Selections,
    prepared: PreparedDownloads,
    *,
    database: Database,
    replicas: Replicas | None = None,
) -> TwoLevelStorage:
    """The two-level storage of this worker."""
    ids = settings.ids
    terms = Terms(
        settings.store.unit,
        dataset_writes=timedelta(seconds=ids.delay_dataset_writes_s),
        datafile_operations=timedelta(seconds=ids.delay_datafile_operations_s),
        restores_at_once=ids.restores_at_once,
        restores_per_user=ids.restores_per_user,
        restore_bytes_at_once=ids.restore_bytes_at_once,
        keep_free=ids.keep_free_bytes,
        deadline=timedelta(hours=ids.restore_deadline_hours) if ids.restore_deadline_hours else None,
        lease=timedelta(seconds=ids.lease_s),
        retry=timedelta(seconds=ids.retry_s),
    )
    scratch = ids.scratch or settings.home / "unpacking"
    if ids.scratch is None:
        scratch.mkdir(mode=0o750, parents=True, exist_ok=True)
    room_left = main.room if isinstance(main, KnowsRoom) else None
    queue = Queue(database, terms, room_left, budgets=RestoreBudgets(settings))
    locks = Locks(database, lease=terms.lease)
    sender = Sender(main)
    places = Places(
        database,
        main,
        archive,
        selections,
        sender,
        scratch,
        strict=ids.restore_strict,
        backslash_separates=ids.backslash_is_separator,
        poll_s=ids.recall_poll_s,
        replicas=replicas,
    )
    datasets = settings.store.unit == "dataset"
    moves: Moves = DatasetMoves(places, queue, locks) if datasets else DatafileMoves(places, queue, locks)
    levels = TwoLevels(queue, locks, selections, prepared, main)
    room = None
    if ids.start_archiving_bytes is not None and ids.stop_archiving_bytes is not None:
        room = Room(ids.start_archiving_bytes, ids.stop_archiving_bytes, timedelta(hours=ids.pin_hours))
    tidier = Tidier(levels, archive, room, round_s=ids.size_check_interval_s)
    return TwoLevelStorage(levels, Worker(queue, moves, ids.process_queue_interval_s), tidier, archive, sender)
