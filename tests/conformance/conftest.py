"""A server as a process of its own, and the base data of ICAT's conformance vectors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.conformance.client import Session, sign_in
from tests.running import Beamcat

PASSWORD = "not a secret"
USERS = ("root", "ann", "bob", "cleo")
RULES_SETTLE_S = 1.1
"""A changed rule is in force at the latest a second after its commit."""

SETTINGS = f"""
[catalogue]
root_user_names = ["simple/root"]

[authenticator.simple]
kind = "simple"
users = {{ {", ".join(f'{name} = "{PASSWORD}"' for name in USERS)} }}

[authenticator.anon]
kind = "anon"

[database]
embedded_shared_buffers = "64MB"

[login_protection]
max_failures_per_user = 1000
max_failures_per_user_everywhere = 1000
max_failures_per_address = 1000
"""


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    url: str
    log: Path


@pytest.fixture(scope="session")
def running_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`beamcat serve` on an embedded database of its own. It has to stop cleanly on SIGTERM."""
    beamcat = Beamcat(tmp_path_factory.mktemp("server") / "home", "--port", "0", config=SETTINGS, search=True)
    yield Running(beamcat.url, beamcat.log)
    assert beamcat.stop() == 0, beamcat.log.read_text()[-4000:]
    assert "unforeseen" not in beamcat.log.read_text()


@pytest.fixture(scope="session")
def http(running_server: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running_server.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def signed_in(http: httpx.Client) -> Callable[[str], Session]:
    """A session of one of `USERS`, kept for all tests."""
    sessions: dict[str, Session] = {}

    def session_of(name: str) -> Session:
        if name not in sessions:
            sessions[name] = sign_in(http, "simple", username=name, password=PASSWORD)
        return sessions[name]

    return session_of


@pytest.fixture(scope="session")
def root(signed_in: Callable[[str], Session]) -> Session:
    return signed_in("root")


TOPS = (
    "Facility",
    "User",
    "Grouping",
    "Rule",
    "PublicStep",
    "Study",
    "DataCollection",
    "FundingReference",
    "Technique",
)
"""Entities that no other stands on: with them everything goes."""


def remove_everything(root: Session) -> None:
    for entity in TOPS:
        identifiers = root.search(f"SELECT x.id FROM {entity} x")
        if identifiers:
            root.delete(*((entity, identifier) for identifier in identifiers))


@pytest.fixture
def empty(root: Session) -> Session:
    """The session of root, on a catalogue without any object."""
    remove_everything(root)
    return root


@dataclass(frozen=True)
class Base:
    """The base data of the vectors: ids by name."""

    facility: int
    investigation_type: int
    dataset_type: int
    investigation: dict[str, int]
    dataset: dict[str, int]
    datafile: dict[str, int]


DATAFILES = {
    "Wibble": {"wib1": 5, "wib2": 7},
    "Wobble": {"wob1": 0},
    "dfsin": {"fred": 11, "bill": 17},
    "dfsout": {"mog": 11},
}
VISITS = {"A": "zero", "B": "one", "C": "two"}


def ids(root: Session, entity: str) -> dict[str, int]:
    return dict(root.search(f"SELECT x.name, x.id FROM {entity} x"))


def build_base(root: Session) -> Base:
    """The base data of section M, made through REST."""
    facility = root.create(
        "Facility",
        name="F1",
        investigationTypes=[{"name": "it1"}],
        datasetTypes=[{"name": "GQ"}],
        applications=[{"name": "app", "version": "1"}],
        parameterTypes=[
            {"name": "TIMESTAMP", "units": "TIMESTAMP", "valueType": "DATE_AND_TIME", "applicableToDataset": True}
        ],
    )
    [investigation_type] = root.search("InvestigationType.id")
    [dataset_type] = root.search("DatasetType.id")
    [parameter_type] = root.search("ParameterType.id")
    [application] = root.search("Application.id")
    root.write(
        [
            {
                "Investigation": {
                    "name": name,
                    "visitId": visit,
                    "title": "Not null",
                    "facility": {"id": facility},
                    "type": {"id": investigation_type},
                }
            }
            for name, visit in VISITS.items()
        ]
    )
    investigation = ids(root, "Investigation")
    root.write(
        [
            {
                "Dataset": {
                    "name": name,
                    "complete": True,
                    "investigation": {"id": investigation["A"]},
                    "type": {"id": dataset_type},
                    "datafiles": [{"name": file, "fileSize": size} for file, size in files.items()],
                }
            }
            for name, files in DATAFILES.items()
        ]
    )
    dataset, datafile = ids(root, "Dataset"), ids(root, "Datafile")
    root.create(
        "DatasetParameter",
        dataset={"id": dataset["Wibble"]},
        type={"id": parameter_type},
        dateTimeValue="2014-05-16T16:58:26.123Z",
    )
    collection_in = root.create(
        "DataCollection",
        dataCollectionDatasets=[{"dataset": {"id": dataset["Wibble"]}}],
        dataCollectionDatafiles=[{"datafile": {"id": datafile[name]}} for name in ("fred", "bill")],
    )
    collection_out = root.create(
        "DataCollection",
        dataCollectionDatasets=[{"dataset": {"id": dataset["Wobble"]}}],
        dataCollectionDatafiles=[{"datafile": {"id": datafile["mog"]}}],
    )
    root.create(
        "Job",
        application={"id": application},
        inputDataCollection={"id": collection_in},
        outputDataCollection={"id": collection_out},
    )
    return Base(facility, investigation_type, dataset_type, investigation, dataset, datafile)


@pytest.fixture
def base(empty: Session) -> Base:
    """The base data of section M, with nothing else in the catalogue."""
    return build_base(empty)


@pytest.fixture
def make_base(root: Session) -> Callable[[], Base]:
    """Empties the catalogue and makes the base data, when called."""

    def make() -> Base:
        remove_everything(root)
        return build_base(root)

    return make


@pytest.fixture(scope="module")
def base_once(root: Session) -> Base:
    """The base data, made once for all tests of a module: only for tests that do not count on it."""
    remove_everything(root)
    return build_base(root)


@dataclass(frozen=True)
class Rules:
    """Makes rules, and waits until they are in force."""

    root: Session

    def allow(self, flags: str, *whats: str, grouping: int | None = None) -> list[int]:
        whose = {} if grouping is None else {"grouping": {"id": grouping}}
        made = self.root.write([{"Rule": {"crudFlags": flags, "what": what, **whose}} for what in whats])
        time.sleep(RULES_SETTLE_S)
        return made

    def forbid_everything(self) -> None:
        """Take away all rules."""
        made = self.root.search("SELECT r.id FROM Rule r")
        if made:
            self.root.delete(*(("Rule", identifier) for identifier in made))
            time.sleep(RULES_SETTLE_S)


@pytest.fixture
def rules(empty: Session) -> Rules:
    return Rules(empty)
