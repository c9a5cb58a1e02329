"""Permanent URLs, by the checklist of the specification (data service specification, G.9: 127 to 134)."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
import zlib
from collections.abc import AsyncIterator, Mapping
from html import escape
from typing import Any

import pytest
from lxml import etree

from beamcat.config import DatabaseSettings
from beamcat.database.pool import Database
from beamcat.doors.data.answers import STATUSES
from beamcat.errors import ErrorKind
from beamcat.store.digests.reading import HashingReader
from beamcat.store.digests.table import DigestTable
from beamcat.store.digests.values import Also, FileVersion, Hashed
from beamcat.store.opening import MAIN
from beamcat.store.permalinks import Names
from beamcat.store.storage.posix import PosixStorage
from tests.doors.ids.conftest import Facility, facility, ids_settings, put

__all__ = ["facility", "ids_settings"]

ARIA2 = "*/*,application/metalink4+xml,application/metalink+xml"
METALINK = "application/metalink4+xml"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
NAMESPACE = {"m": "urn:ietf:params:xml:ns:metalink"}
DS = "/data/FAC/inv/1-1/ds"


@pytest.fixture
async def digests(
    facility: Facility, database_url: str, database_settings: DatabaseSettings
) -> AsyncIterator[DigestTable]:
    """The digests of all files of the facility, computed."""
    async with Database(database_url, database_settings) as database:
        table = DigestTable(database, MAIN)
        await hash_all(facility, table)
        yield table


async def hash_all(facility: Facility, table: DigestTable) -> None:
    storage = PosixStorage(facility.base)
    reader = HashingReader(storage, 1)
    locations = [str(path.relative_to(facility.base)) for path in facility.base.rglob("*") if path.is_file()]
    versions = [
        FileVersion.of(location, stat)
        for location, stat in zip(locations, await storage.stat(locations), strict=True)
        if stat is not None
    ]
    await table.store([Hashed(version, await reader.hash(version, Also.USUAL)) for version in versions])
    reader.close()
    storage.close()


async def ask(facility: Facility, path: str, accept: str = "*/*", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named = {"Authorization": f"Bearer {facility.session}", "Accept": accept, **named}
    return await facility.http.get(path, headers={name: value for name, value in named.items() if value})


def files_of(document: bytes) -> dict[str, Mapping[str, Any]]:
    """What a Metalink says, by the names of the files."""
    root = etree.fromstring(document)
    assert root.tag == "{urn:ietf:params:xml:ns:metalink}metalink"
    found = {}
    for file in root.findall("m:file", NAMESPACE):
        hashes = {each.get("type"): each.text for each in file.findall("m:hash", NAMESPACE)}
        size = file.findtext("m:size", namespaces=NAMESPACE)
        found[str(file.get("name"))] = {
            "size": None if size is None else int(size),
            "hashes": hashes,
            "url": file.findtext("m:url", namespaces=NAMESPACE),
        }
    return found


async def test_a_dataset_as_metalink(facility: Facility, digests: DigestTable) -> None:
    for path, accept in ((DS, METALINK), (DS, ARIA2), (f"{DS}.meta4", "*/*"), (f"{DS}?format=meta4", "text/html")):
        answer = await ask(facility, path, accept)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == METALINK
        assert answer.headers["vary"] == "Accept"
        files = files_of(answer.content)
        assert files == {
            "FAC/inv/1-1/ds/a/df1.nxs": {
                "size": 11,
                "hashes": {"sha-256": hashlib.sha256(b"hello world").hexdigest()},
                "url": f"http://beamcat{DS}/a/df1.nxs",
            },
            "FAC/inv/1-1/ds/df2.dat": {
                "size": 52,
                "hashes": {"sha-256": hashlib.sha256(b"x" * 52).hexdigest()},
                "url": f"http://beamcat{DS}/df2.dat",
            },
        }
    head = await facility.http.head(DS, headers={"Authorization": f"Bearer {facility.session}", "Accept": METALINK})
    assert (head.status_code, head.headers["content-type"], head.content) == (200, METALINK, b"")


async def test_no_digest_is_guessed(facility: Facility) -> None:
    files = files_of((await ask(facility, f"{DS}.meta4")).content)
    assert [each["hashes"] for each in files.values()] == [{}, {}]


async def test_a_file_on_the_way_back_from_tape_is_listed_with_its_size(facility: Facility) -> None:
    (facility.base / "1/2/b").unlink()
    assert files_of((await ask(facility, f"{DS}.meta4")).content)["FAC/inv/1-1/ds/df2.dat"]["size"] == 52


async def test_the_metalink_of_any_selection(facility: Facility) -> None:
    answer = await facility.get("getMetalink", datasetIds="ds", datafileIds="df3")
    assert [*files_of(answer.content)] == [
        "FAC/inv/1-1/ds/a/df1.nxs", "FAC/inv/1-1/ds/df2.dat", "FAC/inv/1-1/ds2/df3.dat"
    ]  # fmt: skip
    assert files_of((await facility.post("getMetalink", datasetIds="ds")).content)
    prepared = await facility.prepare(datasetIds="ds")
    await facility.icat.delete({"Datafile": {"id": facility.ids["df1"]}})
    answer = await facility.get("getMetalink", preparedId=prepared)
    assert [*files_of(answer.content)] == ["FAC/inv/1-1/ds/df2.dat"]
    assert (await facility.get("getMetalink", datasetIds="ds", sessionId=facility.stranger)).status_code == 403
    assert (await facility.get("getMetalink", datasetIds="999999")).status_code == 404


async def test_an_investigation_in_every_form(facility: Facility) -> None:
    path = "/data/FAC/inv/1-1"
    assert len(files_of((await ask(facility, f"{path}.meta4")).content)) == 4
    for suffix, accept in ((".zip", "*/*"), ("", "application/zip")):
        answer = await ask(facility, path + suffix, accept)
        assert answer.headers["content-disposition"] == 'attachment; filename="inv-1-1.zip"'
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert len(archive.namelist()) == 4
    assert (await ask(facility, f"{path}/ds.tar")).headers["etag"].startswith('"t')
    page = (await ask(facility, path)).text
    assert f'<a href="{path}/ds2">ds2</a>' in page
    assert "4 files, 167 B" in page


async def test_a_page_lists_what_is_there(facility: Facility, digests: DigestTable) -> None:
    for accept in ("*/*", BROWSER, ""):
        answer = await ask(facility, DS, accept)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert f'<a href="{DS}/a/df1.nxs">a/df1.nxs</a>' in answer.text
        assert f'href="{DS}?format=zip"' in answer.text
    page = await ask(facility, f"{DS}/a/df1.nxs", BROWSER)
    assert hashlib.sha256(b"hello world").hexdigest() in page.text
    assert f'href="{DS}/a/df1.nxs?format=file"' in page.text
    assert (await ask(facility, f"{DS}/a/df1.nxs?format=file", BROWSER)).content == b"hello world"
    assert "There are no data" in (await ask(facility, "/data/FAC/inv/1-1/empty")).text


async def test_a_file_is_its_bytes(facility: Facility) -> None:
    for accept in (ARIA2, "*/*", METALINK, ""):
        answer = await ask(facility, f"{DS}/a/df1.nxs", accept)
        assert (answer.status_code, answer.content) == (200, b"hello world")
        assert answer.headers["accept-ranges"] == "bytes"
        assert 'rel=describedby; type="application/metalink4+xml"' in answer.headers["link"]
        assert answer.headers["content-disposition"] == 'attachment; filename="df1.nxs"'
    part = await ask(facility, f"{DS}/a/df1.nxs", Range="bytes=6-")
    assert (part.status_code, part.content) == (206, b"world")
    assert (await ask(facility, f"{DS}/a/df1.nxs", If_None_Match=answer.headers["etag"])).status_code == 304


async def test_what_is_not_there(facility: Facility) -> None:
    for path in ("/data", "/data/FAC", "/data/FAC/inv", "/data/FAC/inv/1-2", f"{DS}x", f"{DS}/df1.nxs", f"{DS}/",
                 "/data/FAC/inv/1-1/ds.rar", "/data/FAC/inv/1-1/-", "/data/FAC/inv/1-1/-/x", f"{DS}/%00", f"{DS}/%FF",
                 f"{DS}/df2.dat.zip"):  # fmt: skip
        answer = await ask(facility, path)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"
    assert "<h1>Not Found</h1>" in (await ask(facility, f"{DS}x", BROWSER)).text
    refused = await ask(facility, DS, "application/pdf")
    assert refused.status_code == 406
    assert METALINK in refused.json()["detail"]
    assert (await ask(facility, f"{DS}?format=rar")).status_code == 400
    assert (await facility.http.post(DS)).status_code == 405


NAMES = (
    ("a/b c é+%", "x/y z/ü#?.nxs"),
    ("100%2F", "a%2Fb"),
    ("-", "f"),
    ("..", "f"),
    (".", "."),
    ("d", "../../etc/passwd"),
    ("e", "/absolute"),
    ("g", "a//b"),
    ("h", "a/"),
    ("ds.zip", "ds.zip"),
    ("k", "new\nline"),
    ("q&=;", "\u202e"),
)


async def test_every_name_has_a_url(facility: Facility) -> None:
    kind = {"id": await one(facility, "DatasetType")}
    for number, (dataset, name) in enumerate(NAMES):
        content = f"content {number}".encode()
        members = {"name": dataset, "investigation": {"id": facility.ids["inv"]}, "type": kind}
        made = (await facility.icat.write({"Dataset": members})).json()[0]
        file = {"name": name, "dataset": {"id": made}, **put(facility.base, f"names/{number}", content)}
        await facility.icat.write({"Datafile": file})
        url = f"/data{Names('FAC', 'inv', '1-1', dataset, name).path}"
        assert (await ask(facility, url)).content == content, url
        page = await ask(facility, f"/data{Names('FAC', 'inv', '1-1', dataset).path}")
        assert f'href="{escape(url)}"' in page.text
        listed = files_of((await facility.get("getMetalink", datasetIds=str(made))).content)
        ((stored, told),) = listed.items()
        assert told["url"] == f"http://beamcat{url}"
        assert not {"", ".", ".."} & set(stored.split("/"))


async def test_names_around_a_dataset_may_be_anything(facility: Facility) -> None:
    around = {
        "facility": {"id": await one(facility, "Facility")},
        "type": {"id": await one(facility, "InvestigationType")},
    }
    await facility.icat.write({"Investigation": {"name": "a/b", "visitId": "..", "title": "t", **around}})
    path = Names("FAC", "a/b", "..").path
    assert path == "/FAC/a%2Fb/-/-/?visitId=.."
    assert (await ask(facility, f"/data{path}")).status_code == 200
    assert len(files_of((await ask(facility, f"/data{path}&format=meta4")).content)) == 0


async def one(facility: Facility, entity: str) -> int:
    return int((await facility.icat.ask(f"SELECT x.id FROM {entity} x")).json()[0])


async def test_who_may_read_a_permanent_url(facility: Facility) -> None:
    path = f"{DS}/df2.dat"
    for accept, where in (("*/*", path), (METALINK, DS), ("application/zip", DS), (BROWSER, DS)):
        embargoed = await ask(facility, where, accept, Authorization="")
        assert embargoed.status_code == 401
        assert embargoed.headers["www-authenticate"].startswith("Bearer")
        forbidden = await ask(facility, where, accept, Authorization=f"Bearer {facility.stranger}")
        assert forbidden.status_code == 403
        unknown = await ask(facility, where, accept, Authorization="Bearer aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa")
        assert unknown.status_code == 401
        assert 'error="invalid_token"' in unknown.headers["www-authenticate"]
    assert (await facility.http.get(path, params={"sessionId": facility.session})).content == b"x" * 52
    await facility.icat.write([{"Rule": {"what": what, "crudFlags": "R"}}
                               for what in ("Facility", "Investigation", "Dataset", "Datafile")])  # fmt: skip
    assert (await facility.http.get(path)).content == b"x" * 52
    assert len(files_of((await facility.http.get(f"{DS}.meta4")).content)) == 2


async def test_digests_are_told(facility: Facility, digests: DigestTable) -> None:
    data = b"hello world"
    sha = base64.b64encode(hashlib.sha256(data).digest()).decode()
    adler = f"{zlib.adler32(data):08x}"
    session = {"sessionId": facility.session, "datafileIds": str(facility.ids["df1"])}
    for url, parameters in ((f"{DS}/a/df1.nxs", {"sessionId": facility.session}), ("/ids/getData", session)):

        async def told(url: str = url, parameters: Any = parameters, method: str = "GET", **wanted: str) -> Any:
            headers = {name.replace("_", "-"): value for name, value in wanted.items()}
            answer = await facility.http.request(method, url, params=parameters, headers=headers)
            assert answer.status_code in {200, 206}
            return answer.headers

        for headers in (
            await told(),
            await told(Range="bytes=2-3"),
            await told(method="HEAD"),
            await told(Want_Digest="SHA-512;q=1, SHA-256;q=1, SHA;q=0.1", Want_Repr_Digest="sha-512=10, sha-256=3"),
        ):
            assert headers["repr-digest"] == f"sha-256=:{sha}:"
            assert headers["digest"] == f"SHA-256={sha}"
        assert (await told(method="HEAD", Want_Digest="adler32"))["digest"] == f"adler32={adler}"
        wanted = await told(Want_Repr_Digest="adler=9, sha-256=1")
        assert wanted["repr-digest"] == f"adler=:{base64.b64encode(bytes.fromhex(adler)).decode()}:"
        assert "repr-digest" not in await told(Want_Repr_Digest="sha-256=0, sha=5, unixsum=x")


async def test_digests_of_other_bytes_are_not_told(facility: Facility, digests: DigestTable) -> None:
    put(facility.base, "1/2/b", b"other bytes of that file")
    headers = (await ask(facility, f"{DS}/df2.dat")).headers
    assert "digest" not in headers
    assert "repr-digest" not in headers


def test_every_kind_of_error_has_a_status() -> None:
    assert set(STATUSES) == set(ErrorKind)
