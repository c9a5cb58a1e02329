"""`beamcat put`, through bad networks and crashes."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from beamcat.client.fetching import Progress, Terms
from beamcat.client.put import Outcome, Watched, put, target_of
from beamcat.client.sources import files_in
from tests.command import Command, one_line
from tests.downloads.proxy import Proxy, in_a_thread
from tests.running import eventually
from tests.uploads.facility import Facility, ended, written

SIZES = {"large.h5": 25_000_017, "a/é b.nxs": 300_000, "a/empty": 0, "a/b/last one.dat": 4 << 20, "more": 5_000_000}


async def sent(folder: Path, target: str, facility: Facility, server: str, *, pause_s: float = 0.01) -> Outcome:
    terms = Terms(token=facility.session, jobs=4, pause_s=pause_s)
    return await put(files_in([folder], print), target_of(target, server), terms, Watched(Progress()))


async def test_a_folder_is_sent_and_left_the_next_time(facility: Facility, tmp_path: Path) -> None:
    digests = written(tmp_path / "scan", SIZES)
    dataset = facility.dataset("folder")
    url = f"{facility.beamcat.url}/data/FAC/inv/1-1/folder"
    assert "5 files, 34.5 MB: all there." in ended(facility.put(str(tmp_path / "scan"), url))
    assert facility.files(dataset) == digests
    for named in (url, str(dataset), "FAC/inv/1-1/folder"):
        outcome = await sent(tmp_path / "scan", named, facility, facility.beamcat.url)
        assert (outcome.sent, outcome.there, outcome.unverified, outcome.failed) == (0, 5, 0, 0)
    (tmp_path / "scan" / "more").write_bytes(bytes(5_000_000))
    written(tmp_path / "scan", {"new": 10})
    again = [str(tmp_path / "scan"), str(dataset), "--url", facility.beamcat.url]
    out = ended(facility.put(*again), status=1)
    assert "more is there already, and is not the same" in out
    assert facility.files(dataset).keys() == {*digests, "new"}
    assert facility.files(dataset)["more"] == digests["more"]
    facility.require_no_orphans()


def test_a_client_that_is_killed_again_and_again_goes_on(facility: Facility, tmp_path: Path) -> None:
    digests = written(tmp_path / "scan", {"large": 30_000_000, "other": 10_000_000, "small": 1000})
    dataset = facility.dataset("killed client")
    chance = random.Random(5)
    with in_a_thread(Proxy(facility.beamcat.url, rate=8_000_000, requests=True)) as proxy:
        arguments = [str(tmp_path / "scan"), str(dataset), "--server", proxy.url]
        for _ in range(2):
            before = proxy.passed
            process = facility.put(*arguments)
            eventually(lambda before=before: proxy.passed - before > 8_000_000)
            time.sleep(chance.uniform(0, 0.3))  # any moment is the right one
            process.kill()
            process.communicate()
            assert facility.files(dataset).items() <= digests.items()
        proxy.rate = None
        assert "all there" in ended(facility.put(*arguments))
        assert proxy.passed < 40_001_000 * 1.5
    assert facility.files(dataset) == digests
    facility.require_no_orphans()


async def test_connections_that_are_cut_at_any_byte_harm_nothing(facility: Facility, tmp_path: Path) -> None:
    sizes = {f"small {number}": number * 50_000 for number in range(20)} | {"large": 16_000_000, "other": 9_000_000}
    digests = written(tmp_path / "scan", sizes)
    dataset = facility.dataset("cut")
    async with Proxy(facility.beamcat.url, cuts=20, longest=2 << 20, requests=True) as proxy:
        outcome = await sent(tmp_path / "scan", str(dataset), facility, proxy.url)
        assert not outcome.failed, outcome.failures
        assert proxy.cut > 5
    async with Proxy(facility.beamcat.url, cuts=20, longest=8000) as proxy:  # answers that do not arrive
        answers = facility.dataset("cut answers")
        outcome = await sent(tmp_path / "scan", str(answers), facility, proxy.url)
        assert not outcome.failed, outcome.failures
        assert proxy.cut > 5
    assert facility.files(dataset) == digests
    assert facility.files(answers) == digests
    facility.require_no_orphans()


@pytest.mark.parametrize("size", [1_000_000, 20_000_000])
async def test_damaged_bytes_never_become_a_datafile(facility: Facility, tmp_path: Path, size: int) -> None:
    digests = written(tmp_path / "scan", {"file": size})
    dataset = facility.dataset(f"damaged {size}")
    async with Proxy(facility.beamcat.url, requests=True) as proxy:
        proxy.damage = 900_000
        outcome = await sent(tmp_path / "scan", str(dataset), facility, proxy.url)
        assert not outcome.failed, outcome.failures
        assert proxy.damage is None
        assert proxy.passed > 2 * size
    assert facility.files(dataset) == digests
    facility.require_no_orphans()


async def test_workers_that_are_killed_lose_nothing(facility: Facility, tmp_path: Path) -> None:
    digests = written(tmp_path / "scan", {"large": 30_000_000, **{f"small {n}": 200_000 for n in range(30)}})
    dataset = facility.dataset("killed workers")
    with in_a_thread(Proxy(facility.beamcat.url, rate=4_000_000, requests=True)) as proxy:
        process = facility.put(str(tmp_path / "scan"), str(dataset), "--server", proxy.url)
        for kills in range(2):
            eventually(lambda stop=2_000_000 * (kills + 1): proxy.passed > stop)
            workers = eventually(facility.beamcat.workers)
            os.kill(workers[kills % len(workers)], signal.SIGKILL)
            eventually(lambda dead=set(workers): set(facility.beamcat.workers()) - dead)
        assert process.poll() is None
        proxy.rate = None
        assert "all there" in ended(process)
    assert facility.files(dataset) == digests
    facility.require_no_orphans()


def test_what_is_wrong_is_said(
    facility: Facility, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    beamcat, url = Command(monkeypatch, capsys, tmp_path), facility.beamcat.url
    monkeypatch.setenv("BEAMCAT_TOKEN", facility.session)
    written(tmp_path / "scan", {"file": 10})
    folder = str(tmp_path / "scan")
    assert "there is nothing of that name" in one_line(beamcat("put", folder, f"{url}/data/FAC/inv/1-1/none"))
    unknown = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
    wrong = one_line(beamcat("put", folder, "FAC/inv/1-1/none", "--server", url, "--token", unknown))
    assert "sign in first" in wrong
    for arguments, words in [
        ((folder, "42"), "--server"),
        ((folder, f"{url}/data/FAC/inv"), "is no dataset"),
        ((folder, "x", "--server", url), "is no dataset"),
        ((f"{folder}/missing", "42", "--server", url), "there is no"),
        ((f"{folder}/file", f"{folder}", "42", "--server", url), ""),
    ]:
        outcome = beamcat("put", *arguments)
        assert outcome.status == (2 if words else 1), outcome
        assert words in outcome.err.replace("\n", " ")
