"""The generated facility: complete, consistent with the model, and the same every time."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from beamcat.demo.datasets import Stored
from beamcat.demo.facility import Demo, build_demo
from beamcat.demo.objects import Record, Ref, moment, ref
from beamcat.demo.people import EXAMPLE_ORCID, group_members, user_records
from beamcat.demo.settings import ACCOUNTS, ROOT
from beamcat.demo.visits import LOCAL_CONTACT, PRINCIPAL_INVESTIGATOR
from beamcat.demo.vocabulary import CYCLES, INSTRUMENTS, QUANTITIES
from beamcat.model import ICAT_ENTITIES, Attribute, Kind, ToMany, ToOne
from tests.demo.walking import Inside, every, records_of

PYTHON_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.STRING: (str,),
    Kind.ENUM: (str,),
    Kind.LONG: (int,),
    Kind.INTEGER: (int,),
    Kind.DOUBLE: (float, int),
    Kind.BOOLEAN: (bool,),
    Kind.DATETIME: (str,),
}


@pytest.fixture(scope="module")
def demo() -> Demo:
    return build_demo()


@pytest.fixture(scope="module")
def stored(demo: Demo) -> dict[str, Stored]:
    return {d.file_location(f): Stored(1, "0") for d in demo.datasets if d.has_files for f in d.files}


@pytest.fixture(scope="module")
def top_level(demo: Demo, stored: dict[str, Stored]) -> list[tuple[str, Record]]:
    return records_of(demo, stored)


def test_it_has_the_size_of_a_small_facility(demo: Demo) -> None:
    assert len(demo.visits) == sum(plan.investigations for plan in INSTRUMENTS) == 200
    assert 2_000 < len(demo.datasets) < 5_000
    assert 20_000 < sum(len(dataset.files) for dataset in demo.datasets) < 60_000
    assert len(CYCLES) == 6
    assert len(demo.published) >= 12
    assert len(demo.studies) >= 5
    assert len(demo.jobs) >= 30


def test_the_same_facility_is_made_every_time(demo: Demo, stored: dict[str, Stored]) -> None:
    again = build_demo()
    assert again.visits == demo.visits
    assert again.datasets == demo.datasets
    assert list(again.people_and_rules()) == list(demo.people_and_rules())
    assert again.studies == demo.studies


def test_a_smaller_facility_still_has_everything() -> None:
    small = build_demo(0.05)
    assert len(small.visits) == len(INSTRUMENTS) * len(CYCLES)
    assert len(small.datasets) < 400
    assert small.published and small.jobs and small.studies


def test_every_value_fits_the_model(top_level: list[tuple[str, Record]]) -> None:
    for entity, record in every(top_level):
        for name, value in record.items():
            member = entity.members[name]
            if isinstance(member, Attribute):
                assert isinstance(value, PYTHON_TYPES[member.kind]), (entity.name, name, value)
                if member.length is not None:
                    assert 0 < len(value) <= member.length, (entity.name, name, value)
                if member.kind is Kind.DATETIME:
                    assert moment(value).tzinfo is not None
                if member.enumeration is not None:
                    assert value in member.enumeration.values
            elif isinstance(member, ToOne):
                assert isinstance(value, Ref | Inside), (entity.name, name)
                if isinstance(value, Ref):
                    assert value.entity == member.target


def test_nothing_that_is_required_is_missing(top_level: list[tuple[str, Record]]) -> None:
    for entity, record in every(top_level):
        for member in entity.members.values():
            if isinstance(member, Attribute | ToOne) and member.required:
                assert record.get(member.name) is not None, (entity.name, member.name)


def test_no_unique_key_occurs_twice(top_level: list[tuple[str, Record]]) -> None:
    seen: Counter[tuple[str, tuple[Any, ...]]] = Counter()
    for entity, record in every(top_level):
        if entity.unique:
            seen[entity.name, tuple(record[name] for name in entity.unique)] += 1
    assert [key for key, times in seen.items() if times > 1] == []


def test_rules_and_steps_are_not_repeated(demo: Demo) -> None:
    made = dict(demo.people_and_rules())
    for entity in ("Rule", "PublicStep"):
        texts = [json.dumps(record, sort_keys=True, default=str) for record in made[entity]]
        assert len(texts) == len(set(texts))


def test_every_reference_names_something_that_exists(demo: Demo, top_level: list[tuple[str, Record]]) -> None:
    exists = {ref("Facility", "MLS")}
    facility = demo.facility
    for name, members in (
        ("instruments", ("name",)),
        ("facilityCycles", ("name",)),
        ("investigationTypes", ("name",)),
        ("datasetTypes", ("name",)),
        ("dataPublicationTypes", ("name",)),
        ("datafileFormats", ("name", "version")),
        ("parameterTypes", ("name", "units")),
        ("sampleTypes", ("name", "molecularFormula")),
        ("applications", ("name", "version")),
    ):
        relation = ICAT_ENTITIES["Facility"].members[name]
        assert isinstance(relation, ToMany)
        exists |= {ref(relation.target, *(record[m] for m in members)) for record in facility[name]}
    for entity, records in demo.people_and_rules():
        if entity in ("User", "Grouping", "Technique"):
            exists |= {ref(entity, record["name"]) for record in records}
        if entity == "FundingReference":
            exists |= {ref(entity, record["funderName"], record["awardNumber"]) for record in records}
    for visit in demo.visits:
        exists.add(ref("Investigation", visit.visit_id))
        exists |= {ref("Sample", visit.visit_id, sample.name) for sample in visit.samples}
    for dataset in demo.datasets:
        exists.add(ref("Dataset", *dataset.key))
        exists |= {ref("Datafile", *dataset.key, file.name) for file in dataset.files}
    exists |= {ref("DataCollection", *job.source) for job in demo.jobs}
    used = {value for _, record in every(top_level) for value in record.values() if isinstance(value, Ref)}
    assert used - exists == set()


def test_dates_are_in_order(demo: Demo) -> None:
    for visit in demo.visits:
        assert visit.cycle.first <= visit.first.date() < visit.last.date() <= visit.cycle.last, visit.visit_id
        assert visit.release is None or visit.release > visit.last
        assert all(moment(str(sample.values["prepared"])) < visit.first for sample in visit.samples)
    for dataset in demo.datasets:
        assert dataset.visit.first <= dataset.first < dataset.last <= dataset.visit.last, dataset.key
        for file in dataset.files:
            assert dataset.first <= file.created <= dataset.last


def test_an_instrument_has_one_visit_at_a_time(demo: Demo) -> None:
    for plan in INSTRUMENTS:
        visits = [visit for visit in demo.visits if visit.instrument == plan]
        for earlier, later in pairwise(visits):
            assert earlier.last <= later.first, (earlier.visit_id, later.visit_id)


def test_some_data_are_open_some_are_not_and_some_never_will_be(demo: Demo) -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    is_open = [visit.is_open(now) for visit in demo.visits]
    assert 60 < sum(is_open) < 140
    assert any(visit.release is None for visit in demo.visits)


def test_every_visit_has_one_leader_and_a_local_contact(demo: Demo) -> None:
    for visit in demo.visits:
        roles = Counter(role for _, role in visit.members)
        assert roles[PRINCIPAL_INVESTIGATOR] == 1
        assert roles[LOCAL_CONTACT] == 1


def test_the_accounts_have_their_parts(demo: Demo) -> None:
    led = Counter(person.login for v in demo.visits for person, role in v.members if role == PRINCIPAL_INVESTIGATOR)
    joined = Counter(person.login for v in demo.visits for person, _ in v.members)
    assert joined["db/visitor"] == 3
    assert led["db/visitor"] == 0
    assert led["db/pi"] == 6
    names = {record["name"] for record in user_records()}
    assert {f"db/{name}" for name in ACCOUNTS} | {ROOT} <= names
    assert group_members()["curators"] == ("db/curator",)
    assert "db/visitor" not in {login for members in group_members().values() for login in members}


def test_the_only_orcid_is_the_fictitious_one() -> None:
    assert {record["orcidId"] for record in user_records() if "orcidId" in record} == {EXAMPLE_ORCID}
    digits = EXAMPLE_ORCID.replace("-", "")
    total = 0
    for digit in digits[:-1]:
        total = (total + int(digit)) * 2
    assert (12 - total % 11) % 11 == int(digits[-1])  # ISO 7064 MOD 11-2


def test_no_mail_address_could_reach_anybody() -> None:
    assert all(record.get("email", ".example").endswith(".example") for record in user_records())


def test_parameters_are_given_only_where_their_types_apply(top_level: list[tuple[str, Record]]) -> None:
    quantities = {(quantity.name, quantity.units): quantity for quantity in QUANTITIES}
    letters = {
        "InvestigationParameter": "I",
        "SampleParameter": "S",
        "DatasetParameter": "D",
        "DatafileParameter": "F",
        "DataCollectionParameter": "C",
    }
    members = {"NUMERIC": "numericValue", "STRING": "stringValue", "DATE_AND_TIME": "dateTimeValue"}
    used = set()
    for entity, record in every(top_level):
        if entity.parameter_of is not None:
            quantity = quantities[record["type"].key]
            used.add(quantity.name)
            assert letters[entity.name] in quantity.applies, (entity.name, quantity.name)
            value = record[members[quantity.kind]]
            if quantity.limits is not None:
                assert quantity.limits[0] <= value <= quantity.limits[1]
            assert not quantity.permitted or value in quantity.permitted
    assert used == {quantity.name for quantity in QUANTITIES}
