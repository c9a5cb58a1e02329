"""A selection as it is now, written down: which files, by which names (data service specification, A.4, A.7).

What the storage says of them comes later, when they are there: see `measuring`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from beamcat.database.pool import Connection
from beamcat.store.archives.entries import UNKNOWN_CRC, Entries, integers
from beamcat.store.archives.names import folder_of, safe_name, told_apart
from beamcat.store.frozen import NOT_SAID, Run
from beamcat.store.selection import File, Selected
from beamcat.store.storage.contract import DatasetPlace

_NAMED_SO = """
SELECT f.dataset_id, f.name
  FROM unnest(%s::bigint[], %s::text[]) AS wanted(dataset_id, name)
  JOIN datafile f ON f.dataset_id = wanted.dataset_id AND f.name = wanted.name
"""


class Freezing:
    """Writes a selection down. `renamed` counts the files whose name in the archive had to be told apart."""

    def __init__(self, *, backslash_separates: bool = False) -> None:
        self.renamed = 0
        self._backslash_separates = backslash_separates
        self._folders: dict[int, str] = {}
        self._changed: set[tuple[int, str]] = set()

    async def runs(self, selected: Selected) -> AsyncIterator[Run]:
        """The files in runs. Sizes are those of the catalogue or `NOT_SAID`; nothing is known of the bytes yet."""
        async for files in selected.files():
            yield self._run(files, await self.names(files, selected))

    async def names(self, files: Sequence[File], selected: Selected) -> list[str]:
        """The names of entries. A name that is not safe is changed, and must not then be that of another file.

        Names are unique in a dataset as the catalogue has them, so only the changed ones can meet others.
        """
        safe = [safe_name(file.name, backslash_separates=self._backslash_separates) for file in files]
        changed = [(file.dataset_id, name) for file, name in zip(files, safe, strict=True) if name != file.name]
        taken = await _taken(selected.connection, changed) if changed else set()
        names = []
        for file, name in zip(files, safe, strict=True):
            if name != file.name:
                if (file.dataset_id, name) in taken or (file.dataset_id, name) in self._changed:
                    name = told_apart(name, file.id)  # noqa: PLW2901
                    self.renamed += 1
                self._changed.add((file.dataset_id, name))
            names.append(f"{self._folder(selected.datasets[file.dataset_id])}/{name}")
        return names

    def _run(self, files: Sequence[File], names: Sequence[str]) -> Run:
        entries = Entries(
            names=[name.encode() for name in names],
            sizes=integers([NOT_SAID if file.catalogued_size is None else file.catalogued_size for file in files]),
            crcs=integers([UNKNOWN_CRC] * len(files)),
            times=integers([file.time for file in files]),
            etags=[b""] * len(files),
        )
        ids = integers([file.id for file in files])
        datasets = integers([file.dataset_id for file in files])
        return Run(entries, ids, datasets, [file.location for file in files], [file.checksum for file in files])

    def _folder(self, dataset: DatasetPlace) -> str:
        if dataset.id not in self._folders:
            around = (dataset.facility, dataset.investigation, dataset.visit_id)
            self._folders[dataset.id] = folder_of(*around, dataset.name)
        return self._folders[dataset.id]


async def _taken(connection: Connection, names: Sequence[tuple[int, str]]) -> set[tuple[int, str]]:
    """Those of the names that a datafile of the dataset has."""
    params = ([dataset for dataset, _ in names], [name for _, name in names])
    return set(await (await connection.execute(_NAMED_SO, params)).fetchall())
