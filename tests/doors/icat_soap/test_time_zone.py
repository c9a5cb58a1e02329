"""Dates without a zone are local time of the zone in the settings (ICAT specification C.4)."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from beamcat.config import ServerSettings, load_settings
from tests.doors.icat_soap.client import Opened, bean, settings_for


@pytest.mark.parametrize(("zone", "read"), [("UTC", "16:58:26Z"), ("Europe/Berlin", "14:58:26Z")])
async def test_a_date_is_read_in_the_zone_of_the_settings(database_url: str, zone: str, read: str) -> None:
    async with Opened(settings_for(database_url, time_zone=zone)) as icat:
        await icat.login("root")
        facility = await icat.create(bean("facility", "<name>F</name>"))
        of_it = f"<facility><id>{facility}</id></facility>"
        type_id = await icat.create(bean("investigationType", f"<name>t</name>{of_it}"))
        kind = f"<type><id>{type_id}</id></type>"
        start, end = "<startDate>2014-05-16T16:58:26</startDate>", "<endDate>2014-05-16T16:58:26+00:00</endDate>"
        await icat.create(
            bean("investigation", f"{end}{of_it}<name>i</name>{start}<title>t</title>{kind}<visitId>1</visitId>")
        )
        (row,) = await icat.search("SELECT i.startDate, i.endDate FROM Investigation i")
        assert [value.text for value in row] == [f"2014-05-16T{read}", "2014-05-16T16:58:26Z"]


def test_the_zone_is_utc_unless_the_settings_say_otherwise() -> None:
    assert ServerSettings().time_zone == "UTC"


@pytest.mark.parametrize("name", ["Europe/Nowhere", "Europe", "", "../etc/localtime", "/etc/localtime", "+01:00"])
def test_an_unknown_zone_is_an_error_of_the_settings(tmp_path: Path, name: str) -> None:
    file = tmp_path / "beamcat.toml"
    file.write_text(f'[server]\ntime_zone = "{name}"\n')
    with pytest.raises(ValidationError, match=r"server\.time_zone\n.*there is no time zone .*; give an IANA name"):
        load_settings(file)
