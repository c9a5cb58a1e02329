"""Searches that users keep, and how they are told of what is new."""

from __future__ import annotations

from pydantic import Field

from beamcat.config.section import Section


class SavedSearchSettings(Section):
    """Searches that users keep, and how they are told of what is new."""

    max_per_user: int = Field(50, ge=0)
    """Most searches that one user keeps; 0: none."""
    remembered: int = Field(500, ge=20, le=10_000)
    """How many of the newest objects that a search has found are remembered. An older object that comes to match, or
    may be seen from now on, is told of as long as the search finds no more than these."""
    mail: bool = True
    """Whether users may be told by e-mail, where `downloads.mail` is enabled: mails go out by that server."""
    any_address: bool = False
    """Whether users may give an address of their own. Without it, mails go to the `email` of the catalogue's `User`
    alone."""
    at_once_minutes: float = Field(5.0, ge=0.01)
    """How often it is looked for those who want to be told at once."""
    hour: int = Field(7, ge=0, le=23)
    """The hour, in `server.time_zone`, in which daily mails go out, and weekly ones on Mondays."""
    listed: int = Field(20, ge=1, le=100)
    """Most objects that a mail names; of others it says how many there are."""
    feed_minutes: float = Field(10.0, gt=0)
    """How often it is looked for a feed, if it is fetched."""
    feed_entries: int = Field(50, ge=1, le=500)
    """Most entries of a feed."""
    subject: str = "${count} for ${searchName}"
    """Subject of a mail, with the tokens of `body`."""
    body: str = (
        "Dear ${userName},\n\n${count} for your saved search ${searchName}:\n\n${matches}\n"
        "No more mails about this search: ${stopUrl}\n"
    )
    """Text of a mail. Tokens: `${userName}`, `${searchName}`, `${count}` (such as "3 new matches"), `${matches}`, what
    is new with its links, `${searchId}`, its number, and `${stopUrl}`, where mails about the search can be refused."""
