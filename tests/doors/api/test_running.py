"""A running server: what its description promises, and `beamcat find`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from beamcat.doors.api.calls import MOST_BODY_BYTES, AnyCall
from beamcat.doors.api.every import CALLS
from tests.command import Command, one_line
from tests.doors.icat_rest.conftest import Icat
from tests.doors.searching import fill, found_by_all
from tests.running import Beamcat

PASSWORD = "not a secret"
SETTINGS = f"""
[catalogue]
root_user_names = ["simple/root"]

[authenticator.simple]
kind = "simple"
users = {{ root = "{PASSWORD}" }}

[database]
embedded_shared_buffers = "64MB"
"""
EXAMPLES = 8
"""Requests made up for each call."""


@dataclass(frozen=True)
class Site:
    """A server with a small catalogue and its index, where nobody is anonymous."""

    url: str
    session: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    beamcat = Beamcat(tmp_path_factory.mktemp("server") / "home", "--port", "0", config=SETTINGS, search=True)
    session = beamcat.login("root", PASSWORD)

    async def filled() -> None:
        async with httpx.AsyncClient(base_url=beamcat.url, timeout=60, trust_env=False) as http:
            icat = Icat(http)
            icat.session = session
            await fill(icat)
            await found_by_all(icat)

    asyncio.run(filled())
    yield Site(beamcat.url, session)
    assert beamcat.stop() == 0, beamcat.log.read_text()[-4000:]
    assert "unforeseen" not in beamcat.log.read_text()


@pytest.fixture(scope="module")
def described(site: Site) -> Any:
    return schemathesis.openapi.from_url(f"{site.url}/api/openapi.json")


NOT_ENABLED = 501


def not_a_fault(_context: Any, response: Any, _case: Any) -> None:
    """Search by meaning is not enabled here, and says so."""
    assert response.status_code < 500 or response.status_code == NOT_ENABLED, response.status_code


CHECKS = [
    not_a_fault,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]


LONGEST_URL = 30_000
"""Characters: longer ones are refused before anybody reads them."""


def _is_read(case: schemathesis.Case) -> bool:
    """Whether it is not refused for its length alone."""
    is_short = len(urlencode(case.query or {}, doseq=True)) < LONGEST_URL
    return is_short and (not isinstance(case.body, dict | list) or len(json.dumps(case.body)) < MOST_BODY_BYTES)


MODES = [
    (call, mode)
    for call in CALLS
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or call.body is not None or call.parameters.model_fields
]
"""Requests that fit the description, and others, where there is something to be wrong."""


@pytest.mark.parametrize(("call", "mode"), MODES, ids=lambda value: getattr(value, "name", str(value)))
def test_the_server_does_what_its_description_says(
    described: Any, site: Site, call: AnyCall, mode: GenerationMode
) -> None:
    @given(case=described[f"/api{call.path}"][call.method].as_strategy(generation_mode=mode).filter(_is_read))
    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {site.session}"}, checks=CHECKS)

    ask()


def test_without_an_anonymous_user_one_signs_in_first(site: Site) -> None:
    answer = httpx.get(f"{site.url}/api/search", trust_env=False)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="api"'
    assert "Sign in" in answer.json()["detail"]


@pytest.fixture
def find(site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """`beamcat find`, as root at the site."""
    monkeypatch.setenv("BEAMCAT_SERVER", site.url)
    monkeypatch.setenv("BEAMCAT_TOKEN", site.session)
    command = Command(monkeypatch, capsys, tmp_path)
    return lambda *arguments: command("find", *arguments)


def test_a_table_of_what_was_found(find: Any) -> None:
    outcome = find("temperature < 20 degC", "--kind", "dataset")
    assert outcome.status == 0, outcome.err
    head, row, count = outcome.out.splitlines()
    assert head.split() == ["NAME", "ABOUT", "DATE", "SIZE"]
    assert row.startswith("dataset:")
    assert row.split()[1:] == ["film_cold", "Perovskite", "films", "in", "humid", "air", "2024-03-05", "2.0", "kB"]
    assert count == "1 of 1 found."


def test_the_table_says_where_the_words_stand(find: Any) -> None:
    out = find("ferrite", "--kind", "investigation").out
    assert "sample.name: ferrite-HC-1" in out
    assert "HC-2 1-1" in out


def test_lines_of_json_for_programs(find: Any) -> None:
    outcome = find("--kind", "dataset", "--kind", "sample", "--limit", "1", "--all", "--sort", "name", "--json")
    hits = [json.loads(line) for line in outcome.out.splitlines()]
    assert [hit["source"]["name"] for hit in hits] == sorted(hit["source"]["name"] for hit in hits)
    assert [hit["kind"] for hit in hits].count("dataset") == 4
    assert [hit["kind"] for hit in hits].count("sample") == 2


def test_facets_and_filters(find: Any) -> None:
    out = find("--kind", "dataset", "--filter", "date:2024", "--facet", "type", "--limit", "0").out
    assert out.splitlines() == [
        "dataset: type",
        "         2  raw",
        "         1  calibration",
        "Nothing shown of 3 found.",
    ]


def test_what_was_not_understood_is_said_so(find: Any) -> None:
    outcome = find("nobody:1", "--kind", "dataset")
    assert outcome.status == 0
    assert outcome.err == "beamcat: nobody:1: there is no parameter that is called 'nobody': these are words\n"
    assert outcome.out == "Nothing shown of 0 found.\n"
    outcome = find("film_cold cathode_hot", "--kind", "dataset")
    assert outcome.err == "beamcat: nothing has all of the words; these have some\n"
    assert outcome.out.endswith("2 of 2 found.\n")


def test_pages_end_where_the_limit_says(find: Any) -> None:
    assert find("--kind", "datafile", "--limit", "3").out.endswith("3 of 4 found. --all goes on.\n")
    assert find("--kind", "datafile", "--limit", "3", "--all").out.endswith("4 of 4 found.\n")


def test_what_is_wrong_is_one_line(find: Any, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "sort" in one_line(find("--sort", "nothing"))
    monkeypatch.setenv("BEAMCAT_TOKEN", "00000000-0000-0000-0000-000000000000")
    assert "session" in one_line(find("x")).lower()
    monkeypatch.setenv("BEAMCAT_SERVER", f"{site.url}/elsewhere")
    assert "is this a Beamcat server?" in one_line(find("x"))
    monkeypatch.setenv("BEAMCAT_SERVER", "http://127.0.0.1:1")
    assert "127.0.0.1:1" in one_line(find("x"))
    monkeypatch.setenv("BEAMCAT_SERVER", "icat.example.org")
    assert find("x").status == 2
    monkeypatch.delenv("BEAMCAT_SERVER")
    assert find("x").status == 2
