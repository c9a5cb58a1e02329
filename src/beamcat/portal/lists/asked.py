"""A list as it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from beamcat.portal.lists.declaring import ListOf, Within
from beamcat.portal.lists.keeping import Kept
from beamcat.portal.lists.paging import Question
from beamcat.portal.lists.state import Sort, State


@dataclass(frozen=True, slots=True)
class Asked:
    """A declared list, the rows there are, and what the address says.

    `looks` is `state` with the columns that the person keeps. `wrong` names, by column, words for a filter that made no
    sense.
    """

    list: ListOf
    within: Within
    path: str
    state: State
    looks: State
    sort: tuple[Sort, ...]
    question: Question
    wrong: Mapping[str, str]
    kept: Kept
