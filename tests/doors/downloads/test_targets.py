"""Data are brought to targets, from a cart to the end (data service specification, F.4, checks 140 to 142)."""

from __future__ import annotations

import pwd
import stat
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from lxml import etree

from beamcat.store.targets import acl
from beamcat.testing.fts import Fts, Shelf, running_fts, running_shelf
from tests.doors.downloads.conftest import TopCat, eventually, refused, told
from tests.store.storage.s3_server import running_s3
from tests.store.targets.test_commands import COMMANDS, HAULER
from tests.store.targets.test_directory_contract import COMMAND

CONTENT = {"df1": b"hello world", "df2": b"x" * 52}
Over = Callable[[int], Awaitable[dict[str, Any]]]
NAMES = {name: f"FAC/inv/1-1/ds/{name}" for name in CONTENT}


def chosen_for(target: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Settings with a transport `there` whose target is this one."""
    transports = {"https": {}, "there": {"target": "there", "display_name": "There"}}
    return {"transport": transports, "target": {"there": {"poll_s": 0.05, **target}}, **more}


async def owned(topcat: TopCat, identifier: int) -> dict[str, Any]:
    """A download, as its owner sees it."""
    (found,) = await topcat.downloads(queryOffset=f"where download.id = {identifier}")
    return found


@pytest.fixture
def over(topcat: TopCat, database_url: str) -> Callable[[int], Awaitable[dict[str, Any]]]:
    """Lets the time of a download be over; the download, when it is gone."""

    async def over(identifier: int) -> dict[str, Any]:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("UPDATE target_request SET expires = now() WHERE download_id = %s", (identifier,))
        return await topcat.comes_to(identifier, "EXPIRED")

    return over


class TestDirectory:
    @pytest.fixture
    def chosen(self, tmp_path: Path) -> dict[str, Any]:
        (tmp_path / "cache").mkdir()
        target = {"kind": "directory", "path": tmp_path / "cache", "user_command": COMMAND, "keep_free_bytes": 0}
        return chosen_for(target)

    async def test_files_are_linked_readable_and_marked_last(self, topcat: TopCat, tmp_path: Path, over: Over) -> None:
        identifier = await topcat.request("dataset ds", transport="there")
        await topcat.comes_to(identifier, "COMPLETE")
        base = tmp_path / "cache" / "FAC" / "1-1" / str(identifier)
        nobody = pwd.getpwnam("nobody").pw_uid
        for name, location in (("df1", "1/2/a"), ("df2", "1/2/b")):
            link, source = base / NAMES[name], tmp_path / "main" / location
            assert link.stat().st_ino == source.stat().st_ino
            assert link.read_bytes() == CONTENT[name]
            assert acl.Entry(acl.Tag.USER, nobody, acl.READ) in acl.read(link)
            assert not stat.S_IMODE(link.stat().st_mode) & 0o022
        for folder in (base, (base / NAMES["df1"]).parent):
            assert acl.Entry(acl.Tag.USER, nobody, acl.READ | acl.SEARCH) in acl.read(folder)
        times = {path: path.stat().st_ctime_ns for path in base.rglob("*") if path.is_file()}
        assert max(times, key=lambda path: times[path]) == base / ".complete"

        found = await owned(topcat, identifier)
        assert found["access"]["path"] == found["customValue"] == str(base)
        assert found["progress"]["filesDone"] == found["progress"]["files"] == 2
        assert found["progress"]["bytesDone"] == 63
        assert "expiresAt" in found

        assert (await over(identifier))["problem"] == "the data were kept at there for 14 days"
        assert not base.exists()
        source = tmp_path / "main" / "1/2/a"
        assert source.read_bytes() == CONTENT["df1"]
        assert all(entry.id != nobody for entry in acl.read(source))

    async def test_it_is_one_of_the_transports(self, topcat: TopCat) -> None:
        status = told(await topcat.ask("GET", "/user/downloadType/status"))
        assert status["there"]["displayName"] == "There"

    async def test_what_is_stopped_on_the_way_is_removed(self, topcat: TopCat, tmp_path: Path) -> None:
        identifier = await topcat.request("dataset ds", transport="there")
        await topcat.comes_to(identifier, "COMPLETE")
        path = f"/admin/download/{identifier}/status"
        assert (await topcat.ask("PUT", path, value="RESTORING", session=topcat.session)).status_code == 200
        await topcat.comes_to(identifier, "COMPLETE")  # removed, and brought there once more
        assert (tmp_path / "cache" / "FAC" / "1-1" / str(identifier) / ".complete").exists()

    async def test_there_is_no_destination_to_choose(self, topcat: TopCat) -> None:
        await topcat.add("dataset ds")
        refused(await topcat.submit(destination="home"), 400, "BadRequestException")


class TestDirectoryForNobody:
    @pytest.fixture
    def chosen(self, tmp_path: Path) -> dict[str, Any]:
        (tmp_path / "cache").mkdir()
        return chosen_for({"kind": "directory", "path": tmp_path / "cache", "user_pattern": "ldap/(.+)"})

    async def test_who_has_no_account_is_told_at_once(self, topcat: TopCat) -> None:
        await topcat.add("dataset ds")
        message = refused(await topcat.submit(transport="there"), 403, "ForbiddenException")
        assert message == "simple/ann has no account on the machines that reach there"
        assert len((await topcat.cart())["cartItems"]) == 1


class TestBucket:
    @pytest.fixture
    def bucket(self) -> Iterator[dict[str, Any]]:
        with running_s3(signatures=False) as moto:
            yield moto

    @pytest.fixture
    def chosen(self, bucket: dict[str, Any]) -> dict[str, Any]:
        return chosen_for({"kind": "s3", "prefix": "out", **bucket})

    async def test_a_metalink_leads_to_signed_addresses_until_they_expire(self, topcat: TopCat, over: Over) -> None:
        identifier = await topcat.request("dataset ds", transport="there")
        await topcat.comes_to(identifier, "COMPLETE")
        found = await owned(topcat, identifier)
        assert "X-Amz-Signature=" in found["customValue"]
        async with httpx.AsyncClient(trust_env=False) as http:
            document = await http.get(found["customValue"])
            assert document.headers["content-type"] == "application/metalink4+xml"
            files = etree.fromstring(document.content).findall("{*}file")
            urls = {file.get("name"): file.findtext("{*}url") for file in files}
            assert set(urls) == set(NAMES.values())
            assert {file.findtext("{*}size") for file in files} == {"11", "52"}
            for name, url in urls.items():
                assert f"/out/simple_ann/{identifier}/" in str(url)
                assert (await http.get(str(url))).content == CONTENT[str(name).rpartition("/")[2]]
            await over(identifier)
            assert (await http.get(found["customValue"])).status_code == 404
            for url in urls.values():
                assert (await http.get(str(url))).status_code == 404


class TestCommands:
    @pytest.fixture
    def chosen(self, tmp_path: Path) -> dict[str, Any]:
        given = {name: [sys.executable, str(HAULER), name, str(tmp_path / "there")] for name in COMMANDS}
        return chosen_for({"kind": "command", **given})

    async def test_the_commands_bring_the_files_and_say_how_to_get_at_them(
        self, topcat: TopCat, tmp_path: Path, over: Over
    ) -> None:
        identifier = await topcat.request("dataset ds", transport="there")
        await topcat.comes_to(identifier, "COMPLETE")
        where = tmp_path / "there" / "data" / str(identifier)
        assert {path.name: path.read_bytes() for path in where.rglob("df*")} == CONTENT
        found = await topcat.download(identifier)
        assert "one-time" not in str(found)  # administrators do not see it
        assert "customValue" not in found
        found = await owned(topcat, identifier)
        assert found["customValue"] == "log in to the platform"
        assert found["access"]["token"] == "one-time"
        await over(identifier)
        assert not where.exists()


class TestFts:
    @pytest.fixture
    def fts(self) -> Iterator[Fts]:
        with running_fts() as running:
            yield running

    @pytest.fixture
    def shelf(self) -> Iterator[Shelf]:
        with running_shelf() as running:
            running.files |= {"/store/1/2/a": CONTENT["df1"], "/store/1/2/b": CONTENT["df2"]}
            yield running

    @pytest.fixture
    def chosen(self, fts: Fts, shelf: Shelf) -> dict[str, Any]:
        target = {
            "kind": "fts",
            "url": fts.url,
            "source_url": f"{shelf.url}/store",
            "destinations": {"home": {"url": f"{shelf.url}/users/${{user}}"}, "group": {"url": f"{shelf.url}/group"}},
        }
        return chosen_for(target)

    async def submitted(self, topcat: TopCat, destination: str = "home") -> int:
        told(await topcat.add("dataset ds"))
        return int(told(await topcat.submit(transport="there", destination=destination))["downloadId"])

    async def test_files_get_to_the_destination_that_was_chosen(self, topcat: TopCat, shelf: Shelf) -> None:
        identifier = await self.submitted(topcat)
        await topcat.comes_to(identifier, "COMPLETE")
        found = await owned(topcat, identifier)
        assert found["customValue"] == f"{shelf.url}/users/ann/1-1/{identifier}"
        base = f"/users/ann/1-1/{identifier}"
        assert {path: content for path, content in shelf.files.items() if path.startswith("/users")} == {
            f"{base}/{NAMES[name]}": content for name, content in CONTENT.items()
        }
        assert "expiresAt" not in found

    async def test_a_destination_has_to_be_chosen(self, topcat: TopCat) -> None:
        await topcat.add("dataset ds")
        message = refused(await topcat.submit(transport="there"), 403, "ForbiddenException")
        assert message == "destination is required; there is home, group"

    async def test_only_failed_files_are_tried_again_and_told_in_the_end(
        self, topcat: TopCat, shelf: Shelf, fts: Fts
    ) -> None:
        fts.wishes.fail = lambda source, attempt: "no space" if source.endswith("/a") else None
        identifier = await self.submitted(topcat)
        await topcat.comes_to(identifier, "COMPLETE")
        assert [len(job.files) for job in fts.jobs.values()] == [2, 1, 1, 1]
        assert [path.rpartition("/")[2] for path in shelf.puts] == ["df2"]
        found = await owned(topcat, identifier)
        assert (found["failedCount"], found["failedFiles"]) == (1, [NAMES["df1"]])
        assert found["problem"] == "1 files could not be brought there"
        assert found["progress"]["filesDone"] == 1

    async def test_what_fails_altogether_expires_with_the_reason(self, topcat: TopCat, fts: Fts) -> None:
        fts.wishes.fail = lambda source, attempt: "no space"
        identifier = await self.submitted(topcat)
        await topcat.comes_to(identifier, "EXPIRED")
        assert (await owned(topcat, identifier))["problem"] == "nothing could be brought there: no space"
        assert len(fts.jobs) == 4

    async def test_a_hidden_download_is_canceled_there(self, topcat: TopCat, fts: Fts) -> None:
        fts.wishes.going.clear()
        identifier = await self.submitted(topcat)

        async def is_submitted() -> bool | None:
            return bool(fts.jobs) or None

        await eventually(is_submitted)
        await topcat.ask("PUT", f"/user/download/{identifier}/isDeleted", value="true")

        async def is_canceled() -> bool | None:
            return all(job.state == "CANCELED" for job in fts.jobs.values()) or None

        await eventually(is_canceled)
        fts.wishes.going.set()
        await topcat.ask("PUT", f"/user/download/{identifier}/isDeleted", value="false")
        await topcat.comes_to(identifier, "COMPLETE")
        assert len(fts.jobs) == 2
