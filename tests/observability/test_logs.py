"""What is written down, and what never is."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from beamcat.config import LoggingSettings
from beamcat.observability import logs
from beamcat.observability.requests import CURRENT, ObservedRequest, request_id

SESSION = "0d9a3706-80d4-4d29-9ff3-4d65d4308a24"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    before = logging.getLogger().handlers
    level = logging.getLogger().level
    written = io.StringIO()
    logs.configure(LoggingSettings(format="json", level="info"), written)
    yield written
    structlog.reset_defaults()
    logging.getLogger().handlers = before
    logging.getLogger().setLevel(level)
    logging.getLogger("beamcat").setLevel(logging.NOTSET)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_line_of_a_request_has_its_id_and_user(stream: io.StringIO) -> None:
    token = CURRENT.set(ObservedRequest("abc-1", user="db/ann"))
    logs.logger().info("ours", rows=3)
    logging.getLogger("beamcat.database.pool").info("by %s", "the standard library")
    logging.getLogger("asyncio").warning("by a library")
    CURRENT.reset(token)
    logs.logger().info("outside")
    found = lines(stream)
    assert [line["event"] for line in found] == ["ours", "by the standard library", "by a library", "outside"]
    assert [line.get("request_id") for line in found] == ["abc-1", "abc-1", "abc-1", None]
    assert found[0]["user"] == "db/ann"
    assert found[0]["rows"] == 3


def test_session_ids_and_passwords_are_not_written(stream: io.StringIO) -> None:
    log = logs.logger()
    log.info("login", password="opensesame", credentials="x", session_id="y", nested={"password": "opensesame"})
    log.info(f"Unable to find user by sessionid: {SESSION}", path=f"/icat/session/{SESSION}")
    log.info("cannot connect to postgresql://beamcat:opensesame@/beamcat?host=x")
    logging.getLogger("beamcat").error("lost %s", SESSION)
    try:
        raise ValueError(f"bad session {SESSION}")
    except ValueError as error:
        log.error("fault", exc_info=error)
    text = stream.getvalue()
    assert SESSION not in text
    assert "opensesame" not in text
    assert "ValueError: bad session ***" in lines(stream)[-1]["exception"]


def test_tokens_are_not_written_wherever_they_stand(stream: io.StringIO) -> None:
    token = "beamcat_" + "aB3-_" * 9
    log = logs.logger()
    log.info(f"sessionId={token}", token="short", bearer="short", query=f"Facility [name = '{token}']", sql=token)
    log.info("request", request_id=token, nested={"params": f"{token},{token[:35]}"})
    logging.getLogger("some.library").warning("GET /icat/session/%s", token)
    assert token[:30] not in stream.getvalue()
    assert "short" not in stream.getvalue()
    assert lines(stream)[0]["query"] == "Facility [name = 'beamcat_***']"
    logs.logger().info("beamcat_requests_total is the name of a number")
    assert "beamcat_requests_total is" in lines(stream)[-1]["event"]


def test_what_is_no_secret_is_written(stream: io.StringIO) -> None:
    logs.logger().info("request", operation="search", query=f"SELECT f FROM Facility f WHERE f.name = '{SESSION}'")
    assert SESSION in lines(stream)[0]["query"]
    assert lines(stream)[0]["operation"] == "search"


def test_lines_below_the_level_are_left_out(stream: io.StringIO) -> None:
    logs.logger().debug("too small")
    logging.getLogger("beamcat").debug("too small")
    logging.getLogger("other").info("too small for a library")
    logs.logger().info("there")
    assert [line["event"] for line in lines(stream)] == ["there"]


def test_text_is_for_people(stream: io.StringIO) -> None:
    logs.configure(LoggingSettings(format="text"), stream)
    logs.logger().warning("something", count=3)
    assert "something" in stream.getvalue()
    assert "count=3" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_fault_is_written_without_the_variables_it_met(stream: io.StringIO, form: Any) -> None:
    logs.configure(LoggingSettings(format=form), stream)

    def login(password: str) -> None:
        raise ValueError("no such table")

    for log in (logs.logger(), logging.getLogger("beamcat")):
        try:
            login("".join(["open", "sesame"]))
        except ValueError as error:
            log.error("fault", exc_info=error)
    assert stream.getvalue().count("ValueError: no such table") == 2
    assert "opensesame" not in stream.getvalue()


@pytest.mark.parametrize("offered", ["a1b2", SESSION, "trace:1/2=x", "x" * 128])
def test_a_sane_request_id_is_kept(offered: str) -> None:
    assert request_id(offered) == offered


@pytest.mark.parametrize("offered", [None, "", "a b", 'x"y', "line\nbreak", "x" * 129, "ä"])
def test_any_other_is_replaced(offered: str | None) -> None:
    made = request_id(offered)
    assert made != offered
    assert len(made) == 16
    assert made != request_id(offered)
