"""More like this: objects that have to do with one, and why.

Candidates are what the engine finds alike in words, what has something in common (`shared`), and what is close in
meaning, where `search.meaning` is enabled. How much they have to do with it follows from the reasons alone, and these
from what the caller may read; a candidate for which no reason can be told is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from typing import TYPE_CHECKING

from beamcat.access.caller import Caller, Scope
from beamcat.access.rulebooks import Rulebooks
from beamcat.config import Settings
from beamcat.database.pool import Database
from beamcat.errors import NoSuchObject, TimedOut, Unavailable
from beamcat.observability.logs import logger
from beamcat.search.engine import Engine
from beamcat.search.language.free_words import LIGHT
from beamcat.search.rights import Allowed
from beamcat.search.shared import WAYS, Shared, Things, Way
from beamcat.search.tokens import words

if TYPE_CHECKING:
    from beamcat.search.meanings.opening import OpenMeanings

CANDIDATES = 60
"""Objects that each opinion may name."""
MORE = 10
"""So many times as many, where the engine cannot say exactly what the caller may read."""
MOST_NAMES = 3
"""Things that a reason names."""
MOST_WORDS = 4
"""Words that a reason names."""

_WEIGHTS = {
    "sample": (0.8, 0.2),
    "keyword": (0.3, 0.1),
    "person": (0.3, 0.15),
    "investigation": (0.3, 0.0),
    "technique": (0.2, 0.1),
    "instrument": (0.1, 0.0),
}
"""What one thing in common counts, and each further one, beside 1 for the same words, or the same meaning."""
_MOST_COUNTED = 4
_PLURALS = {"person": "people"}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is told.

    `kind` is `words`, `meaning`, or what is the same: `sample`, `keyword`, `person`, `investigation`, `technique`,
    `instrument`. `names` are the words or things, for `meaning` the closest sentence; all of it the caller may read.
    `more`: things not named.
    """

    kind: str
    names: tuple[str, ...] = ()
    more: int = 0
    closeness: float | None = None
    """For `meaning`: 1 is the same."""

    @property
    def text(self) -> str:
        """As people read it."""
        names = ", ".join(self.names) + (f" and {self.more} more" if self.more else "")
        match self.kind:
            case "words":
                return f"shares the words {names}"
            case "meaning":
                return f"close in meaning: {names}" if names else "close in meaning"
            case kind:
                several = len(self.names) + self.more > 1
                return f"same {_PLURALS.get(kind, f'{kind}s') if several else kind} {names}"


@dataclass(frozen=True, slots=True)
class Related:
    """An object that has to do with another one, and why; `score` is for ordering alone."""

    id: int
    score: float
    reasons: tuple[Reason, ...]


@dataclass(slots=True)
class _Opinions:
    """What is said of each candidate."""

    scores: Counter[int] = field(default_factory=Counter)
    reasons: dict[int, list[Reason]] = field(default_factory=dict)

    def add(self, id_: int, score: float, reason: Reason) -> None:
        self.scores[id_] += score  # type: ignore[assignment] # a Counter adds up floats as well
        self.reasons.setdefault(id_, []).append(reason)


def open_meanings(settings: Settings, database: Database, rulebooks: Rulebooks) -> OpenMeanings | None:
    """Search by meaning; none, and nothing of it imported, unless the settings enable it.

    Raises `CannotUseModel` when the model of the settings is not there.
    """
    if not settings.search.meaning.enabled:
        return None
    from beamcat.search.meanings.opening import OpenMeanings

    return OpenMeanings(settings, database, rulebooks)


class Relating:
    """Says what has to do with an object."""

    def __init__(
        self, database: Database, rulebooks: Rulebooks, engine: Engine, meanings: OpenMeanings | None = None
    ) -> None:
        self._database, self._rulebooks, self._engine, self._meanings = database, rulebooks, engine, meanings

    async def related(self, caller: Caller, entity: str, id_: int, allowed: Allowed, most: int = 10) -> list[Related]:
        """What has most to do with an object, without itself. `allowed` is what `SearchRights` says of the entity.

        Raises `NoSuchObject` if the caller may not read it, or there is none.
        """
        caller.require(Scope.READ)
        rights = (await self._rulebooks.current()).rights(caller)
        async with self._database.connection() as connection:
            asked = Shared(connection, caller, rights, entity)
            if id_ not in await asked.texts([id_]):
                raise NoSuchObject(f"{entity}[id:{id_}] not found.")
            things = {way: (await asked.things(way, [id_])).get(id_, {}) for way in WAYS.get(entity, ())}
            having = [
                other for way, has in things.items() for other in (await asked.others_with(way, has))[:CANDIDATES]
            ]
        wanted = CANDIDATES if allowed.exact else CANDIDATES * MORE
        alike = await self._engine.similar(entity, id_, allowed.predicate, wanted)
        opinions = _Opinions()
        await self._by_meaning(caller, entity, id_, opinions)
        candidates = {*alike, *having, *opinions.scores} - {id_}
        async with self._database.connection() as connection:
            asked = Shared(connection, caller, rights, entity)
            texts = await asked.texts([id_, *candidates])
            if id_ not in texts:
                raise NoSuchObject(f"{entity}[id:{id_}] not found.")
            there = sorted(candidates & texts.keys())
            for way, has in things.items():
                _add_things(opinions, way, has, await asked.things(way, there) if has else {})
        _add_words(opinions, id_, there, texts)
        ordered = sorted((other for other in opinions.scores if other in there), key=lambda o: (-opinions.scores[o], o))
        return [
            Related(other, round(opinions.scores[other], 3), tuple(opinions.reasons[other])) for other in ordered[:most]
        ]

    async def _by_meaning(self, caller: Caller, entity: str, id_: int, opinions: _Opinions) -> None:
        """What is close in meaning. Where that cannot be told at the moment, the others have their say without it."""
        from_meaning = self._meanings
        if from_meaning is None or not from_meaning.reads(entity):
            return
        try:
            nearest = await from_meaning.similar(caller, entity, id_, CANDIDATES)
        except (Unavailable, TimedOut) as error:
            logger().info("related objects are told without meaning", error=error.message)
            return
        for near in nearest.found:
            opinions.add(near.id, near.closeness, Reason("meaning", (near.text,), closeness=near.closeness))


def _add_things(opinions: _Opinions, way: Way, has: Things, others: Mapping[int, Things]) -> None:
    first, further = _WEIGHTS[way.kind]
    for other, of_other in others.items():
        if same := sorted(has[key] for key in has.keys() & of_other.keys()):
            score = first + further * (min(len(same), _MOST_COUNTED) - 1)
            reason = Reason(way.kind, tuple(same[:MOST_NAMES]), max(0, len(same) - MOST_NAMES))
            opinions.add(other, score, reason)


def _add_words(opinions: _Opinions, id_: int, others: Sequence[int], texts: Mapping[int, str]) -> None:
    """How much of their words texts share, the rarest of them first; rare is what few of these texts have.

    The engine has named most of the others, but its opinion of how alike they are is not told: it knows words of
    samples and people, too, which the caller may not know.
    """
    told = {each: _telling(text) for each, text in texts.items()}
    having = Counter(word for each in told.values() for word in each)
    weights = {word: log((len(told) + 1) / number) for word, number in having.items()}

    def weight(some: frozenset[str]) -> float:
        return sum(weights[word] for word in some)

    for other in others:
        if same := told[id_] & told[other]:
            score = weight(same) / max(1e-9, weight(told[id_]) * weight(told[other])) ** 0.5
            rarest = sorted(same, key=lambda word: (having[word], -len(word), word))
            opinions.add(other, score, Reason("words", tuple(rarest[:MOST_WORDS])))


def _telling(text: str) -> frozenset[str]:
    """The words of a text that say what it is about."""
    return frozenset(word for word in words(text) if len(word) > 1 and not word.isdigit()) - LIGHT
