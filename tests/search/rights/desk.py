"""Rights over a small facility of which a test knows everything, and time that a test lets pass."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from beamcat.access.rulebooks import Rulebooks
from beamcat.config import CatalogueSettings, SearchRightsSettings
from beamcat.database.pool import Connection, Database
from beamcat.search.question import AllOf, AnyOf, Not, OneOf, Predicate
from beamcat.search.rights import Allowed, SearchRights
from tests.catalogue.site import Site

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NOW_MS = round(NOW.timestamp() * 1000)
MINE = "JOIN i.investigationUsers iu JOIN iu.user u WHERE u.name = :user"
OWN_INVESTIGATIONS = f"SELECT i FROM Investigation i {MINE}"
OWN_DATASETS = f"SELECT d FROM Dataset d JOIN d.investigation i {MINE}"
OWN_FILES = f"SELECT f FROM Datafile f JOIN f.dataset d JOIN d.investigation i {MINE}"
PUBLIC = "SELECT i FROM Investigation i WHERE i.releaseDate < CURRENT_TIMESTAMP"
PUBLIC_DATASETS = "SELECT d FROM Dataset d WHERE d.investigation.releaseDate < CURRENT_TIMESTAMP"


class CountingDatabase(Database):
    """Counts transactions: sets are read in them, and nothing else here is."""

    transactions = 0

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        self.transactions += 1
        async with super().transaction() as conn:
            yield conn


class Desk:
    """Rights over a small facility: three investigations with a dataset and a file each, and time that stands still.

    ann is a user of the first, bob of the second; the third has been released.
    """

    def __init__(self, site: Site, database: CountingDatabase) -> None:
        self.site, self.database = site, database
        self.seconds = 0.0
        self.rulebooks = Rulebooks(database, CatalogueSettings(root_user_names=("simple/root",)), self.ticks)
        self.investigations = [11, 12, 13]
        self.datasets = [21, 22, 23]
        self.use()

    def ticks(self) -> float:
        return self.seconds

    def use(self, **settings: float) -> None:
        """Begin anew, with these settings."""
        chosen = SearchRightsSettings.model_validate(settings)
        self.rights = SearchRights(
            self.database, self.rulebooks, chosen, ticks=self.ticks, clock=lambda: NOW.timestamp() + self.seconds
        )

    async def allowed(self, entity: str, name: str = "db/ann") -> Allowed:
        return await self.rights.allowed(await self.rulebooks.caller(name), entity)

    async def predicate(self, entity: str, name: str = "db/ann") -> Predicate:
        allowed = await self.allowed(entity, name)
        assert allowed.exact
        return plain(allowed.predicate)

    async def rules(self, *rules: str) -> None:
        await self.site.rules(*(("R", rule) for rule in rules))
        self.rulebooks.expire()


def plain(predicate: Predicate) -> Predicate:
    """With tuples of ids, which can be compared."""
    match predicate:
        case OneOf(field, ids):
            return OneOf(field, tuple(ids))
        case AllOf(parts):
            return AllOf(tuple(map(plain, parts)))
        case AnyOf(parts):
            return AnyOf(tuple(map(plain, parts)))
        case Not(part):
            return Not(plain(part))
        case _:
            return predicate


MADE = "'x', now(), 'x', now()"
MADE_BY = "create_id, create_time, mod_id, mod_time"
FACILITY = f"""
DELETE FROM rule;
DELETE FROM facility;
DELETE FROM "user";
DELETE FROM "grouping";
INSERT INTO facility (id, {MADE_BY}, name) VALUES (1, {MADE}, 'LILS');
INSERT INTO "user" (id, {MADE_BY}, name) VALUES (1, {MADE}, 'db/ann'), (2, {MADE}, 'db/bob');
INSERT INTO investigation_type (id, {MADE_BY}, facility_id, name) VALUES (1, {MADE}, 1, 'experiment');
INSERT INTO dataset_type (id, {MADE_BY}, facility_id, name) VALUES (1, {MADE}, 1, 'raw');
INSERT INTO investigation (id, {MADE_BY}, facility_id, type_id, name, visit_id, title, release_date)
SELECT 10 + n, {MADE}, 1, 1, 'HC-' || n, '1', 'x', CASE WHEN n = 3 THEN timestamptz '2020-01-01' END
  FROM generate_series(1, 3) n;
INSERT INTO dataset (id, {MADE_BY}, name, complete, investigation_id, type_id)
SELECT id + 10, {MADE}, 'scan', false, id, 1 FROM investigation;
INSERT INTO datafile (id, {MADE_BY}, name, dataset_id) SELECT id + 10, {MADE}, 'a.nxs', id FROM dataset;
INSERT INTO investigation_user (id, {MADE_BY}, user_id, investigation_id, role)
SELECT id, {MADE}, id, 10 + id, 'PI' FROM "user";
"""
TABLES = ("user", "investigation", "dataset", "datafile", "investigation_user")
