"""Pages that people have looked at lately: the last ones are kept, each once."""

from __future__ import annotations

from beamcat.access.preferences import Preferences
from beamcat.database.pool import Database
from beamcat.portal.details.recent import KEPT, KEY, note


async def test_the_last_pages_are_kept_each_once(database: Database) -> None:
    preferences = Preferences(database)
    for number in range(KEPT + 5):
        seen = {"kind": "dataset", "title": str(number), "at": f"2026-11-22T00:00:{number:02}+00:00"}
        await note(preferences, "db/ann", f"/datasets/{number}", seen)
    again = {"kind": "dataset", "title": "again", "at": "2026-11-22T00:02:00+00:00"}
    await note(preferences, "db/ann", "/datasets/20", again)
    await note(preferences, "db/ann", "/datasets/20", {**again, "title": "soon", "at": "2026-11-22T00:02:59+00:00"})
    kept = (await preferences.read("db/ann"))[KEY]
    assert set(kept) == {f"/datasets/{number}" for number in range(5, KEPT + 5)}
    assert kept["/datasets/20"] == again
    assert KEY not in await preferences.read("db/bob")
