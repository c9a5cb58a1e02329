"""Saved searches, as they are told and asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, PlainSerializer

from beamcat.doors.api.calls import NO_NUL, Id, Model, Name, Text
from beamcat.doors.api.search_models import (
    MOST_FACETS,
    MOST_FILTERS,
    MOST_HITS,
    Cursor,
    FacetAsked,
    FilterAsked,
    InUrl,
    KindOfObject,
    Kinds,
)
from beamcat.search.saved.due import Tell
from beamcat.search.wanted import Manner

Moment = Annotated[datetime, PlainSerializer(lambda moment: f"{moment:%Y-%m-%dT%H:%M:%SZ}", return_type=str)]
"""In UTC."""


class KeptSearch(Model):
    """What is looked for: the members of a search that belong to the question."""

    q: Text = ""
    kind: Annotated[tuple[KindOfObject, ...], Field(max_length=20)] = ()
    manner: Manner = Manner.BOX
    sort: Name = "relevance"
    mine: bool = False
    filters: Annotated[tuple[FilterAsked, ...], Field(max_length=MOST_FILTERS)] = ()
    facets: Annotated[tuple[FacetAsked, ...], Field(max_length=MOST_FACETS)] = ()


class SavedSearchBody(Model):
    """What a user wants of a search."""

    name: Annotated[str, Field(min_length=1, max_length=200), NO_NUL]
    """By which its owner knows it."""
    search: KeptSearch
    tell: Tell = Tell.NEVER
    """When mails tell of new matches: `at-once` is within minutes, `daily` and `weekly` in the morning."""
    email: Annotated[str, Field(max_length=254)] | None = None
    """Where they go, if the facility lets users say; missing: the address in the catalogue."""


class SavedSearchTold(Model):
    """A saved search."""

    id: int
    name: str
    search: KeptSearch | None = None
    """Missing when another version of Beamcat has kept it, which cannot be read any longer."""
    tell: Tell
    email: str | None = None
    has_feed: bool
    created: Moment
    changed: Moment
    looked: Moment | None = None
    """When it was looked the last time."""
    problem: str | None = None
    """Why it could not be looked the last time."""


class SavedSearchesTold(Model):
    """All saved searches of a user."""

    searches: tuple[SavedSearchTold, ...]
    most: int
    """How many there may be."""
    mails: bool
    """Whether this facility sends mails about them."""


class NewsTold(Model):
    """An object that was found lately."""

    kind: KindOfObject
    id: int
    title: str
    summary: str
    link: str | None = None
    found: Moment


class NewsAnswer(Model):
    """What was found lately, newest first."""

    matches: tuple[NewsTold, ...]


class FeedKeyTold(Model):
    """A feed, whose URL is told this once: whoever has it can read the feed."""

    url: str


class OneSearch(Model):
    """One of the caller's searches."""

    id: Id


class HitsParameters(Model):
    """A page of what a saved search finds."""

    id: Id
    limit: Annotated[int, Field(ge=0, le=MOST_HITS)] = 20
    after: Cursor | None = None
    """`next` of the page before."""
    highlight: bool = False
    """Tell where in the hits the words stand."""


class FeedParameters(Model):
    """A feed, and the key to it."""

    id: Id
    key: Annotated[str, Field(max_length=200)]
    """The key that came with the feed."""


class StopParameters(Model):
    """A search, and the key that stands in its mails."""

    id: Id
    key: UUID
    """The key in the link of a mail."""


class PublicFeedParameters(Model):
    """A search whose newest matches are a feed."""

    q: Text = ""
    """What to look for, as for a search."""
    kind: Kinds = ()
    """Kinds of objects; none: all."""
    manner: Manner = Manner.BOX
    """As for a search."""
    filter: Annotated[tuple[InUrl, ...], Field(max_length=MOST_FILTERS)] = ()
    """As for a search: `instrument:ML07`, `-type:calibration`."""
