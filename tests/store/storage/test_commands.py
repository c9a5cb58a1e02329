"""An archive that a facility attaches by commands."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from structlog.testing import capture_logs

from beamcat.config import CommandArchiveSettings, StoreSettings
from beamcat.errors import BadParameter, Unavailable
from beamcat.store.storage import processes
from beamcat.store.storage.commands import CommandArchive
from beamcat.store.storage.contract import ArchiveStorage, HasVolumes, NoSuchData, Recall, StorageFull
from beamcat.testing.storage import DIGITS, LARGE, ArchiveStorageContract, pieces, settled, unit

TAPE = str(Path(__file__).parent / "tape" / "tape")


def settings(library: Path, **more: Any) -> CommandArchiveSettings:
    commands: dict[str, Any] = {
        "kind": "commands",
        "put": [TAPE, "put", "{unit}", "{file}"],
        "request": [TAPE, "ask", "{units_file}"],
        "ready": [TAPE, "ready", "{units_file}"],
        "read": [TAPE, "get", "{unit}", "{file}"],
        "release": [TAPE, "drop", "{units_file}"],
        "delete": [TAPE, "delete", "{units_file}"],
        "volumes": [TAPE, "volumes", "{units_file}"],
        "environment": {"TAPE": str(library)},
    }
    return CommandArchiveSettings(**{**commands, **more})


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """The folder of the tape library."""
    folder = tmp_path / "library"
    folder.mkdir()
    return folder


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture
def storage(library: Path, scratch: Path) -> Iterator[CommandArchive]:
    storage = CommandArchive(settings(library), scratch)
    yield storage
    storage.close()


class TestCommandArchive(ArchiveStorageContract):
    """Commands that are given lists."""

    @pytest.fixture
    def storage(self, library: Path, scratch: Path) -> Iterator[ArchiveStorage]:
        storage = CommandArchive(settings(library), scratch)
        yield storage
        storage.close()
        assert on_the_way(scratch) == []


class TestCommandArchiveOneByOne(ArchiveStorageContract):
    """Commands for one unit each, and none that releases."""

    @pytest.fixture
    def storage(self, library: Path, scratch: Path) -> Iterator[ArchiveStorage]:
        chosen = settings(
            library,
            request=[TAPE, "ask-one", "{unit}"],
            ready=[TAPE, "ready-one", "{unit}"],
            delete=[TAPE, "delete-one", "{unit}"],
            release=[],
            volumes=[],
        )
        storage = CommandArchive(chosen, scratch)
        yield storage
        storage.close()
        assert on_the_way(scratch) == []


class TestExampleOfTheDocumentation(ArchiveStorageContract):
    """What `docs/administrators/storage.md` shows, on another disk."""

    @pytest.fixture
    def storage(self, library: Path, scratch: Path, tmp_path: Path) -> Iterator[ArchiveStorage]:
        page = (Path(__file__).parents[3] / "docs/administrators/storage.md").read_text()
        [shown] = [block for block in re.findall(r"```toml\n(.*?)```", page, re.S) if "[store.archive]" in block]
        [tape] = [block for block in re.findall(r"```sh\n(.*?)```", page, re.S) if block.startswith("#!/bin/sh")]
        program = tmp_path / "tape"
        program.write_text(tape.replace("/srv/tape", str(library)))
        program.chmod(0o755)
        chosen = StoreSettings.model_validate(tomllib.loads(shown.replace("/opt/tape/bin/tape", str(program)))["store"])
        assert isinstance(chosen.archive, CommandArchiveSettings)
        storage = CommandArchive(chosen.archive, scratch)
        yield storage
        storage.close()


def on_the_way(scratch: Path) -> list[Path]:
    return [path for path in scratch.rglob("*") if path.is_file()]


def script(tmp_path: Path, text: str) -> str:
    path = tmp_path / "script"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


async def test_units_come_after_a_while_and_are_asked_for_in_one_go(storage: CommandArchive, library: Path) -> None:
    units = [f"1/{number}" for number in range(30)]
    for name in units:
        await storage.put(name, pieces(DIGITS))
    assert await storage.ready(units) == Recall(dict.fromkeys(units), {})
    with pytest.raises(Unavailable, match="not staged"):
        await unit(storage, units[0])
    await storage.request(units)
    assert (library / "calls").read_text().count("ask ") == 1
    assert set((await storage.ready(units)).waiting.values()) <= {0.2, None}
    assert await settled(storage, units) == Recall({}, {})
    await storage.release(units[1:])
    assert set((await storage.ready(units)).waiting) == set(units[1:])


async def test_tapes_are_known_where_a_command_tells(storage: CommandArchive, library: Path, scratch: Path) -> None:
    await storage.put("7/1", pieces(DIGITS))
    assert isinstance(storage, HasVolumes)
    assert await storage.volumes(["7/1", "not/there"]) == ["A00007", None]
    silent = CommandArchive(settings(library, volumes=[]), scratch)
    assert await silent.volumes(["7/1"]) == [None]


async def test_a_library_without_empty_tapes_is_full(storage: CommandArchive, library: Path, scratch: Path) -> None:
    (library / "full").touch()
    with pytest.raises(StorageFull, match="no empty tapes"):
        await storage.put("1/2", pieces(DIGITS))
    assert on_the_way(scratch) == []


async def test_what_a_command_complains_of_is_told_and_logged(library: Path, scratch: Path, tmp_path: Path) -> None:
    complaining = script(tmp_path, "echo drive 3 is broken >&2; exit 5")
    storage = CommandArchive(settings(library, request=[complaining, "{units_file}"]), scratch)
    with capture_logs() as logs, pytest.raises(Unavailable, match="request failed with exit code 5: drive 3 is broken"):
        await storage.request(["1/2"])
    assert [(line["code"], line["stderr"]) for line in logs] == [(5, "drive 3 is broken")]


async def test_a_command_that_is_not_there_is_told(library: Path, scratch: Path) -> None:
    storage = CommandArchive(settings(library, read=["/not/there", "{unit}", "{file}"]), scratch)
    with pytest.raises(Unavailable, match="/not/there cannot be started"):
        await unit(storage, "1/2")


async def test_a_command_that_writes_nothing_has_read_nothing(library: Path, scratch: Path) -> None:
    storage = CommandArchive(settings(library, read=["true", "{unit}", "{file}"]), scratch)
    with pytest.raises(Unavailable, match="without writing the file"):
        await unit(storage, "1/2")


async def test_answers_that_mean_nothing_are_told(library: Path, scratch: Path, tmp_path: Path) -> None:
    odd = script(tmp_path, r"printf '1/2\tmaybe\n'")
    storage = CommandArchive(settings(library, ready=[odd, "{units_file}"]), scratch)
    with pytest.raises(Unavailable, match="'maybe'"):
        await storage.ready(["1/2"])
    silent = CommandArchive(settings(library, ready=["true", "{units_file}"]), scratch)
    assert await silent.ready(["1/2"]) == Recall({"1/2": None}, {})


async def test_a_command_that_takes_too_long_is_stopped_with_what_it_has_started(
    library: Path, scratch: Path, tmp_path: Path
) -> None:
    stuck = script(tmp_path, f"sleep 100 & echo $! > {tmp_path}/pid; wait")
    storage = CommandArchive(settings(library, request=[stuck, "{units_file}"], timeout_s=0.5), scratch)
    with pytest.raises(Unavailable, match="longer than"):
        await storage.request(["1/2"])
    await gone(int((tmp_path / "pid").read_text()))


async def test_a_command_that_does_not_listen_is_killed(
    library: Path, scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "GRACE_S", 0.2)
    deaf = script(tmp_path, f"trap '' TERM; echo $$ > {tmp_path}/pid; while :; do sleep 0.05; done")
    storage = CommandArchive(settings(library, request=[deaf, "{units_file}"], timeout_s=0.5), scratch)
    with pytest.raises(Unavailable):
        await storage.request(["1/2"])
    await gone(int((tmp_path / "pid").read_text()))


async def test_a_cancelled_call_ends_its_command(library: Path, scratch: Path, tmp_path: Path) -> None:
    stuck = script(tmp_path, f"echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; exec sleep 100")
    storage = CommandArchive(settings(library, put=[stuck, "{unit}", "{file}"]), scratch)
    putting = asyncio.create_task(storage.put("1/2", pieces(DIGITS)))
    async with asyncio.timeout(20):
        while not (tmp_path / "pid").exists():
            await asyncio.sleep(0.01)
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    await gone(int((tmp_path / "pid").read_text()))
    assert on_the_way(scratch) == []


async def test_what_a_command_leaves_running_holds_nobody_up(library: Path, scratch: Path, tmp_path: Path) -> None:
    leaving = script(tmp_path, f"sleep 100 & echo $! > {tmp_path}/pid")
    storage = CommandArchive(settings(library, request=[leaving, "{units_file}"]), scratch)
    began = time.monotonic()
    await storage.request(["1/2"])
    assert time.monotonic() - began < 20
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


async def test_so_many_commands_run_at_a_time_and_no_more(library: Path, scratch: Path, tmp_path: Path) -> None:
    running = tmp_path / "running"
    running.mkdir()
    counting = script(
        tmp_path, f"mkdir {running}/$$; ls {running} | wc -l >> {tmp_path}/seen; sleep 0.1; rmdir {running}/$$"
    )
    storage = CommandArchive(settings(library, request=[counting, "{unit}"], at_once=2), scratch)
    await storage.request([f"1/{number}" for number in range(6)])
    seen = [int(line) for line in (tmp_path / "seen").read_text().split()]
    assert len(seen) == 6
    assert max(seen) == 2


async def test_commands_see_nothing_of_beamcats_environment(
    library: Path, scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEAMCAT_DATABASE__URL", "postgresql://user:secret@host/db")
    showing = script(tmp_path, f"env > {tmp_path}/environment")
    chosen = settings(library, request=[showing, "{units_file}"], environment={"TAPE_TOKEN": SecretStr("abc")})
    await CommandArchive(chosen, scratch).request(["1/2"])
    environment = (tmp_path / "environment").read_text()
    assert "TAPE_TOKEN=abc\n" in environment
    assert "PATH=" in environment
    assert "BEAMCAT" not in environment
    assert "abc" not in repr(chosen)


@pytest.mark.parametrize("name", ["-rf", "--units=/etc/passwd", "two\nlines", "a\tb", "$(id)\x1b"])
async def test_no_name_of_a_unit_is_taken_for_something_else(storage: CommandArchive, name: str) -> None:
    with pytest.raises(BadParameter):
        await storage.put(name, pieces(DIGITS))
    with pytest.raises(BadParameter):
        await unit(storage, name)
    for call in (storage.request, storage.ready, storage.release, storage.delete, storage.volumes):
        with pytest.raises(BadParameter):
            await call([name])


async def test_no_shell_reads_the_names(storage: CommandArchive, tmp_path: Path) -> None:
    for name in (f"$(touch {tmp_path.name})", "a b; exit 3", "`id`", "{file}", "é*"):
        await storage.put(name, pieces(name.encode()))
        await storage.request([name])
        await settled(storage, [name])
        assert await unit(storage, name) == name.encode()


async def test_a_unit_that_is_not_there_is_no_such_data(storage: CommandArchive) -> None:
    with pytest.raises(NoSuchData, match="1/9"):
        await unit(storage, "1/9")


def test_a_process_that_is_killed_leaves_what_can_be_forgotten(library: Path, scratch: Path, tmp_path: Path) -> None:
    stuck = script(tmp_path, f"echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; exec sleep 100")
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from beamcat.config import CommandArchiveSettings; from beamcat.store.storage.commands import CommandArchive\n"
        "from beamcat.testing.storage import pieces\n"
        "settings = CommandArchiveSettings.model_validate_json(sys.argv[1])\n"
        "asyncio.run(CommandArchive(settings, Path(sys.argv[2])).put('1/2', pieces(b'x' * 1000)))\n"
    )
    chosen = settings(library, put=[stuck, "{unit}", "{file}"]).model_dump_json()
    with subprocess.Popen([sys.executable, "-c", code, chosen, str(scratch)]) as writer:
        while not (tmp_path / "pid").exists():
            time.sleep(0.01)
        writer.kill()
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    storage = CommandArchive(settings(library), scratch)
    assert len(on_the_way(scratch)) == 1
    assert asyncio.run(storage.forget_unfinished(time.time() - 3600)) == 0
    assert asyncio.run(storage.forget_unfinished(time.time() + 1)) == 1
    assert on_the_way(scratch) == []


async def test_a_large_unit_is_not_held_in_memory(storage: CommandArchive) -> None:
    await storage.put("1/2", pieces(LARGE, LARGE))
    await storage.request(["1/2"])
    await settled(storage, ["1/2"])
    assert max([len(piece) async for piece in storage.read("1/2")]) <= 1 << 20


@pytest.mark.parametrize(
    ("name", "command", "message"),
    [
        ("put", ["tape", "{unit}"], "{file} and {unit}"),
        ("read", ["tape {unit} {file}"], "{file} and {unit}"),
        ("request", ["tape", "ask"], "{unit} or {units_file}"),
        ("ready", ["tape", "{unit}", "{units_file}"], "{unit} or {units_file}"),
        ("delete", ["tape", "{file}"], "{unit} or {units_file}"),
        ("volumes", ["tape", "{unit}"], "{units_file}"),
        ("put", ["tape", "{unit}", "{file}", "{path}"], "{file} and {unit}"),
        ("request", [], "{unit} or {units_file}"),
    ],
)
def test_a_command_names_what_it_works_on(tmp_path: Path, name: str, command: list[str], message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        settings(tmp_path, **{name: command})
    assert f"{name} is a command and its arguments, with {message} among them" in str(raised.value)


async def gone(pid: int) -> None:
    """Wait until a process has ended."""
    async with asyncio.timeout(20):
        while True:
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2]
            except FileNotFoundError:
                return
            if state.startswith("Z"):
                return
            await asyncio.sleep(0.01)
