"""What is told of an HDF5 file to h5web, in the words of h5grove; which links are followed is decided here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np
from h5grove.content import DatasetContent, DatatypeContent, ExternalLinkContent, GroupContent, SoftLinkContent
from h5grove.encoders import encode, orjson_encode
from h5grove.utils import convert, get_array_stats, hdf_path_join

from beamcat.store.viewing.opened import NotHere, NotShown, Opened
from beamcat.store.viewing.slices import selection_of, values

MOST_CHILDREN = 10_000
"""Members of a group that are told."""
MOST_PATHS = 50_000
LARGEST_ATTRIBUTE = 2**20

JSON = "application/json"
Answer = tuple[dict[str, Any], bytes]


def content_of(path: str, found: Any) -> Any:
    """The object as h5grove sees it."""
    if isinstance(found, h5py.Dataset):
        return DatasetContent(path, found)
    if isinstance(found, h5py.Group):
        return GroupContent(path, found, found.file)
    if isinstance(found, h5py.Datatype):
        return DatatypeContent(path, found)
    raise NotShown("nothing is known of objects of this kind")


def meta(opened: Opened, path: str) -> Answer:
    """What an object is, and its members."""
    found = opened.find(path)
    content = content_of(path, found)
    told = dict(content.metadata(0))
    if isinstance(found, h5py.Group):
        told["children"] = [_member(opened, found, path, name) for name in _names(found)]
    return _json(told)


def attributes(opened: Opened, path: str, keys: Sequence[str] | None) -> Answer:
    """The values of the attributes; of those that are very long, None."""
    found = opened.find(path)
    names = [name for name in keys or found.attrs if name in found.attrs]
    return _json({name: attribute(found, name) for name in names})


def attribute(found: Any, name: str) -> Any:
    """The value of an attribute, None for one that is very long."""
    if found.attrs.get_id(name).get_storage_size() > LARGEST_ATTRIBUTE:
        return None
    try:
        return found.attrs[name]
    except (OSError, TypeError, ValueError):
        return None


def data(opened: Opened, question: dict[str, Any], most: int) -> Answer:
    """Values of a dataset, in a form such as `json`, `bin`, `npy` and `tiff`."""
    dataset = _dataset(opened, question["path"])
    form = question.get("format") or "json"
    if form not in {"json", "bin", "npy", "csv", "tiff"}:
        raise ValueError(f"there is no form {form[:20]!r}")
    selection = selection_of(dataset, question.get("selection"))
    found = convert(values(opened, dataset, selection, most), question.get("dtype") or "origin")
    if question.get("flatten") and isinstance(found, np.ndarray):
        found = np.ravel(found)
    if form == "json":
        return _json(found)
    answer = encode(found, form)
    headers = {name.lower(): value for name, value in answer.headers.items()}
    told = {"type": headers["content-type"]}
    if "content-disposition" in headers:
        told["disposition"] = headers["content-disposition"]
    if len(answer.content) > 8 * most:
        raise ValueError("the values are more than can be sent at once")
    return told, answer.content


def stats(opened: Opened, path: str, selection: str | None, most: int) -> Answer:
    """Least, most and mean of the values that are finite."""
    dataset = _dataset(opened, path)
    if not np.issubdtype(dataset.dtype, np.number):
        raise ValueError("there are statistics of numbers only")
    found = np.asarray(values(opened, dataset, selection_of(dataset, selection), most))
    if np.issubdtype(found.dtype, np.floating):
        found = found[np.isfinite(found)]
    return _json(get_array_stats(found))


def paths(opened: Opened, path: str) -> Answer:
    """The paths of all objects below a group, in this file."""
    found = opened.find(path)
    if not isinstance(found, h5py.Group):
        raise ValueError("that is no group")
    names = [path]

    def note(name: str) -> bool | None:
        names.append(hdf_path_join(path, name))
        return True if len(names) >= MOST_PATHS else None

    found.visit_links(note)
    return _json(names)


def _names(group: h5py.Group) -> list[str]:
    names = []
    for name in group:
        names.append(name)
        if len(names) >= MOST_CHILDREN:
            break
    return names


def _member(opened: Opened, group: h5py.Group, path: str, name: str) -> dict[str, Any]:
    """What a member is; of links that lead to nothing that is shown, where they lead."""
    below = hdf_path_join(path, name)
    link = group.get(name, getlink=True)
    try:
        at, file = opened.where(group)
        return dict(content_of(below, opened.follow(at, file, group, name)).metadata(0))
    except (NotHere, NotShown):
        if isinstance(link, h5py.ExternalLink):
            return dict(ExternalLinkContent(below, link).metadata())
        if isinstance(link, h5py.SoftLink):
            return dict(SoftLinkContent(below, link).metadata())
        return {"name": name, "kind": "other"}


def _dataset(opened: Opened, path: str) -> h5py.Dataset:
    found = opened.find(path)
    if not isinstance(found, h5py.Dataset):
        raise ValueError("that is no dataset")
    return found


def _json(content: Any) -> Answer:
    return {"type": JSON}, orjson_encode(content, _told)


def _told(value: Any) -> Any:
    """What JSON has no words for."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, complex):
        return [value.real, value.imag]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, h5py.Empty):
        return None
    return str(value)
