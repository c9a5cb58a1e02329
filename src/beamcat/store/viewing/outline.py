"""A file as a page without scripts shows it: the members on the way to one object, what that is, and its plot."""

from __future__ import annotations

import base64
from typing import Any

import h5py
import numpy as np

from beamcat.store.viewing.contents import attribute
from beamcat.store.viewing.drawing import coloured, encoded
from beamcat.store.viewing.opened import NotHere, NotShown, Opened
from beamcat.store.viewing.plots import Plot, default_path, plot_of, text_of, thinned
from beamcat.store.viewing.slices import TooMuch, selection_of, values

MEMBERS = 400
"""Members of a group that a page shows."""
LONGEST = 2000
"""Characters of a value."""
SHOWN_VALUES = 12
ATTRIBUTES = 100


def outline(opened: Opened, path: str | None, frame: int, most: int) -> dict[str, Any]:
    """What the page of a file shows; without a path, the plot the file itself asks for. Raises `NotHere`."""
    plotted = path
    if path is None:
        path = plotted = default_path(opened)
    path = "/" + "/".join(part for part in (path or "").split("/") if part)
    found = opened.find(path)
    told: dict[str, Any] = {
        "path": path,
        "tree": _branch(opened, "/", path),
        "selected": _described(opened, path, found),
    }
    problem = None
    try:
        plot = None if plotted is None else plot_of(opened, path, frame, most)
        if plot is None and isinstance(found, h5py.Group) and text_of(found.attrs.get("default")):
            plot = plot_of(opened, f"{path}/{text_of(found.attrs['default'])}", frame, most)
        told["plot"] = None if plot is None else _drawn(plot)
    except NotHere:
        told["plot"] = None
    except (NotShown, TooMuch) as error:
        told["plot"], problem = None, str(error)
    told["problem"] = problem
    return told


def _drawn(plot: Plot) -> dict[str, Any]:
    told = {
        "path": plot.path,
        "label": plot.label,
        "x": plot.x.label,
        "y": plot.y.label,
        "frame": plot.frame,
        "frames": plot.frames,
        "shape": list(plot.signal.shape),
    }
    if plot.is_curve:
        x, y = thinned(plot.x.values, plot.signal)
        keep = np.isfinite(x) & np.isfinite(y)
        return {**told, "kind": "curve", "points": [x[keep].tolist(), y[keep].tolist()]}
    picture, scale = coloured(plot.signal)
    rows, columns = plot.signal.shape
    ends = [_ends(plot.x.values, columns), _ends(plot.y.values, rows)]
    content = base64.b64encode(encoded(picture)).decode("ascii")
    return {**told, "kind": "picture", "png": content, "size": list(picture.size), "ends": ends, **scale}


def _ends(told: Any, length: int) -> list[float]:
    return [0.0, float(length - 1)] if told is None or not len(told) else [float(told[0]), float(told[-1])]


def _branch(opened: Opened, path: str, towards: str) -> list[dict[str, Any]]:
    """The members of a group, and those of the one on the way to what is shown."""
    group = opened.find(path)
    if not isinstance(group, h5py.Group):
        return []
    members: list[dict[str, Any]] = []
    at, file = opened.where(group)
    on_the_way = towards == path or towards.startswith(path.rstrip("/") + "/")
    next_one = towards[len(path.rstrip("/")) + 1 :].partition("/")[0] if on_the_way else ""
    for number, name in enumerate(group):
        if number >= MEMBERS and name != next_one:
            continue
        below = f"{path.rstrip('/')}/{name}"
        link = group.get(name, getlink=True)
        member: dict[str, Any] = {"name": name, "path": below, "link": not isinstance(link, h5py.HardLink)}
        try:
            found = opened.follow(at, file, group, name)
        except (NotHere, NotShown) as error:
            members.append({**member, "kind": "broken", "why": str(error)})
            continue
        member |= _briefly(found)
        if name == next_one and member["kind"] == "group":
            member["members"] = _branch(opened, below, towards)
        members.append(member)
    left = len(group) - len(members)
    return [*members, {"kind": "more", "count": left}] if left > 0 else members


def _briefly(found: Any) -> dict[str, Any]:
    if isinstance(found, h5py.Group):
        return {"kind": "group", "class": text_of(found.attrs.get("NX_class")), "count": len(found)}
    if isinstance(found, h5py.Dataset):
        units = text_of(found.attrs.get("units"))
        return {"kind": "dataset", "shape": _shape(found), "type": type_of(found.dtype), "units": units}
    return {"kind": "other"}


def _described(opened: Opened, path: str, found: Any) -> dict[str, Any]:
    told = _briefly(found)
    names = list(found.attrs)[:ATTRIBUTES]
    told["attributes"] = [[name, _text(attribute(found, name))] for name in names]
    told["name"] = path.rpartition("/")[2]
    if isinstance(found, h5py.Dataset):
        told["chunks"] = None if found.chunks is None else list(found.chunks)
        told["compression"] = found.compression
        told["value"] = _value(opened, found)
    return told


def _value(opened: Opened, dataset: h5py.Dataset) -> str | None:
    """A scalar, or the first values of a row."""
    if dataset.shape is None or 0 in dataset.shape:
        return None
    chosen = ",".join(["0"] * (dataset.ndim - 1) + [f"0:{SHOWN_VALUES}"]) if dataset.ndim else None
    try:
        found = values(opened, dataset, selection_of(dataset, chosen), 2**24)
    except (NotShown, TooMuch, OSError, ValueError):
        return None
    text = _text(found)
    return f"{text} …" if dataset.size > SHOWN_VALUES else text


def _shape(dataset: h5py.Dataset) -> list[int] | None:
    return None if dataset.shape is None else [int(length) for length in dataset.shape]


def type_of(dtype: np.dtype[Any]) -> str:
    """`uint16`, `text`, `table`."""
    if dtype.kind in "OSU":
        return "text" if h5py.check_string_dtype(dtype) or dtype.kind in "SU" else "list"
    return "table" if dtype.fields else str(dtype.name)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        text = value.decode("utf-8", "replace")
    elif isinstance(value, np.ndarray):
        text = ", ".join(_text(each) for each in value.ravel()[:SHOWN_VALUES])
        text += " …" if value.size > SHOWN_VALUES else ""
    elif isinstance(value, np.floating | float):
        text = f"{float(value):.8g}"
    elif value is None or isinstance(value, h5py.Empty):
        text = ""
    else:
        text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
