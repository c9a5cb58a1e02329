"""Requesting downloads, listing them and changing them (data service specification, C.2, C.3, G.8)."""

from __future__ import annotations

import asyncio
import io
import zipfile
from typing import Any

import psycopg
import pytest

from beamcat.doors.downloads.answers import DOWNLOAD_ERRORS
from beamcat.errors import ErrorKind
from tests.doors.downloads.conftest import TopCat, refused, told

EMPTY = {"facilityName": "FAC", "userName": "simple/ann", "cartItems": []}


async def test_what_the_interface_says_of_itself(topcat: TopCat) -> None:
    http = topcat.http
    assert (await http.get("/topcat/ping")).text == '"ok"'
    assert (await http.get("/topcat/version")).text == '"3.2.0"'
    refused(await http.get("/topcat/nosuch"), 404, "HTTP 404 Not Found")
    answer = await http.post("/topcat/ping")
    refused(answer, 405, "HTTP 405 Method Not Allowed")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert (await http.options("/topcat/user/downloads")).status_code == 204


def test_every_kind_of_error_has_its_status_and_code() -> None:
    assert set(DOWNLOAD_ERRORS) == set(ErrorKind)


async def test_signing_in(topcat: TopCat) -> None:
    ask = topcat.http.post
    form = {"username": "ann", "password": "pw", "plugin": "simple"}
    session = told(await ask("/topcat/user/session?facilityName=FAC", data=form))["sessionId"]
    assert told(await topcat.ask("GET", "/user/downloads", session=session)) == []
    session = told(await ask("/topcat/user/session", data={"username": "ann", "password": "pw"}))["sessionId"]
    assert len(session) == 36
    refused(await ask("/topcat/user/session", data={**form, "password": "x"}), 401, "AuthenticationException")


async def test_a_request_needs_a_name_and_a_transport(topcat: TopCat) -> None:
    told(await topcat.add("dataset ds"))
    for missing in ({"fileName": None}, {"transport": None}, {"fileName": ""}, {"fileName": "a\nb"}):
        refused(await topcat.submit(**missing), 400, "BadRequestException")
    refused(await topcat.submit(transport="pigeon"), 400, "BadRequestException")
    refused(await topcat.submit(email="no address"), 400, "BadRequestException")
    assert len((await topcat.cart())["cartItems"]) == 1


async def test_with_one_level_a_request_is_complete_at_once(topcat: TopCat) -> None:
    told(await topcat.add("dataset ds"))
    answer = told(await topcat.submit(email="ann@example.org", zipType="ZIP"))
    identifier = answer.pop("downloadId")
    assert answer == EMPTY
    (download,) = await topcat.downloads()
    assert list(download) == [
        *("id", "facilityName", "userName", "fullName", "transport", "fileName", "preparedId", "sessionId", "email"),
        *("isEmailSent", "status", "priority", "size", "isTwoLevel", "downloadItems", "investigationIds"),
        *("datasetIds", "datafileIds", "createdAt", "isDeleted", "completedAt", "delivered", "deliveredComplete"),
    ]
    expected = {
        **{"id": identifier, "facilityName": "FAC", "userName": "simple/ann", "fullName": "simple/ann"},
        **{"transport": "https", "fileName": "LILS", "sessionId": "", "email": "ann@example.org"},
        **{"isEmailSent": False, "status": "COMPLETE", "priority": 0, "size": 63, "isTwoLevel": False},
        **{"investigationIds": [], "datasetIds": [topcat.ids["ds"]], "datafileIds": [], "isDeleted": False},
    }
    assert {name: download[name] for name in expected} == expected
    data = await topcat.http.get(f"/ids/getData?preparedId={download['preparedId']}&outname=LILS")
    assert len(zipfile.ZipFile(io.BytesIO(data.content)).namelist()) == 2
    told_again = told(await topcat.submit())
    assert told_again == EMPTY
    assert len(await topcat.downloads()) == 1


async def test_a_list_is_of_ones_own_downloads(topcat: TopCat) -> None:
    mine, theirs = await topcat.request("dataset ds"), await topcat.request("dataset ds2", session=topcat.session)
    assert [each["id"] for each in await topcat.downloads()] == [mine]
    for attack in ("1=1) or (1=1", "download.isDeleted = false) or (1=1", "where true or true", "'' = '' --"):
        refused(await topcat.ask("GET", "/user/downloads", queryOffset=attack), 400, "BadRequestException")
    for everything in ("where download.isDeleted = false or download.isDeleted = true", "1=1"):
        found = await topcat.downloads(queryOffset=everything)
        assert [each["id"] for each in found] == [mine]
    refused(await topcat.ask("GET", "/admin/downloads"), 403, "ForbiddenException")
    every = told(await topcat.ask("GET", "/admin/downloads", session=topcat.session))
    assert [each["id"] for each in every] == [mine, theirs]
    assert {each["sessionId"] for each in every} == {""}
    assert told(await topcat.ask("GET", "/admin/isValidSession")) is False
    assert told(await topcat.ask("GET", "/admin/isValidSession", session=topcat.session)) is True
    assert told(await topcat.ask("GET", "/admin/isValidSession", session="x")) is False


async def test_statuses_are_told_of_ones_own_downloads_or_none(topcat: TopCat) -> None:
    mine = [await topcat.request("dataset ds"), await topcat.request("dataset ds2")]
    theirs = await topcat.request("dataset ds2", session=topcat.session)
    assert told(await topcat.ask("GET", "/user/downloads/status", downloadIds=mine)) == ["COMPLETE", "COMPLETE"]
    refused(await topcat.ask("GET", "/user/downloads/status"), 400, "BadRequestException")
    refused(await topcat.ask("GET", "/user/downloads/status", downloadIds=[*mine, theirs]), 404, "NotFoundException")


async def test_users_change_their_downloads_and_nobody_elses(topcat: TopCat) -> None:
    mine, theirs = await topcat.request("dataset ds"), await topcat.request("dataset ds2", session=topcat.session)
    answer = await topcat.ask("PUT", f"/user/download/{mine}/isDeleted", value="true")
    assert (answer.status_code, answer.content) == (200, b"")
    (download,) = await topcat.downloads()
    assert download["isDeleted"]
    assert "deletedAt" in download
    assert await topcat.downloads(queryOffset="where download.isDeleted = false") == []
    assert (await topcat.ask("PUT", f"/user/download/{mine}/isDeleted", value="false")).status_code == 200
    assert "deletedAt" not in (await topcat.downloads())[0]
    assert (await topcat.ask("PUT", f"/user/download/{mine}/status", value="PAUSED")).status_code == 200
    assert (await topcat.downloads())[0]["status"] == "PAUSED"
    for what, value in (("isDeleted", "true"), ("status", "PAUSED")):
        refused(await topcat.ask("PUT", f"/user/download/{theirs}/{what}", value=value), 403, "ForbiddenException")
        refused(await topcat.ask("PUT", f"/user/download/{mine}/{what}", value="maybe"), 400, "BadRequestException")
        refused(await topcat.ask("PUT", f"/user/download/999999/{what}", value=value), 404, "NotFoundException")


async def test_the_sizes_of_things(topcat: TopCat) -> None:
    ids = topcat.ids
    answer = await topcat.ask("GET", "/user/getSize", entityType="investigation", entityId=ids["inv"])
    assert answer.text == "167"
    assert (await topcat.ask("GET", "/user/getSize", entityType="datafile", entityId=ids["df1"])).text == "11"
    visit = await topcat.ask("POST", "/user/getSize/visit", visitId="1-1")
    assert told(visit) == {"totalCount": 4, "totalSize": 167}
    assert told(await topcat.ask("POST", "/user/getSize/visit", visitId="' OR ''='"))["totalCount"] == 0
    files = ["1/3/Person's file", "1/2/a", "nowhere"]
    answer = await topcat.ask("POST", "/user/getSize/files", files=files)
    assert told(answer) == {"totalCount": 2, "totalSize": 63, "notFound": ["nowhere"]}
    refused(await topcat.ask("GET", "/user/getSize", entityType="sample", entityId=1), 400, "BadRequestException")


async def test_the_words_of_a_portal(topcat: TopCat) -> None:
    http = topcat.http
    assert (await http.get("/topcat/confVars/serviceStatus")).text == '""'
    refused(await topcat.ask("PUT", "/admin/confVars/serviceStatus", value="x"), 403, "ForbiddenException")
    for value in ("maintenance", '{"message": "tape"}'):
        asked = {"value": value, "session": topcat.session}
        assert (await topcat.ask("PUT", "/admin/confVars/serviceStatus", **asked)).status_code == 200
        found = told(await http.get("/topcat/confVars/serviceStatus"))
        assert (found["name"], found["value"]) == ("serviceStatus", value)
    cleared = await topcat.ask("DELETE", "/admin/clearSize/dataset/1", session=topcat.session)
    assert cleared.status_code == 200


async def test_searching_for_files_is_not_enabled(topcat: TopCat) -> None:
    refused(await topcat.ask("POST", "/user/search/files", query="x"), 400, "BadRequestException")


async def test_an_administrator_has_a_download_prepared_again(topcat: TopCat) -> None:
    identifier = await topcat.request("dataset ds")
    before = (await topcat.download(identifier))["preparedId"]
    path = f"/admin/download/{identifier}"
    refused(await topcat.ask("PUT", f"{path}/prepare"), 403, "ForbiddenException")
    assert (await topcat.ask("PUT", f"{path}/prepare", session=topcat.session)).status_code == 200
    assert (await topcat.comes_to(identifier, "COMPLETE"))["preparedId"] != before
    for what, value in (("status", "PAUSED"), ("isDeleted", "true")):
        refused(await topcat.ask("PUT", f"{path}/{what}", value=value), 403, "ForbiddenException")
        assert (await topcat.ask("PUT", f"{path}/{what}", value=value, session=topcat.session)).status_code == 200
    assert (await topcat.download(identifier))["isDeleted"]
    missing = await topcat.ask("PUT", "/admin/download/999999/status", value="PAUSED", session=topcat.session)
    refused(missing, 404, "NotFoundException")


async def test_the_queue_is_for_those_who_have_a_priority(topcat: TopCat) -> None:
    assert told(await topcat.ask("GET", "/user/queue/allowed")) is False
    asked = {"transport": "https", "visitId": "1-1"}
    refused(await topcat.ask("POST", "/user/queue/visit", **asked), 403, "ForbiddenException")


async def test_reminders_can_be_refused_by_a_session_and_by_the_link_of_a_mail(topcat: TopCat) -> None:
    assert told(await topcat.ask("GET", "/user/reminders")) is True
    assert (await topcat.ask("PUT", "/user/reminders", value="false")).status_code == 200
    assert told(await topcat.ask("GET", "/user/reminders")) is False
    assert told(await topcat.ask("GET", "/user/reminders", session=topcat.session)) is True
    assert (await topcat.ask("PUT", "/user/reminders", value="true")).status_code == 200
    identifier = await topcat.request("dataset ds")
    link = f"/topcat/reminders/stop?preparedId={(await topcat.download(identifier))['preparedId']}"
    page = await topcat.http.get(link)
    assert '<form method="post"' in page.text
    assert told(await topcat.ask("GET", "/user/reminders")) is True
    assert (await topcat.http.post(link, data={"List-Unsubscribe": "One-Click"})).status_code == 200
    assert told(await topcat.ask("GET", "/user/reminders")) is False
    for wrong in ("aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa", "x", ""):
        answer = await topcat.http.post(f"/topcat/reminders/stop?preparedId={wrong}")
        assert answer.status_code == (404 if len(wrong) > 1 else 400)


class TestTheQueue:
    @pytest.fixture
    def chosen(self) -> dict[str, Any]:
        return {"queue": {"users": {"simple/ann": 1}, "max_part_files": 2}}

    async def test_what_is_queued_gets_done(self, topcat: TopCat) -> None:
        assert told(await topcat.ask("GET", "/user/queue/allowed")) is True
        asked = {"transport": "https", "fileName": "visit"}
        ids = told(await topcat.ask("POST", "/user/queue/visit", visitId="1-1", **asked))
        found = [await topcat.comes_to(identifier, "COMPLETE") for identifier in ids]
        assert [each["fileName"] for each in found] == ["visit_part_1_of_2", "visit_part_2_of_2"]
        files = told(await topcat.ask("POST", "/user/queue/files", files=["1/3/Person's file", "x"], **asked))
        assert files["notFound"] == ["x"]
        assert (await topcat.comes_to(files["downloadId"], "COMPLETE"))["datafileIds"] == [topcat.ids["df3"]]

    async def test_what_is_missing_is_asked_for(self, topcat: TopCat) -> None:
        for call, about in (("visit", {"visitId": "1-1"}), ("dataCollection", {"dataCollectionId": 1})):
            path = f"/user/queue/{call}"
            refused(await topcat.ask("POST", path, **about), 400, "BadRequestException")
            refused(await topcat.ask("POST", path, transport="https"), 400, "BadRequestException")
        refused(await topcat.ask("POST", "/user/queue/files", transport="https"), 400, "BadRequestException")
        nothing = {"transport": "https", "visitId": "9-9"}
        refused(await topcat.ask("POST", "/user/queue/visit", **nothing), 404, "NotFoundException")

    async def test_only_so_many_files_may_be_named(self, topcat: TopCat) -> None:
        asked = {"transport": "https", "files": ["1/2/a"] * 10_001}
        refused(await topcat.ask("POST", "/user/queue/files", **asked), 400, "BadRequestException")

    async def test_who_waits_does_not_change_the_status(self, topcat: TopCat, database_url: str) -> None:
        identifier = await topcat.request("dataset ds")
        with psycopg.connect(database_url) as conn:
            conn.execute("UPDATE download SET status = 'QUEUED', is_deleted = true")
        path = f"/user/download/{identifier}/status"
        refused(await topcat.ask("PUT", path, value="PREPARING"), 403, "ForbiddenException")


class TestSeveralTransports:
    @pytest.fixture
    def chosen(self) -> dict[str, Any]:
        transport = {
            "https": {"display_name": "Browser", "mail_required": True},
            "globus": {"groupings": ["staff"], "ids_url": "https://globus.example.org"},
            "smb": {"disallowed_authenticators": ["simple"]},
        }
        return {"transport": transport, "admin_users": ["simple/ann"]}

    async def test_users_see_those_that_they_may_use(self, topcat: TopCat) -> None:
        seen = told(await topcat.ask("GET", "/user/downloadType/status"))
        assert seen == {
            "https": {
                "idsUrl": "http://beamcat",
                "displayName": "Browser",
                "description": "",
                "disabled": False,
                "message": "",
            }
        }
        told(await topcat.add("dataset ds"))
        for transport in ("globus", "smb"):
            refused(await topcat.ask("GET", f"/user/downloadType/{transport}/status"), 403, "ForbiddenException")
            refused(await topcat.submit(transport=transport), 403, "ForbiddenException")

    async def test_members_of_its_group_may(self, topcat: TopCat) -> None:
        icat = topcat.icat
        user = (await icat.write({"User": {"name": "simple/ann", "fullName": "Ann Müller"}})).json()[0]
        group = (await icat.write({"Grouping": {"name": "staff"}})).json()[0]
        await icat.write({"UserGroup": {"user": {"id": user}, "grouping": {"id": group}}})
        seen = told(await topcat.ask("GET", "/user/downloadType/globus/status"))
        assert seen["idsUrl"] == "https://globus.example.org"
        identifier = await topcat.request("dataset ds", transport="globus")
        assert (await topcat.download(identifier))["fullName"] == "Ann Müller"

    async def test_an_address_may_be_required(self, topcat: TopCat) -> None:
        told(await topcat.add("dataset ds"))
        refused(await topcat.submit(), 400, "BadRequestException")
        told(await topcat.submit(email="ann@example.org"))

    async def test_an_administrator_switches_one_off(self, topcat: TopCat) -> None:
        path = "/admin/downloadType/https/status"
        asked = {"disabled": "true", "message": "back on Monday"}
        assert (await topcat.ask("PUT", path, **asked)).status_code == 200
        seen = told(await topcat.ask("GET", "/user/downloadType/https/status"))
        assert (seen["disabled"], seen["message"]) == (True, "back on Monday")
        told(await topcat.add("dataset ds"))
        message = refused(await topcat.submit(email="ann@example.org"), 403, "ForbiddenException")
        assert message == "back on Monday"


class TestLimits:
    @pytest.fixture
    def chosen(self) -> dict[str, Any]:
        return {"max_files": 3, "max_bytes": 100, "anonymous": False, "max_listed": 2}

    async def test_a_request_may_not_be_too_large(self, topcat: TopCat) -> None:
        for items in ("investigation inv", "dataset ds2"):
            told(await topcat.add(items))
            refused(await topcat.submit(), 400, "BadRequestException")
            told(await topcat.ask("DELETE", "/user/cart/FAC/cartItems", items="*"))
        await topcat.request("dataset ds")

    async def test_anonymous_users_may_be_kept_out(self, topcat: TopCat) -> None:
        session = told(await topcat.http.post("/topcat/user/session", data={"plugin": "anon"}))["sessionId"]
        told(await topcat.add("dataset ds", session=session))
        refused(await topcat.submit(session=session), 403, "ForbiddenException")

    async def test_a_list_has_an_end(self, topcat: TopCat) -> None:
        ids = [await topcat.request("dataset ds") for _ in range(3)]
        assert [each["id"] for each in await topcat.downloads()] == ids[:2]
        last = await topcat.downloads(queryOffset="order by download.id desc limit 0, 1")
        assert [each["id"] for each in last] == ids[2:]


async def test_two_who_submit_the_same_cart_make_one_download(topcat: TopCat, database_url: str) -> None:
    told(await topcat.add("dataset ds"))
    answers = [told(answer) for answer in await asyncio.gather(*(topcat.submit() for _ in range(4)))]
    assert sum("downloadId" in answer for answer in answers) == 1
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT count(*) FROM download").fetchone() == (1,)
