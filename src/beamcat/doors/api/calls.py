"""What a call of this interface is: one declaration that answers, reads what is asked, and is described by.

Whoever adds calls writes a module with a tuple of them, and names it in `every.py`. The declaration is all there is:
the parameters and the body are read into the models it names, and the OpenAPI document, the page for people and the
tests come from them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from beamcat.access.caller import Caller
from beamcat.doors.core import Core

MOST_BODY_BYTES = 2**20
"""Of the JSON of a request, where a call does not say otherwise."""


class Model(BaseModel):
    """What a request holds or an answer tells. Members are called as in ICAT: `startDate`."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        serialize_by_alias=True,
    )


class Nothing(Model):
    """Of a call that is asked nothing."""


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not hold the character U+0000")
    return text


NO_NUL = AfterValidator(_without_nul)
"""No text of the catalogue can hold it."""
Text = Annotated[str, Field(max_length=100_000), NO_NUL]
"""What people type."""
Name = Annotated[str, Field(min_length=1, max_length=255), NO_NUL]
"""Of a field, a unit and the like."""
Id = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""Of an object of the catalogue."""


@dataclass(frozen=True, slots=True)
class WithCommas:
    """Marks a member of which several may also stand in a URL with commas between them."""


P = TypeVar("P", bound=Model)
B = TypeVar("B", bound=Model | None)


@dataclass(frozen=True, slots=True)
class Asking(Generic[P, B]):
    """A request that has been read: who asks the core for what."""

    core: Core
    caller: Caller
    parameters: P
    """Those of the path and of the query string."""
    body: B
    """None for calls without one."""
    request: Request
    """As it came, for calls whose answer is no JSON, or tells URLs of this server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[P, B]):
    """One call. `answer` gives what is told, a model of type `told`, or a response of a `media_type`; None is 204."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    """Below `/api`. Parts in braces are members of `parameters`."""
    name: str
    """By which metrics, logs and generated clients call it."""
    summary: str
    description: str = ""
    subject: str
    """Under which it is listed."""
    answer: Callable[[Asking[P, B]], Awaitable[Model | Response | None]]
    parameters: type[P]
    body: type[B] | None = None
    told: type[Model] | None = None
    status: int = 200
    """Of the answer if all goes well; 204 without `told`."""
    media_type: str | None = None
    """Of an answer that is no JSON; none: it is."""
    is_open: bool = False
    """Whether it is answered whoever asks: nobody has to sign in, and `caller` may see nothing."""
    may_fail: tuple[int, ...] = ()
    """Statuses beside those that all calls may end with: 404 when there is no such object, 409 when there is one."""
    max_body_bytes: int = MOST_BODY_BYTES
    examples: tuple[str, ...] = ()
    """Query strings for people to try."""


AnyCall = Call[Any, Any]
"""Whatever it is asked and tells."""
