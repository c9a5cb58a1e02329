"""ICAT's conformance vectors (specification, section M) as far as REST can express them, by their numbers.

Not here: 35 (isAccessAllowed is SOAP's), 39 and 40 (`tests/model/test_info.py`), 41 and 42 (dump and load).
Where REST differs from SOAP, as in the offset of a single object, the expectation is REST's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.conformance.client import IcatError, Session, sign_in
from tests.conformance.conftest import Base, Rules

SignedIn = Callable[[str], Session]
BAD_PARAMETER, FORBIDDEN, NOT_FOUND, PRECONDITION = 400, 403, 404, 412


def refused(call: Callable[[], Any]) -> IcatError:
    with pytest.raises(IcatError) as caught:
        call()
    return caught.value


# Questions


def test_01_count(base: Base, root: Session) -> None:
    assert root.search("COUNT(Dataset)") == [4]


def test_02_ids_in_order(base: Base, root: Session) -> None:
    assert root.search("Dataset.id ORDER BY id") == sorted(base.dataset.values())


def test_03_include_of_one_entity_brings_nothing_else(base: Base, root: Session) -> None:
    [row] = root.search("Dataset INCLUDE Datafile [name = 'Wibble']")
    dataset = row["Dataset"]
    assert {file["name"] for file in dataset["datafiles"]} == {"wib1", "wib2"}
    assert dataset["parameters"] == []
    assert "investigation" not in dataset


def test_04_include_1_brings_to_one_relations(base: Base, root: Session) -> None:
    [row] = root.search("Dataset INCLUDE 1 [name = 'Wibble']")
    dataset = row["Dataset"]
    assert dataset["investigation"]["name"] == "A"
    assert dataset["type"]["name"] == "GQ"
    assert [name for name, value in dataset.items() if isinstance(value, list) and value] == []


def test_05_nothing_may_follow_include_1(base: Base, root: Session) -> None:
    error = refused(lambda: root.search("Dataset INCLUDE 1, Datafile [name = 'Wibble']"))
    assert (error.status, error.code) == (BAD_PARAMETER, "BAD_PARAMETER")
    assert error.message == "Expected token from types [ENTSEP] at token , in INCLUDE 1 < , > Datafile [ "


@pytest.mark.parametrize(
    ("numbers", "names"),
    [
        (",1", ["bill"]),
        ("1,", ["fred", "mog", "wib1", "wib2", "wob1"]),
        ("1,1", ["fred"]),
        ("100,1", []),
        ("", ["bill", "fred", "mog", "wib1", "wib2", "wob1"]),
    ],
)
def test_06_offset_and_count(base: Base, root: Session, numbers: str, names: list[str]) -> None:
    assert root.search(f"{numbers} Datafile.name ORDER BY name") == names


def test_07_several_expressions_are_rows_of_values(base: Base, root: Session) -> None:
    rows = root.search("SELECT df.name, df.fileSize FROM Datafile df ORDER BY df.name")
    assert rows[:2] == [["bill", 17], ["fred", 11]]
    assert len(rows) == 6


def test_08_aggregates(base: Base, root: Session) -> None:
    assert root.search("SELECT SUM(df.fileSize) FROM Datafile df") == [51]
    assert root.search("SELECT SUM(DISTINCT df.fileSize) FROM Datafile df") == [40]
    assert root.search("SELECT COUNT(DISTINCT df.fileSize) FROM Datafile df") == [5]


def test_09_a_subquery_from_a_path(base: Base, root: Session) -> None:
    query = "SELECT ds.name FROM Dataset ds WHERE (SELECT COUNT(df) FROM ds.datafiles df) = 2 ORDER BY ds.name"
    assert root.search(query) == ["Wibble", "dfsin"]


def test_10_not_empty(base: Base, root: Session) -> None:
    assert root.search("SELECT inv.id FROM Investigation inv WHERE inv.datasets IS NOT EMPTY") == [
        base.investigation["A"]
    ]


def test_11_distinct(base: Base, root: Session) -> None:
    assert len(root.search("SELECT i.facility FROM Investigation i")) == 3
    [row] = root.search("SELECT DISTINCT i.facility FROM Investigation i")
    assert row["Facility"]["name"] == "F1"


def test_12_values_that_are_not_set_are_null(base: Base, root: Session) -> None:
    assert root.search("SELECT i.facility.url FROM Investigation i") == [None, None, None]


def test_13_nulls_are_not_counted(base: Base, root: Session) -> None:
    assert root.search("SELECT COUNT(i.facility.url) FROM Investigation i") == [0]


def test_14_what_cannot_be_reached_cannot_be_included(base: Base, root: Session) -> None:
    error = refused(lambda: root.get("Dataset INCLUDE User", base.dataset["Wibble"]))
    assert (error.status, error.code, error.message) == (
        BAD_PARAMETER,
        "BAD_PARAMETER",
        "Unable to reach User in list of INCLUDES.",
    )


def test_15_an_unknown_entity_is_named(base: Base, root: Session) -> None:
    error = refused(lambda: root.get("Dataset INCLUDE Investigator", base.dataset["Wibble"]))
    assert (error.code, error.message) == ("BAD_PARAMETER", "Investigator is not an ICAT entity")


def test_16_an_unknown_id(base: Base, root: Session) -> None:
    error = refused(lambda: root.get("Dataset", 10**15))
    assert (error.status, error.code) == (NOT_FOUND, "NO_SUCH_OBJECT_FOUND")
    assert error.message == f"Dataset[id:{10**15}] not found."


def test_17_a_relation_is_followed_once(base: Base, root: Session) -> None:
    query = (
        "SELECT inv FROM Investigation inv"
        " INCLUDE inv.investigationInstruments, inv.investigationInstruments.instrument"
    )
    error = refused(lambda: root.search(query))
    assert error.code == "BAD_PARAMETER"
    assert error.message == "INCLUDE clause contains redundant path to investigationInstruments"


def test_44_an_escaped_underscore_is_an_underscore(empty: Session) -> None:
    empty.write([{"Facility": {"name": name}} for name in ("Test_x_Facility", "Test___Facility", "Test_Facility")])
    query = "SELECT f.name FROM Facility f WHERE f.name LIKE 'Test$_$_Facility' ESCAPE '$'"
    assert empty.search(query) == []
    empty.create("Facility", name="Test__Facility")
    assert empty.search(query) == ["Test__Facility"]


def test_45_a_null_column(base: Base, root: Session) -> None:
    newest = max(base.investigation.values())
    assert root.search("SELECT null, max(i.id) FROM Investigation i") == [[None, newest]]


# Changes


def test_18_the_same_key_twice(empty: Session) -> None:
    empty.create("Facility", name="TestDuplicates")
    error = refused(lambda: empty.create("Facility", name="TestDuplicates"))
    assert (error.status, error.code) == (PRECONDITION, "OBJECT_ALREADY_EXISTS")
    assert error.message == "Facility exists with name = 'TestDuplicates'"


def test_19_a_duplicate_in_the_list_stores_nothing(empty: Session) -> None:
    names = ["One", "Two", "Three", "Two", "One"]
    error = refused(lambda: empty.write([{"Facility": {"name": name}} for name in names]))
    assert (error.code, error.offset) == ("OBJECT_ALREADY_EXISTS", 3)
    assert error.message == "Facility exists with name = 'Two'"
    assert empty.search("COUNT(Facility)") == [0]


def test_20_rubbish(empty: Session) -> None:
    error = refused(lambda: empty.write_text("rubbish"))
    assert (error.status, error.code, error.offset) == (BAD_PARAMETER, "BAD_PARAMETER", 0)
    assert error.message.endswith(" in json rubbish")


def test_21_a_missing_value(empty: Session) -> None:
    error = refused(lambda: empty.write([{"Facility": {"name": "W"}}, {"Facility": {}}]))
    assert (error.status, error.code, error.offset) == (PRECONDITION, "VALIDATION", 1)
    assert error.message == "Facility: name cannot be null."
    assert empty.search("COUNT(Facility)") == [0]


def test_22_a_duplicate_among_nested_objects(empty: Session) -> None:
    types = [{"name": "c"}, {"name": "c"}]
    error = refused(lambda: empty.create("Facility", name="P", investigationTypes=types))
    assert (error.code, error.offset) == ("OBJECT_ALREADY_EXISTS", 0)
    assert re.fullmatch(r"InvestigationType exists with name = 'c', facility = 'id:\d+'", error.message)
    assert empty.search("COUNT(Facility)") == [0]


def test_23_an_array_where_an_object_belongs(empty: Session) -> None:
    error = refused(lambda: empty.write_text('{"Datafile":[{"name":"x"}]}'))
    assert error.code == "BAD_PARAMETER"
    assert error.message.startswith("Unexpected array found in JSON [{")


def test_24_a_required_relation_cannot_be_cleared(base: Base, root: Session) -> None:
    error = refused(lambda: root.update("Investigation", base.investigation["A"], type=None))
    assert (error.code, error.message) == ("VALIDATION", "Investigation: type cannot be null.")


def test_25_deleting_what_is_not_there(empty: Session) -> None:
    error = refused(lambda: empty.delete(("Dataset", -1)))
    assert (error.status, error.code, error.offset) == (NOT_FOUND, "NO_SUCH_OBJECT_FOUND", 0)
    assert error.message == "Dataset[id:-1] not found."


def parameter_type(root: Session, base: Base, **members: Any) -> int:
    return root.create("ParameterType", facility={"id": base.facility}, units="u", **members)


def test_26_a_parameter_has_to_be_applicable(base: Base, root: Session) -> None:
    useless = parameter_type(root, base, name="UselessString", valueType="STRING")
    useful = parameter_type(root, base, name="UsefulString", valueType="STRING", applicableToInvestigation=True)
    owner = {"id": base.investigation["A"]}
    error = refused(
        lambda: root.create("InvestigationParameter", investigation=owner, type={"id": useless}, stringValue="x")
    )
    assert error.code == "VALIDATION"
    assert error.message == "Parameter of type UselessString is not applicable to an Investigation"
    assert root.create("InvestigationParameter", investigation=owner, type={"id": useful}, stringValue="x")


def test_27_enforced_limits_hold_on_create_and_on_update(base: Base, root: Session) -> None:
    limited = parameter_type(
        root,
        base,
        name="limited",
        valueType="NUMERIC",
        applicableToInvestigation=True,
        enforced=True,
        minimumNumericValue=50,
    )
    members = {"investigation": {"id": base.investigation["A"]}, "type": {"id": limited}}
    error = refused(lambda: root.create("InvestigationParameter", **members, numericValue=40))
    assert error.code == "VALIDATION"
    assert error.message.startswith("Parameter of type limited has value 40")
    parameter = root.create("InvestigationParameter", **members, numericValue=60)
    assert refused(lambda: root.update("InvestigationParameter", parameter, numericValue=30)).code == "VALIDATION"
    root.update("InvestigationParameter", parameter, numericValue=70)
    assert root.search("SELECT p.numericValue FROM InvestigationParameter p") == [70.0]


def test_28_a_public_step_has_to_exist(empty: Session) -> None:
    error = refused(lambda: empty.create("PublicStep", origin="Applicatio", field="jobs"))
    assert (error.code, error.message) == ("BAD_PARAMETER", "Applicatio is not an ICAT entity")
    error = refused(lambda: empty.create("PublicStep", origin="Application", field="Jobs"))
    assert error.code == "BAD_PARAMETER"
    assert error.message == "Field value Jobs does not implement a relationship from Application"
    assert empty.create("PublicStep", origin="Application", field="jobs")


def test_36_an_investigation_needs_a_facility(base: Base, root: Session) -> None:
    members = {"name": "D", "visitId": "x", "title": "t", "type": {"id": base.investigation_type}}
    error = refused(lambda: root.create("Investigation", **members))
    assert (error.code, error.message) == ("VALIDATION", "Investigation: facility cannot be null.")


# Rights


def test_29_without_rules_there_is_nothing(base: Base, rules: Rules, signed_in: SignedIn) -> None:
    ann = signed_in("ann")
    assert ann.search("SELECT COUNT(i) FROM Rule i") == [0]
    assert ann.search("SELECT SUM(i.id) FROM Rule i") == []
    rules.allow("R", "Rule")
    assert ann.search("SELECT COUNT(i) FROM Rule i") == [1]


OWN_INVESTIGATIONS = "Investigation <-> InvestigationUser <-> User [name = :user]"


def make_principal_investigators(root: Session, base: Base) -> None:
    for name, investigation in (("ann", "A"), ("bob", "B")):
        member = {"investigation": {"id": base.investigation[investigation]}, "role": "PI"}
        root.create("User", name=f"simple/{name}", investigationUsers=[member])


def test_30_each_sees_the_own_investigation(base: Base, root: Session, rules: Rules, signed_in: SignedIn) -> None:
    make_principal_investigators(root, base)
    rules.allow("R", OWN_INVESTIGATIONS)
    for name, investigation in (("ann", "A"), ("bob", "B")):
        assert signed_in(name).search("Investigation.name") == [investigation]
        assert signed_in(name).search("COUNT(Investigation)") == [1]
    assert signed_in("cleo").search("Investigation.name") == []
    assert signed_in("cleo").search("COUNT(Investigation)") == [0]


def test_31_an_unrestricted_rule_for_the_group_opens_all(
    base: Base, root: Session, rules: Rules, signed_in: SignedIn
) -> None:
    make_principal_investigators(root, base)
    [ann] = root.search("SELECT u.id FROM User u WHERE u.name = 'simple/ann'")
    grouping = root.create("Grouping", name="everything", userGroups=[{"user": {"id": ann}}])
    rules.allow("R", OWN_INVESTIGATIONS)
    rules.allow("R", "Investigation", grouping=grouping)
    assert signed_in("ann").search("Investigation.name ORDER BY name") == ["A", "B", "C"]
    assert signed_in("bob").search("Investigation.name ORDER BY name") == ["B"]


def test_32_two_rules_for_the_same_object_count_it_once(base: Base, rules: Rules, signed_in: SignedIn) -> None:
    rules.allow("R", "Datafile [name = 'fred']", "SELECT df FROM Datafile df WHERE df.fileSize = 11")
    ann = signed_in("ann")
    assert ann.search("SELECT COUNT(df) FROM Datafile df") == [2]
    assert ann.search("SELECT df.name FROM Datafile df ORDER BY df.name") == ["fred", "mog"]


def test_33_reading_is_not_writing(base: Base, rules: Rules, signed_in: SignedIn) -> None:
    ann = signed_in("ann")
    rules.allow("R", "Dataset")
    error = refused(lambda: ann.update("Dataset", base.dataset["Wibble"], name="renamed"))
    assert (error.status, error.code) == (FORBIDDEN, "INSUFFICIENT_PRIVILEGES")
    assert error.message == "UPDATE access to this Dataset is not allowed."
    rules.allow("U", "Dataset")
    ann.update("Dataset", base.dataset["Wibble"], name="renamed")
    assert ann.search("COUNT(Dataset) [name = 'renamed']") == [1]


def test_34_moving_is_deleting_here_and_creating_there(base: Base, rules: Rules, signed_in: SignedIn) -> None:
    ann = signed_in("ann")

    def move() -> None:
        ann.update("Dataset", base.dataset["Wibble"], investigation={"id": base.investigation["B"]})

    rules.allow("U", "Dataset <-> Investigation [name = 'A']")
    error = refused(move)
    assert (error.status, error.code) == (FORBIDDEN, "INSUFFICIENT_PRIVILEGES")
    assert error.message == "DELETE access implied by UPDATE to this Dataset is not allowed."
    rules.allow("D", "Dataset <-> Investigation [name = 'A']")
    error = refused(move)
    assert (error.status, error.message) == (FORBIDDEN, "CREATE access to this Dataset is not allowed.")
    rules.allow("CR", "Dataset <-> Investigation [name = 'B']")
    move()
    assert ann.search("Dataset.name") == ["Wibble"]


def test_43_what_is_selected_is_what_is_checked(base: Base, rules: Rules, signed_in: SignedIn) -> None:
    ann = signed_in("ann")
    query = "SELECT f.investigations FROM Facility f"
    assert ann.search(query) == []
    rules.allow("R", "Facility")
    assert ann.search(query) == []
    rules.allow("R", "Investigation [visitId = 'zero']")
    assert [row["Investigation"]["visitId"] for row in ann.search(query)] == ["zero"]


# Sessions


def test_37_an_unknown_plugin(http: httpx.Client) -> None:
    error = refused(lambda: sign_in(http, "typo", username="root", password="x"))
    assert (error.status, error.code) == (FORBIDDEN, "SESSION")
    assert error.message == "Authenticator mnemonic typo not recognised"


def test_38_an_unknown_session_cannot_be_refreshed(http: httpx.Client) -> None:
    answer = http.put("/icat/session/wibble")
    error = IcatError(answer)
    assert (error.status, error.code) == (FORBIDDEN, "SESSION")
    assert error.message == "Unable to find user by sessionid: wibble"


# The form of answers (section B.5)


def test_the_members_of_an_object_come_in_order(base: Base, root: Session) -> None:
    [row] = root.search("SELECT ds FROM Dataset ds WHERE ds.name = 'Wibble' INCLUDE ds.type, ds.parameters p, p.type")
    dataset = row["Dataset"]
    assert list(dataset) == [
        "id", "createId", "createTime", "modId", "modTime", "complete", "dataCollectionDatasets", "datafiles",
        "datasetInstruments", "datasetTechniques", "fileCount", "fileSize", "name", "parameters", "type",
    ]  # fmt: skip
    assert dataset["createId"] == "simple/root"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", dataset["createTime"])
    assert dataset["complete"] is True
    [parameter] = dataset["parameters"]
    assert parameter["dateTimeValue"] == "2014-05-16T16:58:26.123Z"
    assert parameter["type"]["valueType"] == "DATE_AND_TIME"
    assert "dataset" not in parameter


def test_the_totals_of_files_are_kept(base: Base, root: Session) -> None:
    assert root.search("SELECT ds.fileCount, ds.fileSize FROM Dataset ds WHERE ds.name = 'Wibble'") == [[2, 12]]
    assert root.search("SELECT i.fileCount, i.fileSize FROM Investigation i WHERE i.name = 'A'") == [[6, 51]]


def test_a_get_is_one_wrapped_object(base: Base, root: Session) -> None:
    answer = root.get("Dataset ds INCLUDE ds.datafiles", base.dataset["Wobble"])
    assert list(answer) == ["Dataset"]
    assert [file["name"] for file in answer["Dataset"]["datafiles"]] == ["wob1"]


def test_a_copy_has_everything_below(base: Base, root: Session) -> None:
    copy = root.clone("Dataset", base.dataset["Wibble"], {"name": "Wibble again"})
    answer = root.get("Dataset ds INCLUDE ds.datafiles, ds.parameters, ds.investigation", copy)["Dataset"]
    assert {file["name"] for file in answer["datafiles"]} == {"wib1", "wib2"}
    assert len(answer["parameters"]) == 1
    assert answer["investigation"]["id"] == base.investigation["A"]
