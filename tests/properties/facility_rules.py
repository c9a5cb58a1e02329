"""A world under random rules, as the oracle and the engine both see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from beamcat.access.caller import Caller
from beamcat.access.rulebook import Rulebook
from beamcat.access.rulebooks import Rulebooks
from beamcat.config import CatalogueSettings
from beamcat.database.pool import Database
from beamcat.query.run import Engine

from .compare import Unclear
from .engine import MAX_ENTITIES, UNWATCHED, oracle_rule
from .evaluate import TooMuch
from .oracle import OracleRule, Permissions
from .rules import READERS, RuleWriter, open_steps, store
from .world import SIZES, World, load, make_world


@dataclass(frozen=True)
class RuledFacility:
    """A loaded world, what each of the readers may read, and the rulebook the database gives."""

    seed: int
    database: Database
    world: World
    rules: list[OracleRule]
    readers: Mapping[str, Permissions]
    engine: Engine
    rulebook: Rulebook
    callers: Mapping[str, Caller]


async def ruled_facility(database: Database, seed: int) -> RuledFacility:
    """A random world with random rules and public steps, loaded into the database."""
    rng = Random(f"rules/{seed}")
    world = make_world(1000 + seed)
    open_steps(world, rng, rng.choice((0, 15, 50)))
    rules = [(text, oracle_rule(text)) for text in RuleWriter(rng, world, 1 + seed % 3).rule_set()]
    rules = [(text, rule) for text, rule in rules if is_clear(world, rule)]
    store(world, [(text, rule.entity, rule.attribute, rule.restricted) for text, rule in rules])
    async with database.transaction() as conn:
        await load(world, conn)
    rulebooks = Rulebooks(database, CatalogueSettings())
    oracle_rules = [rule for _, rule in rules]
    return RuledFacility(
        seed,
        database,
        world,
        oracle_rules,
        {reader: Permissions(world, oracle_rules, reader) for reader in READERS},
        Engine(database, UNWATCHED, MAX_ENTITIES),
        await rulebooks.current(),
        {reader: await rulebooks.caller(reader) for reader in READERS},
    )


def is_clear(world: World, rule: OracleRule) -> bool:
    """Whether the specification says what the rule selects."""
    everybody = OracleRule(None, "R", rule.what, rule.query)
    try:
        for reader in READERS:
            Permissions(world, [everybody], reader).readable(rule.entity)
    except (Unclear, TooMuch):
        return False
    return True


def entities_to_ask(permissions: Permissions) -> list[str]:
    """All entities, and again and again those of which the reader may read a part."""
    narrow = [entity for entity in SIZES if not isinstance(permissions.readable(entity), str)]
    return [*SIZES, *narrow * 6]
