"""Who reads bytes holds them, on one level of storage as on two (data service specification, A.9, G row 89)."""

from __future__ import annotations

import asyncio
import io
import zipfile
from typing import Any

import pytest

from beamcat.database.pool import Database
from tests.doors.ids.conftest import Facility
from tests.doors.ids.reader import Reader, put_large


async def locks(database: Database) -> list[tuple[Any, ...]]:
    async with database.connection() as connection:
        return await (await connection.execute("SELECT dataset_id, exclusive FROM unit_lock")).fetchall()


async def delete(facility: Facility, **parameters: str) -> Any:
    return await facility.http.delete("/ids/delete", params=facility.named(dict(parameters)))


async def test_nothing_is_deleted_while_it_is_read(facility: Facility, database: Database) -> None:
    await put_large(facility, "ds")
    reader = Reader(facility, datasetIds="ds")
    await reader.begin()
    refused = await delete(facility, datafileIds="df1")
    assert refused.status_code == 503
    assert refused.json() == {"code": "DataNotOnlineException", "message": "Data is busy"}
    assert int(refused.headers["retry-after"]) > 0
    status = (await facility.get("getServiceStatus")).json()
    assert status["locks"] == [{"id": facility.ids["ds"], "type": "SHARED", "count": 1}]
    assert (await delete(facility, datafileIds="df3")).status_code == 204, "of another dataset"
    with zipfile.ZipFile(io.BytesIO(await reader.end())) as archive:
        assert len(archive.namelist()) == 3
    assert (await delete(facility, datafileIds="df1")).status_code == 204
    assert await locks(database) == []


async def test_what_is_prepared_is_held_once_for_all_its_ranges(facility: Facility, database: Database) -> None:
    await put_large(facility, "ds")
    prepared = await facility.prepare(datasetIds="ds")
    readers = [Reader(facility, {"Range": f"bytes={first}-"}, preparedId=prepared) for first in range(8)]
    await asyncio.gather(*(reader.begin() for reader in readers))
    assert await locks(database) == [(facility.ids["ds"], False)]
    for reader in readers[1:]:
        await reader.end()
    assert (await delete(facility, datafileIds="df1")).status_code == 503
    await readers[0].end()
    assert await locks(database) == []


async def test_a_client_that_goes_away_holds_nothing(facility: Facility, database: Database) -> None:
    await put_large(facility, "ds")
    reader = Reader(facility, datasetIds="ds")
    await reader.begin()
    await reader.go_away()
    assert await locks(database) == []


@pytest.mark.parametrize("path", ["/ids/getData", "/data/FAC/inv/1-1/ds.zip"])
async def test_what_has_no_bytes_in_it_holds_nothing(facility: Facility, database: Database, path: str) -> None:
    parameters = facility.named({"datasetIds": "ds"})
    head = await facility.http.head(path, params=parameters)
    assert head.status_code == 200
    again = await facility.http.get(path, params=parameters, headers={"If-None-Match": head.headers["etag"]})
    assert again.status_code == 304
    assert await locks(database) == []
    assert (await delete(facility, datafileIds="df1")).status_code == 204


async def test_permanent_urls_hold_what_is_read(facility: Facility) -> None:
    await put_large(facility, "ds")
    reader = Reader(facility, path="/data/FAC/inv/1-1/ds.zip", datasetIds="ds")
    await reader.begin()
    assert (await delete(facility, datafileIds="df1")).status_code == 503
    await reader.end()
    assert (await delete(facility, datafileIds="df1")).status_code == 204


async def test_whoever_has_got_everything_may_delete_it_at_once(facility: Facility) -> None:
    """The last piece is on its way when the lock has gone."""
    reader = Reader(facility, datafileIds="df1")
    await reader.begin()
    assert reader.body == b"hello world"
    assert (await delete(facility, datafileIds="df1")).status_code == 204
    await reader.end()
