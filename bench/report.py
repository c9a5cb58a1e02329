"""One line per measurement: `name: value unit (peer: value, ratio: value)`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from time import perf_counter


def timings(work: Callable[[], object], *, rounds: int, warm_up: int = 5) -> list[float]:
    """Milliseconds each of `rounds` calls took, sorted."""
    for _ in range(warm_up):
        work()
    taken = []
    for _ in range(rounds):
        started = perf_counter()
        work()
        taken.append((perf_counter() - started) * 1000)
    return sorted(taken)


def percentile(sorted_values: Sequence[float], percent: float) -> float:
    """The smallest value that `percent` of the values do not exceed."""
    return sorted_values[max(0, math.ceil(len(sorted_values) * percent / 100) - 1)]


def line(name: str, value: float, unit: str, peer: str, peer_value: float, *, note: str = "") -> None:
    """Print one measurement. The ratio is value to peer for times, and peer to value for rates: above 1 is dearer."""
    dearer = value / peer_value if unit == "ms" else peer_value / value
    print(
        f"{name}: {value:.3g} {unit} (peer: {peer_value:.3g} {unit} {peer}, ratio: {dearer:.2f}){note and f' {note}'}",
        flush=True,
    )


def compare(name: str, ours: Sequence[float], peer: str, theirs: Sequence[float]) -> None:
    """Two lines, p50 and p99, from sorted milliseconds."""
    for percent in (50, 99):
        line(f"{name} p{percent}", percentile(ours, percent), "ms", peer, percentile(theirs, percent))
