"""The files of a dataset as folders: what each level shows, to whom, and that it costs what it shows."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from time import perf_counter

import pytest

from beamcat.access.caller import Caller
from beamcat.catalogue.folders import Amount, Cursor, Entry, Folders, Level, Order
from beamcat.database.pool import Database
from tests.catalogue.site import Site

FILES = int(os.environ.get("BEAMCAT_FOLDER_FILES", "20000"))
"""The long form has a million."""
RULES = [
    ("R", "SELECT f FROM Facility f"),
    ("R", "SELECT i FROM Investigation i JOIN i.investigationUsers u WHERE u.user.name = :user"),
    ("R", "SELECT d FROM Dataset d JOIN d.investigation i JOIN i.investigationUsers u WHERE u.user.name = :user"),
    ("R", "SELECT f FROM Datafile f JOIN f.dataset d JOIN d.investigation i JOIN i.investigationUsers u"
          " WHERE u.user.name = :user"),
]  # fmt: skip
NAMES = ("a.txt", "a/1", "a/2", "a-b", "a0", "raw/one/x.h5", "raw/one/y.h5", "raw/z%_.H5", "raw/\\é.dat", "z.h5", "/b")
FILL = """
INSERT INTO datafile (create_id, create_time, mod_id, mod_time, name, location, file_size, datafile_mod_time,
                      dataset_id, investigation_id)
SELECT 'x', now(), 'x', now(),
       %(prefix)s || lpad((n::bigint * 7919 %% %(many)s)::text, 7, '0') || '.h5', 'l' || n, n,
       timestamptz '2026-01-01' + n * interval '1 s', d.id, d.investigation_id
  FROM generate_series(%(first)s::int, %(last)s::int) n, dataset d WHERE d.id = %(dataset)s
"""


@dataclass(frozen=True)
class Facility:
    """A dataset `small` with a few names, and `large`; a reader of them, and a stranger."""

    site: Site
    small: int
    large: int
    reader: Caller
    stranger: Caller

    @property
    def folders(self) -> Folders:
        return Folders(self.site.database, self.site.rulebooks)


@pytest.fixture
async def facility(database: Database) -> Facility:
    site = Site(database)
    around = await site.make("Facility", name="FAC")
    kind = await site.make("InvestigationType", name="t", facility=around)
    dataset_type = await site.make("DatasetType", name="t", facility=around)
    visit = await site.make("Investigation", name="i", visitId="1", title="t", facility=around, type=kind)
    small, large = [await site.make("Dataset", name=n, investigation=visit, type=dataset_type) for n in ("s", "l")]
    for number, name in enumerate(NAMES):
        await site.make("Datafile", name=name, dataset=small, fileSize=10 * number, location=f"s/{number}")
    reader, stranger = await site.user("db/reader"), await site.user("db/stranger")
    await site.make("InvestigationUser", investigation=visit, user=reader.user_id, role="user")
    await site.rules(*RULES)
    return Facility(site, small, large, reader, stranger)


def names(entries: object) -> list[str]:
    assert isinstance(entries, list)
    return [entry.name for entry in entries]


async def test_a_level_shows_files_and_folders_in_the_order_of_names(facility: Facility) -> None:
    folders, reader = facility.folders, facility.reader
    top = await folders.page(reader, Level(facility.small), 50)
    assert names(top.entries) == ["/", "a-b", "a.txt", "a/", "a0", "raw/", "z.h5"]
    assert not top.before
    assert not top.after
    raw = await folders.page(reader, Level(facility.small, "raw/"), 50)
    assert names(raw.entries) == ["\\é.dat", "one/", "z%_.H5"]
    assert raw.entries[0] == Entry("\\é.dat", raw.entries[0].id, 80, None, None, "s/8")
    assert names((await folders.page(reader, Level(facility.small, "none/"), 50)).entries) == []


async def test_pages_go_forwards_and_backwards_through_all_entries(facility: Facility) -> None:
    folders, reader = facility.folders, facility.reader
    for falling in (False, True):
        level = Level(facility.small, falling=falling)
        whole = names((await folders.page(reader, level, 50)).entries)
        seen: list[str] = []
        cursor = None
        while True:
            page = await folders.page(reader, level, 2, cursor)
            seen += names(page.entries)
            if not page.after:
                break
            cursor = Cursor("", page.entries[-1].name)
        assert seen == whole
        last = await folders.page(reader, level, 3, backwards=True)
        assert names(last.entries) == whole[-3:]
        before = await folders.page(reader, level, 3, Cursor("", last.entries[0].name), backwards=True)
        assert names(before.entries) == whole[-6:-3]
        assert before.before


async def test_a_filter_is_literal_and_reaches_the_folders_below(facility: Facility) -> None:
    folders, reader = facility.folders, facility.reader

    async def found(text: str, folder: str = "") -> list[str]:
        return names((await folders.page(reader, Level(facility.small, folder, text), 50)).entries)

    assert await found(".h5") == ["raw/one/x.h5", "raw/one/y.h5", "raw/z%_.H5", "z.h5"]
    assert await found("%_") == ["raw/z%_.H5"]
    assert await found("\\é") == ["raw/\\é.dat"]
    assert await found("h5", "raw/one/") == ["x.h5", "y.h5"]
    assert await found("'") == []


async def test_files_are_sorted_by_size_and_paged(facility: Facility) -> None:
    level = Level(facility.small, order=Order.SIZE, falling=True)
    first = await facility.folders.page(facility.reader, level, 4)
    assert [entry.size for entry in first.entries] == [100, 90, 80, 70]
    cursor = Cursor(str(first.entries[-1].size), first.entries[-1].name)
    second = await facility.folders.page(facility.reader, level, 4, cursor)
    assert [entry.size for entry in second.entries] == [60, 50, 40, 30]
    last = await facility.folders.page(facility.reader, level, 2, backwards=True)
    assert [entry.size for entry in last.entries] == [10, 0]


async def test_amounts_neighbours_and_ids_are_those_of_the_folder(facility: Facility) -> None:
    folders, reader, small = facility.folders, facility.reader, facility.small
    amounts = await folders.amounts(reader, Level(small), ["a/", "raw/", "no/"])
    assert amounts == {"a/": Amount(2, 30), "raw/": Amount(4, 260), "no/": Amount(0, 0)}
    assert await folders.amount(reader, Level(small, text=".h5"), 100) == Amount(4, 50 + 60 + 70 + 90)
    counted = await folders.amount(reader, Level(small, text=".h5"), 3)
    assert (counted.files, counted.more) == (3, True)
    assert len(await folders.ids(reader, Level(small, "raw/"))) == 4
    around = await folders.neighbours(reader, small, "a.txt")
    assert [found and found[1] for found in (around.before, around.after)] == ["a-b", "a0"]
    ends = await folders.neighbours(reader, small, "raw/one/x.h5")
    assert ends.before is None
    assert ends.after is not None
    assert ends.after[1] == "y.h5"


async def test_nobody_sees_a_file_they_may_not_read(facility: Facility) -> None:
    folders, stranger, small = facility.folders, facility.stranger, facility.small
    assert names((await folders.page(stranger, Level(small), 50)).entries) == []
    assert names((await folders.page(stranger, Level(small, order=Order.SIZE), 50)).entries) == []
    assert await folders.amount(stranger, Level(small), 100) == Amount(0, 0)
    assert (await folders.amounts(stranger, Level(small), ["a/"]))["a/"] == Amount(0, 0)
    assert await folders.ids(stranger, Level(small)) == []
    assert (await folders.neighbours(stranger, small, "a.txt")).before is None
    assert await folders.by_name(stranger, small, ["z.h5"]) is None
    await facility.site.rules(("R", "SELECT f FROM Datafile f WHERE f.name LIKE '%.h5'"), ("R", "Dataset"))
    assert names((await folders.page(stranger, Level(small), 50)).entries) == ["raw/", "z.h5"]


@pytest.mark.timeout(900)
async def test_a_level_of_a_large_dataset_costs_what_it_shows(facility: Facility) -> None:
    """Check 7 of the portal. The measure is the number of pages PostgreSQL looks at, which no other load changes."""
    folders, reader, large = facility.folders, facility.reader, facility.large
    async with facility.site.database.connection() as connection:
        for prefix in ("flat", "scan/deep/", "zz/"):
            many = FILES if prefix == "flat" else FILES // 4
            for first in range(1, many + 1, 50_000):
                asked = {"prefix": prefix, "many": many, "dataset": large, "first": first}
                await connection.execute(FILL, {**asked, "last": min(first + 49_999, many)})
        await connection.execute("ANALYZE datafile")
    took = {}
    for what, level, backwards, cursor in (
        ("first page", Level(large), False, None),
        ("last page", Level(large), True, None),
        ("middle", Level(large), False, Cursor("", f"flat{random.randrange(FILES // 2):07}.h5")),
        ("in a folder", Level(large, "scan/deep/"), False, None),
        ("filter", Level(large, text=".h5"), False, None),
        ("rare filter", Level(large, text="0000017.h5"), False, None),
        ("by size", Level(large, order=Order.SIZE, falling=True), False, None),
        ("by date, last", Level(large, order=Order.DATE), True, None),
    ):
        started = perf_counter()
        page = await folders.page(reader, level, 100, cursor, backwards=backwards)
        took[what] = perf_counter() - started
        assert page.entries
    started = perf_counter()
    assert (await folders.amounts(reader, Level(large), ["scan/", "zz/"]))["zz/"].files == FILES // 4
    took["amounts"] = perf_counter() - started
    started = perf_counter()
    assert (await folders.amount(reader, Level(large, text=".h5"), 100_000)).files >= min(FILES, 100_000)
    took["count"] = perf_counter() - started
    print({what: f"{1000 * seconds:.0f} ms" for what, seconds in took.items()})
    top = await folders.page(reader, Level(large), 100, backwards=True)
    assert names(top.entries)[-2:] == ["scan/", "zz/"]
    assert max(seconds for what, seconds in took.items() if what != "amounts") < 2  # those come when the page is there
    assert max(took["first page"], took["last page"], took["middle"], took["in a folder"]) < 0.5
