"""Which files a selection means, for whom, and what is said when it cannot be had (data service specification, A.4)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from beamcat.access.caller import Caller
from beamcat.database.pool import Database
from beamcat.errors import Forbidden, NoSuchObject
from beamcat.store import selection
from beamcat.store.locations import signed
from beamcat.store.selection import File, Selections, Terms, Wanted
from tests.catalogue.site import ROOT, Site

READER_RULES = [
    ("R", "SELECT f FROM Facility f"),
    ("R", "SELECT i FROM Investigation i JOIN i.investigationUsers u WHERE u.user.name = :user"),
    ("R", "SELECT d FROM Dataset d JOIN d.investigation i JOIN i.investigationUsers u WHERE u.user.name = :user"),
    ("R", "SELECT f FROM Datafile f JOIN f.dataset d JOIN d.investigation i JOIN i.investigationUsers u"
          " WHERE u.user.name = :user"),
]  # fmt: skip


@dataclass(frozen=True)
class Data:
    """Ids: investigation `inv` with datasets `ds` (two files and one without location), `ds2` and `empty`."""

    site: Site
    inv: int
    other: int
    ds: int
    ds2: int
    empty: int
    hidden: int
    first: int
    second: int
    nowhere: int
    third: int
    reader: Caller
    stranger: Caller

    def selections(self, **terms: object) -> Selections:
        return Selections(self.site.database, self.site.rulebooks, Terms(**terms))  # type: ignore[arg-type]


@pytest.fixture
async def data(database: Database) -> Data:
    site = Site(database)
    facility = await site.make("Facility", name="FAC")
    kind = await site.make("InvestigationType", name="t", facility=facility)
    dataset_type = await site.make("DatasetType", name="t", facility=facility)
    inv, other = [
        await site.make("Investigation", name=name, visitId="1-1", title="t", facility=facility, type=kind)
        for name in ("inv", "other")
    ]
    ds, ds2, empty = [
        await site.make("Dataset", name=name, investigation=inv, type=dataset_type) for name in ("ds", "ds2", "empty")
    ]
    hidden = await site.make("Dataset", name="hidden", investigation=other, type=dataset_type)

    async def file(name: str, dataset: int, **members: object) -> int:
        return await site.make("Datafile", name=name, dataset=dataset, **members)

    first = await file("a/df1.nxs", ds, location="1/2/a", fileSize=11, datafileModTime="2010-10-09T05:00:00.500Z")
    second = await file("df2.dat", ds, location="1/2/b", checksum="d4a1185", datafileCreateTime="1960-01-01T00:00:00Z")
    nowhere = await file("nowhere", ds)
    third = await file("df3.dat", ds2, location="1/3/c")
    await file("secret", hidden, location="9/9/s")
    reader = await site.user("db/reader")
    stranger = await site.user("db/stranger")
    await site.make("InvestigationUser", investigation=inv, user=reader.user_id, role="user")
    await site.rules(*READER_RULES)
    return Data(site, inv, other, ds, ds2, empty, hidden, first, second, nowhere, third, reader, stranger)


async def files_of(selections: Selections, caller: Caller | None, wanted: Wanted) -> list[File]:
    async with selections.select(caller, wanted) as selected:
        return [file async for some in selected.files() for file in some]


async def names(data: Data, caller: Caller | None, wanted: Wanted, **terms: object) -> list[str]:
    return [file.name for file in await files_of(data.selections(**terms), caller, wanted)]


async def test_each_way_leads_to_the_same_files_once(data: Data) -> None:
    in_ds, in_inv = ["a/df1.nxs", "df2.dat"], ["a/df1.nxs", "df2.dat", "df3.dat"]
    for caller in (ROOT, data.reader, None):
        assert await names(data, caller, Wanted(datafiles=(data.first,))) == in_ds[:1]
        assert await names(data, caller, Wanted(datasets=(data.ds,))) == in_ds
        assert await names(data, caller, Wanted(investigations=(data.inv,))) == in_inv
        everything = Wanted((data.inv,), (data.ds2, data.ds), (data.third, data.first, data.first))
        assert await names(data, caller, everything) == in_inv
        assert await names(data, caller, Wanted(datasets=(data.empty,))) == []
        assert await names(data, caller, Wanted()) == []


async def test_what_is_known_of_a_file(data: Data) -> None:
    first, second = await files_of(data.selections(), data.reader, Wanted(datasets=(data.ds,)))
    assert first == File(data.first, data.ds, "a/df1.nxs", "1/2/a", 11, "", 1286600400, "simple/root", "simple/root")
    assert (second.catalogued_size, second.checksum, second.time) == (0, "d4a1185", -315619200)


async def test_the_datasets_are_told_empty_ones_too(data: Data) -> None:
    async with data.selections().select(data.reader, Wanted(investigations=(data.inv,))) as selected:
        places = list(selected.datasets.values())
    assert [(place.name, place.investigation, place.visit_id, place.facility) for place in places] == [
        (name, "inv", "1-1", "FAC") for name in ("ds", "ds2", "empty")
    ]


@pytest.mark.parametrize("kind", ["investigations", "datasets", "datafiles"])
async def test_what_there_is_not_is_not_found(data: Data, kind: str) -> None:
    for caller in (ROOT, data.reader, None):
        with pytest.raises(NoSuchObject, match="99999"):
            await names(data, caller, Wanted(**{kind: (99999,)}))  # type: ignore[arg-type]
    there = {"investigations": data.inv, "datasets": data.ds, "datafiles": data.first}[kind]
    with pytest.raises(NoSuchObject):
        await names(data, data.reader, Wanted(**{kind: (there, 99999)}))  # type: ignore[arg-type]


async def test_what_may_not_be_read_is_refused(data: Data) -> None:
    for wanted in (Wanted((data.inv,)), Wanted((), (data.ds,)), Wanted((), (), (data.first,))):
        with pytest.raises(Forbidden):
            await names(data, data.stranger, wanted)
    for wanted in (Wanted((data.inv, data.other)), Wanted((), (data.ds, data.hidden))):
        with pytest.raises(Forbidden):
            await names(data, data.reader, wanted)


async def test_a_file_without_location_is_found_only_as_missing(data: Data) -> None:
    with pytest.raises(NoSuchObject, match=str(data.nowhere)):
        await names(data, data.reader, Wanted(datafiles=(data.nowhere,)))
    with pytest.raises(Forbidden):
        await names(data, data.stranger, Wanted(datafiles=(data.nowhere,)))


async def test_files_that_may_not_be_read_are_left_out_of_a_dataset(data: Data) -> None:
    await data.site.write('[{"Rule": {"crudFlags": "R", "what": "SELECT d FROM Dataset d WHERE d.name = \'ds\'"}}]')
    await data.site.rules(("R", "SELECT i FROM Investigation i"))
    await data.site.rules(("R", "SELECT f FROM Datafile f WHERE f.name = 'df2.dat'"))
    assert await names(data, data.stranger, Wanted(datasets=(data.ds,))) == ["df2.dat"]
    assert await names(data, data.stranger, Wanted(datasets=(data.ds,)), trust_datasets=True) == [
        "a/df1.nxs",
        "df2.dat",
    ]
    with pytest.raises(Forbidden):
        await names(data, data.stranger, Wanted(datafiles=(data.first,)), trust_datasets=True)
    # df3.dat may not be read, and neither may its dataset
    assert await names(data, data.stranger, Wanted(investigations=(data.inv,))) == ["df2.dat"]


async def test_a_dataset_whose_surroundings_may_not_be_read_is_refused(data: Data) -> None:
    await data.site.rules(("R", "SELECT d FROM Dataset d"), ("R", "SELECT f FROM Datafile f"))
    with pytest.raises(Forbidden, match="Investigation"):
        await names(data, data.stranger, Wanted(datasets=(data.ds,)))


async def test_investigations_that_stand_for_nothing_where_that_is_wanted(data: Data) -> None:
    wanted = Wanted((data.inv, data.other, 99999))
    assert await names(data, data.reader, wanted, lenient_investigations=True) == ["a/df1.nxs", "df2.dat", "df3.dat"]


async def test_more_files_than_one_run_holds(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "FILES_AT_ONCE", 2)
    async with data.selections().select(data.reader, Wanted((data.inv,))) as selected:
        runs = [[file.name for file in some] async for some in selected.files()]
    assert runs == [["a/df1.nxs", "df2.dat"], ["df3.dat"]]


async def test_locations_are_checked(data: Data) -> None:
    location = signed(data.first, "1/2/a", "wombat")
    await data.site.change("Datafile", data.first, location=location)
    (file,) = await files_of(data.selections(keys=("wombat",)), data.reader, Wanted((), (), (data.first,)))
    assert file.location == "1/2/a"
    with pytest.raises(Forbidden, match="signed"):
        await names(data, data.reader, Wanted((), (data.ds,)), keys=("wombat",))


def test_only_one_datafile_alone_is_a_file() -> None:
    assert Wanted(datafiles=(1,)).is_one_file
    for wanted in (Wanted(), Wanted(datafiles=(1, 2)), Wanted((1,)), Wanted((), (1,)), Wanted((), (1,), (2,))):
        assert not wanted.is_one_file
