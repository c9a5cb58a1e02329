"""A small facility with everything that documents speak of, its documents, and rules that change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from beamcat.access.caller import Caller
from beamcat.access.rulebooks import Rulebooks
from beamcat.catalogue.search import Searches
from beamcat.config import CatalogueSettings
from beamcat.database.pool import Database
from beamcat.search.documents import DOCUMENTS
from beamcat.search.documents.making import made
from tests.properties.engine import UNWATCHED
from tests.properties.rules import RuleText
from tests.properties.world import SIZES, World, load, make_world
from tests.search.evaluation import Evaluation

MORE: Mapping[str, int] = {
    "FacilityCycle": 3,
    "Technique": 3,
    "DatasetInstrument": 6,
    "DatasetTechnique": 6,
    "InvestigationFacilityCycle": 5,
    "Keyword": 4,
    "InvestigationParameter": 5,
    "SampleParameter": 5,
    "DataCollection": 3,
    "DataCollectionInvestigation": 4,
    "DataPublicationType": 2,
    "DataPublication": 5,
    "DataPublicationUser": 5,
}
ROOT = "simple/root"


class SearchedFacility:
    """A world in a database, the documents that are made of it, and what the catalogue answers."""

    def __init__(self, seed: int, database: Database, world: World, documents: Mapping[str, Evaluation]) -> None:
        self.seed = seed
        self.database = database
        self.world = world
        self.documents = documents
        self.settings = CatalogueSettings(root_user_names=(ROOT,))
        self.rulebooks = Rulebooks(database, self.settings)
        self.searches = Searches(database, self.rulebooks, self.settings, UNWATCHED)

    async def set_rules(self, rules: Sequence[RuleText]) -> None:
        """Put these rules in place of those there are."""
        rows = [(rule.grouping, rule.flags.upper(), rule.what) for rule in rules]
        async with self.database.transaction() as conn:
            await conn.execute("DELETE FROM rule")
            async with conn.cursor() as cursor:
                await cursor.executemany(
                    "INSERT INTO rule (create_id, create_time, mod_id, mod_time, grouping_id, crud_flags, what,"
                    " bean, c, r, u, d, restricted) VALUES ('x', now(), 'x', now(), %s, %s, %s,"
                    " '', false, true, false, false, true)",
                    rows,
                )
        self.rulebooks.expire()

    async def caller(self, name: str) -> Caller:
        """The caller of that name."""
        return await self.rulebooks.caller(name)

    async def readable(self, caller: Caller, entity: str) -> set[int]:
        """The ids that the catalogue itself finds for the caller."""
        answer = await self.searches.search(caller, f"SELECT x.id FROM {entity} x")
        return {int(str(row[0])) for row in answer.rows}


async def searched_facility(database: Database, seed: int) -> SearchedFacility:
    """A random world, loaded into the database."""
    world = make_world(7000 + seed, {**SIZES, **MORE})
    async with database.transaction() as conn:
        await load(world, conn)
    documents = {entity: await documents_of(database, entity) for entity in DOCUMENTS}
    return SearchedFacility(seed, database, world, documents)


async def documents_of(database: Database, entity: str) -> Evaluation:
    """All documents of an entity."""
    of = DOCUMENTS[entity]
    async with database.connection() as conn:
        every: list[dict[str, Any]] = [
            json.loads(one) async for some in made(conn, of.of_range(0, 1_000_000)) for one in some
        ]
    return Evaluation(of.type, every)
