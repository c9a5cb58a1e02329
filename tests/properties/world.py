"""A small world of the model in memory: a handful of objects per entity, full of nulls, duplicates and ties.

The same world is asked twice: by the evaluator, which reads it here, and by the engine, once it is loaded into
PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, LiteralString, cast

from psycopg import AsyncConnection, sql

from beamcat.database.naming import column_name, table_name
from beamcat.model import BASE_ATTRIBUTES, ENTITIES, Attribute, Entity, Kind, ToMany, ToOne

Plain = str | int | float | bool | datetime | None
"""The value of an attribute. Moments are aware and in UTC; enums are their names."""

SIZES: Mapping[str, int] = {
    "Facility": 2,
    "User": 6,
    "Grouping": 4,
    "UserGroup": 7,
    "InvestigationType": 3,
    "DatasetType": 3,
    "DatafileFormat": 2,
    "ParameterType": 4,
    "SampleType": 2,
    "Instrument": 3,
    "InstrumentScientist": 3,
    "Investigation": 7,
    "InvestigationUser": 9,
    "InvestigationGroup": 4,
    "InvestigationInstrument": 7,
    "Study": 3,
    "StudyInvestigation": 3,
    "Sample": 5,
    "Dataset": 10,
    "Datafile": 16,
    "RelatedDatafile": 4,
    "DatasetParameter": 9,
    "DatafileParameter": 8,
    "Rule": 5,
    "PublicStep": 3,
}
"""Objects per entity; an entity comes after those its relations point to."""

NAMES = ("alpha", "Alpha", "beta", "b_ta", "b%", "o'neil", "c\\d", "Zeta", "zz", "12", "5", "raw", "GS")
TEXTS = (*NAMES, "", " padded ", "two words", 'say "hi"', "007", "xxabcxx", "longer than the others, with a comma")
LONGS = (0, 0, 5, 7, 7, 11, 17, 2**40, -3)
DOUBLES = (0.0, 0.5, -1.25, 4.0, 4.0, 1e10, 73.5)
MOMENTS = (
    datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2010, 1, 1, tzinfo=UTC),
    datetime(2011, 6, 15, 12, 30, 0, 500_000, tzinfo=UTC),
    datetime(2014, 1, 1, 12, 0, 0, tzinfo=UTC),
    datetime(2014, 1, 1, 12, 0, 0, tzinfo=UTC),
    datetime(2014, 1, 1, tzinfo=UTC),
    datetime(2999, 7, 1, tzinfo=UTC),
)
"""Far from now on both sides, so that CURRENT_TIMESTAMP needs no clock."""
USERS = ("db/ann", "db/bob", "db/cy", "simple/o'dee", "anon/anon", "db/%")
NULL_SHARE = 0.3


@dataclass(frozen=True, eq=False)
class Thing:
    """One object: its attribute values (hidden ones too) and the ids its to-one relations hold."""

    entity: Entity
    values: dict[str, Plain]
    links: dict[str, int | None]

    @property
    def id(self) -> int:
        return cast(int, self.values["id"])

    def __repr__(self) -> str:
        return f"{self.entity.name}:{self.id}"


@dataclass
class World:
    """All objects, by entity name and id."""

    things: dict[str, dict[int, Thing]] = field(default_factory=lambda: {name: {} for name in ENTITIES})

    def add(self, thing: Thing) -> Thing:
        self.things[thing.entity.name][thing.id] = thing
        return thing

    def all(self, entity: str) -> list[Thing]:
        """The objects of an entity, by ascending id."""
        return [self.things[entity][key] for key in sorted(self.things[entity])]

    def one(self, thing: Thing, relation: str) -> Thing | None:
        """The object a to-one relation points to."""
        member = thing.entity.fields[relation]
        assert isinstance(member, ToOne)
        target = thing.links[relation]
        return None if target is None else self.things[member.target][target]

    def many(self, thing: Thing, relation: str) -> list[Thing]:
        """The objects of a to-many relation, by ascending id."""
        member = thing.entity.fields[relation]
        assert isinstance(member, ToMany)
        return [other for other in self.all(member.target) if other.links[member.by] == thing.id]

    def __iter__(self) -> Iterator[Thing]:
        for of_entity in self.things.values():
            yield from of_entity.values()


def make_thing(entity: Entity, identifier: int, given: Mapping[str, Any], rng: Random | None = None) -> Thing:
    """An object with the `given` attribute values and link ids; the rest random, or empty without `rng`."""
    unknown = set(given) - set(entity.fields)
    assert not unknown, f"{entity.name} has no {unknown}"
    values: dict[str, Plain] = {}
    for attribute in (*BASE_ATTRIBUTES, *entity.attributes, *entity.hidden):
        if attribute.name in given:
            values[attribute.name] = given[attribute.name]
        elif attribute.name == "id":
            values["id"] = identifier
        else:
            values[attribute.name] = _value(attribute, rng)
    links = {relation.name: given.get(relation.name) for relation in entity.to_one}
    return Thing(entity, values, links)


def _value(attribute: Attribute, rng: Random | None) -> Plain:
    if attribute in BASE_ATTRIBUTES:
        if attribute.kind is Kind.DATETIME:
            return MOMENTS[1] if rng is None else rng.choice(MOMENTS[1:4])
        return "db/ann" if rng is None else rng.choice(USERS)
    if rng is None:
        return _empty(attribute)
    if not attribute.required and attribute.kind is not Kind.BOOLEAN and rng.random() < NULL_SHARE:
        return None
    match attribute.kind:
        case Kind.STRING:
            return rng.choice(NAMES if attribute.required else TEXTS)[: attribute.length]
        case Kind.LONG:
            return rng.choice(LONGS)
        case Kind.INTEGER:
            return rng.choice((0, 5, 30, 365))
        case Kind.DOUBLE:
            return rng.choice(DOUBLES)
        case Kind.BOOLEAN:
            return rng.random() < 0.5
        case Kind.DATETIME:
            return rng.choice(MOMENTS)
        case Kind.ENUM:
            assert attribute.enumeration is not None
            return rng.choice(attribute.enumeration.values)


def _empty(attribute: Attribute) -> Plain:
    if attribute.kind is Kind.BOOLEAN:
        return False
    if not attribute.required:
        return None
    match attribute.kind:
        case Kind.STRING:
            return "x"
        case Kind.DATETIME:
            return MOMENTS[1]
        case Kind.ENUM:
            assert attribute.enumeration is not None
            return attribute.enumeration.values[0]
        case _:
            return 0


def make_world(seed: int, sizes: Mapping[str, int] = SIZES) -> World:
    """A random world. Unique constraints hold; file counts and sizes are those of the datafiles."""
    rng = Random(seed)
    world = World()
    for name, size in sizes.items():
        _populate(world, ENTITIES[name], size, rng)
    _count_files(world)
    return world


def _populate(world: World, entity: Entity, size: int, rng: Random) -> None:
    # Ids overlap between entities and have gaps, so that a join by the wrong id is seen.
    identifiers = rng.sample(range(1, 3 * size + 1), size)
    keys: set[tuple[Any, ...]] = set()
    for number, identifier in enumerate(identifiers):
        for attempt in range(20):
            thing = make_thing(entity, identifier, _fixed(world, entity, number, attempt, rng), rng)
            key = tuple(thing.values.get(member, thing.links.get(member)) for member in entity.unique) or (number,)
            if key not in keys:
                keys.add(key)
                world.add(thing)
                break


def _fixed(world: World, entity: Entity, number: int, attempt: int, rng: Random) -> dict[str, Any]:
    """The links of a new object, and the few attributes that must mean something."""
    given: dict[str, Any] = {}
    for relation in entity.to_one:
        targets = sorted(world.things[relation.target])
        absent = not targets or (not relation.required and rng.random() < NULL_SHARE)
        # Most objects hang on few others: long lists here, empty ones there.
        given[relation.name] = None if absent else targets[min(rng.randrange(len(targets) + 1), len(targets) - 1)]
    if entity.name == "User":
        given["name"] = USERS[number]
    if entity.name == "Grouping":
        given["name"] = ("admins", "staff", "curators", "nobody")[number]
    if entity.name == "UserGroup":  # the last group stays without members
        given["grouping"] = rng.choice(sorted(world.things["Grouping"])[:3])
    if entity.name == "Rule":
        rule = (("R", "Facility"), ("CRUD", "Dataset"), ("R", "Sample [name = 'x']"), ("U", "User"), ("R", "Job"))[
            number
        ]
        given |= {"crudFlags": rule[0], "what": rule[1], "bean": rule[1].split()[0], "attribute": None}
        given |= {flag: flag.upper() in rule[0] for flag in "crud"} | {"restricted": "[" in rule[1]}
    if entity.name == "PublicStep":
        steps = (("Dataset", "type"), ("Investigation", "datasets"), ("Datafile", "dataset"))[number]
        given |= {"origin": steps[0], "field": steps[1]}
    if attempt > 5 and "name" in entity.unique:
        given.setdefault("name", f"{rng.choice(NAMES)}{attempt}")
    return given


def _count_files(world: World) -> None:
    for dataset in world.all("Dataset"):
        files = world.many(dataset, "datafiles")
        dataset.values.update(fileCount=len(files), fileSize=_total(files))
    for investigation in world.all("Investigation"):
        datasets = world.many(investigation, "datasets")
        count = sum(cast(int, dataset.values["fileCount"]) for dataset in datasets)
        investigation.values.update(fileCount=count, fileSize=_total(datasets))


def _total(things: Sequence[Thing]) -> int:
    return sum(cast(int, thing.values["fileSize"] or 0) for thing in things)


async def clear(conn: AsyncConnection[Any]) -> None:
    """Empty every table of the model, and what triggers keep beside them."""
    tables = sql.SQL(", ").join(sql.Identifier(table_name(entity)) for entity in ENTITIES.values())
    await conn.execute(sql.SQL("TRUNCATE {} CASCADE").format(tables))


async def load(world: World, conn: AsyncConnection[Any]) -> None:
    """Put the world, and nothing else, into the database; new objects get higher ids."""
    await clear(conn)
    for entity in _targets_first():
        things = world.all(entity.name)
        if things:
            await _insert(conn, entity, things)
    # Triggers may have counted the files of datasets that came with their counts.
    for name in ("Dataset", "Investigation"):
        update: LiteralString = "UPDATE {} SET file_count = %s, file_size = %s WHERE id = %s"
        rows = [(t.values["fileCount"], t.values["fileSize"], t.id) for t in world.all(name)]
        async with conn.cursor() as cursor:
            await cursor.executemany(sql.SQL(update).format(sql.Identifier(table_name(ENTITIES[name]))), rows)


def _targets_first() -> list[Entity]:
    ordered: dict[str, Entity] = {}

    def visit(entity: Entity) -> None:
        if entity.name not in ordered:
            for relation in entity.to_one:
                if relation.target != entity.name:
                    visit(ENTITIES[relation.target])
            ordered[entity.name] = entity

    for entity in ENTITIES.values():
        visit(entity)
    return list(ordered.values())


async def _insert(conn: AsyncConnection[Any], entity: Entity, things: Sequence[Thing]) -> None:
    attributes = (*BASE_ATTRIBUTES, *entity.attributes, *entity.hidden)
    columns = [*map(column_name, attributes), *map(column_name, entity.to_one)]
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table_name(entity)),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(sql.Placeholder() * len(columns)),
    )
    rows = [
        [*(thing.values[a.name] for a in attributes), *(thing.links[r.name] for r in entity.to_one)] for thing in things
    ]
    async with conn.cursor() as cursor:
        await cursor.executemany(statement, rows)
    sequence = f"{table_name(entity)}_id_seq"
    await conn.execute("SELECT setval(%s::regclass, %s)", (f'"{sequence}"', max(thing.id for thing in things)))


def moment_text(moment: datetime) -> str:
    """The moment as clients write it in a query, whole seconds."""
    return (moment - timedelta(microseconds=moment.microsecond)).strftime("%Y-%m-%d %H:%M:%S")
