"""What happened to a record, as people read it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from beamcat.database.outbox import ChangeKind, Origin
from beamcat.events.object_history import Happened
from beamcat.portal import reading
from beamcat.portal.page import Asking


@dataclass(frozen=True, slots=True)
class Value:
    """A text before and after; empty where there was none."""

    member: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a history."""

    text: str
    who: str
    at: datetime
    values: tuple[Value, ...]


async def history_of(asking: Asking, entity: str, identifier: int) -> list[Entry]:
    """The history of a record that the visitor may read, the last first."""
    told = await asking.core.histories.of(asking.visitor.reader, entity, identifier)
    names = await _names(asking, {each.user for each in told})
    return [_entry(asking, each, names) for each in told]


def _entry(asking: Asking, told: Happened, names: dict[str, str]) -> Entry:
    t = asking.visitor.words
    if told.kind is ChangeKind.CREATED:
        text = t("details.history.imported" if told.origin is Origin.IMPORT else "details.history.created")
    elif told.values:
        text = t("details.history.changed", what=", ".join(word_of(asking, each.member) for each in told.values))
    else:
        text = t("details.history.updated")
    values = tuple(Value(word_of(asking, each.member), each.before or "", each.after or "") for each in told.values)
    return Entry(text, names.get(told.user) or t("details.history.somebody"), told.at, values)


def word_of(asking: Asking, member: str) -> str:
    """What a member is called."""
    t = asking.visitor.words
    return t(f"details.member.{member}") if t.has(f"details.member.{member}") else member


async def _names(asking: Asking, accounts: set[str]) -> dict[str, str]:
    """The names of people, as far as the visitor may read them. Strangers are told nobody's."""
    visitor = asking.visitor
    if not visitor.signed_in or visitor.caller is None or not accounts:
        return {}
    listed = ", ".join(map(reading.text, sorted(accounts)))
    users = await reading.things(asking, f"SELECT it FROM User it WHERE it.name IN ({listed})")
    names = {user.name: user.fullName or user.name for user in users}
    if visitor.caller.root:
        names = {account: account for account in accounts} | names
    return names | {visitor.caller.name: visitor.words("details.history.you")}
