"""Every operation of the SOAP interface, as a client sees it (ICAT specification C, F, M)."""

from __future__ import annotations

import pytest

from beamcat.doors.icat_soap.description import EXCEPTION_TYPES
from beamcat.doors.icat_soap.operations import HANDLERS
from beamcat.doors.icat_soap.signatures import SIGNATURES
from beamcat.errors import ErrorKind
from tests.doors.icat_soap.client import PATH, Fault, Icat, bean, enveloped, returned

TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
DATASET_TYPE = "<name>raw</name><facility><id>{}</id></facility>"


async def investigation(icat: Icat) -> tuple[int, int]:
    """The ids of a facility and an investigation."""
    facility = await icat.create(bean("facility", "<name>F</name>"))
    kind = await icat.create(bean("investigationType", f"<name>t</name><facility><id>{facility}</id></facility>"))
    found = await icat.create(
        bean(
            "investigation",
            f"<name>i</name><visitId>1</visitId><title>T &amp; &lt;</title><facility><id>{facility}</id></facility>"
            f"<type><id>{kind}</id></type>",
        )
    )
    return facility, found


async def fault_of(icat: Icat, operation: str, parameters: str) -> tuple[str, str, int]:
    with pytest.raises(Fault) as caught:
        await icat.call(operation, parameters)
    return caught.value.kind, caught.value.message, caught.value.offset


def test_every_operation_and_every_kind_of_error_is_covered() -> None:
    assert set(HANDLERS) == set(SIGNATURES)
    assert set(EXCEPTION_TYPES) == set(ErrorKind)


async def test_the_versions_need_no_session(shared: Icat) -> None:
    for operation in ("getVersion", "getApiVersion"):
        assert [r.text for r in await shared.call(operation, session=False)] == ["6.2.0"]


async def test_the_entities_are_named_in_code_point_order(shared: Icat) -> None:
    names = [r.text for r in await shared.call("getEntityNames", session=False)]
    assert len(names) == 53
    assert names == sorted(names)


async def test_the_entity_info_tells_fields_and_constraint(shared: Icat) -> None:
    (info,) = await shared.call("getEntityInfo", "<beanName>Investigation</beanName>", session=False)
    assert [n.text for n in info.findall("constraints/fieldNames")] == ["facility", "name", "visitId"]
    fields = {f.findtext("name"): f for f in info.findall("fields")}
    assert len(fields) == 30
    title = fields["title"]
    assert [(e.tag, e.text) for e in title if e.tag != "comment"] == [
        ("name", "title"),
        ("notNullable", "true"),
        ("relType", "ATTRIBUTE"),
        ("stringLength", "255"),
        ("type", "String"),
    ]
    assert len((await shared.call("getEntityInfo", "<beanName>Parameter</beanName>", session=False))[0]) > 5
    told = await fault_of(shared, "getEntityInfo", "<beanName>Nothing</beanName>")
    assert told == ("BAD_PARAMETER", "Nothing is not an ICAT entity", -1)


async def test_the_ways_to_sign_in_are_described(shared: Icat) -> None:
    simple, anon = await shared.call("getAuthenticatorInfo", session=False)
    assert simple.findtext("mnemonic") == "simple"
    assert [(k.findtext("name"), k.findtext("hide")) for k in simple.findall("keys")] == [
        ("username", "false"),
        ("password", "true"),
    ]
    assert (anon.findtext("friendly"), anon.findtext("admin")) == ("Just <look>", "true")


async def test_a_session_from_login_to_logout(icat: Icat) -> None:
    assert [r.text for r in await icat.call("getUserName")] == ["simple/root"]
    (minutes,) = await icat.call("getRemainingMinutes")
    assert 119 < float(minutes.text) <= 120
    assert await icat.call("refresh") == []
    assert await icat.call("logout") == []
    kind, message, offset = await fault_of(icat, "logout", "")
    assert (kind, message, offset) == ("SESSION", f"Unable to find user by sessionid: {icat.session}", -1)
    told = await fault_of(icat, "search", "<query>Facility</query>")
    assert told[0] == "SESSION"


async def test_a_login_with_wrong_words_is_a_session_fault(icat: Icat) -> None:
    with pytest.raises(Fault) as caught:
        await icat.login("root", "wrong")
    assert caught.value.kind == "SESSION"
    with pytest.raises(Fault, match="Authenticator mnemonic typo not recognised"):
        await icat.call("login", "<plugin>typo</plugin><credentials/>", session=False)


async def test_the_properties_are_for_root_only(icat: Icat) -> None:
    assert "maxEntities 10000" in [r.text for r in await icat.call("getProperties")]
    await icat.login("ann")
    assert (await fault_of(icat, "getProperties", ""))[0] == "INSUFFICIENT_PRIVILEGES"


async def test_an_object_is_created_with_all_below_it_and_read_back(icat: Icat) -> None:
    facility, found = await investigation(icat)
    kind = await icat.create(bean("datasetType", DATASET_TYPE.format(facility)))
    dataset = await icat.create(
        bean(
            "dataset",
            "<complete/><id>99</id><createId>me</createId><datafiles><id>7</id><name>a</name></datafiles>"
            "<datafiles><name>b</name><fileSize>5</fileSize></datafiles>"
            f"<investigation><id>{found}</id><name>stale</name></investigation><name>d</name>"
            f"<startDate>2014-05-16T16:58:26.120000+01:00</startDate><type><id>{kind}</id></type>",
        )
    )
    query = "<query>Dataset INCLUDE Datafile, Investigation</query>"
    (read,) = await icat.call("get", f"{query}<primaryKey>{dataset}</primaryKey>")
    assert read.get(TYPE) == "ns2:dataset"
    assert read.nsmap["ns2"] == "http://icatproject.org"
    assert (read.findtext("createId"), read.findtext("complete")) == ("simple/root", "false")
    assert read.findtext("startDate") == "2014-05-16T15:58:26.120Z"
    assert read.findtext("investigation/title") == "T & <"
    assert sorted(f.findtext("name") for f in read.findall("datafiles")) == ["a", "b"]
    assert read.find("parameters") is None


async def test_create_many_is_all_or_nothing_and_names_the_offset(icat: Icat) -> None:
    names = ["One", "Two", "Three", "Two", "One"]
    beans = "".join(bean("facility", f"<name>{name}</name>", "beans") for name in names)
    told = await fault_of(icat, "createMany", beans)
    assert told == ("OBJECT_ALREADY_EXISTS", "Facility exists with name = 'Two'", 3)
    assert await icat.search("Facility") == []
    beans = "".join(bean("facility", f"<name>{name}</name>", "beans") for name in names[:3])
    assert len(await icat.call("createMany", beans)) == 3
    assert await icat.call("createMany") == []
    assert (await fault_of(icat, "create", bean("facility", "<name>One</name>")))[2] == -1


async def test_update_overwrites_with_null_what_is_absent(icat: Icat) -> None:
    facility = await icat.create(bean("facility", "<name>F</name><url>http://f</url><fullName>Fab</fullName>"))
    stale = "<investigationTypes><name>x</name></investigationTypes>"
    changed = bean("facility", f"<id>{facility}</id><name>G</name><url>u</url>{stale}")
    assert await icat.call("update", changed) == []
    (read,) = await icat.search("Facility INCLUDE InvestigationType")
    assert (read.findtext("name"), read.findtext("url"), read.find("fullName")) == ("G", "u", None)
    assert read.find("investigationTypes") is None
    told = await fault_of(icat, "update", bean("facility", "<name>G</name>"))
    assert told == ("NO_SUCH_OBJECT_FOUND", "Facility has null primary key.", -1)
    told = await fault_of(icat, "update", bean("facility", f"<id>{facility}</id>"))
    assert told == ("VALIDATION", "Facility: name cannot be null.", -1)


async def test_delete_takes_stale_trees_and_names_the_offset(icat: Icat) -> None:
    facility, found = await investigation(icat)
    assert (
        await icat.call("delete", bean("investigation", f"<id>{found}</id><facility><name>x</name></facility>")) == []
    )
    gone = bean("investigation", f"<id>{found}</id>", "beans")
    told = await fault_of(icat, "deleteMany", bean("facility", f"<id>{facility}</id>", "beans") + gone)
    assert told == ("NO_SUCH_OBJECT_FOUND", f"Investigation[id:{found}] not found.", 1)
    assert len(await icat.search("Facility")) == 1
    assert await icat.call("deleteMany", bean("facility", f"<id>{facility}</id>", "beans")) == []
    assert await icat.search("Facility") == []


async def test_what_a_user_may_not_is_a_fault_and_what_root_may_is_done(icat: Icat) -> None:
    facility = await icat.create(bean("facility", "<name>F</name>"))
    subject = bean("facility", f"<id>{facility}</id>")
    new = bean("facility", "<name>New</name>")
    for access, sent in (("READ", subject), ("DELETE", subject), ("UPDATE", subject), ("CREATE", new)):
        (allowed,) = await icat.call("isAccessAllowed", f"{sent}<accessType>{access}</accessType>")
        assert allowed.text == "true"
    await icat.login("ann")
    for access, sent in (("READ", subject), ("DELETE", subject), ("UPDATE", subject), ("CREATE", new)):
        (allowed,) = await icat.call("isAccessAllowed", f"{sent}<accessType>{access}</accessType>")
        assert allowed.text == "false"
    assert (await fault_of(icat, "create", new))[0] == "INSUFFICIENT_PRIVILEGES"
    assert (await fault_of(icat, "update", bean("facility", f"<id>{facility}</id><name>x</name>")))[:2] == (
        "INSUFFICIENT_PRIVILEGES",
        "UPDATE access to this Facility is not allowed.",
    )
    assert await icat.search("Facility") == []


async def test_values_of_a_search_carry_their_types(icat: Icat) -> None:
    facility, found = await investigation(icat)
    (row,) = await icat.search("SELECT i.id, i.name, i.doi, i.createTime, i.facility FROM Investigation i")
    assert row.get(TYPE) == "ns2:fieldSet"
    assert [f.get(TYPE) for f in row] == ["xs:long", "xs:string", None, "xs:dateTime", "ns2:facility"]
    assert row[2].get(NIL) == "true"
    assert row[4].findtext("id") == str(facility)
    assert [(r.get(TYPE), r.text) for r in await icat.search("Investigation.id")] == [("xs:long", str(found))]
    assert [r.text for r in await icat.search("SELECT COUNT(i) FROM Investigation i")] == ["1"]
    assert (await icat.search("SELECT AVG(i.id) FROM Investigation i"))[0].get(TYPE) == "xs:double"
    kind = "<applicableToDataset>1</applicableToDataset><name>p</name><units>K</units><valueType>NUMERIC</valueType>"
    await icat.create(bean("parameterType", f"{kind}<facility><id>{facility}</id></facility>"))
    (value,) = await icat.search("SELECT p.valueType FROM ParameterType p")
    assert (value.get(TYPE), value.text) == ("ns2:parameterValueType", "NUMERIC")
    (flag,) = await icat.search("SELECT p.applicableToDataset FROM ParameterType p")
    assert (flag.get(TYPE), flag.text) == ("xs:boolean", "true")


async def test_nulls_alone_in_their_rows_are_left_out(icat: Icat) -> None:
    await investigation(icat)
    assert await icat.search("SELECT i.facility.url FROM Investigation i") == []
    assert [r.text for r in await icat.search("SELECT COUNT(i.facility.url) FROM Investigation i")] == ["0"]


async def test_a_large_answer_comes_whole(icat: Icat) -> None:
    beans = "".join(bean("facility", f"<name>{n:04}</name>", "beans") for n in range(1000))
    await icat.call("createMany", beans)
    await icat.call("createMany", beans.replace("<name>", "<name>x"))
    found = await icat.search("Facility.name ORDER BY name")
    assert [r.text for r in found] == [*(f"{n:04}" for n in range(1000)), *(f"x{n:04}" for n in range(1000))]


async def test_text_that_xml_cannot_hold_is_replaced_and_the_rest_is_kept(icat: Icat) -> None:
    await icat.create(bean("facility", "<name>a&#13;b ]]&gt; é 日 &#x1F600;</name>"))
    (name,) = await icat.search("Facility.name")
    assert name.text == "a\rb ]]> é 日 😀"


async def test_other_ways_to_ask_are_answered_in_http(shared: Icat) -> None:
    assert (await shared.http.put(PATH)).status_code == 405
    assert (await shared.http.get(f"{PATH}/more")).status_code == 404
    assert "?wsdl" in (await shared.http.get(PATH)).text


async def test_an_operation_that_does_not_exist_is_a_fault_of_the_client(shared: Icat) -> None:
    with pytest.raises(Fault) as caught:
        returned(await shared.post(enveloped("<ns1:searchText/>")))
    assert (caught.value.code, caught.value.kind) == ("S:Client", "BAD_PARAMETER")
