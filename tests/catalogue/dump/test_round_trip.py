"""A dump of any catalogue, read into an empty one and written again, is the same text (conformance vector 42)."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beamcat.catalogue.dump.layout import Attributes
from beamcat.database.pool import Database
from beamcat.model import ENTITIES, ICAT_ENTITIES, Attribute, Entity, Kind, ToOne
from tests.catalogue.dump.conftest import DumpSite, table
from tests.properties import world as worlds
from tests.properties.engine import examples

EVERY_ENTITY = {name: worlds.SIZES.get(name, 3) for name in worlds.SIZES} | {
    entity.name: 3 for entity in worlds._targets_first() if entity.icat and entity.name not in worlds.SIZES
}
AWKWARD = ("\n", "\t\r\f\b", '"\\"', "\\n", "\\u0041", "\x01\x1f", "\x7f\u2028", "ä€😀", "a,b(c:0)#", " NULL ", "NULL")


def world_of(seed: int) -> worlds.World:
    """A world with objects of every entity, as a catalogue that was filled by ICAT's calls would have it."""
    world = worlds.World()
    rng = worlds.Random(seed)
    for entity in worlds._targets_first():
        if entity.icat:
            worlds._populate(world, entity, EVERY_ENTITY[entity.name], rng)
    for thing in world:
        for attribute in thing.entity.attributes:
            value = thing.values[attribute.name]
            if value is None and attribute.default is not None:
                thing.values[attribute.name] = attribute.default
            elif _is_free_text(thing.entity, attribute) and value is not None:
                thing.values[attribute.name] = rng.choice((*AWKWARD, str(value)))[: attribute.length]
            elif attribute.name.startswith("applicable"):
                thing.values[attribute.name] = True
            elif attribute.name == "enforced":
                thing.values[attribute.name] = False
    worlds._count_files(world)
    return world


def _is_free_text(entity: Entity, attribute: Attribute) -> bool:
    return attribute.kind is Kind.STRING and attribute.name not in entity.unique and entity.name != "Rule"


def without_labels(dump: str) -> str:
    """The dump with the labels of each entity numbered from 1."""
    numbers: dict[str, dict[str, int]] = {}
    lines: list[str] = []
    labelled: dict[int, str] = {}
    for line in dump.split("\n"):
        header = re.match(r"(\w+)\((.*)\)$", line)
        if header and header[1] in ICAT_ENTITIES:
            labelled = {}
            for relation, column in re.findall(r"(?:(\w+)\()?\?:(\d+)", header[2]):
                member = ENTITIES[header[1]].fields.get(relation)
                labelled[int(column)] = member.target if isinstance(member, ToOne) else header[1]
        cells = re.findall(r'(?:^|,)("(?:[^"\\]|\\.)*"|[^",]*)', line)
        for column, entity in () if header or not line else labelled.items():
            if cells[column] != "NULL":
                known = numbers.setdefault(entity, {})
                cells[column] = f'"{known.setdefault(cells[column], len(known) + 1)}"'
        lines.append(line if header else ",".join(cells))
    return "\n".join(lines)


@settings(
    max_examples=examples(6),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    print_blob=True,
)
@given(st.integers(0, 2**32))
async def test_what_is_read_again_is_written_alike(database: Database, seed: int) -> None:
    world = world_of(seed)
    async with database.transaction() as conn:
        await worlds.load(world, conn)
    site = DumpSite(database)
    first = await site.dump()
    assert sum(len(table(first + "\n\n", name)) for name in ICAT_ENTITIES) == sum(thing.entity.icat for thing in world)
    hidden = await site.rows("SELECT what, crud_flags, bean, attribute, c, r, u, d, restricted FROM rule ORDER BY id")
    async with database.transaction() as conn:
        await worlds.clear(conn)
    await site.load(first, attributes=Attributes.ALL)
    second = await site.dump()
    assert without_labels(second).split("\n") == without_labels(first).split("\n")
    again = await site.rows("SELECT what, crud_flags, bean, attribute, c, r, u, d, restricted FROM rule ORDER BY id")
    assert again == hidden


@pytest.mark.parametrize("attributes", list(Attributes))
async def test_an_empty_catalogue_has_all_headers(site: DumpSite, attributes: Attributes) -> None:
    dump = await site.dump(attributes)
    assert dump.startswith("# ICAT Export file written by simple/root\n1.0\n\nUser(")
    assert len(dump.split("\n\n")) == 1 + len(ICAT_ENTITIES)
    assert (await site.load(dump, attributes=attributes)).rows == 0
