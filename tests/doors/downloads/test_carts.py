"""Carts, by the checklist of the specification (data service specification, C.2, G.8)."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.doors.downloads.conftest import TopCat, refused, told

EMPTY = {"facilityName": "FAC", "userName": "simple/ann", "cartItems": []}


def items(cart: dict[str, Any]) -> list[tuple[str, int]]:
    return [(item["entityType"], item["entityId"]) for item in cart["cartItems"]]


async def test_what_lies_in_something_of_the_cart_is_left_out(topcat: TopCat) -> None:
    ids = topcat.ids
    cart = told(await topcat.add("dataset ds, datafile df1"))
    assert items(cart) == [("dataset", ids["ds"])]
    assert list(cart) == ["id", "facilityName", "userName", "createdAt", "updatedAt", "cartItems"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", cart["createdAt"])
    (item,) = cart["cartItems"]
    assert list(item) == ["id", "entityType", "entityId", "name", "parentEntities"]
    assert item["name"] == "ds"
    parents = [(each["entityType"], each["entityId"]) for each in item["parentEntities"]]
    assert parents == [("investigation", ids["inv"])]
    assert items(told(await topcat.add("investigation inv"))) == [("investigation", ids["inv"])]
    assert items(told(await topcat.add("datafile df3"))) == [("investigation", ids["inv"])]


async def test_a_datafile_names_its_dataset_and_investigation(topcat: TopCat) -> None:
    (item,) = told(await topcat.add("datafile df1"))["cartItems"]
    parents = [(each["entityType"], each["entityId"]) for each in item["parentEntities"]]
    assert parents == [("dataset", topcat.ids["ds"]), ("investigation", topcat.ids["inv"])]
    assert len({each["id"] for each in item["parentEntities"]}) == 2


async def test_nothing_is_in_a_cart_twice_and_what_is_not_there_is_ignored(topcat: TopCat) -> None:
    first = told(await topcat.add("dataset ds"))
    again = told(await topcat.add("dataset ds, DATASET ds, dataset 999999, datafile 999999"))
    assert items(first) == items(again)
    assert again["id"] == first["id"]
    assert told(await topcat.ask("DELETE", "/user/cart/FAC/cartItems", items="*")) == EMPTY
    assert told(await topcat.add("dataset 999999")) == EMPTY


async def test_what_may_not_be_read_does_not_get_into_a_cart(topcat: TopCat) -> None:
    rules = (await topcat.icat.ask("Rule [what = 'Dataset']")).json()
    await topcat.icat.delete([{"Rule": {"id": rules[0]["Rule"]["id"]}}])

    found = told(await topcat.add("dataset ds, datafile df1"))
    assert items(found) == [("datafile", topcat.ids["df1"])]


async def test_items_are_taken_out_by_what_they_are_and_by_their_number(topcat: TopCat) -> None:
    ids = topcat.ids
    cart = told(await topcat.add("dataset ds, datafile df3, datafile df4"))
    numbers = {item["entityId"]: item["id"] for item in cart["cartItems"]}
    wanted = f"dataset {ids['ds']}, {numbers[ids['df3']]}"
    left = told(await topcat.ask("DELETE", "/user/cart/FAC/cartItems", items=wanted))
    assert items(left) == [("datafile", ids["df4"])]
    gone = told(await topcat.add("datafile df4", remove="true"))
    assert gone == EMPTY
    assert await topcat.cart() == EMPTY


async def test_carts_of_others_are_theirs(topcat: TopCat) -> None:
    told(await topcat.add("dataset ds"))
    mine = await topcat.cart()
    theirs = told(await topcat.add("dataset ds2", session=topcat.session))
    assert items(theirs) == [("dataset", topcat.ids["ds2"])]
    number = mine["cartItems"][0]["id"]
    told(await topcat.ask("DELETE", "/user/cart/FAC/cartItems", items=str(number), session=topcat.session))
    assert await topcat.cart() == mine


async def test_every_anonymous_session_has_a_cart_of_its_own(topcat: TopCat, database_url: str) -> None:
    first, second = str(uuid4()), str(uuid4())
    with psycopg.connect(database_url) as conn:
        for session in (first, second):
            conn.execute(
                "INSERT INTO session (id, user_name, mechanism, created, expires)"
                " VALUES (%s, 'anon/anon', 'anon', now(), now() + interval '1 hour')",
                [session],
            )
    cart = told(await topcat.add("dataset ds", session=first))
    assert cart["userName"] == f"anon/anon/{first}"
    assert (await topcat.cart(session=second))["cartItems"] == []
    told(await topcat.submit(session=first))
    assert len(await topcat.downloads(session=first)) == 1
    assert await topcat.downloads(session=second) == []
    (seen,) = told(await topcat.ask("GET", "/admin/downloads", session=topcat.session))
    assert seen["userName"] == "anon/anon"
    with psycopg.connect(database_url) as conn:
        rows = conn.execute("SELECT to_json(c)::text FROM download c UNION ALL SELECT to_json(c)::text FROM cart c")
        assert [row for (row,) in rows.fetchall() if first in row] == []


async def test_two_anonymous_browsers_have_carts_of_their_own(topcat: TopCat, database_url: str) -> None:
    sessions = [told(await topcat.http.post("/topcat/user/session", data={"plugin": "anon"})) for _ in range(2)]
    first, second = (each["sessionId"] for each in sessions)
    told(await topcat.add("dataset ds", session=first))
    told(await topcat.add("dataset ds2", session=second))
    assert items(await topcat.cart(session=first)) == [("dataset", topcat.ids["ds"])]
    assert items(await topcat.cart(session=second)) == [("dataset", topcat.ids["ds2"])]
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT count(*) FROM session WHERE mechanism = 'anon'").fetchone() == (1,)


async def test_items_that_are_none_are_refused(topcat: TopCat) -> None:
    for wanted in ("", "dataset", "sample 1", "dataset x", "dataset 1; dataset 2", "dataset 9999999999999999999"):
        refused(await topcat.add(wanted), 400, "BadRequestException")


async def test_a_cart_needs_a_session(topcat: TopCat) -> None:
    refused(await topcat.ask("GET", "/user/cart/FAC", session=str(uuid4())), 401, "AuthenticationException")
    refused(await topcat.ask("GET", "/user/cart/FAC", session=""), 401, "AuthenticationException")
    refused(await topcat.ask("GET", "/user/cart/OTHER"), 400, "BadRequestException")


class TestASmallCart:
    @pytest.fixture
    def chosen(self) -> dict[str, Any]:
        return {"max_cart_items": 2}

    async def test_it_takes_no_more_than_it_may(self, topcat: TopCat) -> None:
        told(await topcat.add("datafile df1, datafile df2"))
        refused(await topcat.add("datafile df3"), 400, "BadRequestException")
        assert len((await topcat.cart())["cartItems"]) == 2
        assert len(told(await topcat.add("dataset ds"))["cartItems"]) == 1
