"""Small NeXus files with believable numbers in them, written with h5py.

Stacks are `(frames, rows, columns), uint16`. The layouts follow the application definitions NXtomo, NXxas and NXsas
where one fits, and plain NXentry with NXdata elsewhere. Every file has its `default` path to something to plot.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from beamcat.demo.datasets import DemoDataset, DemoFile
from beamcat.demo.objects import instant
from beamcat.demo.patterns import absorption_spectrum, powder_map, projections, rings, spots, volume
from beamcat.demo.recipes import HC, Content
from beamcat.demo.vocabulary import FACILITY

Array = NDArray[Any]

_FRAMES, _SIDE = 3, 64


def write_nexus(path: Path, dataset: DemoDataset, file: DemoFile, rng: np.random.Generator) -> None:
    """Write the file of `dataset` that `file` describes to `path`."""
    with h5py.File(path, "w") as root:
        root.attrs.update(NX_class="NXroot", default="entry", file_name=file.name, creator="Meridian Light Source")
        entry = _group(root, "entry", "NXentry", default="data")
        entry["title"] = dataset.description
        if file.content not in (Content.FRAMES, Content.VOLUME):  # the first file of a dataset tells the rest
            _describe(entry, dataset, file)
        match file.content:
            case Content.TOMOGRAPHY:
                _tomography(entry, dataset, rng)
            case Content.ABSORPTION:
                _absorption(entry, dataset, rng)
            case Content.SCATTERING:
                _scattering(entry, dataset, rng)
            case Content.PATTERNS:
                _patterns(entry, rng)
            case Content.VOLUME:
                _plot(entry, "data", volume(rng, 16, _SIDE), ("z", "y", "x"))
            case Content.FRAMES:
                _plot(entry, "data", _stack(dataset, rng, _FRAMES, _SIDE), ("frame", "y", "x"))
            case _:
                _overview(entry, dataset, rng)


def _describe(entry: h5py.Group, dataset: DemoDataset, file: DemoFile) -> None:
    """What an entry tells: times, instrument, source, sample."""
    visit = dataset.visit
    entry["start_time"] = instant(dataset.first)
    entry["end_time"] = instant(dataset.last)
    entry["experiment_identifier"] = visit.visit_id
    entry["collection_identifier"] = dataset.name
    instrument = _group(entry, "instrument", "NXinstrument")
    instrument["name"] = visit.instrument.full_name
    source = _group(instrument, "source", "NXsource")
    source["name"] = FACILITY
    source["type"] = "Synchrotron X-ray Source"
    source["probe"] = "x-ray"
    energy = dataset.values.get("energy")
    if isinstance(energy, float):
        monochromator = _group(instrument, "monochromator", "NXmonochromator")
        _value(monochromator, "wavelength", HC / energy, "angstrom")
        _value(monochromator, "wavelength_spread", 2e-4)
        if file.content is not Content.ABSORPTION:
            _value(monochromator, "energy", energy, "keV")
    sample = _group(entry, "sample", "NXsample")
    sample["name"] = "standard" if dataset.sample is None else dataset.sample.name
    if dataset.sample is not None:
        sample["chemical_formula"] = dataset.sample.material.formula


def _overview(entry: h5py.Group, dataset: DemoDataset, rng: np.random.Generator) -> None:
    """One large frame of an area detector, as the file that is opened first."""
    side = 3 * _SIDE
    detector = _detector(entry, dataset)
    detector.create_dataset("data", data=_stack(dataset, rng, 1, side), compression="gzip", shuffle=True)
    data = _group(entry, "data", "NXdata", signal="data", axes=["frame", "y", "x"])
    _link(data, "data", detector["data"])
    data["frame"] = np.arange(1)
    for name in ("y", "x"):
        _value(data, name, np.arange(side) * 0.172, "mm")


def _stack(dataset: DemoDataset, rng: np.random.Generator, count: int, side: int) -> Array:
    """Frames with the spots of a crystal, or with the rings of a powder or a standard."""
    crystal = dataset.visit.instrument.name == "ML02" and dataset.kind != "calibration"
    return np.stack([(spots if crystal else rings)(rng, side) for _ in range(count)])


def _tomography(entry: h5py.Group, dataset: DemoDataset, rng: np.random.Generator) -> None:
    """NXtomo: two flat fields, two dark fields, then projections over half a turn."""
    entry["definition"] = "NXtomo"
    angles = np.linspace(0.0, 180.0, 24, endpoint=False)
    bright = projections(rng, angles, _SIDE)
    flat = rng.poisson(9000, (2, _SIDE, _SIDE)).astype(np.uint16)
    dark = rng.poisson(90, (2, _SIDE, _SIDE)).astype(np.uint16)
    keys = np.array([1, 1, 2, 2, *np.zeros(len(angles), int)], dtype=np.int32)
    detector = _detector(entry, dataset)
    detector.create_dataset("data", data=np.concatenate([flat, dark, bright]), compression="gzip", shuffle=True)
    detector["image_key"] = keys
    sample = entry["sample"]
    _value(sample, "rotation_angle", np.concatenate([np.zeros(4), angles]), "degree")
    for direction in "xyz":
        _value(sample, f"{direction}_translation", np.zeros(len(keys)), "mm")
    control = _group(entry, "control", "NXmonitor")
    _value(control, "data", 1e12 * (1 - 1e-5 * np.arange(len(keys))), "counts")
    data = _group(entry, "data", "NXdata", signal="data", axes=["rotation_angle", ".", "."])
    _link(data, "data", detector["data"])
    _link(data, "image_key", detector["image_key"])
    _link(data, "rotation_angle", sample["rotation_angle"])


def _absorption(entry: h5py.Group, dataset: DemoDataset, rng: np.random.Generator) -> None:
    """NXxas: fluorescence around the edge of the dataset."""
    entry["definition"] = "NXxas"
    edge = dataset.values["energy"]
    assert isinstance(edge, float)
    energy, intensity, fluorescence = absorption_spectrum(rng, 1000 * edge, 420)
    instrument = entry["instrument"]
    monochromator = instrument["monochromator"]
    _value(monochromator, "energy", energy, "eV")
    incoming = _group(instrument, "incoming_beam", "NXdetector")
    absorbed = _group(instrument, "absorbed_beam", "NXdetector")
    incoming["data"], absorbed["data"] = intensity, fluorescence
    monitor = _group(entry, "monitor", "NXmonitor")
    monitor["mode"], monitor["data"] = "timer", intensity
    _value(monitor, "preset", 1.0, "s")
    data = _group(entry, "data", "NXdata", signal="absorbed_beam", axes=["energy"])
    _link(data, "energy", monochromator["energy"])
    _link(data, "absorbed_beam", absorbed["data"])
    data["mode"] = "Fluorescence Yield"


def _scattering(entry: h5py.Group, dataset: DemoDataset, rng: np.random.Generator) -> None:
    """NXsas: one pattern of particles in solution."""
    entry["definition"] = "NXsas"
    instrument = entry["instrument"]
    shape = _group(
        _group(_group(instrument, "collimator", "NXcollimator"), "geometry", "NXgeometry"), "shape", "NXshape"
    )
    shape["shape"] = "nxbox"
    _value(shape, "size", np.array([0.3, 0.3, 1.0]), "mm")
    detector = _detector(entry, dataset)
    image = rings(rng, 2 * _SIDE, width=0.5)
    detector.create_dataset("data", data=image, compression="gzip", shuffle=True)
    control = _group(entry, "control", "NXmonitor")
    control["mode"] = "timer"
    _value(control, "preset", 1.0, "s")
    _value(control, "integral", float(image.sum()), "counts")
    data = _group(entry, "data", "NXdata", signal="data", axes=["y", "x"])
    _link(data, "data", detector["data"])
    for name in ("y", "x"):
        _value(data, name, (np.arange(2 * _SIDE) - _SIDE) * 0.172, "mm")


def _patterns(entry: h5py.Group, rng: np.random.Generator) -> None:
    angle, intensity = powder_map(rng, 24, 600)
    _plot(entry, "data", intensity, ("pattern", "two_theta"))
    _value(entry["data"], "two_theta", angle, "degree")


def _detector(entry: h5py.Group, dataset: DemoDataset) -> h5py.Group:
    detector = _group(entry["instrument"], "detector", "NXdetector")
    distance = dataset.values.get("detector_distance", 1000.0)
    _value(detector, "distance", distance, "mm")
    for direction in "xy":
        _value(detector, f"{direction}_pixel_size", 0.172, "mm")
    return detector


def _plot(entry: h5py.Group, name: str, values: Array, axes: tuple[str, ...]) -> None:
    data = _group(entry, name, "NXdata", signal="data", axes=list(axes))
    data.create_dataset("data", data=values, compression="gzip", shuffle=True)


def _group(parent: h5py.Group, name: str, nx_class: str, **attributes: Any) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs.update(NX_class=nx_class, **attributes)
    return group


def _value(group: h5py.Group, name: str, value: Any, units: str | None = None) -> None:
    group[name] = value
    if units is not None:
        group[name].attrs["units"] = units


def _link(group: h5py.Group, name: str, source: h5py.Dataset) -> None:
    """A NeXus link: a hard link to a field that says where it is at home."""
    source.attrs["target"] = source.name
    group[name] = source
