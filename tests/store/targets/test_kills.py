"""Workers killed while they bring data to a target: the next ones go on, and every byte gets there (F.4)."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from lxml import etree

from beamcat.testing.fts import running_fts, running_shelf
from tests.running import Beamcat, eventually
from tests.store.storage.s3_server import running_s3
from tests.store.targets.test_directory_contract import COMMAND

FILES = 40
MEBIBYTE = 1 << 20

CONFIG = """
[server]
public_url = "{url}"
[catalogue]
root_user_names = ["simple/root"]
[authenticator.simple]
kind = "simple"
users = {{ root = "pw" }}
[authenticator.anon]
kind = "anon"
[store.main]
path = "{base}"
[ids]
lease_s = 2
"""
TARGET = """
[downloads.transport.{name}]
target = "{name}"
[downloads.target.{name}]
poll_s = 0.05
batches_at_once = 2
{about}
"""


def table(values: dict[str, Any]) -> str:
    """The lines of a TOML table."""
    tables = {name: value for name, value in values.items() if isinstance(value, dict)}
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items() if name not in tables]
    return "\n".join(
        lines + [f"{name} = {{ {table(value).replace(chr(10), ', ')} }}" for name, value in tables.items()]
    )


class Site:
    """A running server with a dataset of files, of which everybody may read the permanent URLs."""

    def __init__(self, tmp_path: Path, targets: dict[str, dict[str, Any]], content: dict[str, bytes]) -> None:
        self.content = content
        base = tmp_path / "main"
        (base / "1").mkdir(parents=True)
        for name, data in content.items():
            (base / "1" / name).write_bytes(data)
        port = free_port()
        config = CONFIG.format(base=base, url=f"http://127.0.0.1:{port}")
        config += "".join(TARGET.format(name=name, about=table(about)) for name, about in targets.items())
        self.server = Beamcat(tmp_path / "home", "--port", str(port), "--workers", "2", config=config)
        self.session = self.server.login("root", "pw")
        self.dataset = self._fill()

    def make(self, entity: str, **members: Any) -> int:
        given = {"sessionId": self.session, "entities": json.dumps([{entity: members}])}
        answer = self.server.http.post("/icat/entityManager", data=given)
        assert answer.status_code == 200, answer.text
        return int(answer.json()[0])

    def _fill(self) -> int:
        for entity in ("Facility", "Investigation", "Dataset", "Datafile"):
            self.make("Rule", crudFlags="R", what=entity)
        facility = {"id": self.make("Facility", name="FAC")}
        kind = {"id": self.make("InvestigationType", name="t", facility=facility)}
        dataset_type = {"id": self.make("DatasetType", name="t", facility=facility)}
        about = {"name": "inv", "visitId": "1-1", "title": "t", "facility": facility, "type": kind}
        investigation = {"id": self.make("Investigation", **about)}
        files = [{"name": name, "location": f"1/{name}", "fileSize": len(data)} for name, data in self.content.items()]
        return self.make("Dataset", name="ds", investigation=investigation, type=dataset_type, datafiles=files)

    def request(self, transport: str) -> int:
        given = {"sessionId": self.session, "items": f"dataset {self.dataset}"}
        answer = self.server.http.post("/topcat/user/cart/FAC/cartItems", data=given)
        assert answer.status_code == 200, answer.text
        given = {"sessionId": self.session, "transport": transport, "fileName": "all"}
        answer = self.server.http.post("/topcat/user/cart/FAC/submit", data=given)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["downloadId"])

    def downloads(self) -> dict[str, dict[str, Any]]:
        """What their owner sees, by transport; nothing while no worker answers."""
        try:
            answer = self.server.http.get("/topcat/user/downloads", params={"sessionId": self.session})
        except httpx.TransportError:
            return {}
        return {each["transport"]: each for each in answer.json()} if answer.status_code == 200 else {}

    def kill_workers(self) -> None:
        for worker in eventually(lambda: len(self.server.workers()) == 2 and self.server.workers()):
            os.kill(worker, signal.SIGKILL)

    def completed(self, *transports: str) -> dict[str, dict[str, Any]]:
        def done() -> dict[str, dict[str, Any]] | None:
            found = self.downloads()
            assert "EXPIRED" not in {each["status"] for each in found.values()}, found
            complete = [name for name, each in found.items() if each["status"] == "COMPLETE"]
            return found if {*complete} == {*transports} else None

        return dict(eventually(done))


@pytest.mark.slow
def test_data_get_to_every_target_whenever_workers_are_killed(tmp_path: Path) -> None:
    content = {f"f {number:03} é+#": os.urandom(MEBIBYTE // 2) for number in range(FILES)}
    content["large"] = os.urandom(12 * MEBIBYTE)
    cache = tmp_path / "cache"
    cache.mkdir()
    with running_s3(signatures=False) as moto, running_fts() as fts, running_shelf() as shelf:
        fts.wishes.going.clear()
        slowly, home = {"files_at_once": 1}, {"home": {"url": f"{shelf.url}/h"}}
        disk = {"kind": "directory", "path": str(cache), "user_command": COMMAND, "link": False, "keep_free_bytes": 0}
        targets: dict[str, dict[str, Any]] = {
            "disk": {**disk, **slowly},
            "s3": {"kind": "s3", "prefix": "out", "part_mebibytes": 5, **slowly, **moto},
            "fts": {"kind": "fts", "url": fts.url, "batch_files": 16, "destinations": home},
        }
        site = Site(tmp_path, targets, content)
        try:
            ids = {name: site.request(name) for name in ("s3", "fts", "disk")}
            base = cache / "FAC" / "1-1" / str(ids["disk"])
            folder = base / "FAC" / "inv" / "1-1" / "ds"
            eventually(lambda: folder.is_dir() and any(folder.iterdir()))
            site.kill_workers()
            assert not (base / ".complete").exists(), "it was too quick to be killed"
            eventually(lambda: site.downloads().get("s3", {}).get("progress", {}).get("bytesDone"))
            assert site.downloads()["s3"]["status"] != "COMPLETE", "it was too quick to be killed"
            site.kill_workers()
            fts.wishes.going.set()
            found = site.completed(*ids)

            assert {path.name: path.read_bytes() for path in folder.iterdir()} == content
            assert json.loads((base / ".complete").read_text())["files"] == len(content)
            assert not (cache / ".incoming" / str(ids["disk"])).exists()

            with httpx.Client(trust_env=False) as http:
                document = etree.fromstring(http.get(found["s3"]["customValue"]).content)
                urls = {str(file.get("name")): str(file.findtext("{*}url")) for file in document.findall("{*}file")}
                assert len(urls) == len(content)
                for name, url in urls.items():
                    assert http.get(url).content == content[name.rpartition("/")[2]], name
                uploads = http.get(f"{moto['endpoint']}/{moto['bucket']}?uploads").content
            assert not list(etree.fromstring(uploads).iterfind("{*}Upload"))

            assert found["fts"]["customValue"] == f"{shelf.url}/h/1-1/{ids['fts']}"
            where = f"/h/1-1/{ids['fts']}/FAC/inv/1-1/ds"
            assert shelf.files == {f"{where}/{name}": data for name, data in content.items()}
            assert sorted(len(job.files) for job in fts.jobs.values()) == [9, 16, 16]
            assert len(shelf.puts) == len(content)
        finally:
            site.server.stop()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
