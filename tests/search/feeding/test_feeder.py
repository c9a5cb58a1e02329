"""How the feeder goes about it: in which order, with whom, and what it does when something is in its way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from beamcat.database.pool import Database
from beamcat.errors import InternalError, Unavailable
from beamcat.events.lag import lags
from beamcat.search.documents import DOCUMENTS
from beamcat.search.feeding import feeder, tasks
from tests.catalogue.site import Site
from tests.search.feeding.memory import Feeding, Generation, MemoryEngine, feeding

DATASETS = 40


@pytest.fixture
async def site(database: Database) -> Site:
    return Site(database)


async def investigation(site: Site) -> int:
    """An investigation with a few datasets, and one without."""
    facility = await site.make("Facility", name="LILS")
    kind = await site.make("InvestigationType", name="experiment", facility=facility)
    of = await site.make("DatasetType", name="raw", facility=facility)
    datasets = [{"name": f"scan {number}", "type": {"id": of}} for number in range(DATASETS)]
    await site.make("Investigation", name="other", visitId="2", title="Gold", facility=facility, type=kind)
    return await site.make(
        "Investigation", name="HC-1", visitId="1", title="Rust", facility=facility, type=kind, datasets=datasets
    )


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten documents between two commits."""
    monkeypatch.setattr(feeder, "DOCUMENTS_AT_ONCE", 10)
    monkeypatch.setattr(feeder, "OBJECTS_AT_ONCE", 10)


def titles(following: Feeding) -> set[Any]:
    return {document["investigation_title"] for document in following.documents("Dataset").values()}


@pytest.mark.usefixtures("small_steps")
async def test_a_change_that_touches_very_much_does_not_hold_up_others(site: Site) -> None:
    changed = await investigation(site)
    async with feeding(site.database) as following:
        await following.feed()
        before = await following.newest()
        await site.change("Investigation", changed, title="Oxide")
        assert not await following.step()
        assert titles(following) == {"Rust", "Oxide"}
        other = await site.value("SELECT id FROM investigation WHERE title = 'Gold'")
        await site.change("Investigation", other, title="Silver")
        assert not await following.step()
        assert following.documents("Investigation")[other]["title"] == "Silver"
        assert titles(following) == {"Rust", "Oxide"}
        assert following.engine.commits[-1] == before, "what is not done yet is begun again after a crash"
        while not await following.step():
            assert await following.stored_position() == before
        assert titles(following) == {"Oxide"}
        assert await following.stored_position() == following.engine.commits[-1] == await following.newest()
        await following.assert_right()


@pytest.mark.usefixtures("small_steps")
async def test_what_was_under_way_when_the_process_died_is_done_by_the_next(site: Site) -> None:
    changed = await investigation(site)
    async with feeding(site.database) as following:
        await following.feed()
        await site.change("Investigation", changed, title="Oxide")
        await following.step()
        following.restart()
        await following.feed()
        await following.assert_right()


@pytest.mark.usefixtures("small_steps")
async def test_what_changes_again_while_it_is_under_way_is_done_once_more_and_no_oftener(site: Site) -> None:
    changed = await investigation(site)
    async with feeding(site.database) as following:
        await following.feed()
        following.engine.put.clear()
        for number in range(6):
            await site.change("Investigation", changed, title=f"Oxide {number}")
            await following.step()
        await following.feed()
        assert titles(following) == {"Oxide 5"}
        written = sum(entity == "Dataset" for entity, _ in following.engine.put)
        assert written <= 3 * DATASETS
        await following.assert_right()


@pytest.mark.usefixtures("small_steps")
async def test_an_event_of_very_many_objects_is_taken_in_pieces(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "SOURCES_AT_ONCE", 7)
    await investigation(site)
    async with feeding(site.database) as following:
        while not await following.step():
            assert len(following.documents("Dataset")) <= DATASETS
        assert len(following.engine.commits) > 2
        await following.assert_right()
        largest = max(following.engine.put.count(each) for each in following.engine.put)
        assert largest <= 3


async def test_a_thousand_files_of_a_dataset_are_one_document_of_the_dataset(site: Site) -> None:
    await investigation(site)
    dataset = await site.value("SELECT min(id) FROM dataset")
    async with feeding(site.database) as following:
        await following.feed()
        following.engine.put.clear()
        for start in range(0, 100, 20):
            files = [
                {"Datafile": {"name": f"{n}", "fileSize": 5, "dataset": {"id": dataset}}}
                for n in range(start, start + 20)
            ]
            await site.write(files)
        await following.feed()
        assert following.engine.put.count(("Dataset", dataset)) == 1
        assert following.documents("Dataset")[dataset]["count"] == 100
        await following.assert_right()


async def test_a_change_of_a_dataset_alone_does_not_touch_its_files_nor_its_investigation(site: Site) -> None:
    await investigation(site)
    dataset = await site.value("SELECT min(id) FROM dataset")
    await site.make("Datafile", name="a", dataset=dataset)
    async with feeding(site.database) as following:
        await following.feed()
        following.engine.put.clear()
        await site.change("Dataset", dataset, description="of rust")
        await following.feed()
        assert following.engine.put == [("Dataset", dataset)]


async def test_an_index_that_takes_the_place_of_the_other_is_followed_from_its_own_position(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeder, "LOOK_EVERY_S", 0)
    changed = await investigation(site)
    async with feeding(site.database) as following:
        await following.feed()
        assert following.engine.asked is not None
        built = Generation({**following.engine.asked.documents}, following.engine.asked.position)
        built.documents = {entity: {**of} for entity, of in built.documents.items()}
        await site.change("Investigation", changed, title="Oxide")
        await following.feed()
        following.engine.asked = built
        await following.feed()  # although nothing happens
        assert titles(following) == {"Oxide"}
        await following.assert_right()


async def test_changes_wait_while_the_engine_is_away_and_it_is_told(site: Site) -> None:
    changed = await investigation(site)
    attempts: list[bytes] = []
    async with feeding(site.database) as following:
        await following.feed()

        def away(_: str) -> None:
            attempts.append(following.metrics.page([]))
            if len(attempts) < 4:
                raise Unavailable("the search cluster does not answer")

        await site.change("Investigation", changed, title="Oxide")
        following.engine.before = away
        await following.feed()
        assert b"beamcat_search_waits 1.0" in attempts[2]
        assert b"beamcat_search_waits 0.0" in following.metrics.page([])
        await following.assert_right()


async def test_a_document_that_is_never_taken_stands_in_nobodys_way(site: Site) -> None:
    await investigation(site)
    bad = await site.value("SELECT min(id) + 3 FROM dataset")

    async with feeding(site.database) as following:
        following.engine.taken = _unless(bad, InternalError("cannot be indexed"))
        await following.feed()
        assert set(following.documents("Dataset")) == set(range(bad - 3, bad - 3 + DATASETS)) - {bad}
        assert await following.stored_position() == await following.newest()
        page = following.metrics.page([])
        assert b'beamcat_search_documents_total{done="refused",entity="Dataset"} 1.0' in page
        assert b'beamcat_search_documents_total{done="written",entity="Dataset"} 39.0' in page


async def test_nothing_is_passed_over_when_the_index_refuses_everything(site: Site) -> None:
    await investigation(site)
    tries = 0

    def full(entity: str, _: int) -> None:
        nonlocal tries
        tries += 1
        if tries < 100 and entity == "Dataset":
            raise InternalError("no space is left on the device")

    async with feeding(site.database) as following:
        following.engine.taken = full
        await following.feed()
        assert tries > 100
        await following.assert_right()


def _unless(bad: int, refusal: Exception) -> Callable[[str, int], None]:
    def taken(entity: str, id_: int) -> None:
        if (entity, id_) == ("Dataset", bad):
            raise refusal

    return taken


async def test_without_an_index_the_first_one_is_made_and_followed_from_its_position(site: Site) -> None:
    await investigation(site)
    engine = MemoryEngine()
    engine.asked = None
    made: list[str] = []

    async def first() -> None:
        made.append("index")
        engine.asked = Generation()

    async with feeding(site.database, engine=engine, first=first) as following:
        await following.feed()
        assert made == ["index"]
        await following.assert_right()


async def test_the_older_of_two_positions_counts(site: Site) -> None:
    changed = await investigation(site)
    async with feeding(site.database) as following:
        await following.feed()
        await site.change("Investigation", changed, title="Oxide")
        await following.feed()
        following.restart()
        assert following.engine.asked is not None
        following.engine.asked.documents["Investigation"].clear()
        await following.set_position(0)  # as if an older database had been put back
        await following.feed()
        await following.assert_right()
        following.restart()
        following.engine.asked.documents["Investigation"].clear()
        following.engine.asked.position = 0  # as if an older index had been put back
        await following.feed()
        await following.assert_right()
        assert await following.stored_position() == await following.newest()


async def test_an_index_from_the_future_of_the_catalogue_is_told_of_and_made_anew(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    pages: list[bytes] = []

    async def first() -> None:
        pages.append(following.metrics.page([]))
        following.engine.asked = Generation()

    await investigation(site)
    async with feeding(site.database, first=first) as following:
        await following.feed()
        assert not pages
        following.restart()
        assert following.engine.asked is not None
        following.engine.asked.position = 1000
        await following.feed()
        assert b"beamcat_search_of_later_state 1.0" in pages[0]
        assert b"beamcat_search_of_later_state 0.0" in following.metrics.page([])
        assert following.engine.asked.position == await following.newest()
    assert len(pages) == 1
    assert "of a later state of the catalogue" in capsys.readouterr().out


async def test_what_is_to_be_done_beside_is_done_between_commits(site: Site) -> None:
    await investigation(site)
    positions: list[int] = []

    async def beside(writing: object, position: int) -> bool:
        positions.append(position)
        return len(positions) < 3

    async with feeding(site.database, beside=beside) as following:
        await following.feed()
        assert positions[-1] == await following.newest()
        assert len(positions) >= 3


async def test_how_far_the_index_is_behind_is_told_as_of_every_reader(site: Site) -> None:
    changed = await investigation(site)
    async with feeding(site.database) as following:
        await following.feed()
        (lag,) = await lags(site.database)
        assert (lag.name, lag.behind, lag.oldest) == ("search", 0, None)
        await site.change("Investigation", changed, title="Oxide")
        following.engine.before = _never
        with pytest.raises(RuntimeError):
            await following.feed()
        (lag,) = await lags(site.database)
        assert lag.behind == 1
        assert lag.oldest is not None


def _never(_: str) -> None:
    raise RuntimeError("no")


async def test_nothing_is_read_of_what_is_not_indexed(site: Site) -> None:
    await investigation(site)
    declared = {"Instrument": DOCUMENTS["Instrument"]}
    async with feeding(site.database, documents=declared) as following:
        await following.feed()
        assert following.engine.put == []
        assert await following.stored_position() == await following.newest()
