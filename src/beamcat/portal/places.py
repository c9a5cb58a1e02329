"""Where the head of a page leads."""

from __future__ import annotations

from dataclasses import dataclass

from beamcat.portal.visiting import Visitor


@dataclass(frozen=True, slots=True)
class Place:
    """A link of the navigation; `word` names its text."""

    address: str
    word: str
    icon: str = ""


MY_DATA = Place("/my-data", "base.places.my_data", "layers")
OPEN_DATA = Place("/browse", "base.places.browse", "unlock")
ALL_DATA = Place("/browse", "base.places.all_data", "layers")
PUBLICATIONS = Place("/publications", "base.places.publications", "quote")
INSTRUMENTS = Place("/instruments", "base.places.instruments", "beam")
DOWNLOADS = Place("/downloads", "base.places.downloads", "download")
SHARES = Place("/shares", "base.places.shares", "share")
SEARCHES = Place("/searches", "base.places.searches", "bookmark")
ACCOUNT = Place("/account", "base.places.account", "key")
ASSISTANT = Place("/assistant", "base.places.assistant", "bulb")
ADMIN = Place("/admin", "base.places.admin", "shield")


def main_places(visitor: Visitor) -> tuple[Place, ...]:
    """The main navigation."""
    if visitor.signed_in:
        return (MY_DATA, ALL_DATA, PUBLICATIONS, INSTRUMENTS)
    return (OPEN_DATA, PUBLICATIONS, INSTRUMENTS)


def own_places(visitor: Visitor, *, assistant: bool) -> tuple[Place, ...]:
    """What is theirs, for somebody who has signed in."""
    own: tuple[Place, ...] = (MY_DATA, DOWNLOADS, SEARCHES, SHARES, *((ASSISTANT,) if assistant else ()), ACCOUNT)
    return (*own, ADMIN) if visitor.caller is not None and visitor.caller.root else own
