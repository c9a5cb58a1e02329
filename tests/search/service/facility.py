"""A small facility to search: investigations of two teams, and an index of all of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from beamcat.access.caller import Caller
from beamcat.config import CatalogueSettings, SearchSettings, Settings
from beamcat.search.documents import DOCUMENTS
from beamcat.search.documents.making import made
from beamcat.search.engine import Engine
from beamcat.search.question import Everything
from beamcat.search.rights import Allowed, SearchRights
from beamcat.search.service import Search
from tests.catalogue.site import ROOT, Site

_MEMBER = "investigationUsers u WHERE u.user.name = :user"
RULES = (
    f"SELECT i FROM Investigation i JOIN i.{_MEMBER}",
    f"SELECT d FROM Dataset d JOIN d.investigation i JOIN i.{_MEMBER}",
    f"SELECT f FROM Datafile f JOIN f.dataset d JOIN d.investigation i JOIN i.{_MEMBER}",
    f"SELECT s FROM Sample s JOIN s.investigation i JOIN i.{_MEMBER}",
    f"SELECT n FROM Instrument n JOIN n.investigationInstruments ii JOIN ii.investigation i JOIN i.{_MEMBER}",
    "SELECT u FROM User u WHERE u.name = :user",
    "Facility",
    "InvestigationType",
    "DatasetType",
    "ParameterType",
)
STEPS = (
    ("Investigation", "investigationInstruments"),
    ("Investigation", "parameters"),
    ("Dataset", "investigation"),
    ("Dataset", "parameters"),
    ("Datafile", "dataset"),
)


@dataclass(frozen=True)
class Facility:
    """Ids by the names that tests use, callers, and the search itself.

    Ann is in the investigations `rust` and `glass`, Bob in `bone`; the stranger is in none.
    """

    site: Site
    search: Search
    ids: Mapping[str, int]
    ann: Caller
    bob: Caller
    stranger: Caller
    root: Caller = ROOT


class Wide(SearchRights):
    """Rights that are wider than the caller's, as for rules that no index can answer."""

    async def allowed(self, caller: Caller, entity: str) -> Allowed:
        allowed = await super().allowed(caller, entity)
        return allowed if caller.root else Allowed(Everything(), exact=False)


def widely(known: Facility) -> Facility:
    """The same facility, with rights that are not exact."""
    search = known.search
    wide = Search(settings(), known.site.database, known.site.rulebooks, search.engine)
    wide.parts = replace(wide.parts, rights=Wide(known.site.database, known.site.rulebooks))
    return replace(known, search=wide)


async def facility(site: Site, settings: Settings, engine: Engine) -> Facility:
    """The facility in an empty catalogue, and an index of it."""
    ids = await _objects(site)
    search = Search(settings, site.database, site.rulebooks, engine)
    await indexed(site, engine)
    ann, bob, stranger = [await site.rulebooks.caller(f"db/{name}") for name in ("ann", "bob", "stranger")]
    return Facility(site, search, ids, ann, bob, stranger)


async def indexed(site: Site, engine: Engine, position: int = 1) -> None:
    """A new index of all there is."""
    rebuild = await engine.rebuild(list(DOCUMENTS))
    async with site.database.connection() as connection:
        for entity, documents in DOCUMENTS.items():
            async for some in made(connection, documents.of_range(0, 1 << 40)):
                for one in some:
                    shard = rebuild.shard_of(entity, orjson.loads(one).get("investigation") or 0)
                    await rebuild.put(entity, shard, [one])
    await rebuild.commit("all")
    await rebuild.switch(position)


async def reindexed(facility: Facility, entity: str, ids: Iterable[int]) -> None:
    """What became of some objects, in the index."""
    wanted = list(ids)
    async with facility.site.database.connection() as connection:
        some = [one async for each in made(connection, DOCUMENTS[entity].of_ids(wanted)) for one in each]
    writing = await facility.search.engine.writing()
    await writing.remove(entity, wanted)
    await writing.put(entity, some)
    await writing.commit(2)
    await writing.close()


def settings(**search: Any) -> Settings:
    """Settings with these of search."""
    return Settings(
        search=SearchSettings(**search),
        catalogue=CatalogueSettings(root_user_names=("simple/root",), max_entities=1000),
    )


async def _objects(site: Site) -> dict[str, int]:
    ids: dict[str, int] = {}
    f = ids["facility"] = await site.make("Facility", name="LILS", fullName="Lake Light Source")
    experiment = await site.make("InvestigationType", name="experiment", facility=f)
    calibration = await site.make("InvestigationType", name="calibration", facility=f)
    raw = ids["raw"] = await site.make("DatasetType", name="raw", facility=f)
    processed = ids["processed"] = await site.make("DatasetType", name="processed", facility=f)
    nexus = ids["nexus"] = await site.make("DatafileFormat", name="NeXus", version="1", facility=f)
    xas = ids["xas"] = await site.make("Technique", name="x-ray absorption spectroscopy", pid="PaNET01196")
    ids["id21"] = await site.make("Instrument", name="ID21", fullName="X-ray microscopy", facility=f)
    ids["sans"] = await site.make("Instrument", name="SANS2D", fullName="Neutron scattering", facility=f)
    both = {"applicableToInvestigation": True, "applicableToDataset": True, "applicableToSample": True, "facility": f}
    kelvin = ids["kelvin"] = await site.make(
        "ParameterType", name="temperature", units="K", valueType="NUMERIC", **both
    )
    celsius = await site.make("ParameterType", name="temperature", units="degC", valueType="NUMERIC", **both)
    scan = ids["scan"] = await site.make("ParameterType", name="scan_type", units="", valueType="STRING", **both)
    users = {
        name: await site.make("User", name=f"db/{name}", fullName=full, orcidId=orcid)
        for name, full, orcid in (
            ("ann", "Ann Weiß", "0000-0002-1825-0097"),
            ("bob", "Bob Example", "0000-0001-5109-3700"),
            ("stranger", "Sam Stranger", "0000-0003-0000-0001"),
        )
    }
    oxide = ids["oxide"] = await site.make("SampleType", name="oxide", molecularFormula="Fe2O3", facility=f)
    for name, title, kind, instrument, user, year, formula in (
        ("rust", "Rust on the door of a Ford", experiment, "id21", "ann", 2023, oxide),
        ("glass", "Ancient glass of Müller", calibration, "id21", "ann", 2024, None),
        ("bone", "Bone with rust", experiment, "sans", "bob", 2024, None),
    ):
        inv = ids[name] = await site.make(
            "Investigation",
            name=f"HC-{len(ids)}",
            visitId=f"{name}-1",
            title=title,
            summary=f"The summary of {name}: " + "words that nobody looks for, " * 20 + f"and oxidation of {name}.",
            doi=f"10.5072/{name}",
            facility=f,
            type=kind,
            startDate=f"{year}-03-01T00:00:00Z",
            endDate=f"{year}-03-05T00:00:00Z",
        )
        await site.make("InvestigationInstrument", investigation=inv, instrument=ids[instrument])
        await site.make("InvestigationUser", investigation=inv, user=users[user], role="PI")
        sample = {"type": {"id": formula}} if formula else {}
        ids[f"{name}_sample"] = await site.make("Sample", name=f"{name} plate", investigation=inv, **sample)
        await site.make("Keyword", name=f"{name}y", investigation=inv)
        for number, (kind_of, kept) in enumerate(((raw, kelvin), (processed, celsius))):
            dataset = ids[f"{name}{number}"] = await site.make(
                "Dataset",
                name=f"{name}_scan_{number}",
                investigation=inv,
                type=kind_of,
                sample=ids[f"{name}_sample"],
                location=f"/data/{name}/{number}",
                startDate=f"{year}-03-0{number + 1}T00:00:00Z",
                endDate=f"{year}-03-0{number + 1}T01:00:00Z",
                complete=not number,
            )
            await site.make("DatasetParameter", dataset=dataset, type=kept, numericValue=10 * (number + 1))
            await site.make("DatasetParameter", dataset=dataset, type=scan, stringValue="ascan")
            await site.make("DatasetTechnique", dataset=dataset, technique={"id": xas})
            for file in ("scan_0001.nxs", "dark_field.tif"):
                await site.make(
                    "Datafile",
                    name=file,
                    dataset=dataset,
                    location=f"/data/{name}/{number}/{file}",
                    fileSize=1000 * (number + 1),
                    datafileFormat=nexus if file.endswith("nxs") else None,
                    datafileModTime=f"{year}-03-01T12:00:00Z",
                )
    for flags in RULES:
        await site.make("Rule", crudFlags="R", what=flags)
    for origin, field in STEPS:
        await site.make("PublicStep", origin=origin, field=field)
    return ids
