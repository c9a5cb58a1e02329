"""The small facility whose data comes in: what is there before the first crash, and how things look in calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.conformance.client import Session
from tests.crashes.ledger import Dataset, File, Parameters

PASSWORD = "not a secret"
SETTINGS = f"""
[catalogue]
root_user_names = ["simple/root"]
max_entities = 200000

[authenticator.simple]
kind = "simple"
users = {{ root = "{PASSWORD}" }}

[database]
embedded_shared_buffers = "64MB"
"""
INVESTIGATIONS = 6
USERS = 12
INSTRUMENTS = 2
GROUPS = 2

LINKS = {
    "InvestigationUser": ("user", "investigation"),
    "InstrumentScientist": ("user", "instrument"),
    "UserGroup": ("user", "grouping"),
}
"""Links that come and go, with their two ends. All three decide who reaches which investigation."""
ROLE = "Experimenter"

Json = dict[str, Any]


@dataclass(frozen=True)
class Facility:
    """The ids by name of what everything else refers to."""

    dataset_type: int
    parameter_types: Mapping[str, int]
    ends: Mapping[str, Mapping[str, int]]
    """Users, investigations, instruments and groupings, by the name of the relation to them."""


def build(root: Session) -> Facility:
    """Make the facility through REST."""
    facility = root.create(
        "Facility",
        name="Crash site",
        investigationTypes=[{"name": "experiment"}],
        datasetTypes=[{"name": "raw"}],
        parameterTypes=[
            {"name": name, "units": "K", "valueType": kind, "applicableToDataset": True, "applicableToDatafile": True}
            for name, kind in (("temperature", "NUMERIC"), ("remark", "STRING"))
        ],
        instruments=[{"name": f"instrument{number}"} for number in range(INSTRUMENTS)],
    )
    [investigation_type] = root.search("InvestigationType.id")
    root.write([{"User": {"name": f"simple/user{number}"}} for number in range(USERS)])
    root.write([{"Grouping": {"name": f"group{number}"}} for number in range(GROUPS)])
    instruments, groups = _ids(root, "Instrument"), _ids(root, "Grouping")
    for number in range(INVESTIGATIONS):
        root.create(
            "Investigation",
            name=f"investigation{number}",
            visitId="1",
            title="What survives",
            facility={"id": facility},
            type={"id": investigation_type},
            investigationInstruments=[{"instrument": {"id": instruments[f"instrument{number % INSTRUMENTS}"]}}],
            investigationGroups=[{"grouping": {"id": groups[f"group{number % GROUPS}"]}, "role": ROLE}],
        )
    [dataset_type] = root.search("DatasetType.id")
    return Facility(
        dataset_type,
        _ids(root, "ParameterType"),
        {
            "user": _ids(root, "User"),
            "investigation": _ids(root, "Investigation"),
            "instrument": instruments,
            "grouping": groups,
        },
    )


def dataset_json(facility: Facility, name: str, dataset: Dataset) -> Json:
    """The dataset with everything below it, as a call creates it."""
    return {
        "Dataset": {
            "name": name,
            "description": dataset.description,
            "complete": False,
            "type": {"id": facility.dataset_type},
            "investigation": {"id": facility.ends["investigation"][dataset.investigation]},
            "parameters": _parameters_json(facility, dataset.parameters),
            "datafiles": [file_json(facility, name, file) for name, file in dataset.files.items()],
        }
    }


def file_json(facility: Facility, name: str, file: File) -> Json:
    """A datafile with its parameters, without its dataset."""
    return {
        "name": name,
        "fileSize": file.size,
        "description": file.description,
        "parameters": _parameters_json(facility, file.parameters),
    }


def link_json(facility: Facility, key: str) -> Json:
    """A link, as a call creates it."""
    entity, *names = key.split()
    ends = {end: {"id": facility.ends[end][name]} for end, name in zip(LINKS[entity], names, strict=True)}
    return {entity: {**ends, "role": ROLE} if entity == "InvestigationUser" else ends}


def possible_links(facility: Facility, users: Sequence[str]) -> list[str]:
    """All links that these users can have."""
    return [
        f"{entity} {user} {other}"
        for entity, (_, end) in LINKS.items()
        for user in users
        for other in facility.ends[end]
    ]


def _parameters_json(facility: Facility, parameters: Parameters) -> list[Json]:
    return [
        {
            "type": {"id": facility.parameter_types[name]},
            "stringValue" if isinstance(value, str) else "numericValue": value,
        }
        for name, value in parameters
    ]


def _ids(root: Session, entity: str) -> dict[str, int]:
    return dict(root.search(f"SELECT x.name, x.id FROM {entity} x"))
