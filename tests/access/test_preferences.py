"""What people have chosen in the portal."""

from __future__ import annotations

import asyncio

import pytest

from beamcat.access.preferences import LONGEST, Preferences
from beamcat.database.pool import Database
from beamcat.errors import TooLarge


async def test_a_change_names_what_it_changes(database: Database) -> None:
    preferences = Preferences(database)
    assert await preferences.read("db/ann") == {}
    await preferences.change("db/ann", {"lists": {"datasets": {"columns": ["name", "size"]}}, "tour": "done"})
    await preferences.change("db/ann", {"lists": {"samples": {"columns": ["name"]}}, "tour": None})
    assert await preferences.read("db/ann") == {
        "lists": {"datasets": {"columns": ["name", "size"]}, "samples": {"columns": ["name"]}}
    }
    assert await preferences.read("db/bob") == {}


async def test_changes_at_the_same_time_are_all_kept(database: Database) -> None:
    preferences = Preferences(database)
    await asyncio.gather(*(preferences.change("db/ann", {f"view {n}": n}) for n in range(20)))
    assert len(await preferences.read("db/ann")) == 20


async def test_too_much_is_refused_and_changes_nothing(database: Database) -> None:
    preferences = Preferences(database)
    await preferences.change("db/ann", {"a": 1})
    with pytest.raises(TooLarge):
        await preferences.change("db/ann", {"b": "x" * LONGEST})
    assert await preferences.read("db/ann") == {"a": 1}
