"""Two-level storage through its door, by the checklist of the specification (data service specification, G.7)."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from beamcat.database.pool import Database
from beamcat.errors import InternalError
from beamcat.store.units.levels import TwoLevels
from beamcat.store.units.locks import Locks
from tests.doors.ids.conftest import Facility
from tests.doors.ids.reader import LARGE, Reader, put_large
from tests.doors.ids.test_door import told

FAST = {
    "delay_dataset_writes_s": 0.2,
    "delay_datafile_operations_s": 0.1,
    "process_queue_interval_s": 0.05,
    "recall_poll_s": 0.05,
    "retry_s": 0.2,
}
PATIENCE_S = 20


def two_levels(tmp_path: Path, unit: str, **ids: Any) -> dict[str, Any]:
    archive = tmp_path / "archive"
    archive.mkdir()
    return {"store": {"archive": {"kind": "posix", "path": archive}, "unit": unit}, "ids": {**FAST, **ids}}


@pytest.fixture(params=[{}])
def ids_settings(tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, Any]:
    """Datasets as units, unless a test wants it otherwise."""
    wanted = dict(request.param)
    return two_levels(tmp_path, wanted.pop("unit", "dataset"), **wanted)


datafiles = pytest.mark.parametrize("ids_settings", [{"unit": "datafile"}], indirect=True)
lenient = pytest.mark.parametrize("ids_settings", [{"restore_strict": False}], indirect=True)
both = pytest.mark.parametrize("ids_settings", [{}, {"unit": "datafile"}], indirect=True)


async def eventually(what: Callable[[], Awaitable[Any]]) -> Any:
    """What `what` returns once that is true."""
    async with asyncio.timeout(PATIENCE_S):
        while not (result := await what()):
            await asyncio.sleep(0.02)
    return result


async def status_is(facility: Facility, status: str, **parameters: Any) -> None:
    async def is_so() -> bool:
        return (await facility.get("getStatus", **parameters)).text == status

    await eventually(is_so)


async def archived(facility: Facility, **parameters: Any) -> None:
    """Have it archived, and wait until nothing is queued any more."""
    assert (await facility.post("archive", **parameters)).status_code == 204
    await settled(facility)
    await status_is(facility, "ARCHIVED", **parameters)


async def settled(facility: Facility) -> None:
    async def is_idle() -> bool:
        status = (await facility.get("getServiceStatus")).json()
        return status["opsQueue"] == [] and status["locks"] == []

    await eventually(is_idle)


def not_online(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.json()["code"] == "DataNotOnlineException"
    assert int(answer.headers["retry-after"]) > 0


def main_files(facility: Facility, *datasets: str) -> set[str]:
    files = (path for path in facility.base.rglob("*") if path.is_file() and ".incoming" not in path.parts)
    return {str(path.relative_to(facility.base)) for path in files}


def zips(tmp_path: Path) -> list[Path]:
    return sorted(path for path in (tmp_path / "archive").rglob("*.zip"))


def rewritten(path: Path, change: Callable[[list[tuple[str, bytes]]], Iterable[tuple[str, bytes]]]) -> None:
    """Another content for a copy in the archive."""
    with zipfile.ZipFile(path) as copy:
        entries = [(name, copy.read(name)) for name in copy.namelist()]
    with zipfile.ZipFile(path, "w") as copy:
        for name, content in change(entries):
            copy.writestr(name, content)


async def put(facility: Facility, dataset: str, name: str, content: bytes) -> httpx.Response:
    parameters = facility.named({"datasetIds": dataset})
    query = {
        "sessionId": parameters["sessionId"],
        "datasetId": parameters["datasetIds"],
        "datafileFormatId": str(facility.ids["format"]),
        "name": name,
    }
    return await facility.http.put("/ids/put", params=query, content=content)


@both
async def test_what_is_archived_says_so_and_stays_there(facility: Facility) -> None:
    assert (await facility.http.get("/ids/isTwoLevel")).text == "true"
    assert (await facility.get("getStatus", datasetIds="ds")).text == "ONLINE"
    before = main_files(facility)
    await archived(facility, datasetIds="ds")
    assert before - main_files(facility) == {"1/2/a", "1/2/b"}
    for _ in range(3):
        assert (await facility.get("getStatus", sessionId=None, datasetIds="ds")).text == "ARCHIVED"
        await asyncio.sleep(0.1)
    assert (await facility.get("getStatus", datasetIds="ds2,empty")).text == "ONLINE"
    assert (await facility.get("getStatus", investigationIds="inv")).text == "ARCHIVED"
    await settled(facility)


@both
async def test_asking_for_data_brings_them_back(facility: Facility) -> None:
    whole = (await facility.get("getData", datasetIds="ds")).content
    await archived(facility, datasetIds="ds")
    head = await facility.http.head("/ids/getData", params=facility.named({"datasetIds": "ds"}))
    assert head.status_code == 503
    assert (await facility.get("getServiceStatus")).json()["opsQueue"] == []
    answer = await facility.get("getData", datasetIds="ds")
    not_online(answer)
    await status_is(facility, "ONLINE", datasetIds="ds")
    again = await facility.get("getData", datasetIds="ds")
    assert (again.status_code, again.content) == (200, whole)
    assert main_files(facility) >= {"1/2/a", "1/2/b"}


async def test_a_dataset_comes_back_as_a_whole(facility: Facility) -> None:
    await archived(facility, datasetIds="ds")
    not_online(await facility.get("getData", datafileIds="df1"))
    await status_is(facility, "ONLINE", datafileIds="df1")
    answer = await facility.get("getData", datafileIds="df2")
    assert (answer.status_code, answer.content) == (200, b"x" * 52)


@both
async def test_what_is_prepared_comes_back(facility: Facility) -> None:
    first = await facility.prepare(datasetIds="ds,ds2")
    before = await facility.get("getData", preparedId=first)
    await archived(facility, datasetIds="ds")
    for prepared in (first, await facility.prepare(datasetIds="ds,ds2")):

        async def is_there(prepared: str = prepared) -> bool:
            answer = await facility.get("isPrepared", preparedId=prepared)
            assert answer.status_code == 200
            return answer.text == "true"

        await eventually(is_there)
        assert (await facility.get("getStatus", preparedId=prepared)).text == "ONLINE"
        answer = await facility.get("getData", preparedId=prepared)
        assert (answer.status_code, answer.content) == (200, before.content)
        await archived(facility, datasetIds="ds")


@both
async def test_what_is_there_need_not_be_restored(facility: Facility) -> None:
    prepared = await facility.prepare(datasetIds="ds")

    async def is_there() -> bool:
        return (await facility.get("isPrepared", preparedId=prepared)).text == "true"

    await eventually(is_there)
    assert (await facility.post("restore", datasetIds="ds")).status_code == 204
    await settled(facility)
    assert (await facility.get("getStatus", datasetIds="ds")).text == "ONLINE"


async def test_writing_needs_data_that_are_online(facility: Facility, tmp_path: Path) -> None:
    await archived(facility, datasetIds="ds")
    (copy,) = zips(tmp_path)
    not_online(await facility.post("write", datasetIds="ds"))
    await settled(facility)
    assert zips(tmp_path) == [copy]
    assert (await facility.post("write", datasetIds="ds2")).status_code == 204
    await settled(facility)
    assert len(zips(tmp_path)) == 2


@pytest.mark.parametrize("ids_settings", [{"enable_write": False}, {"read_only": True}], indirect=True)
async def test_writing_may_be_switched_off(facility: Facility) -> None:
    told(await facility.post("write", datasetIds="ds"), 501)
    assert (await facility.post("archive", datasetIds="ds")).status_code == 204


@both
async def test_nothing_can_be_moved(facility: Facility) -> None:
    for call in ("archive", "restore", "reset", "write"):
        answer = await facility.post(call)
        assert (answer.status_code, answer.content) == (204, b"")


async def failed(facility: Facility) -> None:
    """Wait until a restore has failed, and see that everybody is told."""

    async def is_flagged() -> bool:
        return bool((await facility.get("getServiceStatus")).json()["failures"])

    await eventually(is_flagged)
    for call in ("getStatus", "getData"):
        answer = await facility.get(call, datasetIds="ds")
        assert answer.status_code == 500
        assert answer.json() == {"code": "InternalException", "message": "Restore failed"}
    assert (await facility.get("getServiceStatus")).json()["failures"] == [facility.ids["ds"]]


@pytest.mark.parametrize("change", ["missing", "spurious", "twice", "damaged"])
async def test_a_copy_that_is_not_that_of_the_dataset(facility: Facility, tmp_path: Path, change: str) -> None:
    changes: dict[str, Callable[[list[tuple[str, bytes]]], Iterable[tuple[str, bytes]]]] = {
        "missing": lambda entries: entries[1:],
        "spurious": lambda entries: [*entries, ("ids/FAC/inv/1-1/ds/other", b"other")],
        "twice": lambda entries: [*entries, entries[0]],
    }
    await archived(facility, datasetIds="ds")
    (copy,) = zips(tmp_path)
    right = copy.read_bytes()
    if change == "damaged":
        copy.write_bytes(right.replace(b"hello", b"jello"))
    elif change == "twice":
        with pytest.warns(UserWarning, match="Duplicate name"):
            rewritten(copy, changes[change])
    else:
        rewritten(copy, changes[change])
    assert (await facility.post("restore", datasetIds="ds")).status_code == 204
    await failed(facility)
    assert not main_files(facility) & {"1/2/a", "1/2/b"}
    assert (await facility.post("reset", datasetIds="ds")).status_code == 204
    assert (await facility.get("getStatus", datasetIds="ds")).text == "ARCHIVED"
    copy.write_bytes(right)
    await facility.post("restore", datasetIds="ds")
    await status_is(facility, "ONLINE", datasetIds="ds")


async def test_preparing_tries_a_failed_restore_again(facility: Facility, tmp_path: Path) -> None:
    await archived(facility, datasetIds="ds")
    (copy,) = zips(tmp_path)
    copy.rename(tmp_path / "kept")
    await facility.post("restore", datasetIds="ds")
    await failed(facility)
    (tmp_path / "kept").rename(copy)
    prepared = await facility.prepare(datasetIds="ds")

    async def is_there() -> bool:
        return (await facility.get("isPrepared", preparedId=prepared)).text == "true"

    await eventually(is_there)


@lenient
async def test_a_lenient_restore_brings_back_what_is_right(facility: Facility, tmp_path: Path) -> None:
    await archived(facility, datasetIds="ds")
    (copy,) = zips(tmp_path)
    rewritten(copy, lambda entries: [entries[0], ("ids/FAC/inv/1-1/ds/other", b"other")])
    await facility.post("restore", datasetIds="ds")
    await status_is(facility, "ONLINE", datasetIds="ds")
    assert (await facility.get("getData", datafileIds="df1")).content == b"hello world"
    told(await facility.get("getData", datafileIds="df2"), 404)
    assert (await facility.get("getServiceStatus")).json()["failures"] == []


@datafiles
async def test_how_much_has_come_back(facility: Facility) -> None:
    prepared = await facility.prepare(datasetIds="ds,ds2")
    assert (await facility.get("getPercentageComplete", preparedId=prepared)).text == "100"
    await archived(facility, datafileIds="df4")
    assert (await facility.get("getPercentageComplete", preparedId=prepared)).text == "75"


async def test_what_the_archive_does_not_have_stays(facility: Facility, tmp_path: Path) -> None:
    (tmp_path / "archive").rename(tmp_path / "away")
    (tmp_path / "archive").write_text("no directory")
    before = main_files(facility)
    await facility.post("write", datasetIds="ds")
    await facility.post("archive", datasetIds="ds")

    async def has_failed() -> bool:
        queue = (await facility.get("getRestoreQueue")).json()
        return bool(queue) and queue[0]["tries"] > 1

    await eventually(has_failed)
    assert main_files(facility) == before
    (tmp_path / "archive").unlink()
    (tmp_path / "away").rename(tmp_path / "archive")
    await status_is(facility, "ARCHIVED", datasetIds="ds")
    await settled(facility)
    assert len(zips(tmp_path)) == 1


@both
async def test_what_was_changed_is_written_before_it_leaves(facility: Facility, tmp_path: Path) -> None:
    await archived(facility, datasetIds="ds")
    await facility.post("restore", datasetIds="ds")
    await status_is(facility, "ONLINE", datasetIds="ds")
    (facility.base / "1/2/a").write_bytes(b"HELLO WORLD")
    await archived(facility, datasetIds="ds")
    await facility.post("restore", datasetIds="ds")
    await status_is(facility, "ONLINE", datasetIds="ds")
    assert (facility.base / "1/2/a").read_bytes() == b"HELLO WORLD"


@pytest.mark.parametrize(
    "ids_settings",
    [{"start_archiving_bytes": 150, "stop_archiving_bytes": 110, "size_check_interval_s": 0.2}],
    indirect=True,
)
async def test_room_is_made_but_not_with_what_is_prepared(facility: Facility) -> None:
    prepared = await facility.prepare(datasetIds="ds2")
    await status_is(facility, "ARCHIVED", datasetIds="ds")
    await settled(facility)
    assert (await facility.get("getStatus", datasetIds="ds2")).text == "ONLINE"
    assert (await facility.get("isPrepared", preparedId=prepared)).text == "true"


async def test_the_queue_is_for_administrators(facility: Facility) -> None:
    told(await facility.get("getRestoreQueue", sessionId=facility.stranger), 403)
    await facility.post("write", datasetIds="ds")
    status = (await facility.get("getServiceStatus")).json()
    dataset = f"{facility.ids['inv']}/{facility.ids['ds']} (FAC/inv/1-1/ds)"
    assert status["opsQueue"] == [{"data": dataset, "request": "WRITE_REQUESTED"}]
    (entry,) = (await facility.get("getRestoreQueue")).json()
    assert (entry["request"], entry["user"]) == ("WRITE", "simple/root")


async def test_the_archive_holds_what_downloads_hold(facility: Facility, tmp_path: Path) -> None:
    await archived(facility, datasetIds="ds")
    (copy,) = zips(tmp_path)
    with zipfile.ZipFile(io.BytesIO(copy.read_bytes())) as archive:
        names = {"ids/FAC/inv/1-1/ds/a/df1.nxs", "ids/FAC/inv/1-1/ds/df2.dat"}
        assert set(archive.namelist()) == names
        assert archive.testzip() is None


# -- put and delete -----------------------------------------------------------------------------------------


async def test_a_file_is_put_into_a_dataset_that_is_there(facility: Facility, tmp_path: Path) -> None:
    assert (await put(facility, "empty", "new", b"new")).status_code == 201
    await settled(facility)
    (copy,) = zips(tmp_path)
    with zipfile.ZipFile(copy) as archive:
        assert archive.namelist() == ["ids/FAC/inv/1-1/empty/new"]
    await archived(facility, datasetIds="ds")
    not_online(await put(facility, "ds", "new", b"new"))
    await status_is(facility, "ONLINE", datasetIds="ds")
    await settled(facility)
    answer = await put(facility, "ds", "new", b"new")
    assert answer.status_code == 201
    await archived(facility, datasetIds="ds")
    assert not main_files(facility) & {"1/2/a", "1/2/b", answer.json()["location"]}
    held = [sorted(zipfile.ZipFile(path).namelist()) for path in zips(tmp_path)]
    assert sorted(held)[0] == [f"ids/FAC/inv/1-1/ds/{name}" for name in ("a/df1.nxs", "df2.dat", "new")]
    assert len(held) == 2, "the copy without the new file is gone"


@both
async def test_what_is_deleted_goes_from_the_archive_too(facility: Facility, tmp_path: Path) -> None:
    await facility.post("write", datasetIds="ds2")
    await settled(facility)
    for file in ("df3", "df4"):
        parameters = facility.named({"datafileIds": file})

        async def is_deleted(parameters: dict[str, str] = parameters) -> bool:
            answer = await facility.http.delete("/ids/delete", params=parameters)
            assert answer.status_code in {204, 503}, answer.text
            return answer.status_code == 204

        await eventually(is_deleted)
    await settled(facility)
    assert (await facility.get("getStatus", datasetIds="ds2")).text == "ONLINE"
    assert [path for path in (tmp_path / "archive").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("ids_settings", [{"delay_dataset_writes_s": 1000}], indirect=True)
async def test_nothing_leaves_before_it_is_written(facility: Facility, tmp_path: Path) -> None:
    before = main_files(facility)
    assert (await put(facility, "ds", "new", b"new")).status_code == 201
    assert (await facility.post("archive", datasetIds="ds")).status_code == 204
    queue = (await facility.get("getRestoreQueue")).json()
    assert [(entry["request"], entry["running"]) for entry in queue] == [("WRITE_THEN_ARCHIVE", False)]
    assert (await facility.get("getStatus", datasetIds="ds")).text == "ARCHIVED"
    await asyncio.sleep(0.3)
    assert main_files(facility) > before
    assert zips(tmp_path) == []


async def test_bytes_that_another_dataset_has_as_well_stay(facility: Facility) -> None:
    shared = {"name": "clone", "location": "1/2/a", "fileSize": 11, "dataset": {"id": facility.ids["ds2"]}}
    assert (await facility.icat.write({"Datafile": shared})).status_code == 200
    await archived(facility, datasetIds="ds")
    assert main_files(facility) >= {"1/2/a"}
    assert (await facility.get("getData", datasetIds="ds2")).status_code == 200
    await archived(facility, datasetIds="ds2")
    assert main_files(facility) == set()
    await facility.post("restore", datasetIds="ds,ds2")
    await status_is(facility, "ONLINE", datasetIds="ds,ds2")


@both
async def test_what_is_being_read_does_not_leave(facility: Facility) -> None:
    await put_large(facility, "ds")
    await settled(facility)
    reader = Reader(facility, datasetIds="ds")
    await reader.begin()
    assert (await facility.get("getServiceStatus")).json()["locks"] == [
        {"id": facility.ids["ds"], "type": "SHARED", "count": 1}
    ]
    assert (await facility.post("write", datasetIds="ds")).status_code == 204
    assert (await facility.post("archive", datasetIds="ds")).status_code == 204
    deleted = await facility.http.delete("/ids/delete", params=facility.named({"datafileIds": "df1"}))
    assert deleted.status_code == 503
    await asyncio.sleep(0.5)
    assert main_files(facility) >= {"1/2/a", "1/2/b"}
    assert zipfile.ZipFile(io.BytesIO(await reader.end())).testzip() is None
    await settled(facility)
    assert not main_files(facility) & {"1/2/a", "1/2/b"}


@datafiles
async def test_a_file_comes_back_while_another_one_is_read(facility: Facility) -> None:
    large = await put_large(facility, "ds")
    await settled(facility)
    await archived(facility, datafileIds="df1")
    reader = Reader(facility, datafileIds=large)
    await reader.begin()
    not_online(await facility.get("getData", datafileIds="df1"))
    await status_is(facility, "ONLINE", datafileIds="df1")
    assert (await facility.get("getData", datafileIds="df1")).content == b"hello world"
    assert await reader.end() == LARGE


# -- what clients are told --------------------------------------------------------------------------------


async def queued(facility: Facility) -> list[Any]:
    found: list[Any] = (await facility.get("getServiceStatus")).json()["opsQueue"]
    return found


async def test_what_only_looks_brings_nothing_back(facility: Facility) -> None:
    await archived(facility, datasetIds="ds")
    prepared = await prepared_without_restore(facility)
    probes: list[tuple[str, dict[str, str]]] = [
        ("HEAD", {}),
        ("GET", {"If-None-Match": '"z1-x"'}),
        ("GET", {"If-Modified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}),
    ]
    for method, headers in probes:
        for path, parameters in (
            ("/ids/getData", facility.named({"datasetIds": "ds"})),
            ("/ids/getData", {"preparedId": prepared}),
            ("/data/FAC/inv/1-1/ds.zip", {"sessionId": facility.session}),
            ("/data/FAC/inv/1-1/ds/a/df1.nxs", {"sessionId": facility.session}),
        ):
            answer = await facility.http.request(method, path, params=parameters, headers=headers)
            assert answer.status_code == 503, (method, path, answer.text)
            assert answer.headers["cache-control"] == "no-store"
    page = await facility.http.get(
        "/data/FAC/inv/1-1/ds/a/df1.nxs", params={"sessionId": facility.session}, headers={"Accept": "text/html"}
    )
    assert page.status_code == 503
    assert await queued(facility) == []
    assert (await facility.get("getStatus", datasetIds="ds")).text == "ARCHIVED"


async def prepared_without_restore(facility: Facility) -> str:
    """A prepared download of what is archived, of which nobody wants anything back."""
    prepared = await facility.prepare(datasetIds="ds")
    await status_is(facility, "ONLINE", datasetIds="ds")
    await settled(facility)
    await archived(facility, datasetIds="ds")
    return prepared


@pytest.mark.parametrize(
    ("ids_settings", "status"), [({}, 503), ({"not_online_status": 555}, 555)], indirect=["ids_settings"]
)
async def test_clients_are_told_when_to_come_back_and_where_to_look(facility: Facility, status: int) -> None:
    await archived(facility, datasetIds="ds")
    waits = set()
    for path, parameters, expected in (
        ("/ids/getData", facility.named({"datasetIds": "ds"}), 503),
        ("/data/FAC/inv/1-1/ds.zip", {"sessionId": facility.session}, status),
    ):
        for _ in range(12):
            answer = await facility.http.head(path, params=parameters)
            assert answer.status_code == expected
            assert answer.headers["cache-control"] == "no-store"
            wait_s = int(answer.headers["retry-after"])
            assert 27 <= wait_s <= 3960
            waits.add(wait_s)
        url, _, relation = answer.headers["link"].partition(">; ")
        assert relation == 'rel="status"'
        assert facility.session not in url
        looked = await facility.http.get(url.removeprefix("<"))
        assert (looked.status_code, looked.text) == (200, "ARCHIVED")
    assert len(waits) > 1, "those who were told at the same time come back at different ones"


async def test_a_failed_restore_is_told_by_permanent_urls_too(facility: Facility, tmp_path: Path) -> None:
    await archived(facility, datasetIds="ds")
    (copy,) = zips(tmp_path)
    copy.unlink()
    await facility.post("restore", datasetIds="ds")
    await failed(facility)
    answer = await facility.http.get("/data/FAC/inv/1-1/ds.zip", params={"sessionId": facility.session})
    assert (answer.status_code, answer.json()["detail"]) == (500, "Restore failed")


async def test_what_is_busy_is_told_by_permanent_urls_too(facility: Facility, database: Database) -> None:
    locks = Locks(database)
    held = await locks.acquire([facility.ids["ds"]], exclusive=True)
    answer = await facility.http.get("/data/FAC/inv/1-1/ds.zip", params={"sessionId": facility.session})
    assert (answer.status_code, answer.json()["detail"]) == (503, "Data is busy")
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["cache-control"] == "no-store"
    await locks.release(held)


@pytest.mark.parametrize("ids_settings", [{"process_queue_interval_s": 1000}], indirect=True)
async def test_whoever_waits_is_told_how_long(facility: Facility, database: Database) -> None:
    prepared = await facility.prepare(datasetIds="ds,ds2")
    online = (await facility.get("getRestoreStatus", preparedId=prepared)).json()
    assert online == {"status": "ONLINE", "units": 2, "online": 2, "restoring": 0, "failed": 0, "position": None,
                      "waitSeconds": None}  # fmt: skip
    async with database.connection() as connection:
        await connection.execute("UPDATE unit SET online = false WHERE id = %s", (facility.ids["ds"],))
        await connection.execute(
            "INSERT INTO unit (kind, id, dataset_id, online, wanted, requested_at)"
            " SELECT 'dataset', n, n, false, 'RESTORE', now() - interval '1 hour' FROM generate_series(900, 909) n"
        )
        await connection.execute(
            "INSERT INTO unit (kind, id, dataset_id, online, restored)"
            " SELECT 'dataset', n, n, true, now() - interval '10 s' FROM generate_series(910, 929) n"
        )
    archived_yet = (await facility.get("getRestoreStatus", datasetIds="ds,ds2")).json()
    assert (archived_yet["status"], archived_yet["online"], archived_yet["position"]) == ("ARCHIVED", 1, None)
    assert (await facility.post("restore", datasetIds="ds")).status_code == 204
    waiting = (await facility.get("getRestoreStatus", preparedId=prepared)).json()
    assert waiting.pop("waitSeconds") in {5, 6, 7}, "eleven, and two came back in a second"
    assert waiting == {"status": "RESTORING", "units": 2, "online": 1, "restoring": 1, "failed": 0, "position": 10}
    told(await facility.get("getRestoreStatus", sessionId=facility.stranger, datasetIds="ds"), 403)
    told(await facility.http.get("/ids/getRestoreStatus", params={"datasetIds": "1"}), 400)


async def test_whoever_prepares_need_not_ask_again(facility: Facility) -> None:
    """The restore is asked for when the id is told, even while the data are still leaving."""
    assert (await facility.post("archive", datasetIds="ds")).status_code == 204
    await status_is(facility, "ARCHIVED", datasetIds="ds")
    await facility.prepare(datasetIds="ds")
    await status_is(facility, "ONLINE", datasetIds="ds")
    await settled(facility)
    assert (await facility.get("getStatus", datasetIds="ds")).text == "ONLINE"


@both
async def test_a_write_that_a_server_has_left_behind_is_done(facility: Facility, database: Database) -> None:
    """G row 103: a server was killed between the put and the write, and another one was while it wrote."""
    assert (await put(facility, "ds2", "new", b"new")).status_code == 201
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE unit SET wanted = NULL, running = 'WRITE', ticket = gen_random_uuid(), worker = 'dead',"
            " until = now() - interval '1 s' WHERE wanted = 'WRITE'"
        )
    await settled(facility)
    async with database.connection() as connection:
        rows = await (await connection.execute("SELECT DISTINCT marked FROM unit WHERE copy IS NOT NULL")).fetchall()
    assert rows == [(False,)]
    await archived(facility, datasetIds="ds2")


@both
async def test_a_server_that_dies_after_it_made_the_datafile_has_asked_for_the_write(
    facility: Facility, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G row 103: what the archive has to do is written down in the transaction of the datafile, or before."""
    announce = TwoLevels.announce
    announced = 0

    async def dies(levels: TwoLevels, datasets: Sequence[int], user_name: str) -> None:
        nonlocal announced
        announced += 1
        if announced > 1:
            raise InternalError("killed")
        await announce(levels, datasets, user_name)

    monkeypatch.setattr(TwoLevels, "announce", dies)
    assert (await put(facility, "empty", "new", b"new")).status_code == 500
    await settled(facility)
    assert [path for path in (tmp_path / "archive").rglob("*") if path.is_file()] != []
