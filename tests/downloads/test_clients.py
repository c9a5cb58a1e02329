"""Downloads by real clients that are killed, cut off, or find the server away (data service specification, G)."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from tests.command import Command, one_line
from tests.downloads.cuts import download_cut
from tests.downloads.facility import DATASET, FOLDER, LARGE, Facility
from tests.downloads.proxy import Proxy, in_a_thread
from tests.running import eventually

PATIENCE_S = 120


def aria2c(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    quiet = ["--no-conf", "--quiet", "--file-allocation=none", f"--dir={folder}"]
    patient = ["--retry-wait=1", "--max-tries=0", "--max-file-not-found=0"]
    return subprocess.Popen(["aria2c", *quiet, *patient, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finished(process: subprocess.Popen[bytes]) -> None:
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, out.decode()[-2000:]


def size_of(folder: Path) -> int:
    """Bytes on disk: what has not come yet takes none."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def bearer(facility: Facility) -> str:
    return f"Authorization: Bearer {facility.session}"


def zip_url(facility: Facility, proxy: Proxy) -> str:
    return f"{proxy.url}/ids/getData?sessionId={facility.session}&datasetIds={facility.dataset}&zip=true"


async def test_aria2_gets_a_dataset_through_a_restart_of_the_server(facility: Facility, tmp_path: Path) -> None:
    with in_a_thread(Proxy(facility.beamcat.url, rate=6_000_000)) as proxy:
        process = aria2c(tmp_path, f"--header={bearer(facility)}", "--follow-metalink=mem", "-x4", "-s4", "-k1M", "-j6",
                         f"{proxy.url}{DATASET}")  # fmt: skip
        eventually(lambda: size_of(tmp_path) > 5_000_000)
        assert process.poll() is None
        facility.restart()
        proxy.rate = None
        finished(process)
    assert facility.is_complete(tmp_path)


async def test_aria2_goes_on_with_an_archive_after_it_was_killed(facility: Facility, tmp_path: Path) -> None:
    with in_a_thread(Proxy(facility.beamcat.url, rate=1_000_000)) as proxy:
        wanted = ["-x8", "-s8", "-k1M", "--auto-save-interval=1", "--out=all.zip", zip_url(facility, proxy)]
        process = aria2c(tmp_path, *wanted)
        control = tmp_path / "all.zip.aria2"
        eventually(lambda: control.exists() and size_of(tmp_path) > 20_000_000)
        first = control.stat().st_mtime_ns
        eventually(lambda: control.stat().st_mtime_ns > first)
        process.kill()
        process.communicate()
        before, proxy.rate = proxy.passed, None
        finished(aria2c(tmp_path, "--continue=true", *wanted))
        assert proxy.passed - before < facility.size - 10_000_000
    assert unpacked(tmp_path / "all.zip") == facility.digests


def prepared(facility: Facility) -> str:
    form = {"sessionId": facility.session, "datasetIds": str(facility.dataset), "zip": "true"}
    return facility.beamcat.http.post("/ids/prepareData", data=form).text


def is_delivered(facility: Facility, identifier: str) -> bool:
    """Whether the server knows that every byte of a prepared download has arrived."""
    status = facility.beamcat.http.get("/ids/getDeliveryStatus", params={"preparedId": identifier}).json()
    return bool(status["complete"])


async def test_what_is_prepared_is_the_same_after_a_restart(facility: Facility) -> None:
    url = f"/ids/getData?preparedId={prepared(facility)}"
    before = facility.beamcat.http.head(url).headers
    facility.restart()
    after = facility.beamcat.http.head(url).headers
    assert (after["etag"], after["content-length"]) == (before["etag"], before["content-length"])


async def test_what_several_connections_of_aria2_fetch_is_known_to_have_arrived(
    facility: Facility, tmp_path: Path
) -> None:
    identifier = prepared(facility)
    url = f"{facility.beamcat.url}/ids/getData?preparedId={identifier}"
    finished(aria2c(tmp_path, "-x8", "-s8", "-k1M", "--out=all.zip", url))
    assert unpacked(tmp_path / "all.zip") == facility.digests
    eventually(lambda: is_delivered(facility, identifier))


async def test_what_curl_fetches_in_two_goes_is_known_to_have_arrived(facility: Facility, tmp_path: Path) -> None:
    identifier, file = prepared(facility), tmp_path / "all.zip"
    wanted = ["curl", "-sS", "--fail", "-o", str(file), f"{facility.beamcat.url}/ids/getData?preparedId={identifier}"]
    process = subprocess.Popen([*wanted, "--limit-rate", "20M"])
    eventually(lambda: file.exists() and file.stat().st_size > facility.size // 2)
    process.kill()
    process.wait()
    assert not is_delivered(facility, identifier)
    subprocess.run([*wanted, "-C", "-"], check=True, timeout=PATIENCE_S)
    assert unpacked(file) == facility.digests
    eventually(lambda: is_delivered(facility, identifier))


async def test_curl_goes_on_with_an_archive_after_it_was_killed(facility: Facility, tmp_path: Path) -> None:
    with in_a_thread(Proxy(facility.beamcat.url, rate=20_000_000)) as proxy:
        file = tmp_path / "all.zip"
        wanted = ["curl", "-sS", "--fail", "-o", str(file), zip_url(facility, proxy)]
        process = subprocess.Popen(wanted)
        eventually(lambda: file.exists() and file.stat().st_size > facility.size // 2)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        there, before, proxy.rate = file.stat().st_size, proxy.passed, None
        assert there < facility.size
        subprocess.run([*wanted, "-C", "-"], check=True, timeout=PATIENCE_S)
        assert proxy.passed - before < facility.size - there + 1_000_000
    assert unpacked(file) == facility.digests


def unpacked(file: Path) -> dict[str, str]:
    with zipfile.ZipFile(file) as archive:
        return {
            name.removeprefix(f"ids/{FOLDER}/"): hashlib.sha256(archive.read(name)).hexdigest()
            for name in archive.namelist()
        }


def beamcat_get(facility: Facility, *arguments: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "BEAMCAT_TOKEN": facility.session}
    command = [sys.executable, "-m", "beamcat", "get", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


async def test_beamcat_get_killed_again_and_again_arrives(facility: Facility, tmp_path: Path) -> None:
    chance = random.Random(5)
    with in_a_thread(Proxy(facility.beamcat.url, rate=5_000_000)) as proxy:
        for _ in range(3):
            before = proxy.passed
            process = beamcat_get(facility, f"{proxy.url}{DATASET}", str(tmp_path))
            eventually(lambda before=before: proxy.passed - before > 1_000_000)
            time.sleep(chance.uniform(0, 0.5))  # any moment is the right one
            process.kill()
            process.communicate()
            for path in (path for path in tmp_path.rglob("*") if path.is_file()):
                if ".part" not in path.name:
                    name = str(path.relative_to(tmp_path / FOLDER))
                    assert hashlib.sha256(path.read_bytes()).hexdigest() == facility.digests[name]
        proxy.rate = None
        process = beamcat_get(facility, f"{proxy.url}{DATASET}", str(tmp_path))
        out, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, out.decode()
        assert b"all verified" in out
        assert proxy.passed < facility.size * 1.5
        assert facility.is_complete(tmp_path)
        before = proxy.passed
        finished(beamcat_get(facility, f"{proxy.url}{DATASET}", str(tmp_path)))
        assert proxy.passed - before < 1_000_000


async def test_connections_that_are_cut_at_any_byte_harm_nothing(facility: Facility, tmp_path: Path) -> None:
    proxy = await download_cut(facility, tmp_path, 50, longest=4 << 20)
    assert proxy.cut == 50


async def test_only_damaged_pieces_are_fetched_once_more(facility: Facility, tmp_path: Path) -> None:
    with in_a_thread(Proxy(facility.beamcat.url)) as proxy:
        proxy.damage = 3_000_000
        url = f"{proxy.url}{DATASET}/large%201.nxs"
        process = beamcat_get(facility, url, str(tmp_path), "--jobs", "1")
        out, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, out.decode()
        assert b"1 part(s) came damaged" in out
        assert LARGE + (16 << 20) < proxy.passed < LARGE + (17 << 20)
    content = (tmp_path / "large 1.nxs").read_bytes()
    assert hashlib.sha256(content).hexdigest() == facility.digests["large 1.nxs"]


async def test_what_beamcat_get_can_be_asked_for(facility: Facility, tmp_path: Path) -> None:
    url = facility.beamcat.url
    finished(beamcat_get(facility, f"dataset:{facility.dataset}", str(tmp_path / "by-id"), "--server", url))
    assert facility.is_complete(tmp_path / "by-id")
    finished(beamcat_get(facility, f"{url}{DATASET}.meta4", str(tmp_path / "zip"), "--zip"))
    (archive,) = (tmp_path / "zip").iterdir()
    assert archive.name == "ds.zip"
    assert unpacked(archive) == facility.digests


def test_beamcat_get_says_what_is_wrong(
    facility: Facility, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    beamcat, url, folder = Command(monkeypatch, capsys, tmp_path), facility.beamcat.url, str(tmp_path / "got")
    monkeypatch.setenv("BEAMCAT_TOKEN", facility.session)
    assert "there is nothing of that name" in one_line(beamcat("get", f"{url}{DATASET}x", folder))
    unknown = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
    assert "sign in first" in one_line(beamcat("get", f"{url}{DATASET}", folder, "--token", unknown))
    for source, words in (("dataset:42", "--server"), ("42", "is no URL")):
        outcome = beamcat("get", source, folder)
        assert outcome.status == 2
        assert words in outcome.err
    assert not (tmp_path / "got").exists()
