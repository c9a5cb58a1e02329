"""What a caller with a limited token can do: nothing that its scopes leave out, even as root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from beamcat.access.caller import Scope
from beamcat.access.rules import Operation
from beamcat.catalogue.catalogue import Catalogue
from beamcat.catalogue.drafts import Change, Draft, Reference
from beamcat.catalogue.dump.importing import Duplicate
from beamcat.catalogue.dump.layout import Attributes
from beamcat.catalogue.search import Searches
from beamcat.config import CatalogueSettings
from beamcat.errors import Forbidden
from beamcat.model import ENTITIES
from beamcat.observability.slow_queries import Watch
from tests.catalogue.dump.conftest import DumpSite
from tests.catalogue.site import ROOT

FACILITY = ENTITIES["Facility"]
READER = replace(ROOT, scopes=frozenset({Scope.READ}))
WRITER = replace(ROOT, scopes=frozenset({Scope.WRITE}))
DUMP = '1.0\n\nFacility(name:0)\n"{}"\n'

NO_WRITE = "The token has not the scope 'write', which this call needs."
NO_READ = "The token has not the scope 'read', which this call needs."


def named(name: str) -> Draft:
    return Draft(FACILITY, {"name": name})


Call = Callable[[DumpSite, Any, int], Awaitable[object]]

WRITES: dict[str, Call] = {
    "create": lambda site, caller, _: site.catalogue.create(caller, named("created")),
    "createDatafile": lambda site, caller, _: site.catalogue.create_datafile(caller, named("stored")),
    "createMany": lambda site, caller, _: site.catalogue.create_many(caller, [named("created too")]),
    "write": lambda site, caller, it: site.catalogue.write(caller, [Change(FACILITY, it, named("written"))]),
    "update": lambda site, caller, it: site.catalogue.update(caller, Change(FACILITY, it, named("updated"))),
    "updateMany": lambda site, caller, it: site.catalogue.update_many(
        caller, FACILITY, [Change(FACILITY, it, named("updated too"))]
    ),
    "changeTexts": lambda site, caller, it: site.catalogue.change_texts(
        caller, Reference(FACILITY, it), {"name": "changed"}, {"name": "updated too"}
    ),
    "clone": lambda site, caller, it: site.catalogue.clone(caller, FACILITY, it, {"name": "cloned"}),
    "import": lambda site, caller, _: site.load(DUMP.format("imported"), caller=caller),
    "import of everything": lambda site, caller, _: site.load(
        DUMP.format("imported too"), Duplicate.OVERWRITE, Attributes.ALL, caller
    ),
    "import of nothing": lambda site, caller, _: site.load("1.0\n", caller=caller),
    "delete": lambda site, caller, it: site.catalogue.delete(caller, [Reference(FACILITY, it)]),
}
READS: dict[str, Call] = {
    "search": lambda site, caller, _: searches(site).search(caller, "SELECT f FROM Facility f"),
    "get": lambda site, caller, it: searches(site).get(caller, "Facility", it),
    "export": lambda site, caller, _: site.dump(caller=caller),
    "export of an answer": lambda site, caller, _: site.dump_answer("Facility", caller=caller),
}


def searches(site: DumpSite) -> Searches:
    return Searches(site.database, site.rulebooks, CatalogueSettings(), Watch(float("inf")))


async def facilities(site: DumpSite) -> list[tuple[Any, ...]]:
    return await site.rows("SELECT id, name, mod_time FROM facility ORDER BY id")


def test_every_call_of_the_catalogue_is_among_these() -> None:
    calls = {name for name in vars(Catalogue) if not name.startswith("_")} - {"is_access_allowed", "updatable"}
    assert {name.lower().replace("_", "") for name in calls} <= {name.lower() for name in WRITES}


async def test_a_token_without_write_changes_nothing(site: DumpSite) -> None:
    facility = await site.make("Facility", name="F1")
    before = await facilities(site)
    for call in WRITES.values():
        with pytest.raises(Forbidden) as refused:
            await call(site, READER, facility)
        assert (refused.value.message, refused.value.offset) == (NO_WRITE, None)
    assert await facilities(site) == before
    for name, call in WRITES.items():
        await call(site, WRITER, facility)
        after = await facilities(site)
        assert (after != before) == (name != "import of nothing"), name
        before = after


async def test_a_token_without_read_is_told_nothing(site: DumpSite) -> None:
    facility = await site.make("Facility", name="F1")
    for call in READS.values():
        with pytest.raises(Forbidden) as refused:
            await call(site, WRITER, facility)
        assert (refused.value.message, refused.value.offset) == (NO_READ, None)
        await call(site, READER, facility)


async def test_comparing_with_what_is_there_takes_both_scopes(site: DumpSite) -> None:
    await site.load(DUMP.format("F1"), Duplicate.CHECK, caller=ROOT)
    for caller, message in ((READER, NO_WRITE), (WRITER, NO_READ)):
        with pytest.raises(Forbidden, match=message):
            await site.load(DUMP.format("F1"), Duplicate.CHECK, caller=caller)


async def test_what_the_scopes_leave_out_is_not_allowed(site: DumpSite) -> None:
    facility = await site.make("Facility", name="F1")
    for operation in Operation:
        subject = named("new") if operation is Operation.CREATE else Reference(FACILITY, facility)
        answers = [await site.catalogue.is_access_allowed(c, operation, subject) for c in (ROOT, READER, WRITER)]
        reads = operation is Operation.READ
        assert answers == [True, reads, not reads], operation


async def test_scopes_give_no_rights(site: DumpSite) -> None:
    ann = replace(await site.user("db/ann"), scopes=frozenset({Scope.WRITE}))
    with pytest.raises(Forbidden, match="CREATE access to this Facility is not allowed"):
        await site.catalogue.create(ann, named("F1"))
