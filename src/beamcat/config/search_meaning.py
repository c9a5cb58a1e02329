"""Search by meaning: whether it is there, what model it asks, and how much of the machine it may have."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_serializer

from beamcat.config.section import Section, masked


class SearchMeaningSettings(Section):
    """Search for what is meant, whatever words it is said in."""

    enabled: bool = False
    """Whether texts are read for their meaning, and can be searched by it."""
    model: str = Field("learned", min_length=1)
    """What tells the meaning of a text: `learned` is learned from the texts of this catalogue; `sentences` was trained
    on other texts, and has to be installed; other names are entry points of the group `beamcat.meaning`, by which other
    packages bring a model."""
    options: dict[str, Any] = Field(default_factory=dict, repr=False)
    """What the model is told, if it is not `learned`; its documentation says what it takes."""
    learns_as: str = "anon/anon"
    """`learned` learns only from what this user may read. Everybody who searches is told something of what it has
    learned, so this should be a user who sees what is open to all."""
    learn_every_h: float = Field(24.0, gt=0)
    """How often it is looked whether there is so much more to learn from that it is worth learning anew."""
    look_every_h: float = Field(6.0, gt=0)
    """How often all texts are compared with what was read of them. Changes are followed at once besides."""
    share: float = Field(0.25, gt=0, le=1)
    """The part of its time that the one worker that reads texts reads them; it rests for the others."""
    concurrent: int = Field(2, ge=1, le=64)
    """Questions by meaning that a worker answers at a time; others wait."""
    timeout_s: float = Field(5.0, gt=0)
    """Longest time for such a question."""

    @field_serializer("options", when_used="json")
    def _secrets_are_masked(self, options: dict[str, Any]) -> dict[str, Any]:
        return masked(options)
