"""Requests on their way to a target: batches, limits, failures, workers that die, and what is seen of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from beamcat.errors import BadParameter, Forbidden
from beamcat.store.requests.downloads import DownloadStatus
from beamcat.store.targets.contract import State
from beamcat.store.targets.values import Lost, Settled
from beamcat.store.targets.view import Brought, cancel, expire, listed
from beamcat.testing.fts import Fts, Shelf, running_fts, running_shelf
from tests.store.targets.conftest import Rig, names

ADDRESS = "ann@example.org"
CONTENT = {f"1/{number}": b"%d" % number * 10 for number in range(5)}


async def test_data_get_there_and_the_mail_says_where(rig: Rig, tmp_path: Path) -> None:
    await rig.fill(CONTENT)
    identifier = await rig.request(email=ADDRESS)
    assert (await rig.download(identifier)).status is DownloadStatus.RESTORING
    (download,) = await rig.completed(identifier)
    base = tmp_path / "cache" / "FAC" / "1-1" / str(identifier)
    assert names(base) == [".complete", *(f"FAC/inv/1-1/ds0/{name}" for name in CONTENT)]
    assert await rig.site.rows("SELECT download_id, custom_value FROM download_mail") == [(identifier, str(base))]
    assert download.brought is not None
    assert (download.brought.files, download.brought.files_done, download.brought.bytes_done) == (5, 5, 50)
    assert download.brought.shown == str(base)
    assert download.completed is not None


async def test_after_its_time_everything_is_gone_and_counted(rig: Rig, tmp_path: Path) -> None:
    await rig.fill(CONTENT)
    identifier = await rig.request()
    await rig.completed(identifier)
    assert not await cancel(rig.site.database, identifier)
    assert await expire(rig.site.database, identifier)
    (tmp_path / "main" / "1" / "0").unlink()  # the main storage has dropped its name
    await rig.turn()
    download = await rig.download(identifier)
    assert (download.status, download.problem) == (DownloadStatus.EXPIRED, "the data were kept at there for 14 days")
    assert download.brought is not None
    assert (download.brought.state, download.brought.reclaimed is not None) == ("EXPIRED", True)
    assert download.brought.reclaimed is not None
    assert download.brought.reclaimed >= 10
    assert names(tmp_path / "cache") == [".users/65534/.lock"]
    assert not await expire(rig.site.database, identifier)
    assert await rig.site.value("SELECT count(*) FROM replica") == 0


async def test_what_is_not_there_is_told_and_stops_nothing_else(rig: Rig) -> None:
    await rig.fill(CONTENT)
    await rig.fill({"2/gone": b"x"}, on_disk=False)
    identifier = await rig.request(*rig.datasets)
    (download,) = await rig.completed(identifier)
    assert download.status is DownloadStatus.COMPLETE
    assert download.brought is not None
    assert (download.brought.failed, list(download.brought.failed_names)) == (1, ["FAC/inv/1-1/ds1/2/gone"])
    assert await rig.site.rows("SELECT reason FROM target_failure") == [("there are no data at 2/gone",)]


async def test_when_nothing_is_there_it_is_over(rig: Rig, tmp_path: Path) -> None:
    await rig.fill({"2/gone": b"x"}, on_disk=False)
    identifier = await rig.request(email=ADDRESS)
    (download,) = await rig.completed(identifier)
    assert download.status is DownloadStatus.EXPIRED
    assert download.problem == "nothing could be brought there: there are no data at 2/gone"
    assert await rig.site.rows("SELECT 1 FROM download_mail") == []
    assert not (tmp_path / "cache" / "FAC").exists()


async def test_batches_hold_every_file_once_whatever_the_runs_are(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beamcat.store.selection.FILES_AT_ONCE", 7)
    monkeypatch.setattr("beamcat.store.targets.directory.DirectoryTarget.batch_files", 5)
    content = {f"1/{number:02}": b"%d" % number for number in range(23)}
    await rig.fill(content)
    (download,) = await rig.completed(await rig.request())
    assert download.status is DownloadStatus.COMPLETE
    assert download.prepared is not None
    rows = await rig.site.rows("SELECT number, run, place, span FROM target_batch ORDER BY 1")
    assert rows == [(0, 0, 0, 5), (1, 0, 5, 5), (2, 1, 3, 5), (3, 2, 1, 5), (4, 2, 6, 3)]
    base = rig.base / "cache" / "FAC" / "1-1" / str(download.id) / "FAC" / "inv" / "1-1" / "ds0"
    assert {name: (base / name).read_bytes() for name in names(base)} == content


class TestLimits:
    @pytest.fixture
    def target(self, target: dict[str, Any]) -> dict[str, Any]:
        return {**target, "max_bytes_per_user": 60}

    async def test_more_than_a_user_may_have_is_refused(self, rig: Rig) -> None:
        await rig.fill({"1/a": b"x" * 61})
        with pytest.raises(Forbidden, match="there takes 60 bytes for a user, and this request has 61"):
            await rig.request()

    async def test_further_requests_wait_for_the_first_to_go(self, rig: Rig) -> None:
        await rig.fill(CONTENT)
        first, second = await rig.request(), await rig.request()
        await rig.completed(first)
        waiting = await rig.download(second)
        assert waiting.status is DownloadStatus.RESTORING
        assert waiting.brought is not None
        assert waiting.brought.problem == "you have 50 bytes at there already, of 60 that you may have"
        await expire(rig.site.database, first)
        await rig.completed(first, second)
        assert (await rig.download(second)).status is DownloadStatus.COMPLETE

    async def test_for_too_long_is_too_long(self, rig: Rig) -> None:
        await rig.fill(CONTENT)
        first, second = await rig.request(), await rig.request()
        await rig.completed(first)
        await rig.turn()
        await rig.site.rows("UPDATE target_request SET failing_since = now() - interval '25 hours' RETURNING 1")
        (given_up,) = await rig.completed(second)
        assert given_up.status is DownloadStatus.EXPIRED
        assert given_up.problem == "you have 50 bytes at there already, of 60 that you may have"


class TestFts:
    @pytest.fixture
    def fts(self) -> Iterator[Fts]:
        with running_fts() as running:
            yield running

    @pytest.fixture
    def shelf(self) -> Iterator[Shelf]:
        with running_shelf() as running:
            yield running

    @pytest.fixture
    def target(self, fts: Fts, shelf: Shelf) -> dict[str, Any]:
        destinations = {"home": {"url": f"{shelf.url}/home"}}
        return {"kind": "fts", "url": fts.url, "source_url": shelf.url, "destinations": destinations}

    async def test_2500_files_are_three_jobs(self, rig: Rig, fts: Fts, shelf: Shelf) -> None:
        content = {f"1/{number:04}": b"%d" % number for number in range(2500)}
        fts.wishes.pretend = True
        await rig.fill(content)
        (download,) = await rig.completed(await rig.request())
        assert [len(job.files) for job in fts.jobs.values()] == [1000, 1000, 500]
        asked = [file.asked for job in fts.jobs.values() for file in job.files]
        base = f"{shelf.url}/home/1-1/{download.id}/FAC/inv/1-1/ds0"
        assert {each["destinations"][0] for each in asked} == {f"{base}/{location}" for location in content}
        assert {each["sources"][0] for each in asked} == {f"{shelf.url}/{location}" for location in content}
        assert download.brought is not None
        assert (download.brought.files_done, download.brought.failed) == (2500, 0)
        assert download.brought.expires is None

    async def test_only_what_failed_is_copied_again(self, rig: Rig, fts: Fts, shelf: Shelf) -> None:
        shelf.files |= {f"/{location}": data for location, data in CONTENT.items()}
        await rig.fill(CONTENT)
        fts.wishes.fail = lambda source, attempt: "busy" if source.endswith(("/1", "/3")) and attempt < 3 else None
        (download,) = await rig.completed(await rig.request())
        assert [sorted(file.asked["sources"][0][-1] for file in job.files) for job in fts.jobs.values()] == [
            ["0", "1", "2", "3", "4"],
            ["1", "3"],
            ["1", "3"],
        ]
        assert download.brought is not None
        assert (download.brought.files_done, download.brought.failed) == (5, 0)

    async def test_what_others_cancel_is_not_tried_again(self, rig: Rig, fts: Fts, shelf: Shelf) -> None:
        await rig.fill(CONTENT)
        fts.wishes.going.clear()
        identifier = await rig.request()
        await rig.hand_over()
        await rig.keeper.take_some()
        async with asyncio.timeout(20):
            while not fts.jobs:
                await asyncio.sleep(0.01)
        for job in fts.jobs.values():
            job.canceled = True
            for file in job.files:
                file.state = "CANCELED"
        await rig.keeper.idle()
        download = await rig.download(identifier)
        assert download.status is DownloadStatus.EXPIRED
        assert download.problem == "nothing could be brought there: it is CANCELED"
        assert len(fts.jobs) == 1

    async def test_an_fts_that_is_away_is_waited_for(self, rig: Rig, fts: Fts, shelf: Shelf) -> None:
        shelf.files |= {f"/{location}": data for location, data in CONTENT.items()}
        await rig.fill(CONTENT)
        fts.wishes.instead = [(503, {"message": "overloaded"})] * 2
        identifier = await rig.request()
        await rig.turn()
        waiting = await rig.download(identifier)
        assert waiting.brought is not None
        assert waiting.brought.problem == "FTS answers 503: overloaded"
        (download,) = await rig.completed(identifier)
        assert (download.status, download.problem) == (DownloadStatus.COMPLETE, None)

    async def test_an_fts_that_stays_away_is_given_up(self, rig: Rig, fts: Fts, shelf: Shelf) -> None:
        await rig.fill(CONTENT)
        fts.wishes.instead = [(503, {"message": "overloaded"})] * 4
        identifier = await rig.request()
        for tries in (1, 2, 3):
            await rig.turn()
            assert await rig.site.value("SELECT tries FROM target_request") == tries
        await rig.site.rows("UPDATE target_request SET failing_since = now() - interval '25 hours' RETURNING 1")
        (download,) = await rig.completed(identifier)
        assert (download.status.value, download.problem) == ("EXPIRED", "FTS answers 503: overloaded")
        await rig.requests.downloads.set_status(identifier, DownloadStatus.RESTORING)  # somebody tries it again
        fts.wishes.pretend = True
        (download,) = await rig.completed(identifier)
        assert (download.status.value, download.problem) == ("COMPLETE", None)

    async def test_an_administrator_can_end_it(self, rig: Rig, fts: Fts, shelf: Shelf) -> None:
        await rig.fill(CONTENT)
        fts.wishes.going.clear()
        identifier = await rig.request()
        await rig.hand_over()
        await rig.keeper.take_some()
        async with asyncio.timeout(20):
            while not fts.jobs:
                await asyncio.sleep(0.01)
        assert [each.download for each in await all_listed(rig)] == [identifier]
        assert await cancel(rig.site.database, identifier)
        await rig.keeper.idle()
        assert {job.state for job in fts.jobs.values()} == {"CANCELED"}
        download = await rig.download(identifier)
        assert (download.status.value, download.problem) == ("EXPIRED", "it was canceled by an administrator")
        assert await all_listed(rig) == []
        assert [each.state for each in await all_listed(rig, ended=True)] == ["CANCELED"]


async def all_listed(rig: Rig, *, ended: bool = False) -> list[Brought]:
    found = [(user, each) async for page in listed(rig.site.database, ended=ended) for user, each in page]
    assert {user for user, _ in found} <= {"simple/ann"}
    return [each for _, each in found]


async def test_one_worker_at_a_time_works_on_a_request(rig: Rig) -> None:
    await rig.fill(CONTENT)
    identifier = await rig.request()
    await rig.hand_over()
    table = rig.keeper.table
    (first,) = await table.take(["there"], 10)
    assert await table.take(["there"], 10) == []
    assert await table.renew([first.ticket, uuid4()]) == {first.ticket}
    await rig.site.rows("UPDATE target_request SET until = now() - interval '1 s' RETURNING 1")
    (second,) = await table.take(["there"], 10)
    assert second.ticket != first.ticket
    assert await table.renew([first.ticket]) == set()
    assert rig.requests.targets is not None
    await rig.requests.targets.work.work_on(first)  # notices that it is another one's, and does nothing
    await rig.requests.targets.work.work_on(second)
    assert (await rig.download(identifier)).status is DownloadStatus.COMPLETE
    (part, *_) = [part async for part in table.first_rounds(identifier)]
    with pytest.raises(Lost):
        await table.settle(first, Settled(part, State.DONE, 0, 0))
    with pytest.raises(Lost):
        await table.stop(first, "no")
    assert (await rig.download(identifier)).status is DownloadStatus.COMPLETE


async def test_a_prepared_download_that_was_forgotten_is_made_anew(rig: Rig) -> None:
    await rig.fill(CONTENT)
    identifier = await rig.request()
    await rig.hand_over()
    await rig.site.rows("DELETE FROM prepared RETURNING 1")
    (download,) = await rig.completed(identifier)
    assert download.status is DownloadStatus.COMPLETE


async def test_a_transport_without_target_has_no_destinations(rig: Rig) -> None:
    await rig.fill(CONTENT)
    with pytest.raises(BadParameter, match="has no destinations"):
        await rig.request(transport="https", destination="home")
    assert (await rig.download(await rig.request(transport="https"))).status is DownloadStatus.COMPLETE
