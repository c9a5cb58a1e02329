"""What an import writes, what it refuses, and what stays when it ends early (ICAT specification G.3 to G.5)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from beamcat.catalogue.dump import importing
from beamcat.catalogue.dump.importing import Duplicate
from beamcat.catalogue.dump.layout import Attributes
from beamcat.errors import AlreadyExists, BadParameter, BeamcatError, Forbidden, NoSuchObject, ValidationFailed
from tests.catalogue.dump.conftest import DumpSite
from tests.catalogue.site import names

BASE = """1.0

Facility(daysUntilRelease:0,description:1,fullName:2,name:3,url:4)
90,NULL,NULL,"Test facility",NULL

InvestigationType(facility(name:0),name:1)
"Test facility","atype"

DatasetType(facility(name:0),name:1)
"Test facility","calibration"

Investigation(facility(name:0),name:1,title:2,type(facility(name:0),name:3),visitId:4)
"Test facility","expt1","a title","atype","one"
"""


async def facilities(site: DumpSite) -> list[str]:
    return names(await site.rows("SELECT name FROM facility ORDER BY name"))


async def refusal(site: DumpSite, text: str, **how: Any) -> tuple[type[BeamcatError], str, int | None]:
    with pytest.raises(BeamcatError) as refused:
        await site.load(text, **how)
    return type(refused.value), refused.value.message, refused.value.offset


async def test_a_file_written_by_hand_is_read(site: DumpSite) -> None:
    await site.load(BASE)
    done = await site.load(
        "# my data\n1.0\n\nUser (name:0, fullName:1)\n"
        '"db/ann", "Ann Example"\n\n'
        "Dataset (investigation(facility(name:0), name:1, visitId:2), name:3, type(facility(name:0), name:4), "
        "complete:5, endDate:6 sample(investigation(facility(name:0), name:1, visitId:2), name:7))\n"
        '# a comment\n"Test facility", "expt1", "one", "ds3", "calibration", False, '
        "2014-05-16T06:15:26.12+01:00, null\n"
    )
    assert done.rows == 2
    assert await site.rows("SELECT name, complete, sample_id FROM dataset") == [("ds3", False, None)]


async def test_a_reference_is_null_when_a_key_is_and_the_rest_is_not_looked_at(site: DumpSite) -> None:
    await site.load(BASE)
    await site.load(
        "1.0\n\nSample(investigation(facility(name:0),name:1,visitId:2),name:3,"
        "type(facility(name:4),molecularFormula:5,name:6))\n"
        '"Test facility","expt1","one","void",NULL,NA,NA\n'
    )
    assert await site.rows("SELECT name, type_id FROM sample") == [("void", None)]


async def test_labels_lead_to_objects_without_a_key(site: DumpSite) -> None:
    await site.load(
        BASE + '\nApplication(facility(name:0),name:1,version:2)\n"Test facility","aprog","1"\n'
        '\nDataCollection(?:0,doi:1)\n"one","10.1/a"\n"two","10.1/b"\n'
        "\nJob(application(facility(name:0),name:1,version:2),inputDataCollection(?:3),outputDataCollection(?:4))\n"
        '"Test facility","aprog","1","two",NULL\n'
    )
    found = await site.rows(
        "SELECT i.doi, j.output_data_collection_id FROM job j JOIN data_collection i"
        " ON i.id = j.input_data_collection_id"
    )
    assert found == [("10.1/b", None)]


async def test_a_label_of_a_keyed_row_holds_when_the_row_is_skipped(site: DumpSite) -> None:
    await site.load(BASE)
    text = (
        '1.0\n\nFacility(?:0,name:1,daysUntilRelease:2)\n"f","Test facility",90\n\nInstrument(facility(?:0),name:1)\n'
    )
    await site.load(text + '"f","ID1"\n', Duplicate.IGNORE)
    await site.load(text + '"f","ID2"\n', Duplicate.CHECK)
    await site.load(text + '"f","ID3"\n', Duplicate.OVERWRITE)
    assert names(await site.rows("SELECT name FROM instrument ORDER BY name")) == ["ID1", "ID2", "ID3"]


@pytest.mark.parametrize("rows_at_once", [1, 2, 1000])
async def test_rows_before_the_refused_one_stay(
    site: DumpSite, monkeypatch: pytest.MonkeyPatch, rows_at_once: int
) -> None:
    monkeypatch.setattr(importing, "ROWS_AT_ONCE", rows_at_once)
    head = "1.0\n\nFacility(name:0,daysUntilRelease:1)\n"
    await site.load(head + '"f0",1\n')
    refused = await refusal(site, head + '"f1",1\n"f2",1\n"f0",1\n"f3",1\n')
    assert refused == (AlreadyExists, "Facility exists with name = 'f0' at line 6", 6)
    assert await facilities(site) == ["f0", "f1", "f2"]
    refused = await refusal(site, head + '"f4",1\n"f5",x\n"f6",1\n')
    assert refused == (BadParameter, "Expected an integer value for column 1 at line 5", 5)
    refused = await refusal(site, head + '"f7",1\n"f7",1\n')
    assert refused == (AlreadyExists, "Facility exists with name = 'f7' at line 5", 5)
    refused = await refusal(site, head + '"f8",1\nNULL,1\n')
    assert refused == (ValidationFailed, "Facility: name cannot be null. at line 5", 5)
    refused = await refusal(site, head + f'"f9",1\n"{"x" * 256}",1\n')
    assert refused == (ValidationFailed, "Facility: name cannot have length > 255 at line 5", 5)
    assert await facilities(site) == ["f0", "f1", "f2", "f4", "f7", "f8", "f9"]


async def test_the_earlier_of_two_refused_rows_is_named(site: DumpSite) -> None:
    await site.load(BASE)
    text = '1.0\n\nInstrument(facility(name:0),name:1)\n"Test facility","a"\n"Test facility","a"\n"nowhere","b"\n"x"\n'
    assert (await refusal(site, text))[2] == 5
    assert names(await site.rows("SELECT name FROM instrument")) == ["a"]


async def test_references_must_lead_to_one_object(site: DumpSite) -> None:
    await site.load(BASE + '\nFacility(name:0,daysUntilRelease:1)\n"other",1\n')
    await site.load('1.0\n\nInvestigationType(facility(name:0),name:1)\n"other","atype"\n')
    head = "1.0\n\nInvestigation(facility(name:0),name:1,title:1,visitId:1,type("
    looking = "when looking up existing object for attribute type at line 5"
    refused = await refusal(site, head + 'name:2))\n# rows\n"Test facility","b","atype"\n')
    assert refused == (BadParameter, f"Import failed with multiple results {looking}", 5)
    refused = await refusal(site, head + 'name:2))\n# rows\n"Test facility","b","btype"\n')
    assert refused == (NoSuchObject, f"Import failed {looking}", 5)
    refused = await refusal(site, head + '?:2))\n# rows\n"Test facility","b","7"\n')
    assert refused == (BadParameter, "? field '7' not defined yet at line 5", 5)
    await site.load(head + 'name:2,facility(name:0)))\n"Test facility","b","atype"\n')


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("", "No version of file encountered at line 0", 0),
        ("# nothing\n\n", "No version of file encountered at line 2", 2),
        ("1.1\n", "Version of file must be 1.0 at line 1", 1),
    ],
)
async def test_the_version_comes_first(site: DumpSite, text: str, message: str, line: int) -> None:
    assert await refusal(site, text) == (ValidationFailed, message, line)


async def test_duplicates_are_refused_skipped_checked_or_overwritten(site: DumpSite) -> None:
    """Conformance vector 41."""
    await site.load(BASE)
    assert (await refusal(site, BASE))[:2] == (AlreadyExists, "Facility exists with name = 'Test facility' at line 4")
    assert (await site.load(BASE, Duplicate.CHECK)).created == 0
    await site.change("Facility", await site.value("SELECT id FROM facility"), daysUntilRelease=5, url="http://x")
    refused = await refusal(site, BASE, duplicate=Duplicate.CHECK)
    assert refused == (
        ValidationFailed,
        "Duplicate check fails for field daysUntilRelease of Facility at line 4",
        4,
    )
    assert (await site.load(BASE, Duplicate.IGNORE)).created == 0
    assert await site.rows("SELECT days_until_release, url FROM facility") == [(5, "http://x")]
    assert (await site.load(BASE, Duplicate.OVERWRITE)).overwritten == 4
    assert await site.rows("SELECT days_until_release, url FROM facility") == [(90, None)]


@pytest.mark.parametrize("duplicate", [Duplicate.IGNORE, Duplicate.CHECK, Duplicate.OVERWRITE])
async def test_new_rows_among_duplicates_are_created(site: DumpSite, duplicate: Duplicate) -> None:
    await site.load('1.0\n\nFacility(name:0,url:1)\n"b","u"\n"d","u"\n')
    text = '1.0\n\nFacility(name:0,url:1)\n"a","u"\n"b","u"\n"c","u"\n"d","u"\n"a","u"\n'
    done = await site.load(text, duplicate)
    assert (done.rows, done.created) == (5, 2)
    assert await facilities(site) == ["a", "b", "c", "d"]


async def test_a_check_that_fails_keeps_what_came_before_and_nothing_after(site: DumpSite) -> None:
    await site.load('1.0\n\nFacility(name:0,url:1)\n"b","u"\n')
    text = '1.0\n\nFacility(name:0,url:1)\n"a","u"\n"b","other"\n"c","u"\n'
    assert (await refusal(site, text, duplicate=Duplicate.CHECK))[2] == 5
    assert await facilities(site) == ["a", "b"]


async def test_overwriting_takes_the_right_to_update(site: DumpSite) -> None:
    await site.load('1.0\n\nFacility(name:0,url:1)\n"b","u"\n')
    ann = await site.user("db/ann")
    await site.rules(("C", "Facility"))
    text = '1.0\n\nFacility(name:0,url:1)\n"a","u"\n"b","new"\n"c","u"\n'
    refused = await refusal(site, text, duplicate=Duplicate.OVERWRITE, caller=ann)
    assert refused == (Forbidden, "UPDATE access to this Facility is not allowed. at line 5", 5)
    assert await facilities(site) == ["a", "b"]
    await site.rules(("U", "Facility"))
    assert (await site.load(text, Duplicate.OVERWRITE, caller=ann)).overwritten == 2
    assert await site.rows("SELECT url, mod_id FROM facility WHERE name = 'b'") == [("new", "db/ann")]


async def test_every_row_takes_the_right_to_be_created(site: DumpSite) -> None:
    ann = await site.user("db/ann")
    text = '1.0\n\nFacility(name:0)\n"mine"\n"theirs"\n"mine too"\n'
    refused = await refusal(site, text, caller=ann)
    assert refused == (Forbidden, "CREATE access to this Facility is not allowed. at line 4", 4)
    await site.rules(("C", "SELECT f FROM Facility f WHERE f.name LIKE 'mine%'"))
    refused = await refusal(site, text, caller=ann)
    assert refused == (Forbidden, "CREATE access to this Facility is not allowed. at line 5", 5)
    assert await facilities(site) == ["mine"]


STAMPED = """1.0

Facility(name:0,createId:1,createTime:2,modId:3,modTime:4)
"f","db/old",2001-02-03T04:05:06.789Z,NULL,2002-02-03T04:05:06Z
"""


async def test_who_made_an_object_is_kept_with_all_attributes_only(site: DumpSite) -> None:
    await site.load(STAMPED.replace('"f"', '"usual"'))
    assert await site.value("SELECT create_id FROM facility") == "simple/root"
    await site.load(STAMPED, attributes=Attributes.ALL)
    stamps = "SELECT create_id, create_time, mod_id, mod_time FROM facility WHERE name = 'f'"
    created, modified = datetime(2001, 2, 3, 4, 5, 6, 789000, UTC), datetime(2002, 2, 3, 4, 5, 6, tzinfo=UTC)
    async with site.database.connection() as conn:
        cursor = await conn.execute(stamps)
        assert await cursor.fetchall() == [("db/old", created, "simple/root", modified)]
    await site.load(STAMPED, Duplicate.CHECK, Attributes.ALL)
    changed = STAMPED.replace("db/old", "db/new")
    refused = await refusal(site, changed, duplicate=Duplicate.CHECK, attributes=Attributes.ALL)
    assert refused[1] == "Duplicate check fails for field 'createId' of Facility at line 4"
    await site.load(changed, Duplicate.CHECK)
    await site.load(changed, Duplicate.OVERWRITE, Attributes.ALL)
    assert (await site.rows(stamps))[0][0] == "db/new"


async def test_only_root_users_say_who_made_an_object(site: DumpSite) -> None:
    ann = await site.user("db/ann")
    await site.rules(("C", "Facility"))
    refused = await refusal(site, STAMPED, attributes=Attributes.ALL, caller=ann)
    assert refused == (Forbidden, "Only root users may import with Attributes.ALL", None)
    await site.load(STAMPED, caller=ann)
    assert await site.value("SELECT create_id FROM facility") == "db/ann"


async def test_parameters_obey_their_type(site: DumpSite) -> None:
    text = (
        BASE + "\nParameterType(facility(name:0),name:1,units:2,valueType:3,applicableToInvestigation:4)\n"
        '"Test facility","p","K",numeric,False\n'
        "\nInvestigationParameter(investigation(name:0),type(name:1),numericValue:2)\n"
        '"expt1","p",5\n'
    )
    refused = await refusal(site, text)
    assert refused[:2] == (
        ValidationFailed,
        "Parameter of type p is not applicable to an Investigation at line 19",
    )


async def test_a_file_that_breaks_off_keeps_what_it_said(site: DumpSite) -> None:
    with pytest.raises(BadParameter, match="must be UTF-8 at line 5"):
        await site.load(b'1.0\n\nFacility(name:0)\n"a"\n"\xff"\n')
    assert await facilities(site) == ["a"]
