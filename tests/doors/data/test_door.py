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

import psycopg
import pytest
from lxml import etree

from beamcat.config import DatabaseSettings
from beamcat.database.pool import Database
from beamcat.doors.data.answers import STATUSES
from beamcat.doors.digest_headers import MOST_DIGESTED
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
        assert f'<a rel="nofollow" href="{DS}/a/df1.nxs">a/df1.nxs</a>' in answer.text
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


async def rename(facility: Facility, entity: str, **members: Any) -> None:
    answer = await facility.icat.write({entity: members})
    assert answer.status_code == 200, answer.text


async def test_what_was_renamed_is_found_by_its_former_names(facility: Facility) -> None:
    ids = facility.ids
    await rename(facility, "Dataset", id=ids["ds"], name="new ds")
    new = "http://beamcat/data/FAC/inv/1-1/new%20ds"
    for path, location in (
        (DS, new),
        (f"{DS}.meta4", f"{new}?format=meta4"),
        (f"{DS}?format=zip", f"{new}?format=zip"),
        (f"{DS}/a/df1.nxs", f"{new}/a/df1.nxs"),
        ("/data/FAC/inv/1-1/-/?dataset=ds&format=tar", f"{new}?format=tar"),
    ):
        answer = await ask(facility, path)
        assert (answer.status_code, answer.headers["location"]) == (308, location), path
    assert (await ask(facility, location.removeprefix("http://beamcat"))).status_code == 200
    assert (await ask(facility, f"{DS}/nothing")).status_code == 404


async def test_everything_on_the_way_may_have_been_renamed(facility: Facility) -> None:
    ids = facility.ids
    await rename(facility, "Datafile", id=ids["df1"], name="b")
    await rename(facility, "Dataset", id=ids["ds"], name="ds'")
    await rename(facility, "Investigation", id=ids["inv"], visitId="1-2")
    await rename(facility, "Investigation", id=ids["inv"], name="other")
    await rename(facility, "Facility", id=await one(facility, "Facility"), name="LAB")
    now = "http://beamcat/data/LAB/other/1-2/ds%27/b"
    for path in (f"{DS}/a/df1.nxs", "/data/FAC/inv/1-2/ds/b", "/data/LAB/inv/1-2/ds%27/b"):
        assert (await ask(facility, path)).headers["location"] == now
    assert (await ask(facility, now.removeprefix("http://beamcat"))).content == b"hello world"


async def test_a_dataset_that_moved_is_found_where_it_was(facility: Facility) -> None:
    around = {
        "facility": {"id": await one(facility, "Facility")},
        "type": {"id": await one(facility, "InvestigationType")},
    }
    other = (await facility.icat.write({"Investigation": {"name": "o", "visitId": "1", "title": "t", **around}})).json()
    await rename(facility, "Dataset", id=facility.ids["ds"], investigation={"id": other[0]})
    assert (await ask(facility, DS)).headers["location"] == "http://beamcat/data/FAC/o/1/ds"


async def test_a_name_that_something_has_now_leads_there(facility: Facility) -> None:
    ids = facility.ids
    await rename(facility, "Dataset", id=ids["ds"], name="x")
    await rename(facility, "Dataset", id=ids["ds2"], name="ds")
    assert (await ask(facility, f"{DS}/df3.dat")).content == b"y" * 52
    assert (await ask(facility, "/data/FAC/inv/1-1/ds2")).headers["location"] == f"http://beamcat{DS}"
    await rename(facility, "Dataset", id=ids["ds2"], name="y")
    await rename(facility, "Dataset", id=ids["ds"], name="ds")
    assert (await ask(facility, f"{DS}/df2.dat")).content == b"x" * 52


async def test_former_names_tell_nobody_what_they_may_not_read(facility: Facility) -> None:
    await rename(facility, "Dataset", id=facility.ids["ds"], name="secret name")
    for path in (DS, f"{DS}/df2.dat"):
        anonymous = await ask(facility, path, Authorization="")
        assert (anonymous.status_code, "secret" in anonymous.text) == (401, False)
        forbidden = await ask(facility, path, Authorization=f"Bearer {facility.stranger}")
        assert (forbidden.status_code, "secret" in forbidden.text) == (403, False)


async def test_renaming_an_investigation_writes_one_row_whatever_is_in_it(
    facility: Facility, database_url: str
) -> None:
    await rename(facility, "Investigation", id=facility.ids["inv"], name="other")
    await rename(facility, "Investigation", id=facility.ids["inv"], title="another title")
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT kind, name FROM former_name").fetchall() == [("investigation", "inv")]


async def test_what_had_a_doi_and_is_gone_has_a_tombstone(facility: Facility) -> None:
    ids = facility.ids
    await rename(facility, "Dataset", id=ids["ds"], doi="10.5072/ds")
    await facility.icat.delete([{"Dataset": {"id": ids["ds"]}}, {"Dataset": {"id": ids["ds2"]}}])
    for path in (DS, f"{DS}/df2.dat", f"{DS}.zip"):
        for session in ("", f"Bearer {facility.session}"):
            gone = await ask(facility, path, Authorization=session)
            assert gone.status_code == 410
            assert gone.json()["doi"] == "10.5072/ds"
        page = await ask(facility, path, BROWSER)
        assert page.status_code == 410
        assert "10.5072/ds" in page.text
    assert (await ask(facility, "/data/FAC/inv/1-1/ds2")).status_code == 404
    await rename(facility, "Investigation", id=ids["inv"], name="renamed")
    for path in (DS, "/data/FAC/renamed/1-1/ds"):
        assert (await ask(facility, path)).status_code == 410


async def test_a_whole_investigation_is_gone(facility: Facility) -> None:
    ids = facility.ids
    await rename(facility, "Investigation", id=ids["inv"], doi="10.5072/inv")
    await rename(facility, "Datafile", id=ids["df2"], doi="10.5072/file")
    await rename(facility, "Investigation", id=ids["inv"], name="later")
    await facility.icat.delete({"Investigation": {"id": ids["inv"]}})
    for path, doi in (
        ("/data/FAC/later/1-1", "inv"),
        ("/data/FAC/inv/1-1", "inv"),
        ("/data/FAC/later/1-1/ds2", "inv"),
        ("/data/FAC/later/1-1/ds/df2.dat", "file"),
    ):
        answer = await ask(facility, path)
        assert (answer.status_code, answer.json().get("doi")) == (410, f"10.5072/{doi}"), path
    around = {
        "facility": {"id": await one(facility, "Facility")},
        "type": {"id": await one(facility, "InvestigationType")},
    }
    again = {"name": "later", "visitId": "1-1", "title": "t", **around}
    await facility.icat.write({"Investigation": again})
    assert (await ask(facility, "/data/FAC/later/1-1")).status_code == 200
    assert (await ask(facility, "/data/FAC/later/1-1/ds2")).status_code == 404


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


async def test_a_small_message_has_its_own_digest(facility: Facility) -> None:
    async def told(path: str, wanted: str | None, **headers: str) -> tuple[str | None, bytes]:
        answer = await ask(facility, path, **({"Want_Content_Digest": wanted} if wanted else {}), **headers)
        return answer.headers.get("content-digest"), answer.content

    for wanted, name in (
        ("sha-256=10", "sha-256"),
        ("sha-512=9, sha-256=2", "sha-512"),
        ("crc32c=9, sha-256", "sha-256"),
    ):
        for path, headers in (
            (f"{DS}/a/df1.nxs", {}),
            (f"{DS}/a/df1.nxs", {"Range": "bytes=2-5"}),
            (f"{DS}.zip", {}),
            (f"{DS}.zip", {"Range": "bytes=2-5,100-120"}),
        ):
            digest, content = await told(path, wanted, **headers)
            computed = base64.b64encode(hashlib.new(name.replace("-", ""), content).digest()).decode()
            assert digest == f"{name}=:{computed}:"
    for wanted_not in (None, "sha-256=0", "crc32c=5"):
        assert (await told(f"{DS}/a/df1.nxs", wanted_not))[0] is None
    put(facility.base, "1/2/b", bytes(MOST_DIGESTED + 1))
    digest, content = await told(f"{DS}/df2.dat", "sha-256")
    assert (digest, len(content)) == (None, MOST_DIGESTED + 1)
    assert (await told(f"{DS}/df2.dat", "sha-256", Range="bytes=0-9"))[0] is not None


async def test_digests_of_other_bytes_are_not_told(facility: Facility, digests: DigestTable) -> None:
    put(facility.base, "1/2/b", b"other bytes of that file")
    headers = (await ask(facility, f"{DS}/df2.dat")).headers
    assert "digest" not in headers
    assert "repr-digest" not in headers


def test_every_kind_of_error_has_a_status() -> None:
    assert set(STATUSES) == set(ErrorKind)
