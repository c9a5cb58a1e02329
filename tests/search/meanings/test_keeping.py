"""Texts are read in the background: each change, by one of all workers, and over kill -9."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from beamcat.access.caller import Caller
from beamcat.events.reading import keep_reading
from beamcat.events.sequencing import keep_sequencing
from beamcat.search.meanings import matrix
from beamcat.search.meanings.keeping import Keeper
from beamcat.search.meanings.models import Models
from beamcat.search.meanings.reading import Following, Reading
from tests.catalogue.site import ROOT
from tests.events.site import QUICK as AT_ONCE
from tests.events.site import running, until
from tests.search.meanings.conftest import QUICK, Facility
from tests.search.meanings.science import FIELDS

DIGESTS = "SELECT entity, entity_id, part, digest, stamp FROM meaning ORDER BY 1, 2, 3"
MANY = """
INSERT INTO investigation (id, facility_id, type_id, name, visit_id, title, summary, release_date,
                           file_count, file_size, create_id, create_time, mod_id, mod_time)
SELECT nextval('investigation_id_seq'), facility_id, type_id, name, visit_id || '-' || number, title, summary,
       release_date, 0, 0, 'x', now(), 'x', now()
  FROM investigation, generate_series(1, 40) number
"""


async def test_what_has_not_changed_is_not_read_again(read: Facility) -> None:
    before = await read.site.rows(DIGESTS)
    await read.site.change("Investigation", read.ids["fossils"][0], summary="Bone, and an amber feather.")
    await read.keeper.look()
    after = await read.site.rows(DIGESTS)
    assert len(set(after) - set(before)) == len(set(before) - set(after)) == 1


async def test_a_text_that_changes_is_found_by_what_it_says_now(read: Facility) -> None:
    changing = read.ids["fossils"][0]
    title, summary = "Lithium battery", "Cathode and electrolyte of a lithium cell during charge."
    await read.site.change("Investigation", changing, title=title, summary=summary)
    await read.keeper.look()
    assert changing in (await read.near("battery electrode"))
    assert changing not in (await read.near("palaeontology"))


async def test_what_is_deleted_is_forgotten(read: Facility) -> None:
    keyword = await read.site.make("Keyword", name="amber", investigation=read.ids["fossils"][1])
    await read.keeper.look()
    await read.site.delete(("Investigation", read.ids["fossils"][0]), ("Keyword", keyword))
    await read.keeper.look()
    rows = await read.site.rows("SELECT entity_id, part FROM meaning")
    assert read.ids["fossils"][0] not in {id_ for id_, _ in rows}
    assert {part for _, part in rows} == {"Investigation"}


async def test_changes_are_followed_as_they_happen(read: Facility) -> None:
    reading = Reading(read.site.database, read.models, 1.0)
    following = Following(read.site.database, read.models, reading)
    database, magnet = read.site.database, read.ids["magnets"][0]
    digests = "SELECT count(*) FROM meaning WHERE entity_id = %s AND part = %s"
    async with running(keep_sequencing(database), keep_reading(database, following, **AT_ONCE)):
        await until(lambda: read.site.rows("SELECT name FROM event_reader WHERE name = 'meaning'"))
        new = await read.add("Perovskite film. Solar cell.")
        keyword = await read.site.make("Keyword", name="spin ice", investigation=magnet)

        async def both(number: int) -> bool:
            each = ((new, "Investigation"), (magnet, "Keyword"))
            return [await read.site.value(digests, *one) for one in each] == [number, number]

        await until(lambda: both(1))
        await read.site.delete(("Keyword", keyword), ("Investigation", new))
        await until(lambda: both(0))
    reading.close()


async def test_of_several_workers_one_reads_and_all_find(facility: Facility, database_url: str) -> None:
    others = [
        Keeper(facility.site.database, facility.site.rulebooks, QUICK, Models(facility.site.database, None))
        for _ in range(2)
    ]

    async def ready() -> bool:
        return bool(await facility.site.rows("SELECT name FROM meaning_model WHERE ready"))

    async with running(*(keeper.keep() for keeper in others)):
        await until(ready)
    assert await facility.site.value("SELECT count(*) FROM meaning_model") == 1
    assert await facility.fields("palaeontology", 3) == ["fossils"] * 3


async def test_a_killed_reader_is_gone_on_from(facility: Facility, database_url: str, repository: Path) -> None:
    await facility.site.rows(MANY + " RETURNING id")
    process = subprocess.Popen([sys.executable, "-m", "tests.search.meanings.reader", database_url], cwd=repository)

    async def some() -> bool:
        assert process.poll() is None
        return bool(await facility.site.value("SELECT count(*) >= 200 FROM meaning"))

    await until(some)
    process.kill()
    await asyncio.to_thread(process.wait)
    before = set(await facility.site.rows(DIGESTS))
    total = await facility.site.value("SELECT count(*) FROM investigation")
    assert 200 <= len(before) < total
    assert await facility.keeper.look() is not None
    after = set(await facility.site.rows(DIGESTS))
    assert len(after) == total
    assert before <= after
    nearest = await facility.meanings.by_meaning(ROOT, "Investigation", "palaeontology", 20)
    assert nearest.complete
    assert len(nearest.found) == 20


async def test_a_model_that_is_not_ready_answers_and_says_so(read: Facility) -> None:
    await read.site.rows("UPDATE meaning_model SET ready = false RETURNING name")
    nearest = await read.meanings.by_meaning(ROOT, "Investigation", "palaeontology", 3)
    assert nearest.found
    assert not nearest.complete


async def test_nothing_is_learned_anew_until_there_is_more_to_learn_from(read: Facility) -> None:
    async def learned_again() -> str:
        await read.site.rows("UPDATE meaning_model SET made = made - interval '2 days' RETURNING name")
        model = await read.keeper.look()
        assert model is not None
        return model.name

    first = await read.site.value("SELECT name FROM meaning_model")
    for text in FIELDS["fossils"][:3]:
        await read.add(text + " Once more.")
    assert await learned_again() == first
    for text in FIELDS["fossils"]:
        await read.add(text + " Bones of extinct glyptodonts.")
    second = await learned_again()
    assert second != first
    assert {name for (name,) in await read.site.rows("SELECT model FROM meaning")} == {second}
    assert len(await read.as_another_worker_near("glyptodonts")) >= 3


async def test_too_few_open_texts_are_waited_for(facility: Facility) -> None:
    await facility.site.rows("UPDATE investigation SET release_date = '2199-01-01' RETURNING id")
    assert await facility.keeper.look() is None
    assert not await facility.site.rows("SELECT name FROM meaning_model")


async def test_files_are_shared_and_made_anew_when_much_has_changed(
    read: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    await read.near("palaeontology")
    (first,) = read.home.glob("*/Investigation/[0-9]*")
    other = read.as_another_worker()
    await other.by_meaning(ROOT, "Investigation", "palaeontology")
    assert list(read.home.glob("*/Investigation/[0-9]*")) == [first]
    new = await read.add("Fossil skull of an extinct beetle. Palaeontology.")
    await read.keeper.look()
    monkeypatch.setattr(matrix, "CHECKED_EVERY_S", 0)
    assert new in await read.near("palaeontology")
    assert list(read.home.glob("*/Investigation/[0-9]*")) == [first]
    monkeypatch.setattr(matrix, "BESIDE", 1)
    newer = await read.add("Fossil fish of an extinct kind. Palaeontology.")
    await read.keeper.look()
    assert {new, newer} <= set(await read.near("palaeontology"))
    (second,) = read.home.glob("*/Investigation/[0-9]*")
    assert second != first
    assert (await other.by_meaning(ROOT, "Investigation", "palaeontology", 60)).found


async def test_a_file_that_was_never_finished_is_no_file(read: Facility, nobody: Caller) -> None:
    edition = await read.site.value("SELECT edition::text FROM meaning_model")
    half = read.home / edition / "Investigation" / "making"
    half.mkdir(parents=True)
    (half / "vectors.npy").write_bytes(b"half")
    (read.home / "11111111-1111-1111-1111-111111111111").mkdir()
    assert await read.fields("palaeontology", 3, nobody) == ["fossils"] * 3
    assert [each.name for each in read.home.iterdir()] == [edition]
    assert not half.exists()
