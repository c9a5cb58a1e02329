"""The values of a dataset, or some of them: as many as may be asked for at once, and of virtual datasets too."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from h5grove.utils import parse_slice

from beamcat.store.viewing.opened import NotShown, Opened

Selection = tuple[Any, ...]


class TooMuch(Exception):
    """More is asked for than one answer may have."""


def selection_of(dataset: h5py.Dataset, text: str | None) -> Selection:
    """The slices of a text such as `0,:,10:20`, one for each dimension. Raises `ValueError`."""
    shape = dataset.shape or ()
    if not text:
        return tuple(slice(0, length, 1) for length in shape)
    try:
        given = parse_slice(text)
    except TypeError as error:
        raise ValueError(str(error)) from error
    if len(given) > len(shape):
        raise ValueError(f"{text[:100]} has more parts than the dataset has dimensions")
    selection: list[Any] = []
    for part, length in zip((*given, *[slice(None)] * (len(shape) - len(given))), shape, strict=True):
        if isinstance(part, int):
            if not -length <= part < length:
                raise ValueError(f"{part} is beyond the {length} values there are")
            selection.append(part % length)
        else:
            if part.step is not None and part.step < 1:
                raise ValueError("steps go forwards")
            selection.append(slice(*part.indices(length)))
    return tuple(selection)


def values(opened: Opened, dataset: h5py.Dataset, selection: Selection, most: int) -> Any:
    """The selected values. Raises `TooMuch`, and `NotShown` for data that lie outside of the dataset's files."""
    count = 1
    for part in selection:
        count *= 1 if isinstance(part, int) else len(range(part.start, part.stop, part.step))
    if count * max(dataset.dtype.itemsize, 1) > most:
        raise TooMuch(f"{count} values are more than can be sent at once")
    if dataset.shape is None:
        return dataset[()]
    plist = dataset.id.get_create_plist()
    if plist.get_external_count():
        raise NotShown("its values lie in another file, outside of HDF5")
    if plist.get_layout() == h5py.h5d.VIRTUAL:
        return _virtual(opened, dataset, selection)
    return dataset[selection] if selection else dataset[()]


def _virtual(opened: Opened, dataset: h5py.Dataset, selection: Selection) -> Any:
    """Put together of its sources, whose files are opened as those of links are.

    HDF5 would open them by itself, and give the fill value in place of what it cannot open.
    """
    wanted = [slice(part, part + 1, 1) if isinstance(part, int) else part for part in selection]
    shape = [len(range(part.start, part.stop, part.step)) for part in wanted]
    result = np.full(shape, dataset.fillvalue, dtype=dataset.dtype)
    at, file = opened.where(dataset)
    for source in dataset.virtual_sources():
        low, high = source.vspace.get_select_bounds()
        from_low, from_high = source.src_space.get_select_bounds() if _is_selected(source.src_space) else (None, None)
        cut = [_overlap(part, first, last) for part, first, last in zip(wanted, low, high, strict=True)]
        if any(each is None for each in cut):
            continue
        if "%" in source.file_name.replace("%%", ""):
            raise NotShown("its sources are named by a pattern")
        if not _is_box(source.vspace, low, high):
            raise NotShown("its sources are interleaved")
        if source.file_name == ".":
            there = opened.follow(at, file, file["/"], source.dset_name)
        else:
            other = opened.other(at, source.file_name)
            there = opened.follow(*other, other[1]["/"], source.dset_name)
        if from_low is None:
            from_low, from_high = (0,) * there.ndim, tuple(length - 1 for length in there.shape)
        take, place = _aligned(cut, low, high, from_low, from_high)
        part = values(opened, there, take, 2**62)
        result[place] = np.asarray(part).reshape(result[place].shape)
    kept = tuple(0 if isinstance(part, int) else slice(None) for part in selection)
    return result[kept]


def _is_selected(space: Any) -> bool:
    return bool(space.get_select_type() != h5py.h5s.SEL_ALL)


def _is_box(space: Any, low: Any, high: Any) -> bool:
    box = 1
    for first, last in zip(low, high, strict=True):
        box *= last - first + 1
    return bool(space.get_select_npoints() == box)


def _overlap(part: slice, low: int, high: int) -> tuple[range, int] | None:
    """What a slice has between two bounds, both included, and the first place of it in the slice."""
    first = part.start if part.start >= low else part.start + -(-(low - part.start) // part.step) * part.step
    found = range(first, min(part.stop, high + 1), part.step)
    return (found, (first - part.start) // part.step) if found else None


def _aligned(cut: Any, low: Any, high: Any, from_low: Any, from_high: Any) -> tuple[Selection, Selection]:
    """What to take of the source, and where it goes. A source may lack dimensions of length 1, or have some more."""
    place = tuple(slice(first, first + len(found)) for found, first in cut)
    long = [axis for axis in range(len(low)) if high[axis] > low[axis]]
    from_long = [axis for axis in range(len(from_low)) if from_high[axis] > from_low[axis]]
    lengths = [high[axis] - low[axis] for axis in long]
    if lengths != [from_high[axis] - from_low[axis] for axis in from_long]:
        raise NotShown("its sources have another shape")
    take: list[Any] = [slice(first, first + 1, 1) for first in from_low]
    for axis, from_axis in zip(long, from_long, strict=True):
        found, shift = cut[axis][0], from_low[from_axis] - low[axis]
        take[from_axis] = slice(found.start + shift, found.stop + shift, found.step)
    return tuple(take), place
