"""What clients ask of lists of downloads, read without trusting any of it (data service specification, C.2)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beamcat.database.pool import Database
from beamcat.errors import BadParameter
from beamcat.store.requests.listing import COLUMNS, Listing, parse_listing

SENT = [
    "where download.isDeleted = false",
    "WHERE download.id = 12",
    "where download.facilityName = 'FAC'",
    "WHERE UPPER(download.userName) LIKE CONCAT('%', 'ANN', '%')",
    "WHERE UPPER(download.userName) NOT LIKE CONCAT('%','X','%') AND UPPER(download.email) LIKE CONCAT('%','','%')",
    "where download.status = 'COMPLETE'",
    "WHERE download.createdAt BETWEEN {ts '2016-03-18 00:00:00'} AND {ts '2099-03-19 00:00'}",
    "where download.status = org.icatproject.topcat.domain.DownloadStatus.COMPLETE",
    "where download.userName like 'simple/%'",
    "where download.facilityName = 'FAC' and download.isDeleted = false or download.transport = 'https'",
    "where download.isDeleted = false order by download.createdAt desc",
    "WHERE download.facilityName = 'FAC' ORDER BY download.status asc, download.id ASC LIMIT 0, 50",
    "LIMIT 10, 20",
    "order by download.fileName limit 5",
    "where (download.size > 10 or download.size is null) and not download.completedAt is null",
    "where download.status in ('COMPLETE', 'EXPIRED') and download.preparedId is not null",
    "where UPPER(download.id) LIKE CONCAT('%','1','%') and UPPER(download.isDeleted) LIKE CONCAT('%','F','%')",
    "where download.createdAt > '2016-03-18T16:02:36' and download.isTwoLevel = 'false'",
    "where download.fileName = 'Person''s file'",
    "WHERE download.createdAt BETWEEN {ts '0000-01-01 00:00:00'} AND {ts '9999-12-31 23:59:59'}",
    "",
]  # fmt: skip


async def put_to(database: Database, listing: Listing) -> list[Any]:
    text = f"SELECT id FROM download WHERE {listing.condition} ORDER BY {listing.order} OFFSET %s LIMIT %s"
    async with database.connection() as connection:
        values = (*listing.values, listing.offset, listing.limit)
        return await (await connection.execute(text.encode(), values)).fetchall()


async def test_what_clients_send_is_understood(database: Database) -> None:
    for text in SENT:
        await put_to(database, parse_listing(text))


async def test_it_finds_what_it_asks_for(database: Database) -> None:
    async with database.connection() as connection:
        for number, name in enumerate(["Person's file", "100%", "b_c", "back\\slash"], 1):
            await connection.execute(
                "INSERT INTO download (id, facility_name, owner, user_name, full_name, transport, file_name, status,"
                " priority, size, two_level, compress, created) VALUES (%s, 'FAC', 'simple/ann', 'simple/ann', 'Ann',"
                " 'https', %s, 'COMPLETE', 0, %s, false, false, %s)",
                (number, name, number * 10, f"2016-03-1{number} 12:00"),
            )
    expected = {
        "where download.fileName = 'Person''s file'": [1],
        "where UPPER(download.fileName) LIKE CONCAT('%','SON''S','%')": [1],
        r"where download.fileName like '%\%'": [4],
        "where download.fileName like 'b_c' or download.fileName = '100%'": [2, 3],
        "where download.size > 10 and download.size <= 30": [2, 3],
        "where download.createdAt between {ts '2016-03-12 00:00:00'} and {ts '2016-03-13 23:59:59'}": [2, 3],
        "where download.createdAt < '2016-03-12T12:00:00+01:00'": [1],
        "where not (download.id = 1 or download.id in (2, 3))": [4],
        "where download.status = org.icatproject.topcat.domain.DownloadStatus.EXPIRED": [],
        "where download.status <> 'EXPIRED' order by download.size desc": [4, 3, 2, 1],
        "order by download.transport, download.fileName desc limit 1, 2": [3, 1],
        "where download.completedAt is null and download.isDeleted = false limit 2": [1, 2],
        "where download.id = 1 or download.id = 2 and download.size = 0": [1],
    }
    for text, ids in expected.items():
        assert [identifier for (identifier,) in await put_to(database, parse_listing(text))] == ids, text


@pytest.mark.parametrize(
    "text",
    [
        "1=1) or (1=1",
        "where download.isDeleted = false; DROP TABLE download",
        "where download.isDeleted = false --",
        "where download.sessionId = 'x'",
        "where user.name = 'x'",
        "where pg_sleep(10)",
        "where download.fileName = 'x",
        "where download.id = 99999999999999999999",
        "where download.id = 1.5",
        "where download.id = 'x'",
        "where download.isDeleted = 1",
        "where download.createdAt > 'yesterday'",
        "where download.createdAt > {ts '2016-99-99'}",
        "where download.status = org.example.DownloadStatus.COMPLETE",
        "where",
        "order by 1",
        "order by download.id; select 1",
        "limit -1",
        "limit 1, 2, 3",
        "where download.id",
        "where " + "(" * 5000 + "download.id = 1" + ")" * 5000,
        "where " + "upper(" * 1000 + "download.id" + ")" * 1000 + " = 'X'",
        "where " + "not " * 4000 + "download.id = 1",
        "where download.id = 1" + " or download.id = 1" * 2000,
        "order by upper(download.fileName)",
        "where download.fileName = 'a\0b'",
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    if text.strip() == "where":
        assert parse_listing(text) == Listing()
        return
    with pytest.raises(BadParameter):
        parse_listing(text)


KEYWORDS = "WHERE AND OR NOT LIKE BETWEEN IN IS NULL ORDER BY LIMIT ASC DESC ( ) , = <> < >= UPPER( CONCAT( LOWER("
words = st.sampled_from(
    [f"download.{name}" for name in COLUMNS]
    + KEYWORDS.split()
    + ["'x'", "'%'", "''", "'7'", "'2016-03-18'", "1", "0", "-5", "true", "{ts '2016-03-18 00:00:00'}", "'"]
    + ["DownloadStatus.COMPLETE", "x.DownloadStatus.COMPLETE", "%s", "$1", ";", "--", "/*", "\\", "é", "\n"]
)
comparisons = st.builds(
    "{} {} {}".format,
    st.sampled_from([f"download.{name}" for name in COLUMNS]),
    st.sampled_from(["=", "<>", "<", ">=", "like", "not like"]),
    st.sampled_from(["'x'", "1", "true", "'2016-03-18'", "{ts '2016-03-18 00:00'}", "concat('%', 'a%s', '\\')"]),
)
tails = st.builds(
    "where {} {} {} {}".format,
    comparisons,
    st.sampled_from(["and", "or", "and not", ") or ("]),
    comparisons,
    st.sampled_from(["", "order by download.id desc", "limit 3", "limit 9223372036854775807, 9223372036854775807"]),
)


@settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.one_of(st.lists(words, max_size=12).map(" ".join), tails, st.text(max_size=30)))
async def test_whatever_is_read_can_be_put_to_the_database(database: Database, text: str) -> None:
    try:
        listing = parse_listing(text)
    except BadParameter:
        return
    await put_to(database, listing)
