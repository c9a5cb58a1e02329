"""Targets of other packages, and the contract tests as somebody runs them who writes one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import invalidate_caches
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from beamcat.config import DownloadSettings, load_settings
from beamcat.errors import Unavailable
from beamcat.store.storage.posix import PosixStorage
from beamcat.store.targets.opening import open_places
from beamcat.store.targets.plugins import CannotUseTarget
from tests.store.targets.conftest import Rig

PLUGIN = '''
"""A target of another package: one folder for everybody."""

from pathlib import Path

from beamcat.store.targets.contract import Access, Action, Planned
from beamcat.store.targets.moving import Moving


class Drawer(Moving):
    batch_files = 2

    def __init__(self, name, options):
        super().__init__(1)
        self.folder = Path(options["folder"])

    def close(self):
        pass

    def there(self, order, file):
        return self.folder / str(order.id) / file.name

    async def check(self, order):
        return None

    async def plan(self, order, files):
        return [Planned(file, Action.COPY) for file in files]

    async def prepare(self, order):
        pass

    async def move(self, order, planned, told):
        target = self.there(order, planned.file)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(planned.file.path.read_bytes())
        told(planned.file.size)

    async def publish(self, finished):
        return Access(text="look into the drawer", expires=finished.expires)

    async def expire(self, order, tickets):
        freed = 0
        for path in sorted((self.folder / str(order.id)).rglob("*"), reverse=True):
            freed += path.stat().st_size if path.is_file() else 0
            path.rmdir() if path.is_dir() else path.unlink()
        return freed


class Forgetful(Drawer):
    async def expire(self, order, tickets):
        return 0


class OneTooFew(Drawer):
    async def plan(self, order, files):
        return (await super().plan(order, files))[1:]


def poor(name, options):
    return object()
'''
ENTRY_POINTS = """
[beamcat.targets]
drawer = facility_drawer:Drawer
poor = facility_drawer:poor
broken = facility_drawer:not_there
"""
TESTS = """
import pytest
from beamcat.testing.targets import TargetContract
from facility_drawer import Drawer, Forgetful, OneTooFew


class TestDrawer(TargetContract):
    @pytest.fixture(params=[{kinds}])
    def make(self, tmp_path, request):
        return lambda: request.param("drawer", {{"folder": tmp_path / "drawer"}})

    @pytest.fixture
    def look(self, tmp_path):
        async def look(order, file):
            path = tmp_path / "drawer" / str(order.id) / file.name
            return path.read_bytes() if path.exists() else None

        return look
"""


@pytest.fixture(autouse=True)
def package(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The package, installed as pip would do it."""
    site = tmp_path_factory.mktemp("site-packages")
    (site / "facility_drawer.py").write_text(PLUGIN)
    info = site / "facility_drawer-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: facility-drawer\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(site))
    invalidate_caches()
    yield site
    sys.modules.pop("facility_drawer", None)


def run(package: Path, folder: Path, kinds: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_target.py").write_text(TESTS.format(kinds=kinds))
    command = [sys.executable, "-m", "pytest", "-q", "-rf", "-p", "pytest_asyncio.plugin", "-p", "no:cacheprovider"]
    path = {"PYTHONPATH": str(package), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [*command, "--asyncio-mode=strict", "test_target.py"],
        cwd=folder,
        env={**os.environ, **path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_contract_tests_pass_what_is_right_and_find_what_is_wrong(package: Path, tmp_path: Path) -> None:
    done = run(package, tmp_path, "Drawer, Forgetful, OneTooFew")
    assert done.returncode == 1, done.stdout
    assert "[Drawer]" not in done.stdout, done.stdout
    for target, sentence in (
        ("Forgetful", "test_what_expires_is_gone_and_counted"),
        ("OneTooFew", "test_it_plans_every_file_in_order"),
        ("OneTooFew", "test_what_is_brought_there_has_the_right_bytes"),
    ):
        assert f"FAILED test_target.py::TestDrawer::{sentence}[{target}]" in done.stdout
    assert " passed" in done.stdout


class TestInTheServer:
    @pytest.fixture
    def target(self, tmp_path: Path) -> dict[str, Any]:
        return {"kind": "drawer", "options": {"folder": str(tmp_path / "drawer")}}

    async def test_data_get_there(self, rig: Rig, tmp_path: Path) -> None:
        content = {f"1/{number}": b"%d" % number for number in range(5)}
        await rig.fill(content)
        (download,) = await rig.completed(await rig.request())
        assert download.brought is not None
        assert (download.brought.shown, download.brought.files_done) == ("look into the drawer", 5)
        folder = tmp_path / "drawer" / str(download.id) / "FAC" / "inv" / "1-1" / "ds0"
        assert {f"1/{path.name}": path.read_bytes() for path in (folder / "1").iterdir()} == content


def opened(tmp_path: Path, **target: Any) -> None:
    settings = DownloadSettings.model_validate({"target": {"there": target}})
    open_places(settings, PosixStorage(tmp_path))


def test_what_cannot_be_used_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotUseTarget, match=r"there are broken, command, directory, drawer, fts, poor, s3$"):
        opened(tmp_path, kind="tape")
    with pytest.raises(CannotUseTarget, match="poor is no target, it has no batch_files, check, plan, begin"):
        opened(tmp_path, kind="poor")
    with pytest.raises(CannotUseTarget, match=r"broken \(facility_drawer:not_there\) cannot be started"):
        opened(tmp_path, kind="broken")
    with pytest.raises(CannotUseTarget, match="cannot be started: KeyError: 'folder'"):
        opened(tmp_path, kind="drawer")
    with pytest.raises(Unavailable, match="is not there"):
        opened(tmp_path, kind="directory", path=tmp_path / "missing", user_pattern="(.+)")


def test_settings_come_from_a_file_and_keep_their_secrets(tmp_path: Path) -> None:
    file = tmp_path / "beamcat.toml"
    file.write_text(
        '[downloads.transport.there]\ntarget = "there"\n'
        '[downloads.target.there]\nkind = "drawer"\nretention_days = 3\noptions = { api_token = "hidden" }\n'
        '[downloads.target.bucket]\nkind = "s3"\nbucket = "data"\naccess_key_id = "a"\nsecret_access_key = "quokka"\n'
        '[downloads.target.fts]\nkind = "fts"\nurl = "https://fts.example.org:8446"\ntoken = "wombat"\n'
        'destinations = { home = { url = "davs://a/b", token = "numbat" } }\n'
    )
    settings = load_settings(file).downloads
    assert {name: each.kind for name, each in settings.target.items()} == {
        "there": "drawer",
        "bucket": "s3",
        "fts": "fts",
    }
    for shown in (repr(settings), settings.model_dump_json()):
        for secret in ("hidden", "quokka", "wombat", "numbat"):
            assert secret not in shown


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"transport": {"there": {"target": "there"}}}, "there is no target there"),
        (
            {"transport": {"https2": {"target": "a"}}, "target": {"a": {"kind": "x"}}},
            "the name of a transport with a target does not begin with http",
        ),
        ({"target": {"a b": {"kind": "x"}}}, "a target is named with letters"),
        ({"target": {"a": {"kind": "directory"}}}, "target.a.directory.path"),
        ({"target": {"a": {"path": "/x"}}}, "target.a.plugin.kind"),
    ],
)
def test_settings_that_do_not_fit_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message.replace(".", r"\.")):
        DownloadSettings.model_validate(given)
