"""Deletion with everything below (ICAT specification F.6; vector 25)."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from psycopg import errors

from beamcat.errors import Forbidden, NoSuchObject
from tests.catalogue.conftest import World
from tests.catalogue.site import Site


async def test_what_is_not_there_cannot_be_deleted(site: Site, world: World) -> None:
    with pytest.raises(NoSuchObject, match=r"^Dataset\[id:-1\] not found\.$") as caught:
        await site.delete(("Dataset", -1))
    assert caught.value.offset == 0
    with pytest.raises(NoSuchObject) as caught:
        await site.delete(("Datafile", world.datafile), ("Dataset", -1))
    assert caught.value.offset == 1
    assert await site.value("SELECT count(*) FROM datafile") == 2


async def test_everything_below_goes_too(site: Site, world: World) -> None:
    await site.delete(("Facility", world.facility))
    for table in ("facility", "investigation", "investigation_type", "dataset", "dataset_type", "datafile"):
        assert await site.value(f"SELECT count(*) FROM {table}") == 0


async def test_a_nullable_relation_cascades_like_all_others(site: Site, world: World) -> None:
    file_format = await site.make("DatafileFormat", name="nx", version="1", facility=world.facility)
    await site.change("Datafile", world.datafile, datafileFormat=file_format)
    await site.delete(("DatafileFormat", file_format))
    assert await site.rows("SELECT id FROM datafile") == [(world.second_datafile,)]
    assert await site.rows("SELECT file_count, file_size FROM dataset WHERE id = %s", world.dataset) == [(1, 7)]


async def test_an_object_is_gone_the_second_time(site: Site, world: World) -> None:
    with pytest.raises(NoSuchObject) as caught:
        await site.delete(("Datafile", world.datafile), ("Datafile", world.datafile))
    assert caught.value.offset == 1
    with pytest.raises(NoSuchObject) as caught:
        await site.delete(("Dataset", world.dataset), ("Datafile", world.datafile))
    assert caught.value.offset == 1
    assert await site.value("SELECT count(*) FROM datafile") == 2
    await site.delete(("Datafile", world.datafile), ("Dataset", world.dataset))
    assert await site.value("SELECT count(*) FROM datafile") == 0


async def test_the_right_is_needed_for_everything_that_goes(site: Site, world: World) -> None:
    ann = await site.user("db/ann", "admins")
    with pytest.raises(Forbidden, match=r"^DELETE access to this Dataset is not allowed\.$"):
        await site.delete(("Dataset", world.dataset), caller=ann)
    await site.rules(("CRUD", "Dataset"), group="admins")
    with pytest.raises(Forbidden, match=r"^DELETE access to this Datafile is not allowed\.$") as caught:
        await site.delete(("Dataset", world.other_dataset), ("Dataset", world.dataset), caller=ann)
    assert caught.value.offset == 1
    assert await site.value("SELECT count(*) FROM dataset") == 2
    await site.delete(("Dataset", world.other_dataset), caller=ann)  # it is empty
    await site.rules(("D", "SELECT f FROM Datafile f WHERE f.name = 'df1'"), group="admins")
    with pytest.raises(Forbidden):
        await site.delete(("Dataset", world.dataset), caller=ann)
    await site.rules(("D", "SELECT f FROM Datafile f WHERE f.name = 'df2'"), group="admins")
    await site.delete(("Dataset", world.dataset), caller=ann)
    assert await site.value("SELECT count(*) FROM datafile") == 0


async def test_the_first_of_many_that_must_stay_is_named(site: Site, world: World) -> None:
    ann = await site.user("db/ann")
    await site.rules(("D", "SELECT f FROM Datafile f WHERE f.fileSize < 13"))
    files = [{"Datafile": {"name": f"n{n}", "dataset": {"id": world.dataset}, "fileSize": n}} for n in range(20)]
    ids = await site.write(files)
    with pytest.raises(Forbidden) as caught:
        await site.delete(*(("Datafile", i) for i in ids), caller=ann)
    assert caught.value.offset == 13
    with pytest.raises(Forbidden) as caught:  # before it comes to what is not there
        await site.delete(*(("Datafile", i) for i in ids), ("Datafile", -1), caller=ann)
    assert caught.value.offset == 13
    with pytest.raises(NoSuchObject) as missing:
        await site.delete(("Datafile", ids[0]), ("Datafile", -1), ("Datafile", ids[19]), caller=ann)
    assert missing.value.offset == 1
    await site.delete(*(("Datafile", i) for i in ids[:13]), caller=ann)
    assert await site.value("SELECT count(*) FROM datafile") == 9


async def test_an_empty_list_deletes_nothing(site: Site) -> None:
    await site.delete()


async def test_a_deletion_that_loses_against_another_transaction_is_done_again(
    site: Site, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The other one holds what goes last, and asks for what is locked first."""
    caplog.set_level("INFO", "beamcat.database.pool")
    collection = await site.make("DataCollection")
    for _ in range(20):  # PostgreSQL chooses who loses
        dataset = await site.make("Dataset", name="contended", investigation=world.a, type=world.dataset_type)
        await site.make("DataCollectionDataset", dataset=dataset, dataCollection=collection)
        async with site.database.connection() as other:
            with contextlib.suppress(errors.DeadlockDetected):
                async with other.transaction():
                    await other.execute("SELECT FROM data_collection_dataset FOR UPDATE")
                    deletion = asyncio.create_task(site.delete(("Dataset", dataset)))
                    while (
                        await site.value(
                            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                            "AND wait_event_type = 'Lock'"
                        )
                        == 0
                    ):
                        await asyncio.sleep(0.001)
                    await other.execute("SELECT FROM dataset WHERE id = %s FOR UPDATE", [dataset])
        await deletion
        assert await site.value("SELECT count(*) FROM dataset WHERE name = 'contended'") == 0
        if "lost against another one" in caplog.text:
            return
    pytest.fail("the deletion never lost")
