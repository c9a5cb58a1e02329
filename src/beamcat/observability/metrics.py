"""Numbers for Prometheus. With several worker processes they are kept in shared files and summed when they are read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_LATEST
DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder of the shared files. It has to be set before this module is imported."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
_LIVE_FILE = re.compile(r"gauge_live\w*_(\d+)\.db")


class Metrics:
    """What is counted about the server."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        labels = ("door", "operation")
        self._requests = Counter("beamcat_requests", "Requests answered", (*labels, "status"), registry=registry)
        self._seconds = Histogram(
            "beamcat_request_seconds", "Time to answer a request", labels, registry=registry, buckets=_SECONDS
        )
        self._in_progress = Gauge(
            "beamcat_requests_in_progress", "Requests being answered", registry=registry, multiprocess_mode="livesum"
        )
        self._slow = Counter("beamcat_slow_queries", "Questions above logging.slow_query_ms", registry=registry)
        self._pool = Gauge(
            "beamcat_database_connections",
            "Connections to the database by state: open, idle, waiting (requests that wait for one)",
            ("state",),
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._calls_dropped = Counter(
            "beamcat_calls_dropped", "Calls that are missing in the log of calls", registry=registry
        )
        self._deliveries = Counter(
            "beamcat_deliveries",
            "Downloads by what became of them: started, completed, restarted (the client came back)",
            ("event",),
            registry=registry,
        )
        self._delivered_bytes = Counter(
            "beamcat_delivered_bytes", "Bytes of downloads that clients have taken, repeats too", registry=registry
        )
        self._stalled = Gauge(
            "beamcat_deliveries_stalled",
            "Downloads that are not complete and of which no byte has gone out for an hour",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._refused = Counter(
            "beamcat_refused",
            "Refused clients by reason: requests, responses, bytes, restores, blocked",
            ("reason",),
            registry=registry,
        )
        self._search_documents = Counter(
            "beamcat_search_documents",
            "Documents of search after changes, by entity and what was done: written, removed, refused",
            ("entity", "done"),
            registry=registry,
        )
        self._search_waits = Gauge(
            "beamcat_search_waits",
            "1 while the index of search cannot be written and changes wait",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._search_is_of_later_state = Gauge(
            "beamcat_search_of_later_state",
            "1 while the index of search is of a later state of the catalogue, which was restored since",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._by_operation: dict[tuple[str, str], Histogram] = {}
        self._by_status: dict[tuple[str, str, int], Counter] = {}

    def started(self) -> None:
        """A request has arrived."""
        self._in_progress.inc()

    def answered(self, door: str, operation: str, status: int, seconds: float) -> None:
        """A request has been answered."""
        self._in_progress.dec()
        histogram = self._by_operation.get((door, operation))
        if histogram is None:
            histogram = self._by_operation[door, operation] = self._seconds.labels(door, operation)
        histogram.observe(seconds)
        counter = self._by_status.get((door, operation, status))
        if counter is None:
            counter = self._by_status[door, operation, status] = self._requests.labels(door, operation, status)
        counter.inc()

    def slow_query(self) -> None:
        """A question was slow."""
        self._slow.inc()

    def refused(self, reason: str) -> None:
        """A client was refused."""
        self._refused.labels(reason).inc()

    def calls_dropped(self, calls: int) -> None:
        """Calls could not be written down."""
        self._calls_dropped.inc(calls)

    def delivered(self, started: int, completed: int, restarted: int, size: int) -> None:
        """So many downloads were started, completed and taken up again, and so many bytes taken."""
        for event, number in (("started", started), ("completed", completed), ("restarted", restarted)):
            self._deliveries.labels(event).inc(number)
        self._delivered_bytes.inc(size)

    def stalled_deliveries(self, number: int) -> None:
        """So many downloads seem to have been given up."""
        self._stalled.set(number)

    def search_documents(self, entity: str, done: str, number: int) -> None:
        """So many documents were written to the index of search, removed from it, or refused by it."""
        self._search_documents.labels(entity, done).inc(number)

    def search_waits(self, waits: bool) -> None:
        """Whether the index of search cannot be written."""
        self._search_waits.set(waits)

    def search_is_of_later_state(self, is_so: bool) -> None:
        """Whether the index of search knows of changes that the catalogue has never seen."""
        self._search_is_of_later_state.set(is_so)

    def pool(self, states: Mapping[str, int]) -> None:
        """How the connections of this worker are at the moment."""
        for state, number in states.items():
            self._pool.labels(state).set(number)

    def page(
        self,
        sessions: Iterable[tuple[str, int, int]],
        readers: Iterable[tuple[str, int, float]] = (),
        inbox: tuple[int, float] | None = None,
    ) -> bytes:
        """Everything in Prometheus' text form, summed over the workers.

        The rest is the same whoever is asked. `sessions`: authenticator, live sessions, expired ones not yet removed.
        `readers` of events: name, positions behind, age in seconds of the oldest unread row. `inbox`: events without a
        position, and the age of the oldest; None when not known.
        """
        directory = os.environ.get(DIRECTORY_VARIABLE)
        registry = self._registry
        if directory:
            forget_the_dead(Path(directory))
            registry = CollectorRegistry()
            MultiProcessCollector(registry, path=directory)  # type: ignore[no-untyped-call]
        shared = CollectorRegistry()
        shared.register(_Sessions(sessions))
        shared.register(_Events(readers, inbox))
        return generate_latest(registry) + generate_latest(shared)


class _Sessions(Collector):
    def __init__(self, sessions: Iterable[tuple[str, int, int]]) -> None:
        self._sessions = tuple(sessions)

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily("beamcat_sessions", "Sessions stored", labels=("authenticator", "state"))
        for authenticator, live, expired in self._sessions:
            family.add_metric((authenticator, "live"), live)
            family.add_metric((authenticator, "expired"), expired)
        yield family


class _Events(Collector):
    def __init__(self, readers: Iterable[tuple[str, int, float]], inbox: tuple[int, float] | None) -> None:
        self._readers = tuple(readers)
        self._inbox = inbox

    def collect(self) -> Iterable[Metric]:
        behind = GaugeMetricFamily("beamcat_event_reader_lag", "Positions a reader is behind", labels=("reader",))
        seconds = GaugeMetricFamily(
            "beamcat_event_reader_lag_seconds", "Age of what a reader has to read next", labels=("reader",)
        )
        for name, positions, age_s in self._readers:
            behind.add_metric((name,), positions)
            seconds.add_metric((name,), age_s)
        yield from (behind, seconds)
        if self._inbox is not None:
            rows, age_s = self._inbox
            yield GaugeMetricFamily("beamcat_event_inbox_rows", "Events without a position", rows)
            yield GaugeMetricFamily("beamcat_event_inbox_age_seconds", "Age of the oldest of them", age_s)


def forget_the_dead(directory: Path, is_alive: Callable[[int], bool] | None = None) -> None:
    """Take the gauges of workers that are no more out of the sums."""
    alive = is_alive or _is_alive
    for process in set(_processes(directory)):
        if not alive(process):
            mark_process_dead(process, str(directory))  # type: ignore[no-untyped-call]


def prepare_directory(directory: Path) -> None:
    """An empty folder for the shared files, before the first worker starts."""
    directory.mkdir(parents=True, exist_ok=True)
    for file in directory.glob("*.db"):
        file.unlink()


def _processes(directory: Path) -> Iterator[int]:
    for file in directory.glob("gauge_live*.db"):
        if found := _LIVE_FILE.fullmatch(file.name):
            yield int(found[1])


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
