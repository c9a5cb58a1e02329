"""Which objects of the example facility the catalogue holds already, by natural key.

References are resolved from it, and what it knows is not created again: this is what makes a load resumable.
"""

from __future__ import annotations

from typing import Any

from beamcat.demo.client import IcatClient
from beamcat.demo.objects import Record, Ref

KEYS: dict[str, tuple[str, ...]] = {
    "Application": ("name", "version"),
    "DataPublicationType": ("name",),
    "DatafileFormat": ("name", "version"),
    "Dataset": ("investigation.visitId", "name"),
    "DatasetType": ("name",),
    "Facility": ("name",),
    "FacilityCycle": ("name",),
    "FundingReference": ("funderName", "awardNumber"),
    "Grouping": ("name",),
    "Instrument": ("name",),
    "InstrumentScientist": ("user.name", "instrument.name"),
    "Investigation": ("visitId",),
    "InvestigationType": ("name",),
    "Job": ("arguments",),
    "ParameterType": ("name", "units"),
    "PublicStep": ("origin", "field"),
    "Sample": ("investigation.visitId", "name"),
    "SampleType": ("name", "molecularFormula"),
    "Study": ("name",),
    "Technique": ("name",),
    "User": ("name",),
}
"""What identifies an object within the facility, as paths from it."""

VOCABULARY = (
    "Application",
    "DataPublicationType",
    "DatafileFormat",
    "DatasetType",
    "FacilityCycle",
    "Instrument",
    "InvestigationType",
    "ParameterType",
    "SampleType",
)
"""What is created together with the facility."""

RULES_QUERY = "SELECT o.crudFlags, o.what, g.name, o.id FROM Rule o LEFT JOIN o.grouping g ORDER BY o.id"
PUBLISHED_QUERY = "SELECT o.doi, o.id FROM DataCollection o WHERE o.doi IS NOT NULL ORDER BY o.id"
JOB_INPUTS_QUERY = (
    "SELECT ds.investigation.visitId, ds.name, o.id FROM DataCollection o JOIN o.dataCollectionDatasets l"
    " JOIN l.dataset ds WHERE o.doi IS NULL AND ds.type.name = 'raw' ORDER BY o.id"
)


class Known:
    """The ids of what is in the catalogue."""

    def __init__(self) -> None:
        self._ids: dict[Ref, int] = {}

    def __contains__(self, ref: Ref) -> bool:
        return ref in self._ids

    def __getitem__(self, ref: Ref) -> int:
        return self._ids[ref]

    def add(self, ref: Ref, number: int) -> None:
        """Remember an object that has been created or found."""
        self._ids[ref] = number

    async def ask(self, client: IcatClient, entity: str, query: str | None = None) -> None:
        """Remember all objects of `entity`: the rows of `query` are their keys followed by their ids."""
        if query is None:
            paths = ", ".join(f"o.{path}" for path in KEYS[entity])
            query = f"SELECT {paths}, o.id FROM {entity} o ORDER BY o.id"  # noqa: S608 (ICAT's language)
        for *key, number in await client.rows(query):
            self.add(Ref(entity, tuple("" if part is None else part for part in key)), number)

    def resolved(self, value: Any) -> Any:
        """The same value with each `Ref` replaced by `{"id": n}`. Raises `KeyError` for one that is not known."""
        match value:
            case Ref():
                return {"id": self._ids[value]}
            case dict():
                return {name: self.resolved(part) for name, part in value.items()}
            case list():
                return [self.resolved(part) for part in value]
            case _:
                return value


def key_of(entity: str, record: Record) -> Ref:
    """The natural key of a record; a relation in it counts with the key of what it refers to."""
    if entity == "Rule":
        members: tuple[str, ...] = ("crudFlags", "what", "grouping")
    elif entity == "DataCollection":
        return _collection_key(record)
    else:
        members = tuple(path.partition(".")[0] for path in KEYS[entity])
    return Ref(entity, tuple(_key_part(record.get(member)) for member in members))


def _collection_key(record: Record) -> Ref:
    """A published collection is known by its DOI, what a job read by its dataset."""
    if "doi" in record:
        return Ref("DataCollection", (record["doi"],))
    dataset: Ref = record["dataCollectionDatasets"][0]["dataset"]
    return Ref("DataCollection", dataset.key)


def _key_part(value: object) -> str:
    if isinstance(value, Ref):
        return value.key[0]
    return "" if value is None else str(value)
