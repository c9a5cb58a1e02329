from datetime import UTC, datetime

import pytest

from beamcat.errors import BadParameter
from beamcat.query import tree
from beamcat.query.parse import ParseLimits, RuleText, parse_get, parse_rule, parse_search
from beamcat.query.tree import (
    Aggregate,
    And,
    Arithmetic,
    Between,
    Call,
    Case,
    Comparison,
    Condition,
    EnumLiteral,
    Exists,
    Expression,
    FromEntity,
    FromPath,
    Get,
    Include,
    IncludeStep,
    InList,
    InQuery,
    IsEmpty,
    IsNull,
    Like,
    Limit,
    Literal,
    MemberOf,
    Negative,
    Not,
    Or,
    OrderBy,
    Path,
    QuantifiedComparison,
    Query,
    Source,
    SubSelect,
    Timestamp,
    Trim,
    Truth,
)

LIMITS = ParseLimits(max_length=65_536, max_nesting=40, max_includes=64)

DS = FromEntity("Dataset", "DS")
INV = FromEntity("Investigation", "INV")
USER = tree.Parameter("user")


def path(text: str) -> Path:
    variable, *steps = text.split(".")
    return Path(variable, tuple(steps))


def step(text: str, variable: str | None = None) -> IncludeStep:
    return IncludeStep(path(text), variable)


def search(text: str) -> Query:
    return parse_search(text, LIMITS)


def where(text: str, start: str = "Dataset ds") -> Condition | None:
    return search(f"SELECT ds FROM {start} WHERE {text}").where


def equal(left: str, right: Expression | str) -> Comparison:
    return Comparison("=", path(left), Literal(right) if isinstance(right, str) else right)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        (
            "SELECT i.facility FROM Investigation i",
            Query((path("I.facility"),), (FromEntity("Investigation", "I"),)),
        ),
        (
            "SELECT DISTINCT i.facility FROM Investigation i",
            Query((path("I.facility"),), (FromEntity("Investigation", "I"),), distinct=True),
        ),
        (
            "SELECT null, MAX(i.id) FROM Investigation i",
            Query((Literal(None), Aggregate("MAX", path("I.id"))), (FromEntity("Investigation", "I"),)),
        ),
        (
            "SELECT ds.name FROM Dataset ds JOIN ds.datafiles a JOIN ds.datafiles b "
            "WHERE a.name='fred' AND b.name='bill'",
            Query(
                (path("DS.name"),),
                (DS, FromPath(path("DS.datafiles"), "A"), FromPath(path("DS.datafiles"), "B")),
                where=And((equal("A.name", "fred"), equal("B.name", "bill"))),
            ),
        ),
        (
            "select i from Investigation i, i.investigationUsers as iu, iu.user as u where u.name = :user "
            "order by i.startDate desc limit 0, 50 include i.investigationInstruments.instrument",
            Query(
                (path("I"),),
                (
                    FromEntity("Investigation", "I"),
                    FromPath(path("I.investigationUsers"), "IU"),
                    FromPath(path("IU.user"), "U"),
                ),
                where=equal("U.name", USER),
                order_by=(OrderBy(path("I.startDate"), ascending=False),),
                include=Include((step("I.investigationInstruments.instrument"),)),
                limit=Limit(0, 50),
            ),
        ),
        (
            "SELECT o FROM Datafile o JOIN o.dataset AS ds JOIN ds.investigation AS i JOIN i.facility AS s1 "
            "WHERE i.name = 'a' ORDER BY s1.name, i.name, i.visitId, ds.name, o.name "
            "INCLUDE o.dataset AS ds, ds.investigation, o.parameters AS p, p.type LIMIT 0, 5",
            Query(
                (path("O"),),
                (
                    FromEntity("Datafile", "O"),
                    FromPath(path("O.dataset"), "DS"),
                    FromPath(path("DS.investigation"), "I"),
                    FromPath(path("I.facility"), "S1"),
                ),
                where=equal("I.name", "a"),
                order_by=tuple(OrderBy(path(key)) for key in ("S1.name", "I.name", "I.visitId", "DS.name", "O.name")),
                include=Include(
                    (step("O.dataset", "DS"), step("DS.investigation"), step("O.parameters", "P"), step("P.type"))
                ),
                limit=Limit(0, 5),
            ),
        ),
        (
            "SELECT COUNT(DISTINCT(o)) FROM Dataset o JOIN o.datafiles AS s1 WHERE s1.name = 'f'",
            Query(
                (Aggregate("COUNT", path("O"), distinct=True),),
                (FromEntity("Dataset", "O"), FromPath(path("O.datafiles"), "S1")),
                where=equal("S1.name", "f"),
            ),
        ),
        (
            "SELECT f FROM Facility f WHERE f.name LIKE 'Test$_$_Fac' ESCAPE '$'",
            Query(
                (path("F"),),
                (FromEntity("Facility", "F"),),
                where=Like(path("F.name"), Literal("Test$_$_Fac"), "$"),
            ),
        ),
        (
            "SELECT o FROM Rule o LEFT JOIN o.grouping AS g ORDER BY g.name",
            Query(
                (path("O"),),
                (FromEntity("Rule", "O"), FromPath(path("O.grouping"), "G", left=True)),
                order_by=(OrderBy(path("G.name")),),
            ),
        ),
        (
            "SELECT df.dataset.name, AVG(df.fileSize) FROM Datafile df GROUP BY df.dataset",
            Query(
                (path("DF.dataset.name"), Aggregate("AVG", path("DF.fileSize"))),
                (FromEntity("Datafile", "DF"),),
                group_by=(path("DF.dataset"),),
            ),
        ),
        (
            "SELECT ds FROM Dataset ds WHERE (SELECT COUNT(df) FROM ds.datafiles df) = 2",
            Query(
                (path("DS"),),
                (DS,),
                where=Comparison(
                    "=",
                    SubSelect(
                        Query((Aggregate("COUNT", path("DF")),), (FromPath(path("DS.datafiles"), "DF"),)),
                    ),
                    Literal(2),
                ),
            ),
        ),
        (
            "SELECT inv.id FROM Investigation inv WHERE inv.datasets IS NOT EMPTY",
            Query((path("INV.id"),), (INV,), where=IsEmpty(path("INV.datasets"), negated=True)),
        ),
        (
            "SELECT st.id FROM SampleType st JOIN st.samples s JOIN s.investigation i WHERE st.id = (SELECT st2.id "
            "FROM SampleType st2 JOIN st2.samples s2 JOIN s2.investigation i2 WHERE i2.id=i.id)",
            Query(
                (path("ST.id"),),
                (
                    FromEntity("SampleType", "ST"),
                    FromPath(path("ST.samples"), "S"),
                    FromPath(path("S.investigation"), "I"),
                ),
                where=equal(
                    "ST.id",
                    SubSelect(
                        Query(
                            (path("ST2.id"),),
                            (
                                FromEntity("SampleType", "ST2"),
                                FromPath(path("ST2.samples"), "S2"),
                                FromPath(path("S2.investigation"), "I2"),
                            ),
                            where=equal("I2.id", path("I.id")),
                        )
                    ),
                ),
            ),
        ),
        (
            "SELECT f.investigations FROM Facility f",
            Query((path("F.investigations"),), (FromEntity("Facility", "F"),)),
        ),
        (
            "SELECT SUM(df.fileSize), SUM(DISTINCT df.fileSize), count ( distinct df.fileSize ) FROM Datafile df",
            Query(
                (
                    Aggregate("SUM", path("DF.fileSize")),
                    Aggregate("SUM", path("DF.fileSize"), distinct=True),
                    Aggregate("COUNT", path("DF.fileSize"), distinct=True),
                ),
                (FromEntity("Datafile", "DF"),),
            ),
        ),
        (
            "SELECT ds, dt FROM Dataset ds JOIN ds.type dt",
            Query((path("DS"), path("DT")), (DS, FromPath(path("DS.type"), "DT"))),
        ),
        (
            "SELECT OBJECT(ds) FROM Dataset AS ds",
            Query((path("DS"),), (DS,)),
        ),
        (
            "SELECT ds.type.name, COUNT(ds) FROM Dataset ds WHERE ds.id > 0 GROUP BY ds.type.name, ds "
            "HAVING COUNT(ds) > 1 AND MAX(ds.fileSize) < 5 ORDER BY COUNT(ds) DESC, LENGTH(ds.type.name) ASC, ds.id",
            Query(
                (path("DS.type.name"), Aggregate("COUNT", path("DS"))),
                (DS,),
                where=Comparison(">", path("DS.id"), Literal(0)),
                group_by=(path("DS.type.name"), path("DS")),
                having=And(
                    (
                        Comparison(">", Aggregate("COUNT", path("DS")), Literal(1)),
                        Comparison("<", Aggregate("MAX", path("DS.fileSize")), Literal(5)),
                    )
                ),
                order_by=(
                    OrderBy(Aggregate("COUNT", path("DS")), ascending=False),
                    OrderBy(Call("LENGTH", (path("DS.type.name"),))),
                    OrderBy(path("DS.id")),
                ),
            ),
        ),
    ],
)
def test_example_queries_have_their_trees(text: str, query: Query) -> None:
    assert search(text) == query


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("Dataset ds", (DS,)),
        ("Dataset AS ds, Investigation inv", (DS, INV)),
        ("Dataset ds INNER JOIN ds.type t", (DS, FromPath(path("DS.type"), "T"))),
        ("Dataset ds LEFT OUTER JOIN ds.sample AS s", (DS, FromPath(path("DS.sample"), "S", left=True))),
        ("Dataset ds JOIN ds.investigation.facility f", (DS, FromPath(path("DS.investigation.facility"), "F"))),
        ("Dataset ds, IN (ds.datafiles) df", (DS, FromPath(path("DS.datafiles"), "DF"))),
        ("Dataset ds, in(DS.datafiles) AS df", (DS, FromPath(path("DS.datafiles"), "DF"))),
        ("Dataset ds, ds.investigation AS i, I.type t", (
            DS, FromPath(path("DS.investigation"), "I"), FromPath(path("I.type"), "T"))),
        ("Dataset ds JOIN ds.investigation i, Facility f JOIN f.instruments x", (
            DS, FromPath(path("DS.investigation"), "I"), FromEntity("Facility", "F"),
            FromPath(path("F.instruments"), "X"))),
        ("Dataset\n\tds\r\n", (DS,)),
    ],
)  # fmt: skip
def test_every_form_of_from_is_read(text: str, sources: tuple[Source, ...]) -> None:
    assert search(f"SELECT ds FROM {text}").sources == sources


def test_identification_variables_are_case_insensitive() -> None:
    assert search("SELECT Ds FROM Dataset dS WHERE DS.name = ds.doi") == search(
        "SELECT DS FROM Dataset DS WHERE DS.name = DS.doi"
    )


NAME = path("DS.name")
SIZE = path("DS.fileSize")
YES = Truth(path("DS.complete"))
FILES = Query((path("DF"),), (FromPath(path("DS.datafiles"), "DF"),))


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("ds.name <> 12", Comparison("<>", NAME, Literal(12))),
        ("ds.name != 'a'", Comparison("<>", NAME, Literal("a"))),
        ("5 >= ds.fileSize", Comparison(">=", Literal(5), SIZE)),
        ("ds.startDate < '2011-01-01'", Comparison("<", path("DS.startDate"), Literal("2011-01-01"))),
        (
            "ds.startDate <= {ts 2014-01-01 12:00:00}",
            Comparison("<=", path("DS.startDate"), Timestamp(datetime(2014, 1, 1, 12, tzinfo=UTC))),
        ),
        ("ds.complete = tRuE", Comparison("=", path("DS.complete"), Literal(True))),
        ("ds.complete", YES),
        ("(ds.complete)", YES),
        ("NOT ds.complete", Not(YES)),
        ("not (not ds.complete)", Not(Not(YES))),
        ("NOT NOT ds.complete", YES),
        ("TRUE AND ds.complete", And((Truth(Literal(True)), YES))),
        ("ds.complete OR ds.complete AND NOT ds.complete", Or((YES, And((YES, Not(YES)))))),
        ("(ds.complete OR ds.complete) AND ds.complete", And((Or((YES, YES)), YES))),
        ("((ds.name = 'a'))", Comparison("=", NAME, Literal("a"))),
        ("((ds.name)) = (('a'))", Comparison("=", NAME, Literal("a"))),
        ("ds.fileSize -1 = 0", Comparison("=", Arithmetic("-", SIZE, Literal(1)), Literal(0))),
        ("ds.fileSize-1 = -1", Comparison("=", Arithmetic("-", SIZE, Literal(1)), Literal(-1))),
        ("ds.fileSize - -1.5e1 = +1", Comparison("=", Arithmetic("-", SIZE, Literal(-15.0)), Literal(1))),
        ("-ds.fileSize < --2", Comparison("<", Negative(SIZE), Literal(2))),
        ("-(-(2)) < 3", Comparison("<", Literal(2), Literal(3))),
        (
            "(ds.fileSize + 1) * 2 / 3 - 4 > 5",
            Comparison(
                ">",
                Arithmetic(
                    "-",
                    Arithmetic("/", Arithmetic("*", Arithmetic("+", SIZE, Literal(1)), Literal(2)), Literal(3)),
                    Literal(4),
                ),
                Literal(5),
            ),
        ),
        (
            "1 + ds.fileSize * -2 > 5",
            Comparison(">", Arithmetic("+", Literal(1), Arithmetic("*", SIZE, Literal(-2))), Literal(5)),
        ),
        ("ds.fileSize BETWEEN 1 AND 2 AND ds.complete", And((Between(SIZE, Literal(1), Literal(2)), YES))),
        ("ds.fileSize NOT BETWEEN -1 AND 2+3", Between(
            SIZE, Literal(-1), Arithmetic("+", Literal(2), Literal(3)), negated=True)),
        ("ds.name IN ('GS','GQ')", InList(NAME, (Literal("GS"), Literal("GQ")))),
        ("ds.name NOT IN ('GS')", InList(NAME, (Literal("GS"),), negated=True)),
        ("ds IN (SELECT df FROM ds.datafiles df)", InQuery(path("DS"), FILES)),
        ("ds NOT IN(SELECT df FROM ds.datafiles df)", InQuery(path("DS"), FILES, negated=True)),
        ("ds.name NOT LIKE '%a'", Like(NAME, Literal("%a"), negated=True)),
        ("ds.name LIKE CONCAT(:user, '%')", Like(NAME, Call("CONCAT", (USER, Literal("%"))))),
        ("ds.sample IS NULL", IsNull(path("DS.sample"))),
        ("ds.sample is not null", IsNull(path("DS.sample"), negated=True)),
        ("(ds.fileSize + 1) IS NULL", IsNull(Arithmetic("+", SIZE, Literal(1)))),
        ("ds.datafiles IS EMPTY", IsEmpty(path("DS.datafiles"))),
        ("ds MEMBER OF ds.type.datasets", MemberOf(path("DS"), path("DS.type.datasets"))),
        ("ds NOT MEMBER ds.type.datasets", MemberOf(path("DS"), path("DS.type.datasets"), negated=True)),
        ("EXISTS (SELECT df FROM ds.datafiles df)", Exists(FILES)),
        ("not exists(SELECT df FROM ds.datafiles df)", Exists(FILES, negated=True)),
        ("ds.fileSize > ALL (SELECT df FROM ds.datafiles df)", QuantifiedComparison(">", SIZE, "ALL", FILES)),
        ("ds.fileSize = ANY(SELECT df FROM ds.datafiles df)", QuantifiedComparison("=", SIZE, "ANY", FILES)),
        ("ds.fileSize != some (SELECT df FROM ds.datafiles df)", QuantifiedComparison("<>", SIZE, "ANY", FILES)),
        ("UPPER(ds.name) = LOWER('A')", Comparison(
            "=", Call("UPPER", (NAME,)), Call("LOWER", (Literal("A"),)))),
        ("SUBSTRING(ds.name, 1) = SUBSTRING(ds.name, 1, 2)", Comparison(
            "=", Call("SUBSTRING", (NAME, Literal(1))), Call("SUBSTRING", (NAME, Literal(1), Literal(2))))),
        ("LOCATE('a', ds.name) = LOCATE('a', ds.name, 3)", Comparison(
            "=", Call("LOCATE", (Literal("a"), NAME)), Call("LOCATE", (Literal("a"), NAME, Literal(3))))),
        ("ABS(SQRT(ds.fileSize)) = MOD(5, 3)", Comparison(
            "=", Call("ABS", (Call("SQRT", (SIZE,)),)), Call("MOD", (Literal(5), Literal(3))))),
        ("LENGTH(ds.name) = SIZE(ds.datafiles)", Comparison(
            "=", Call("LENGTH", (NAME,)), Call("SIZE", (path("DS.datafiles"),)))),
        ("CURRENT_DATE <= current_timestamp", Comparison("<=", Call("CURRENT_DATE"), Call("CURRENT_TIMESTAMP"))),
        ("CURRENT_TIME IS NULL", IsNull(Call("CURRENT_TIME"))),
        ("TRIM(ds.name) = 'a'", Comparison("=", Trim("BOTH", None, NAME), Literal("a"))),
        ("TRIM(LEADING ds.name) = 'a'", Comparison("=", Trim("LEADING", None, NAME), Literal("a"))),
        ("TRIM(trailing FROM ds.name) = 'a'", Comparison("=", Trim("TRAILING", None, NAME), Literal("a"))),
        ("TRIM('x' FROM ds.name) = 'a'", Comparison("=", Trim("BOTH", Literal("x"), NAME), Literal("a"))),
        ("TRIM(BOTH 'x' FROM ds.name) = 'a'", Comparison("=", Trim("BOTH", Literal("x"), NAME), Literal("a"))),
        ("COALESCE(ds.doi, ds.name, 'a') = NULLIF(ds.name, '')", Comparison(
            "=", Call("COALESCE", (path("DS.doi"), NAME, Literal("a"))), Call("NULLIF", (NAME, Literal(""))))),
        (
            "case when ds.complete then 1 when ds.fileSize > 5 then 2 else -1 end = 2",
            Comparison(
                "=",
                Case(
                    ((YES, Literal(1)), (Comparison(">", SIZE, Literal(5)), Literal(2))),
                    Literal(-1),
                ),
                Literal(2),
            ),
        ),
        ("CASE ds.name WHEN 'a' THEN ds.complete END", Truth(
            Case(((Comparison("=", NAME, Literal("a")), path("DS.complete")),), None))),
        ("ds.name = org.icatproject.ParameterValueType.NUMERIC", Comparison(
            "=", NAME, EnumLiteral("ParameterValueType", "NUMERIC"))),
        ("ds.name IN (SELECT org.icatproject.StudyStatus.NEW FROM Study s)", InQuery(
            NAME, Query((EnumLiteral("StudyStatus", "NEW"),), (FromEntity("Study", "S"),)))),
        ("ds.name = NULL", Comparison("=", NAME, Literal(None))),
        ("ds.fileSize = 9223372036854775807", Comparison("=", SIZE, Literal(2**63 - 1))),
        ("ds.fileSize = -9223372036854775808", Comparison("=", SIZE, Literal(-(2**63)))),
        ("ds = ds.type", Comparison("=", path("DS"), path("DS.type"))),
    ],
)  # fmt: skip
def test_every_form_of_condition_is_read(text: str, condition: Condition) -> None:
    assert where(text) == condition


def test_words_that_are_no_keywords_can_be_variables() -> None:
    query = search("SELECT case FROM Dataset case, Study some WHERE case.name = some.name AND case.name = 'a'")
    assert query.select == (path("CASE"),)
    assert query.where == And((equal("CASE.name", path("SOME.name")), equal("CASE.name", "a")))


def test_a_subquery_sees_the_variables_around_it_at_any_depth() -> None:
    condition = where(
        "EXISTS (SELECT df FROM Datafile df WHERE df.dataset = ds AND EXISTS"
        " (SELECT p.id FROM df.parameters p GROUP BY p.id HAVING COUNT(p) > ds.fileSize))"
    )
    inner = Query(
        (path("P.id"),),
        (FromPath(path("DF.parameters"), "P"),),
        group_by=(path("P.id"),),
        having=Comparison(">", Aggregate("COUNT", path("P")), SIZE),
    )
    outer = Query(
        (path("DF"),),
        (FromEntity("Datafile", "DF"),),
        where=And((equal("DF.dataset", path("DS")), Exists(inner))),
    )
    assert condition == Exists(outer)


@pytest.mark.parametrize(
    ("text", "include", "limit"),
    [
        ("", None, None),
        ("INCLUDE 1", Include(to_one_relations=True), None),
        ("LIMIT 5,*", None, Limit(5, None)),
        ("LIMIT 0 , 50", None, Limit(0, 50)),
        ("LIMIT 1,2 INCLUDE 1", Include(to_one_relations=True), Limit(1, 2)),
        ("include 1 limit 1,2", Include(to_one_relations=True), Limit(1, 2)),
        ("INCLUDE ds.datafiles df, DF.parameters", Include((step("DS.datafiles", "DF"), step("DF.parameters"))), None),
        ("INCLUDE ds.type AS t, t.datasets", Include((step("DS.type", "T"), step("T.datasets"))), None),
        ("INCLUDE ds.datafiles.parameters p, p.type", Include(
            (step("DS.datafiles.parameters", "P"), step("P.type"))), None),
    ],
)  # fmt: skip
def test_include_and_limit_come_in_either_order(text: str, include: Include | None, limit: Limit | None) -> None:
    query = search(f"SELECT ds FROM Dataset ds {text}")
    assert (query.include, query.limit) == (include, limit)


def test_include_starts_at_the_selected_relation() -> None:
    query = search("SELECT ds.investigation FROM Dataset ds INCLUDE ds.investigation.type t, T.facility")
    assert query.include == Include((IncludeStep(Path("DS.investigation", ("type",)), "T"), step("T.facility")))


def test_include_after_a_plain_value_or_the_same_path_twice_is_read() -> None:
    assert search("SELECT ds.name FROM Dataset ds INCLUDE 1").include == Include(to_one_relations=True)
    assert search("SELECT ds, COUNT(DS) FROM Dataset ds INCLUDE ds.type").include == Include((step("DS.type"),))


ERRORS = [
    (None, "query may not be null"),
    ("SELECT", "Attempt to read beyond end"),
    ("SELECT ds", "Attempt to read beyond end"),
    ("SELECT ds FROM", "Attempt to read beyond end"),
    ("SELECT FROM Dataset ds", "Expected token from types [NAME, STRING, INTEGER, REAL, PARAMETER, TIMESTAMP, (] at "
                               "token FROM in SELECT < FROM > Dataset ds "),
    ("SELECT ds ds.name FROM Dataset ds", "Expected token from types [COMMA, FROM] at token ds.name in SELECT ds "
                                          "< ds.name > FROM Dataset "),
    ("SELECT x FROM Dataset ds", "idVar 'X' referenced in the SELECT clause is not defined in the FROM clause."),
    ("SELECT x.name, y FROM Dataset ds",
     "idVar 'X' referenced in the SELECT clause is not defined in the FROM clause."),
    ("SELECT CASE WHEN ds.complete THEN 1 END FROM Dataset ds",
     "idVar 'CASE' referenced in the SELECT clause is not defined in the FROM clause."),
    ("SELECT coalesce(ds.name, '') FROM Dataset ds",
     "idVar 'COALESCE' referenced in the SELECT clause is not defined in the FROM clause."),
    ("SELECT NULLIF(ds.name, '') FROM Dataset ds",
     "idVar 'NULLIF' referenced in the SELECT clause is not defined in the FROM clause."),
    ("SELECT org.icatproject.StudyStatus.NEW FROM Dataset ds",
     "idVar 'ORG' referenced in the SELECT clause is not defined in the FROM clause."),
    ("SELECT ds.nme FROM Dataset ds", "Dataset has no field nme"),
    ("SELECT ds.Name FROM Dataset ds", "Dataset has no field Name"),
    ("SELECT ds. FROM Dataset ds", "Dataset has no field "),
    ("SELECT ds.type.nme FROM Dataset ds", "DatasetType has no field nme"),
    ("SELECT ds.name.x FROM Dataset ds", "Dataset has no field x"),
    ("SELECT r.bean FROM Rule r", "Rule has no field bean"),
    ("SELECT MAX(r.restricted) FROM Rule r", "Rule has no field restricted"),
    ("SELECT f.investigations.name FROM Facility f",
     "investigations has many Investigations and can only be the last step of a path"),
    ("SELECT (SELECT COUNT(f) FROM Facility f) FROM Dataset ds",
     "idVar 'F' referenced in the SELECT clause is not defined in the FROM clause."),
    ("SELECT (SELECT 1 FROM Study f) FROM Dataset study, Facility f", "Expected token from types [NAME, STRING, "
     "INTEGER, REAL, PARAMETER, TIMESTAMP, (] at token SELECT in SELECT ( < SELECT > 1 FROM "),
    ("SELECT COUNT(*) FROM Dataset ds", "Expected token from types [NAME, STRING, INTEGER, REAL, PARAMETER, TIMESTAMP,"
                                        " (] at token * in COUNT ( < * > ) FROM "),
    ("SELECT COUNT(MAX(ds.id)) FROM Dataset ds", "MAX may not be used here, only in SELECT, HAVING and ORDER BY"),
    ("SELECT ds FROM dataset ds", "No information to determine type of dataset in the FROM clause"),
    ("SELECT ds FROM Dataset ds, facility f", "facility is not an ICAT entity"),
    ("SELECT ds FROM Dataset ds, Dataset DS",
     "JPQL indentification variable DShas already been defined in the FROM clause"),
    ("SELECT ds FROM Dataset ds JOIN ds.type ds",
     "JPQL indentification variable dshas already been defined in the FROM clause"),
    ("SELECT ds FROM ds.datafiles df", "idVar 'DS' referenced in the FROM clause is not defined."),
    ("SELECT ds FROM Dataset ds JOIN x.type t", "idVar 'X' referenced in the FROM clause is not defined."),
    ("SELECT ds FROM Dataset ds JOIN ds.name n", "Dataset has no relationship field name"),
    ("SELECT ds FROM Dataset ds JOIN ds.id n", "Dataset has no relationship field id"),
    ("SELECT ds FROM Dataset ds JOIN ds.type.nope n", "DatasetType has no relationship field nope"),
    ("SELECT ds FROM Dataset ds JOIN FETCH ds.type", "The FETCH keyword is not permitted"),
    ("SELECT ds FROM Dataset ds LEFT OUTER JOIN FETCH ds.type t", "The FETCH keyword is not permitted"),
    ("SELECT ds FROM Dataset ds FETCH", "The FETCH keyword is not permitted"),
    ("SELECT ds FROM Dataset Dataset", "Dataset is an entity and cannot be an identification variable"),
    ("SELECT ds FROM Dataset ds.x", "Variable ds.x must not contain a '.'"),
    ("SELECT ds FROM Dataset WHERE 1=1", "Expected token from types [NAME] at token WHERE in FROM Dataset < WHERE > "
                                         "1 = "),
    ("SELECT ds FROM Dataset in", "Expected token from types [NAME] at token IN in FROM Dataset < IN > "),
    ("SELECT ds FROM Dataset ds JOIN Datafile df", "Path Datafile must contain a '.'"),
    ("SELECT ds FROM Dataset ds JOIN ds.datafiles df ON df.id = 5",
     "No more input expected at token ON in ds.datafiles df < ON > df.id = "),
    ("SELECT ds FROM Dataset ds WHERE", "Attempt to read beyond end"),
    ("SELECT ds FROM Dataset ds WHERE ds.name =", "Attempt to read beyond end"),
    ("SELECT ds FROM Dataset ds WHERE ds.name = 'a' 'b'", "No more input expected at token b in = a < b > "),
    ("SELECT ds FROM Dataset ds WHERE ds.name = 'a')", "No more input expected at token ) in = a < ) > "),
    ("SELECT ds FROM Dataset ds WHERE x.name = 'a'",
     "idVar 'X' referenced in the WHERE clause is not defined in the FROM clause."),
    ("SELECT ds FROM Dataset ds WHERE nope(ds.name) = 'a'",
     "idVar 'NOPE' referenced in the WHERE clause is not defined in the FROM clause."),
    ("SELECT ds FROM Dataset ds WHERE (ds.complete", "Attempt to read beyond end"),
    ("SELECT ds FROM Dataset ds WHERE (ds.name = 'a') = TRUE", "No more input expected at token = in a ) < = > TRUE "),
    ("SELECT ds FROM Dataset ds WHERE (ds.name = 'a') + 1 = 2",
     "Expected token from types [AND, OR, )] at token + in a ) < + > 1 = "),
    ("SELECT ds FROM Dataset ds WHERE 1 + (ds.name = 'a') = 2",
     "Expected token from types [AND, OR, )] at token = in a ) < = > 2 "),
    ("SELECT ds FROM Dataset ds WHERE ds.name IN ()", "Expected token from types [NAME, STRING, INTEGER, REAL, "
                                                      "PARAMETER, TIMESTAMP, (] at token ) in IN ( < ) > "),
    ("SELECT ds FROM Dataset ds WHERE ds.name IN :user", "Expected token from types [(] at token :user in ds.name IN "
                                                         "< :user > "),
    ("SELECT ds FROM Dataset ds WHERE ds.name NOT = 'a'", "Expected token from types [BETWEEN, IN, LIKE, MEMBER] at "
                                                          "token = in ds.name NOT < = > a "),
    ("SELECT ds FROM Dataset ds WHERE ds.name = :other", "Parameter :other has no value; only :user has one"),
    ("SELECT ds FROM Dataset ds WHERE ds.name LIKE 'a' ESCAPE 'xy'", "ESCAPE 'xy' is not a single character"),
    ("SELECT ds FROM Dataset ds WHERE ds.name = org.icatproject.StudyStatus",
     "Enum literal org.icatproject.StudyStatus must contain exactly 4 parts"),
    ("SELECT ds FROM Dataset ds WHERE ds.name = org.icatproject.core.StudyStatus.NEW",
     "Enum literal org.icatproject.core.StudyStatus.NEW must contain exactly 4 parts"),
    ("SELECT ds FROM Dataset ds WHERE COUNT(ds) = 1",
     "COUNT may not be used here, only in SELECT, HAVING and ORDER BY"),
    ("SELECT ds FROM Dataset ds WHERE ds IS EMPTY", "IS EMPTY needs a path that ends in a to-many relation"),
    ("SELECT ds FROM Dataset ds WHERE SIZE(ds) = 1", "Path ds must contain a '.'"),
    ("SELECT ds FROM Dataset ds WHERE ds MEMBER OF ds", "Path ds must contain a '.'"),
    ("SELECT ds FROM Dataset ds WHERE MOD(5) = 1", "Expected token from types [COMMA] at token ) in ( 5 < ) > = 1 "),
    ("SELECT ds FROM Dataset ds WHERE ABS(5, 6) = 1", "Expected token from types [)] at token , in ( 5 < , > 6 ) "),
    ("SELECT ds FROM Dataset ds WHERE CASE ds.name THEN 1 END = 1",
     "Expected token from types [WHEN] at token THEN in CASE ds.name < THEN > 1 END "),
    ("SELECT ds FROM Dataset ds WHERE EXISTS (SELECT ds FROM Dataset ds)",
     "JPQL indentification variable dshas already been defined in the FROM clause"),
    ("SELECT ds FROM Dataset ds WHERE EXISTS (SELECT df FROM ds.datafiles df ORDER BY df.id)",
     "Expected token from types [)] at token ORDER in ds.datafiles df < ORDER > BY df.id "),
    ("SELECT ds FROM Dataset ds WHERE EXISTS (SELECT df FROM ds.datafiles df LIMIT 0,1)",
     "Expected token from types [)] at token LIMIT in ds.datafiles df < LIMIT > 0 , "),
    ("SELECT ds FROM Dataset ds WHERE EXISTS (SELECT df FROM ds.datafiles df INCLUDE 1)",
     "Expected token from types [)] at token INCLUDE in ds.datafiles df < INCLUDE > 1 ) "),
    ("SELECT ds FROM Dataset ds WHERE EXISTS (SELECT df) AND ds.complete",
     "Expected token from types [FROM] at token ) in SELECT df < ) > AND ds.complete "),
    ("SELECT ds FROM Dataset ds GROUP ds", "Expected token from types [BY] at token ds in ds GROUP < ds > "),
    ("SELECT ds FROM Dataset ds GROUP BY x",
     "idVar 'X' referenced in the GROUP BY clause is not defined in the FROM clause."),
    ("SELECT ds FROM Dataset ds ORDER BY x.name",
     "idVar 'X' referenced in the ORDER BY clause is not defined in the FROM clause."),
    ("SELECT ds FROM Dataset ds ORDER BY org.icatproject.StudyStatus.NEW",
     "idVar 'ORG' referenced in the ORDER BY clause is not defined in the FROM clause."),
    ("SELECT ds FROM Dataset ds GROUP BY ds HAVING ds.name = org.icatproject.StudyStatus.NEW",
     "idVar 'ORG' referenced in the HAVING clause is not defined in the FROM clause."),
    ("SELECT ds FROM Dataset ds ORDER BY (SELECT 1 FROM Facility f)", "Expected token from types [NAME, STRING, INTEGER"
     ", REAL, PARAMETER, TIMESTAMP, (] at token SELECT in BY ( < SELECT > 1 FROM "),
    ("SELECT ds FROM Dataset ds ORDER BY ds.id WHERE ds.id = 1",
     "No more input expected at token WHERE in BY ds.id < WHERE > ds.id = "),
    ("SELECT ds FROM Dataset ds LIMIT 5", "Attempt to read beyond end"),
    ("SELECT ds FROM Dataset ds LIMIT *,5", "Expected token from types [INTEGER] at token * in ds LIMIT < * > , 5 "),
    ("SELECT ds FROM Dataset ds LIMIT -1,5", "Expected token from types [INTEGER] at token - in ds LIMIT < - > 1 , "),
    ("SELECT ds FROM Dataset ds LIMIT 0,-5",
     "Expected token from types [INTEGER, MULT] at token - in 0 , < - > 5 "),
    ("SELECT ds FROM Dataset ds LIMIT 0,5 LIMIT 0,5", "No more input expected at token LIMIT in , 5 < LIMIT > 0 , "),
    ("SELECT ds FROM Dataset ds INCLUDE", "Attempt to read beyond end"),
    ("SELECT ds, ds.name FROM Dataset ds INCLUDE 1", "INCLUDE is only valid for one quantity in the SELECT clause"),
    ("SELECT 1 FROM Dataset ds INCLUDE 1", "INCLUDE is only valid for one quantity in the SELECT clause"),
    ("SELECT ds FROM Dataset ds INCLUDE 1, ds.type",
     '"INCLUDE 1" must not be followed by other things to include.'),
    ("SELECT ds FROM Dataset ds INCLUDE 2", "Expected token from types [NAME] at token 2 in ds INCLUDE < 2 > "),
    ("SELECT ds FROM Dataset ds JOIN ds.type t INCLUDE t.datasets",
     "variable T mentioned in INCLUDE clause is not defined"),
    ("SELECT ds.investigation FROM Dataset ds INCLUDE ds.type",
     "variable DS mentioned in INCLUDE clause is not defined"),
    ("SELECT ds.name FROM Dataset ds INCLUDE ds.type", "variable DS mentioned in INCLUDE clause is not defined"),
    ("SELECT ds FROM Dataset ds INCLUDE ds", "Path ds must contain a '.'"),
    ("SELECT ds FROM Dataset ds INCLUDE Datafile", "Path Datafile must contain a '.'"),
    ("SELECT ds FROM Dataset ds INCLUDE ds.type t, ds.sample T",
     "variable T mentioned in INCLUDE clause is already defined"),
    ("SELECT ds FROM Dataset ds INCLUDE ds.type AS ds", "variable DS mentioned in INCLUDE clause is already defined"),
    ("SELECT ds FROM Dataset ds INCLUDE ds.type t.x", "Variable t.x must not contain a '.'"),
    ("SELECT ds FROM Dataset ds INCLUDE ds.nope", "Problem with INCLUDE clause: nope is not a field of Dataset"),
    ("SELECT ds FROM Dataset ds INCLUDE ds.name", "Problem with INCLUDE clause: name is not a field of Dataset"),
    ("SELECT ds FROM Dataset ds INCLUDE ds.type.nope",
     "Problem with INCLUDE clause: nope is not a field of DatasetType"),
    ("SELECT inv FROM Investigation inv INCLUDE inv.investigationInstruments, inv.investigationInstruments.instrument",
     "INCLUDE clause contains redundant path to investigationInstruments"),
    ("SELECT ds FROM Dataset ds INCLUDE ds.type, ds.type", "INCLUDE clause contains redundant path to type"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), ERRORS)
def test_a_wrong_query_is_refused_with_these_words(text: str | None, message: str) -> None:
    with pytest.raises(BadParameter) as error:
        parse_search(text, LIMITS)
    assert error.value.message == message


@pytest.mark.parametrize("word", ["abs", "Div", "EMPTY", "like", "member", "Minus", "object", "real", "timestamp"])
def test_keywords_cannot_be_variables(word: str) -> None:
    with pytest.raises(BadParameter, match="Expected token from types"):
        search(f"SELECT ds FROM Dataset ds, Facility {word}")


def test_hidden_attributes_are_for_conditions_only() -> None:
    assert search("SELECT r FROM Rule r WHERE r.bean = 'User'").where == equal("R.bean", "User")
    with pytest.raises(BadParameter, match="Rule has no field bean"):
        search("SELECT r.bean FROM Rule r")


def test_own_entities_of_beamcat_are_not_found() -> None:
    with pytest.raises(BadParameter, match="No information to determine type of Session in the FROM clause"):
        search("SELECT s FROM Session s")


@pytest.mark.parametrize(
    ("text", "get"),
    [
        ("Dataset", Get("Dataset", "DATASET$")),
        (" Dataset ds ", Get("Dataset", "DS")),
        ("Dataset AS ds", Get("Dataset", "DS")),
        ("Dataset ds INCLUDE 1", Get("Dataset", "DS", Include(to_one_relations=True))),
        ("Dataset ds include ds.type t, T.facility", Get("Dataset", "DS", Include(
            (step("DS.type", "T"), step("T.facility"))))),
        ("Dataset INCLUDE 1", Get("Dataset", "DATASET$", Include(to_one_relations=True))),
        ("Dataset\tinclude Datafile", Get("Dataset", "DATASET$", Include((step("DATASET$.datafiles", "DATAFILE_$"),)))),
    ],
)  # fmt: skip
def test_get_queries_have_their_trees(text: str, get: Get) -> None:
    assert parse_get(text, LIMITS) == get


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "query may not be null"),
        ("", "Attempt to read beyond end"),
        ("dataset", "dataset is not an ICAT entity"),
        ("Dataset INCLUDE User", "Unable to reach User in list of INCLUDES."),
        ("Dataset INCLUDE Investigator", "Investigator is not an ICAT entity"),
        ("Dataset INCLUDE 1, Datafile", "Trailing tokens at end of query ,..."),
        ("Dataset [id = 5]", "Unexpected character '[' near \"set [id =\" in state NONE for string: Dataset [id = 5]"),
        ("Dataset ds WHERE ds.id = 5", "Trailing tokens at end of query WHERE..."),
        ("Dataset ds ds2", "Trailing tokens at end of query ds2..."),
        ("Dataset ds INCLUDE df.parameters", "variable DF mentioned in INCLUDE clause is not defined"),
        ("Dataset ds.x", "Variable ds.x must not contain a '.'"),
        ("Dataset as", "Attempt to read beyond end"),
    ],
)
def test_a_wrong_get_query_is_refused_with_these_words(text: str | None, message: str) -> None:
    with pytest.raises(BadParameter) as error:
        parse_get(text, LIMITS)
    assert error.value.message == message


def test_a_rule_says_which_objects_it_is_about() -> None:
    text = (
        "SELECT ds FROM Dataset ds JOIN ds.investigation i JOIN i.investigationUsers iu JOIN iu.user u "
        "WHERE u.name = :user"
    )
    assert parse_rule(text, LIMITS) == RuleText(
        "Dataset",
        "DS",
        None,
        Query(
            (path("DS"),),
            (
                DS,
                FromPath(path("DS.investigation"), "I"),
                FromPath(path("I.investigationUsers"), "IU"),
                FromPath(path("IU.user"), "U"),
            ),
            where=equal("U.name", USER),
        ),
    )


@pytest.mark.parametrize(
    ("text", "entity", "variable", "attribute"),
    [
        ("SELECT ds.description FROM Dataset ds", "Dataset", "DS", "description"),
        ("SELECT i.datasets FROM Dataset ds JOIN ds.investigation i", "Investigation", "I", "datasets"),
        ("SELECT u FROM UserGroup ug, ug.user u WHERE ug.id = {ts 2020-01-01 00:00:00}", "User", "U", None),
    ],
)
def test_a_rule_may_be_about_one_attribute(text: str, entity: str, variable: str, attribute: str | None) -> None:
    rule = parse_rule(text, LIMITS)
    assert (rule.entity, rule.variable, rule.attribute) == (entity, variable, attribute)
    assert rule.query.select == (Path(variable),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "'what' must not be null"),
        ("", "Attempt to read beyond end"),
        ("SELECT DISTINCT ds FROM Dataset ds", "Expected token from types [NAME] at token DISTINCT in SELECT "
                                               "< DISTINCT > ds FROM "),
        ("SELECT COUNT(ds) FROM Dataset ds",
         "Expected token from types [NAME] at token COUNT in SELECT < COUNT > ( ds "),
        ("SELECT ds, ds.name FROM Dataset ds", "Expected token from types [FROM] at token , in SELECT ds < , > ds.name"
                                               " FROM "),
        ("SELECT ds FROM Dataset ds ORDER BY ds.name", "No more input expected at token ORDER in Dataset ds < ORDER > "
                                                       "BY ds.name "),
        ("SELECT ds FROM Dataset ds GROUP BY ds",
         "No more input expected at token GROUP in Dataset ds < GROUP > BY ds "),
        ("SELECT ds FROM Dataset ds INCLUDE 1", "No more input expected at token INCLUDE in Dataset ds < INCLUDE > 1 "),
        ("SELECT ds FROM Dataset ds LIMIT 0,1", "No more input expected at token LIMIT in Dataset ds < LIMIT > 0 , "),
        ("SELECT x FROM Dataset ds", "idVar 'X' referenced in the SELECT clause is not defined in the FROM clause."),
        ("SELECT ds.type.name FROM Dataset ds",
         "class org.icatproject.core.entity.Dataset does not have attribute type.name"),
        ("SELECT ds.nope FROM Dataset ds", "class org.icatproject.core.entity.Dataset does not have attribute nope"),
        ("SELECT ds.id FROM Dataset ds", "class org.icatproject.core.entity.Dataset does not have attribute id"),
        ("SELECT ds FROM Dataset ds WHERE ds.name = :other", "Parameter :other has no value; only :user has one"),
        ("DISTINCT Dataset", "DISTINCT is not allowed in rules"),
        ("Dataset ORDER BY id", "ORDER BY is not allowed in rules"),
        ("Dataset INCLUDE 1", "INCLUDE is not allowed in rules"),
        ("0,1 Dataset", "LIMIT is not allowed in rules"),
        ("COUNT(Dataset)", "Aggregate functions are not allowed in rules"),
        ("Dataset.type.name", "class org.icatproject.core.entity.Dataset does not have attribute type.name"),
    ],
)  # fmt: skip
def test_a_wrong_rule_is_refused_with_these_words(text: str | None, message: str) -> None:
    with pytest.raises(BadParameter) as error:
        parse_rule(text, LIMITS)
    assert error.value.message == message
