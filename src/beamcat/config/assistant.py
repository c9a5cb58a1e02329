"""A language model that helps people to ask: off unless one is named."""

from __future__ import annotations

from pydantic import Field, SecretStr

from beamcat.config.section import Section


class AssistantSettings(Section):
    """The page *Assistant*, and the tools at `/mcp`."""

    url: str | None = None
    """Base URL of an interface as OpenAI's, such as `http://localhost:11434/v1`; without it there is no assistant."""
    model: str = ""
    """The model to ask for."""
    api_key: SecretStr | None = None
    """What is shown to that server."""
    timeout_s: float = Field(60.0, gt=0)
    """Longest wait for one answer of the model."""
    steps: int = Field(6, ge=1, le=20)
    """How often the model may look something up for one question."""
    questions_at_once: int = Field(4, ge=1)
    """Questions that a worker has the model answer at a time; further people are told to come back."""
    for_strangers: bool = False
    """Whether people who have not signed in may ask, too."""
    tools: bool = True
    """Whether programs may use the tools at `/mcp`, under the rights of whoever they come with."""
