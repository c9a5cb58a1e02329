"""Blocks: who is kept out, by name, by network and by the id of a download."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest

from beamcat.database.pool import Database
from beamcat.errors import BadParameter, NoSuchObject
from beamcat.protection.blocks import Blocks, Kind, add_block, list_blocks, remove_block

PREPARED = "0f6e0c5c-54bb-4d69-8b2f-0a2f4d1b8c11"


async def keep_out(database: Database, kind: Kind, subject: str, expires: datetime | None = None) -> str:
    return await add_block(database, kind, subject, reason="too much", by="root", expires=expires)


async def test_each_kind_keeps_out_what_it_names_and_nobody_else(database: Database) -> None:
    blocks = Blocks(database)
    assert await keep_out(database, "network", "192.0.2.77/24") == "192.0.2.0/24"
    assert await keep_out(database, "network", "2001:DB8::1") == "2001:db8::1/128"
    assert await keep_out(database, "user", "db/ann") == "db/ann"
    assert await keep_out(database, "prepared", PREPARED.upper()) == PREPARED
    assert not blocks.has("user", "db/ann")
    await blocks.look()
    assert blocks.has("user", "db/ann")
    assert not blocks.has("user", "db/anna")
    assert not blocks.has("prepared", "db/ann")
    assert blocks.has("prepared", PREPARED)
    out = ["192.0.2.0", "192.0.2.255", "2001:db8::1"]
    let_in = ["192.0.1.255", "192.0.3.0", "2001:db8::2", "::c000:200"]
    assert [blocks.has_address(ip_address(text)) for text in out] == [True] * 3
    assert [blocks.has_address(ip_address(text)) for text in let_in] == [False] * 4
    assert not blocks.has_address(None)


async def test_a_block_ends_when_it_is_removed_or_over(database: Database) -> None:
    blocks = Blocks(database)
    await keep_out(database, "user", "db/ann")
    await keep_out(database, "user", "db/bob", datetime.now(UTC) - timedelta(seconds=1))
    await keep_out(database, "user", "db/cid", datetime.now(UTC) + timedelta(days=1))
    await blocks.look()
    assert [blocks.has("user", name) for name in ("db/ann", "db/bob", "db/cid")] == [True, False, True]
    edition = blocks.edition
    assert await remove_block(database, "user", "db/ann") == "db/ann"
    await blocks.look()
    assert not blocks.has("user", "db/ann")
    assert blocks.edition > edition
    with pytest.raises(NoSuchObject):
        await remove_block(database, "user", "db/ann")
    assert [(block.subject, block.created_by) for block in await list_blocks(database)] == [
        ("db/bob", "root"),
        ("db/cid", "root"),
    ]


async def test_a_second_block_replaces_the_first(database: Database) -> None:
    await keep_out(database, "user", "db/ann", datetime.now(UTC) - timedelta(days=1))
    await keep_out(database, "user", "db/ann")
    (block,) = await list_blocks(database)
    assert block.expires is None


@pytest.mark.parametrize(
    ("kind", "subject"), [("user", " "), ("network", "192.0.2.300"), ("network", "example.org"), ("prepared", "x")]
)
async def test_what_is_no_subject_is_refused(database: Database, kind: Kind, subject: str) -> None:
    with pytest.raises(BadParameter):
        await keep_out(database, kind, subject)
