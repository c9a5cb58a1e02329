"""Where the data of rows are: on disk, on tape, or on the way from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from beamcat.access.caller import Caller
from beamcat.portal.lists.declaring import Badge, Extra
from beamcat.portal.page import Asking
from beamcat.portal.reading import Thing
from beamcat.store.requests.items import Kind, Reference

ICONS = {"online": "disk", "tape": "tape", "restoring": "refresh", "failed": "alert"}


def where_of(kind: Kind) -> Extra:
    """Finds a badge for each row of a kind that has files."""

    async def find(asking: Asking, reader: Caller, things: Sequence[Thing]) -> Mapping[int, Badge]:
        with_files = [thing for thing in things if thing.fileCount]
        if asking.core.two_levels is None:
            words = {thing.id: "online" for thing in with_files}
        else:
            lines = await asking.core.requests.contents.lines(reader, [Reference(kind, each.id) for each in with_files])
            words = {line.id: line.where.word for line in lines}
        told = asking.visitor.words
        return {
            identifier: Badge(word, told(f"lists.states.{word}"), ICONS[word]) for identifier, word in words.items()
        }

    return find
