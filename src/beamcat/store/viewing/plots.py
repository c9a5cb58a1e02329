"""What to show of an HDF5 file first: the plot its NXdata groups ask for (NeXus manual, "Find the plottable data")."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from beamcat.store.viewing.opened import NotHere, NotShown, Opened
from beamcat.store.viewing.slices import TooMuch, values

Array = NDArray[Any]

POINTS = 600
"""Bins of a curve: of each the lowest and the highest value are drawn."""
SIDE = 640
"""Pixels of a side of a picture, at most."""
LOOKED_AT = 400
"""Objects that are looked at for something to plot."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What a dimension is called, its unit, and its values where there are any."""

    label: str
    values: Array | None = None


@dataclass(frozen=True, slots=True)
class Plot:
    """A curve, or a picture `(rows, columns)` of one of `frames`. `path` is that of the signal."""

    path: str
    label: str
    signal: Array
    x: Axis
    y: Axis
    frame: int = 0
    frames: int = 1

    @property
    def is_curve(self) -> bool:
        """Whether it is a curve."""
        return self.signal.ndim == 1


def default_path(opened: Opened) -> str | None:
    """Where the file says that there is something to plot; else the first thing that looks like it; else None."""
    path, found = "", opened.main["/"]
    for _ in range(8):
        if text_of(found.attrs.get("NX_class")) == "NXdata":
            return path or "/"
        name = text_of(found.attrs.get("default"))
        if not name:
            break
        path = f"{path}/{name}"
        try:
            found = opened.find(path)
        except (NotHere, NotShown):
            break
        if isinstance(found, h5py.Dataset):
            return path
        if not isinstance(found, h5py.Group):
            break
    return _first(opened, "NXdata") or _largest(opened)


def plot_of(opened: Opened, path: str, frame: int, most: int) -> Plot | None:
    """The plot of an NXdata group, or of a dataset of numbers; None when nothing can be plotted."""
    found = opened.find(path)
    if isinstance(found, h5py.Group):
        name = _signal_of(found)
        if name is None:
            return None
        try:
            signal = opened.find(f"{path}/{name}")
        except (NotHere, NotShown):
            return None
        return _plot(opened, signal, f"{path.rstrip('/')}/{name}", _Around(found, path), frame=frame, most=most)
    if isinstance(found, h5py.Dataset):
        return _plot(opened, found, path, _Around(None, path), frame=frame, most=most)
    return None


def text_of(value: Any) -> str:
    """An attribute as text; empty for what is none."""
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def labelled(dataset: h5py.Dataset, name: str) -> str:
    """`two_theta, degree`."""
    called = text_of(dataset.attrs.get("long_name")) or name
    units = text_of(dataset.attrs.get("units"))
    return f"{called}, {units}" if units and units not in called else called


@dataclass(frozen=True, slots=True)
class _Around:
    """The NXdata group of a signal and its path; no group for a dataset by itself."""

    group: h5py.Group | None
    path: str


def _plot(opened: Opened, signal: Any, path: str, around: _Around, *, frame: int, most: int) -> Plot | None:
    if not isinstance(signal, h5py.Dataset) or not is_plottable(signal):
        return None
    shape = signal.shape
    flat = signal.ndim == 1 or text_of(signal.attrs.get("interpretation")) == "spectrum"
    shown = 1 if flat or shape[-2] == 1 else 2
    leading = shape[: signal.ndim - shown]
    frames = int(np.prod(leading, dtype=np.int64)) if leading else 1
    frame = min(max(frame, 0), frames - 1)
    where = np.unravel_index(frame, leading) if leading else ()
    chosen = (*map(int, where), *[slice(0, length, 1) for length in shape[-shown:]])
    try:
        found = np.asarray(values(opened, signal, chosen, most))
    except TooMuch:
        steps = [max(1, -(-length // SIDE)) for length in shape[-shown:]]
        cut = [slice(0, length, step) for length, step in zip(shape[-shown:], steps, strict=True)]
        found = np.asarray(values(opened, signal, (*map(int, where), *cut), most))
    found = found.astype(np.float64)
    names = _axes(around.group, signal) if around.group is not None else []
    if len(names) != signal.ndim:
        names = ["."] * signal.ndim
    axes = [
        _axis(opened, around, names[-1 - back], found.shape[-1 - back]) if back < shown else Axis("")
        for back in range(2)
    ]
    label = labelled(signal, path.rpartition("/")[2])
    vertical = axes[1] if shown == 2 else Axis(label)
    return Plot(path, label, found, axes[0], vertical, frame, frames)


def is_plottable(dataset: h5py.Dataset) -> bool:
    """Whether it holds more than one number."""
    return (
        dataset.shape is not None
        and dataset.ndim > 0
        and dataset.dtype.kind in "iufb"
        and (dataset.shape[-1] > 1 or (dataset.ndim > 1 and dataset.shape[-2] > 1))
        and dataset.size > 1
    )


def _signal_of(group: h5py.Group) -> str | None:
    """The name of the signal; in files of before 2014 the member with an attribute `signal`."""
    name = text_of(group.attrs.get("signal"))
    if name:
        return name
    for member in list(group)[:LOOKED_AT]:
        link = group.get(member, getlink=True)
        if isinstance(link, h5py.HardLink):
            found = group[member]
            if isinstance(found, h5py.Dataset) and str(found.attrs.get("signal", "")) in {"1", "b'1'"}:
                return str(member)
    return None


def _axes(group: h5py.Group, signal: h5py.Dataset) -> list[str]:
    told = group.attrs.get("axes", signal.attrs.get("axes"))
    if told is None:
        return []
    if isinstance(told, str | bytes):
        text = text_of(told).strip("[]")
        return [part.strip() for part in text.replace(",", ":").split(":")]
    return [text_of(name) for name in np.asarray(told).ravel()]


def _axis(opened: Opened, around: _Around, name: str, length: int) -> Axis:
    """The axis of a dimension of the signal; a plain one where nothing is said."""
    if name in {"", "."} or around.group is None:
        return Axis("")
    try:
        found = opened.find(f"{around.path}/{name}")
        if not isinstance(found, h5py.Dataset) or found.ndim != 1 or found.dtype.kind not in "iuf":
            return Axis(name)
        label = labelled(found, name)
        if found.shape[0] not in {length, length + 1}:
            return Axis(label)
        told = np.asarray(values(opened, found, (slice(0, length, 1),), 2**28), dtype=np.float64)
    except (NotHere, NotShown, TooMuch):
        return Axis(name)
    return Axis(label, told if np.isfinite(told).all() else None)


def _first(opened: Opened, nx_class: str) -> str | None:
    """The first group of a class, the outer ones first."""
    for path, found in _walk(opened):
        if isinstance(found, h5py.Group) and text_of(found.attrs.get("NX_class")) == nx_class and _signal_of(found):
            return path
    return None


def _largest(opened: Opened) -> str | None:
    found: list[tuple[int, str]] = [
        (dataset.size, path)
        for path, dataset in _walk(opened)
        if isinstance(dataset, h5py.Dataset) and is_plottable(dataset)
    ]
    return max(found)[1] if found else None


def _walk(opened: Opened) -> list[tuple[str, Any]]:
    """Objects of the file that no link has to be followed for, the outer ones first."""
    found: list[tuple[str, Any]] = []
    waiting = deque([("", opened.main["/"])])
    while waiting and len(found) < LOOKED_AT:
        path, group = waiting.popleft()
        for name in list(group)[:LOOKED_AT]:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            member = group[name]
            found.append((f"{path}/{name}", member))
            if isinstance(member, h5py.Group):
                waiting.append((f"{path}/{name}", member))
    return found[:LOOKED_AT]


def thinned(x: Array | None, y: Array) -> tuple[Array, Array]:
    """A curve with so few points that it can be drawn, its peaks kept."""
    where = np.arange(len(y), dtype=np.float64) if x is None else x
    if len(y) <= 2 * POINTS:
        return where, y
    edges = np.linspace(0, len(y), POINTS + 1).astype(int)
    chosen: list[int] = []
    for first, stop in pairwise(edges):
        part = y[first:stop]
        if stop <= first or not np.isfinite(part).any():
            continue
        chosen += sorted({first + int(np.nanargmin(part)), first + int(np.nanargmax(part))})
    return where[chosen], y[chosen]
