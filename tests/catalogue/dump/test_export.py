"""What a dump holds, and for whom (ICAT specification G.6)."""

from __future__ import annotations

from beamcat.access.caller import Caller
from beamcat.catalogue.dump.layout import Attributes
from tests.catalogue.dump.conftest import DumpSite, table
from tests.catalogue.dump.test_import import BASE

EXAMPLE = """
Sample(investigation(facility(name:0),name:1,visitId:2),name:3,pid:4,type(facility(name:5),molecularFormula:6,name:7))
"Test facility","expt1","one","rust",NULL,"Test facility","Fe3O4","rust"
"Test facility","expt1","one","void",NULL,NULL,NA,NA
"""


async def furnish(site: DumpSite) -> None:
    await site.load(BASE)
    await site.load(
        '1.0\n\nSampleType(facility(name:0),molecularFormula:1,name:2)\n"Test facility","Fe3O4","rust"\n'
        f"{EXAMPLE}\nInvestigation(facility(name:0),name:1,title:1,visitId:1,type(name:2))\n"
        '"Test facility","b","atype"\n'
        '\nSample(investigation(name:0),name:1)\n"b","hidden"\n'
        '\nApplication(facility(name:0),name:1,version:2)\n"Test facility","aprog","1.2.3"\n'
        '\nDataCollection(?:0)\n"x"\n\nJob(application(name:0),outputDataCollection(?:1))\n"aprog","x"\n'
    )


async def test_references_are_written_by_key(site: DumpSite) -> None:
    await furnish(site)
    dump = await site.dump(Attributes.USER)
    assert EXAMPLE.rstrip() + '\n"Test facility","b","b","hidden",NULL,NULL,NA,NA\n' in dump
    collection = await site.value("SELECT id FROM data_collection")
    job = await site.value("SELECT id FROM job")
    assert table(dump, "Job") == [f'"{job}","Test facility","aprog","1.2.3",NULL,NULL,"{collection}"']


async def test_everybody_gets_what_they_may_read(site: DumpSite) -> None:
    await furnish(site)
    ann = await site.user("db/ann")
    nothing = await site.dump(caller=ann)
    assert all(line == "1.0" or line.startswith("#") or line.endswith(")") for line in nothing.split("\n") if line)
    await site.rules(("R", "SELECT s FROM Sample s JOIN s.investigation i WHERE i.name = 'expt1'"), ("R", "Facility"))
    some = await site.dump(Attributes.USER, ann)
    assert some.startswith("# ICAT Export file written by db/ann\n")
    assert EXAMPLE in some
    assert "hidden" not in some
    assert len(table(some, "Facility")) == 1
    assert table(some, "Investigation") == []


async def test_a_query_exports_what_it_finds_and_includes(site: DumpSite) -> None:
    await furnish(site)
    query = "SELECT s FROM Sample s WHERE s.name = 'rust' INCLUDE s.investigation, s.type.facility"
    dump = await site.dump_answer(query)
    assert dump is not None
    assert [part.partition("(")[0] for part in dump.split("\n\n")[1:]] == [
        "Facility",
        "SampleType",
        "Investigation",
        "Sample",
    ]
    assert [len(table(dump + "\n", name)) for name in ("Facility", "SampleType", "Investigation", "Sample")] == [1] * 4
    assert await site.dump_answer("Sample [name = 'nothing']") is None
    assert await site.dump_answer("SELECT s.name FROM Sample s") is None
    assert await site.dump_answer("SELECT s, s.investigation FROM Sample s") is None


async def test_a_query_exports_no_included_object_that_may_not_be_read(site: DumpSite) -> None:
    await furnish(site)
    ann = await site.user("db/ann")
    query = "SELECT s FROM Sample s INCLUDE s.investigation"
    assert await site.dump_answer(query, caller=ann) is None
    await site.rules(("R", "Sample"))
    some = await site.dump_answer(query, caller=ann)
    assert some is not None
    assert "Sample(" in some
    assert "\nInvestigation(" not in some
    await site.rules(("R", "Investigation [name = 'b']"))
    more = await site.dump_answer(query, caller=ann)
    assert more is not None
    assert len(table(more, "Investigation")) == 1


async def test_the_name_of_the_writer_stays_on_its_line(site: DumpSite) -> None:
    dump = await site.dump(caller=Caller("db/x\n1.1", root=True))
    assert dump.startswith("# ICAT Export file written by db/x 1.1\n1.0\n")
