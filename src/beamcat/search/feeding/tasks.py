"""What is still to be done, a piece at a time.

Most changes touch a few documents, and are done at once. The title of an investigation is in a hundred thousand
datasets: such a task is gone on with beside what comes later, so that nobody waits for it. The position that is
remembered stays before it until it is done, so that it begins again when the process dies.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

from beamcat.database.pool import Connection
from beamcat.events.event import Event
from beamcat.search.feeding.walks import Follows, Ranges, Walk

SOURCES_AT_ONCE = 5_000
"""Objects that a walk begins with in one statement."""


class Task:
    """A walk from some objects. `before` is the last position up to which it can be forgotten."""

    def __init__(self, walk: Walk, sources: Ranges, before: int) -> None:
        self.walk, self.sources, self.before = walk, tuple(sources), before
        self.again_before: int | None = None
        """The position of the same, if it was wanted once more after it had begun."""
        self._left = _each(self.sources)
        self._piece: list[int] = []
        self._after = 0

    @property
    def key(self) -> object:
        """What tasks have in common that do the same."""
        return self.walk, self.sources

    async def advance(self, connection: Connection, most: int) -> tuple[list[int], bool]:
        """Ids of the next documents, `most` at most, and whether there may be more."""
        if self.walk.text is None:
            ids = list(islice(self._left, most))
            return ids, len(ids) == most
        if not self._piece:
            self._piece, self._after = list(islice(self._left, SOURCES_AT_ONCE)), -1
        cursor = await connection.execute(self.walk.text.encode(), [self._piece, self._after, most])
        ids = [row[0] for row in await cursor.fetchall()]
        if len(ids) == most:
            self._after = ids[-1]
            return ids, True
        was_full = len(self._piece) == SOURCES_AT_ONCE
        self._piece = []
        return ids, was_full

    def restarted(self) -> Task | None:
        """The task for what was wanted once more; none if that was not."""
        return None if self.again_before is None else Task(self.walk, self.sources, self.again_before)


class Waiting:
    """Tasks that take longer, in turn."""

    def __init__(self) -> None:
        self._tasks: deque[Task] = deque()
        self._by_key: dict[object, Task] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, task: Task) -> bool:
        """Whether the same is under way."""
        return task.key in self._by_key

    def take(self) -> Task:
        """The next one. It has to be given back, or ended."""
        return self._tasks[0]

    def give_back(self) -> None:
        """There is more to do of the one that was taken: after the others."""
        self._tasks.rotate(-1)

    def end(self) -> None:
        """The one that was taken is done; if the same was wanted meanwhile, it is begun anew."""
        task = self._tasks.popleft()
        del self._by_key[task.key]
        if (again := task.restarted()) is not None:
            self.add(again)

    def add(self, task: Task) -> None:
        """One more. What is under way already is done once more when it is through, however often it was wanted."""
        same = self._by_key.get(task.key)
        if same is None:
            self._tasks.append(task)
            self._by_key[task.key] = task
        elif same.again_before is None:
            same.again_before = task.before

    def before(self) -> int | None:
        """The last position up to which nothing of this is forgotten; none: there is nothing."""
        return min((task.before for task in self._tasks), default=None)


def tasks_of(events: Iterable[Event], follows: Follows, before: int) -> list[Task]:
    """What has to be done after some events: a task for each walk, and one for each event of very many objects."""
    gathered: dict[Walk, set[int]] = {}
    large: list[Task] = []
    for event in events:
        for follow in follows.get(event.entity, ()):
            ranges = follow.sources(event)
            if sum(last - first + 1 for first, last in ranges) > SOURCES_AT_ONCE:
                large.append(Task(follow.walk, ranges, before))
            elif ranges:
                gathered.setdefault(follow.walk, set()).update(_each(ranges))
    return [*(Task(walk, _runs(ids), before) for walk, ids in gathered.items()), *large]


def _each(ranges: Ranges) -> Iterator[int]:
    for first, last in ranges:
        yield from range(first, last + 1)


def _runs(ids: Iterable[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for number in sorted(ids):
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
