"""The assistant: a question in, the queries and records it used and what they say out. Off unless a model is named."""

from __future__ import annotations

from starlette.responses import Response

from beamcat.assistant.answering import Answered, Assistant
from beamcat.errors import NoSuchObject
from beamcat.portal.page import Asking, Page


async def assistant(asking: Asking) -> Response:
    """GET /assistant."""
    _assistant(asking)
    return await _page(asking, None)


async def answer(asking: Asking) -> Response:
    """POST /assistant: answer a question, with the rights of whoever asks."""
    found = _assistant(asking)
    question = (await asking.form()).get("question", "")
    caller = asking.visitor.reader if found.settings.for_strangers else asking.visitor.person
    return await _page(asking, await found.answer(caller, question))


async def _page(asking: Asking, answered: Answered | None) -> Response:
    found = _assistant(asking)
    return await asking.render(
        "assistant/assistant.html",
        answered=answered,
        sources=[] if answered is None else list(answered.sources.values())[:50],
        may_ask=asking.visitor.signed_in or found.settings.for_strangers,
        model=found.settings.model,
    )


def _assistant(asking: Asking) -> Assistant:
    if asking.core.assistant is None:
        raise NoSuchObject("There is nothing at this address")
    return asking.core.assistant


PAGES = (Page("/assistant", assistant, "assistant"), Page("/assistant", answer, "ask-assistant", "POST"))
