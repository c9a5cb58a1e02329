"""What tantivy raises, as errors of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from beamcat.errors import BadParameter, InternalError, Unavailable

T = TypeVar("T")

_TOO_MANY = "exceeded max expansions"
_PANIC = "PanicException"


def told(work: Callable[[], T]) -> T:
    """The result of some work with tantivy. A panic of its own, which is no `Exception`, becomes one."""
    try:
        return work()
    except ValueError as error:
        if _TOO_MANY in str(error):
            raise BadParameter("this pattern fits too much; say more of it") from error
        raise InternalError(f"the index of search refused this: {error}") from error
    except OSError as error:
        raise Unavailable(f"the index of search cannot be used: {error.strerror}") from error
    except BaseException as error:
        if type(error).__name__ == _PANIC:
            raise InternalError(f"the index of search failed: {error}") from error
        raise
