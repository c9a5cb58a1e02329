"""How requested downloads get on, where data have to be restored first (data service specification, C.4, C.5, G.8)."""

from __future__ import annotations

from typing import Any

import pytest

from beamcat.access.caller import Caller
from beamcat.errors import BadParameter, Forbidden, InternalError, NoSuchObject, Unavailable, ValidationFailed
from beamcat.store.requests.downloads import DownloadStatus
from beamcat.store.requests.items import owner_of
from tests.store.requests.conftest import FILES, Facility

ADDRESS = "ann@example.org"


async def test_a_download_is_prepared_restored_and_complete(facility: Facility) -> None:
    identifier = await facility.request(email=ADDRESS, compress=True)
    assert await facility.status(identifier) == ["PREPARING"]
    await facility.turn()
    assert await facility.status(identifier) == ["RESTORING"]
    ((name, wanted, form),) = facility.tape.prepared.values()
    assert (name, wanted.datasets, form.zip, form.compress) == ("db/ann", (facility.datasets[0],), True, True)
    await facility.turn()
    assert await facility.status(identifier) == ["RESTORING"]
    assert await facility.mails() == []
    facility.restore()
    await facility.turn()
    download = await facility.requests.downloads.find(identifier)
    assert download.status is DownloadStatus.COMPLETE
    assert download.completed is not None
    assert download.prepared in facility.tape.prepared
    assert (download.size, download.two_level) == (FILES * 10, True)
    assert await facility.mails() == [identifier]


async def test_without_an_address_there_is_no_mail(facility: Facility) -> None:
    identifier = await facility.request()
    await facility.turn()
    facility.restore()
    await facility.turn()
    assert await facility.status(identifier) == ["COMPLETE"]
    assert await facility.mails() == []


async def test_another_transport_waits_for_whoever_looks_after_it(facility: Facility) -> None:
    identifier = await facility.request(transport="globus", email=ADDRESS)
    await facility.turn()
    assert facility.tape.asked > 0  # which restores what is missing, whatever has become of the first request
    facility.restore()
    await facility.turn()
    asked = facility.tape.asked
    await facility.requests.advancing.look()
    assert facility.tape.asked == asked
    assert await facility.status(identifier) == ["RESTORING"]
    await facility.requests.downloads.set_status(identifier, DownloadStatus.COMPLETE, "share 12")
    assert await facility.status(identifier) == ["COMPLETE"]
    assert await facility.site.rows("SELECT download_id, custom_value FROM download_mail") == [(identifier, "share 12")]
    await facility.requests.downloads.set_status(identifier, DownloadStatus.COMPLETE, "again")
    assert await facility.site.rows("SELECT download_id, custom_value FROM download_mail") == [(identifier, "share 12")]


@pytest.mark.parametrize("problem", [InternalError("Restore failed"), Unavailable("away"), OSError("broken")])
async def test_what_may_pass_is_waited_for(facility: Facility, problem: Exception) -> None:
    first = await facility.request()
    await facility.turn()
    second = await facility.request(1)
    facility.tape.problem = problem
    await facility.turn()
    assert await facility.status(first, second) == ["RESTORING", "PREPARING"]
    assert (await facility.requests.downloads.find(first)).problem
    facility.tape.problem = None
    await facility.turn()
    facility.restore()
    await facility.turn()
    assert await facility.status(first, second) == ["COMPLETE", "COMPLETE"]
    assert (await facility.requests.downloads.find(first)).problem is None


async def test_what_does_not_pass_for_a_day_is_given_up(facility: Facility) -> None:
    identifier = await facility.request()
    facility.tape.problem = Unavailable("away")
    await facility.turn()
    await facility.site.value("WITH long AS (UPDATE download SET failing_since = now() - interval '25 hours') SELECT 1")
    await facility.turn()
    download = await facility.requests.downloads.find(identifier)
    assert (download.status, download.problem) == (DownloadStatus.EXPIRED, "away")


async def test_what_is_refused_is_over_at_once(facility: Facility) -> None:
    gone, other = await facility.request(), await facility.request(1)
    await facility.site.delete(("Dataset", facility.datasets[0]))
    await facility.turn()
    assert await facility.status(gone, other) == ["EXPIRED", "RESTORING"]
    assert "Dataset" in str((await facility.requests.downloads.find(gone)).problem)


async def test_the_rights_of_the_moment_decide_when_it_is_prepared(facility: Facility) -> None:
    identifier = await facility.request()
    rules = await facility.site.rows("SELECT id FROM rule WHERE what = 'Dataset'")
    await facility.site.delete(("Rule", rules[0][0]))
    facility.site.rulebooks.expire()
    await facility.turn()
    assert await facility.status(identifier) == ["EXPIRED"]


async def test_a_prepared_download_that_was_forgotten_is_made_anew(facility: Facility) -> None:
    identifier = await facility.request()
    await facility.turn()
    facility.tape.prepared.clear()
    await facility.turn()
    assert await facility.status(identifier) == ["PREPARING"]
    await facility.turn()
    facility.restore()
    await facility.turn()
    assert await facility.status(identifier) == ["COMPLETE"]


async def test_what_is_hidden_is_not_worked_on(facility: Facility) -> None:
    identifier = await facility.request()
    await facility.requests.downloads.set_deleted(identifier, value=True)
    await facility.turn()
    assert facility.tape.prepared == {}
    await facility.requests.downloads.set_deleted(identifier, value=False)
    await facility.turn()
    assert await facility.status(identifier) == ["RESTORING"]


async def test_what_was_never_prepared_is_prepared_before_it_is_restored(facility: Facility) -> None:
    identifier = await facility.request()
    await facility.requests.downloads.set_status(identifier, DownloadStatus.PAUSED)
    await facility.turn()
    assert await facility.status(identifier) == ["PAUSED"]
    await facility.requests.downloads.set_status(identifier, DownloadStatus.RESTORING)
    assert await facility.status(identifier) == ["PREPARING"]


class TestTheQueue:
    @pytest.fixture
    def chosen(self) -> dict[str, Any]:
        return {"queue": {"max_part_files": FILES, "users": {"db/first": 1, "db/never": 0}, "max_files": 3}}

    async def test_a_visit_comes_in_parts(self, facility: Facility) -> None:
        ids = await facility.requests.submissions.queue_visit(facility.asks(file_name=""), "1-1")
        found = [await facility.requests.downloads.find(identifier) for identifier in ids]
        assert [each.file_name for each in found] == [f"FAC_1-1_part_{k}_of_3" for k in (1, 2, 3)]
        assert {each.status for each in found} == {DownloadStatus.QUEUED}
        assert [each.items[0].reference.id for each in found] == facility.datasets
        assert {(each.size, each.priority) for each in found} == {(FILES * 10, 5)}
        for nothing in ("9-9", "' OR ''='"):
            with pytest.raises(NoSuchObject):
                await facility.requests.submissions.queue_visit(facility.asks(), nothing)

    async def test_a_data_collection_comes_in_parts(self, facility: Facility) -> None:
        files = await facility.site.rows(
            "SELECT id FROM datafile WHERE dataset_id = %s ORDER BY id", facility.datasets[2]
        )
        collection = await facility.site.make("DataCollection")
        await facility.site.make("DataCollectionDataset", dataCollection=collection, dataset=facility.datasets[1])
        for (file,) in files[:2]:
            await facility.site.make("DataCollectionDatafile", dataCollection=collection, datafile=file)
        ids = await facility.requests.submissions.queue_collection(facility.asks(file_name=""), collection)
        first, second = [await facility.requests.downloads.find(identifier) for identifier in ids]
        assert first.file_name == f"FAC_DataCollection{collection}_part_1_of_2"
        assert [each.reference.id for each in first.items] == [facility.datasets[1]]
        assert [each.reference.id for each in second.items] == [file for (file,) in files[:2]]
        with pytest.raises(NoSuchObject):
            await facility.requests.submissions.queue_collection(facility.asks(), 999_999)

    async def test_files_are_found_by_their_locations(self, facility: Facility) -> None:
        dataset = facility.datasets[0]
        done = await facility.requests.submissions.queue_files(facility.asks(file_name=""), [f"{dataset}/1", "x", "x"])
        assert done.not_found == ["x"]
        download = await facility.requests.downloads.find(done.download_id)
        assert (download.file_name, download.size, len(download.items)) == ("FAC_files", 10, 1)
        with pytest.raises(NoSuchObject):
            await facility.requests.submissions.queue_files(facility.asks(), ["x"])
        with pytest.raises(ValidationFailed):
            await facility.requests.submissions.queue_files(facility.asks(), ["x"] * 4)
        with pytest.raises(BadParameter):
            await facility.requests.submissions.queue_files(facility.asks(), [])

    async def test_some_may_not_use_it(self, facility: Facility) -> None:
        never = owner_of(Caller("db/never"), "x", anonymous=False)
        assert await facility.requests.submissions.priority(never.caller) == 0
        with pytest.raises(Forbidden):
            await facility.requests.submissions.queue_visit(facility.asks(owner=never), "1-1")
        await facility.request(owner=never)

    async def test_one_at_a_time_is_started_the_best_first(self, facility: Facility) -> None:
        queue = facility.requests.submissions.queue_files
        one = [f"{facility.datasets[0]}/1"]
        ids = [(await queue(facility.asks(), one)).download_id for _ in range(2)]
        first = owner_of(Caller("db/first"), "x", anonymous=False)
        best = (await queue(facility.asks(owner=first), one)).download_id
        done: list[int] = []
        for identifier in (best, *ids):
            for _ in range(2):
                await facility.turn()
                waiting = 2 - len(done)
                expected = ["COMPLETE"] * len(done) + ["RESTORING"] + ["QUEUED"] * waiting
                assert await facility.status(best, *ids) == expected
            facility.restore()
            await facility.turn()
            done.append(identifier)
        assert await facility.status(*done) == ["COMPLETE"] * 3


class TestAQueueThatIsClosed:
    @pytest.fixture
    def chosen(self) -> dict[str, Any]:
        return {"queue": {"max_active": 0, "carts": True}}

    async def test_carts_wait_in_it_too(self, facility: Facility) -> None:
        identifier = await facility.request()
        await facility.turn()
        assert await facility.status(identifier) == ["QUEUED"]
        await facility.requests.downloads.set_status(identifier, DownloadStatus.RESTORING)
        await facility.turn()
        assert await facility.status(identifier) == ["RESTORING"]


class TestAQueueWithoutLimit:
    @pytest.fixture
    def chosen(self) -> dict[str, Any]:
        return {"queue": {"max_active": -1, "carts": True, "default_priority": 0}}

    async def test_everything_is_started(self, facility: Facility) -> None:
        ids = [await facility.request(number) for number in range(3)]
        for _ in ids:
            await facility.turn()
        assert await facility.status(*ids) == ["RESTORING"] * 3
