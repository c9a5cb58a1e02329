"""Lists of very many files."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

from lxml import etree

from beamcat.store.digests.table import DigestTable
from beamcat.store.metalink import Addresses, Metalinks
from beamcat.store.permalinks import Permalinks, names_in
from beamcat.store.selection import FILES_AT_ONCE, Selections, Terms, Wanted
from beamcat.store.storage.posix import PosixStorage
from tests.catalogue.site import ROOT, Site
from tests.store.test_freezing import make

MANY = 20_000
FILE = "{urn:ietf:params:xml:ns:metalink}file"
_FILL = """
INSERT INTO datafile (id, name, location, file_size, dataset_id, investigation_id,
                      create_id, create_time, mod_id, mod_time)
SELECT nextval('datafile_id_seq'), 'scan/' || lpad(n::text, 7, '0') || '.h5', 'l/' || n, n, d.id, d.investigation_id,
       'x', now(), 'x', now()
  FROM dataset d, generate_series(1, %s) n
"""


async def filled(database: object, many: int) -> int:
    dataset = await make(Site(database), [])  # type: ignore[arg-type]
    async with database.transaction() as connection:  # type: ignore[attr-defined]
        await connection.execute(_FILL, (many,))
    return dataset


async def test_a_list_is_written_bit_by_bit(database: object, tmp_path: Path) -> None:
    site = Site(database)  # type: ignore[arg-type]
    dataset = await filled(database, MANY)
    selections = Selections(site.database, site.rulebooks, Terms())
    storage = PosixStorage(tmp_path)
    metalinks = Metalinks(selections, storage, DigestTable(site.database, "main"))
    document = await metalinks.of_selection(ROOT, Wanted(datasets=(dataset,)), Addresses("https://h/data"))
    parser = etree.XMLPullParser(["end"], tag=FILE)
    sizes, pieces = [], 0
    tracemalloc.start()
    async for piece in document:
        pieces += 1
        parser.feed(piece)
        for _, element in parser.read_events():
            sizes.append(int(element.findtext("{*}size") or -1))
            element.clear()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    parser.close()
    storage.close()
    assert sorted(sizes) == list(range(1, MANY + 1))
    assert pieces == 2 + -(-MANY // FILES_AT_ONCE)
    assert most < 40 << 20


async def test_a_permanent_url_is_found_among_many(database: object) -> None:
    site = Site(database)  # type: ignore[arg-type]
    await filled(database, 100)
    permalinks = Permalinks(site.database, Selections(site.database, site.rulebooks, Terms()))
    place = await permalinks.find(names_in("/FAC/inv/1-1/ds/scan/0000042.h5", {}))
    assert len(place.wanted.datafiles) == 1
    listing = await permalinks.listing(ROOT, await permalinks.find(names_in("/FAC/inv/1-1/ds", {})))
    assert (listing.total.files, len(listing.files)) == (100, 100)
