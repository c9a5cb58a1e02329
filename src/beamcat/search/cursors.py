"""Where a page ended, as text that clients hand back as it is.

It holds, for each entity, the sort value and id of the last hit that was told, and a digest of what was asked: a cursor
of another search is refused. It says nothing that the page did not say, and gives no rights.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from beamcat.errors import BadParameter
from beamcat.search.question import SortValue
from beamcat.search.wanted import Wanted

After = tuple[SortValue, int]
"""Sort value and id."""

_LONGEST = 20_000
_LONGEST_ID = 1 << 63


@dataclass(frozen=True, slots=True)
class Cursor:
    """`after` has only entities of which hits were told. `some_words`: the text was asked once more."""

    after: Mapping[str, After]
    some_words: bool = False


def written(cursor: Cursor, wanted: Wanted) -> str:
    """The cursor as text."""
    told = [_digest(wanted), cursor.some_words, {entity: list(after) for entity, after in cursor.after.items()}]
    return base64.urlsafe_b64encode(orjson.dumps(told)).decode().rstrip("=")


def read(wanted: Wanted) -> Cursor | None:
    """The cursor in `wanted.after`; none: the first page. Raises `BadParameter` for one of another search."""
    if wanted.after is None:
        return None
    problem = BadParameter("after is not from a page of this search: ask for its first page again")
    if len(wanted.after) > _LONGEST:
        raise problem
    try:
        text = wanted.after.encode("ascii")
        told = orjson.loads(base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True))
        digest, some_words, after = told
        read_ = {str(entity): checked(value, id_) for entity, (value, id_) in after.items()}
    except (ValueError, TypeError, AttributeError, binascii.Error) as error:
        raise problem from error
    if digest != _digest(wanted) or not isinstance(some_words, bool):
        raise problem
    return Cursor(read_, some_words)


def checked(value: object, id_: object) -> After:
    """A sort value, or a list of several, and an id that somebody handed in. Raises `ValueError` for anything else."""
    values = tuple(value) if isinstance(value, list) else (value,)
    if any(isinstance(one, bool) or not isinstance(one, float | int | str | None) for one in values):
        raise ValueError("no sort value")
    if isinstance(id_, bool) or not isinstance(id_, int) or not -_LONGEST_ID <= id_ < _LONGEST_ID:
        raise ValueError("no id")
    return values if isinstance(value, list) else values[0], id_


def _digest(wanted: Wanted) -> str:
    """Of what decides which hits come in which order."""
    same = dataclasses.replace(wanted, after=None, limit=0, facets=(), highlight=False, source=None)
    return hashlib.blake2b(repr(same).encode(), digest_size=9).hexdigest()
