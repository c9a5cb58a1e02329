"""A target by commands keeps what every target promises, and what they say is taken as it is meant."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from beamcat.config import CommandTargetSettings
from beamcat.errors import Unavailable
from beamcat.store.targets.commands import CommandFailed, CommandTarget
from beamcat.store.targets.contract import Order, Person, SourceFile
from beamcat.testing.targets import ORDER, Look, Make, Sources, TargetContract, batch_of, published

HAULER = Path(__file__).parent / "hauler.py"
COMMANDS = ("check", "begin", "poll", "cancel", "publish", "expire")


def commands(folder: Path, **more: Any) -> CommandTargetSettings:
    given = {name: (sys.executable, str(HAULER), name, str(folder)) for name in COMMANDS}
    return CommandTargetSettings.model_validate({"kind": "command", **given, **more})


class TestCommandsOfAFacility(TargetContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        return lambda: CommandTarget(commands(tmp_path / "there"))

    @pytest.fixture
    def look(self, tmp_path: Path) -> Look:
        async def look(order: Order, file: SourceFile) -> bytes | None:
            path = tmp_path / "there" / "data" / str(order.id) / file.name
            return path.read_bytes() if path.exists() else None

        return look

    async def test_access_is_what_the_command_says(self, make: Make, ordered: Order, sources: Sources) -> None:
        access = await published(make(), ordered, ["7-0-0"], sources.files)
        assert (access.endpoint, access.token, access.shown) == ("globus://7", "one-time", "log in to the platform")
        assert access.expires is not None

    async def test_a_refusal_has_a_reason(self, make: Make) -> None:
        stranger = replace(ORDER, person=Person("simple/stranger", "S", None, frozenset()))
        refusal = await make().check(stranger)
        assert refusal is not None
        assert (refusal.reason, refusal.later) == ("nobody knows you there", False)


def script(body: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", body)


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        ("echo gone >&2; exit 1", CommandFailed, "begin failed with 1: gone"),
        ("echo later >&2; exit 75", Unavailable, "begin failed with 75: later"),
        ("exit 69", Unavailable, "begin failed with 69"),
        ("echo nothing", Unavailable, "does not answer as it should"),
        ("echo '{}'", Unavailable, "ticket: Field required"),
        ("echo '{\"ticket\": 1}'", Unavailable, "ticket: Input should be a valid string"),
        ("sleep 30", Unavailable, "took longer"),
    ],
)
async def test_what_goes_wrong_is_told(tmp_path: Path, body: str, error: type[Exception], message: str) -> None:
    target = CommandTarget(commands(tmp_path, begin=script(body), timeout_s=0.5))
    with pytest.raises(error, match=message):
        await target.begin(batch_of(target, ORDER, []))


async def test_secrets_are_passed_on_and_not_shown(tmp_path: Path) -> None:
    begin = script('echo "{\\"ticket\\": \\"$TOKEN\\"}"')
    settings = commands(tmp_path, begin=begin, environment={"TOKEN": "very-secret"})
    target = CommandTarget(settings)
    assert await target.begin(batch_of(target, ORDER, [])) == "very-secret"
    assert "very-secret" not in repr(settings) + settings.model_dump_json()


def test_commands_are_needed() -> None:
    with pytest.raises(ValidationError, match="poll"):
        CommandTargetSettings.model_validate({"kind": "command", "begin": ["x"], "cancel": ["x"]})
