"""The rooms of the house, and the one direction in which they import (docs/architecture.md)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

import beamcat

SOURCE = Path(beamcat.__file__).parent

ROOMS = (
    "errors",
    "client",
    "config",
    "observability",
    "model",
    "database",
    "query",
    "access",
    "protection",
    "catalogue",
    "events",
    "store",
    "search",
    "assistant",
    "testing",
    "doors",
    "portal",
    "tending",
    "app",
    "serve",
    "demo",
    "cli",
    "__main__",
)
"""From the ground up."""

LEVEL = {room: level for level, room in enumerate(ROOMS)}
CORE = {room for room in LEVEL if LEVEL[room] < LEVEL["doors"]} - {"observability"}
WEB = {"starlette", "granian", "uvicorn", "multipart", "python_multipart"}
DRIVERS = {"psycopg", "psycopg_pool", "sqlalchemy", "alembic"}
DOORS = {folder.parent.name for folder in (SOURCE / "doors").glob("*/__init__.py")}
"""Each is a folder; the modules beside them are what doors share."""
STATEMENT = re.compile(
    r"\b(INSERT\s+INTO|DELETE\s+FROM|UPDATE\s+\S+\s+SET|SELECT\s.*\sFROM\s+\"|COPY\s+\S+\s+FROM)\b", re.S
)


@dataclass(frozen=True)
class Module:
    """One file of the package, by its dotted name."""

    name: str
    source: str
    is_package: bool = False

    @cached_property
    def tree(self) -> ast.Module:
        """What it says; not read before a test asks, for every process of a run loads this file."""
        return ast.parse(self.source, self.name)

    @property
    def room(self) -> str:
        return self.name.split(".")[1] if "." in self.name else ""

    @property
    def door(self) -> str | None:
        parts = self.name.split(".")
        return parts[2] if parts[1:2] == ["doors"] and len(parts) > 2 else None

    def imports(self) -> Iterator[str]:
        """Every name imported, wherever in the file: `from a import b` gives `a.b`."""
        package = self.name.split(".") if self.is_package else self.name.split(".")[:-1]
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                above = package[: len(package) - node.level + 1] if node.level else []
                origin = ".".join([*above, *([node.module] if node.module else [])])
                yield from (f"{origin}.{alias.name}" for alias in node.names)


def modules() -> list[Module]:
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        parts = ["beamcat", *path.relative_to(SOURCE).with_suffix("").parts]
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found.append(Module(name, path.read_text(), is_package))
    return found


def written(name: str, source: str) -> Module:
    return Module(name, source)


def rooms_imported(module: Module) -> set[str]:
    parts = (name.split(".") for name in module.imports())
    return {p[1] for p in parts if p[0] == "beamcat" and len(p) > 1 and p[1] in LEVEL}


def upward(module: Module) -> list[str]:
    """Imports of the module that go up."""
    return [
        f"{module.name} imports {room}"
        for room in sorted(rooms_imported(module) - {module.room})
        if module.room and LEVEL[room] > LEVEL[module.room]
    ]


def other_doors(module: Module) -> list[str]:
    doors = ({*name.split(".")[2:3]} & DOORS for name in module.imports() if name.startswith("beamcat.doors."))
    return [f"{module.name} imports the door {door}" for names in doors for door in names - {module.door}]


def packages(module: Module, names: set[str]) -> list[str]:
    return [f"{module.name} imports {name}" for name in module.imports() if name.split(".")[0] in names]


def statements(module: Module) -> list[str]:
    """Strings of SQL, and calls of `execute`. Docstrings may speak of anything."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(module.tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            if STATEMENT.search(node.value):
                found.append(f"{module.name}:{node.lineno} holds SQL")
        elif isinstance(node, ast.Attribute) and node.attr in {"execute", "executemany", "cursor"}:
            found.append(f"{module.name}:{node.lineno} talks to the database")
    return found


MODULES = modules()


def test_every_module_is_in_a_room_with_a_place_in_the_order() -> None:
    assert {module.room for module in MODULES} - {""} <= set(LEVEL)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_a_room_imports_only_from_the_rooms_below_it(module: Module) -> None:
    assert upward(module) == []


def test_the_model_stands_on_the_errors_alone() -> None:
    for module in MODULES:
        if module.room == "model":
            assert rooms_imported(module) <= {"errors", "model"}, module.name


def test_the_settings_and_the_errors_stand_on_nothing() -> None:
    for module in MODULES:
        if module.room in {"errors", "config"}:
            assert rooms_imported(module) <= {module.room}, module.name


def test_the_client_knows_the_errors_alone() -> None:
    for module in MODULES:
        if module.room == "client":
            assert rooms_imported(module) <= {"errors", "client"}, module.name


def test_doors_do_not_import_each_other() -> None:
    assert [line for module in MODULES if module.door for line in other_doors(module)] == []


def test_the_core_knows_nothing_of_http() -> None:
    assert [line for module in MODULES if module.room in CORE for line in packages(module, WEB)] == []


def test_the_portal_uses_what_doors_share_and_no_door() -> None:
    assert [line for module in MODULES if module.room == "portal" for line in other_doors(module)] == []


def test_neither_a_door_nor_the_portal_holds_sql_or_talks_to_the_database() -> None:
    doors = [module for module in MODULES if module.room in {"doors", "portal"}]
    assert [line for module in doors for line in (*packages(module, DRIVERS), *statements(module))] == []


@pytest.mark.parametrize(
    "source",
    [
        "from beamcat.catalogue import Catalogue",
        "import beamcat.catalogue.create",
        "from beamcat import catalogue",
        "from ..catalogue import create",
        "def late():\n    from beamcat.doors.icat_rest import errors",
    ],
)
def test_an_import_upward_is_noticed(source: str) -> None:
    assert upward(written("beamcat.query.compile", source))


@pytest.mark.parametrize(
    "source", ["from beamcat.model import Entity", "from beamcat.query.tree import Path", "import re"]
)
def test_an_import_downward_or_within_the_room_is_fine(source: str) -> None:
    assert not upward(written("beamcat.query.compile", source))


def test_what_doors_and_the_core_may_not_do_is_noticed() -> None:
    assert other_doors(written("beamcat.doors.icat_rest.routes", "from beamcat.doors.icat_soap import wsdl"))
    assert not other_doors(written("beamcat.doors.icat_rest.routes", "from beamcat.doors.icat_rest import dates"))
    assert packages(written("beamcat.access.sessions", "from starlette.requests import Request"), WEB)
    assert packages(written("beamcat.doors.icat_rest.routes", "import psycopg"), DRIVERS)
    assert statements(written("beamcat.doors.icat_rest.routes", "SQL = 'DELETE FROM session WHERE id = %s'"))
    assert statements(written("beamcat.doors.icat_rest.routes", "async def f(c):\n    await c.execute('x')"))
    assert not statements(written("beamcat.doors.icat_rest.routes", "'''DELETE FROM x is written elsewhere.'''"))
