"""The documentation builds, every link in it leads somewhere, and nothing a reader looks for is left out."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel

import beamcat
from beamcat import cli
from beamcat.config import Settings
from beamcat.doors.icat_rest.door import RESOURCES
from beamcat.doors.icat_rest.errors import ICAT_ERRORS
from beamcat.errors import ErrorKind
from beamcat.model import ENTITIES, ICAT_ENTITIES

ROOT = Path(__file__).parent.parent
HEADING = re.compile(r"<h[1-6] id=\"([^\"]*)\">(.*?)</h[1-6]>", re.S)
TAG = re.compile(r"<[^>]+>")
PERMALINK = re.compile(r"<a class=\"headerlink\".*?</a>", re.S)
ELSEWHERE = re.compile(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//[^\s\"')>]+")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site. `--strict` makes every dangling link and every page without a place an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def headings(page: Path) -> set[str]:
    text = page.read_text()
    return {html.unescape(TAG.sub("", PERMALINK.sub("", body))).strip() for _, body in HEADING.findall(text)}


def settings_of(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in section.model_fields.items():
        inner = sections_in(field.annotation)
        is_table = typing.get_origin(field.annotation) is dict
        for kind in inner:
            chosen = "MNEMONIC." if name == "authenticator" else "NAME."
            yield from settings_of(kind, f"{prefix}{name}.{chosen if is_table else ''}")
        if not inner:
            yield f"{prefix}{name}"


def sections_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for inner in typing.get_args(annotation) for section in sections_in(inner)]


def test_every_setting_has_its_heading(site: Path) -> None:
    found = headings(site / "administrators/settings.html")
    wanted = set(settings_of(Settings))
    assert len(wanted) > 30
    assert wanted - found == set()


def test_every_setting_says_what_it_does() -> None:
    def undescribed(section: type[BaseModel]) -> Iterator[str]:
        for name, field in section.model_fields.items():
            inner = sections_in(field.annotation)
            for kind in inner:
                yield from undescribed(kind)
            if not inner and not field.description:
                yield f"{section.__name__}.{name}"

    assert list(undescribed(Settings)) == []


def test_every_kind_of_error_is_explained_with_its_status_and_code(site: Path) -> None:
    rows = re.findall(r"<tr>(.*?)</tr>", (site / "users/errors.html").read_text(), re.S)
    cells = [[TAG.sub("", cell).strip() for cell in re.findall(r"<td>(.*?)</td>", row, re.S)] for row in rows]
    told = {cell[0].partition(":")[0]: (int(cell[1]), cell[2]) for cell in cells if cell}
    assert told == {kind.name: ICAT_ERRORS[kind] for kind in ErrorKind}


def test_every_call_of_the_rest_interface_is_described(site: Path) -> None:
    page = site / "users/rest.html"
    described = {re.sub(r"\{\w+\}", "{}", heading) for heading in headings(page)}
    text = html.unescape(TAG.sub("", page.read_text()))
    for path, methods in RESOURCES.items():
        for method in methods:
            call = re.sub(r"\{\w+\}", "{}", f"{method} /icat{path}")
            assert call in described or call in text, call


def test_no_call_is_described_that_does_not_exist(site: Path) -> None:
    calls = {re.sub(r"\{\w+\}", "{}", f"{method} /icat{path}") for path in RESOURCES for method in RESOURCES[path]}
    described = {re.sub(r"\{\w+\}", "{}", h) for h in headings(site / "users/rest.html") if "/icat/" in h}
    assert len(described) > 10
    assert described - calls == set()


def test_every_command_is_listed(site: Path) -> None:
    def commands(group: typer.Typer, prefix: str) -> Iterator[str]:
        for command in group.registered_commands:
            assert command.callback
            yield f"{prefix} {command.name or command.callback.__name__}"
        for inner in group.registered_groups:
            assert inner.typer_instance
            yield from commands(inner.typer_instance, f"{prefix} {inner.name}")

    text = html.unescape(TAG.sub("", (site / "administrators/install.html").read_text()))
    every = list(commands(cli.app, "beamcat"))
    assert "beamcat serve" in every
    assert [command for command in every if command not in text] == []


def test_every_metric_is_explained(site: Path) -> None:
    source = (Path(beamcat.__file__).parent / "observability/metrics.py").read_text()
    kinds = {"Counter": "_total", "Histogram": "", "Gauge": "", "GaugeMetricFamily": ""}
    metrics = re.findall(rf"\b({'|'.join(kinds)})\(\s*\"(beamcat_\w+)\"", source)
    assert len(metrics) > 5
    text = (site / "administrators/observability.html").read_text()
    assert [name for kind, name in metrics if f"<code>{name}{kinds[kind]}</code>" not in text] == []


def test_every_icat_entity_has_its_heading_and_beamcats_own_have_none(site: Path) -> None:
    found = set().union(*(headings(page) for page in (site / "users/entities").glob("*.html")))
    assert set(ICAT_ENTITIES) - found == set()
    assert found.isdisjoint(set(ENTITIES) - set(ICAT_ENTITIES))


def test_the_pages_load_nothing_from_elsewhere(site: Path) -> None:
    for page in [*site.rglob("*.html"), *site.rglob("*.css")]:
        assert [found for found in ELSEWHERE.findall(page.read_text()) if "rel=" not in found] == [], page


@pytest.mark.parametrize("file", ["README.md", "CHANGELOG.md"])
def test_the_links_of_the_files_beside_the_code_lead_somewhere(file: str) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)|src=\"([^\"]+)\"", (ROOT / file).read_text())
    for link in (first or second for first, second in links):
        assert link.startswith("https://") or (ROOT / link).exists(), link


def test_the_readme_names_the_commands_of_the_makefile() -> None:
    targets = set(re.findall(r"^(\w+):.*##", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"make (\w+)", (ROOT / "README.md").read_text()))
    assert {"demo", "test"} <= named <= targets
