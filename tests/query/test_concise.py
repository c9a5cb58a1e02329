from datetime import UTC, datetime

import pytest

from beamcat.errors import BadParameter
from beamcat.query import tree
from beamcat.query.parse import ParseLimits, RuleText, parse_get, parse_rule, parse_search
from beamcat.query.tree import (
    Aggregate,
    And,
    Between,
    Comparison,
    Condition,
    EnumLiteral,
    FromEntity,
    FromPath,
    Get,
    Include,
    IncludeStep,
    InList,
    Like,
    Limit,
    Literal,
    Not,
    Or,
    OrderBy,
    Path,
    Query,
    Timestamp,
)

LIMITS = ParseLimits(max_length=65_536, max_nesting=40, max_includes=64)


def path(text: str) -> Path:
    variable, *steps = text.split(".")
    return Path(variable, tuple(steps))


def step(text: str, variable: str) -> IncludeStep:
    return IncludeStep(path(text), variable)


def search(text: str) -> Query:
    return parse_search(text, LIMITS)


def source(entity: str) -> FromEntity:
    return FromEntity(entity, f"{entity.upper()}$")


def equal(left: str, right: object) -> Comparison:
    return Comparison("=", path(left), Literal(right))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Facility", Query((path("FACILITY$"),), (source("Facility"),))),
        ("\tDataset\n", Query((path("DATASET$"),), (source("Dataset"),))),
        (
            "Dataset.id ORDER BY id [type.name IN ('GS','GQ')] <-> Investigation[id BETWEEN 3 AND 3]",
            Query(
                (path("DATASET$.id"),),
                (source("Dataset"), FromPath(path("DATASET$.investigation"), "INVESTIGATION$")),
                where=And(
                    (
                        InList(path("DATASET$.type.name"), (Literal("GS"), Literal("GQ"))),
                        Between(path("INVESTIGATION$.id"), Literal(3), Literal(3)),
                    )
                ),
                order_by=(OrderBy(path("DATASET$.id")),),
            ),
        ),
        (
            "User <-> UserGroup <-> Grouping [id=5]",
            Query(
                (path("USER$"),),
                (
                    source("User"),
                    FromPath(path("USER$.userGroups"), "USERGROUP$"),
                    FromPath(path("USERGROUP$.grouping"), "GROUPING$"),
                ),
                where=equal("GROUPING$.id", 5),
            ),
        ),
        ("COUNT(Dataset)", Query((Aggregate("COUNT", path("DATASET$")),), (source("Dataset"),))),
        (
            "max ( Dataset.type.name ) [id > -1]",
            Query(
                (Aggregate("MAX", path("DATASET$.type.name")),),
                (source("Dataset"),),
                where=Comparison(">", path("DATASET$.id"), Literal(-1)),
            ),
        ),
        ("3, Dataset", Query((path("DATASET$"),), (source("Dataset"),), limit=Limit(3, None))),
        (",5 Dataset", Query((path("DATASET$"),), (source("Dataset"),), limit=Limit(0, 5))),
        (", Dataset", Query((path("DATASET$"),), (source("Dataset"),))),
        (
            "3,5 DISTINCT Dataset.name ORDER BY name desc, type.name ASC, id",
            Query(
                (path("DATASET$.name"),),
                (source("Dataset"),),
                distinct=True,
                order_by=(
                    OrderBy(path("DATASET$.name"), ascending=False),
                    OrderBy(path("DATASET$.type.name")),
                    OrderBy(path("DATASET$.id")),
                ),
                limit=Limit(3, 5),
            ),
        ),
        ("0,3 User", Query((path("USER$"),), (source("User"),), limit=Limit(0, 3))),
        (
            "Dataset INCLUDE Datafile [name = 'Wibble']",
            Query(
                (path("DATASET$"),),
                (source("Dataset"),),
                where=equal("DATASET$.name", "Wibble"),
                include=Include((step("DATASET$.datafiles", "DATAFILE_$"),)),
            ),
        ),
        (
            "Dataset INCLUDE 1 [name = 'Wibble']",
            Query(
                (path("DATASET$"),),
                (source("Dataset"),),
                where=equal("DATASET$.name", "Wibble"),
                include=Include(to_one_relations=True),
            ),
        ),
        (
            "Investigation INCLUDE InvestigationUser, User [name='x']",
            Query(
                (path("INVESTIGATION$"),),
                (source("Investigation"),),
                where=equal("INVESTIGATION$.name", "x"),
                include=Include(
                    (
                        step("INVESTIGATION$.investigationUsers", "INVESTIGATIONUSER_$"),
                        step("INVESTIGATIONUSER_$.user", "USER_$"),
                    )
                ),
            ),
        ),
    ],
)
def test_example_queries_have_their_trees(text: str, query: Query) -> None:
    assert search(text) == query


@pytest.mark.parametrize("text", ["Dataset ORDER BY name INCLUDE 1", "Dataset INCLUDE 1 ORDER BY name"])
def test_order_and_include_come_in_either_order(text: str) -> None:
    query = search(text)
    assert query.order_by == (OrderBy(path("DATASET$.name")),)
    assert query.include == Include(to_one_relations=True)


DS = "DATASET$"
COMPLETE = equal("DATASET$.complete", True)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("Dataset [name = 'it''s']", equal("DATASET$.name", "it's")),
        ("Dataset['it' = name]", Comparison("=", Literal("it"), path("DATASET$.name"))),
        ("Dataset [5 < fileSize]", Comparison("<", Literal(5), path("DATASET$.fileSize"))),
        ("Dataset [fileSize!=-1.5]", Comparison("<>", path("DATASET$.fileSize"), Literal(-1.5))),
        ("Dataset [name LIKE 'a%']", Like(path("DATASET$.name"), Literal("a%"))),
        ("Dataset ['a%' like name]", Like(path("DATASET$.name"), Literal("a%"))),
        ("Dataset [createId = :user]", Comparison("=", path("DATASET$.createId"), tree.Parameter("user"))),
        ("Dataset [modTime > {ts 2014-01-01 12:00:00}]", Comparison(
            ">", path("DATASET$.modTime"), Timestamp(datetime(2014, 1, 1, 12, tzinfo=UTC)))),
        ("Dataset [id IN (1, -2, 3.5, 'x', :user)]", InList(path("DATASET$.id"), (
            Literal(1), Literal(-2), Literal(3.5), Literal("x"), tree.Parameter("user")))),
        ("Dataset [id BETWEEN 1 AND 2 AND complete = TRUE]", And((
            Between(path("DATASET$.id"), Literal(1), Literal(2)), COMPLETE))),
        ("Dataset [complete = TRUE OR name = 'x']", Or((COMPLETE, equal("DATASET$.name", "x")))),
        ("Dataset [true = complete or NOT complete = False and id = 5]", Or((
            Comparison("=", Literal(True), path("DATASET$.complete")),
            And((Not(equal("DATASET$.complete", False)), equal("DATASET$.id", 5)))))),
        ("Dataset [NOT (complete = TRUE AND id = 5) AND (((id = 6)))]", And((
            Not(And((COMPLETE, equal("DATASET$.id", 5)))), equal("DATASET$.id", 6)))),
        ("ParameterType [valueType = DATE_AND_TIME]", Comparison(
            "=", path("PARAMETERTYPE$.valueType"), EnumLiteral("ParameterValueType", "DATE_AND_TIME"))),
        ("ParameterType [DATE_AND_TIME<>valueType]", Comparison(
            "<>", EnumLiteral("ParameterValueType", "DATE_AND_TIME"), path("PARAMETERTYPE$.valueType"))),
        ("DatasetParameter [type.valueType = NUMERIC]", Comparison(
            "=", path("DATASETPARAMETER$.type.valueType"), EnumLiteral("ParameterValueType", "NUMERIC"))),
        ("Study [status BETWEEN NEW AND COMPLETE]", Between(
            path("STUDY$.status"), EnumLiteral("StudyStatus", "NEW"), EnumLiteral("StudyStatus", "COMPLETE"))),
        ("Datafile [dataset.investigation.name = 'fred']", equal("DATAFILE$.dataset.investigation.name", "fred")),
        ("Rule [bean='Investigation']", equal("RULE$.bean", "Investigation")),
        ("DatasetParameter [id = 5]", equal("DATASETPARAMETER$.id", 5)),
        ("Dataset [id = 1] <-> Datafile <-> Investigation [id = 2]", And((
            equal("DATASET$.id", 1), equal("INVESTIGATION$.id", 2)))),
        ("Dataset <-> Datafile [id = 1] <-> Datafile [name = 'x']", And((
            equal("DATAFILE$.id", 1), equal("DATAFILE$.name", "x")))),
    ],
)  # fmt: skip
def test_every_form_of_condition_is_read(text: str, condition: Condition) -> None:
    assert search(text).where == condition


def test_the_order_of_the_joined_entities_does_not_matter() -> None:
    one = search("Investigation <-> InvestigationUser <-> User<->Dataset<->Datafile")
    other = search("Investigation<->Datafile<->User<->Dataset<->InvestigationUser")
    assert one == other
    assert set(one.sources) == {
        source("Investigation"),
        FromPath(path("INVESTIGATION$.datasets"), "DATASET$"),
        FromPath(path("DATASET$.datafiles"), "DATAFILE$"),
        FromPath(path("INVESTIGATION$.investigationUsers"), "INVESTIGATIONUSER$"),
        FromPath(path("INVESTIGATIONUSER$.user"), "USER$"),
    }


def test_a_join_comes_after_what_it_starts_from() -> None:
    sources = search("Datafile <-> Facility <-> Dataset <-> Investigation").sources
    assert sources == (
        source("Datafile"),
        FromPath(path("DATAFILE$.dataset"), "DATASET$"),
        FromPath(path("DATASET$.investigation"), "INVESTIGATION$"),
        FromPath(path("INVESTIGATION$.facility"), "FACILITY$"),
    )


def test_include_follows_every_listed_type() -> None:
    assert search("Dataset INCLUDE Datafile, DatasetParameter, DatafileParameter").include == Include(
        (
            step("DATASET$.datafiles", "DATAFILE_$"),
            step("DATAFILE_$.parameters", "DATAFILEPARAMETER_$"),
            step("DATASET$.parameters", "DATASETPARAMETER_$"),
        )
    )


def test_include_goes_back_to_many_only_below_a_to_many_step() -> None:
    below_to_many = search("Investigation INCLUDE Dataset, Datafile").include
    assert below_to_many == Include(
        (step("INVESTIGATION$.datasets", "DATASET_$"), step("DATASET_$.datafiles", "DATAFILE_$"))
    )
    with pytest.raises(BadParameter, match=r"^Unable to reach DatasetParameter in list of INCLUDES\.$"):
        search("Datafile INCLUDE Dataset, DatasetParameter")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Attempt to read beyond end"),
        ("   ", "Attempt to read beyond end"),
        ("dataset", "dataset is not an ICAT entity"),
        ("Parameter", "Parameter is not an ICAT entity"),
        ("Session", "Session is not an ICAT entity"),
        ("Dataset.", "Dataset has no field "),
        ("Dataset.nope", "Dataset has no field nope"),
        ("Dataset.type.nope", "DatasetType has no field nope"),
        ("Rule.bean", "Rule has no field bean"),
        ("MAX(Rule.restricted)", "Rule has no field restricted"),
        ("Rule ORDER BY nope", "Rule has no field nope"),
        ("[id = 5]", "Expected token from types [NAME, DISTINCT, INTEGER, COMMA, COUNT, MAX, MIN, AVG, SUM] at token [ "
                     "in < [ > id = "),
        ("5 Dataset", "Expected token from types [COMMA] at token Dataset in 5 < Dataset > "),
        ("-5,3 Dataset", "Expected token from types [NAME, DISTINCT, INTEGER] at token -5 in < -5 > , 3 "),
        ("5,-3 Dataset", "Expected token from types [NAME, DISTINCT, INTEGER] at token -3 in 5 , < -3 > Dataset "),
        ("COUNT Dataset", "Expected token from types [(] at token Dataset in COUNT < Dataset > "),
        ("COUNT(Dataset) ORDER BY id",
         "Expected token from types [ENTSEP] at token ORDER in Dataset ) < ORDER > BY id "),
        ("Dataset.id INCLUDE Datafile", "Expected token from types [ENTSEP] at token INCLUDE in Dataset.id < INCLUDE > "
                                        "Datafile "),
        ("Dataset INCLUDE 1, Datafile [name = 'Wibble']",
         "Expected token from types [ENTSEP] at token , in INCLUDE 1 < , > Datafile [ "),
        ("Dataset INCLUDE 2", "Only integer value allowed in the INCLUDE list is 1"),
        ("Dataset INCLUDE", "Attempt to read beyond end"),
        ("Dataset INCLUDE Datafile, 1", "Expected token from types [NAME] at token 1 in Datafile , < 1 > "),
        ("Dataset INCLUDE Investigator", "Investigator is not an ICAT entity"),
        ("Dataset INCLUDE User", "Unable to reach User in list of INCLUDES."),
        ("Dataset INCLUDE Grouping, User, Datafile", "Unable to reach Grouping, User in list of INCLUDES."),
        ("Investigation INCLUDE Dataset, Sample",
         "Can't have loop in graph of entities. 'Investigation' was encountered twice following "
         "Dataset -> Sample -> Investigation in list of INCLUDES."),
        ("Dataset <-> Investigator", "Investigator is not an ICAT entity"),
        ("Dataset <-> User", "Unable to reach User"),
        ("Dataset <-> User <-> Datafile <-> Grouping", "Unable to reach User, Grouping"),
        ("Investigation <-> Sample <-> Dataset",
         "Can't have loop in graph of entities. 'Investigation' was encountered twice following "
         "Dataset -> Sample -> Investigation"),
        ("DataCollection <-> Job",
         "Can't have loop in graph of entities. 'Job' was encountered twice following DataCollection -> Job"),
        ("Application <-> Job <-> DataCollection",
         "Can't have loop in graph of entities. 'DataCollection' was encountered twice following "
         "Application -> Job -> DataCollection"),
        ("Datafile <-> RelatedDatafile",
         "Can't have loop in graph of entities. 'RelatedDatafile' was encountered twice following "
         "Datafile -> RelatedDatafile"),
        ("Dataset <-> ", "Attempt to read beyond end"),
        ("Dataset Datafile", "Expected token from types [ENTSEP] at token Datafile in Dataset < Datafile > "),
        ("Dataset [id = 5] Datafile", "Expected token from types [ENTSEP] at token Datafile in 5 ] < Datafile > "),
        ("Dataset []", "Expected token from types [NAME, STRING, INTEGER, REAL, PARAMETER, TIMESTAMP] at token ] in "
                       "Dataset [ < ] > "),
        ("Dataset [id = 5", "Attempt to read beyond end"),
        ("Dataset [id]", "Expected token from types [>, <, !=, =, <>, >=, <=, IN, BETWEEN] at token ] in [ id < ] > "),
        ("Dataset [id IS NULL]", "Expected token from types [>, <, !=, =, <>, >=, <=, IN, BETWEEN] at token IS in [ id "
                                 "< IS > NULL ] "),
        ("Dataset [UPPER(name) = 'A']", "Expected token from types [>, <, !=, =, <>, >=, <=, IN, BETWEEN] at token ( "
                                        "in [ UPPER < ( > name ) "),
        ("Dataset [id IN (1, NEW)]", "Expected token from types [STRING, INTEGER, REAL, PARAMETER, TIMESTAMP] at token "
                                     "NEW in 1 , < NEW > ) ] "),
        ("Dataset [5 IN (1)]", '"IN" comparisons require a name on the LHS rather than INTEGER'),
        ("Dataset ['x' BETWEEN 1 AND 2]", '"BETWEEN" comparisons require a name on the LHS rather than STRING'),
        ("Dataset [nope IN (1)]", "Dataset has no field nope"),
        ("Dataset [1 = 2]", "Attribute comparisons require one attribute name and one value: 1 = 2"),
        ("Dataset [nope = 'x']", "Attribute comparisons require one attribute name and one value: nope = x"),
        ("Dataset [typ.name = 'x']", "Attribute comparisons require one attribute name and one value: typ.name = x"),
        ("Dataset [datafiles.name = 'x']",
         "Attribute comparisons require one attribute name and one value: datafiles.name = x"),
        ("Dataset [name != description]",
         "Attribute comparisons require one attribute name and one value: name != description"),
        ("Dataset [name = :other]", "Parameter :other has no value; only :user has one"),
        ("Dataset [id = 99999999999999999999]", "Number 99999999999999999999 is out of range"),
        ("Dataset {id = 5}", "Timestamp {id = 5} is not of form {ts yyyy-mm-dd hh:mm:ss}."),
    ],
)  # fmt: skip
def test_a_wrong_query_is_refused_with_these_words(text: str, message: str) -> None:
    with pytest.raises(BadParameter) as error:
        search(text)
    assert error.value.message == message


def test_get_with_include_is_translated() -> None:
    assert parse_get("Dataset INCLUDE Datafile, DatasetType", LIMITS) == Get(
        "Dataset",
        "DATASET$",
        Include((step("DATASET$.type", "DATASETTYPE_$"), step("DATASET$.datafiles", "DATAFILE_$"))),
    )


def test_a_concise_rule_is_translated() -> None:
    rule = parse_rule("Investigation <-> InvestigationUser <-> User [name = :user]", LIMITS)
    assert rule == RuleText(
        "Investigation",
        "INVESTIGATION$",
        None,
        Query(
            (path("INVESTIGATION$"),),
            (
                source("Investigation"),
                FromPath(path("INVESTIGATION$.investigationUsers"), "INVESTIGATIONUSER$"),
                FromPath(path("INVESTIGATIONUSER$.user"), "USER$"),
            ),
            where=Comparison("=", path("USER$.name"), tree.Parameter("user")),
        ),
    )


def test_a_concise_rule_may_be_about_one_attribute() -> None:
    rule = parse_rule("Dataset.description [complete = FALSE]", LIMITS)
    assert (rule.entity, rule.variable, rule.attribute) == ("Dataset", "DATASET$", "description")
    assert rule.query.select == (path("DATASET$"),)
