"""What people are shown of carts and downloads: lines, totals, where data are, and how far requests have come."""

from __future__ import annotations

import pytest

from beamcat.access.caller import Caller
from beamcat.errors import BadParameter
from beamcat.store.requests.downloads import DownloadStatus
from beamcat.store.requests.items import Kind, Owner, Reference, parse_references
from beamcat.store.selection import Total
from tests.store.requests.conftest import FILES, Facility

ROOT = Caller("simple/root", root=True)


def of(facility: Facility, *numbers: int) -> list[Reference]:
    return [Reference(Kind.DATASET, facility.datasets[number]) for number in numbers]


async def visit_of(facility: Facility) -> Reference:
    return Reference(Kind.INVESTIGATION, await facility.site.value("SELECT id FROM investigation"))


async def file_of(facility: Facility, dataset: int) -> Reference:
    identifier = facility.datasets[dataset]
    return Reference(
        Kind.DATAFILE, await facility.site.value("SELECT min(id) FROM datafile WHERE dataset_id = %s", identifier)
    )


async def test_what_has_become_of_things_that_are_put_into_a_cart(facility: Facility) -> None:
    carts, ann = facility.requests.carts, facility.ann
    first, visit = await file_of(facility, 0), await visit_of(facility)
    put = await carts.put("FAC", ann, [first])
    assert (put.added, put.covered, put.replaced) == ((first,), (), ())
    put = await carts.put("FAC", ann, of(facility, 0))
    assert (put.added, put.replaced) == (tuple(of(facility, 0)), (first,))
    put = await carts.put("FAC", ann, [first, *of(facility, 1)])
    assert (put.added, [item.id for item in put.covered]) == (tuple(of(facility, 1)), [first.id])
    put = await carts.put("FAC", ann, of(facility, 1))
    assert (put.added, put.covered, put.replaced) == ((), (), ())
    put = await carts.put("FAC", ann, [visit])
    assert set(put.replaced) == set(of(facility, 0, 1))
    assert await carts.glance([ann.key, "db/nobody"], most=10) == [visit]
    assert await carts.glance(["db/nobody"], most=10) == []


async def test_what_a_browser_had_kept_goes_to_who_signs_in(facility: Facility) -> None:
    carts = facility.requests.carts
    browser = Owner(facility.ann.caller, "~visitor/1", anonymous=True)
    await carts.put("FAC", browser, of(facility, 0))
    await carts.put("FAC", facility.ann, of(facility, 1))
    await carts.take_over("FAC", browser, facility.ann)
    assert await carts.find("FAC", browser) is None
    cart = await carts.find("FAC", facility.ann)
    assert cart is not None
    assert set(cart.references) == set(of(facility, 0, 1))


async def test_lines_say_names_sizes_and_where_the_data_are(facility: Facility) -> None:
    contents = facility.requests.contents
    visit, file = await visit_of(facility), await file_of(facility, 2)
    wanted = [visit, *of(facility, 1), file, Reference(Kind.DATASET, 10**9)]
    await facility.site.rows(
        "INSERT INTO unit (kind, id, dataset_id, online, wanted) VALUES ('dataset', %s, %s, false, NULL),"
        " ('dataset', %s, %s, false, 'RESTORE') RETURNING 1",
        *(facility.datasets[1], facility.datasets[1], facility.datasets[2], facility.datasets[2]),
    )
    lines = await contents.lines(ROOT, wanted)
    assert [line.reference for line in lines] == wanted[:3]
    told = [(line.name, line.title, line.within, line.files, line.size, line.where.word) for line in lines]
    assert told == [
        ("i", "t", None, 3 * FILES, 30 * FILES, "tape"),
        ("b", None, "i", FILES, 10 * FILES, "tape"),
        ("0", None, "c", 1, 10, "restoring"),
    ]
    assert await contents.total(ROOT, wanted) == Total(4 * FILES + 1, 40 * FILES + 10)
    assert await contents.lines(Caller("db/eve", groups=frozenset()), wanted) == lines  # the rules are for everybody


async def test_the_queue_says_how_many_come_before(facility: Facility) -> None:
    ids = await facility.requests.submissions.queue_visit(facility.asks(), "1-1")
    more = await facility.requests.submissions.queue_visit(facility.asks(), "1-1")
    downloads = [await facility.requests.downloads.find(each) for each in (*more, *ids)]
    assert [each.ahead for each in await facility.requests.following.outlooks(downloads)] == [1, 0]


async def test_a_download_that_is_kept_no_longer_has_lapsed(facility: Facility) -> None:
    identifier = await facility.request(form="tar")
    await facility.turn()
    ((_, _, form),) = facility.tape.prepared.values()
    assert form.tar
    await facility.requests.downloads.set_status(identifier, DownloadStatus.COMPLETE)
    (outlook,) = await facility.requests.following.outlooks([await facility.requests.downloads.find(identifier)])
    assert outlook.has_lapsed  # what the tape of this test has prepared is in no table
    found = await facility.requests.downloads.latest("FAC", facility.ann, before=None, most=10)
    assert [(each.id, each.form) for each in found] == [(identifier, "tar")]
    assert await facility.requests.downloads.latest("FAC", facility.ann, before=identifier, most=10) == []


async def test_one_thing_is_requested_beside_the_cart(facility: Facility) -> None:
    await facility.requests.carts.put("FAC", facility.ann, of(facility, 0))
    identifier = await facility.requests.submissions.submit(facility.asks(), of(facility, 1))
    assert [item.reference for item in (await facility.requests.downloads.find(identifier)).items] == of(facility, 1)
    assert await facility.requests.carts.find("FAC", facility.ann) is not None


@pytest.mark.parametrize("text", ["", "dataset", "dataset x", "sample 1", "dataset 1,", "dataset 99999999999999999999"])
def test_what_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(BadParameter):
        parse_references(text)


def test_things_are_named_by_kind_and_id() -> None:
    wanted = [Reference(Kind.DATASET, 12), Reference(Kind.INVESTIGATION, 3)]
    assert parse_references(" Dataset 12,investigation 3 ") == wanted
